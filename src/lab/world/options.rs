//! How a world probes, and what goes wrong on its host.

use std::time::Duration;

use crate::engine::SourcePorts;
use crate::series::{DEFAULT_PAYLOAD_BYTES, Pace, PacketOptions};
use crate::simnet::topology::Jitter;

/// How a world probes, and what goes wrong on its host. By default nothing does.
#[derive(Clone, Debug)]
pub struct WorldOptions {
    /// The pace of series that are given none of their own: a probe every 200 ms that waits for 1 s, without end.
    pub pace: Pace,
    /// What packets look like.
    pub packet: PacketOptions,
    /// Flows per target, among which source ports are divided: 1.
    pub flows: u16,
    /// Source ports for SYNs per flow: as many as the pace asks for. A trace gives each flow one.
    pub ports_per_flow: Option<usize>,
    /// SYNs a second of the whole run: unlimited.
    pub max_syn_rate: Option<u32>,
    /// Probes remembered per series, at least: 300, a minute of them.
    pub memory: usize,
    /// Unanswered probes per series that sends as fast as answers come: 64.
    pub window: u32,
    /// Packets that the receive queue of each socket holds, one for each protocol and family: 10,000.
    pub receive_queue: usize,
    /// How long after its deadline, or a packet's arrival, the prober's loop gets to run: at once.
    pub wake_up_lateness: Jitter,
    /// Share of send stamps that never come back: 0.
    pub tx_stamp_loss: f64,
    /// Share of this host's RSTs that never leave it, as where a local firewall drops those of ports that it knows nothing of: 0.
    pub reset_loss: f64,
    /// Whether to keep RTTs as user space sees them, next to the kernel's: `false`.
    pub user_rtt: bool,
}

impl Default for WorldOptions {
    fn default() -> Self {
        Self {
            pace: Pace {
                interval: Duration::from_millis(200),
                timeout: Duration::from_secs(1),
                count: None,
            },
            packet: PacketOptions {
                payload_bytes: DEFAULT_PAYLOAD_BYTES,
                ttl: None,
                traffic_class: 0,
                interface: None,
                source: None,
            },
            flows: 1,
            ports_per_flow: None,
            max_syn_rate: None,
            memory: 300,
            window: 64,
            receive_queue: 10_000,
            wake_up_lateness: Jitter::None,
            tx_stamp_loss: 0.0,
            reset_loss: 0.0,
            user_rtt: false,
        }
    }
}

impl WorldOptions {
    /// The source ports that the program would reserve for SYNs.
    pub(super) fn source_ports(&self) -> SourcePorts {
        let per_flow = self
            .ports_per_flow
            .unwrap_or_else(|| SourcePorts::wanted(self.pace.interval));
        let wanted = per_flow.saturating_mul(self.flows.into());
        SourcePorts::new((FIRST_PORT..).take(wanted.min(MAX_PORTS)).collect(), self.flows)
    }

    /// The source ports for UDP: one for each flow.
    pub(super) fn udp_source_ports(&self) -> SourcePorts {
        SourcePorts::new((FIRST_PORT..).take(self.flows.into()).collect(), self.flows)
    }

    /// Bytes of the longest packet that a probe can be: an echo request or a datagram with its IPv6 header, or a SYN.
    pub(super) fn longest_packet(&self) -> usize {
        usize::from(self.packet.payload_bytes) + LONGEST_HEADERS
    }
}

/// Within the range that Linux takes ports for outgoing connections from (`net.ipv4.ip_local_port_range`).
const FIRST_PORT: u16 = 40_000;

/// As many as the program reserves at most.
const MAX_PORTS: usize = 4096;

/// IPv6, and TCP with all the options of a SYN, which is more than ICMP has.
const LONGEST_HEADERS: usize = 80;
