//! What the kernel of the prober's host does between the engine and the network.
//!
//! On the way out it puts an IP header before echo requests and completes the ICMPv6 checksum; SYNs have theirs already. It refuses
//! what has no route or is too large for the interface, as `sendmsg` would. On the way in it stamps each packet with the wall clock
//! at the moment it is there, and keeps it in a queue of finite length until the prober reads. A TCP segment for which there is no
//! socket it answers with a RST (RFC 9293, section 3.10.7.1; `tcp_v4_send_reset`): the ports that SYNs leave from are reserved and
//! nobody connects there, so each SYN-ACK is answered so, and the peer's half-open entry goes.
//!
//! The wall clock is virtual time plus an offset, which may be stepped at any moment, as an administrator or a first NTP answer does.

use std::net::IpAddr;
use std::time::Duration;

use super::receive_queue::ReceiveQueue;
use crate::clock::Reading;
use crate::outcome::{Proto, SendError};
use crate::series::PacketOptions;
use crate::units::{Mono, Wall};
use crate::wire::checksum::pseudo_header;
use crate::wire::ip::{self, IpHeader};
use crate::wire::tcp::{self, Flags};
use crate::wire::{AddrPair, Family, icmp};

/// The kernel of the prober's host.
#[derive(Debug)]
pub(super) struct Host {
    addresses: Vec<IpAddr>,
    packet: PacketOptions,
    /// What the wall clock shows at the origin of virtual time, modulo 2^64.
    wall_offset: u64,
    refuses_with: Option<SendError>,
    /// In the order of [`SOCKETS`].
    queues: [ReceiveQueue; 4],
}

/// A socket of the prober: it has one for each protocol and family.
pub(super) type Socket = (Proto, Family);

/// All of them, in the order in which they are read.
pub(super) const SOCKETS: [Socket; 4] = [
    (Proto::Tcp, Family::V4),
    (Proto::Tcp, Family::V6),
    (Proto::Icmp, Family::V4),
    (Proto::Icmp, Family::V6),
];

impl Host {
    /// A host with these addresses, whose packets look like `packet` and whose receive queues hold `queue` packets each.
    pub(super) fn new(addresses: &[IpAddr], packet: PacketOptions, queue: usize) -> Self {
        Self {
            addresses: addresses.to_vec(),
            packet,
            wall_offset: WALL_AT_ORIGIN,
            refuses_with: None,
            queues: std::array::from_fn(|_| ReceiveQueue::new(queue)),
        }
    }

    /// The wall clock at a moment of virtual time: also the kernel's stamp of a packet that passes then.
    pub(super) const fn wall(&self, at: Mono) -> Wall {
        Wall::from_nanos(at.as_nanos().wrapping_add(self.wall_offset))
    }

    /// Both clocks, read together.
    pub(super) const fn read_clock(&self, now: Mono) -> Reading {
        Reading {
            mono: now,
            wall: self.wall(now),
            spread: Duration::ZERO,
        }
    }

    /// Sets the wall clock forward, or back where `by_ns` is negative.
    pub(super) const fn step_wall(&mut self, by_ns: i64) {
        self.wall_offset = self.wall_offset.wrapping_add_signed(by_ns);
    }

    /// Refuses all packets with this error from now on, as a local firewall does; `None` ends it.
    pub(super) const fn refuse_sends(&mut self, with: Option<SendError>) {
        self.refuses_with = with;
    }

    /// The address that packets to `to` leave from.
    pub(super) fn source_of(&self, to: IpAddr) -> Result<IpAddr, SendError> {
        let same_family = |address: &&IpAddr| address.is_ipv4() == to.is_ipv4();
        self.addresses
            .iter()
            .find(same_family)
            .copied()
            .ok_or(SendError::NoRoute)
    }

    /// Puts the IP header before an echo request, which `write` writes, and gives the length of the packet. Without a TTL it has that
    /// of all packets.
    pub(super) fn write_echo(
        &self,
        addrs: AddrPair,
        ttl: Option<u8>,
        buf: &mut [u8],
        write: impl FnOnce(&mut [u8]) -> usize,
    ) -> usize {
        let header = IpHeader {
            addrs,
            protocol: match addrs.family() {
                Family::V4 => ip::ICMP,
                Family::V6 => ip::ICMPV6,
            },
            ttl: ttl.or(self.packet.ttl).unwrap_or(DEFAULT_TTL),
            tos: self.packet.traffic_class,
            flow_label: 0,
        };
        let Some((front, message)) = buf.split_at_mut_checked(header.header_len()) else {
            return 0;
        };
        let len = write(message);
        if addrs.family() == Family::V6
            && let Some(message) = message.get_mut(..len)
        {
            icmp::fill_v6_checksum(message, addrs);
        }
        if len == 0 {
            return 0;
        }
        ip::emit(front, header, len).map_or(0, |header_len| header_len + len)
    }

    /// Whether a packet of this length may leave.
    ///
    /// # Errors
    /// What the send call would say.
    pub(super) const fn check_send(&self, packet_len: usize) -> Result<(), SendError> {
        match self.refuses_with {
            Some(error) => Err(error),
            None if packet_len > INTERFACE_MTU => Err(SendError::TooBig),
            None => Ok(()),
        }
    }

    /// The queue of packets that a socket receives.
    pub(super) const fn queue(&mut self, (proto, family): Socket) -> &mut ReceiveQueue {
        let [tcp4, tcp6, icmp4, icmp6] = &mut self.queues;
        match (proto, family) {
            (Proto::Tcp, Family::V4) => tcp4,
            (Proto::Tcp, Family::V6) => tcp6,
            // Errors about UDP probes are ICMP.
            (Proto::Icmp | Proto::Udp, Family::V4) => icmp4,
            (Proto::Icmp | Proto::Udp, Family::V6) => icmp6,
        }
    }

    /// Bytes on the heap.
    pub(super) fn heap_bytes(&self) -> usize {
        self.queues.iter().map(ReceiveQueue::heap_bytes).sum()
    }
}

/// Which socket receives a packet for this host; errors about SYNs are ICMP too.
pub(super) fn receiver(packet: &[u8]) -> Option<Socket> {
    let datagram = ip::parse(packet).ok()?;
    let proto = match datagram.protocol {
        ip::ICMP | ip::ICMPV6 => Proto::Icmp,
        ip::TCP => Proto::Tcp,
        _ => return None,
    };
    Some((proto, datagram.addrs.family()))
}

/// Writes the RST that answers a segment for which there is no socket. Returns whether one is due: none is for a RST, nor for what is
/// damaged. Linux answers a segment without ACK too, such as a SYN, but nobody in the model connects to the prober's host.
pub(super) fn write_reset(packet: &[u8], out: &mut Vec<u8>) -> bool {
    let Some(datagram) = ip::parse(packet).ok().filter(|datagram| datagram.protocol == ip::TCP) else {
        return false;
    };
    let Ok(segment) = tcp::parse(datagram.payload) else {
        return false;
    };
    let is_acknowledged = segment.flags.has(Flags::ACK) && !segment.flags.has(Flags::RST);
    if !is_acknowledged || !tcp::checksum_ok(datagram.addrs, datagram.payload) {
        return false;
    }
    let header = IpHeader {
        addrs: datagram.addrs.reversed(),
        protocol: ip::TCP,
        ttl: DEFAULT_TTL,
        tos: 0,
        flow_label: 0,
    };
    out.clear();
    out.resize(header.header_len() + tcp::HEADER_MIN_LEN, 0);
    let (front, reset) = out.split_at_mut(header.header_len());
    reset[0..2].copy_from_slice(&segment.dst_port.to_be_bytes());
    reset[2..4].copy_from_slice(&segment.src_port.to_be_bytes());
    // What the segment acknowledges is what its sender expects next: so it takes the RST for genuine.
    reset[4..8].copy_from_slice(&segment.ack.to_be_bytes());
    reset[12..14].copy_from_slice(&[DATA_OFFSET_5_WORDS, Flags::RST.bits()]);
    let checksum = pseudo_header(header.addrs, ip::TCP, reset.len()).and(reset).checksum();
    reset[16..18].copy_from_slice(&checksum.to_be_bytes());
    ip::emit(front, header, tcp::HEADER_MIN_LEN).is_ok()
}

/// What Linux sends without being asked (`net.ipv4.ip_default_ttl`, `net.ipv6.conf.*.hop_limit`).
const DEFAULT_TTL: u8 = 64;

/// Of Ethernet.
const INTERFACE_MTU: usize = 1500;

/// 20 bytes, in the upper half of the byte.
const DATA_OFFSET_5_WORDS: u8 = 0x50;

/// 14 November 2023: the exact moment means nothing, but no stamp of a test lies before 1970.
const WALL_AT_ORIGIN: u64 = 1_700_000_000_000_000_000;

#[cfg(test)]
mod tests;
