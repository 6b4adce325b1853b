//! An established connection of which the application reads everything, says nothing, and closes when the peer does.
//!
//! Just enough for `connect()`, `write()` and `close()` on the other side. Order of checks and answers are those of
//! `tcp_validate_incoming` and `tcp_rcv_state_process` of Linux, less what makes no difference to a prober: data out of order is not
//! kept but acknowledged as missing, nothing is delayed, PAWS is not applied, and a lost FIN of this side is not repeated.

use super::half_open::HalfOpen;
use super::oow::AckLimit;
use super::segment::{self, Peer, is_before};
use crate::units::Mono;
use crate::wire::tcp::{Flags, Segment};

/// An established connection.
#[derive(Clone, Copy, Debug)]
pub(super) struct Connection {
    /// The next sequence number of this side.
    pub(super) own_next: u32,
    /// The next sequence number of the peer.
    pub(super) peer_next: u32,
    pub(super) peer: Peer,
    /// Both sides have closed, the peer's ACK is missing (`LAST_ACK`).
    is_closing: bool,
    ack_limit: AckLimit,
}

/// What a connection does about a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reaction {
    /// Nothing.
    Nothing,
    /// Sends an ACK.
    Ack,
    /// Acknowledges the peer's FIN and sends its own, which took the number before [`Connection::own_next`].
    FinAck,
    /// Ends.
    End,
}

impl Connection {
    /// What a half-open connection becomes.
    pub(super) fn new(half_open: &HalfOpen) -> Self {
        Self {
            own_next: half_open.own_isn.wrapping_add(1),
            peer_next: half_open.peer_isn.wrapping_add(1),
            peer: half_open.peer,
            is_closing: false,
            ack_limit: half_open.ack_limit,
        }
    }

    /// Takes a segment that arrives at `now`.
    pub(super) fn take(&mut self, now: Mono, segment: &Segment<'_>) -> Reaction {
        let has = |flags| segment.flags.has(flags);
        let fits = self.is_acceptable(segment);
        match (has(Flags::RST), has(Flags::SYN)) {
            (true, _) if segment.seq == self.peer_next => return Reaction::End,
            (true, _) if !fits => return Reaction::Nothing,
            (true, _) | (_, true) => return self.challenge(now),
            (false, false) => {}
        }
        if !fits {
            return if self.ack_limit.allows(now, segment) {
                Reaction::Ack
            } else {
                Reaction::Nothing
            };
        }
        if !has(Flags::ACK) {
            return Reaction::Nothing;
        }
        if is_before(self.own_next, segment.ack) {
            return self.challenge(now);
        }
        if self.is_closing && segment.ack == self.own_next {
            return Reaction::End;
        }
        self.take_content(segment)
    }

    /// Takes data and FIN, where they are the next to come.
    fn take_content(&mut self, segment: &Segment<'_>) -> Reaction {
        let end = segment::end(segment);
        if segment.seq == end {
            return Reaction::Nothing;
        }
        let is_next = !is_before(self.peer_next, segment.seq) && is_before(self.peer_next, end);
        if !is_next || self.is_closing {
            return Reaction::Ack;
        }
        self.peer_next = end;
        if !segment.flags.has(Flags::FIN) {
            return Reaction::Ack;
        }
        self.is_closing = true;
        self.own_next = self.own_next.wrapping_add(1);
        Reaction::FinAck
    }

    /// Whether a segment is neither wholly old nor beyond the window (`tcp_sequence`).
    fn is_acceptable(&self, segment: &Segment<'_>) -> bool {
        let limit = self.peer_next.wrapping_add(self.peer.window().into());
        !is_before(segment::end(segment), self.peer_next) && !is_before(limit, segment.seq)
    }

    fn challenge(&mut self, now: Mono) -> Reaction {
        if self.ack_limit.allows_challenge(now) {
            Reaction::Ack
        } else {
            Reaction::Nothing
        }
    }
}

#[cfg(test)]
mod tests;
