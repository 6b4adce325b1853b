//! What is true of a network, and what probes of it must find.

use std::net::IpAddr;

use serde::Deserialize;

use super::quantity::Span;

/// What a diagnosis must find.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Verdict {
    /// What is wrong.
    pub code: Code,
    /// Where: an address of the element at the far end of the segment that is at fault.
    pub suspect: Option<IpAddr>,
    /// The probes' targets that suffer: names of backends.
    #[serde(default)]
    pub members: Vec<String>,
}

/// The verdicts of the output contract, and that nothing is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Code {
    /// Nothing that should wake anybody.
    Clean,
    /// This host stalled.
    ProberHost,
    /// The first hop, or the link to it.
    FirstHop,
    /// A segment that several targets share.
    SharedPath,
    /// A segment that one target alone uses.
    PrivatePath,
    /// The last hop to one target, or its edge.
    TargetEdge,
    /// The target itself is slow.
    SlowBackend,
    /// The target's service restarted.
    Restart,
    /// Nothing listens.
    NotListening,
    /// SYNs are limited.
    SynRateLimited,
    /// A firewall says so.
    Prohibited,
    /// A firewall refuses in the target's name.
    FirewallReject,
    /// The port is silent.
    PortDropped,
    /// The target's listen queues overflow.
    ListenOverflow,
    /// TCP suffers and ICMP does not.
    TcpPath,
    /// ICMP suffers and TCP does not.
    IcmpOnly,
    /// ICMP never passes.
    IcmpBlocked,
    /// The path changed.
    RouteChange,
    /// The target is gone.
    TargetUnreachable,
    /// Several at once, nobody knows where.
    CommonCause,
    /// Something, and nobody knows what.
    Unknown,
}

impl Code {
    /// All of them.
    pub const ALL: [Self; 21] = [
        Self::Clean,
        Self::ProberHost,
        Self::FirstHop,
        Self::SharedPath,
        Self::PrivatePath,
        Self::TargetEdge,
        Self::SlowBackend,
        Self::Restart,
        Self::NotListening,
        Self::SynRateLimited,
        Self::Prohibited,
        Self::FirewallReject,
        Self::PortDropped,
        Self::ListenOverflow,
        Self::TcpPath,
        Self::IcmpOnly,
        Self::IcmpBlocked,
        Self::RouteChange,
        Self::TargetUnreachable,
        Self::CommonCause,
        Self::Unknown,
    ];
}

/// What one series of probes must find over the whole duration.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Expectation {
    /// What is probed: `app01` by echo, `app01:8080` by SYN. A group stands for each of its members.
    pub probe: String,
    /// What most probes get.
    pub answer: AnswerKind,
    /// The median RTT of those; jitter of less than a twentieth of it is left out.
    pub rtt: Option<Span>,
    /// The share of probes without an answer within a second (late answers are as good as none) lies between these two: both 0.
    #[serde(default)]
    pub loss: [f64; 2],
    /// The share of answers that take 1 ms longer than `rtt` lies between these two: both 0.
    #[serde(default)]
    pub spikes: [f64; 2],
    /// The share of probes that a RST answers lies between these two: both 0, or anything where that is what most get.
    pub refused: Option<[f64; 2]>,
}

/// What probes get.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AnswerKind {
    /// An echo reply or a SYN-ACK.
    Reply,
    /// A RST.
    Refused,
    /// An ICMP error that is no prohibition.
    Unreachable,
    /// An ICMP error that is.
    Prohibited,
    /// Nothing.
    Nothing,
}
