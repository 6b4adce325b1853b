//! Bytes to values and back: IPv4, IPv6, ICMP, ICMPv6, TCP, UDP, and the packets that ICMP errors quote.
//!
//! Everything here is a pure function of its arguments: no socket, no clock, no allocation, no panic on any input. Parsers borrow
//! from the bytes they are given; emitters write into a buffer of the caller.
//!
//! Bytes from the network are never an error that stops anything. What can't be read is [`Malformed`], with the reason, which the
//! caller counts. Three mistakes that cost other probers replies are ruled out by construction:
//! * the IPv4 header is as long as it says, also in quotes (RFC 791 section 3.1, options), never 20 bytes by assumption;
//! * the end of a packet is the lesser of what it claims and what was received: padding is no payload, and a packet cut short is
//!   [`Malformed::Truncated`], not a packet of zeros;
//! * the quote in an ICMP error may end anywhere after the eight bytes that RFC 792 guarantees, and may be followed by extensions
//!   (RFC 4884), which are no part of it.
//!
//! Where to start: a raw IPv4 socket or a packet socket delivers IP headers, so [`ip::parse`], then [`icmp::parse`] or
//! [`tcp::parse`] on its payload. A raw ICMPv6 or IPv6 TCP socket delivers the payload alone. An ICMP error carries a
//! [`icmp::ErrorBody`], whose quote [`quote::parse`] reads, and whose extensions [`extensions::label_stack`].

pub mod checksum;
pub mod extensions;
pub mod icmp;
pub mod ip;
pub mod quote;
pub mod tcp;
pub mod udp;

use std::fmt;

pub use ip::AddrPair;

/// The version of IP.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Family {
    /// IPv4.
    V4,
    /// IPv6.
    V6,
}

/// Why received bytes could not be read. Not an error: the packet is ignored and counted under this reason.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Malformed {
    /// Fewer bytes than the fixed part of the header.
    TooShort,
    /// Neither IPv4 nor IPv6, or not the version asked for.
    Version,
    /// A header length below the minimum, or beyond the end of the packet.
    HeaderLength,
    /// The IP header claims a packet shorter than itself.
    TotalLength,
    /// The IP header claims more bytes than were received.
    Truncated,
    /// A fragment other than the first: it holds no transport header.
    LaterFragment,
    /// More IPv6 extension headers than [`ip::MAX_EXTENSIONS`], or a hop-by-hop header that is not the first.
    ExtensionChain,
    /// The checksum is wrong. No parser here says so: it is for callers of [`icmp::checksum_ok`] and its like.
    Checksum,
}

impl Malformed {
    /// Every reason, in the order of declaration: `ALL[reason.index()] == reason`.
    pub const ALL: [Self; 8] = [
        Self::TooShort,
        Self::Version,
        Self::HeaderLength,
        Self::TotalLength,
        Self::Truncated,
        Self::LaterFragment,
        Self::ExtensionChain,
        Self::Checksum,
    ];

    /// The position in [`Malformed::ALL`], for tables of counters.
    #[must_use]
    pub const fn index(self) -> usize {
        match self {
            Self::TooShort => 0,
            Self::Version => 1,
            Self::HeaderLength => 2,
            Self::TotalLength => 3,
            Self::Truncated => 4,
            Self::LaterFragment => 5,
            Self::ExtensionChain => 6,
            Self::Checksum => 7,
        }
    }

    /// The name in metric labels.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::TooShort => "too_short",
            Self::Version => "version",
            Self::HeaderLength => "header_length",
            Self::TotalLength => "total_length",
            Self::Truncated => "truncated",
            Self::LaterFragment => "later_fragment",
            Self::ExtensionChain => "extension_chain",
            Self::Checksum => "checksum",
        }
    }
}

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The buffer given to an emitter can't hold the packet (or the packet is larger than IP can carry). Nothing useful was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no room for the packet: {needed} bytes needed, {given} given")]
pub struct NoRoom {
    /// Bytes that the packet needs.
    pub needed: usize,
    /// Bytes that the buffer has.
    pub given: usize,
}

/// The first `N` bytes of `buf`, to be written.
fn head<const N: usize>(buf: &mut [u8]) -> Result<&mut [u8; N], NoRoom> {
    let given = buf.len();
    buf.first_chunk_mut().ok_or(NoRoom { needed: N, given })
}

/// The big-endian 16-bit word at `at`.
fn be16(bytes: &[u8], at: usize) -> Option<u16> {
    bytes.get(at..)?.first_chunk().copied().map(u16::from_be_bytes)
}

/// The big-endian 32-bit word at `at`.
fn be32(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..)?.first_chunk().copied().map(u32::from_be_bytes)
}

#[cfg(test)]
pub(crate) mod captures;
#[cfg(test)]
pub(crate) mod handmade;
#[cfg(test)]
mod props;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reason_has_its_place_in_the_table_and_a_name_of_its_own() {
        for (place, reason) in Malformed::ALL.into_iter().enumerate() {
            assert_eq!(reason.index(), place);
            let namesakes = Malformed::ALL.iter().filter(|other| other.as_str() == reason.as_str());
            assert_eq!(namesakes.count(), 1, "{reason}");
        }
    }
}
