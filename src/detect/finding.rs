//! What the detector says: the words that the correlator and the reports share.

use super::threshold::Level;
use crate::units::{Mono, ProbeSeq, Rtt, SeriesId};

/// One thing that stands out.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Finding {
    /// Whose.
    pub series: SeriesId,
    /// The send time of the probe that it began or ended with: never the moment at which it was noticed.
    pub at: Mono,
    /// What.
    pub found: Found,
}

/// What stands out.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Found {
    /// The probe was not answered within its series' threshold. It ends as a `Spiked` or a `Withdrawn`.
    Overdue(ProbeSeq),
    /// The probe that was overdue is no spike: its RTT proved to be normal (this host was slow), or nothing can be said of it.
    Withdrawn(ProbeSeq),
    /// The probe spiked, finally. Said once per probe, in sending order but for floods.
    Spiked(ProbeSeq, Symptom),
    /// An episode of spikes of one kind began.
    SpikeStart(SpikeStart),
    /// An episode is over. `at` is its last spike.
    SpikeEnd(SpikeEnd),
    /// RTTs moved to another level at `at` and stay there. Spikes of the kind `Rtt` from `at` on were this shift.
    LevelShift {
        /// The median before.
        from: Rtt,
        /// The median of the 32 replies since.
        to: Rtt,
    },
    /// The series turned bad at `at`.
    Degraded(Cause),
    /// None of the last 20 probes stood out: the series is good again. `at` is the newest of them.
    Recovered,
    /// Spikes are this series' habit. Said when it is found, and once per hour while it lasts.
    Jittery {
        /// Share of the probes of the last hour that spiked.
        ratio: f64,
    },
}

/// How a probe stood out. RTT and answer are separate channels: a lost probe has no RTT to be too long.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Symptom {
    /// Its RTT exceeded the threshold.
    Slow(Severity),
    /// No answer within the timeout, or none at all.
    Lost,
    /// An answer that is no reply: refused, reset or unreachable.
    Refused,
}

impl Symptom {
    /// Its channel.
    #[must_use]
    pub const fn kind(self) -> Kind {
        match self {
            Self::Slow(_) => Kind::Rtt,
            Self::Lost => Kind::Loss,
            Self::Refused => Kind::Refused,
        }
    }
}

/// How far an RTT exceeds the baseline `m`, in multiples of what is allowed, `T - m`. A probe without answer is beyond all of them
/// ([`Symptom::Lost`], level S3 of the method).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// More than 1 (S0).
    Over,
    /// More than 3 (S1).
    Strong,
    /// More than 10 (S2).
    Extreme,
}

/// The channels of episodes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// RTT above the threshold.
    Rtt,
    /// No answer in time.
    Loss,
    /// An answer that is no reply.
    Refused,
}

impl Kind {
    /// The name in output fields.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Rtt => "rtt",
            Self::Loss => "loss",
            Self::Refused => "refused",
        }
    }
}

/// The beginning of an episode.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SpikeStart {
    /// Its channel.
    pub kind: Kind,
    /// Baseline and threshold at that moment; `None` before 20 replies.
    pub level: Option<Level>,
    /// Whether the series is known as jittery, so that one more episode is no news.
    pub jittery: bool,
}

/// The end of an episode.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SpikeEnd {
    /// Its channel.
    pub kind: Kind,
    /// How many probes spiked.
    pub probes: u64,
    /// The longest RTT; `None` for other channels.
    pub peak: Option<Rtt>,
    /// Whether it proved to be the beginning of a level shift, and so no episode at all.
    pub shifted: bool,
}

/// Why a series is degraded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// 3 of its last 20 probes stood out.
    Frequent,
    /// 2 consecutive probes were not answered in time.
    Silent,
    /// 2 consecutive probes were refused.
    Refusing,
}
