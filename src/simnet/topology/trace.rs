//! What a trace of a network must find.

use serde::Deserialize;

use super::router::Proto;

/// What a trace to one target must find, over each family that the target has.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TraceExpectation {
    /// The target: `app01` by echo, `app01:8080` by SYN.
    pub probe: String,
    /// `udp` for a trace by UDP to the port of `probe`; else what `probe` says.
    pub proto: Option<Proto>,
    /// Who answers, from TTL 1 on, up to the last that is worth showing: the target, or one silent hop after the last that answers.
    pub hops: Vec<Answerer>,
    /// Who answered before the path changed, where it changes for good within the `duration` of the file.
    pub before: Option<Vec<Answerer>>,
    /// How the path ends: at the target.
    #[serde(default)]
    pub end: PathEnd,
    /// What the verdict is where there are probes enough: clean.
    #[serde(default)]
    pub verdict: PathCode,
    /// The segment that loses packets.
    pub loss_starts_at: Option<TrueSegment>,
    /// The segment that delays some packets more than others.
    pub jitter_starts_at: Option<TrueSegment>,
    /// TTLs of hops that leave probes unanswered at one probe a second, although nothing is lost on the way: none.
    #[serde(default)]
    pub rate_limited: Vec<u8>,
    /// The same at ten probes a second; not said where absent.
    pub rate_limited_fast: Option<Vec<u8>>,
    /// TTLs of hops that answer late, although nothing is late on the way: none.
    #[serde(default)]
    pub slow: Vec<u8>,
}

/// Who answers at one TTL.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(untagged)]
pub enum Answerer {
    /// A node by its name, an address, or nobody: `"*"`.
    One(String),
    /// One of these nodes or addresses, of those that are of the family of the target.
    OneOf(Vec<String>),
}

impl Answerer {
    /// Names and addresses; empty where nobody answers.
    #[must_use]
    pub fn all(&self) -> &[String] {
        match self {
            Self::One(name) if name == NOBODY => &[],
            Self::One(name) => std::slice::from_ref(name),
            Self::OneOf(names) => names,
        }
    }
}

/// How a path ends.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PathEnd {
    /// At the target.
    #[default]
    Reached,
    /// Somebody says that the way ends there.
    Unreachable,
    /// In silence.
    Silent,
    /// In a circle.
    Loop,
}

/// The verdicts on paths of the output contract.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PathCode {
    /// The target suffers neither loss nor jitter.
    #[default]
    Clean,
    /// It suffers loss.
    Loss,
    /// It suffers jitter.
    Jitter,
    /// It suffers both.
    LossAndJitter,
    /// It is not reached.
    Unreachable,
}

impl PathCode {
    /// Whether packets to the target are lost.
    #[must_use]
    pub const fn has_loss(self) -> bool {
        matches!(self, Self::Loss | Self::LossAndJitter)
    }

    /// Whether packets to the target are delayed, some more than others.
    #[must_use]
    pub const fn has_jitter(self) -> bool {
        matches!(self, Self::Jitter | Self::LossAndJitter)
    }
}

/// A part of a path: behind the near end, at or before the far end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrueSegment {
    /// The TTL of the near end; 0 is the host.
    pub from_ttl: u8,
    /// The TTL of the far end.
    pub to_ttl: u8,
}

/// How a file writes a hop that nobody answers at. No name can be that.
const NOBODY: &str = "*";
