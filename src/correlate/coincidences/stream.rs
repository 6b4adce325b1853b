//! What must be remembered of a series until its probes are judged.

use std::collections::VecDeque;
use std::time::Duration;

use crate::correlate::Stream;
use crate::units::{ProbeSeq, Rtt};

/// A series.
#[derive(Clone, Debug)]
pub(super) struct Followed {
    pub(super) stream: Stream,
    /// Its median RTT.
    pub(super) baseline: Duration,
    /// Probes that were found overdue and are not judged yet.
    overdue: VecDeque<ProbeSeq>,
    /// The newest that stood out.
    newest: Option<ProbeSeq>,
    /// RTTs of late: findings come without.
    answers: VecDeque<(ProbeSeq, Rtt)>,
}

impl Followed {
    /// Nothing was sent yet.
    pub(super) fn new(stream: Stream) -> Self {
        Self {
            stream,
            baseline: Duration::ZERO,
            overdue: VecDeque::new(),
            newest: None,
            answers: VecDeque::new(),
        }
    }

    /// An answer came.
    pub(super) fn answered(&mut self, seq: ProbeSeq, rtt: Rtt) {
        if self.answers.len() == MAX_PENDING {
            self.answers.pop_front();
        }
        self.answers.push_back((seq, rtt));
    }

    /// The RTT of a probe, if it is remembered.
    pub(super) fn rtt(&self, seq: ProbeSeq) -> Option<Rtt> {
        let answer = self.answers.iter().rev().find(|(answered, _)| *answered == seq);
        answer.map(|(_, rtt)| *rtt)
    }

    /// A probe is overdue.
    pub(super) fn is_overdue(&mut self, seq: ProbeSeq) {
        if self.overdue.len() == MAX_PENDING {
            self.overdue.pop_front();
        }
        self.overdue.push_back(seq);
    }

    /// A probe is judged. Whether it was overdue.
    pub(super) fn settle(&mut self, seq: ProbeSeq) -> bool {
        let place = self.overdue.iter().position(|overdue| *overdue == seq);
        place.is_some_and(|place| self.overdue.remove(place).is_some())
    }

    /// A probe stood out. Whether the one beside it did as well.
    pub(super) fn is_second(&mut self, seq: ProbeSeq) -> bool {
        let is_second = self
            .newest
            .is_some_and(|newest| newest.next() == seq || seq.next() == newest);
        self.newest = self.newest.max(Some(seq));
        is_second
    }

    /// A probe did not stand out after all.
    pub(super) fn withdraw(&mut self, seq: ProbeSeq) {
        self.newest = self.newest.filter(|newest| *newest != seq);
    }
}

/// 10 s at 5 probes/s are 50. A flood has more on its way, of which a sample is enough.
const MAX_PENDING: usize = 64;
