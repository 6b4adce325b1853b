//! The levels at which spikes are compared, each a test with habits of its own.
//!
//! A backend with 3 % of loss says nothing by one more lost probe, but much by an RTT ten times over its threshold, which it never has by
//! itself. So every level is judged apart, and each is paid for by its share of the false alarms.

use crate::detect::{Severity, Symptom};

/// A level.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Channel {
    /// Anything that stands out, overdue probes included: the only level that needs not wait for a timeout.
    Any,
    /// The second of two consecutive probes of a series that stand out. Independent losses rarely come in pairs, bursts do.
    Twice,
    /// An RTT above the threshold.
    Over,
    /// Likewise, at least strong.
    Strong,
    /// Likewise, extreme.
    Extreme,
    /// No answer in time.
    Lost,
    /// An answer that is no reply.
    Refused,
}

/// How many there are.
pub(super) const CHANNELS: usize = Channel::ALL.len();

impl Channel {
    /// All of them, by index.
    pub(super) const ALL: [Self; 7] = [
        Self::Any,
        Self::Twice,
        Self::Over,
        Self::Strong,
        Self::Extreme,
        Self::Lost,
        Self::Refused,
    ];

    /// Its place in tables.
    pub(super) const fn index(self) -> usize {
        match self {
            Self::Any => 0,
            Self::Twice => 1,
            Self::Over => 2,
            Self::Strong => 3,
            Self::Extreme => 4,
            Self::Lost => 5,
            Self::Refused => 6,
        }
    }

    /// Those that a probe belongs to by what came of it, beside [`Channel::Any`] and [`Channel::Twice`].
    pub(super) const fn of(symptom: Symptom) -> &'static [Self] {
        match symptom {
            Symptom::Slow(Severity::Over) => &[Self::Over],
            Symptom::Slow(Severity::Strong) => &[Self::Over, Self::Strong],
            Symptom::Slow(Severity::Extreme) => &[Self::Over, Self::Strong, Self::Extreme],
            Symptom::Lost => &[Self::Lost],
            Symptom::Refused => &[Self::Refused],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_index_is_the_place_among_all() {
        for (place, channel) in Channel::ALL.into_iter().enumerate() {
            assert_eq!(channel.index(), place);
        }
    }
}
