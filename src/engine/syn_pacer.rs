//! A ceiling on the SYNs that leave this process: a prober must not be what trips a SYN limiter or fills a backlog.

use std::time::Duration;

use crate::units::Mono;

/// A token bucket of [`BURST`] SYNs, refilled at a fixed rate.
#[derive(Clone, Copy, Debug)]
pub(super) struct SynPacer {
    /// Time between two SYNs; zero is no ceiling.
    spacing: Duration,
    /// When the bucket will be full again.
    full_at: Mono,
}

impl SynPacer {
    /// A full bucket.
    pub(super) fn new(max_rate_hz: Option<u32>) -> Self {
        let spacing = max_rate_hz.map_or(Duration::ZERO, |rate| Duration::from_secs(1) / rate.max(1));
        Self {
            spacing,
            full_at: Mono::default(),
        }
    }

    /// Takes a SYN out of the bucket unless it is empty at `now`.
    pub(super) fn try_take(&mut self, now: Mono) -> bool {
        let ready = now >= self.next_slot();
        if ready {
            self.full_at = self.full_at.max(now).after(self.spacing);
        }
        ready
    }

    /// When the next SYN may leave.
    pub(super) fn next_slot(&self) -> Mono {
        self.full_at.before(self.spacing * (BURST - 1))
    }
}

/// How many SYNs may leave at once.
const BURST: u32 = 32;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thousand_a_second_are_a_thousand_and_one_burst() {
        let mut pacer = SynPacer::new(Some(1_000));
        let start = Mono::from_nanos(5_000_000_000);
        let taken = (0..1_000_000_u64)
            .filter(|&us| pacer.try_take(start.after(Duration::from_micros(us))))
            .count();
        assert!(
            (1_000..=1_000 + BURST as usize).contains(&taken),
            "{taken} SYNs in a second"
        );
    }

    #[test]
    fn the_next_slot_is_when_a_syn_may_leave_and_no_sooner() {
        let mut pacer = SynPacer::new(Some(100));
        let mut now = Mono::from_nanos(1_000_000_000);
        while pacer.try_take(now) {}
        now = pacer.next_slot();
        assert!(!pacer.try_take(now.before(Duration::from_nanos(1))));
        assert!(pacer.try_take(now));
    }

    #[test]
    fn without_a_ceiling_every_syn_leaves_at_once() {
        let mut pacer = SynPacer::new(None);
        assert!((0..100_000).all(|_| pacer.try_take(Mono::from_nanos(7))));
    }
}
