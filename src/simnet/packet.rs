//! A packet on its way through the model.

use std::hash::Hasher;

use siphasher::sip::SipHasher13;

use crate::units::Mono;
use crate::wire::ip::{self, Fragment};
use crate::wire::{AddrPair, Family, Malformed};

/// Which packet of the host all this goes back to: itself, or the one that an answer answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cause {
    /// The how-many-th packet of the host, from 0.
    pub serial: u64,
    /// When the host sent it.
    pub sent_at: Mono,
}

/// A packet on its way. What routers and links look at has been read once, when it entered.
#[derive(Clone, Debug)]
pub(super) struct Packet {
    /// From the IP header on.
    pub(super) bytes: Vec<u8>,
    pub(super) addrs: AddrPair,
    /// Of the transport.
    pub(super) protocol: u8,
    /// What is left of it here.
    pub(super) ttl: u8,
    /// Offset of the transport header in `bytes`.
    pub(super) transport_at: usize,
    /// What flow-hashing routers see: equal for packets of one flow (see `flow_hash`).
    pub(super) flow: u64,
    pub(super) cause: Cause,
}

impl Packet {
    /// Reads the headers of `bytes` and cuts off what follows the end that they claim.
    ///
    /// # Errors
    /// Why it can't be read, and the bytes for their next use. A fragment other than the first is no packet here.
    pub(super) fn read(mut bytes: Vec<u8>, cause: Cause) -> Result<Self, (Malformed, Vec<u8>)> {
        let (addrs, protocol, ttl, transport_at, end) = match ip::parse(&bytes) {
            Ok(read) => {
                let transport_at = offset_in(&bytes, read.payload);
                (
                    read.addrs,
                    read.protocol,
                    read.ttl,
                    transport_at,
                    transport_at + read.payload.len(),
                )
            }
            Err(why) => return Err((why, bytes)),
        };
        bytes.truncate(end);
        let flow = flow_hash(&bytes, addrs.family(), protocol, transport_at);
        Ok(Self {
            bytes,
            addrs,
            protocol,
            ttl,
            transport_at,
            flow,
            cause,
        })
    }

    /// From the transport header on.
    pub(super) fn transport(&self) -> &[u8] {
        self.bytes.get(self.transport_at..).unwrap_or_default()
    }

    /// Whether it is no fragment, so that its transport can be verified and answered. (Nothing here puts fragments together.)
    pub(super) fn is_whole(&self) -> bool {
        ip::parse(&self.bytes).is_ok_and(|read| read.fragment == Fragment::Whole)
    }

    /// Whether an IPv4 packet may be fragmented on the way. Those of IPv6 never are.
    pub(super) fn may_be_fragmented(&self) -> bool {
        matches!((self.addrs, self.bytes.get(6)), (AddrPair::V4 { .. }, Some(flags)) if flags & DONT_FRAGMENT == 0)
    }

    /// Type of service, or traffic class.
    pub(super) fn traffic_class(&self) -> u8 {
        match (self.addrs, self.bytes.as_slice()) {
            (AddrPair::V4 { .. }, [_, tos, ..]) => *tos,
            (AddrPair::V6 { .. }, [high, low, ..]) => high << 4 | low >> 4,
            (_, _) => 0,
        }
    }

    /// Sets the TTL, in the bytes too. Over IPv4 the header checksum is updated, not computed anew (RFC 1624), so that one that
    /// arrived wrong stays wrong.
    pub(super) fn set_ttl(&mut self, ttl: u8) {
        self.ttl = ttl;
        match (self.addrs, self.bytes.as_mut_slice()) {
            (AddrPair::V4 { .. }, [_, _, _, _, _, _, _, _, ttl, protocol, high, low, ..]) => {
                let before = u16::from_be_bytes([*ttl, *protocol]);
                *ttl = self.ttl;
                let after = u16::from_be_bytes([*ttl, *protocol]);
                [*high, *low] = updated(u16::from_be_bytes([*high, *low]), before, after).to_be_bytes();
            }
            (AddrPair::V6 { .. }, [_, _, _, _, _, _, _, ttl, ..]) => *ttl = self.ttl,
            (_, _) => {}
        }
    }
}

/// The checksum of data in which the word `before` became `after`: equation 3 of RFC 1624.
fn updated(checksum: u16, before: u16, after: u16) -> u16 {
    !add(add(!checksum, !before), after)
}

/// One's complement addition.
fn add(a: u16, b: u16) -> u16 {
    let (sum, carried) = a.overflowing_add(b);
    sum.wrapping_add(u16::from(carried))
}

/// Where `part`, a slice of `whole`, begins.
fn offset_in(whole: &[u8], part: &[u8]) -> usize {
    part.as_ptr().addr() - whole.as_ptr().addr()
}

/// Hashes what ECMP routers hash: addresses, protocol, the first four bytes of the transport (ports, or type, code and checksum of
/// ICMP), and the IPv6 flow label.
///
/// The checksum of a plain ping changes with every sequence number, so plain pings spread over all paths and those that hold it
/// constant keep to one. Bytes that are not there count as none. The key is fixed, so that a seed alone decides about a run.
///
/// Of an ICMP error only the addresses and the flow label of the packet that it quotes count (`ip_multipath_l3_keys`,
/// `ip6_multipath_l3_keys`): errors about one target take one way back, though their checksums differ.
fn flow_hash(bytes: &[u8], family: Family, protocol: u8, transport_at: usize) -> u64 {
    let mut hasher = SipHasher13::new_with_keys(FLOW_KEY[0], FLOW_KEY[1]);
    let transport = bytes.get(transport_at..).unwrap_or_default();
    if let Some(quoted) = quoted_header(family, protocol, transport) {
        hash_header(&mut hasher, family, quoted);
        return hasher.finish();
    }
    hash_header(&mut hasher, family, bytes);
    hasher.write(&[protocol]);
    hasher.write(transport.get(..4).unwrap_or(transport));
    hasher.finish()
}

/// Addresses, and the flow label where there is one.
fn hash_header(hasher: &mut SipHasher13, family: Family, header: &[u8]) {
    match family {
        Family::V4 => hasher.write(header.get(12..20).unwrap_or_default()),
        Family::V6 => {
            hasher.write(header.get(8..40).unwrap_or_default());
            if let [_, high, middle, low, ..] = *header {
                hasher.write(&[high & 0x0f, middle, low]);
            }
        }
    }
}

/// The IP header that an ICMP error quotes, where it quotes a whole one.
fn quoted_header(family: Family, protocol: u8, transport: &[u8]) -> Option<&[u8]> {
    let (icmp_type, quote) = (*transport.first()?, transport.get(8..)?);
    let (is_error, version, len) = match family {
        Family::V4 => (
            protocol == ip::ICMP && matches!(icmp_type, 3..=5 | 11 | 12),
            4,
            ip::V4_HEADER_LEN,
        ),
        Family::V6 => (
            protocol == ip::ICMPV6 && matches!(icmp_type, 1..=4),
            6,
            ip::V6_HEADER_LEN,
        ),
    };
    (is_error && quote.first()? >> 4 == version && quote.len() >= len).then_some(quote)
}

/// In the upper byte of the field that it shares with the fragment offset.
const DONT_FRAGMENT: u8 = 0x40;
/// Any two numbers would do: nobody attacks a model. Another pair spreads the flows of every topology anew.
const FLOW_KEY: [u64; 2] = [0x7061_7468_6a69_7474, 0x6572_2073_696d_6e65];

#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;
