//! ICMP (RFC 792) and ICMPv6 (RFC 4443): echo requests out; replies and errors in.

use super::checksum::{FixedChecksum, Sum, pseudo_header};
use super::{AddrPair, Family, Malformed, NoRoom, be16, be32, head, ip};

/// Length of the header of an echo message; the payload begins here.
pub const ECHO_HEADER_LEN: usize = 8;
/// Length of an echo message with room for the word that holds its checksum: [`EchoChecksum::Held`].
pub const HELD_ECHO_MIN_LEN: usize = ECHO_HEADER_LEN + 2;

/// What an echo request and its reply share.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct EchoId {
    /// Identifier. Datagram sockets overwrite it with their own.
    pub ident: u16,
    /// Sequence number.
    pub sequence: u16,
}

/// How the checksum of an echo request comes about.
///
/// Load balancers on the path hash the first words of an ICMP message, and the checksum changes with each sequence number, so that
/// ordinary pings spread over all paths (measured for traceroute by Augustin et al., "Avoiding traceroute anomalies with Paris
/// traceroute", IMC 2006). Holding it constant keeps a target on one path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EchoChecksum {
    /// As the content has it. The first two bytes of the payload are sent as they are.
    Natural,
    /// Held at this value by overwriting the first two bytes of the payload.
    ///
    /// Over ICMPv6 the value is that of the message without its pseudo-header. The kernel adds that, which is the same for all
    /// packets between two addresses, so what is on the wire is another constant.
    Held(FixedChecksum),
}

/// Makes `message`, in which the payload is already in place from [`ECHO_HEADER_LEN`] on, an echo request.
///
/// Over IPv6 the checksum field is left zero, for the kernel always computes it on ICMPv6 sockets (RFC 3542 section 3.1).
/// For packets that no kernel completes, call [`fill_v6_checksum`].
///
/// # Errors
/// [`NoRoom`] where `message` is shorter than [`ECHO_HEADER_LEN`], or with a held checksum than [`HELD_ECHO_MIN_LEN`].
pub fn emit_echo_request(message: &mut [u8], family: Family, id: EchoId, checksum: EchoChecksum) -> Result<(), NoRoom> {
    let icmp_type = match family {
        Family::V4 => V4_ECHO_REQUEST,
        Family::V6 => V6_ECHO_REQUEST,
    };
    let header = head::<ECHO_HEADER_LEN>(message)?;
    header[..4].copy_from_slice(&[icmp_type, 0, 0, 0]);
    header[4..6].copy_from_slice(&id.ident.to_be_bytes());
    header[6..8].copy_from_slice(&id.sequence.to_be_bytes());
    let value = match checksum {
        EchoChecksum::Natural => natural_checksum(message, family),
        EchoChecksum::Held(held) => {
            head::<HELD_ECHO_MIN_LEN>(message)?[HELD_WORD].fill(0);
            let word = held.word_for(Sum::of(message));
            head::<HELD_ECHO_MIN_LEN>(message)?[HELD_WORD].copy_from_slice(&word.to_be_bytes());
            held.get()
        }
    };
    if family == Family::V4 {
        head::<ECHO_HEADER_LEN>(message)?[CHECKSUM].copy_from_slice(&value.to_be_bytes());
    }
    Ok(())
}

/// Not computed where it would not be used.
fn natural_checksum(message: &[u8], family: Family) -> u16 {
    match family {
        Family::V4 => Sum::of(message).checksum(),
        Family::V6 => 0,
    }
}

/// Computes the checksum of an ICMPv6 message, pseudo-header included, and writes it. Nothing happens to less than a header.
pub fn fill_v6_checksum(message: &mut [u8], addrs: AddrPair) {
    if let Ok(header) = head::<ECHO_HEADER_LEN>(message) {
        header[CHECKSUM].fill(0);
        let checksum = pseudo_header(addrs, ip::ICMPV6, message.len()).and(message).checksum();
        if let Ok(header) = head::<ECHO_HEADER_LEN>(message) {
            header[CHECKSUM].copy_from_slice(&checksum.to_be_bytes());
        }
    }
}

/// Whether the checksum of a received ICMPv4 message is right. A raw socket gets its copy before the kernel looks at the checksum
/// (`icmp_rcv`), so the receiver must; ICMPv6 raw sockets are spared bad ones (`rawv6_rcv`).
#[must_use]
pub fn checksum_ok(message: &[u8]) -> bool {
    Sum::of(message).checksum() == 0
}

/// As [`checksum_ok`], for ICMPv6 messages that come from a packet socket, which no kernel has verified.
#[must_use]
pub fn v6_checksum_ok(message: &[u8], addrs: AddrPair) -> bool {
    pseudo_header(addrs, ip::ICMPV6, message.len()).and(message).checksum() == 0
}

/// A received ICMP or ICMPv6 message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Message<'a> {
    /// Echo request.
    EchoRequest {
        /// Identifier and sequence number.
        id: EchoId,
        /// All that follows the header.
        payload: &'a [u8],
    },
    /// Echo reply.
    EchoReply {
        /// Identifier and sequence number.
        id: EchoId,
        /// All that follows the header.
        payload: &'a [u8],
    },
    /// Destination unreachable: type 3, over IPv6 type 1.
    Unreachable {
        /// Code, by family.
        code: u8,
        /// Next-hop MTU of IPv4 code 4 (RFC 1191 section 4), where the router gives one.
        mtu: Option<u16>,
        /// The packet that caused it.
        body: ErrorBody<'a>,
    },
    /// Time exceeded: type 11, over IPv6 type 3.
    TimeExceeded {
        /// 0 in transit, 1 in reassembly.
        code: u8,
        /// The packet that caused it.
        body: ErrorBody<'a>,
    },
    /// Packet too big (IPv6 only; over IPv4 it is an unreachable of code 4).
    PacketTooBig {
        /// MTU of the next hop.
        mtu: u32,
        /// The packet that caused it.
        body: ErrorBody<'a>,
    },
    /// Parameter problem: type 12, over IPv6 type 4.
    ParameterProblem {
        /// Code, by family.
        code: u8,
        /// Offset of the byte that is wrong, into the quoted packet.
        pointer: u32,
        /// The packet that caused it.
        body: ErrorBody<'a>,
    },
    /// Anything else.
    Other {
        /// Type.
        icmp_type: u8,
        /// Code.
        code: u8,
    },
}

/// What follows the header of an ICMP error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ErrorBody<'a> {
    /// The packet that caused the error, from its IP header on, cut short anywhere: see [`super::quote::parse`].
    pub quote: &'a [u8],
    /// The extension structure (RFC 4884 section 7, MPLS labels and the like) from its header on; empty where there is none that is
    /// intact.
    pub extensions: &'a [u8],
}

/// Reads a message from its ICMP header on. Its checksum is not looked at: see [`checksum_ok`].
///
/// # Errors
/// [`Malformed::TooShort`] below eight bytes. A quote is given as it is, readable or not.
pub fn parse(family: Family, message: &[u8]) -> Result<Message<'_>, Malformed> {
    let (header, rest) = message
        .split_first_chunk::<ECHO_HEADER_LEN>()
        .ok_or(Malformed::TooShort)?;
    let [icmp_type, code, ..] = *header;
    let id = EchoId {
        ident: u16::from_be_bytes([header[4], header[5]]),
        sequence: u16::from_be_bytes([header[6], header[7]]),
    };
    // RFC 4884 section 4: the length of the quote, in words of 4 or 8 bytes, in a byte that was unused before.
    let body_v4 = || ErrorBody::split(rest, usize::from(header[5]) * 4);
    let body_v6 = || ErrorBody::split(rest, usize::from(header[4]) * 8);
    let unextended = ErrorBody {
        quote: rest,
        extensions: &[],
    };
    let word = be32(header, 4).unwrap_or_default();
    Ok(match (family, icmp_type) {
        (Family::V4, 0) | (Family::V6, 129) => Message::EchoReply { id, payload: rest },
        (Family::V4, V4_ECHO_REQUEST) | (Family::V6, V6_ECHO_REQUEST) => Message::EchoRequest { id, payload: rest },
        (Family::V4, 3) => Message::Unreachable {
            code,
            mtu: Some(id.sequence).filter(|mtu| code == 4 && *mtu != 0),
            body: body_v4(),
        },
        (Family::V6, 1) => Message::Unreachable {
            code,
            mtu: None,
            body: body_v6(),
        },
        (Family::V4, 11) => Message::TimeExceeded { code, body: body_v4() },
        (Family::V6, 3) => Message::TimeExceeded { code, body: body_v6() },
        (Family::V6, 2) => Message::PacketTooBig {
            mtu: word,
            body: unextended,
        },
        (Family::V4, 12) => Message::ParameterProblem {
            code,
            pointer: u32::from(header[4]),
            body: body_v4(),
        },
        (Family::V6, 4) => Message::ParameterProblem {
            code,
            pointer: word,
            body: unextended,
        },
        (Family::V4 | Family::V6, _) => Message::Other { icmp_type, code },
    })
}

impl<'a> ErrorBody<'a> {
    /// Splits what follows the header by `claimed`, the length of the quote in bytes, 0 where the field was not filled in.
    ///
    /// * A claim of at least 128 bytes that fits is taken (RFC 4884 section 4.1 asks for 128 where extensions follow). The quote
    ///   ends there; what follows counts only if it is an intact extension structure.
    /// * Without a claim, an intact structure *with* a checksum at byte 128 is taken too: routers older than the RFC append it so
    ///   (section 5.5). Without the checksum it could as well be payload of the quoted packet.
    /// * Any other claim is disbelieved: all of it is quote.
    fn split(rest: &'a [u8], claimed: usize) -> Self {
        let whole = Self {
            quote: rest,
            extensions: &[],
        };
        let at = claimed.max(EXTENDED_QUOTE_MIN);
        let Some((quote, extensions)) = rest.split_at_checked(at) else {
            return whole;
        };
        match (claimed, Integrity::of(extensions)) {
            (0 | EXTENDED_QUOTE_MIN.., Integrity::Verified) | (EXTENDED_QUOTE_MIN.., Integrity::Unchecked) => {
                Self { quote, extensions }
            }
            (EXTENDED_QUOTE_MIN.., Integrity::Broken) => Self { quote, extensions: &[] },
            (_, _) => whole,
        }
    }
}

/// What can be said of an extension structure: RFC 4884 section 7.
enum Integrity {
    /// Version 2, checksum right.
    Verified,
    /// Version 2, sent without a checksum.
    Unchecked,
    /// Too short, of another version, or damaged.
    Broken,
}

impl Integrity {
    fn of(extensions: &[u8]) -> Self {
        let version = extensions.first().map(|byte| byte >> 4);
        match (version, be16(extensions, 2)) {
            (Some(2), Some(0)) => Self::Unchecked,
            (Some(2), Some(_)) if Sum::of(extensions).checksum() == 0 => Self::Verified,
            (_, _) => Self::Broken,
        }
    }
}

pub(super) const V4_ECHO_REQUEST: u8 = 8;
pub(super) const V6_ECHO_REQUEST: u8 = 128;
const CHECKSUM: std::ops::Range<usize> = 2..4;
/// The bytes that hold a checksum constant: the first of the payload, so that the rest of it stays the caller's.
const HELD_WORD: std::ops::Range<usize> = ECHO_HEADER_LEN..HELD_ECHO_MIN_LEN;
/// Shortest quote that extensions may follow.
const EXTENDED_QUOTE_MIN: usize = 128;

#[cfg(test)]
mod tests;
