//! A topology with its groups spelled out: every node, every wire, and what each name in a file stands for.
//!
//! A group of backends stands for its members wherever it is named: as the end of a link, in a route, in an event. Names that
//! stand for nothing give nothing here; saying so to the user is the matter of the checks.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::{Backend, Link, Router, Topology};

/// A node, by its place in [`Expanded::nodes`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(in crate::simnet) struct NodeId(u32);

/// One direction of a wire: `2 * wire` as its ends are written, and the next number the other way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(in crate::simnet) struct PipeId(u32);

/// A topology spelled out.
#[derive(Debug)]
pub(in crate::simnet) struct Expanded<'a> {
    /// The host, then routers, then backends, in the order of the file.
    pub(in crate::simnet) nodes: Vec<Node<'a>>,
    /// Links between single nodes, in the order of the file.
    pub(in crate::simnet) wires: Vec<Wire<'a>>,
    nodes_by_name: HashMap<String, Vec<NodeId>>,
    pipes_by_name: HashMap<String, Vec<PipeId>>,
}

/// One node.
#[derive(Debug)]
pub(in crate::simnet) struct Node<'a> {
    pub(in crate::simnet) name: String,
    pub(in crate::simnet) addresses: Vec<IpAddr>,
    pub(in crate::simnet) kind: Kind<'a>,
}

/// What a node is.
#[derive(Clone, Copy, Debug)]
pub(in crate::simnet) enum Kind<'a> {
    Host,
    Router(&'a Router),
    Backend(&'a Backend),
}

/// A link between two nodes.
#[derive(Debug)]
pub(in crate::simnet) struct Wire<'a> {
    pub(in crate::simnet) link: &'a Link,
    /// The place of `link` in the file.
    pub(in crate::simnet) nth: usize,
    pub(in crate::simnet) ends: [NodeId; 2],
}

impl NodeId {
    /// The host, which every topology has, once.
    pub(in crate::simnet) const HOST: Self = Self(0);

    /// The node at `index`. Indices beyond 32 bits don't occur: the nodes would not fit into memory.
    pub(in crate::simnet) fn new(index: usize) -> Self {
        Self(u32::try_from(index).unwrap_or(u32::MAX))
    }

    pub(in crate::simnet) const fn index(self) -> usize {
        self.0 as usize
    }
}

impl PipeId {
    /// The pipe at `index`, as with [`NodeId::new`].
    pub(in crate::simnet) fn new(index: usize) -> Self {
        Self(u32::try_from(index).unwrap_or(u32::MAX))
    }

    pub(in crate::simnet) const fn index(self) -> usize {
        self.0 as usize
    }
}

impl<'a> Expanded<'a> {
    /// Spells out a topology.
    pub(in crate::simnet) fn of(topology: &'a Topology) -> Self {
        let mut expanded = Self {
            nodes: Vec::new(),
            wires: Vec::new(),
            nodes_by_name: HashMap::new(),
            pipes_by_name: HashMap::new(),
        };
        expanded.add_node("host".to_owned(), topology.host.addresses.clone(), Kind::Host);
        for router in &topology.routers {
            expanded.add_node(router.name.clone(), router.addresses.clone(), Kind::Router(router));
        }
        for backend in &topology.backends {
            expanded.add_backends(backend);
        }
        for (nth, link) in topology.links.iter().enumerate() {
            expanded.add_link(nth, link);
        }
        expanded
    }

    /// The nodes that a name stands for: one, or the members of a group.
    pub(in crate::simnet) fn nodes_named(&self, name: &str) -> &[NodeId] {
        self.nodes_by_name.get(name).map_or(&[], Vec::as_slice)
    }

    /// The pipes that a name stands for: both directions of a link, or one (`a>b`); several where an end is a group.
    pub(in crate::simnet) fn pipes_named(&self, name: &str) -> &[PipeId] {
        self.pipes_by_name.get(name).map_or(&[], Vec::as_slice)
    }

    /// `a>b`, after the nodes at its ends.
    pub(in crate::simnet) fn pipe_name(&self, pipe: PipeId) -> String {
        let [from, to] = self.pipe_ends(pipe).map(|node| self.nodes[node.index()].name.as_str());
        format!("{from}>{to}")
    }

    /// [`Self::pipe_name`], with the name of the link behind it where several links join the same two nodes: `a>b (backup)`. No two are
    /// the same.
    pub(in crate::simnet) fn unique_pipe_name(&self, pipe: PipeId) -> String {
        let name = self.pipe_name(pipe);
        match &self.wires[pipe.index() / 2].link.name {
            Some(link) if self.pipes_named(&name).len() > 1 => format!("{name} ({link})"),
            _ => name,
        }
    }

    /// Where a pipe begins and where it ends.
    pub(in crate::simnet) fn pipe_ends(&self, pipe: PipeId) -> [NodeId; 2] {
        let [a, b] = self.wires[pipe.index() / 2].ends;
        if pipe.index().is_multiple_of(2) { [a, b] } else { [b, a] }
    }

    fn add_backends(&mut self, backend: &'a Backend) {
        let Some(count) = backend.count else {
            self.add_node(backend.name.clone(), backend.addresses.clone(), Kind::Backend(backend));
            return;
        };
        for nth in 0..count {
            let name = backend.member(nth.into());
            let addresses = backend.addresses.iter().filter_map(|first| address_after(*first, nth));
            let member = self.add_node(name, addresses.collect(), Kind::Backend(backend));
            self.nodes_by_name.entry(backend.name.clone()).or_default().push(member);
        }
    }

    fn add_node(&mut self, name: String, addresses: Vec<IpAddr>, kind: Kind<'a>) -> NodeId {
        let id = NodeId::new(self.nodes.len());
        self.nodes_by_name.entry(name.clone()).or_default().push(id);
        self.nodes.push(Node { name, addresses, kind });
        id
    }

    fn add_link(&mut self, nth: usize, link: &'a Link) {
        let [firsts, seconds] = [0, 1].map(|end| self.nodes_named(&link.between[end]).to_vec());
        for first in firsts {
            for &second in &seconds {
                if first != second {
                    self.add_wire(nth, link, [first, second]);
                }
            }
        }
    }

    fn add_wire(&mut self, nth: usize, link: &'a Link, ends: [NodeId; 2]) {
        let forward = PipeId::new(2 * self.wires.len());
        let reverse = PipeId::new(2 * self.wires.len() + 1);
        self.wires.push(Wire { link, nth, ends });
        let [a, b] = &link.between;
        let [one_a, one_b] = ends.map(|end| self.nodes[end.index()].name.clone());
        for pipe in [forward, reverse] {
            if let Some(name) = &link.name {
                self.name_pipe(name.clone(), pipe);
            } else {
                self.name_pipe(format!("{a}-{b}"), pipe);
                self.name_pipe(format!("{one_a}-{one_b}"), pipe);
            }
        }
        for (from, to, pipe) in [
            (a, b, forward),
            (b, a, reverse),
            (&one_a, &one_b, forward),
            (&one_b, &one_a, reverse),
        ] {
            self.name_pipe(format!("{from}>{to}"), pipe);
        }
    }

    /// Adds a pipe to those that a name stands for, once.
    fn name_pipe(&mut self, name: String, pipe: PipeId) {
        let named = self.pipes_by_name.entry(name).or_default();
        // Pipes are named in their order, so that the same one again is among the last two.
        if !named.iter().rev().take(2).any(|known| *known == pipe) {
            named.push(pipe);
        }
    }
}

/// The `nth` address after `first`; `None` beyond the last that there is.
pub(in crate::simnet) fn address_after(first: IpAddr, nth: u16) -> Option<IpAddr> {
    match first {
        IpAddr::V4(v4) => Some(Ipv4Addr::from(u32::from(v4).checked_add(nth.into())?).into()),
        IpAddr::V6(v6) => Some(Ipv6Addr::from(u128::from(v6).checked_add(nth.into())?).into()),
    }
}

#[cfg(test)]
mod tests;
