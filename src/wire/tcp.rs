//! TCP (RFC 9293): SYNs as Linux sends them, and whatever comes back.
//!
//! A SYN without the usual options is treated differently by middleboxes, SYN proxies and rate limiters, and then the probe would
//! measure another path than the clients of the backend take. So a probe carries what `connect()` sends on Linux by default, in
//! the same order (`tcp_options_write`): MSS, SACK permitted, timestamps, no-operation, window scale.

use super::checksum::pseudo_header;
use super::ip::{self, IpHeader};
use super::{AddrPair, Family, Malformed, NoRoom, be16, be32, head};

/// Length of the segment that [`emit_syn`] writes.
pub const SYN_LEN: usize = 40;
/// Length of a TCP header without options.
pub const HEADER_MIN_LEN: usize = 20;

/// What a SYN says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Syn {
    /// Source and destination.
    pub addrs: AddrPair,
    /// Source port.
    pub src_port: u16,
    /// Destination port.
    pub dst_port: u16,
    /// Initial sequence number. The answer acknowledges this plus one.
    pub seq: u32,
    /// Maximum segment size: see [`default_mss`].
    pub mss: u16,
    /// `TSval` of the timestamps option (RFC 7323 section 3); the answer echoes it.
    pub ts_val: u32,
}

/// The MSS of `connect()` over an interface with the MTU of Ethernet: 1500 less both headers without options.
#[must_use]
pub const fn default_mss(family: Family) -> u16 {
    match family {
        Family::V4 => 1460,
        Family::V6 => 1440,
    }
}

/// Writes the SYN, checksum included, at the front of `segment`, and returns its length, [`SYN_LEN`].
///
/// # Errors
/// [`NoRoom`] where `segment` is shorter than that.
pub fn emit_syn(segment: &mut [u8], syn: Syn) -> Result<usize, NoRoom> {
    let out = head::<SYN_LEN>(segment)?;
    out[0..2].copy_from_slice(&syn.src_port.to_be_bytes());
    out[2..4].copy_from_slice(&syn.dst_port.to_be_bytes());
    out[4..8].copy_from_slice(&syn.seq.to_be_bytes());
    out[8..12].fill(0);
    out[12..14].copy_from_slice(&[DATA_OFFSET_10_WORDS, Flags::SYN.0]);
    out[14..16].copy_from_slice(&initial_window(syn.mss).to_be_bytes());
    out[16..20].fill(0);
    out[20..22].copy_from_slice(&[KIND_MSS, 4]);
    out[22..24].copy_from_slice(&syn.mss.to_be_bytes());
    out[24..28].copy_from_slice(&[KIND_SACK_PERMITTED, 2, KIND_TIMESTAMPS, 10]);
    out[28..32].copy_from_slice(&syn.ts_val.to_be_bytes());
    out[32..36].fill(0);
    out[36..40].copy_from_slice(&[KIND_NOP, KIND_WINDOW_SCALE, 3, WINDOW_SHIFT]);
    let checksum = pseudo_header(syn.addrs, ip::TCP, SYN_LEN).and(out).checksum();
    out[16..18].copy_from_slice(&checksum.to_be_bytes());
    Ok(SYN_LEN)
}

/// What the IP header of a SYN says beyond the SYN itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SynIp {
    /// Time to live, or hop limit.
    pub ttl: u8,
    /// Type of service, or traffic class.
    pub tos: u8,
    /// IPv6 flow label. Ignored over IPv4.
    pub flow_label: u32,
}

/// Writes a complete IP packet with the SYN at the front of `packet`, and returns its length: 60 over IPv4, 80 over IPv6.
///
/// # Errors
/// [`NoRoom`] where `packet` is shorter than that.
pub fn emit_syn_packet(packet: &mut [u8], syn: Syn, ip: SynIp) -> Result<usize, NoRoom> {
    let header = IpHeader {
        addrs: syn.addrs,
        protocol: ip::TCP,
        ttl: ip.ttl,
        tos: ip.tos,
        flow_label: ip.flow_label,
    };
    let given = packet.len();
    let needed = header.header_len() + SYN_LEN;
    let Some((front, segment)) = packet.split_at_mut_checked(header.header_len()) else {
        return Err(NoRoom { needed, given });
    };
    ip::emit(front, header, SYN_LEN)?;
    emit_syn(segment, syn).map_err(|_| NoRoom { needed, given })?;
    Ok(needed)
}

/// The largest multiple of the MSS that fits the field, as `tcp_select_initial_window` has it: 64240 for an MSS of 1460.
const fn initial_window(mss: u16) -> u16 {
    match u16::MAX.checked_rem(mss) {
        Some(rest) => u16::MAX - rest,
        None => u16::MAX,
    }
}

/// A received segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Segment<'a> {
    /// Source port.
    pub src_port: u16,
    /// Destination port.
    pub dst_port: u16,
    /// Sequence number.
    pub seq: u32,
    /// Acknowledgment number; means something only where [`Flags::ACK`] is set.
    pub ack: u32,
    /// Flags.
    pub flags: Flags,
    /// Window, unscaled.
    pub window: u16,
    /// The options with their padding: read them with [`options`].
    pub options: &'a [u8],
    /// What follows the header.
    pub payload: &'a [u8],
}

impl Segment<'_> {
    /// The timestamps option.
    #[must_use]
    pub fn timestamps(&self) -> Option<Timestamps> {
        options(self.options).find_map(|option| match option {
            TcpOption::Timestamps(timestamps) => Some(timestamps),
            TcpOption::Nop
            | TcpOption::Mss(_)
            | TcpOption::SackPermitted
            | TcpOption::WindowScale(_)
            | TcpOption::Other { .. } => None,
        })
    }
}

/// The flags of a segment, as on the wire (the eight of RFC 9293; the accurate-ECN bit beside them is not read).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Flags(u8);

impl Flags {
    /// No more data from the sender.
    pub const FIN: Self = Self(0x01);
    /// Synchronize sequence numbers.
    pub const SYN: Self = Self(0x02);
    /// Reset the connection.
    pub const RST: Self = Self(0x04);
    /// The acknowledgment number is significant.
    pub const ACK: Self = Self(0x10);

    /// Both sets.
    #[must_use]
    pub const fn and(self, others: Self) -> Self {
        Self(self.0 | others.0)
    }

    /// Whether all of `others` are set.
    #[must_use]
    pub const fn has(self, others: Self) -> bool {
        self.0 & others.0 == others.0
    }

    /// The byte on the wire.
    #[must_use]
    pub const fn bits(self) -> u8 {
        self.0
    }
}

/// Reads a segment from its TCP header on. Its checksum is not looked at: see [`checksum_ok`].
///
/// # Errors
/// [`Malformed::TooShort`] below 20 bytes, [`Malformed::HeaderLength`] where the data offset lies within them or beyond the end.
pub fn parse(segment: &[u8]) -> Result<Segment<'_>, Malformed> {
    let fixed: &[u8; HEADER_MIN_LEN] = segment.first_chunk().ok_or(Malformed::TooShort)?;
    let ports = parse_ports(segment)?;
    let header_len = usize::from(fixed[12] >> 4) * 4;
    let (header, payload) = segment.split_at_checked(header_len).ok_or(Malformed::HeaderLength)?;
    let options = header.get(HEADER_MIN_LEN..).ok_or(Malformed::HeaderLength)?;
    Ok(Segment {
        src_port: ports.src_port,
        dst_port: ports.dst_port,
        seq: ports.seq,
        ack: u32::from_be_bytes([fixed[8], fixed[9], fixed[10], fixed[11]]),
        flags: Flags(fixed[13]),
        window: u16::from_be_bytes([fixed[14], fixed[15]]),
        options,
        payload,
    })
}

/// The first eight bytes of a TCP header: all that RFC 792 promises of it in a quote.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ports {
    /// Source port.
    pub src_port: u16,
    /// Destination port.
    pub dst_port: u16,
    /// Sequence number.
    pub seq: u32,
}

/// Reads the first eight bytes of a TCP header.
///
/// # Errors
/// [`Malformed::TooShort`] below eight bytes.
pub fn parse_ports(segment: &[u8]) -> Result<Ports, Malformed> {
    let [a, b, c, d, seq @ ..] = *segment.first_chunk::<8>().ok_or(Malformed::TooShort)?;
    Ok(Ports {
        src_port: u16::from_be_bytes([a, b]),
        dst_port: u16::from_be_bytes([c, d]),
        seq: u32::from_be_bytes(seq),
    })
}

/// Whether the checksum of a whole segment is right.
///
/// Only for segments that crossed a wire. Between sockets and namespaces of one host the kernel leaves the checksum to hardware
/// that is never reached (`CHECKSUM_PARTIAL`), and raw and packet sockets then see the pseudo-header's sum in its place; packet
/// sockets say so with `TP_STATUS_CSUMNOTREADY`.
#[must_use]
pub fn checksum_ok(addrs: AddrPair, segment: &[u8]) -> bool {
    pseudo_header(addrs, ip::TCP, segment.len()).and(segment).checksum() == 0
}

/// One option of a TCP header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TcpOption {
    /// Padding between options.
    Nop,
    /// Maximum segment size.
    Mss(u16),
    /// Selective acknowledgments are understood (RFC 2018).
    SackPermitted,
    /// Timestamps.
    Timestamps(Timestamps),
    /// Shift of the window (RFC 7323 section 2).
    WindowScale(u8),
    /// Any other option, or one of these with a length it can't have.
    Other {
        /// Kind.
        kind: u8,
    },
}

/// The timestamps option (RFC 7323 section 3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timestamps {
    /// The sender's clock.
    pub val: u32,
    /// The last `val` received from the other side.
    pub echo: u32,
}

/// The options in order, up to the end-of-options mark or the first that is damaged.
pub fn options(mut bytes: &[u8]) -> impl Iterator<Item = TcpOption> {
    std::iter::from_fn(move || {
        let kind = *bytes.first().filter(|kind| **kind != KIND_END)?;
        let len = match kind {
            KIND_NOP => 1,
            _ => usize::from(*bytes.get(1).filter(|len| **len >= 2)?),
        };
        let (option, rest) = bytes.split_at_checked(len)?;
        bytes = rest;
        Some(parse_option(kind, option))
    })
}

fn parse_option(kind: u8, option: &[u8]) -> TcpOption {
    let other = TcpOption::Other { kind };
    match (kind, option.len()) {
        (KIND_NOP, 1) => TcpOption::Nop,
        (KIND_MSS, 4) => be16(option, 2).map_or(other, TcpOption::Mss),
        (KIND_SACK_PERMITTED, 2) => TcpOption::SackPermitted,
        (KIND_WINDOW_SCALE, 3) => TcpOption::WindowScale(option[2]),
        (KIND_TIMESTAMPS, 10) => match (be32(option, 2), be32(option, 6)) {
            (Some(val), Some(echo)) => TcpOption::Timestamps(Timestamps { val, echo }),
            (_, _) => other,
        },
        (_, _) => other,
    }
}

const KIND_END: u8 = 0;
const KIND_NOP: u8 = 1;
const KIND_MSS: u8 = 2;
const KIND_WINDOW_SCALE: u8 = 3;
const KIND_SACK_PERMITTED: u8 = 4;
const KIND_TIMESTAMPS: u8 = 8;
/// 40 bytes, in the upper half of the byte.
const DATA_OFFSET_10_WORDS: u8 = 0xa0;
/// The shift that Linux arrives at for its default `tcp_rmem` limit of 6 MiB, the first that brings it under 64 KiB.
const WINDOW_SHIFT: u8 = 7;

#[cfg(test)]
mod tests;
