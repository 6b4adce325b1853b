//! Answers that this host dropped itself are not the network's loss.
//!
//! The kernel counts packets that it drops at a full receive queue, but not which. Each may have been an answer to a probe that was
//! on its way at that moment, so as many unanswered ones of those are excused: they are reported as unjudged, not as lost. A packet
//! dropped may have been foreign, so this errs towards saying too little, and windows in which it happens are marked.

use crate::units::Mono;

/// Dropped packets that may still explain an unanswered probe.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Overflow {
    credit: u64,
    last_at: Mono,
}

impl Overflow {
    /// `packets` were dropped at some moment before `now`.
    pub(super) fn record(&mut self, packets: u32, now: Mono) {
        self.credit += u64::from(packets);
        self.last_at = now;
    }

    /// Whether a probe that was sent at `sent_at` and has just timed out may have had its answer dropped. Uses up one drop.
    pub(super) fn excuses(&mut self, sent_at: Mono) -> bool {
        if self.credit == 0 {
            return false;
        }
        if sent_at > self.last_at {
            // Probes time out in the order in which they were sent: none that follows saw the overflow.
            self.credit = 0;
            return false;
        }
        self.credit -= 1;
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn drops_excuse_as_many_probes_as_were_dropped_and_none_sent_later() {
        let mut overflow = Overflow::default();
        let at = Mono::from_nanos;
        assert!(!overflow.excuses(at(5)));
        overflow.record(2, at(10));
        assert!(overflow.excuses(at(5)));
        assert!(overflow.excuses(at(10)));
        assert!(!overflow.excuses(at(9)));
        overflow.record(7, at(20));
        assert!(!overflow.excuses(at(21)));
        assert!(
            !overflow.excuses(at(15)),
            "the first probe sent after the overflow ends it"
        );
    }
}
