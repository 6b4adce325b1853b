//! How paths are swept.

use std::time::Duration;

/// How paths are swept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SweepOptions {
    /// The TTL that a sweep begins with, from 1.
    pub first_ttl: u8,
    /// The largest TTL.
    pub max_ttl: u8,
    /// How often each hop is probed; `None` is without end.
    pub cycles: Option<u64>,
    /// Time between two probes of a hop, where its budget allows it.
    pub interval: Duration,
    /// How long an answer may take.
    pub timeout: Duration,
    /// How gentle to be to routers.
    pub budget: Budget,
    /// A path that answers nothing at so many hops in a row is not followed further.
    pub max_silent: u8,
}

impl SweepOptions {
    /// The same with what makes no sense moved to the nearest that does.
    pub(super) fn valid(mut self) -> Self {
        self.first_ttl = self.first_ttl.max(1);
        self.max_ttl = self.max_ttl.max(self.first_ttl);
        self.interval = self.interval.max(MIN_INTERVAL);
        self.timeout = self.timeout.min(MAX_TIMEOUT);
        self
    }
}

/// How gentle to be to routers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Budget {
    /// At most one probe a second expires at a router, for all paths together: Linux answers no more
    /// (`net.ipv4.icmp_ratelimit`).
    #[default]
    Gentle,
    /// As the interval says.
    Fast,
}

/// Faster than any hop is worth probing.
const MIN_INTERVAL: Duration = Duration::from_millis(1);

/// Longer than anything answers.
const MAX_TIMEOUT: Duration = Duration::from_hours(1);
