//! One direction of a link: delay, jitter, loss, duplicates, reordering, and a finite queue with a bandwidth.

use std::time::Duration;

use super::ledger::DropReason;
use super::random::Stream;
use super::topology::LinkSettings;
use crate::units::Mono;

/// One direction of a link.
#[derive(Debug)]
pub(super) struct Pipe {
    random: Stream,
}

/// What becomes of a packet that is put into a pipe.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Carried {
    /// It comes out at `at`, and where the link duplicates it, once more at `again`.
    Through { at: Mono, again: Option<Mono> },
    /// It is gone.
    Dropped(DropReason),
    /// It is larger than the MTU, which is this. Whether it is fragmented, refused or dropped is the router's to say.
    TooBig { mtu: u16 },
}

impl Pipe {
    /// A direction that is as `settings` say; what they leave out has the default of the format.
    pub(super) fn new(_settings: &LinkSettings, _random: Stream) -> Self {
        unimplemented!()
    }

    /// The settings changed at `now`: a fault began or ended. What is on the way stays on its way; the queue keeps its backlog.
    pub(super) fn reconfigure(&mut self, _now: Mono, _settings: &LinkSettings) {
        unimplemented!()
    }

    /// Puts a packet of `len` bytes in at `now`. Moments never go back from call to call.
    pub(super) fn carry(&mut self, _now: Mono, _len: usize) -> Carried {
        unimplemented!()
    }

    /// The delay of a packet without jitter, queue or faults.
    pub(super) fn base_delay(&self) -> Duration {
        unimplemented!()
    }

    /// The cost that routing sees.
    pub(super) fn cost(&self) -> u32 {
        unimplemented!()
    }
}
