//! What is probed: one series per target, address, protocol and flow.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use crate::outcome::Proto;

/// The identity of a series, as it appears in every output.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Series {
    /// The user's name for the backend: `NAME` of `NAME=HOST:PORT`, else the host as typed.
    pub target: Arc<str>,
    /// The address probed.
    pub address: IpAddr,
    /// Interface index for link-local IPv6 addresses, else 0.
    pub scope_id: u32,
    /// Echo, or SYN to a port.
    pub endpoint: Endpoint,
    /// Flow label from 0: probes of one flow take one path through ECMP routers.
    pub flow: u16,
}

/// What a probe knocks at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Endpoint {
    /// ICMP echo.
    Icmp,
    /// TCP SYN to this port (never 0).
    Tcp(u16),
    /// A UDP datagram to this port (never 0).
    Udp(u16),
}

impl Endpoint {
    /// The protocol.
    #[must_use]
    pub const fn proto(self) -> Proto {
        match self {
            Self::Icmp => Proto::Icmp,
            Self::Tcp(_) => Proto::Tcp,
            Self::Udp(_) => Proto::Udp,
        }
    }

    /// The port, if any.
    #[must_use]
    pub const fn port(self) -> Option<u16> {
        match self {
            Self::Icmp => None,
            Self::Tcp(port) | Self::Udp(port) => Some(port),
        }
    }
}

/// How a series is probed. Valid by construction of the plan that made it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pace {
    /// Time between two probes of the series; zero is as fast as answers come back.
    pub interval: Duration,
    /// How long an answer may take.
    pub timeout: Duration,
    /// How many probes; `None` is without end.
    pub count: Option<u64>,
}

/// What the probe packets of a run look like.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PacketOptions {
    /// Bytes of ICMP payload, at least [`MIN_PAYLOAD_BYTES`].
    pub payload_bytes: u16,
    /// TTL or hop limit; `None` leaves the host's default.
    pub ttl: Option<u8>,
    /// TOS byte or traffic class.
    pub traffic_class: u8,
    /// Interface to send from and listen on.
    pub interface: Option<String>,
    /// Source address to send from.
    pub source: Option<IpAddr>,
}

/// The smallest ICMP payload: cookie (8), series (4), sequence (8), checksum compensation (2), padding (2).
pub const MIN_PAYLOAD_BYTES: u16 = 24;

/// The payload of `ping` since 1983: 64 bytes with the ICMP header.
pub const DEFAULT_PAYLOAD_BYTES: u16 = 56;
