//! Who follows a world, and may launch probes in it.

use crate::engine::{Launch, Launcher};
use crate::outcome::Event;
use crate::sweep::Sweeper;
use crate::units::{Mono, ProbeSeq, Rtt};

/// Launches probes, and is told what happens to them and to all others.
pub trait Driver: Launcher {
    /// Something happened to a probe; with an answer comes the true round trip of its packet.
    fn event(&mut self, event: &Event, truth: Option<Rtt>);

    /// When [`handle_deadline`](Self::handle_deadline) has something to do.
    fn next_deadline(&mut self) -> Option<Mono> {
        None
    }

    /// A moment has come that was asked for. All packets that arrived before `now` were read, and their events told.
    fn handle_deadline(&mut self, _now: Mono) {}
}

impl Driver for Sweeper {
    fn event(&mut self, event: &Event, _truth: Option<Rtt>) {
        self.handle_event(event);
    }
}

/// Only watches.
pub(super) struct Watched<F>(pub(super) F);

impl<F: FnMut(&Event, Option<Rtt>)> Driver for Watched<F> {
    fn event(&mut self, event: &Event, truth: Option<Rtt>) {
        (self.0)(event, truth);
    }
}

impl<F> Launcher for Watched<F> {
    fn next_launch(&self) -> Option<Mono> {
        None
    }

    fn poll_launch(&mut self, _now: Mono) -> Option<Launch> {
        None
    }

    fn launched(&mut self, _launch: Launch, _seq: Option<ProbeSeq>, _now: Mono) {}

    fn is_done(&self) -> bool {
        true
    }
}
