//! Whether a series is degraded: 3 of its last 20 probes stood out, or two in a row were not answered, or refused.
//!
//! It is good again when none of the last 20 stood out, so that a fault that flickers is one state and not many.

use super::finding::{Cause, Kind};
use crate::units::Mono;

/// The last 20 probes of one series.
#[derive(Clone, Debug, Default)]
pub(super) struct Condition {
    /// One bit per probe, the newest lowest: whether its RTT spiked.
    slow: u32,
    /// Likewise: whether it was lost or refused.
    unanswered: u32,
    previous: Option<Kind>,
    degraded: bool,
    /// The first that stood out since none of 20 did.
    since: Mono,
}

/// A change of the state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Change {
    /// It turned bad, because of this, at this moment.
    Degraded(Cause, Mono),
    /// It is good again.
    Recovered,
}

impl Condition {
    /// Judges one more probe; `kind` is how it stood out.
    pub(super) fn judge(&mut self, at: Mono, kind: Option<Kind>) -> Option<Change> {
        if self.bad() == 0 {
            self.since = at;
        }
        let bit = |set: bool| u32::from(set);
        self.slow = (self.slow << 1 | bit(kind == Some(Kind::Rtt))) & LAST_20;
        self.unanswered = (self.unanswered << 1 | bit(matches!(kind, Some(Kind::Loss | Kind::Refused)))) & LAST_20;
        let repeated = kind.filter(|_| self.previous == kind);
        self.previous = kind;
        let cause = match repeated {
            Some(Kind::Loss) => Some(Cause::Silent),
            Some(Kind::Refused) => Some(Cause::Refusing),
            _ => (self.bad().count_ones() >= FREQUENT).then_some(Cause::Frequent),
        };
        match cause {
            Some(cause) if !self.degraded => {
                self.degraded = true;
                Some(Change::Degraded(cause, self.since))
            }
            Some(_) => None,
            None => self.recover(),
        }
    }

    /// RTTs so far were no spikes but another level.
    pub(super) fn forgive_slowness(&mut self) -> Option<Change> {
        self.slow = 0;
        self.recover()
    }

    /// Whether it is degraded now.
    pub(super) const fn is_degraded(&self) -> bool {
        self.degraded
    }

    fn recover(&mut self) -> Option<Change> {
        let recovered = self.degraded && self.bad() == 0;
        self.degraded &= !recovered;
        recovered.then_some(Change::Recovered)
    }

    fn bad(&self) -> u32 {
        self.slow | self.unanswered
    }
}

const LAST_20: u32 = (1 << 20) - 1;

/// Of 20.
const FREQUENT: u32 = 3;

#[cfg(test)]
mod tests {
    use super::*;

    /// Changes with the index of their probe; `.` good, `s` slow, `l` lost, `r` refused.
    fn changes(probes: &str) -> Vec<(usize, Change)> {
        let mut condition = Condition::default();
        let kind = |c| match c {
            's' => Some(Kind::Rtt),
            'l' => Some(Kind::Loss),
            'r' => Some(Kind::Refused),
            _ => None,
        };
        probes
            .chars()
            .enumerate()
            .filter_map(|(i, c)| {
                Some((
                    i,
                    condition.judge(Mono::from_nanos(u64::try_from(i).unwrap()), kind(c))?,
                ))
            })
            .collect()
    }

    #[test]
    fn three_of_twenty_open_and_none_of_twenty_closes() {
        let calm = ".".repeat(20);
        assert_eq!(
            changes(&format!("s{}s{}s{calm}", ".".repeat(9), ".".repeat(9))),
            [],
            "the third is the 21st"
        );
        let found = changes(&format!("..s{}s{}l{calm}", ".".repeat(9), ".".repeat(8)));
        let opened = Change::Degraded(Cause::Frequent, Mono::from_nanos(2));
        assert_eq!(found, [(21, opened), (41, Change::Recovered)]);
    }

    #[test]
    fn two_consecutive_losses_or_refusals_open_but_not_one_of_each() {
        let since = Mono::from_nanos(1);
        assert_eq!(changes(".ll"), [(2, Change::Degraded(Cause::Silent, since))]);
        assert_eq!(changes(".rr"), [(2, Change::Degraded(Cause::Refusing, since))]);
        assert_eq!(changes(".lr.ss"), [(4, Change::Degraded(Cause::Frequent, since))]);
        assert_eq!(changes(".l.l"), []);
    }
}
