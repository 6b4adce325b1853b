//! The words of this module.

use std::time::Duration;

use crate::detect::Cause;
use crate::outcome::Proto;
use crate::units::{Mono, Rtt, SeriesId, TargetId};

/// A stream of probes to a backend: what a judge must know of a series.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Stream {
    /// Whom it probes.
    pub target: TargetId,
    /// By what.
    pub proto: Proto,
    /// Time between two probes.
    pub interval: Duration,
    /// How long an answer may take.
    pub timeout: Duration,
    /// A share of lost or slow probes that is nobody's trouble, however long it lasts.
    pub floor: f64,
}

/// Index of a group of backends. 0 is all of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct GroupId(pub u32);

/// What a judge has to say.
#[derive(Clone, Debug, PartialEq)]
pub enum Change {
    /// Spikes of these series between these moments may be one fault: they are to stay out of baselines.
    Suspected(Suspicion),
    /// Something is wrong.
    Opened(Anomaly),
    /// It grew, or more is known of it. The same id.
    Updated(Anomaly),
    /// It is over. The same id.
    Closed(Anomaly),
}

/// Spikes that may be one fault.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Suspicion {
    /// Whose.
    pub series: Vec<SeriesId>,
    /// The first send time, included.
    pub from: Mono,
    /// The last send time, included.
    pub to: Mono,
}

/// Something that is wrong with one or several backends.
#[derive(Clone, Debug, PartialEq)]
pub struct Anomaly {
    /// Its number, unique within the judge that says it.
    pub id: u64,
    /// What gave it away.
    pub kind: AnomalyKind,
    /// The smallest group that it was found in.
    pub group: GroupId,
    /// The earliest send time of a probe that is part of it.
    pub began: Mono,
    /// The latest.
    pub last: Mono,
    /// Who is affected, in order of their first spike.
    pub members: Vec<Hit>,
    /// Backends of the group that were probed meanwhile and are not affected.
    pub healthy: Vec<TargetId>,
    /// What chance alone does, as far as it was known when the anomaly was found: of several backends the probability that independent ones coincide
    /// so (where it coincides again, the smallest one), of one backend how many such alarms are expected of a stream like it in 30 days.
    pub chance: Option<f64>,
    /// Between the first spikes of the first and of the last member that were part of it when it was opened.
    pub onset_skew: Duration,
}

/// What gave an anomaly away.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum AnomalyKind {
    /// So many backends spiked in one window that chance is ruled out.
    Coincidence,
    /// Few backends, but again and again at the same moments: so many coincidences within ten minutes.
    Repeated {
        /// How many.
        times: u32,
    },
    /// One backend is degraded.
    Alone(Cause),
    /// Loss or spikes of a backend stand out over minutes.
    Persistent(Persistence),
    /// RTTs of a backend moved to another level and stay there.
    Shifted {
        /// The median before.
        from: Rtt,
        /// The median since.
        to: Rtt,
    },
    /// A backend that answered nothing since it is probed, by this protocol.
    NeverAnswered(Proto),
}

/// What persists.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Persistence {
    /// Loss.
    Loss,
    /// Spikes of the RTT.
    Spikes,
}

/// A backend's part in an anomaly.
#[derive(Clone, Debug, PartialEq)]
pub struct Hit {
    /// Who.
    pub target: TargetId,
    /// The send time of its first probe that spiked.
    pub first: Mono,
    /// The longest RTT; `None` where it only lost.
    pub peak: Option<Rtt>,
    /// How many of its probes spiked, were lost or refused.
    pub probes: u64,
}
