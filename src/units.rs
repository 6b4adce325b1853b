//! Numbers with their unit in the type.
//!
//! Two clocks exist and never mix: [`Mono`] paces and times out, [`Wall`] labels and carries kernel stamps. A difference of two
//! stamps of one source is an [`Rtt`]; nothing else is.

use std::fmt;
use std::time::Duration;

/// A moment on `CLOCK_MONOTONIC`, in ns from an origin that is fixed for the life of the process (virtual time starts at 0).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Mono(u64);

impl Mono {
    /// The moment `nanos` ns after the origin.
    #[must_use]
    pub const fn from_nanos(nanos: u64) -> Self {
        Self(nanos)
    }

    /// ns since the origin.
    #[must_use]
    pub const fn as_nanos(self) -> u64 {
        self.0
    }

    /// The time since `earlier`, or zero if `earlier` is later.
    #[must_use]
    pub const fn since(self, earlier: Self) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }

    /// This moment moved forward by `by`; stays at the end of time on overflow.
    #[must_use]
    pub fn after(self, by: Duration) -> Self {
        Self(self.0.saturating_add(nanos(by)))
    }

    /// This moment moved back by `by`; stays at the origin on underflow.
    #[must_use]
    pub fn before(self, by: Duration) -> Self {
        Self(self.0.saturating_sub(nanos(by)))
    }
}

/// A moment on `CLOCK_REALTIME`, in ns since the Unix epoch. Kernel software stamps are of this clock.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Wall(u64);

impl Wall {
    /// The moment `nanos` ns after the Unix epoch.
    #[must_use]
    pub const fn from_nanos(nanos: u64) -> Self {
        Self(nanos)
    }

    /// ns since the Unix epoch.
    #[must_use]
    pub const fn as_nanos(self) -> u64 {
        self.0
    }

    /// The moment earlier by `by`, but not before the epoch.
    #[must_use]
    pub fn before(self, by: Duration) -> Self {
        Self(self.0.saturating_sub(nanos(by)))
    }

    /// `self - earlier` in ns; negative where the clock was set back between the two.
    #[must_use]
    pub const fn nanos_since(self, earlier: Self) -> i64 {
        self.0.wrapping_sub(earlier.0).cast_signed()
    }
}

/// A round-trip time in ns: the difference of two stamps of one source.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Rtt(u64);

impl Rtt {
    /// A round-trip time of `nanos` ns.
    #[must_use]
    pub const fn from_nanos(nanos: u64) -> Self {
        Self(nanos)
    }

    /// ns.
    #[must_use]
    pub const fn as_nanos(self) -> u64 {
        self.0
    }

    /// us, for people and for output fields that end in `_us`.
    #[must_use]
    pub fn as_micros(self) -> f64 {
        micros(self.0)
    }
}

impl From<Duration> for Rtt {
    fn from(duration: Duration) -> Self {
        Self(nanos(duration))
    }
}

impl fmt::Display for Rtt {
    /// ms with three digits, as `ping` prints times.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.3} ms", self.as_micros() / 1e3)
    }
}

/// The number of a probe within its series, from 0 and never wrapping in practice (64 bits).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ProbeSeq(u64);

impl ProbeSeq {
    /// The `n`-th probe of a series, from 0.
    #[must_use]
    pub const fn new(n: u64) -> Self {
        Self(n)
    }

    /// The number, from 0.
    #[must_use]
    pub const fn get(self) -> u64 {
        self.0
    }

    /// The probe after this one.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0.wrapping_add(1))
    }
}

/// Index of a series (one target, protocol, address and flow) in the tables of a run; dense from 0.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SeriesId(u32);

impl SeriesId {
    /// The series at `index`.
    #[must_use]
    pub const fn new(index: u32) -> Self {
        Self(index)
    }

    /// The raw number, as it travels in packets.
    #[must_use]
    pub const fn get(self) -> u32 {
        self.0
    }

    /// The index into a table of series.
    #[must_use]
    pub const fn index(self) -> usize {
        self.0 as usize
    }
}

/// Index of a backend: one target at one address, whatever it is probed by. Dense from 0, never used again in a run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TargetId(u32);

impl TargetId {
    /// The backend at `index`.
    #[must_use]
    pub const fn new(index: u32) -> Self {
        Self(index)
    }

    /// The index into a table of backends.
    #[must_use]
    pub const fn index(self) -> usize {
        self.0 as usize
    }
}

/// ns of a duration, saturating at 584 years.
#[must_use]
pub fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

/// us of a count of ns. Exact below 2^53 ns (104 days).
#[must_use]
#[expect(clippy::cast_precision_loss, reason = "RTTs are far below 2^53 ns")]
pub fn micros(nanos: u64) -> f64 {
    nanos as f64 / 1e3
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mono_arithmetic_saturates_at_both_ends() {
        let start = Mono::from_nanos(5);
        assert_eq!(start.before(Duration::from_nanos(9)), Mono::from_nanos(0));
        assert_eq!(
            Mono::from_nanos(u64::MAX).after(Duration::from_secs(1)),
            Mono::from_nanos(u64::MAX)
        );
        assert_eq!(start.since(Mono::from_nanos(7)), Duration::ZERO);
    }

    #[test]
    fn wall_differences_are_negative_over_a_backward_step() {
        assert_eq!(Wall::from_nanos(10).nanos_since(Wall::from_nanos(25)), -15);
    }
}
