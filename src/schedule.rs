//! Which series is due, on an absolute grid.
//!
//! Slot k of a series lies at `start + phase + k * interval`, whatever happened to the slots before it, so a slow answer or a late
//! wake-up never stretches the measurement (no coordinated omission). A scheduler that comes too late skips the slots that it missed
//! and counts them; it never sends a burst to catch up. Phases are spread by the golden ratio, which splays any number of series
//! evenly over the interval and lets series join while others run.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::Duration;

use crate::units::{Mono, SeriesId, nanos};

/// A slot whose time has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Slot {
    /// Whose slot it is.
    pub series: SeriesId,
    /// When it was due.
    pub due: Mono,
    /// How many slots of this series were skipped since its last one because the scheduler came too late.
    pub skipped: u64,
}

/// The slots to come of all series, at most one per series.
#[derive(Clone, Debug, Default)]
pub struct Schedule {
    heap: BinaryHeap<Reverse<(Mono, SeriesId)>>,
}

impl Schedule {
    /// An empty schedule.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Plans the next slot of a series.
    pub fn push(&mut self, due: Mono, series: SeriesId) {
        self.heap.push(Reverse((due, series)));
    }

    /// When the earliest slot is due.
    #[must_use]
    pub fn next_due(&self) -> Option<Mono> {
        self.heap.peek().map(|Reverse((due, _))| *due)
    }

    /// Takes the earliest slot if it is due at `now`. `interval_of` tells the pace of a series.
    ///
    /// A slot is missed when the one after it is due as well, and at intervals below `MAX_LATENESS` when it is later than that.
    pub fn poll(&mut self, now: Mono, interval_of: impl Fn(SeriesId) -> Duration) -> Option<Slot> {
        let &Reverse((due, series)) = self.heap.peek()?;
        if due > now {
            return None;
        }
        self.heap.pop();
        let interval = nanos(interval_of(series));
        let late = nanos(now.since(due));
        let patience = interval.max(nanos(MAX_LATENESS));
        let skipped = if interval == 0 || late < patience {
            0
        } else {
            (late - patience) / interval + 1
        };
        let due = Mono::from_nanos(due.as_nanos() + skipped * interval);
        Some(Slot { series, due, skipped })
    }

    /// Bytes on the heap.
    #[must_use]
    pub fn heap_bytes(&self) -> usize {
        self.heap.capacity() * size_of::<Reverse<(Mono, SeriesId)>>()
    }

    /// Forgets the slot of a series.
    pub fn remove(&mut self, series: SeriesId) {
        self.heap.retain(|Reverse((_, of))| *of != series);
    }

    /// Forgets all slots.
    pub fn clear(&mut self) {
        self.heap.clear();
    }
}

/// Where in its interval the `index`-th series sends.
#[must_use]
pub fn phase(index: SeriesId, interval: Duration) -> Duration {
    // The fractional parts of k * (sqrt(5) - 1) / 2 split the unit interval with gaps of at most three lengths, for every number
    // of points (Steinhaus' three-gap theorem). The product wraps modulo 2^64, which is the fractional part.
    let fraction = u64::from(index.get()).wrapping_mul(GOLDEN);
    let offset = (u128::from(fraction) * interval.as_nanos()) >> 64;
    Duration::from_nanos(u64::try_from(offset).unwrap_or(u64::MAX))
}

/// (sqrt(5) - 1) / 2 as a fraction of 2^64.
const GOLDEN: u64 = 0x9e37_79b9_7f4a_7c15;

/// Slots of fast series may be sent this late, several in one batch; later ones are skipped.
const MAX_LATENESS: Duration = Duration::from_millis(1);

#[cfg(test)]
mod tests {
    use super::*;

    const MS: u64 = 1_000_000;

    fn at(ms: u64) -> Mono {
        Mono::from_nanos(ms * MS)
    }

    #[test]
    fn slots_come_in_order_of_time_and_not_before() {
        let mut schedule = Schedule::new();
        schedule.push(at(7), SeriesId::new(1));
        schedule.push(at(5), SeriesId::new(2));
        let every_10_ms = |_| Duration::from_millis(10);
        assert_eq!(schedule.poll(at(4), every_10_ms), None);
        assert_eq!(schedule.next_due(), Some(at(5)));
        assert_eq!(
            schedule.poll(at(9), every_10_ms).map(|s| s.series),
            Some(SeriesId::new(2))
        );
        assert_eq!(
            schedule.poll(at(9), every_10_ms).map(|s| s.series),
            Some(SeriesId::new(1))
        );
        assert_eq!(schedule.poll(at(9), every_10_ms), None);
    }

    #[test]
    fn a_late_scheduler_skips_missed_slots_and_counts_them() {
        let mut schedule = Schedule::new();
        schedule.push(at(100), SeriesId::new(0));
        // Due at 100, 110, 120, 130; now is 135: the slot of 130 is sent, three are skipped.
        let slot = schedule.poll(at(135), |_| Duration::from_millis(10)).unwrap();
        assert_eq!((slot.due, slot.skipped), (at(130), 3));
    }

    #[test]
    fn a_slot_less_than_an_interval_late_is_kept() {
        let mut schedule = Schedule::new();
        schedule.push(at(100), SeriesId::new(0));
        let slot = schedule
            .poll(Mono::from_nanos(110 * MS - 1), |_| Duration::from_millis(10))
            .unwrap();
        assert_eq!((slot.due, slot.skipped), (at(100), 0));
    }

    #[test]
    fn fast_series_catch_up_at_most_a_millisecond() {
        let mut schedule = Schedule::new();
        schedule.push(at(0), SeriesId::new(0));
        let slot = schedule.poll(at(5), |_| Duration::from_micros(100)).unwrap();
        // Slots every 0.1 ms; at 5 ms those up to 4.0 are a millisecond late or more.
        assert_eq!((slot.due.as_nanos(), slot.skipped), (4_100_000, 41));
    }

    #[test]
    fn phases_splay_any_number_of_series_over_the_interval() {
        for count in [1_u32, 2, 3, 10, 1_000] {
            let interval = 1_000_000_000_u64;
            let mut phases: Vec<u64> = (0..count)
                .map(|i| nanos(phase(SeriesId::new(i), Duration::from_nanos(interval))))
                .collect();
            phases.sort_unstable();
            phases.push(phases[0] + interval);
            let widest = phases.windows(2).map(|pair| pair[1] - pair[0]).max().unwrap();
            // An even spread has gaps of interval / count; the golden ratio stays within 2.62 times that.
            assert!(
                widest <= interval / u64::from(count) * 27 / 10,
                "{count} series leave a gap of {widest} ns"
            );
        }
    }
}
