//! A half-open connection: what a kernel keeps of a SYN (`request_sock`), and how it takes further segments of the same tuple.
//!
//! The rules are those of `tcp_check_req` of Linux 6.18, most of them measured on that kernel with segments made by hand:
//! * The same SYN once more is answered by the SYN-ACK once more.
//! * A RST with the next sequence number ends it. One elsewhere in the window is answered by a bare ACK (RFC 5961 section 3, as
//!   challenge), one beyond is ignored. What it acknowledges does not matter.
//! * A SYN with another number, as a prober sends it that uses its port again: outside the window it is answered by a bare ACK with
//!   the numbers of the *old* SYN, inside by a RST that ends the old one.
//! * An ACK of anything but the SYN-ACK is the listening socket's matter (which answers it by a RST).
//! * ACKs and repeated SYN-ACKs share a limit: one in 500 ms (`tcp_invalid_ratelimit`), except in answer to data.
//!
//! A timestamp that goes back (PAWS, RFC 7323 section 5) or echoes what was never sent makes a segment one outside the window.

use std::time::Duration;

use super::super::packet::Cause;
use super::oow::AckLimit;
use super::segment::{self, Peer};
use crate::units::Mono;
use crate::wire::tcp::{Flags, Segment};

/// A half-open connection.
#[derive(Clone, Copy, Debug)]
pub(super) struct HalfOpen {
    /// Of the SYN.
    pub(super) peer_isn: u32,
    /// Of the SYN-ACK.
    pub(super) own_isn: u32,
    pub(super) peer: Peer,
    /// The SYN that began it.
    pub(super) cause: Cause,
    /// First and last `TSval` of its SYN-ACKs.
    pub(super) stamped: (u32, u32),
    /// How often its timer has run out.
    pub(super) timeouts: u8,
    pub(super) ack_limit: AckLimit,
}

/// What a segment means for a half-open connection of its tuple.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Meaning {
    /// Nothing.
    Nothing,
    /// The SYN again: the SYN-ACK again, and the timer anew.
    Again,
    /// Out of place: a bare ACK says where it stands.
    Challenge,
    /// It ends, silently.
    End,
    /// It ends, with a RST.
    Reset,
    /// A matter of the listening socket.
    NotHere,
    /// The handshake is complete.
    Complete,
}

impl HalfOpen {
    /// Judges a segment of the same tuple that arrives at `now`.
    pub(super) fn judge(&mut self, now: Mono, segment: &Segment<'_>) -> Meaning {
        let expected = self.peer_isn.wrapping_add(1);
        let has = |flags| segment.flags.has(flags);
        let stale = self.peer.is_stale(segment);
        let fits = !stale && segment::is_in_window(segment, expected, self.peer.window());
        if has(Flags::RST) {
            return match (fits, segment.seq == expected) {
                (true, true) => Meaning::End,
                (true, false) => self.challenge(now, segment),
                (false, _) => Meaning::Nothing,
            };
        }
        if has(Flags::SYN) && !has(Flags::ACK) && segment.seq == self.peer_isn && !stale {
            return if self.ack_limit.allows(now, segment) {
                Meaning::Again
            } else {
                Meaning::Nothing
            };
        }
        if has(Flags::ACK) && segment.ack != self.own_isn.wrapping_add(1) {
            return Meaning::NotHere;
        }
        if !fits || self.echoes_a_stranger(segment) {
            return self.challenge(now, segment);
        }
        if has(Flags::SYN) && segment.seq != self.peer_isn {
            return Meaning::Reset;
        }
        if has(Flags::ACK) {
            Meaning::Complete
        } else {
            Meaning::Nothing
        }
    }

    /// How long until the timer runs out the next time (`tcp_reqsk_timeout`).
    pub(super) fn timeout(&self) -> Duration {
        let doubled = FIRST_TIMEOUT.saturating_mul(1_u32.checked_shl(self.timeouts.into()).unwrap_or(u32::MAX));
        doubled.min(LONGEST_TIMEOUT)
    }

    fn challenge(&mut self, now: Mono, segment: &Segment<'_>) -> Meaning {
        if self.ack_limit.allows(now, segment) {
            Meaning::Challenge
        } else {
            Meaning::Nothing
        }
    }

    /// Whether the segment echoes a timestamp that no SYN-ACK carried.
    fn echoes_a_stranger(&self, segment: &Segment<'_>) -> bool {
        let (first, last) = self.stamped;
        let echo = segment.timestamps().map_or(0, |timestamps| timestamps.echo);
        self.peer.has_timestamps() && echo != 0 && last.wrapping_sub(first) < echo.wrapping_sub(first)
    }
}

/// `TCP_TIMEOUT_INIT`.
const FIRST_TIMEOUT: Duration = Duration::from_secs(1);
/// `TCP_RTO_MAX`.
const LONGEST_TIMEOUT: Duration = Duration::from_mins(2);

#[cfg(test)]
mod tests;
