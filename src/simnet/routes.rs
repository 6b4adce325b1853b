//! Which way packets take: shortest paths by the costs of links, several where they cost the same, and routes that a file sets.
//!
//! Paths to a destination are worked out when the first packet asks for them: Dijkstra backwards from it, over routers only,
//! since neither the host nor a backend carries packets of others. A change of cost forgets them all, and so does a table too many. A link that is merely down
//! changes nothing: nobody has noticed.
//!
//! Costs are at least 1. With a cost of 0 two routers could each be the other's next hop, both at the same distance.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};

use super::topology::expand::{NodeId, PipeId};

/// The routes of all nodes.
#[derive(Debug)]
pub(super) struct Routes {
    /// The first of all nodes: the host and the routers.
    core: usize,
    /// By pipe.
    edges: Vec<Edge>,
    /// By node: pipes that begin there.
    out: Vec<Vec<PipeId>>,
    /// By node: pipes that come from the core.
    from_core: Vec<Vec<PipeId>>,
    /// Pipes between nodes of the core.
    within_core: Vec<PipeId>,
    /// By node: makes the choices of successive routers independent.
    salts: Vec<u64>,
    /// What a file sets, by node and destination.
    fixed: HashMap<(NodeId, NodeId), Vec<PipeId>>,
    /// By destination, where anyone asked.
    tables: Vec<Option<Table>>,
    /// Rows of all tables, and the most that they may come to, one table aside.
    rows: usize,
    most_rows: usize,
}

/// How one among paths of equal cost is chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Choice {
    /// The same for all packets with this flow hash.
    Flow(u64),
    /// The next one for each packet.
    NextPacket,
}

#[derive(Clone, Copy, Debug)]
struct Edge {
    from: NodeId,
    to: NodeId,
    cost: u32,
}

/// The ways of the core to one destination.
#[derive(Debug)]
struct Table {
    /// By node of the core; [`UNREACHABLE`] where there is no way.
    distance: Vec<u64>,
    /// By node of the core.
    hops: Vec<Hops>,
    /// What `hops` points into.
    pipes: Vec<PipeId>,
}

/// The next hops of one node: `len` pipes from `first` on.
#[derive(Clone, Copy, Debug, Default)]
struct Hops {
    first: usize,
    len: usize,
    /// Whose turn it is where packets are balanced.
    turn: usize,
}

impl Routes {
    /// Routes over pipes that are given by their ends and costs, in order. Of the nodes, which are given by name, the first `core`
    /// are the host and the routers.
    pub(super) fn new(names: &[&str], core: usize, pipes: impl Iterator<Item = ([NodeId; 2], u32)>) -> Self {
        let mut routes = Self {
            core,
            edges: Vec::new(),
            out: vec![Vec::new(); names.len()],
            from_core: vec![Vec::new(); names.len()],
            within_core: Vec::new(),
            salts: names.iter().map(|name| salt(name)).collect(),
            fixed: HashMap::new(),
            tables: names.iter().map(|_| None).collect(),
            rows: 0,
            most_rows: MOST_ROWS,
        };
        for ([from, to], cost) in pipes {
            let pipe = PipeId::new(routes.edges.len());
            let cost = cost.max(1);
            routes.edges.push(Edge { from, to, cost });
            routes.out[from.index()].push(pipe);
            if from.index() < core {
                routes.from_core[to.index()].push(pipe);
                if to.index() < core {
                    routes.within_core.push(pipe);
                }
            }
        }
        routes
    }

    /// Sets the next hop of a node to a destination. Parallel links to it are paths of equal cost.
    pub(super) fn fix(&mut self, at: NodeId, to: NodeId, via: NodeId) {
        let leads_there = self.out[at.index()]
            .iter()
            .filter(|pipe| self.edges[pipe.index()].to == via);
        self.fixed.entry((at, to)).or_default().extend(leads_there);
        self.forget();
    }

    /// Gives a pipe another cost.
    pub(super) fn set_cost(&mut self, pipe: PipeId, cost: u32) {
        let known = &mut self.edges[pipe.index()].cost;
        if *known != cost.max(1) {
            *known = cost.max(1);
            self.forget();
        }
    }

    /// The pipe that a packet takes at a node. Host and backends send what they know no way for to their first neighbour, as by a
    /// default route; at routers there is none for it.
    pub(super) fn next(&mut self, at: NodeId, to: Option<NodeId>, choice: Choice) -> Option<PipeId> {
        let found = match to {
            Some(to) if to == at => None,
            Some(to) if at.index() < self.core => self.next_in_core(at, to, choice),
            Some(to) => self.next_of_backend(at, to, choice),
            None => None,
        };
        let is_router = at != NodeId::HOST && at.index() < self.core;
        found.or_else(|| {
            let default = self.out[at.index()].first().copied();
            default.filter(|_| !is_router)
        })
    }

    fn next_in_core(&mut self, at: NodeId, to: NodeId, choice: Choice) -> Option<PipeId> {
        let salt = self.salts[at.index()];
        let table = self.table(to);
        let hops = &mut table.hops[at.index()];
        let nth = match choice {
            Choice::Flow(flow) => share_of(flow, salt, hops.len),
            Choice::NextPacket => {
                hops.turn = if hops.turn + 1 < hops.len { hops.turn + 1 } else { 0 };
                hops.turn
            }
        };
        table.pipes[hops.first..hops.first + hops.len].get(nth).copied()
    }

    /// A backend has few links, so that it needs no table: most have one.
    fn next_of_backend(&mut self, at: NodeId, to: NodeId, choice: Choice) -> Option<PipeId> {
        if self.out[at.index()].len() <= 1 {
            return self.out[at.index()].first().copied();
        }
        self.table(to);
        let flow = if let Choice::Flow(flow) = choice { flow } else { 0 };
        let pick = |pipes: &[PipeId]| pipes.get(share_of(flow, self.salts[at.index()], pipes.len())).copied();
        if let Some(fixed) = self.fixed.get(&(at, to)) {
            return pick(fixed);
        }
        let far = |pipe: &PipeId| self.distance_by(*pipe, to);
        let best = self.out[at.index()].iter().map(far).min()?;
        let equal = || self.out[at.index()].iter().filter(|pipe| far(pipe) == best);
        let nth = share_of(flow, self.salts[at.index()], equal().count());
        equal().nth(nth).filter(|_| best < UNREACHABLE).copied()
    }

    /// How far it is to a destination through this pipe.
    fn distance_by(&self, pipe: PipeId, to: NodeId) -> u64 {
        let edge = self.edges[pipe.index()];
        let rest = match &self.tables[to.index()] {
            _ if edge.to == to => 0,
            Some(table) if self.is_router(edge.to) => table.distance[edge.to.index()],
            _ => UNREACHABLE,
        };
        rest.saturating_add(edge.cost.into())
    }

    fn is_router(&self, node: NodeId) -> bool {
        node != NodeId::HOST && node.index() < self.core
    }

    fn forget(&mut self) {
        self.tables.fill_with(|| None);
        self.rows = 0;
    }

    fn table(&mut self, to: NodeId) -> &mut Table {
        if self.tables[to.index()].is_none() {
            if self.rows + self.core > self.most_rows {
                self.forget();
            }
            self.rows += self.core;
            self.tables[to.index()] = Some(self.compute(to));
        }
        self.tables[to.index()].get_or_insert_with(Table::empty)
    }

    fn compute(&self, to: NodeId) -> Table {
        let distance = self.distances(to);
        let at_end = if to.index() < self.core {
            &[]
        } else {
            self.from_core[to.index()].as_slice()
        };
        let far = |node: NodeId| match node {
            _ if node == to => 0,
            _ if self.is_router(node) => distance[node.index()],
            _ => UNREACHABLE,
        };
        let is_step = |pipe: &&PipeId| {
            let Edge { from, to: next, cost } = self.edges[pipe.index()];
            let through = far(next).saturating_add(cost.into());
            from != to
                && through < UNREACHABLE
                && through == distance[from.index()]
                && !self.fixed.contains_key(&(from, to))
        };
        let shortest = self.within_core.iter().chain(at_end).filter(is_step);
        let mut steps: Vec<(NodeId, PipeId)> = shortest.map(|pipe| (self.edges[pipe.index()].from, *pipe)).collect();
        for (&(at, _), pipes) in self
            .fixed
            .iter()
            .filter(|((at, for_), _)| *for_ == to && at.index() < self.core)
        {
            steps.extend(pipes.iter().map(|pipe| (at, *pipe)));
        }
        steps.sort_unstable();
        Table::of(distance, &steps)
    }

    /// How far it is to `to` from each node of the core.
    fn distances(&self, to: NodeId) -> Vec<u64> {
        let mut distance = vec![UNREACHABLE; self.core];
        if let Some(own) = distance.get_mut(to.index()) {
            *own = 0;
        }
        let mut reached = BinaryHeap::from([Reverse((0, to))]);
        while let Some(Reverse((so_far, node))) = reached.pop() {
            let is_stale = node.index() < self.core && distance[node.index()] < so_far;
            if is_stale || (node != to && !self.is_router(node)) {
                continue;
            }
            for pipe in &self.from_core[node.index()] {
                let Edge { from, cost, .. } = self.edges[pipe.index()];
                let through = so_far.saturating_add(cost.into());
                if through < distance[from.index()] {
                    distance[from.index()] = through;
                    reached.push(Reverse((through, from)));
                }
            }
        }
        distance
    }
}

impl Table {
    const fn empty() -> Self {
        Self {
            distance: Vec::new(),
            hops: Vec::new(),
            pipes: Vec::new(),
        }
    }

    /// The table of these steps, which are in the order of their nodes.
    fn of(distance: Vec<u64>, steps: &[(NodeId, PipeId)]) -> Self {
        let mut hops = vec![Hops::default(); distance.len()];
        for (place, (node, _)) in steps.iter().enumerate() {
            let of_node = &mut hops[node.index()];
            if of_node.len == 0 {
                of_node.first = place;
            }
            of_node.len += 1;
        }
        let pipes = steps.iter().map(|(_, pipe)| *pipe).collect();
        Self { distance, hops, pipes }
    }
}

/// Which of `len` a flow gets: each an equal share of all hashes.
fn share_of(flow: u64, salt: u64, len: usize) -> usize {
    let len = u128::try_from(len).unwrap_or_default();
    usize::try_from((u128::from(mixed(flow ^ salt)) * len) >> 64).unwrap_or_default()
}

/// FNV-1a, mixed: names that differ in one letter give salts that differ in half their bits.
fn salt(name: &str) -> u64 {
    let fnv = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
    mixed(name.bytes().fold(0xcbf2_9ce4_8422_2325, fnv))
}

/// The finalizer of `SplitMix64`.
const fn mixed(n: u64) -> u64 {
    let n = (n ^ (n >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let n = (n ^ (n >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    n ^ (n >> 31)
}

/// 10,000 destinations in a network of 400 routers, in about 130 MB. Beyond, tables are worked out again.
const MOST_ROWS: usize = 4_000_000;

/// No sum of costs comes near: 2^32 links of the highest cost.
const UNREACHABLE: u64 = u64::MAX;

#[cfg(test)]
mod tests;
