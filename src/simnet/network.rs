//! The model as a whole: packets of the host in, packets for the host out, everything between them in order of time.

use super::ledger::Ledger;
use super::packet::Cause;
use super::topology::Topology;
use crate::units::Mono;

/// A network in motion.
///
/// Call order: [`handle_packet`](Self::handle_packet) for what the host sends, with moments that never go back;
/// [`poll_delivery`](Self::poll_delivery) until `None`, at the latest when [`next_deadline`](Self::next_deadline) has come.
#[derive(Debug)]
pub struct Network {}

/// A packet for the host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Delivery {
    /// When it reaches the host.
    pub due: Mono,
    /// The packet of the host that it answers: `due - cause.sent_at` is the true RTT.
    pub cause: Cause,
}

impl Network {
    /// The network of a topology, at rest, as of `start`. The times of its events count from there.
    #[must_use]
    pub fn new(_topology: &Topology, _seed: u64, _start: Mono) -> Self {
        unimplemented!()
    }

    /// The host sends a packet, from its IP header on. What can't be read is counted and dropped.
    pub fn handle_packet(&mut self, _now: Mono, _packet: &[u8]) -> Cause {
        unimplemented!()
    }

    /// When something happens next.
    #[must_use]
    pub fn next_deadline(&self) -> Option<Mono> {
        unimplemented!()
    }

    /// Moves on to `now` and takes out the next packet that has reached the host by then, in order of time, into `packet`, which is
    /// emptied first.
    pub fn poll_delivery(&mut self, _now: Mono, _packet: &mut Vec<u8>) -> Option<Delivery> {
        unimplemented!()
    }

    /// Whether the host itself stands still just now (an event on the host).
    #[must_use]
    pub fn host_is_stalled(&self) -> bool {
        unimplemented!()
    }

    /// What really happened so far.
    #[must_use]
    pub fn ledger(&self) -> &Ledger {
        unimplemented!()
    }
}
