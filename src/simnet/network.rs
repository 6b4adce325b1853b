//! The model as a whole: packets of the host in, packets for the host out, everything between them in order of time.
//!
//! One agenda holds all that is going to happen: arrivals, answers that leave, faults that begin and end, deadlines of backends. It
//! is worked off strictly in order, so that each link sees moments that never go back. Whatever a file or a packet says, time
//! passes and memory is bounded: packets on the way have a limit, each packet has a limit of hops and of copies, and an element
//! that wants to be called again at the present moment is called a little later.

mod agenda;
mod build;
mod changes;
mod faults;
mod flights;
mod layers;
mod run;

use std::collections::{HashMap, VecDeque};
use std::net::IpAddr;
use std::time::Duration;

use agenda::Agenda;
use faults::Faults;
use flights::{FlightId, Flights};

use super::backend::Backend;
use super::ledger::Ledger;
use super::link::Pipe;
use super::outbox::{Outbox, Outgoing};
use super::packet::Cause;
use super::router::Router;
use super::routes::{Choice, Routes};
use super::topology::expand::{NodeId, PipeId};
use super::topology::{HostSettings, Topology};
use crate::units::Mono;

/// A network in motion.
///
/// Call order: [`handle_packet`](Self::handle_packet) for what the host sends, with moments that never go back;
/// [`poll_delivery`](Self::poll_delivery) until `None`, at the latest when [`next_deadline`](Self::next_deadline) has come.
#[derive(Debug)]
pub struct Network {
    now: Mono,
    /// Nodes: the host, these, these.
    routers: Vec<Router>,
    backends: Vec<BackendNode>,
    pipes: Vec<PipeNode>,
    addresses: HashMap<IpAddr, NodeId>,
    routes: Routes,
    faults: Faults,
    host: HostSettings,
    agenda: Agenda,
    flights: Flights,
    /// At the host, in order of time.
    delivered: VecDeque<Arrived>,
    /// At the host, which is frozen.
    held: VecDeque<Arrived>,
    outbox: Outbox,
    /// Empty but while answers are being sent.
    sending: Vec<Outgoing>,
    ledger: Ledger,
    /// Packets of the host so far.
    serial: u64,
}

/// A packet for the host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Delivery {
    /// When it reaches the host.
    pub due: Mono,
    /// The packet of the host that it answers: `due - cause.sent_at` is the true RTT.
    pub cause: Cause,
}

/// A backend, and when it is next on the agenda.
#[derive(Debug)]
struct BackendNode {
    backend: Backend,
    wakes_at: Option<Mono>,
}

/// One direction of a link in its place.
#[derive(Debug)]
struct PipeNode {
    pipe: Pipe,
    to: NodeId,
    /// Its delay when nothing is wrong.
    base_delay: Duration,
}

/// A packet at the host.
#[derive(Clone, Copy, Debug)]
struct Arrived {
    at: Mono,
    flight: FlightId,
}

/// A node by what it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Host,
    Router(usize),
    Backend(usize),
}

impl Network {
    /// The network of a topology, at rest, as of `start`. The times of its events count from there.
    #[must_use]
    pub fn new(topology: &Topology, seed: u64, start: Mono) -> Self {
        build::network(topology, seed, start)
    }

    /// The host sends a packet, from its IP header on. What can't be read is counted and dropped.
    pub fn handle_packet(&mut self, now: Mono, packet: &[u8]) -> Cause {
        // What ends a fault before this moment must have ended it.
        self.advance(now);
        let cause = Cause {
            serial: self.serial,
            sent_at: self.now,
        };
        self.serial += 1;
        self.send_from_host(packet, cause);
        cause
    }

    /// When something happens next.
    #[must_use]
    pub fn next_deadline(&self) -> Option<Mono> {
        let delivered = self.delivered.front().map(|arrived| arrived.at);
        delivered.into_iter().chain(self.agenda.next_at()).min()
    }

    /// Moves on to `now` and takes out the next packet that has reached the host by then, in order of time, into `packet`, which is
    /// emptied first.
    pub fn poll_delivery(&mut self, now: Mono, packet: &mut Vec<u8>) -> Option<Delivery> {
        packet.clear();
        loop {
            if let Some(arrived) = self.delivered.pop_front() {
                if let Some(cause) = self.hand_over(arrived.flight, packet) {
                    return Some(Delivery { due: arrived.at, cause });
                }
            } else if !self.step(now) {
                return None;
            }
        }
    }

    /// Whether the prober gets no CPU just now (an event on the host): it is stalled, or the host as a whole is frozen.
    #[must_use]
    pub fn host_is_stalled(&self) -> bool {
        self.host.stalled == Some(true) || self.host_is_frozen()
    }

    /// Whether the host as a whole stands still just now, kernel included. Nothing is delivered until it thaws.
    #[must_use]
    pub fn host_is_frozen(&self) -> bool {
        self.host.frozen == Some(true)
    }

    /// What really happened so far.
    #[must_use]
    pub fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    /// The names of the nodes that packets of a flow pass from the host to an address, both ends included. Ends early where there
    /// is no route, or a loop. Where packets are balanced one by one, one of the paths.
    pub fn path(&mut self, to: IpAddr, flow: u64) -> Vec<&str> {
        let Some(&to) = self.addresses.get(&to) else {
            return Vec::new();
        };
        let pipes = self.way(NodeId::HOST, to, flow);
        let far = pipes.iter().map(|pipe| self.pipes[pipe.index()].to);
        let nodes = std::iter::once(NodeId::HOST).chain(far);
        nodes
            .filter_map(|node| Some(self.ledger.elements().get(node.index())?.name()))
            .collect()
    }

    /// The RTT between the host and an address when nothing is wrong: the delays of the links there and back, on the way that flow
    /// 0 takes where there are several. `None` where there is no way there or back.
    pub fn base_rtt(&mut self, address: IpAddr) -> Option<Duration> {
        let far = *self.addresses.get(&address)?;
        let mut rtt = Duration::ZERO;
        for (from, to) in [(NodeId::HOST, far), (far, NodeId::HOST)] {
            let pipes = self.way(from, to, 0);
            let end = pipes.last().map_or(from, |last| self.pipes[last.index()].to);
            if end != to {
                return None;
            }
            rtt += pipes
                .iter()
                .map(|pipe| self.pipes[pipe.index()].base_delay)
                .sum::<Duration>();
        }
        Some(rtt)
    }

    /// The pipes from one node to another, or as far as they lead.
    fn way(&mut self, from: NodeId, to: NodeId, flow: u64) -> Vec<PipeId> {
        let mut pipes = Vec::new();
        let mut at = from;
        while at != to && pipes.len() <= self.routers.len() {
            let is_transit = at == from || matches!(self.place(at), Place::Router(_));
            let Some(pipe) = self
                .routes
                .next(at, Some(to), Choice::Flow(flow))
                .filter(|_| is_transit)
            else {
                break;
            };
            pipes.push(pipe);
            at = self.pipes[pipe.index()].to;
        }
        pipes
    }

    fn place(&self, node: NodeId) -> Place {
        match node.index() {
            0 => Place::Host,
            n if n <= self.routers.len() => Place::Router(n - 1),
            n => Place::Backend(n - 1 - self.routers.len()),
        }
    }
}

#[cfg(test)]
mod tests;
