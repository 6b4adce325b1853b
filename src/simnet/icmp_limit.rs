//! How a kernel limits the ICMP errors it sends: Linux's bucket per peer (`inet_peer_xrlim_allow`) under a global one
//! (`icmp_global_allow`, `icmp_global_consume`), in the order that they have since 6.11.
//!
//! The bucket of a peer holds time: it fills by the clock up to six seconds, and an error takes one. A peer that is new has a full
//! one. The global bucket holds 50, and an error takes 0, 1 or 2 by chance, so that its level tells nobody anything; it is refilled
//! only when it is empty, and then only after 20 ms, by 1000 a second. An error that the bucket of its peer stops takes nothing
//! from the global one.
//!
//! Both families are limited alike. (Over IPv6, kernels allow more to peers behind wide prefixes, `icmpv6_xrlim_allow`; the model
//! does not.) Echo replies are never limited, nor is what path MTU discovery needs; that is for the caller to know.
//!
//! Peers are many where somebody forges sources: beyond [`MOST_PEERS`], the one that was quiet for longest is forgotten, as
//! `inet_peer_gc` does, and would begin with a full bucket.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

use rand::RngExt;

use super::random::Stream;
use super::topology::IcmpLimit;
use crate::units::Mono;

/// The state of the limit of one node.
#[derive(Debug)]
pub(super) enum IcmpLimiter {
    Unlimited,
    Linux { peers: Peers, all: Global },
    EachPeer(Peers),
    AllPeers { rule: Rule, bucket: Bucket },
}

impl IcmpLimiter {
    /// With full buckets.
    pub(super) fn new(limit: &IcmpLimit) -> Self {
        match *limit {
            IcmpLimit::None => Self::Unlimited,
            IcmpLimit::Linux => Self::Linux {
                peers: Peers::new(Rule::new(LINUX_EVERY, LINUX_BURST)),
                all: Global::default(),
            },
            IcmpLimit::EachPeer { every, burst } => Self::EachPeer(Peers::new(Rule::new(every.0, burst))),
            IcmpLimit::AllPeers { every, burst } => {
                let rule = Rule::new(every.0, burst);
                let bucket = rule.full(Mono::default());
                Self::AllPeers { rule, bucket }
            }
        }
    }

    /// Whether an error to `peer` may be sent at `now`; uses up what it allows.
    pub(super) fn allows(&mut self, now: Mono, peer: IpAddr, random: &mut Stream) -> bool {
        match self {
            Self::Unlimited => true,
            Self::Linux { peers, all } => {
                let allowed = all.has_credit(now) && peers.take(now, peer);
                if allowed {
                    all.consume(random);
                }
                allowed
            }
            Self::EachPeer(peers) => peers.take(now, peer),
            Self::AllPeers { rule, bucket } => bucket.take(now, rule),
        }
    }
}

/// One every so often, after so many at once.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rule {
    every: Duration,
    /// The time for all that may be sent at once.
    most: Duration,
}

impl Rule {
    fn new(every: Duration, burst: u32) -> Self {
        let most = every.checked_mul(burst).unwrap_or(Duration::MAX);
        Self { every, most }
    }

    const fn full(&self, now: Mono) -> Bucket {
        Bucket {
            saved: self.most,
            since: now,
        }
    }
}

/// Time saved up.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bucket {
    saved: Duration,
    since: Mono,
}

impl Bucket {
    fn take(&mut self, now: Mono, rule: &Rule) -> bool {
        let saved = self.saved.saturating_add(now.since(self.since)).min(rule.most);
        let left = saved.checked_sub(rule.every);
        self.saved = left.unwrap_or(saved);
        self.since = self.since.max(now);
        left.is_some()
    }
}

/// A bucket for each peer.
#[derive(Debug)]
pub(super) struct Peers {
    rule: Rule,
    // Ordered, so that which of several equally quiet peers is forgotten does not depend on the run.
    buckets: BTreeMap<IpAddr, Bucket>,
}

impl Peers {
    const fn new(rule: Rule) -> Self {
        Self {
            rule,
            buckets: BTreeMap::new(),
        }
    }

    fn take(&mut self, now: Mono, peer: IpAddr) -> bool {
        if self.buckets.len() >= MOST_PEERS && !self.buckets.contains_key(&peer) {
            self.forget_the_quietest();
        }
        let rule = self.rule;
        self.buckets
            .entry(peer)
            .or_insert_with(|| rule.full(now))
            .take(now, &rule)
    }

    fn forget_the_quietest(&mut self) {
        let quietest = self.buckets.iter().min_by_key(|(_, bucket)| bucket.since);
        if let Some(peer) = quietest.map(|(peer, _)| *peer) {
            self.buckets.remove(&peer);
        }
    }
}

/// The bucket of Linux for all peers together.
#[derive(Debug, Default)]
pub(super) struct Global {
    /// Below zero after an error has taken two and there was one.
    credit: i64,
    /// `None` before the first error, which fills the bucket: a kernel that has just booted has an empty one, too, and its last refill
    /// lies far back.
    refilled: Option<Mono>,
}

impl Global {
    fn has_credit(&mut self, now: Mono) -> bool {
        if self.credit > 0 {
            return true;
        }
        let elapsed = self
            .refilled
            .map_or(GLOBAL_REFILL_MOST, |at| now.since(at).min(GLOBAL_REFILL_MOST));
        if elapsed < GLOBAL_REFILL_LEAST {
            return false;
        }
        // At most 1000: one each millisecond of at most one second.
        let more = i64::try_from(elapsed.as_millis()).unwrap_or(GLOBAL_BURST);
        self.credit = self.credit.saturating_add(more).min(GLOBAL_BURST);
        self.refilled = Some(now);
        true
    }

    fn consume(&mut self, random: &mut Stream) {
        self.credit -= random.random_range(0..3);
    }
}

/// `icmp_ratelimit`.
const LINUX_EVERY: Duration = Duration::from_secs(1);
/// `XRLIM_BURST_FACTOR`.
const LINUX_BURST: u32 = 6;
/// `icmp_msgs_burst`.
const GLOBAL_BURST: i64 = 50;
/// The time that `icmp_global_allow` lets pass at least between two refills.
const GLOBAL_REFILL_LEAST: Duration = Duration::from_millis(20);
/// The time beyond which a refill is no larger.
const GLOBAL_REFILL_MOST: Duration = Duration::from_secs(1);
/// Far more than the hosts of any topology; bounds what forged sources cost.
const MOST_PEERS: usize = 1024;

#[cfg(test)]
mod tests;
