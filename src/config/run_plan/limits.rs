//! How much of each setting makes sense, wherever it was given: in the file or on the command line.

use std::fmt::Display;
use std::time::Duration;

use crate::config::args::MAX_PAYLOAD_BYTES;
use crate::config::duration::display;
use crate::series::MIN_PAYLOAD_BYTES;

/// The least and the most of a duration.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    least: Duration,
    most: Duration,
}

/// Why a setting makes no sense: what it is, and what it may be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(in crate::config) enum OutOfLimits {
    #[error("{} is too short; the least is {}", display(*.0), display(*.1))]
    TooShort(Duration, Duration),
    #[error("{} is too long; the most is {}", display(*.0), display(*.1))]
    TooLong(Duration, Duration),
    #[error("a payload has {MIN_PAYLOAD_BYTES} to {MAX_PAYLOAD_BYTES} bytes, not {0}")]
    Size(i64),
    #[error("{0} is no number of false incidents to expect in 30 days; it must be above 0, up to {MAX_FALSE_ALARMS}")]
    FalseAlarms(String),
    #[error("{0} is no share; it must be from 0 to 1, as in 0.005")]
    Floor(String),
    #[error("a name is needed; without this setting it is the name of the host")]
    NoName,
}

impl Limits {
    /// `value`, if it is within them.
    pub(super) fn check(self, value: Duration) -> Result<Duration, OutOfLimits> {
        if value < self.least {
            Err(OutOfLimits::TooShort(value, self.least))
        } else if value > self.most {
            Err(OutOfLimits::TooLong(value, self.most))
        } else {
            Ok(value)
        }
    }
}

/// `bytes`, if an echo can have so many.
pub(super) fn size(bytes: i64) -> Result<u16, OutOfLimits> {
    let size = u16::try_from(bytes).ok();
    let is_possible = |size: &u16| (i64::from(MIN_PAYLOAD_BYTES)..=MAX_PAYLOAD_BYTES).contains(&i64::from(*size));
    size.filter(is_possible).ok_or(OutOfLimits::Size(bytes))
}

/// `number`, if it is a budget.
pub(in crate::config) fn false_alarms(number: f64) -> Result<f64, OutOfLimits> {
    if number > 0.0 && number <= MAX_FALSE_ALARMS {
        Ok(number)
    } else {
        Err(OutOfLimits::FalseAlarms(number.to_string()))
    }
}

/// `share`, if it is one.
pub(in crate::config) fn floor(share: f64) -> Result<f64, OutOfLimits> {
    if (0.0..=1.0).contains(&share) {
        Ok(share)
    } else {
        Err(OutOfLimits::Floor(share.to_string()))
    }
}

/// `name`, if it says something.
pub(super) fn vantage<T: AsRef<str> + Display>(name: T) -> Result<T, OutOfLimits> {
    if name.as_ref().trim().is_empty() {
        Err(OutOfLimits::NoName)
    } else {
        Ok(name)
    }
}

/// Of the time between two probes. A thousand probes a second to one target are a flood; what is probed once a day is not watched.
pub(super) const INTERVAL: Limits = Limits {
    least: Duration::from_millis(1),
    most: Duration::from_hours(1),
};

/// Of the time that an answer may take. No answer takes longer; probes under way cost memory until then.
pub(super) const TIMEOUT: Limits = Limits {
    least: Duration::from_millis(1),
    most: Duration::from_mins(1),
};

/// Shorter windows are the events themselves; longer ones are for whoever merges histograms.
pub(super) const WINDOW: Limits = Limits {
    least: Duration::from_secs(1),
    most: Duration::from_hours(24),
};

/// Longer slots would be a schedule of their own.
pub(super) const SLOT: Limits = Limits {
    least: Duration::ZERO,
    most: Duration::from_secs(1),
};

/// Routers answer once a second, and no more (Linux: `net.ipv4.icmp_ratelimit`).
pub(super) const TRACE_INTERVAL: Limits = Limits {
    least: Duration::from_secs(1),
    most: Duration::from_hours(1),
};

/// Beyond that, every hour has one.
const MAX_FALSE_ALARMS: f64 = 1000.0;
