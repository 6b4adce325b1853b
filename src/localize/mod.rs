//! Where on a path loss or jitter starts.
//!
//! A hop that answers late or not at all may only be slow, or not allowed, to answer. What counts is what goes on behind it: loss or
//! jitter starts where all that comes later has it, too. Whether the target suffers, and whether a hop is limited, are exact tests with a known error
//! rate; where it starts is weighed by Bayes' rule over all links, which also gives the confidence. Where counts are too small, that is
//! the answer, with the number of cycles that would do, or that none would do at this pace. `docs/localization.md` says how often all this is right.

mod blame;
mod impairment;
mod labels;
mod lateness;
mod locate;
mod path;
mod pattern;
#[cfg(test)]
mod tests;
mod trials;
mod verdict;
mod words;

pub use self::blame::{Blame, Part, Unit, blame};
pub use self::path::judge_path;
pub use self::verdict::{HopLabels, PathVerdict, Segment, VerdictCode};

use std::net::IpAddr;

use crate::stats::Histogram;

/// What was measured at one hop.
#[derive(Clone, Copy, Debug)]
pub struct HopEvidence<'a> {
    /// Its TTL.
    pub ttl: u8,
    /// Who answered, the most frequent first; empty where nobody did.
    pub addresses: &'a [IpAddr],
    /// Probes judged.
    pub sent: u64,
    /// Probes answered in time.
    pub received: u64,
    /// RTTs of these.
    pub rtts: &'a Histogram,
    /// How rounds went, oldest first, as far as they are remembered: (round, RTT in ns or `None` where lost).
    pub rounds: &'a [(u64, Option<u64>)],
}

/// What was measured along one path.
#[derive(Clone, Copy, Debug)]
pub struct PathEvidence<'a> {
    /// The address that is traced.
    pub target: IpAddr,
    /// From the first TTL on, without gaps. Where the target was reached, it is the last.
    pub hops: &'a [HopEvidence<'a>],
    /// Whether the last hop is the target.
    pub reached: bool,
    /// Why and by whom the way was said to end, in words, where it is.
    pub dead_end: Option<&'a str>,
}
