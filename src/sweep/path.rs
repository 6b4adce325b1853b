//! What is known of one path.

use std::net::IpAddr;

use super::Hop;
use crate::outcome::{SendError, Unreachable};
use crate::units::{Mono, SeriesId};

/// What is known of one path, with the statistics of its present course.
#[derive(Clone, Debug)]
pub struct PathReport {
    /// From the first TTL on, without gaps, to the end of what is worth showing: the target, which appears once; or the last hop that
    /// answered and at most one silent one after it.
    pub hops: Vec<Hop>,
    /// How it ends.
    pub end: End,
    /// Complete cycles: rounds of which each probe is judged.
    pub cycles: u64,
    /// When the present course was first seen, where it was not from the beginning.
    pub changed_at: Option<Mono>,
}

/// How a path ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// Nothing can be said yet.
    Unknown,
    /// The target answered: an echo reply, a SYN-ACK, a RST, or port unreachable.
    Reached {
        /// The TTL that reaches it.
        ttl: u8,
        /// Who answered: the target, or another address in its place.
        from: IpAddr,
    },
    /// Somebody says that the way ends there.
    Unreachable {
        /// The TTL that gets that answer.
        ttl: u8,
        /// Who says so, and why.
        error: Unreachable,
        /// The MTU that probes were too large for.
        mtu: Option<u32>,
    },
    /// Nobody answers beyond this TTL (0: nobody at all).
    Silent {
        /// The last TTL with an answer.
        after_ttl: u8,
    },
    /// Two hops are the same router: packets go in a circle.
    Loop {
        /// The first TTL of the circle.
        first_ttl: u8,
        /// The TTL at which the same router appeared again.
        again_ttl: u8,
        /// The router.
        address: IpAddr,
    },
    /// The largest TTL is not enough.
    TooFar,
    /// No probe left this host.
    NotSent(SendError),
}

/// What is worth telling while sweeps go on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum News {
    /// All probes of a round of this path are judged.
    CycleEnded {
        /// The path.
        series: SeriesId,
        /// How many rounds were judged so far.
        cycles: u64,
    },
    /// The path takes another course.
    PathChanged(PathChange),
}

/// A path takes another course than before. Its statistics begin anew from the hop that changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PathChange {
    /// The path.
    pub series: SeriesId,
    /// When the first probe that shows it was sent.
    pub at: Mono,
    /// The course before, from the first TTL on; `None` where nobody answered.
    pub old: Vec<Option<IpAddr>>,
    /// The course now, as far as it is known.
    pub new: Vec<Option<IpAddr>>,
}
