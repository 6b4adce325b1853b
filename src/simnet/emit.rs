//! The packets that routers and backends answer with: complete, from the IP header on, with right checksums.
//!
//! They are what Linux sends where a standard leaves the choice:
//! * An ICMP error quotes as much as fits into 576 bytes over IPv4 (`__icmp_send`, RFC 1812 section 4.3.2.3), into 1280 over IPv6
//!   (`icmp6_send`, RFC 4443 section 2.4 (c)). It quotes the packet as it arrived: the caller must not have touched its TTL.
//! * Over IPv4 an error has the precedence of internetwork control (RFC 1812 section 4.3.2.5), an echo reply the TOS of its request.
//! * ICMP over IPv4 may be fragmented, TCP may not. The identification stays 0, for nothing here ever fragments a packet.
//! * Options and extension headers of a request are not echoed.
//!
//! Labels of MPLS follow the quote as RFC 4884 and RFC 4950 have it: the quote is then padded with zeros to at least 128 bytes and
//! to whole words, and its length stands in the header. Packet too big of IPv6 has no place for that length, so no labels either.

use std::net::IpAddr;

use super::packet::Packet;
use super::topology::{MplsLabel, Quote};
use crate::wire::checksum::{Sum, pseudo_header};
use crate::wire::ip::{self, IpHeader};
use crate::wire::tcp::{self, Flags};
use crate::wire::{AddrPair, Family};

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

/// Whether an ICMP error may be sent about a packet at all. Not about (RFC 1122 section 3.2.2, RFC 4443 section 2.4 (e)):
/// * another ICMP error, or a type that nobody knows to be none (`icmp_pointers`, `is_ineligible`);
/// * a packet to a multicast or broadcast address;
/// * a packet whose source is no single host.
///
/// Nor about later fragments, but those are never read as a [`Packet`].
pub(super) fn may_be_answered(packet: &Packet) -> bool {
    let one_host = match packet.addrs {
        AddrPair::V4 { src, dst } => {
            let many = dst.is_multicast() || dst.is_broadcast();
            !(many || src.is_multicast() || src.is_broadcast() || src.is_unspecified() || src.is_loopback())
        }
        AddrPair::V6 { src, dst } => {
            !(dst.is_multicast() || src.is_multicast() || src.is_unspecified() || src.is_loopback())
        }
    };
    let informs = match (packet.protocol, packet.transport().first()) {
        (ip::ICMP, first) => first.is_some_and(|icmp_type| matches!(icmp_type, 0 | 8 | 13..=18)),
        (ip::ICMPV6, first) => first.is_some_and(|icmp_type| *icmp_type >= 128),
        (_, _) => true,
    };
    one_host && informs
}

/// Writes an ICMP error to the source of the packet that it is about. Nothing is written where `from` is of the other family.
pub(super) fn icmp_error(out: &mut Vec<u8>, error: &IcmpError<'_>) {
    out.clear();
    let Some(addrs) = AddrPair::new(error.from, error.about.addrs.src()) else {
        return;
    };
    let family = addrs.family();
    let tos = match family {
        Family::V4 => error.about.traffic_class() & TOS_BITS | INTERNETWORK_CONTROL,
        Family::V6 => 0,
    };
    write_packet(out, icmp_header(addrs, error.ttl, tos), |out| {
        let (icmp_type, code, word) = error.kind.on_the_wire(family);
        let header_at = out.len();
        out.extend([icmp_type, code, 0, 0]);
        out.extend(word);
        let labels = error.mpls.get(..MOST_LABELS).unwrap_or(error.mpls);
        if labels.is_empty() || icmp_type == V6_TOO_BIG && family == Family::V6 {
            out.extend_from_slice(quoted(error, room(family)));
        } else {
            let words = extend_quote(out, error, labels, family);
            let length_at = match family {
                Family::V4 => header_at + 5,
                Family::V6 => header_at + 4,
            };
            out[length_at] = words;
        }
    });
}

impl ErrorKind {
    /// Type, code, and the word after the checksum.
    fn on_the_wire(self, family: Family) -> (u8, u8, [u8; 4]) {
        let (v4, v6) = match self {
            Self::TimeExceeded => ((11, 0), (3, 0)),
            Self::NoRoute => ((3, 0), (1, 0)),
            Self::HostUnreachable => ((3, 1), (1, 3)),
            Self::PortUnreachable => ((3, 3), (1, 4)),
            Self::Prohibited => ((3, 13), (1, 1)),
            Self::TooBig { .. } => ((3, 4), (V6_TOO_BIG, 0)),
        };
        let word = match self {
            // Both families have it at the end: 16 bits after 16 unused ones (RFC 1191 section 4), or all 32 (RFC 4443 section 3.2).
            Self::TooBig { mtu } => u32::from(mtu).to_be_bytes(),
            Self::TimeExceeded | Self::NoRoute | Self::HostUnreachable | Self::PortUnreachable | Self::Prohibited => {
                [0; 4]
            }
        };
        let (icmp_type, code) = match family {
            Family::V4 => v4,
            Family::V6 => v6,
        };
        (icmp_type, code, word)
    }
}

/// Most bytes that may follow the ICMP header of an error.
const fn room(family: Family) -> usize {
    match family {
        Family::V4 => V4_ERROR_MAX - ip::V4_HEADER_LEN - ICMP_HEADER_LEN,
        Family::V6 => V6_ERROR_MAX - ip::V6_HEADER_LEN - ICMP_HEADER_LEN,
    }
}

/// What an error quotes, given room for so many bytes.
fn quoted<'a>(error: &IcmpError<'a>, room: usize) -> &'a [u8] {
    let packet = error.about;
    let wanted = match error.quote {
        Quote::Full => room,
        Quote::Short => packet.transport_at + 8,
        Quote::Transport(bytes) => packet.transport_at + usize::from(bytes),
    };
    let len = wanted.min(room).min(packet.bytes.len());
    &packet.bytes[..len]
}

/// Appends the quote, padded, and the label stack. Returns the length of the former in the words of its family.
fn extend_quote(out: &mut Vec<u8>, error: &IcmpError<'_>, labels: &[MplsLabel], family: Family) -> u8 {
    let word = match family {
        Family::V4 => 4,
        Family::V6 => 8,
    };
    let structure = label_structure(labels);
    let room = (room(family) - structure.len()) / word * word;
    let quote = quoted(error, room);
    let padded = quote.len().next_multiple_of(word).max(EXTENDED_QUOTE_MIN);
    let end = out.len() + padded;
    out.extend_from_slice(quote);
    out.resize(end, 0);
    out.extend(structure);
    u8::try_from(padded / word).unwrap_or(u8::MAX)
}

/// The extension structure of RFC 4884 section 7, with one object: the label stack of RFC 4950 section 3.
fn label_structure(labels: &[MplsLabel]) -> Vec<u8> {
    let [.., len_high, len_low] = (4 + 4 * labels.len()).to_be_bytes();
    let mut structure = vec![
        EXTENSION_VERSION_2,
        0,
        0,
        0,
        len_high,
        len_low,
        CLASS_LABEL_STACK,
        TYPE_INCOMING_STACK,
    ];
    for (place, entry) in labels.iter().enumerate() {
        let bottom = place + 1 == labels.len();
        let word = entry.label << 12 | u32::from(entry.tc & 7) << 9 | u32::from(bottom) << 8 | u32::from(entry.ttl);
        structure.extend(word.to_be_bytes());
    }
    let checksum = Sum::of(&structure).checksum();
    structure[2..4].copy_from_slice(&checksum.to_be_bytes());
    structure
}

/// Writes the reply to an echo request: its message with another type. Nothing is written where it is too short to be one.
pub(super) fn echo_reply(out: &mut Vec<u8>, request: &Packet, ttl: u8) {
    out.clear();
    let Some((_, rest)) = request.transport().split_first_chunk::<4>() else {
        return;
    };
    let addrs = request.addrs.reversed();
    let reply = match addrs.family() {
        Family::V4 => V4_ECHO_REPLY,
        Family::V6 => V6_ECHO_REPLY,
    };
    write_packet(out, icmp_header(addrs, ttl, request.traffic_class()), |out| {
        out.extend([reply, 0, 0, 0]);
        out.extend_from_slice(rest);
    });
}

/// The IP header of an ICMP message.
const fn icmp_header(addrs: AddrPair, ttl: u8, tos: u8) -> IpHeader {
    IpHeader {
        addrs,
        protocol: match addrs.family() {
            Family::V4 => ip::ICMP,
            Family::V6 => ip::ICMPV6,
        },
        ttl,
        tos,
        flow_label: 0,
    }
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

/// The reset that refuses a segment: in the name of its destination, and never to another reset (`tcp_v4_send_reset`). `None` for
/// what is no TCP segment that is whole and undamaged.
pub(super) fn reset_for(packet: &Packet, ttl: u8) -> Option<Reply> {
    let segment = tcp::parse(packet.transport()).ok()?;
    let intact = packet.protocol == ip::TCP && packet.is_whole() && tcp::checksum_ok(packet.addrs, packet.transport());
    if !intact || segment.flags.has(Flags::RST) {
        return None;
    }
    // RFC 9293 section 3.10.7.1: SYN and FIN take a number each.
    let taken = [Flags::SYN, Flags::FIN].map(|flag| u32::from(segment.flags.has(flag)));
    let payload = u32::try_from(segment.payload.len()).unwrap_or_default();
    let end = taken
        .into_iter()
        .fold(segment.seq.wrapping_add(payload), u32::wrapping_add);
    let (seq, ack, flags) = if segment.flags.has(Flags::ACK) {
        (segment.ack, 0, Flags::RST)
    } else {
        (0, end, Flags::RST.and(Flags::ACK))
    };
    Some(Reply {
        addrs: packet.addrs.reversed(),
        src_port: segment.dst_port,
        dst_port: segment.src_port,
        seq,
        ack,
        flags,
        window: 0,
        syn_ack_options: None,
        ttl,
    })
}

/// Writes a TCP segment.
pub(super) fn segment(out: &mut Vec<u8>, reply: &Reply) {
    out.clear();
    let header = IpHeader {
        addrs: reply.addrs,
        protocol: ip::TCP,
        ttl: reply.ttl,
        tos: 0,
        flow_label: 0,
    };
    write_packet(out, header, |out| {
        let start = out.len();
        out.extend(reply.src_port.to_be_bytes());
        out.extend(reply.dst_port.to_be_bytes());
        out.extend(reply.seq.to_be_bytes());
        out.extend(reply.ack.to_be_bytes());
        out.extend([0, reply.flags.bits()]);
        out.extend(reply.window.to_be_bytes());
        out.extend([0; 4]);
        if let Some(options) = reply.syn_ack_options {
            extend_options(out, options);
        }
        // At most 40 bytes: the length in words fits the upper half of a byte.
        let words = u8::try_from((out.len() - start) / 4).unwrap_or_default();
        out[start + 12] = words << 4;
    });
}

/// The options in the order and with the padding of `tcp_options_write`: always whole words.
fn extend_options(out: &mut Vec<u8>, options: SynAckOptions) {
    out.extend([KIND_MSS, 4]);
    out.extend(options.mss.to_be_bytes());
    let sack = options.sack_permitted;
    if let Some((val, echo)) = options.timestamps {
        out.extend(if sack { [KIND_SACK_PERMITTED, 2] } else { [KIND_NOP; 2] });
        out.extend([KIND_TIMESTAMPS, 10]);
        out.extend(val.to_be_bytes());
        out.extend(echo.to_be_bytes());
    } else if sack {
        out.extend([KIND_NOP, KIND_NOP, KIND_SACK_PERMITTED, 2]);
    }
    if let Some(shift) = options.window_scale {
        out.extend([KIND_NOP, KIND_WINDOW_SCALE, 3, shift]);
    }
}

/// Writes a packet whose transport `write` appends with a checksum field of zeros. Leaves nothing where IP can't carry so much.
fn write_packet(out: &mut Vec<u8>, header: IpHeader, write: impl FnOnce(&mut Vec<u8>)) {
    out.resize(header.header_len(), 0);
    write(out);
    let (front, transport) = out.split_at_mut(header.header_len());
    fill_checksum(transport, header);
    if ip::emit(front, header, transport.len()).is_err() {
        out.clear();
    } else if header.protocol == ip::ICMP {
        allow_fragments(front);
    }
}

/// The checksum of ICMPv4 is over the message alone, those of ICMPv6 and TCP are over the pseudo-header too.
fn fill_checksum(transport: &mut [u8], header: IpHeader) {
    let before = match header.protocol {
        ip::ICMP => Sum::ZERO,
        _ => pseudo_header(header.addrs, header.protocol, transport.len()),
    };
    let checksum = before.and(transport).checksum();
    let at = if header.protocol == ip::TCP { 16 } else { 2 };
    if let Some(field) = transport.get_mut(at..at + 2) {
        field.copy_from_slice(&checksum.to_be_bytes());
    }
}

/// Takes back the don't-fragment bit that [`ip::emit`] sets.
fn allow_fragments(header: &mut [u8]) {
    header[6..8].fill(0);
    header[10..12].fill(0);
    let checksum = Sum::of(header).checksum();
    header[10..12].copy_from_slice(&checksum.to_be_bytes());
}

const ICMP_HEADER_LEN: usize = 8;
/// RFC 1812 section 4.3.2.3: what every host takes.
const V4_ERROR_MAX: usize = 576;
/// The minimum MTU of IPv6.
const V6_ERROR_MAX: usize = 1280;
const V6_TOO_BIG: u8 = 2;
const V4_ECHO_REPLY: u8 = 0;
const V6_ECHO_REPLY: u8 = 129;
/// `IPTOS_TOS_MASK`: the part of the TOS that an error takes over.
const TOS_BITS: u8 = 0x1e;
/// `IPTOS_PREC_INTERNETCONTROL`.
const INTERNETWORK_CONTROL: u8 = 0xc0;
/// RFC 4884 section 4: shortest quote that extensions may follow.
const EXTENDED_QUOTE_MIN: usize = 128;
const EXTENSION_VERSION_2: u8 = 0x20;
const CLASS_LABEL_STACK: u8 = 1;
const TYPE_INCOMING_STACK: u8 = 1;
/// More than any stack in use; leaves the 128 bytes of quote their room many times over.
const MOST_LABELS: usize = 16;
const KIND_NOP: u8 = 1;
const KIND_MSS: u8 = 2;
const KIND_WINDOW_SCALE: u8 = 3;
const KIND_SACK_PERMITTED: u8 = 4;
const KIND_TIMESTAMPS: u8 = 8;

#[cfg(test)]
mod tests;
