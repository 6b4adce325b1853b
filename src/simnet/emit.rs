//! The packets that routers and backends answer with: complete, from the IP header on, with right checksums.

use std::net::IpAddr;

use super::packet::Packet;
use super::topology::{MplsLabel, Quote};
use crate::wire::AddrPair;
use crate::wire::tcp::Flags;

/// What an ICMP error says, whatever the family.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ErrorKind {
    /// TTL or hop limit ran out: 11/0, over IPv6 3/0.
    TimeExceeded,
    /// 3/0, over IPv6 1/0.
    NoRoute,
    /// 3/1, over IPv6 1/3.
    HostUnreachable,
    /// 3/3, over IPv6 1/4.
    PortUnreachable,
    /// 3/13, over IPv6 1/1.
    Prohibited,
    /// 3/4 with the MTU, over IPv6 type 2.
    TooBig { mtu: u16 },
}

/// An ICMP error about a packet.
#[derive(Clone, Copy, Debug)]
pub(super) struct IcmpError<'a> {
    pub(super) kind: ErrorKind,
    pub(super) from: IpAddr,
    pub(super) about: &'a Packet,
    pub(super) quote: Quote,
    /// Label stack in an extension (RFC 4884, RFC 4950); none where empty.
    pub(super) mpls: &'a [MplsLabel],
    /// Of the error itself.
    pub(super) ttl: u8,
}

/// Writes an ICMP error to the source of the packet that it is about.
pub(super) fn icmp_error(_out: &mut Vec<u8>, _error: &IcmpError<'_>) {
    unimplemented!()
}

/// Writes the reply to an echo request.
pub(super) fn echo_reply(_out: &mut Vec<u8>, _request: &Packet, _ttl: u8) {
    unimplemented!()
}

/// A TCP segment without data.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reply {
    pub(super) addrs: AddrPair,
    pub(super) src_port: u16,
    pub(super) dst_port: u16,
    pub(super) seq: u32,
    pub(super) ack: u32,
    pub(super) flags: Flags,
    pub(super) window: u16,
    /// The options of a Linux SYN-ACK (MSS, and what the SYN offered), or none.
    pub(super) syn_ack_options: Option<SynAckOptions>,
    pub(super) ttl: u8,
}

/// What a SYN-ACK offers back.
#[derive(Clone, Copy, Debug)]
pub(super) struct SynAckOptions {
    pub(super) mss: u16,
    /// `TSval`, `TSecr`; where the SYN had timestamps.
    pub(super) timestamps: Option<(u32, u32)>,
    pub(super) sack_permitted: bool,
    pub(super) window_scale: Option<u8>,
}

/// Writes a TCP segment.
pub(super) fn segment(_out: &mut Vec<u8>, _reply: &Reply) {
    unimplemented!()
}
