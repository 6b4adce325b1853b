//! The packet that an ICMP error quotes: ours, as the router saw it, from its IP header to wherever the router stopped copying.
//!
//! RFC 792 promises eight bytes after the IPv4 header (with its options); RFC 1812 section 4.3.2.3 and RFC 4443 section 2.4 ask for
//! as much as fits. So the length that the quoted header claims is usually beyond the end, and eight bytes of transport are enough.
//! Fields that routers and NATs rewrite on the way (TTL, TOS, the checksums) are given as quoted: none may be relied on for matching.

use super::ip::{self, Header};
use super::{AddrPair, Malformed, icmp, tcp};

/// A quoted packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quote<'a> {
    /// Source and destination: the source is ours.
    pub addrs: AddrPair,
    /// Time to live or hop limit on arrival at the router: 0 or 1 normally where it expired, more behind tunnels that hide hops.
    pub ttl: u8,
    /// Type of service or traffic class on arrival at the router.
    pub tos: u8,
    /// The protocol of the transport.
    pub protocol: u8,
    /// The transport.
    pub transport: Transport<'a>,
}

/// The transport of a quoted packet, from its first eight bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transport<'a> {
    /// An echo request of either family.
    Echo {
        /// Identifier and sequence number.
        id: icmp::EchoId,
        /// The checksum it was sent with.
        checksum: u16,
        /// As much of the payload as was quoted.
        payload: &'a [u8],
    },
    /// A TCP segment.
    Tcp(tcp::Ports),
    /// A UDP datagram.
    Udp {
        /// Source port.
        src_port: u16,
        /// Destination port.
        dst_port: u16,
        /// The checksum it was sent with.
        checksum: u16,
        /// As much of the payload as was quoted.
        payload: &'a [u8],
    },
    /// Anything else, other ICMP messages included.
    Other,
}

/// Reads a quoted packet of either family.
///
/// # Errors
/// [`Malformed`] where the quote ends before eight bytes of a transport this module knows, or is of a later fragment.
pub fn parse(quote: &[u8]) -> Result<Quote<'_>, Malformed> {
    let header = ip::parse_header(quote)?;
    let bytes = transport_bytes(quote, &header).ok_or(Malformed::TooShort)?;
    let transport = match (header.protocol, header.addrs) {
        (ip::TCP, _) => Transport::Tcp(tcp::parse_ports(bytes)?),
        (ip::UDP, _) => parse_udp(bytes)?,
        (ip::ICMP, AddrPair::V4 { .. }) => parse_echo(bytes, icmp::V4_ECHO_REQUEST)?,
        (ip::ICMPV6, AddrPair::V6 { .. }) => parse_echo(bytes, icmp::V6_ECHO_REQUEST)?,
        (_, _) => Transport::Other,
    };
    Ok(Quote {
        addrs: header.addrs,
        ttl: header.ttl,
        tos: header.tos,
        protocol: header.protocol,
        transport,
    })
}

/// From the transport header to the end that was claimed or quoted, whichever comes first.
///
/// A claim too small for eight bytes of transport is disbelieved: some stacks quote the length without the header, or with its
/// bytes swapped (seen with 4.4BSD heritage), and the addresses and ports are good all the same.
fn transport_bytes<'a>(quote: &'a [u8], header: &Header) -> Option<&'a [u8]> {
    let end = if header.end < header.transport_at + TRANSPORT_MIN {
        quote.len()
    } else {
        header.end.min(quote.len())
    };
    quote.get(header.transport_at..end)
}

fn parse_echo(bytes: &[u8], request: u8) -> Result<Transport<'_>, Malformed> {
    let (header, payload) = bytes.split_first_chunk::<TRANSPORT_MIN>().ok_or(Malformed::TooShort)?;
    let [icmp_type, _code, sum_high, sum_low, id_high, id_low, seq_high, seq_low] = *header;
    if icmp_type != request {
        return Ok(Transport::Other);
    }
    Ok(Transport::Echo {
        id: icmp::EchoId {
            ident: u16::from_be_bytes([id_high, id_low]),
            sequence: u16::from_be_bytes([seq_high, seq_low]),
        },
        checksum: u16::from_be_bytes([sum_high, sum_low]),
        payload,
    })
}

fn parse_udp(bytes: &[u8]) -> Result<Transport<'_>, Malformed> {
    let (header, payload) = bytes.split_first_chunk::<TRANSPORT_MIN>().ok_or(Malformed::TooShort)?;
    let [src_high, src_low, dst_high, dst_low, _, _, sum_high, sum_low] = *header;
    Ok(Transport::Udp {
        src_port: u16::from_be_bytes([src_high, src_low]),
        dst_port: u16::from_be_bytes([dst_high, dst_low]),
        checksum: u16::from_be_bytes([sum_high, sum_low]),
        payload,
    })
}

/// What RFC 792 promises.
const TRANSPORT_MIN: usize = 8;

#[cfg(test)]
mod tests;
