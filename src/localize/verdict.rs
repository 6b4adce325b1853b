//! What can be said of a path.

use std::net::IpAddr;

/// The verdict on one path.
#[derive(Clone, Debug, PartialEq)]
pub struct PathVerdict {
    /// In one word.
    pub code: VerdictCode,
    /// Where loss that the target suffers starts.
    pub loss_starts_at: Option<Segment>,
    /// Where jitter that the target suffers starts.
    pub jitter_starts_at: Option<Segment>,
    /// Of each hop, in order.
    pub labels: Vec<HopLabels>,
    /// How many more cycles would tell, where there were too few; `None` also where none would, because hops answer too seldom.
    pub more_cycles: Option<u64>,
    /// One sentence for a ticket.
    pub message: String,
}

/// A verdict in one word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum VerdictCode {
    /// The target suffers neither loss nor jitter.
    Clean,
    /// It suffers loss.
    Loss,
    /// It suffers jitter.
    Jitter,
    /// It suffers both.
    LossAndJitter,
    /// It was not reached.
    Unreachable,
    /// There is something, but too few probes to say what or where.
    TooFewProbes,
}

impl VerdictCode {
    /// The name in output fields.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Clean => "clean",
            Self::Loss => "loss",
            Self::Jitter => "jitter",
            Self::LossAndJitter => "loss_and_jitter",
            Self::Unreachable => "unreachable",
            Self::TooFewProbes => "too_few_probes",
        }
    }
}

/// A part of the path: what happens happens behind the near end, at or before the far end.
#[derive(Clone, Debug, PartialEq)]
pub struct Segment {
    /// The near end; 0 is this host.
    pub from_ttl: u8,
    /// The far end.
    pub to_ttl: u8,
    /// Who answers at the far end.
    pub addresses: Vec<IpAddr>,
    /// The probability that the segment contains the cause, from 0 to 1.
    pub confidence: f64,
}

/// What is odd about a hop and no fault of the path.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct HopLabels {
    /// It answers not all probes, although what lies behind it does: it limits its answers.
    pub rate_limited: bool,
    /// It answers with delay, although what lies behind it does not: a slow control plane.
    pub slow_control_plane: bool,
}
