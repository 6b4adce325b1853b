//! The limit of answers to segments that are out of place, so that two hosts can't drive each other on: `tcp_oow_rate_limited`.

use std::time::Duration;

use super::segment;
use crate::units::Mono;
use crate::wire::tcp::{Flags, Segment};

/// When the last such answer of a connection was sent.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct AckLimit {
    last: Option<Mono>,
}

impl AckLimit {
    /// Whether a segment may be answered. One with data and without SYN always may, and does not count.
    pub(super) fn allows(&mut self, now: Mono, segment: &Segment<'_>) -> bool {
        let is_empty = segment.seq == segment::end(segment);
        if !is_empty && !segment.flags.has(Flags::SYN) {
            return true;
        }
        self.allows_challenge(now)
    }

    /// Whether a challenge ACK may be sent, which even data does not excuse.
    pub(super) fn allows_challenge(&mut self, now: Mono) -> bool {
        let allowed = self.last.is_none_or(|last| now.since(last) >= INTERVAL);
        if allowed {
            self.last = Some(now);
        }
        allowed
    }
}

/// `tcp_invalid_ratelimit`.
const INTERVAL: Duration = Duration::from_millis(500);
