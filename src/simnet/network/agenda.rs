//! What happens when: in order of time, and at one moment in the order in which it was written down.

use std::cmp::{Ordering, Reverse};
use std::collections::BinaryHeap;

use super::super::topology::expand::NodeId;
use super::flights::FlightId;
use crate::units::Mono;

/// All that is going to happen.
#[derive(Debug, Default)]
pub(super) struct Agenda {
    heap: BinaryHeap<Reverse<Entry>>,
    written: u64,
}

/// What happens.
#[derive(Clone, Copy, Debug)]
pub(super) enum What {
    /// A packet comes to a node.
    Arrive(FlightId, NodeId),
    /// A packet that a node made leaves it.
    Leave(FlightId, NodeId),
    /// An event begins or ends.
    Toggle(usize),
    /// A backend has something to do of its own.
    Wake(NodeId),
}

#[derive(Clone, Copy, Debug)]
struct Entry {
    at: Mono,
    nth: u64,
    what: What,
}

impl Agenda {
    pub(super) fn add(&mut self, at: Mono, what: What) {
        let nth = self.written;
        self.written += 1;
        self.heap.push(Reverse(Entry { at, nth, what }));
    }

    /// The moment of the first entry.
    pub(super) fn next_at(&self) -> Option<Mono> {
        self.heap.peek().map(|Reverse(entry)| entry.at)
    }

    /// Takes out the first entry, if it is due by `now`.
    pub(super) fn pop_due(&mut self, now: Mono) -> Option<(Mono, What)> {
        self.next_at().filter(|at| *at <= now)?;
        self.heap.pop().map(|Reverse(entry)| (entry.at, entry.what))
    }
}

impl Ord for Entry {
    fn cmp(&self, other: &Self) -> Ordering {
        (self.at, self.nth).cmp(&(other.at, other.nth))
    }
}

impl PartialOrd for Entry {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Entry {
    fn eq(&self, other: &Self) -> bool {
        self.nth == other.nth
    }
}

impl Eq for Entry {}
