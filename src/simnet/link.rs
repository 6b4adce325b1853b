//! One direction of a link: delay, jitter, loss, duplicates, reordering, and a finite queue with a bandwidth.
//!
//! What happens to a packet, in this order:
//! 1. A link that is down swallows it.
//! 2. It is too big for the MTU, which the router in front of the link has to deal with.
//! 3. It is lost at random, or because the link is in its bad state. That state changes packet by packet ([`Fading`]).
//! 4. It waits for the line, or finds the queue full ([`queue`]). What was lost before takes no room.
//! 5. It travels for the delay and its jitter, and comes out not before any packet that went in earlier.
//!
//! Order. A wire is first in, first out, so jitter and a delay that shrinks never let a packet overtake another: it comes out right
//! behind. When a fault that added 80 ms ends, what is sent within the next 80 ms comes out in one bunch behind the last packet of the
//! fault, as it does behind a buffer that empties. A path that becomes shorter is another matter: there packets do overtake each other.
//! That is two links and a change of `cost`, not a change of `delay`.
//!
//! The one exception are packets that `reorder` holds up. They come out later by what they are held, others overtake them, and nobody
//! waits behind them.
//!
//! A duplicate is made on the way, behind the queue: it takes no bandwidth, has jitter of its own, and comes out behind its original.

mod fading;
mod queue;
#[cfg(test)]
mod tests;

use std::time::Duration;

use self::fading::Fading;
use self::queue::{Line, Queue};
use super::ledger::DropReason;
use super::random::{Stream, chance, draw};
use super::topology::{Jitter, LinkSettings, Reorder, Span};
use crate::units::Mono;

/// One direction of a link.
#[derive(Debug)]
pub(super) struct Pipe {
    nature: Nature,
    /// The delay that it was made with.
    base_delay: Duration,
    fading: Fading,
    queue: Queue,
    /// When the last packet comes out that was not held up. None comes out before.
    last_out: Mono,
    random: Stream,
}

/// What becomes of a packet that is put into a pipe.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Carried {
    /// It comes out at `at`, and where the link duplicates it, once more at `again`, which is not before `at`.
    Through { at: Mono, again: Option<Mono> },
    /// It is gone.
    Dropped(DropReason),
    /// It is larger than the MTU, which is this. Whether it is fragmented, refused or dropped is the router's to say.
    TooBig { mtu: u16 },
}

impl Pipe {
    /// A direction that is as `settings` say, idle as of `now`; what they leave out has the default of the format.
    pub(super) fn new(settings: &LinkSettings, random: Stream, now: Mono) -> Self {
        let nature = Nature::from(settings);
        Self {
            base_delay: nature.delay,
            fading: Fading::new(settings.bursts),
            queue: Queue::new(line(settings), now),
            last_out: now,
            nature,
            random,
        }
    }

    /// The settings changed at `now`: a fault began or ended. What is on the way stays on its way; the queue keeps its backlog.
    pub(super) fn reconfigure(&mut self, now: Mono, settings: &LinkSettings) {
        self.nature = Nature::from(settings);
        self.fading.reconfigure(settings.bursts);
        self.queue.reconfigure(now, line(settings));
    }

    /// Puts a packet of `len` bytes in at `now`. Moments never go back from call to call.
    pub(super) fn carry(&mut self, now: Mono, len: usize) -> Carried {
        if self.nature.down {
            return Carried::Dropped(DropReason::LinkDown);
        }
        if len > usize::from(self.nature.mtu) {
            return Carried::TooBig { mtu: self.nature.mtu };
        }
        if let Some(reason) = self.lose() {
            return Carried::Dropped(reason);
        }
        match self.queue.push(now, len, &mut self.random) {
            None => Carried::Dropped(DropReason::QueueFull),
            Some(sent) => self.travel(sent),
        }
    }

    /// The propagation delay that the link was made with: what a packet takes without jitter, queue or faults.
    pub(super) fn base_delay(&self) -> Duration {
        self.base_delay
    }

    /// The cost that routing sees.
    pub(super) fn cost(&self) -> u32 {
        self.nature.cost
    }

    /// Whether a packet is lost on the way, and why. The bad state changes with every packet, whatever else may take that one.
    fn lose(&mut self) -> Option<DropReason> {
        let in_burst = self.fading.takes(&mut self.random);
        if chance(self.nature.loss, &mut self.random) {
            Some(DropReason::Loss)
        } else {
            in_burst.then_some(DropReason::Burst)
        }
    }

    /// A packet whose last bit went into the wire at `sent`.
    fn travel(&mut self, sent: Mono) -> Carried {
        let held = self.nature.reorder.filter(|held| chance(held.share, &mut self.random));
        let at = self.come_out(sent, held);
        let again = chance(self.nature.duplicate, &mut self.random).then(|| self.come_out(sent, held).max(at));
        Carried::Through { at, again }
    }

    /// When a packet comes out: in its turn, or if it is held up, so much later and without others behind it.
    fn come_out(&mut self, sent: Mono, held: Option<Reorder>) -> Mono {
        let delay = self
            .nature
            .delay
            .saturating_add(draw(&self.nature.jitter, &mut self.random));
        let in_turn = sent.after(delay).max(self.last_out);
        if let Some(Reorder { by: Span(by), .. }) = held {
            return in_turn.after(by);
        }
        self.last_out = in_turn;
        in_turn
    }
}

/// Settings with the defaults of the format filled in.
#[derive(Clone, Copy, Debug)]
struct Nature {
    delay: Duration,
    jitter: Jitter,
    loss: f64,
    duplicate: f64,
    reorder: Option<Reorder>,
    mtu: u16,
    down: bool,
    cost: u32,
}

impl From<&LinkSettings> for Nature {
    fn from(settings: &LinkSettings) -> Self {
        Self {
            delay: settings.delay.unwrap_or_default().0,
            jitter: settings.jitter.unwrap_or(Jitter::None),
            loss: settings.loss.unwrap_or(0.0),
            duplicate: settings.duplicate.unwrap_or(0.0),
            reorder: settings.reorder,
            mtu: settings.mtu.unwrap_or(DEFAULT_MTU),
            down: settings.down.unwrap_or(false),
            cost: settings.cost.unwrap_or(1),
        }
    }
}

/// The line of a link that has a bandwidth. Without one there is nothing to wait for, and `queue` and `cross_traffic` say nothing.
fn line(settings: &LinkSettings) -> Option<Line> {
    settings.bandwidth.map(|bandwidth| Line {
        bandwidth: bandwidth.0,
        cross_traffic: settings.cross_traffic.map_or(0, |rate| rate.0),
        room: settings.queue.map_or(DEFAULT_QUEUE, |size| size.0),
    })
}

/// That of Ethernet.
const DEFAULT_MTU: u16 = 1500;

/// 256 KiB: at 100 Mbit/s 21 ms, a buffer as small switches have it.
const DEFAULT_QUEUE: u64 = 256 * 1024;
