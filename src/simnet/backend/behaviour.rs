//! The settings of a backend, with every gap filled by the default of the format.

use std::collections::BTreeMap;

use super::super::topology::{AcceptQueue, BackendSettings, Echo, HalfOpen, IcmpLimit, Jitter, Port, Stall, SynLimit};

/// How a backend behaves just now.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Behaviour {
    pub(super) echo: Echo,
    pub(super) ports: BTreeMap<u16, Port>,
    pub(super) other_ports: Port,
    pub(super) icmp_delay: Jitter,
    pub(super) tcp_delay: Jitter,
    pub(super) stall: Stall,
    pub(super) off: bool,
    pub(super) syn_limit: Option<SynLimit>,
    pub(super) half_open: HalfOpen,
    pub(super) accept_queue: Option<AcceptQueue>,
    pub(super) icmp_limit: IcmpLimit,
    pub(super) ttl: u8,
}

impl Behaviour {
    pub(super) fn new(settings: &BackendSettings) -> Self {
        Self {
            echo: settings.echo.unwrap_or(Echo::Answered),
            ports: settings.ports.clone().unwrap_or_default(),
            other_ports: settings.other_ports.unwrap_or(Port::Closed),
            icmp_delay: settings.icmp_delay.unwrap_or(Jitter::None),
            tcp_delay: settings.tcp_delay.unwrap_or(Jitter::None),
            stall: settings.stall.unwrap_or(Stall::None),
            off: settings.off.unwrap_or(false),
            syn_limit: settings.syn_limit,
            half_open: settings.half_open.unwrap_or(HALF_OPEN),
            accept_queue: settings.accept_queue,
            icmp_limit: settings.icmp_limit.unwrap_or(IcmpLimit::Linux),
            ttl: settings.ttl.unwrap_or(TTL),
        }
    }

    /// What becomes of SYNs to a port.
    pub(super) fn port(&self, port: u16) -> Port {
        self.ports.get(&port).copied().unwrap_or(self.other_ports)
    }

    /// Whether the accept queue is full, which Linux says when it holds more than its backlog (`sk_acceptq_is_full`). The
    /// application takes a new connection at once, so that only others can fill it.
    pub(super) fn accept_queue_is_full(&self) -> bool {
        self.accept_queue.is_some_and(|queue| queue.occupied > queue.backlog)
    }

    pub(super) const fn stalls_icmp(&self) -> bool {
        matches!(self.stall, Stall::Icmp | Stall::Both)
    }

    pub(super) const fn stalls_tcp(&self) -> bool {
        matches!(self.stall, Stall::Tcp | Stall::Both)
    }
}

/// `somaxconn` and `tcp_synack_retries` of Linux.
const HALF_OPEN: HalfOpen = HalfOpen {
    entries: 4096,
    syn_ack_retries: 5,
};
/// `ip_default_ttl` of Linux.
const TTL: u8 = 64;
