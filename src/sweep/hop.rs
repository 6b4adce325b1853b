//! What is known of one hop.

use std::net::IpAddr;

use crate::outcome::MplsStack;
use crate::stats::Distribution;
use crate::units::Rtt;

/// What is known of one hop of a path: the routers, or the target, at one TTL.
#[derive(Clone, Debug, Default)]
pub struct Hop {
    /// The TTL of its probes.
    pub ttl: u8,
    /// Who answered, the most frequent first; empty where nobody did.
    pub responders: Vec<Responder>,
    /// Probes and answers.
    pub counts: HopCounts,
    /// RTTs of answers in time, all of one source of stamps.
    pub rtts: Distribution,
    /// The newest of them.
    pub last: Option<Rtt>,
    /// The mean difference of two successive RTTs, in us (what mtr calls `Javg`, but from the second answer on).
    pub jitter_us: Option<f64>,
    /// How the newest rounds went, oldest first; at most [`Hop::ROUNDS`].
    pub rounds: Vec<RoundMark>,
    /// Whether no probe of this very path was answered here: all other paths with the same way so far go here, and their probes are
    /// what is counted.
    pub presumed: bool,
}

impl Hop {
    /// How many rounds are remembered one by one.
    pub const ROUNDS: usize = 512;
}

/// Probes and answers of a hop. `sent = received + lost`; what else was launched is none of the network's.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct HopCounts {
    /// Probes that are judged: answered in time, or not.
    pub sent: u64,
    /// Answered in time.
    pub received: u64,
    /// Answered, but after the timeout; they count as lost, too.
    pub late: u64,
    /// Sent, and still awaited.
    pub in_flight: u64,
    /// Sent, but this host can't tell what became of them.
    pub unjudged: u64,
    /// Not sent.
    pub send_errors: u64,
}

/// Somebody who answered at a hop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Responder {
    /// The address.
    pub address: IpAddr,
    /// How many answers came from it.
    pub answers: u64,
    /// The label stack of its newest answer.
    pub mpls: MplsStack,
}

/// What became of the probe of one round.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RoundMark {
    /// The round, from 0: probes of all hops of a path in one round are close in time.
    pub round: u64,
    /// The RTT; `None` where nothing came in time.
    pub rtt: Option<Rtt>,
}
