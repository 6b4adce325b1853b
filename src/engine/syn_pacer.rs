//! A ceiling on the SYNs that leave this process: a prober must not be what trips a SYN limiter or fills a backlog.

use std::time::Duration;

use crate::units::Mono;

/// A token bucket that is refilled at a fixed rate, and holds what that brings in [`SAVED`].
#[derive(Clone, Copy, Debug)]
pub(super) struct SynPacer {
    /// Time between two SYNs; zero is no ceiling.
    spacing: Duration,
    /// How much later a bucket is full that holds one SYN.
    depth: Duration,
    /// When the bucket will be full again; `None` before the first SYN.
    full_at: Option<Mono>,
}

impl SynPacer {
    /// A bucket that holds [`LEAST_BURST`] SYNs.
    pub(super) fn new(max_rate_hz: Option<u32>) -> Self {
        let spacing = max_rate_hz.map_or(Duration::ZERO, |rate| Duration::from_secs(1) / rate.max(1));
        Self {
            spacing,
            depth: SAVED.max(spacing * LEAST_BURST).saturating_sub(spacing),
            full_at: None,
        }
    }

    /// Takes a SYN out of the bucket unless it is empty at `now`.
    pub(super) fn try_take(&mut self, now: Mono) -> bool {
        let ready = now >= self.next_slot();
        if ready {
            let others = self.spacing * (LEAST_BURST - 1);
            let full_at = self.full_at.unwrap_or_else(|| now.after(self.depth).before(others));
            self.full_at = Some(full_at.max(now).after(self.spacing));
        }
        ready
    }

    /// When the next SYN may leave.
    pub(super) fn next_slot(&self) -> Mono {
        self.full_at.unwrap_or_default().before(self.depth)
    }
}

/// Who needs all that the ceiling allows makes up for a time in which this host stood still, and is not behind for ever after. It is one SYN
/// of a series at most: slots that were missed are not made good for.
const SAVED: Duration = Duration::from_secs(1);

/// How many SYNs may leave at once in the beginning, and under a low ceiling.
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
        assert!((1_031..=1_032).contains(&taken), "{taken} SYNs in a second");
    }

    #[test]
    fn a_few_leave_at_once_and_after_a_pause_as_many_as_in_a_second() {
        for (rate, after_a_pause) in [(1, 32), (10, 32), (100, 100), (10_000, 10_000)] {
            let mut pacer = SynPacer::new(Some(rate));
            let start = Mono::from_nanos(100_000_000_000);
            let mut taken = |at| (0..100_000).filter(|_| pacer.try_take(at)).count();
            assert_eq!(taken(start), 32, "at {rate} a second");
            assert_eq!(
                taken(start.after(Duration::from_mins(1))),
                after_a_pause,
                "at {rate} a second"
            );
        }
    }

    #[test]
    fn who_stood_still_for_a_moment_is_not_behind_after_it() {
        let mut pacer = SynPacer::new(Some(10_000));
        let start = Mono::from_nanos(5_000_000_000);
        // One SYN is due every 100 us, and nobody looks for 900 ms.
        let (mut left, mut due) = (0, 0);
        for us in (0..3_000_000_u64).step_by(100) {
            due += 1;
            if !(200_000..1_100_000).contains(&us) {
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
