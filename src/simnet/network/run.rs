//! The way of packets through the network, and all else that happens on the agenda.

use std::mem;
use std::time::Duration;

use super::super::backend::Taken;
use super::super::ledger::{DropReason, ElementId, Target};
use super::super::link::Carried;
use super::super::outbox::Outgoing;
use super::super::packet::{Cause, Packet};
use super::super::router::Transit;
use super::super::routes::Choice;
use super::super::topology::expand::{NodeId, PipeId};
use super::agenda::What;
use super::changes::Promptness;
use super::flights::{Flight, FlightId};
use super::{Arrived, Network, Place};
use crate::units::Mono;
use crate::wire::{Family, Malformed};

impl Network {
    /// Does all that is due by `now`.
    pub(super) fn advance(&mut self, now: Mono) {
        while self.step(now) {}
    }

    /// Does what is due first, if that is due by `now`; or moves on to `now`.
    pub(super) fn step(&mut self, now: Mono) -> bool {
        let Some((at, what)) = self.agenda.pop_due(now) else {
            self.now = self.now.max(now);
            return false;
        };
        self.now = self.now.max(at);
        match what {
            What::Arrive(flight, node) => self.arrive(flight, node),
            What::Leave(flight, node) => self.leave(flight, node),
            What::Toggle(event) => self.toggle(event),
            What::Wake(node) => self.wake(node),
        }
        true
    }

    pub(super) fn send_from_host(&mut self, packet: &[u8], cause: Cause) {
        let host = ElementId::from(NodeId::HOST);
        self.ledger.totals_mut().sent += 1;
        self.ledger.totals_mut().in_flight += 1;
        let mut buffer = self.outbox.buffer();
        buffer.extend_from_slice(packet.get(..MAX_PACKET).unwrap_or(packet));
        let read = match Packet::read(buffer, cause) {
            Ok(read) => read,
            Err((why, buffer)) => {
                self.outbox.recycle(buffer);
                self.ledger.totals_mut().malformed += 1;
                self.ledger.enter(host, None);
                let reason = match why {
                    Malformed::LaterFragment => DropReason::Fragment,
                    _ => DropReason::Malformed,
                };
                self.count_drop(host, None, reason);
                return;
            }
        };
        let to = self.addresses.get(&read.addrs.dst()).copied();
        let target = to.filter(|to| matches!(self.place(*to), Place::Backend(_)));
        self.ledger.enter(host, target);
        if let Some(flight) = self.take_off(read, NodeId::HOST, target) {
            self.leave(flight, NodeId::HOST);
        }
    }

    /// Takes a packet out that has reached the host.
    pub(super) fn hand_over(&mut self, id: FlightId, packet: &mut Vec<u8>) -> Option<Cause> {
        let flight = self.flights.remove(id)?;
        packet.extend_from_slice(&flight.packet.bytes);
        let cause = flight.packet.cause;
        self.outbox.recycle(flight.packet.bytes);
        let totals = self.ledger.totals_mut();
        totals.in_flight -= 1;
        totals.delivered += 1;
        Some(cause)
    }

    /// Gives a packet that `from` made its place, or drops it where there is none. It is in flight already.
    fn take_off(&mut self, packet: Packet, from: NodeId, target: Target) -> Option<FlightId> {
        // A packet to its own sender goes nowhere: the model has no loopback.
        let to = self
            .addresses
            .get(&packet.addrs.dst())
            .copied()
            .filter(|to| *to != from);
        let flight = Flight {
            packet,
            to,
            target,
            hops: 0,
            copied: 0,
        };
        match self.flights.insert(flight) {
            Ok(id) => Some(id),
            Err(flight) => {
                self.outbox.recycle(flight.packet.bytes);
                self.count_drop(from.into(), target, DropReason::QueueFull);
                None
            }
        }
    }

    /// A packet that a node made goes on its way.
    fn leave(&mut self, id: FlightId, node: NodeId) {
        let Some(flight) = self.flights.get(id) else { return };
        match self.routes.next(node, flight.to, self.choice(node, flight)) {
            Some(pipe) => self.put_into(pipe, id, node),
            None => self.drop_flight(id, node.into(), DropReason::NoRoute),
        }
    }

    fn arrive(&mut self, id: FlightId, node: NodeId) {
        let Some(flight) = self.flights.get_mut(id) else { return };
        flight.hops += 1;
        let (target, is_there, is_lost) = (flight.target, flight.to == Some(node), flight.hops > MAX_HOPS);
        let element = ElementId::from(node);
        self.ledger.enter(element, target);
        match self.place(node) {
            _ if is_lost => self.drop_flight(id, element, DropReason::TtlExpired),
            Place::Router(router) => self.arrive_at_router(id, node, router),
            _ if !is_there => self.drop_flight(id, element, DropReason::NoRoute),
            Place::Host => self.arrive_at_host(id),
            Place::Backend(backend) => self.arrive_at_backend(id, node, backend),
        }
    }

    fn arrive_at_host(&mut self, flight: FlightId) {
        let arrived = Arrived { at: self.now, flight };
        if self.host_is_frozen() {
            self.held.push_back(arrived);
        } else {
            self.delivered.push_back(arrived);
        }
    }

    fn arrive_at_backend(&mut self, id: FlightId, node: NodeId, backend: usize) {
        let Some(flight) = self.flights.get(id) else { return };
        let place = &mut self.backends[backend];
        match place.backend.handle_packet(self.now, &flight.packet, &mut self.outbox) {
            Taken::Consumed => self.consume(id),
            // Still on its way, as far as the totals go.
            Taken::Held => drop(self.land(id)),
            Taken::Dropped(reason) => self.drop_flight(id, node.into(), reason),
        }
        self.send_answers(node, Some(node), Promptness::Prompt);
        self.plan_wake(node, backend);
    }

    fn arrive_at_router(&mut self, id: FlightId, node: NodeId, router: usize) {
        let Some(flight) = self.flights.get_mut(id) else { return };
        let target = flight.target;
        match self.routers[router].handle_packet(self.now, &mut flight.packet, &mut self.outbox) {
            Transit::Forward => self.forward(id, node, router),
            Transit::Dropped(reason) => self.drop_flight(id, node.into(), reason),
            Transit::Consumed => self.consume(id),
        }
        self.send_answers(node, target, Promptness::Prompt);
    }

    fn forward(&mut self, id: FlightId, node: NodeId, router: usize) {
        let Some(flight) = self.flights.get(id) else { return };
        let Some(pipe) = self.routes.next(node, flight.to, self.choice(node, flight)) else {
            self.routers[router].handle_no_route(self.now, &flight.packet, &mut self.outbox);
            return self.drop_flight(id, node.into(), DropReason::NoRoute);
        };
        let far = self.pipes[pipe.index()].to;
        if let (Place::Backend(backend), true) = (self.place(far), flight.to == Some(far))
            && self.backends[backend].backend.is_off()
        {
            self.routers[router].handle_dead_neighbour(self.now, &flight.packet, &mut self.outbox);
            // The backend is what is wrong, so that it stands in its account.
            self.ledger.enter(far.into(), flight.target);
            return self.drop_flight(id, far.into(), DropReason::BackendDown);
        }
        self.put_into(pipe, id, node);
    }

    /// Puts a packet into a pipe that begins at `node`.
    fn put_into(&mut self, pipe: PipeId, id: FlightId, node: NodeId) {
        let Some(flight) = self.flights.get(id) else { return };
        let target = flight.target;
        let element = self.ledger.of_pipe(pipe);
        self.ledger.enter(element, target);
        let carried = match self.carry(pipe, flight.packet.bytes.len()) {
            Carried::TooBig { mtu } if self.is_fragmented(id, node, mtu) => self.carry(pipe, mtu.into()),
            carried => carried,
        };
        match carried {
            Carried::Through { at, again } => {
                if at.since(self.now) > self.pipes[pipe.index()].base_delay + NOTICEABLE {
                    self.ledger.delay(element, target);
                }
                let to = self.pipes[pipe.index()].to;
                self.agenda.add(at, What::Arrive(id, to));
                if let Some(copy) = again.and_then(|at| Some((at, self.duplicate(id)?))) {
                    self.agenda.add(copy.0, What::Arrive(copy.1, to));
                }
            }
            Carried::Dropped(reason) => self.drop_flight(id, element, reason),
            Carried::TooBig { .. } => self.drop_flight(id, element, DropReason::TooBig),
        }
    }

    fn carry(&mut self, pipe: PipeId, len: usize) -> Carried {
        self.pipes[pipe.index()].pipe.carry(self.now, len)
    }

    /// Whether a packet that is too big for the next link goes on as fragments. A packet's own sender may do that unless DF says
    /// not to; IPv6 lets nobody else.
    fn is_fragmented(&mut self, id: FlightId, node: NodeId, mtu: u16) -> bool {
        let Some(flight) = self.flights.get(id) else {
            return false;
        };
        match self.place(node) {
            Place::Router(router) if flight.hops > 0 => {
                self.routers[router].handle_too_big(self.now, &flight.packet, mtu, &mut self.outbox)
            }
            _ => flight.packet.addrs.family() == Family::V6 || flight.packet.may_be_fragmented(),
        }
    }

    /// A copy of a packet, where there is a place for it.
    fn duplicate(&mut self, id: FlightId) -> Option<FlightId> {
        let mut bytes = self.outbox.buffer();
        let original = self.flights.get_mut(id).filter(|flight| flight.copied < MAX_COPIED)?;
        original.copied += 1;
        bytes.extend_from_slice(&original.packet.bytes);
        let kept = mem::take(&mut original.packet.bytes);
        let mut packet = original.packet.clone();
        original.packet.bytes = kept;
        packet.bytes = bytes;
        let copy = Flight { packet, ..*original };
        let id = self.flights.insert(copy).ok()?;
        let totals = self.ledger.totals_mut();
        totals.duplicated += 1;
        totals.in_flight += 1;
        Some(id)
    }

    /// Sends what an element has put into the outbox.
    pub(super) fn send_answers(&mut self, node: NodeId, target: Target, promptness: Promptness) {
        let mut sending = mem::take(&mut self.sending);
        self.outbox.swap(&mut sending);
        for Outgoing { after, bytes, cause } in sending.drain(..) {
            self.ledger.totals_mut().made += 1;
            self.ledger.totals_mut().in_flight += 1;
            if after > NOTICEABLE || promptness == Promptness::Late {
                self.ledger.delay(node.into(), target);
            }
            self.send_answer(node, target, after, Packet::read(bytes, cause));
        }
        self.sending = sending;
    }

    fn send_answer<E>(&mut self, node: NodeId, target: Target, after: Duration, packet: Result<Packet, E>) {
        let Ok(packet) = packet else {
            return self.count_drop(node.into(), target, DropReason::Malformed);
        };
        if let Some(flight) = self.take_off(packet, node, target) {
            if after.is_zero() {
                self.leave(flight, node);
            } else {
                self.agenda.add(self.now.after(after), What::Leave(flight, node));
            }
        }
    }

    fn choice(&self, node: NodeId, flight: &Flight) -> Choice {
        match self.place(node) {
            Place::Router(router) if self.routers[router].balances_packets() => Choice::NextPacket,
            _ => Choice::Flow(flight.packet.flow),
        }
    }

    /// A packet was for the element that it has come to.
    fn consume(&mut self, id: FlightId) {
        self.land(id);
        self.ledger.consume();
    }

    fn drop_flight(&mut self, id: FlightId, element: ElementId, reason: DropReason) {
        let target = self.land(id);
        self.count_drop(element, target, reason);
    }

    pub(super) fn count_drop(&mut self, element: ElementId, target: Target, reason: DropReason) {
        self.ledger.totals_mut().in_flight -= 1;
        self.ledger.drop(element, target, reason);
    }

    /// Frees the place of a packet.
    fn land(&mut self, id: FlightId) -> Target {
        let flight = self.flights.remove(id)?;
        self.outbox.recycle(flight.packet.bytes);
        flight.target
    }
}

/// A delay that a user would notice among delays of a local network, and that jitter of a healthy one does not reach.
pub(super) const NOTICEABLE: Duration = Duration::from_millis(1);

/// The longest packet: an IPv6 header and the most that its length field can say.
const MAX_PACKET: usize = 40 + 65_535;

/// More than any TTL allows. Only a loop of hidden routers, which don't touch the TTL, gets here.
const MAX_HOPS: u16 = 512;

/// Copies of copies: 2^8 of one packet at most, where each link of a loop duplicates everything.
const MAX_COPIED: u8 = 8;
