//! A router: TTL, ICMP errors within its limits, filters.

use std::net::IpAddr;

use super::ledger::DropReason;
use super::outbox::Outbox;
use super::packet::Packet;
use super::random::Stream;
use super::topology::RouterSettings;
use crate::units::Mono;

/// A router of the model. Where packets go is decided in `routes`.
#[derive(Debug)]
pub(super) struct Router {
    random: Stream,
}

/// What a router does with a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Transit {
    /// Forwards it; its TTL has been decremented.
    Forward,
    /// Keeps it, and may have answered.
    Dropped(DropReason),
    /// It was for this router, which has answered or had nothing to say.
    Consumed,
}

impl Router {
    /// A router with these addresses.
    pub(super) fn new(_addresses: &[IpAddr], _settings: &RouterSettings, _random: Stream, _now: Mono) -> Self {
        unimplemented!()
    }

    /// The settings changed at `now`. Buckets whose limit stays the same keep their state.
    pub(super) fn reconfigure(&mut self, _now: Mono, _settings: &RouterSettings) {
        unimplemented!()
    }

    /// A packet arrives, to be forwarded or for this router itself.
    pub(super) fn handle_packet(&mut self, _now: Mono, _packet: &mut Packet, _out: &mut Outbox) -> Transit {
        unimplemented!()
    }

    /// There is no route for a packet that [`Transit::Forward`] was said of.
    pub(super) fn handle_no_route(&mut self, _now: Mono, _packet: &Packet, _out: &mut Outbox) {
        unimplemented!()
    }

    /// The next link is too small for a packet. Returns whether it goes on all the same, as fragments that nobody here tells apart
    /// from the whole (IPv4 without DF).
    pub(super) fn handle_too_big(&mut self, _now: Mono, _packet: &Packet, _mtu: u16, _out: &mut Outbox) -> bool {
        unimplemented!()
    }

    /// The next hop is the destination itself and does not answer ARP or neighbour solicitation.
    pub(super) fn handle_dead_neighbour(&mut self, _now: Mono, _packet: &Packet, _out: &mut Outbox) {
        unimplemented!()
    }

    /// Whether each packet is balanced for itself, instead of each flow.
    pub(super) fn balances_packets(&self) -> bool {
        unimplemented!()
    }
}
