//! Across paths: which hop, link or target explains who suffers and who does not.

use std::net::IpAddr;

use crate::units::TargetId;

/// What was counted of one backend over one traced path, end to end.
#[derive(Clone, Debug)]
pub struct Unit {
    /// Whom its probes went to.
    pub target: TargetId,
    /// Its address.
    pub address: IpAddr,
    /// Who answers at each TTL, from the first on, without the target; `None` where nobody does. Empty where the path is unknown.
    pub hops: Vec<Option<IpAddr>>,
    /// Probes.
    pub sent: u64,
    /// Those that were lost or spiked.
    pub hit: u64,
    /// The share of them that is normal for it.
    pub usual: f64,
}

/// A part of the network that explains what was seen.
#[derive(Clone, Debug, PartialEq)]
pub struct Blame {
    /// What.
    pub part: Part,
    /// Log of the likelihood ratio against everything being as usual.
    pub score: f64,
    /// The same of the best other explanation, if there is one.
    pub runner_up: Option<(Part, f64)>,
    /// Affected backends whose paths share it.
    pub shared_by: Vec<TargetId>,
    /// Healthy backends that clear what is not blamed, because they use it: hops before it.
    pub cleared_by: Vec<TargetId>,
}

/// A part of the network.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Part {
    /// The far end of a segment: what happens, happens behind `from_ttl`, at or before `to_ttl`. Those between can't be told apart.
    Segment {
        /// The near end; 0 is this host.
        from_ttl: u8,
        /// The far end.
        to_ttl: u8,
        /// Who answers at the far end; `None` where nobody does.
        address: Option<IpAddr>,
    },
    /// One backend, or the last link to it.
    Target(TargetId),
}

/// Explains the units by as few parts as possible, the best first; empty where nothing explains them better than chance.
#[must_use]
pub fn blame(_units: &[Unit]) -> Vec<Blame> {
    Vec::new()
}
