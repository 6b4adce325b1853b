//! The routers of all paths, as a tree that grows from this host: what paths share is probed and counted once.
//!
//! A node is a place on paths: the same answers at all TTLs before it, and one at its own. Paths whose hops up to a TTL show the same
//! addresses are members of one node there, so what one of them measures is credited to all. Each member takes its turn to send
//! the probe, so each sees by and by whether it still belongs there.
//!
//! What is unknown at a TTL, because nobody was asked or nobody answers, is a node without an address, one for all paths with the same way so
//! far. As long as all who know agree on one router, who does not know yet is presumed to go there, too. What such a path loses counts
//! once it is known where: the losses wait with the path, and go with it to the node that answers it.

use std::collections::VecDeque;
use std::net::IpAddr;

use super::tally::Tally;
use super::who::Who;
use crate::units::Mono;

/// The index of a node.
pub(super) type NodeId = usize;

/// The index of a path.
pub(super) type PathIndex = usize;

/// A place on paths.
#[derive(Debug)]
pub(super) struct Node {
    /// Changes when the index is given to another node.
    pub(super) generation: u32,
    pub(super) ttl: u8,
    pub(super) parent: NodeId,
    pub(super) who: Option<Who>,
    /// Whether it is of one path only: a target, or the end of a way.
    pub(super) is_private: bool,
    /// Who takes the next turn is first.
    pub(super) members: VecDeque<PathIndex>,
    pub(super) tally: Tally,
    /// Where in the interval its turn is, as a fraction.
    pub(super) phase: f64,
    /// Whether its next turn is in the queue.
    pub(super) has_turn: bool,
    /// When that is.
    pub(super) turn_at: Mono,
    pub(super) mtu: Option<u32>,
    /// Who lost a probe here before anybody answered, and its round.
    losses: Vec<(PathIndex, u64)>,
    /// Routers behind it that paths share.
    children: Vec<NodeId>,
    /// The place of all paths that don't know yet what is behind it.
    unknown: Option<NodeId>,
    is_free: bool,
}

impl Node {
    /// Counts what a path lost, and remembers whose it was while it is not known who is here.
    pub(super) fn lose(&mut self, path: PathIndex, round: u64) {
        self.tally.lose(round);
        if self.who.is_none() && self.losses.len() < MAX_LOSSES {
            self.losses.push((path, round));
        }
    }

    /// Gives back the losses of other paths, where there are any, which may have met a silent router beside the one that answers this path.
    pub(super) fn disown(&mut self, path: PathIndex) -> Vec<(PathIndex, u64)> {
        let (own, others): (Vec<_>, Vec<_>) = self.losses.drain(..).partition(|(loser, _)| *loser == path);
        if !others.is_empty() {
            self.tally = self.tally.without_losses();
            for (_, round) in own {
                self.tally.lose(round);
            }
        }
        others
    }

    /// Gives up what a path lost here, because it turns out to have been elsewhere.
    pub(super) fn take_losses(&mut self, path: PathIndex) -> Vec<u64> {
        let (own, others): (Vec<_>, Vec<_>) = self.losses.drain(..).partition(|(loser, _)| *loser == path);
        self.losses = others;
        let rounds: Vec<u64> = own.into_iter().map(|(_, round)| round).collect();
        for &round in &rounds {
            self.tally.take_back(round);
        }
        rounds
    }
}

/// All places.
#[derive(Debug)]
pub(super) struct Tree {
    nodes: Vec<Node>,
    free: Vec<NodeId>,
}

impl Tree {
    pub(super) fn new() -> Self {
        let mut tree = Self {
            nodes: Vec::new(),
            free: Vec::new(),
        };
        for root in [ROOT_V4, ROOT_V6] {
            tree.add(root, 0, true, 0.0);
        }
        tree
    }

    /// Where the paths to an address begin.
    pub(super) const fn root(target: IpAddr) -> NodeId {
        match target {
            IpAddr::V4(_) => ROOT_V4,
            IpAddr::V6(_) => ROOT_V6,
        }
    }

    pub(super) fn node(&self, id: NodeId) -> &Node {
        &self.nodes[id]
    }

    pub(super) fn node_mut(&mut self, id: NodeId) -> &mut Node {
        &mut self.nodes[id]
    }

    /// The node if it is still what it was.
    pub(super) fn live(&mut self, id: NodeId, generation: u32) -> Option<&mut Node> {
        self.nodes.get_mut(id).filter(|node| node.generation == generation)
    }

    /// A node of its own.
    pub(super) fn add(&mut self, parent: NodeId, ttl: u8, is_private: bool, phase: f64) -> NodeId {
        let mut node = Node {
            generation: 0,
            ttl,
            parent,
            who: None,
            is_private,
            members: VecDeque::new(),
            tally: Tally::default(),
            phase,
            has_turn: false,
            turn_at: Mono::default(),
            mtu: None,
            losses: Vec::new(),
            children: Vec::new(),
            unknown: None,
            is_free: false,
        };
        let Some(id) = self.free.pop() else {
            self.nodes.push(node);
            return self.nodes.len() - 1;
        };
        node.generation = self.nodes[id].generation;
        self.nodes[id] = node;
        id
    }

    /// The shared node of a router behind another.
    pub(super) fn child(&self, parent: NodeId, address: IpAddr) -> Option<NodeId> {
        let is_it = |id: &&NodeId| self.nodes[**id].who == Some(Who::Router(address));
        self.nodes[parent].children.iter().find(is_it).copied()
    }

    /// Shared routers behind a node.
    pub(super) fn children(&self, parent: NodeId) -> &[NodeId] {
        &self.nodes[parent].children
    }

    /// The place of those who don't know what is behind a node, if there are any.
    pub(super) fn unknown(&self, parent: NodeId) -> Option<NodeId> {
        self.nodes[parent].unknown
    }

    /// Where a path goes that does not know better: to the only known router, else among the unknown, if there are any.
    pub(super) fn default_child(&self, parent: NodeId) -> Option<NodeId> {
        match self.nodes[parent].children.as_slice() {
            [only] => Some(*only),
            _ => self.nodes[parent].unknown,
        }
    }

    /// Makes a shared node known to its parent, by what it is.
    pub(super) fn enlist(&mut self, id: NodeId) {
        let Node {
            parent,
            who,
            is_private,
            ..
        } = self.nodes[id];
        match who {
            _ if is_private => {}
            None => self.nodes[parent].unknown = Some(id),
            Some(_) => self.nodes[parent].children.push(id),
        }
    }

    /// Takes a node away from its parent's knowledge.
    pub(super) fn delist(&mut self, id: NodeId) {
        let parent = self.nodes[id].parent;
        let siblings = &mut self.nodes[parent];
        siblings.children.retain(|&child| child != id);
        if siblings.unknown == Some(id) {
            siblings.unknown = None;
        }
    }

    /// Gives up a node that has no members.
    pub(super) fn release(&mut self, id: NodeId) {
        let is_used = !self.nodes[id].members.is_empty() || self.nodes[id].is_free;
        if id <= ROOT_V6 || is_used {
            return;
        }
        self.delist(id);
        let node = &mut self.nodes[id];
        node.is_free = true;
        node.generation = node.generation.wrapping_add(1);
        node.children.clear();
        node.unknown = None;
        node.who = None;
        self.free.push(id);
    }

    /// The known routers before a node, the nearest first.
    pub(super) fn known_before(&self, id: NodeId) -> impl Iterator<Item = IpAddr> {
        let parent = |at: NodeId| self.nodes[at].parent;
        std::iter::successors(Some(parent(id)), move |at| Some(parent(*at)))
            .take_while(|at| *at > ROOT_V6)
            .filter_map(|at| self.nodes[at].who.map(Who::address))
    }
}

/// More losses of one place are not told apart by path: it is silent.
const MAX_LOSSES: usize = 64;

const ROOT_V4: NodeId = 0;
const ROOT_V6: NodeId = 1;
