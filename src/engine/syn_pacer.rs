//! A ceiling on the SYNs that leave this process: a prober must not be what trips a SYN limiter or fills a backlog.

use std::time::Duration;

use crate::units::Mono;

/// A token bucket that is refilled at a fixed rate, and holds what that brings in [`SAVED`].
#[derive(Clone, Copy, Debug)]
pub(super) struct SynPacer {
    /// Time between two SYNs; zero is no ceiling.
    spacing: Duration,
    /// How much later a bucket is full that was just emptied, and holds one SYN again.
    depth: Duration,
    /// When the bucket will be full again.
    full_at: Mono,
}

impl SynPacer {
    /// A full bucket.
    pub(super) fn new(max_rate_hz: Option<u32>) -> Self {
        let spacing = max_rate_hz.map_or(Duration::ZERO, |rate| Duration::from_secs(1) / rate.max(1));
        let depth = SAVED.max(spacing * LEAST_BURST).saturating_sub(spacing);
        Self {
            spacing,
            depth,
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
        self.full_at.before(self.depth)
    }
}

/// Who needs all that the ceiling allows makes up for a moment in which this host stood still, and is not behind for ever after. It is one
/// SYN of a series at most: slots that were missed are not made good for.
const SAVED: Duration = Duration::from_millis(100);

/// How many SYNs may leave at once under a low ceiling.
const LEAST_BURST: u32 = 32;

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
        assert!((1_099..=1_100).contains(&taken), "{taken} SYNs in a second");
    }

    #[test]
    fn a_low_ceiling_lets_as_many_leave_at_once() {
        for (rate, burst) in [(1, 32), (100, 32), (320, 32), (1_000, 100), (10_000, 1_000)] {
            let mut pacer = SynPacer::new(Some(rate));
            let now = Mono::from_nanos(100_000_000_000);
            let taken = (0..100_000).filter(|_| pacer.try_take(now)).count();
            assert_eq!(taken, burst, "at {rate} a second");
        }
    }

    #[test]
    fn who_stood_still_for_a_moment_is_not_behind_after_it() {
        let mut pacer = SynPacer::new(Some(10_000));
        let start = Mono::from_nanos(5_000_000_000);
        // One SYN is due every 100 us, and nobody looks for 90 ms.
        let (mut left, mut due) = (0, 0);
        for us in (0..500_000_u64).step_by(100) {
            due += 1;
            if !(200_000..290_000).contains(&us) {
                while left < due && pacer.try_take(start.after(Duration::from_micros(us))) {
                    left += 1;
                }
            }
        }
        assert_eq!(left, due);
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
