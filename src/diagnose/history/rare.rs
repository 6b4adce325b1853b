//! What is rare and tells much: who sent errors, with which TTL answers come, when the rarer of passing and dropping happened.

use std::collections::VecDeque;

use crate::outcome::Unreachable;
use crate::units::Mono;

/// The newest ICMP errors.
#[derive(Clone, Debug, Default)]
pub(super) struct Errors {
    newest: VecDeque<(Mono, Unreachable)>,
}

impl Errors {
    /// One more.
    pub(super) fn push(&mut self, at: Mono, error: Unreachable) {
        push(&mut self.newest, (at, error), ERRORS_MAX);
    }

    /// How many of each kind were answers to probes sent between two moments, the most frequent first.
    pub(super) fn by_kind(&self, from: Mono, to: Mono) -> Vec<(Unreachable, u64)> {
        let mut kinds: Vec<(Unreachable, u64)> = Vec::new();
        for (_, error) in self.newest.iter().filter(|(at, _)| (from..=to).contains(at)) {
            if let Some((_, count)) = kinds.iter_mut().find(|(kind, _)| kind == error) {
                *count += 1;
            } else if kinds.len() < KINDS_MAX {
                kinds.push((*error, 1));
            }
        }
        kinds.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
        kinds
    }
}

/// The value that most of many have (R. S. Boyer and J. S. Moore, "MJRTY", 1981), of the newest for the most part.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Majority {
    value: Option<u8>,
    lead: u8,
}

impl Majority {
    /// One more.
    pub(super) fn push(&mut self, value: u8) {
        if self.value == Some(value) {
            self.lead = self.lead.saturating_add(1).min(LEAD_MAX);
        } else if self.lead == 0 {
            *self = Self {
                value: Some(value),
                lead: 1,
            };
        } else {
            self.lead -= 1;
        }
    }

    pub(super) const fn value(self) -> Option<u8> {
        self.value
    }
}

/// When probes passed and were dropped. Nothing is kept of a series that loses nothing.
#[derive(Clone, Debug, Default)]
pub(super) struct Minority {
    passes: VecDeque<Mono>,
    drops: VecDeque<Mono>,
    passed: u64,
    dropped: u64,
}

impl Minority {
    /// A probe was answered.
    pub(super) fn pass(&mut self, at: Mono) {
        match self.drops.back() {
            None => {}
            Some(last) if at.since(*last).as_secs() >= QUIET_SECS => *self = Self::default(),
            Some(_) => {
                push(&mut self.passes, at, TIMES_MAX);
                self.passed += 1;
            }
        }
    }

    /// A probe was lost.
    pub(super) fn drop(&mut self, at: Mono) {
        push(&mut self.drops, at, TIMES_MAX);
        self.dropped += 1;
    }

    /// The newest of the rarer of both.
    pub(super) fn times(&self) -> Vec<Mono> {
        let rarer = if self.dropped <= self.passed {
            &self.drops
        } else {
            &self.passes
        };
        rarer.iter().copied().collect()
    }
}

fn push<T>(queue: &mut VecDeque<T>, value: T, most: usize) {
    if queue.len() == most {
        queue.pop_front();
    }
    queue.push_back(value);
}

/// Enough to see who sends them.
const ERRORS_MAX: usize = 32;
const KINDS_MAX: usize = 8;

/// After half as many answers with another TTL, that is the one.
const LEAD_MAX: u8 = 16;

/// As many gaps as tell a rhythm from chance by far.
const TIMES_MAX: usize = 64;

/// As long as verdicts look back.
const QUIET_SECS: u64 = 600;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_are_counted_by_kind_within_the_span() {
        let error = |code| Unreachable {
            from: [10, 0, 0, 1].into(),
            icmp_type: 3,
            code,
        };
        let mut errors = Errors::default();
        (0..100).for_each(|n| errors.push(Mono::from_nanos(n), error(if n % 4 == 0 { 1 } else { 13 })));
        // Of the newest 32, 68 to 99, a quarter.
        let all = errors.by_kind(Mono::default(), Mono::from_nanos(100));
        assert_eq!(all, [(error(13), 24), (error(1), 8)]);
        assert_eq!(errors.by_kind(Mono::from_nanos(100), Mono::from_nanos(200)), []);
    }

    #[test]
    fn the_majority_survives_strays_and_follows_a_change() {
        let mut majority = Majority::default();
        for ttl in [64, 64, 63, 64, 63, 64] {
            majority.push(ttl);
        }
        assert_eq!(majority.value(), Some(64));
        (0..40).for_each(|_| majority.push(61));
        assert_eq!(majority.value(), Some(61));
    }

    #[test]
    fn the_rarer_of_passes_and_drops_is_told_and_forgotten_after_ten_quiet_minutes() {
        let second = |n: u64| Mono::from_nanos(n * 1_000_000_000);
        let mut minority = Minority::default();
        minority.pass(second(0));
        assert_eq!(minority.times(), []);
        (1..30).for_each(|n| match n % 6 {
            0 => minority.pass(second(n)),
            _ => minority.drop(second(n)),
        });
        assert_eq!(minority.times(), [6, 12, 18, 24].map(second));
        minority.pass(second(700));
        assert_eq!(minority.times(), []);
    }
}
