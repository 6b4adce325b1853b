//! An incident, as it is told.

use std::collections::HashSet;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use crate::units::{Mono, Rtt, TargetId};

/// Where an incident stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// It was found.
    Open,
    /// More is known of it.
    Update,
    /// It is over.
    Close,
}

/// One thing that is wrong, and what is known of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Incident {
    /// From 1, in order of opening; unique within a run.
    pub number: u64,
    /// In one word.
    pub verdict: VerdictCode,
    /// The earliest send time of a probe that is part of it.
    pub began: Mono,
    /// The latest.
    pub last: Mono,
    /// The user's group that it is confined to, if any.
    pub group: Option<Arc<str>>,
    /// Who suffers, in order of the first spike.
    pub members: Vec<IncidentMember>,
    /// Names of targets that were probed meanwhile and are well.
    pub healthy: Vec<Arc<str>>,
    /// What chance alone does: see [`Anomaly::chance`](crate::correlate::Anomaly::chance).
    pub chance: Option<f64>,
    /// Between the first spikes of the first and of the last member.
    pub onset_skew: Duration,
    /// Who is at fault.
    pub suspect: Option<Suspect>,
    /// What was ruled out, in words, most important first.
    pub ruled_out: Vec<String>,
    /// One sentence for a ticket.
    pub message: String,
}

impl Incident {
    /// Names of the targets that suffer, in order of the first spike. A name with several addresses stands once.
    #[must_use]
    pub fn target_names(&self) -> Vec<&str> {
        let mut seen = HashSet::new();
        self.members
            .iter()
            .map(|member| &*member.name)
            .filter(|name| seen.insert(*name))
            .collect()
    }
}

/// Somebody who suffers.
#[derive(Clone, Debug, PartialEq)]
pub struct IncidentMember {
    /// Which backend.
    pub target: TargetId,
    /// Its name.
    pub name: Arc<str>,
    /// Its address.
    pub address: IpAddr,
    /// The send time of its first probe that spiked.
    pub first: Mono,
    /// The longest RTT.
    pub peak: Option<Rtt>,
    /// Probes of it during the incident, and how many of them were lost.
    pub sent: u64,
    /// Those that were not answered in time.
    pub lost: u64,
}

/// Who is at fault.
#[derive(Clone, Debug, PartialEq)]
pub struct Suspect {
    /// Its address, where it answers.
    pub address: Option<IpAddr>,
    /// The TTL that reaches it, and the last TTL before it that is cleared (0 is this host).
    pub ttl: Option<u8>,
    /// See `ttl`.
    pub from_ttl: Option<u8>,
    /// Its name: that of the target, where it is one.
    pub name: Option<Arc<str>>,
    /// Log of the likelihood ratio.
    pub score: Option<f64>,
    /// The next best explanation in words, and its score.
    pub runner_up: Option<(String, f64)>,
    /// Names of affected targets that share it.
    pub shared_by: Vec<Arc<str>>,
    /// Names of healthy targets that clear what lies before it.
    pub cleared_by: Vec<Arc<str>>,
}

/// A verdict in one word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum VerdictCode {
    /// This host stalled.
    ProberHost,
    /// The first hop, or the link to it.
    FirstHop,
    /// A segment that several targets share.
    SharedPath,
    /// A segment that one target alone uses.
    PrivatePath,
    /// The last hop to one target, or it can't be told from there.
    TargetEdge,
    /// The target itself is slow.
    SlowBackend,
    /// The target's service restarted.
    Restart,
    /// Nothing listens.
    NotListening,
    /// SYNs are limited.
    SynRateLimited,
    /// A policy forbids.
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
    /// Several at once, and nobody knows where.
    CommonCause,
    /// Something, and nobody knows what.
    Unknown,
}

impl VerdictCode {
    /// All of them.
    pub const ALL: [Self; 20] = [
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

    /// Whether it names what only one backend can have: how it answers, or what is in front of it answers, by itself.
    #[must_use]
    pub(super) const fn is_of_a_port(self) -> bool {
        matches!(
            self,
            Self::NotListening
                | Self::SynRateLimited
                | Self::Prohibited
                | Self::FirewallReject
                | Self::PortDropped
                | Self::ListenOverflow
                | Self::IcmpBlocked
        )
    }

    /// Whether it names a place where packets are delayed or lost.
    #[must_use]
    pub(super) const fn is_of_a_place(self) -> bool {
        matches!(
            self,
            Self::FirstHop | Self::SharedPath | Self::PrivatePath | Self::TargetEdge | Self::SlowBackend
        )
    }

    /// The name in output fields.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ProberHost => "prober_host",
            Self::FirstHop => "first_hop",
            Self::SharedPath => "shared_path",
            Self::PrivatePath => "private_path",
            Self::TargetEdge => "target_edge",
            Self::SlowBackend => "slow_backend",
            Self::Restart => "restart",
            Self::NotListening => "not_listening",
            Self::SynRateLimited => "syn_rate_limited",
            Self::Prohibited => "prohibited",
            Self::FirewallReject => "firewall_reject",
            Self::PortDropped => "port_dropped",
            Self::ListenOverflow => "listen_overflow",
            Self::TcpPath => "tcp_path",
            Self::IcmpOnly => "icmp_only",
            Self::IcmpBlocked => "icmp_blocked",
            Self::RouteChange => "route_change",
            Self::TargetUnreachable => "target_unreachable",
            Self::CommonCause => "common_cause",
            Self::Unknown => "unknown",
        }
    }
}
