//! The only file that reads a clock, and the rule that tells a stepped clock from a running one.
//!
//! Kernel software stamps are `CLOCK_REALTIME`, which may be set at any moment; pacing and timeouts run on `CLOCK_MONOTONIC`, which
//! may not. Both are slewed alike by NTP, so their difference is constant until someone sets the clock or the machine is suspended.
//! [`StepGuard`] watches that difference; an RTT whose two stamps lie on either side of a step is not an RTT.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use crate::units::{Mono, Wall, nanos};

/// A source of time.
pub trait Clock {
    /// Both clocks, read together.
    fn read(&self) -> Reading;

    /// The monotonic clock alone.
    fn mono(&self) -> Mono {
        self.read().mono
    }
}

/// Both clocks at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reading {
    /// The monotonic clock, read just before `wall`.
    pub mono: Mono,
    /// The wall clock.
    pub wall: Wall,
    /// How much later the monotonic clock was after `wall` had been read: `wall` belongs to a moment in `mono..=mono + spread`.
    pub spread: Duration,
}

/// The clocks of this host.
#[derive(Clone, Debug)]
pub struct SystemClock {
    origin: Instant,
}

impl SystemClock {
    /// Clocks whose monotonic origin is a second ago, so that moments shortly before the start can be expressed.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "this is the file that reads clocks")]
    pub fn new() -> Self {
        let now = Instant::now();
        Self {
            origin: now.checked_sub(Duration::from_secs(1)).unwrap_or(now),
        }
    }
}

impl Default for SystemClock {
    fn default() -> Self {
        Self::new()
    }
}

#[expect(clippy::disallowed_methods, reason = "this is the file that reads clocks")]
impl Clock for SystemClock {
    fn read(&self) -> Reading {
        let mono = self.mono();
        // A clock set before 1970 reads as 1970: stamps are only ever subtracted from each other.
        let wall = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Reading {
            mono,
            wall: Wall::from_nanos(nanos(wall)),
            spread: self.mono().since(mono),
        }
    }

    fn mono(&self) -> Mono {
        Mono::from_nanos(nanos(Instant::now().duration_since(self.origin)))
    }
}

/// Counts the steps of the wall clock against the monotonic one.
#[derive(Clone, Debug, Default)]
pub struct StepGuard {
    anchor: Option<Reading>,
    epoch: ClockEpoch,
}

/// Number of clock steps seen so far. Stamps of different epochs are never subtracted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ClockEpoch(u32);

impl ClockEpoch {
    /// How many steps were seen before this epoch.
    #[must_use]
    pub const fn steps(self) -> u32 {
        self.0
    }
}

impl StepGuard {
    /// Takes a reading and returns the epoch that it belongs to.
    ///
    /// A step has happened when the distance between the clocks moved by more than both readings leave uncertain: the time that
    /// passed between their two halves (a preempted thread makes that long, never wrong) and `RESOLUTION`.
    pub fn observe(&mut self, reading: Reading) -> ClockEpoch {
        if let Some(anchor) = self.anchor {
            let passed = i64::try_from(nanos(reading.mono.since(anchor.mono))).unwrap_or(i64::MAX);
            // A wall clock set back by centuries is as far from the other as 64 bits can say.
            let moved = reading.wall.nanos_since(anchor.wall).saturating_sub(passed);
            let uncertain = anchor.spread.saturating_add(reading.spread).saturating_add(RESOLUTION);
            if moved.unsigned_abs() > nanos(uncertain) {
                self.epoch = ClockEpoch(self.epoch.0.wrapping_add(1));
                self.anchor = Some(reading);
                return self.epoch;
            }
        }
        // The sharpest reading stays the anchor: a step hidden by a blurred reading shows against the next sharp one.
        if self.anchor.is_none_or(|anchor| reading.spread <= anchor.spread) {
            self.anchor = Some(reading);
        }
        self.epoch
    }

    /// The epoch of the latest reading.
    #[must_use]
    pub const fn epoch(&self) -> ClockEpoch {
        self.epoch
    }
}

/// Rounding of the two clocks against each other; smaller steps change no figure that anyone reads.
const RESOLUTION: Duration = Duration::from_micros(1);

#[cfg(test)]
mod tests {
    use super::*;

    fn reading(mono_ns: u64, wall_ns: u64, spread_ns: u64) -> Reading {
        Reading {
            mono: Mono::from_nanos(mono_ns),
            wall: Wall::from_nanos(wall_ns),
            spread: Duration::from_nanos(spread_ns),
        }
    }

    #[test]
    fn clocks_that_run_together_are_one_epoch() {
        let mut guard = StepGuard::default();
        for second in 0..1_000_u64 {
            let at = second * 1_000_000_000;
            assert_eq!(
                guard
                    .observe(reading(at, 1_700_000_000_000_000_000 + at + second % 40, 40))
                    .steps(),
                0
            );
        }
    }

    #[test]
    fn an_hour_forward_and_back_are_two_steps() {
        let mut guard = StepGuard::default();
        let hour = 3_600_000_000_000;
        guard.observe(reading(0, 10 * hour, 40));
        assert_eq!(guard.observe(reading(1_000, 11 * hour + 1_000, 40)).steps(), 1);
        assert_eq!(guard.observe(reading(2_000, 10 * hour + 2_000, 40)).steps(), 2);
        assert_eq!(guard.observe(reading(3_000, 10 * hour + 3_000, 40)).steps(), 2);
    }

    #[test]
    fn a_preempted_reading_is_no_step_and_hides_none_for_long() {
        let mut guard = StepGuard::default();
        guard.observe(reading(0, 1_000_000_000, 40));
        // 5 ms between the two halves of the reading: the wall half may belong to any moment of them.
        assert_eq!(guard.observe(reading(1_000, 1_004_000_000, 5_000_000)).steps(), 0);
        // A step of 2 ms, seen by the next sharp reading.
        assert_eq!(guard.observe(reading(2_000, 1_002_002_000, 40)).steps(), 1);
    }

    #[test]
    fn a_step_of_twenty_microseconds_is_seen() {
        let mut guard = StepGuard::default();
        guard.observe(reading(0, 1_000_000_000, 40));
        assert_eq!(guard.observe(reading(1_000_000_000, 2_000_020_000, 40)).steps(), 1);
    }

    #[test]
    fn the_largest_step_that_a_clock_can_make_is_a_step() {
        let mut guard = StepGuard::default();
        // From 292 years after 1970 to 1970, the farthest that 64 bits can say, while a second passes.
        let farthest = i64::MIN.unsigned_abs();
        guard.observe(reading(0, farthest, 40));
        assert_eq!(guard.observe(reading(1_000_000_000, 0, 40)).steps(), 1);
        assert_eq!(
            guard.observe(reading(u64::MAX, 0, u64::MAX)).steps(),
            1,
            "nothing is certain any more"
        );
    }

    #[test]
    fn the_system_clock_runs_forward() {
        let clock = SystemClock::new();
        let first = clock.read();
        let second = clock.read();
        assert!(second.mono >= first.mono);
        assert!(first.wall > Wall::from_nanos(1_600_000_000_000_000_000));
    }
}
