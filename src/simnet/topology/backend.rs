//! Backends of a topology file.

use std::collections::BTreeMap;
use std::net::IpAddr;

use serde::Deserialize;

use super::link::Jitter;
use super::quantity::Rate;
use super::router::{IcmpLimit, Limit};

/// A backend, or a group of equal ones.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Backend {
    /// Its name. Members of a group are called by it and a number: `app` of 3 is `app1`, `app2`, `app3`.
    pub name: String,
    /// Its addresses, at most one of each family; in a group, those of the first, and the others follow one by one.
    pub addresses: Vec<IpAddr>,
    /// How many there are; where absent it is no group, and has no number behind its name.
    pub count: Option<u16>,
    /// How it behaves.
    #[serde(default)]
    pub set: BackendSettings,
}

impl Backend {
    /// How many backends this entry stands for.
    #[must_use]
    pub fn size(&self) -> usize {
        self.count.map_or(1, usize::from)
    }

    /// Whether it stands for members, if only for one.
    #[must_use]
    pub const fn is_group(&self) -> bool {
        self.count.is_some()
    }

    /// The names of all that it stands for.
    pub fn members(&self) -> impl Iterator<Item = String> + '_ {
        (0..self.size()).map(|index| self.member(index))
    }

    /// The name of the member with this index, from 0.
    #[must_use]
    pub fn member(&self, index: usize) -> String {
        match self.count {
            Some(_) => format!("{}{}", self.name, index + 1),
            None => self.name.clone(),
        }
    }
}

/// How a backend behaves. What is absent is as in the layer below, and at the bottom as said here.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BackendSettings {
    /// What becomes of echo requests: answered.
    pub echo: Option<Echo>,
    /// What becomes of SYNs, by port: as `other_ports` says.
    pub ports: Option<BTreeMap<u16, Port>>,
    /// What becomes of SYNs to all other ports: closed.
    pub other_ports: Option<Port>,
    /// How long it takes to answer echo requests: no time.
    pub icmp_delay: Option<Jitter>,
    /// How long it takes to answer SYNs: no time.
    pub tcp_delay: Option<Jitter>,
    /// What stands still: nothing. What arrives meanwhile is kept, up to 1,000 packets, and answered when it ends.
    pub stall: Option<Stall>,
    /// Off, unplugged, without power: `false`. When it comes back it has forgotten all connections.
    pub off: Option<bool>,
    /// A limit of SYNs, as iptables makes it: none.
    pub syn_limit: Option<SynLimit>,
    /// The table of half-open connections.
    pub half_open: Option<HalfOpen>,
    /// The queue of connections that wait for the application, for each port.
    pub accept_queue: Option<AcceptQueue>,
    /// How it limits port unreachables: as Linux does.
    pub icmp_limit: Option<IcmpLimit>,
    /// TTL of what it sends: 64.
    pub ttl: Option<u8>,
}

/// What becomes of echo requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Echo {
    /// Answered.
    Answered,
    /// Dropped in silence.
    Dropped,
    /// Administratively prohibited.
    Prohibited,
}

/// What becomes of a SYN to a port.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Port {
    /// SYN-ACK.
    Open,
    /// RST.
    Closed,
    /// Dropped in silence.
    Dropped,
    /// Port unreachable, as iptables' `REJECT` says by default.
    Rejected,
    /// Administratively prohibited.
    Prohibited,
}

/// What stands still.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stall {
    /// Nothing.
    None,
    /// Answers to echo requests.
    Icmp,
    /// Answers to SYNs.
    Tcp,
    /// Both.
    Both,
}

/// A limit of SYNs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SynLimit {
    /// Average rate of the token bucket.
    pub rate: Rate,
    /// SYNs within the limit at once: 5.
    #[serde(default = "five")]
    pub burst: u32,
    /// What becomes of SYNs within the limit. The others get the opposite.
    pub within: Within,
}

impl SynLimit {
    /// The bucket.
    #[must_use]
    pub const fn limit(&self) -> Limit {
        Limit {
            rate: self.rate,
            burst: self.burst,
        }
    }
}

/// What becomes of SYNs within a limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Within {
    /// They pass, and those beyond are dropped: a limit as it is usually meant.
    Accepted,
    /// They are dropped, and those beyond pass: a `DROP` rule with a limit.
    Dropped,
}

/// The table of half-open connections, with Linux's behaviour.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HalfOpen {
    /// Entries; SYNs beyond are dropped.
    pub entries: u32,
    /// How often a SYN-ACK is repeated: after 1, 3, 7.. s (`tcp_synack_retries`).
    pub syn_ack_retries: u8,
}

/// The accept queue of a port.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AcceptQueue {
    /// Connections that wait at most (the backlog of `listen`); SYNs beyond are dropped.
    pub backlog: u32,
    /// How many others keep waiting there all the time.
    #[serde(default)]
    pub occupied: u32,
}

const fn five() -> u32 {
    5
}
