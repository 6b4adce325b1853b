//! IPv4 (RFC 791) and IPv6 (RFC 8200) headers: read down to the transport, or written for header-included sockets.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::checksum::Sum;
use super::{Family, Malformed, NoRoom, be16, head};

/// Protocol number of ICMP.
pub const ICMP: u8 = 1;
/// Protocol number of TCP.
pub const TCP: u8 = 6;
/// Protocol number of UDP.
pub const UDP: u8 = 17;
/// Protocol number of ICMPv6.
pub const ICMPV6: u8 = 58;
/// Length of an IPv4 header without options, as [`emit`] writes it.
pub const V4_HEADER_LEN: usize = 20;
/// Length of the fixed IPv6 header, as [`emit`] writes it.
pub const V6_HEADER_LEN: usize = 40;
/// IPv6 extension headers followed before a packet is given up. RFC 8200 section 4.1 lists at most 5 before the transport that are
/// followed here; twice over is generous, and bounds the work that a forged packet can cause.
pub const MAX_EXTENSIONS: usize = 10;

/// Source and destination of a packet: of one family, by construction.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum AddrPair {
    /// IPv4.
    V4 {
        /// Source.
        src: Ipv4Addr,
        /// Destination.
        dst: Ipv4Addr,
    },
    /// IPv6.
    V6 {
        /// Source.
        src: Ipv6Addr,
        /// Destination.
        dst: Ipv6Addr,
    },
}

impl AddrPair {
    /// `None` where the families differ.
    #[must_use]
    pub const fn new(src: IpAddr, dst: IpAddr) -> Option<Self> {
        match (src, dst) {
            (IpAddr::V4(src), IpAddr::V4(dst)) => Some(Self::V4 { src, dst }),
            (IpAddr::V6(src), IpAddr::V6(dst)) => Some(Self::V6 { src, dst }),
            (IpAddr::V4(_), IpAddr::V6(_)) | (IpAddr::V6(_), IpAddr::V4(_)) => None,
        }
    }

    /// The source.
    #[must_use]
    pub const fn src(self) -> IpAddr {
        match self {
            Self::V4 { src, .. } => IpAddr::V4(src),
            Self::V6 { src, .. } => IpAddr::V6(src),
        }
    }

    /// The destination.
    #[must_use]
    pub const fn dst(self) -> IpAddr {
        match self {
            Self::V4 { dst, .. } => IpAddr::V4(dst),
            Self::V6 { dst, .. } => IpAddr::V6(dst),
        }
    }

    /// The version of both.
    #[must_use]
    pub const fn family(self) -> Family {
        match self {
            Self::V4 { .. } => Family::V4,
            Self::V6 { .. } => Family::V6,
        }
    }

    /// The pair of an answer: source and destination exchanged.
    #[must_use]
    pub const fn reversed(self) -> Self {
        match self {
            Self::V4 { src, dst } => Self::V4 { src: dst, dst: src },
            Self::V6 { src, dst } => Self::V6 { src: dst, dst: src },
        }
    }
}

/// A received packet, read down to its transport.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Datagram<'a> {
    /// Source and destination.
    pub addrs: AddrPair,
    /// Type of service, or traffic class.
    pub tos: u8,
    /// Time to live, or hop limit.
    pub ttl: u8,
    /// The protocol of `payload`: over IPv6 that of the last header.
    pub protocol: u8,
    /// Whether `payload` is all there was.
    pub fragment: Fragment,
    /// From the transport header to the end that the IP header claims, without padding of the link.
    pub payload: &'a [u8],
}

/// Whether a packet is one of several fragments.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fragment {
    /// Not fragmented.
    Whole,
    /// The first of several: the transport header is there, its checksum can't be verified. (Of later ones nothing can be read.)
    First,
}

/// Reads an IPv4 or IPv6 packet from its IP header on, by the version it carries.
///
/// # Errors
/// [`Malformed`] where there is no transport header to be found, or fewer bytes than the packet claims.
pub fn parse(packet: &[u8]) -> Result<Datagram<'_>, Malformed> {
    let header = parse_header(packet)?;
    if header.end > packet.len() {
        return Err(Malformed::Truncated);
    }
    let payload = packet
        .get(header.transport_at..header.end)
        .ok_or(Malformed::TotalLength)?;
    Ok(Datagram {
        addrs: header.addrs,
        tos: header.tos,
        ttl: header.ttl,
        protocol: header.protocol,
        fragment: header.fragment,
        payload,
    })
}

/// A header read as it stands: `end` is what it claims, which may be more than is there.
#[derive(Clone, Copy, Debug)]
pub(super) struct Header {
    pub(super) addrs: AddrPair,
    pub(super) tos: u8,
    pub(super) ttl: u8,
    pub(super) protocol: u8,
    pub(super) fragment: Fragment,
    /// Where the transport header begins.
    pub(super) transport_at: usize,
    /// Where the packet ends by its own account.
    pub(super) end: usize,
}

/// Reads the headers up to the transport.
pub(super) fn parse_header(packet: &[u8]) -> Result<Header, Malformed> {
    match packet.first().ok_or(Malformed::TooShort)? >> 4 {
        4 => parse_v4(packet),
        6 => parse_v6(packet),
        _ => Err(Malformed::Version),
    }
}

fn parse_v4(packet: &[u8]) -> Result<Header, Malformed> {
    let fixed: &[u8; V4_HEADER_LEN] = packet.first_chunk().ok_or(Malformed::TooShort)?;
    let header_len = usize::from(fixed[0] & 0x0f) * 4;
    if !(V4_HEADER_LEN..=packet.len()).contains(&header_len) {
        return Err(Malformed::HeaderLength);
    }
    let fragment = fragment(u16::from_be_bytes([fixed[6], fixed[7]]), 0x1fff, 0x2000)?;
    Ok(Header {
        addrs: AddrPair::V4 {
            src: Ipv4Addr::new(fixed[12], fixed[13], fixed[14], fixed[15]),
            dst: Ipv4Addr::new(fixed[16], fixed[17], fixed[18], fixed[19]),
        },
        tos: fixed[1],
        ttl: fixed[8],
        protocol: fixed[9],
        fragment,
        transport_at: header_len,
        end: usize::from(u16::from_be_bytes([fixed[2], fixed[3]])),
    })
}

fn parse_v6(packet: &[u8]) -> Result<Header, Malformed> {
    let fixed: &[u8; V6_HEADER_LEN] = packet.first_chunk().ok_or(Malformed::TooShort)?;
    let [src, dst] = [8, 24].map(|at| packet.get(at..).and_then(|rest| rest.first_chunk::<16>()));
    let (Some(src), Some(dst)) = (src, dst) else {
        return Err(Malformed::TooShort);
    };
    let chain = walk_extensions(packet, fixed[6])?;
    Ok(Header {
        addrs: AddrPair::V6 {
            src: Ipv6Addr::from(*src),
            dst: Ipv6Addr::from(*dst),
        },
        tos: (fixed[0] << 4) | (fixed[1] >> 4),
        ttl: fixed[7],
        protocol: chain.protocol,
        fragment: chain.fragment,
        transport_at: chain.transport_at,
        end: V6_HEADER_LEN + usize::from(u16::from_be_bytes([fixed[4], fixed[5]])),
    })
}

/// Where the chain of extension headers ends.
struct Chain {
    protocol: u8,
    fragment: Fragment,
    transport_at: usize,
}

/// Follows the extension headers that may stand before a transport: RFC 8200 section 4.
fn walk_extensions(packet: &[u8], first: u8) -> Result<Chain, Malformed> {
    let mut chain = Chain {
        protocol: first,
        fragment: Fragment::Whole,
        transport_at: V6_HEADER_LEN,
    };
    for position in 0..=MAX_EXTENSIONS {
        let at = chain.transport_at;
        let len = match chain.protocol {
            HOP_BY_HOP if position > 0 => return Err(Malformed::ExtensionChain),
            HOP_BY_HOP | ROUTING | DESTINATION_OPTIONS => {
                let units = packet.get(at + 1).ok_or(Malformed::TooShort)?;
                (usize::from(*units) + 1) * 8
            }
            FRAGMENT => {
                let field = be16(packet, at + 2).ok_or(Malformed::TooShort)?;
                chain.fragment = fragment(field, 0xfff8, 0x0001)?;
                8
            }
            _ => return Ok(chain),
        };
        chain.protocol = *packet.get(at).ok_or(Malformed::TooShort)?;
        chain.transport_at = at + len;
    }
    Err(Malformed::ExtensionChain)
}

const HOP_BY_HOP: u8 = 0;
const ROUTING: u8 = 43;
const FRAGMENT: u8 = 44;
const DESTINATION_OPTIONS: u8 = 60;

/// Reads the field that holds the fragment offset and the more-fragments bit, which the two families place differently.
fn fragment(field: u16, offset_mask: u16, more_bit: u16) -> Result<Fragment, Malformed> {
    if field & offset_mask != 0 {
        return Err(Malformed::LaterFragment);
    }
    Ok(if field & more_bit == 0 {
        Fragment::Whole
    } else {
        Fragment::First
    })
}

/// What the IP header of a probe says. Over IPv4 it has no options and forbids fragmentation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IpHeader {
    /// Source and destination.
    pub addrs: AddrPair,
    /// Protocol of the payload.
    pub protocol: u8,
    /// Time to live, or hop limit.
    pub ttl: u8,
    /// Type of service, or traffic class.
    pub tos: u8,
    /// IPv6 flow label, of which 20 bits are used; routers may hash it, so it is part of a flow. Ignored over IPv4.
    pub flow_label: u32,
}

impl IpHeader {
    /// Length of the header that [`emit`] writes.
    #[must_use]
    pub const fn header_len(self) -> usize {
        match self.addrs {
            AddrPair::V4 { .. } => V4_HEADER_LEN,
            AddrPair::V6 { .. } => V6_HEADER_LEN,
        }
    }
}

/// Writes the header at the front of `buf`, for a payload of `payload_len` bytes after it, and returns its length.
///
/// The IPv4 checksum is right, although a kernel computes it again for `IP_HDRINCL` (`raw_send_hdrinc`), so that the packet is
/// complete elsewhere too. The identification is 0: the kernel chooses one, and without fragmentation it means nothing (RFC 6864).
///
/// # Errors
/// [`NoRoom`] where `buf` is shorter than the header, or the payload longer than the length field can say.
pub fn emit(buf: &mut [u8], header: IpHeader, payload_len: usize) -> Result<usize, NoRoom> {
    match header.addrs {
        AddrPair::V4 { src, dst } => emit_v4(buf, header, payload_len, [src, dst]),
        AddrPair::V6 { src, dst } => emit_v6(buf, header, payload_len, [src, dst]),
    }
}

fn emit_v4(buf: &mut [u8], header: IpHeader, payload_len: usize, [src, dst]: [Ipv4Addr; 2]) -> Result<usize, NoRoom> {
    let total_len = length_field(V4_HEADER_LEN.saturating_add(payload_len), buf.len())?;
    let out = head::<V4_HEADER_LEN>(buf)?;
    out[..2].copy_from_slice(&[0x45, header.tos]);
    out[2..4].copy_from_slice(&total_len.to_be_bytes());
    out[4..6].fill(0);
    out[6..8].copy_from_slice(&DONT_FRAGMENT.to_be_bytes());
    out[8..12].copy_from_slice(&[header.ttl, header.protocol, 0, 0]);
    out[12..16].copy_from_slice(&src.octets());
    out[16..20].copy_from_slice(&dst.octets());
    let checksum = Sum::of(out).checksum();
    out[10..12].copy_from_slice(&checksum.to_be_bytes());
    Ok(V4_HEADER_LEN)
}

fn emit_v6(buf: &mut [u8], header: IpHeader, payload_len: usize, [src, dst]: [Ipv6Addr; 2]) -> Result<usize, NoRoom> {
    let payload_len = length_field(payload_len, buf.len())?;
    let out = head::<V6_HEADER_LEN>(buf)?;
    let first = 0x6000_0000 | u32::from(header.tos) << 20 | header.flow_label & 0x000f_ffff;
    out[..4].copy_from_slice(&first.to_be_bytes());
    out[4..6].copy_from_slice(&payload_len.to_be_bytes());
    out[6..8].copy_from_slice(&[header.protocol, header.ttl]);
    out[8..24].copy_from_slice(&src.octets());
    out[24..40].copy_from_slice(&dst.octets());
    Ok(V6_HEADER_LEN)
}

const DONT_FRAGMENT: u16 = 0x4000;

/// A length as IP writes it, in 16 bits.
fn length_field(needed: usize, given: usize) -> Result<u16, NoRoom> {
    u16::try_from(needed).map_err(|_| NoRoom { needed, given })
}

#[cfg(test)]
mod tests;
