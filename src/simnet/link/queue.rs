//! The queue in front of a line with a bandwidth, as a fluid: what is ahead drains at the speed of the line, cross traffic flows in.
//!
//! The rule. A packet waits until all that is ahead of it has been sent, and is out when its own last bit is. Between packets the
//! backlog changes by `cross_traffic - bandwidth`, as far as there is something to drain or room to fill. So a packet costs the same to
//! work out however long nothing came, and without cross traffic the moments are exactly those of a line that sends one packet after
//! the other. Cross traffic below the bandwidth makes what has piled up drain more slowly; alone it makes nobody wait.
//!
//! The room is for the packet that is being sent too. A packet for which there is not enough is dropped. Only an idle line takes any packet, however small the queue.
//!
//! Overload. More cross traffic than bandwidth fills the queue, and from then on there is never room for a whole packet: room comes
//! free bit by bit, and all that arrives competes for it. Of what arrives the line carries `bandwidth / offered`, so a packet gets in
//! with probability `bandwidth / cross_traffic`, the part of its own packet in `offered` neglected: probes are small next to a load
//! that fills a line. One that gets in is the last in a full queue and is sent after it. Until that moment the queue is fuller than
//! full, takes no cross traffic, and no further packet: the line never sends two at once.
//!
//! Amounts are bits times 10^9, so that a line of `n` bits a second sends `n` of them in a ns, and nothing is rounded until a moment is
//! wanted; that is rounded up to a whole ns.

use std::time::Duration;

use crate::simnet::random::{Stream, chance};
use crate::units::Mono;

/// A line with a bandwidth, and the room in front of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Line {
    /// Bits a second. 0 carries nothing.
    pub(super) bandwidth: u64,
    /// Bits a second of others.
    pub(super) cross_traffic: u64,
    /// Bytes that the queue holds.
    pub(super) room: u64,
}

/// The queue: how much is ahead of the next packet.
#[derive(Debug)]
pub(super) struct Queue {
    /// Where there is none, the line has no limit and nothing waits.
    line: Option<Line>,
    /// Bits times 10^9, as of `as_of`.
    backlog: u128,
    as_of: Mono,
}

impl Queue {
    /// A queue that is empty at `now`. Cross traffic flows in from then on, whatever the clock counts from.
    pub(super) fn new(line: Option<Line>, now: Mono) -> Self {
        Self {
            line,
            backlog: 0,
            as_of: now,
        }
    }

    /// The line changes at `now`. What waits goes on at the new speed.
    pub(super) fn reconfigure(&mut self, now: Mono, line: Option<Line>) {
        self.advance(now);
        self.line = line;
    }

    /// Puts a packet in, and says when its last bit is out; `None` where there is no room.
    pub(super) fn push(&mut self, now: Mono, len: usize, random: &mut Stream) -> Option<Mono> {
        self.advance(now);
        let Some(line) = self.line else {
            return Some(now);
        };
        let filled = self.backlog.saturating_add(amount(len));
        if !self.admits(line, filled, random) {
            return None;
        }
        self.backlog = filled;
        let wait = filled.div_ceil(line.bandwidth.into());
        Some(now.after(Duration::from_nanos(u64::try_from(wait).unwrap_or(u64::MAX))))
    }

    /// Whether a packet gets in that would make the backlog `filled`.
    fn admits(&self, line: Line, filled: u128, random: &mut Stream) -> bool {
        if line.bandwidth == 0 {
            return false;
        }
        let room = line.room();
        if filled <= room {
            return true;
        }
        if line.is_overloaded() {
            return self.backlog <= room && chance(line.share_carried(), random);
        }
        self.backlog == 0
    }

    /// Moves on to `now`: drains, and lets cross traffic in.
    fn advance(&mut self, now: Mono) {
        let elapsed = now.since(self.as_of).as_nanos();
        self.as_of = self.as_of.max(now);
        let Some(line) = self.line else {
            self.backlog = 0;
            return;
        };
        let sent = elapsed.saturating_mul(line.bandwidth.into());
        let offered = elapsed.saturating_mul(line.cross_traffic.into());
        let unbounded = self.backlog.saturating_add(offered).saturating_sub(sent);
        // What is beyond the room got in before, and leaves no faster than the line sends.
        let at_least = self.backlog.saturating_sub(sent);
        self.backlog = unbounded.min(line.room()).max(at_least);
    }
}

impl Line {
    fn room(self) -> u128 {
        u128::from(self.room) * SCALED_BYTE
    }

    /// Equality counts: a single packet more is too much then, and stays in the queue for good.
    fn is_overloaded(self) -> bool {
        self.cross_traffic >= self.bandwidth
    }

    /// The share of what others offer that the line carries while it is overloaded.
    #[expect(clippy::cast_precision_loss, reason = "a probability needs no more than 53 bits")]
    fn share_carried(self) -> f64 {
        self.bandwidth as f64 / self.cross_traffic as f64
    }
}

/// The amount that a packet of `len` bytes is. Not even the longest overflows.
fn amount(len: usize) -> u128 {
    u128::try_from(len).map_or(u128::MAX, |len| len.saturating_mul(SCALED_BYTE))
}

/// A byte in bits times 10^9.
const SCALED_BYTE: u128 = 8 * 1_000_000_000;

#[cfg(test)]
mod tests;
