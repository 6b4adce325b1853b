//! The file format of networks: TOML, each file a story with the truth about it.
//!
//! ```toml
//! title = "Two of three backends behind an uplink that chokes"
//! story = """What happens, in words."""
//! duration = "60s"
//!
//! [host]
//! addresses = ["10.10.0.5", "fd00:10::5"]
//!
//! [[router]]
//! name = "agg1"
//! addresses = ["10.10.1.1", "fd00:10:1::1"]
//! set.icmp_limit = "linux"
//!
//! [[backend]]
//! name = "app01"
//! addresses = ["10.10.1.11", "fd00:10:1::11"]
//! set.ports = { 8080 = "open" }
//!
//! [[link]]
//! between = ["host", "agg1"]
//! set.delay = "150us"
//!
//! [[link]]
//! between = ["agg1", "app01"]
//! set.delay = "50us"
//! reverse.loss = 0.01
//!
//! [[event]]
//! at = "10s"
//! every = "9s"
//! for = "400ms"
//! on = ["host>agg1"]
//! link = { loss = 0.3 }
//!
//! [verdict]
//! code = "shared_path"
//! suspect = "10.10.1.1"
//! members = ["app01"]
//!
//! [[expect]]
//! probe = "app01:8080"
//! answer = "reply"
//! rtt = "400us"
//! loss = [0.005, 0.03]
//!
//! [[trace]]
//! probe = "app01"
//! hops = ["agg1", "app01"]
//! verdict = "loss"
//! loss_starts_at = { from_ttl = 0, to_ttl = 1 }
//! ```
//!
//! A link is named after its ends, `host-agg1`, unless it has a `name`; one direction of it is `host>agg1`. Settings that a link has in
//! both directions stand in `set`, those of one direction in `forward` (as the ends are written) or `reverse`. Events lay further
//! settings of the same kind over these while they last; later events win.

mod backend;
mod check;
mod event;
pub(in crate::simnet) mod expand;
mod link;
mod problems;
mod quantity;
mod router;
mod trace;
mod truth;

use std::net::IpAddr;

use serde::Deserialize;
use toml::de::DeTable;

use problems::Problems;

pub use backend::{AcceptQueue, Backend, BackendSettings, Echo, HalfOpen, Port, Stall, SynLimit, Within};
pub use event::{Event, HostSettings, Random};
pub use link::{Bursts, Jitter, Link, LinkSettings, Reorder};
pub use quantity::{BitRate, Bytes, Rate, Span};
pub use router::{Action, Balance, Filter, IcmpLimit, Limit, MplsLabel, Proto, Quote, Router, RouterSettings};
pub use trace::{Answerer, PathCode, PathEnd, TraceExpectation, TrueSegment};
pub use truth::{AnswerKind, Code, Expectation, Verdict};

/// A network, and what is true of it. Valid by construction: see [`Topology::read`].
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Topology {
    /// One line.
    pub title: String,
    /// What happens, in words.
    pub story: String,
    /// How long it takes until all that is expected has been seen.
    pub duration: Span,
    /// Where the probes come from.
    pub host: Host,
    /// Routers.
    #[serde(default, rename = "router")]
    pub routers: Vec<Router>,
    /// Backends.
    #[serde(default, rename = "backend")]
    pub backends: Vec<Backend>,
    /// Links between all of these.
    #[serde(rename = "link")]
    pub links: Vec<Link>,
    /// Routes that differ from the shortest path.
    #[serde(default, rename = "route")]
    pub routes: Vec<Route>,
    /// Faults and changes.
    #[serde(default, rename = "event")]
    pub events: Vec<Event>,
    /// What a diagnosis of this network must find.
    pub verdict: Verdict,
    /// What probes of this network must find.
    #[serde(default, rename = "expect")]
    pub expectations: Vec<Expectation>,
    /// What traces of this network must find.
    #[serde(default, rename = "trace")]
    pub traces: Vec<TraceExpectation>,
}

/// The prober's host.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Host {
    /// Its addresses, at most one of each family.
    pub addresses: Vec<IpAddr>,
}

/// A route that differs from the shortest path: at one node, to some destinations, by one neighbour.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Route {
    /// The node whose route it is.
    pub at: String,
    /// Names of destinations: backends, routers, or `host`.
    pub to: Vec<String>,
    /// The next hop: a neighbour of `at`.
    pub via: String,
}

impl Topology {
    /// Reads a file and checks that it makes sense.
    ///
    /// # Errors
    /// What is wrong, where (line and column), and what would be right.
    pub fn read(text: &str) -> Result<Self, TopologyError> {
        if text.len() > MAX_TEXT {
            return Err(TopologyError::TooLarge);
        }
        let syntax = |why: toml::de::Error| TopologyError::Syntax(why.to_string().trim_end().to_owned());
        let table = DeTable::parse(text).map_err(syntax)?.into_inner();
        let topology: Self = toml::from_str(text).map_err(syntax)?;
        let mut problems = Problems::new(text, table);
        check::check(&topology, &mut problems);
        if problems.is_empty() {
            Ok(topology)
        } else {
            Err(TopologyError::Senseless(problems.told()))
        }
    }
}

/// Why a text is no topology. Each says the line and column, and what would be right.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TopologyError {
    /// No TOML, or not of this format.
    #[error("{0}")]
    Syntax(String),
    /// It can be read and makes no sense. One line for each problem, up to ten.
    #[error("{0}")]
    Senseless(String),
    /// More text than any network needs.
    #[error("the file is larger than 1 MiB; give equal backends as a group with `count`")]
    TooLarge,
}

/// Bounds what a file can cost before its elements can be counted. A thousand links take 100 kB.
const MAX_TEXT: usize = 1 << 20;

#[cfg(test)]
mod tests;
