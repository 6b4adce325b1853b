//! What only the order of probes tells: runs of refusals and of losses.
//!
//! Outcomes come out of order: a lost probe is known as lost a timeout later, when its successors were answered long ago. So each waits here
//! for those before it.

use std::collections::VecDeque;

use crate::units::{Mono, ProbeSeq};

/// What came of a probe.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// A reply in time.
    Reply,
    /// Nothing in time.
    Lost,
    /// RST.
    Refused,
    /// An ICMP error.
    Error,
    /// Nothing can be said.
    Unknown,
}

/// The probes of a series in sending order.
#[derive(Clone, Debug, Default)]
pub(super) struct Order {
    waiting: VecDeque<(ProbeSeq, Mono, Option<Outcome>)>,
}

impl Order {
    /// A probe left. Where too many wait, the oldest is given up.
    pub(super) fn sent(&mut self, seq: ProbeSeq, at: Mono) {
        if self.waiting.len() == WAITING_MAX {
            self.waiting.pop_front();
        }
        self.waiting.push_back((seq, at, None));
    }

    /// What came of a probe. Of several outcomes the first counts. Says whether it was the first.
    pub(super) fn resolve(&mut self, seq: ProbeSeq, outcome: Outcome) -> bool {
        let found = self.waiting.binary_search_by_key(&seq, |(seq, ..)| *seq);
        let place = found.ok().and_then(|at| self.waiting.get_mut(at));
        match place {
            Some((.., known @ None)) => {
                *known = Some(outcome);
                true
            }
            _ => false,
        }
    }

    /// The next probe of which all before it are known.
    pub(super) fn poll(&mut self) -> Option<(Mono, Outcome)> {
        let (_, at, outcome) = *self.waiting.front()?;
        let outcome = outcome?;
        self.waiting.pop_front();
        Some((at, outcome))
    }
}

/// Runs of equal outcomes.
#[derive(Clone, Debug, Default)]
pub(super) struct Runs {
    last: Option<Outcome>,
    length: u64,
    began: Mono,
    /// Runs of refusals that are over: how many, when the first and the last was sent, when the first was that was answered otherwise.
    refusals: VecDeque<Refusals>,
}

/// A run of refusals.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Refusals {
    pub(super) count: u64,
    pub(super) began: Mono,
    pub(super) ended: Option<Mono>,
}

impl Runs {
    /// Takes the next probe.
    pub(super) fn push(&mut self, at: Mono, outcome: Outcome) {
        if outcome == Outcome::Unknown {
            return;
        }
        if self.last == Some(outcome) {
            self.length = self.length.saturating_add(1);
            return;
        }
        if let Some(refusals) = self.current() {
            if self.refusals.len() == RUNS_MAX {
                self.refusals.pop_front();
            }
            let ended = Some(at);
            self.refusals.push_back(Refusals { ended, ..refusals });
        }
        self.last = Some(outcome);
        self.length = 1;
        self.began = at;
    }

    /// How many of the newest probes in a row came to this.
    pub(super) fn in_a_row(&self, outcome: Outcome) -> u64 {
        if self.last == Some(outcome) { self.length } else { 0 }
    }

    /// The longest run of refusals that has a part between two moments.
    pub(super) fn longest_refusals(&self, from: Mono, to: Mono) -> Option<Refusals> {
        let runs = self.refusals.iter().copied().chain(self.current());
        runs.filter(|run| run.began <= to && run.ended.is_none_or(|ended| ended >= from))
            .max_by_key(|run| run.count)
    }

    fn current(&self) -> Option<Refusals> {
        (self.last == Some(Outcome::Refused)).then_some(Refusals {
            count: self.length,
            began: self.began,
            ended: None,
        })
    }
}

/// Ten seconds of timeout at 5 probes/s are 50.
const WAITING_MAX: usize = 64;

/// A service that flaps more often within ten minutes has had enough of them.
const RUNS_MAX: usize = 8;

#[cfg(test)]
mod tests {
    use super::*;

    fn at(n: u64) -> Mono {
        Mono::from_nanos(n * 1_000_000_000)
    }

    #[test]
    fn outcomes_are_handed_on_in_sending_order_and_the_first_word_counts() {
        let mut order = Order::default();
        (0..3).for_each(|n| order.sent(ProbeSeq::new(n), at(n)));
        assert!(order.resolve(ProbeSeq::new(2), Outcome::Reply));
        assert!(order.resolve(ProbeSeq::new(1), Outcome::Reply));
        assert_eq!(order.poll(), None);
        assert!(order.resolve(ProbeSeq::new(0), Outcome::Lost));
        assert!(!order.resolve(ProbeSeq::new(0), Outcome::Reply), "late");
        let all: Vec<_> = std::iter::from_fn(|| order.poll())
            .map(|(_, outcome)| outcome)
            .collect();
        assert_eq!(all, [Outcome::Lost, Outcome::Reply, Outcome::Reply]);
        assert!(!order.resolve(ProbeSeq::new(7), Outcome::Reply), "never sent");
    }

    #[test]
    fn a_flood_without_outcomes_keeps_the_newest_only() {
        let mut order = Order::default();
        (0..10_000).for_each(|n| order.sent(ProbeSeq::new(n), at(n)));
        assert_eq!(order.waiting.len(), WAITING_MAX);
        assert!(order.resolve(ProbeSeq::new(9_999), Outcome::Reply));
    }

    #[test]
    fn a_run_of_refusals_ends_with_the_first_other_outcome() {
        use Outcome::{Refused, Reply, Unknown};
        let mut runs = Runs::default();
        let outcomes = [
            Reply, Refused, Reply, Refused, Unknown, Refused, Refused, Reply, Refused,
        ];
        (0..).zip(outcomes).for_each(|(n, outcome)| runs.push(at(n), outcome));
        let longest = runs.longest_refusals(at(0), at(9)).unwrap();
        assert_eq!((longest.count, longest.began, longest.ended), (3, at(3), Some(at(7))));
        let newest = runs.longest_refusals(at(8), at(9)).unwrap();
        assert_eq!((newest.count, newest.ended), (1, None));
        assert_eq!((runs.in_a_row(Refused), runs.in_a_row(Reply)), (1, 0));
    }
}
