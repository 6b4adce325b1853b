//! A backend: answers echo requests and SYNs as its settings say, stalls, restarts.

use std::net::IpAddr;

use super::ledger::DropReason;
use super::outbox::Outbox;
use super::packet::Packet;
use super::random::Stream;
use super::topology::BackendSettings;
use crate::units::Mono;

/// A backend of the model.
#[derive(Debug)]
pub(super) struct Backend {
    random: Stream,
}

/// What a backend does with a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Taken {
    /// It answered, or will when its time comes, or had nothing to say.
    Consumed,
    /// It lost it.
    Dropped(DropReason),
}

impl Backend {
    /// A backend with these addresses.
    pub(super) fn new(_addresses: &[IpAddr], _settings: &BackendSettings, _random: Stream, _now: Mono) -> Self {
        unimplemented!()
    }

    /// The settings changed at `now`: a port closed, a stall began or ended.
    pub(super) fn reconfigure(&mut self, _now: Mono, _settings: &BackendSettings, _out: &mut Outbox) {
        unimplemented!()
    }

    /// Whether it is off: it does not even answer ARP.
    pub(super) fn is_off(&self) -> bool {
        unimplemented!()
    }

    /// A packet for one of its addresses arrives.
    pub(super) fn handle_packet(&mut self, _now: Mono, _packet: &Packet, _out: &mut Outbox) -> Taken {
        unimplemented!()
    }

    /// When [`handle_deadline`](Self::handle_deadline) next has something to do: a SYN-ACK to repeat, an entry to forget.
    pub(super) fn next_deadline(&self) -> Option<Mono> {
        unimplemented!()
    }

    /// Does what is due at `now`.
    pub(super) fn handle_deadline(&mut self, _now: Mono, _out: &mut Outbox) {
        unimplemented!()
    }
}
