//! What happens without a packet: events that begin and end, and timers of backends.

use std::time::Duration;

use super::super::backend::Taken;
use super::super::topology::expand::NodeId;
use super::agenda::What;
use super::run::NOTICEABLE;
use super::{Arrived, Network, Place};

impl Network {
    /// A backend has something to do of its own.
    pub(super) fn wake(&mut self, node: NodeId) {
        let Place::Backend(backend) = self.place(node) else {
            return;
        };
        let place = &mut self.backends[backend];
        if place.wakes_at.is_none_or(|at| at > self.now) {
            // It has been called earlier than this was planned.
            return;
        }
        place.wakes_at = None;
        place.backend.handle_deadline(self.now, &mut self.outbox);
        self.send_answers(node, Some(node), Promptness::Prompt);
        self.plan_wake(node, backend);
    }

    /// Puts a backend's next deadline on the agenda, unless it will be called before that anyway.
    pub(super) fn plan_wake(&mut self, node: NodeId, backend: usize) {
        let place = &mut self.backends[backend];
        // Never again at this moment: what it has not done now, it would not do then.
        let earliest = self.now.after(Duration::from_nanos(1));
        let Some(at) = place.backend.next_deadline().map(|at| at.max(earliest)) else {
            return;
        };
        if at > self.now && place.wakes_at.is_none_or(|planned| at < planned) {
            place.wakes_at = Some(at);
            self.agenda.add(at, What::Wake(node));
        }
    }

    /// An event begins or ends.
    pub(super) fn toggle(&mut self, event: usize) {
        if let Some(at) = self.faults.timeline.toggle(event, self.now) {
            self.agenda.add(at, What::Toggle(event));
        }
        let concerns = self.faults.concerns(event).clone();
        for pipe in concerns.pipes {
            let place = &mut self.pipes[pipe.index()].pipe;
            place.reconfigure(self.now, &self.faults.link(pipe));
            self.routes.set_cost(pipe, place.cost());
        }
        for node in concerns.nodes {
            match self.place(node) {
                Place::Host => self.reconfigure_host(),
                Place::Router(router) => self.routers[router].reconfigure(self.now, &self.faults.router(node)),
                Place::Backend(backend) => self.reconfigure_backend(node, backend),
            }
        }
    }

    fn reconfigure_host(&mut self) {
        self.host = self.faults.host();
        if self.host_is_frozen() {
            return;
        }
        for Arrived { at, flight } in self.held.drain(..) {
            if self.now.since(at) > NOTICEABLE {
                let target = self.flights.get(flight).and_then(|flight| flight.target);
                self.ledger.delay(NodeId::HOST.into(), target);
            }
            self.delivered.push_back(Arrived { at: self.now, flight });
        }
    }

    fn reconfigure_backend(&mut self, node: NodeId, backend: usize) {
        let settings = self.faults.backend(node);
        let place = &mut self.backends[backend].backend;
        for taken in place.reconfigure(self.now, &settings, &mut self.outbox) {
            match taken {
                Taken::Consumed => self.ledger.consume(),
                Taken::Dropped(reason) => self.count_drop(node.into(), Some(node), reason),
                Taken::Held => {}
            }
        }
        self.send_answers(node, Some(node), Promptness::Late);
        let place = &mut self.backends[backend].backend;
        place.handle_deadline(self.now, &mut self.outbox);
        self.send_answers(node, Some(node), Promptness::Prompt);
        self.plan_wake(node, backend);
    }
}

/// Whether an element held up the packet that it answers. A SYN-ACK that is repeated because nobody acknowledged it is no late answer:
/// the one that got lost, and the packet that is missing, stand in the accounts of those who dropped them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Promptness {
    Prompt,
    /// After a stall.
    Late,
}
