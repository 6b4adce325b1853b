//! What a verdict is decided on.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use crate::correlate::{AnomalyKind, Persistence};
use crate::detect::Level;
use crate::localize::Blame;
use crate::outcome::{Proto, Unreachable};
use crate::units::{Mono, Rtt, TargetId};

/// Everything that is known of an anomaly.
#[derive(Clone, Debug)]
pub struct Evidence {
    /// What gave it away.
    pub kind: AnomalyKind,
    /// From the earliest probe of it to the latest: counts below are of probes sent then, and a little around it where it is short.
    pub began: Mono,
    /// See `began`.
    pub last: Mono,
    /// Who suffers.
    pub members: Vec<Member>,
    /// Who was probed meanwhile and does not.
    pub healthy: Vec<Member>,
    /// Who was probed meanwhile and is neither: hit as well, but not known to have to do with this.
    pub ailing: Vec<Member>,
    /// What explains who suffers and who does not, the best first; empty where nothing does or no path is known.
    pub blames: Vec<Blame>,
    /// What this host did meanwhile.
    pub own: OwnEvidence,
    /// What chance alone does: of several the probability that it makes them coincide so, of one alone the number of such alarms in 30 days.
    pub chance: Option<f64>,
    /// Between the first spikes of the first and of the last member that were part of it when it was found.
    pub onset_skew: Duration,
}

/// What this host did during an anomaly.
#[derive(Clone, Debug, Default)]
pub struct OwnEvidence {
    /// Moments at which this host stood still or sent late.
    pub stalls: u64,
    /// The longest of them.
    pub longest: Duration,
    /// Probes of the loopback control that spiked, and all of them.
    pub loopback: (u64, u64),
    /// Probes of any series whose RTT spiked, the newest of them.
    pub spikes: u64,
    /// The share of them that this host explains: sent or received while it stood still, or delayed between the kernel and us for half of
    /// their RTT or more.
    pub own_delay_ratio: f64,
    /// Probes that this host could not send, or whose answers it could not see or time: full queues, clock steps.
    pub faults: u64,
    /// Probes of the gateway control that were hit, and all of them; `None` without such a control.
    pub gateway: Option<(u64, u64)>,
}

/// One backend.
#[derive(Clone, Debug)]
pub struct Member {
    /// Which.
    pub target: TargetId,
    /// Its name.
    pub name: Arc<str>,
    /// Its address.
    pub address: IpAddr,
    /// Its first probe that was hit, if any.
    pub first: Option<Mono>,
    /// What is persistent about it, if anything.
    pub persistent: Option<Persistence>,
    /// Echoes, if it is probed by them.
    pub icmp: Option<StreamEvidence>,
    /// SYNs, if it is probed by them; of several ports the worst.
    pub syn: Option<StreamEvidence>,
    /// What traces know of the way to it.
    pub path: Option<PathEvidence>,
}

/// What traces know of the way to one backend.
#[derive(Clone, Debug)]
pub struct PathEvidence {
    /// Who answers at each TTL, from the first on, without the target.
    pub hops: Vec<Option<IpAddr>>,
    /// TTLs at which the answer is that of other paths, and is only presumed here.
    pub presumed_ttls: Vec<u8>,
    /// Whether the target itself answered.
    pub reached: bool,
    /// Whether it took another course during the anomaly or just before: who answered at each TTL until then.
    pub before: Option<Vec<Option<IpAddr>>>,
    /// By traces during the anomaly: where loss or jitter starts, (`from_ttl`, `to_ttl`), where it could be told.
    pub starts_at: Option<(u8, u8)>,
}

/// One stream of probes during an anomaly.
#[derive(Clone, Debug, Default)]
pub struct StreamEvidence {
    /// Echoes or SYNs.
    pub proto: Option<Proto>,
    /// Time between two probes.
    pub interval: Duration,
    /// Probes that left.
    pub sent: u64,
    /// Replies in time.
    pub replied: u64,
    /// Not answered in time.
    pub lost: u64,
    /// Replies above the threshold.
    pub slow: u64,
    /// RST in answer to a SYN, or after it: always 0 for echoes.
    pub refused: u64,
    /// ICMP errors.
    pub unreachable: u64,
    /// The newest 32 of these errors, by who sent them and what they say: at most 8 kinds, the most frequent first.
    pub errors: Vec<(Unreachable, u64)>,
    /// The longest RTT.
    pub peak: Option<Rtt>,
    /// Whether it ever replied.
    pub ever_replied: bool,
    /// The send time of the last reply.
    pub last_reply: Option<Mono>,
    /// The send time of the newest probe that was slow, or had no reply in time.
    pub last_bad: Option<Mono>,
    /// How many of the newest probes in a row were lost.
    pub lost_in_a_row: u64,
    /// How many of the newest probes in a row were refused.
    pub refused_in_a_row: u64,
    /// The longest run of refusals, and when it began and ended; the end is `None` while it lasts.
    pub refusal_run: Option<(u64, Mono, Option<Mono>)>,
    /// The share of losses that is usual for it, from 24 hours outside trouble or what there is.
    pub usual_loss: f64,
    /// The share of spikes that is usual for it.
    pub usual_slow: f64,
    /// Send times of up to 64 of the rarer outcome (passes or drops) over the last minutes: SYN limiters are regular.
    pub minority_at: Vec<Mono>,
    /// Most frequent TTL of its replies, and of its RSTs.
    pub reply_ttl: Option<u8>,
    /// See `reply_ttl`.
    pub rst_ttl: Option<u8>,
    /// Replies that came late by about 1, 2, 3, or 7 s: SYNs or SYN-ACKs sent again.
    pub retransmission_like: u64,
    /// What is normal for it.
    pub level: Option<Level>,
    /// Where its RTTs moved to another level during the anomaly: from, to.
    pub shift: Option<(Rtt, Rtt)>,
}
