//! Routers of a topology file.

use std::net::IpAddr;

use serde::Deserialize;

use super::link::Jitter;
use super::quantity::{Rate, Span};

/// A router.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Router {
    /// Its name.
    pub name: String,
    /// Its addresses, at most one of each family.
    pub addresses: Vec<IpAddr>,
    /// How it behaves.
    #[serde(default)]
    pub set: RouterSettings,
}

/// How a router behaves. What is absent is as in the layer below, and at the bottom as said here.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RouterSettings {
    /// Sends no ICMP errors at all: `false`. It still answers echo requests to itself.
    pub silent: Option<bool>,
    /// Does not touch the TTL, like a switch or the inside of a tunnel: `false`.
    pub hidden: Option<bool>,
    /// How it limits its ICMP errors: as Linux does.
    pub icmp_limit: Option<IcmpLimit>,
    /// Share of its own ICMP (errors and echo replies) that it never gets to send: 0.
    pub icmp_loss: Option<f64>,
    /// How long its control plane takes to answer: at once. Forwarding is not affected.
    pub icmp_delay: Option<Jitter>,
    /// Addresses that its errors come from, by family: its own.
    pub answers_from: Option<Vec<IpAddr>>,
    /// How much of a packet its errors quote: as much as Linux.
    pub quote: Option<Quote>,
    /// Labels shown in its time-exceeded messages: none.
    pub mpls: Option<Vec<MplsLabel>>,
    /// How it balances over paths of equal cost: by flow.
    pub balance: Option<Balance>,
    /// Packets that it does not forward, first match wins: none.
    pub filters: Option<Vec<Filter>>,
    /// TTL of packets of its own: 64.
    pub ttl: Option<u8>,
    /// How long it waits for a neighbour that is off before it says that a host is unreachable: 3 s.
    pub neighbour_timeout: Option<Span>,
}

/// How ICMP errors are limited.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum IcmpLimit {
    /// No limit.
    None,
    /// As Linux by default: to each peer one a second after 6 at once, over all 1,000 a second after 50 at once.
    Linux,
    /// To each peer one every so often, after so many at once.
    EachPeer {
        /// The time for one more.
        every: Span,
        /// So many at once.
        burst: u32,
    },
    /// One every so often, after so many at once, for all peers together.
    AllPeers {
        /// The time for one more.
        every: Span,
        /// So many at once.
        burst: u32,
    },
}

/// How much of a packet an ICMP error quotes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Quote {
    /// As much as fits into 576 bytes over IPv4, into 1280 over IPv6.
    Full,
    /// The IP header and eight bytes (RFC 792).
    Short,
    /// The IP header and this many bytes.
    Transport(u16),
}

/// An entry of an MPLS label stack (RFC 4950).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MplsLabel {
    /// Label, of 20 bits.
    pub label: u32,
    /// Traffic class, of 3 bits: 0.
    #[serde(default)]
    pub tc: u8,
    /// TTL.
    #[serde(default = "one")]
    pub ttl: u8,
}

/// How paths of equal cost are used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Balance {
    /// Each flow keeps to one.
    Flow,
    /// Each packet takes the next.
    Packet,
}

/// Packets that are not simply forwarded.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Filter {
    /// Destinations: all.
    #[serde(default)]
    pub to: Vec<IpAddr>,
    /// Protocol: all.
    pub proto: Option<Proto>,
    /// Destination port: all.
    pub port: Option<u16>,
    /// Only while this limit has tokens, as with iptables' `-m limit`: always.
    pub limit: Option<Limit>,
    /// What becomes of them.
    pub action: Action,
}

/// Protocols that filters tell apart. ICMP stands for both families; of TCP only SYNs are meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Proto {
    /// ICMP, ICMPv6.
    Icmp,
    /// TCP SYNs.
    Tcp,
    /// UDP.
    Udp,
}

/// What becomes of a packet that a filter matches.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// It is forwarded, whatever later filters say.
    Accept,
    /// It is dropped in silence.
    Drop,
    /// Port unreachable, as `REJECT` says by default.
    Reject,
    /// Administratively prohibited.
    Prohibit,
    /// A RST in the name of the destination, but with the TTL of the filter.
    Reset,
}

/// A token bucket as of iptables' `limit` match.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Limit {
    /// Average rate.
    pub rate: Rate,
    /// So many at once: 5.
    #[serde(default = "five")]
    pub burst: u32,
}

const fn one() -> u8 {
    1
}

const fn five() -> u32 {
    5
}
