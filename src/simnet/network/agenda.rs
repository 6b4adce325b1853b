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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(nanos: u64) -> Mono {
        Mono::from_nanos(nanos)
    }

    fn toggled(popped: Option<(Mono, What)>) -> Option<(Mono, usize)> {
        match popped {
            Some((at, What::Toggle(event))) => Some((at, event)),
            _ => None,
        }
    }

    #[test]
    fn nothing_is_taken_out_before_it_is_due() {
        let mut agenda = Agenda::default();
        assert_eq!(agenda.next_at(), None);
        agenda.add(at(10), What::Toggle(1));
        assert!(agenda.pop_due(at(9)).is_none());
        assert_eq!(agenda.next_at(), Some(at(10)));
        assert_eq!(toggled(agenda.pop_due(at(10))), Some((at(10), 1)));
        assert!(agenda.pop_due(at(u64::MAX)).is_none());
    }

    proptest! {
        #[test]
        fn entries_come_by_time_and_at_one_moment_as_they_were_written(moments in prop::collection::vec(0_u64..5, 0..60)) {
            let mut agenda = Agenda::default();
            for (nth, moment) in moments.iter().enumerate() {
                agenda.add(at(*moment), What::Toggle(nth));
            }
            // A stable sort keeps the order of equals.
            let mut expected: Vec<(Mono, usize)> = moments.iter().map(|moment| at(*moment)).zip(0..).collect();
            expected.sort_by_key(|(moment, _)| *moment);
            let found: Vec<_> = std::iter::from_fn(|| toggled(agenda.pop_due(at(5)))).collect();
            prop_assert_eq!(found, expected);
        }
    }
}
