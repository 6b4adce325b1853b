//! Probes of one series that are not judged yet, in sending order.
//!
//! Answers overtake each other, and a lost probe is known as lost long after its successors were answered; but which probes came in a row,
//! and which reply is the 32nd, is a matter of sending order. So a probe is judged when all before it are. What can't wait does
//! not: a probe without answer at its threshold is overdue at once, and the judgement only says how bad it was.

use std::collections::VecDeque;
use std::time::Duration;

use crate::units::{Mono, ProbeSeq, Rtt};

/// The probes of one series that await their judgement.
#[derive(Clone, Debug, Default)]
pub(super) struct Pending {
    probes: VecDeque<Probe>,
}

/// A probe and what is known of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Probe {
    /// Which one.
    pub(super) seq: ProbeSeq,
    /// When it was sent.
    pub(super) sent_at: Mono,
    /// Whether it was said to be overdue.
    pub(super) overdue: bool,
    /// What came of it, once that is known.
    pub(super) outcome: Option<Outcome>,
}

/// What came of a probe.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// A reply, with this RTT.
    Reply(Rtt),
    /// A reply whose RTT is of another source than those of its series.
    UntimedReply,
    /// Refused, reset or unreachable.
    Refused,
    /// Nothing in time.
    Lost,
    /// Nothing can be said.
    Unknown,
}

impl Pending {
    /// A probe left. Beyond a bound it is not waited for: it is judged when its outcome comes, and never overdue.
    pub(super) fn sent(&mut self, seq: ProbeSeq, sent_at: Mono) {
        if self.probes.len() < PENDING_MAX {
            self.probes.push_back(Probe {
                seq,
                sent_at,
                overdue: false,
                outcome: None,
            });
        }
    }

    /// What came of a probe; a later word replaces an earlier one. `false` if nobody waits for it.
    pub(super) fn resolve(&mut self, seq: ProbeSeq, outcome: Outcome) -> bool {
        let Ok(place) = self.probes.binary_search_by_key(&seq, |probe| probe.seq) else {
            return false;
        };
        self.probes[place].outcome = Some(outcome);
        true
    }

    /// The next probe to judge. One of which nothing was heard for `patience` before `now` is judged as unknown: a lost outcome must not
    /// hold back those behind it.
    pub(super) fn poll(&mut self, now: Mono, patience: Duration) -> Option<(Probe, Outcome)> {
        let probe = *self.probes.front()?;
        let outcome = match probe.outcome {
            Some(outcome) => outcome,
            None if now.since(probe.sent_at) > patience => Outcome::Unknown,
            None => return None,
        };
        self.probes.pop_front();
        Some((probe, outcome))
    }

    /// The first probe of which nothing is known, not even that it is overdue.
    pub(super) fn first_waiting(&self) -> Option<Probe> {
        self.probes.iter().find(|probe| probe.is_waiting()).copied()
    }

    /// Marks the first probe of which nothing is known as overdue.
    pub(super) fn mark_overdue(&mut self) -> Option<Probe> {
        let probe = self.probes.iter_mut().find(|probe| probe.is_waiting())?;
        probe.overdue = true;
        Some(*probe)
    }

    /// Bytes on the heap.
    pub(super) fn heap_bytes(&self) -> usize {
        self.probes.capacity() * size_of::<Probe>()
    }
}

impl Probe {
    fn is_waiting(&self) -> bool {
        self.outcome.is_none() && !self.overdue
    }
}

/// 5 probes/s with a timeout of 10 s are 50. A flood has more on its way, of which a sample is enough.
const PENDING_MAX: usize = 256;
