//! What is to happen to a monitor, in order of time.
//!
//! A line about a probe is written when its outcome is known and tells of two moments: when it was sent, and when its outcome came. The queue holds
//! both until nothing earlier can come.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use crate::units::Mono;

/// Things in order of time, then of turn, then of arrival.
#[derive(Debug)]
pub(super) struct Queue<T> {
    order: BinaryHeap<Reverse<(Mono, Turn, u64, u32)>>,
    things: Vec<Option<T>>,
    free: Vec<u32>,
    pushed: u64,
}

/// A prober reads answers, then judges, then sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Turn {
    Read,
    Send,
}

impl<T> Default for Queue<T> {
    fn default() -> Self {
        Self {
            order: BinaryHeap::new(),
            things: Vec::new(),
            free: Vec::new(),
            pushed: 0,
        }
    }
}

impl<T> Queue<T> {
    pub(super) fn push(&mut self, at: Mono, turn: Turn, thing: T) {
        let place = self.free.pop().unwrap_or_else(|| {
            self.things.push(None);
            // It holds a few seconds of a log and never 2^32 things.
            u32::try_from(self.things.len() - 1).unwrap_or(u32::MAX)
        });
        if let Some(empty) = usize::try_from(place).ok().and_then(|at| self.things.get_mut(at)) {
            *empty = Some(thing);
        }
        self.order.push(Reverse((at, turn, self.pushed, place)));
        self.pushed += 1;
    }

    /// How many things wait.
    pub(super) fn len(&self) -> usize {
        self.order.len()
    }

    /// When the next is.
    pub(super) fn next_at(&self) -> Option<Mono> {
        self.order.peek().map(|Reverse((at, ..))| *at)
    }

    pub(super) fn pop(&mut self) -> Option<(Mono, Turn, T)> {
        let Reverse((at, turn, _, place)) = self.order.pop()?;
        self.free.push(place);
        let thing = usize::try_from(place)
            .ok()
            .and_then(|at| self.things.get_mut(at))?
            .take()?;
        Some((at, turn, thing))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn things_come_by_time_then_turn_then_arrival() {
        let mut queue = Queue::default();
        let at = Mono::from_nanos;
        for (time, turn, thing) in [
            (2, Turn::Send, 'd'),
            (2, Turn::Read, 'b'),
            (1, Turn::Send, 'a'),
            (2, Turn::Read, 'c'),
        ] {
            queue.push(at(time), turn, thing);
        }
        let order: String = std::iter::from_fn(|| queue.pop()).map(|(.., thing)| thing).collect();
        assert_eq!(order, "abcd");
        queue.push(at(9), Turn::Read, 'e');
        assert_eq!(queue.things.len(), 4, "places are used again");
    }
}
