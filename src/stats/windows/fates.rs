//! The fates of the probes of one series, put in order of sending.
//!
//! Answers come in any order, and loss runs and IPDV need that of sending. So a probe waits here until all before it are decided, or
//! until its window closes.

use std::collections::VecDeque;

use crate::outcome::{Event, Fate, Unjudged, What};
use crate::units::{Mono, ProbeSeq, SeriesId};

/// Probes of one series whose turn to be settled has not come, by number without gaps.
#[derive(Debug, Default)]
pub(super) struct Fates {
    /// The number of the first in the queue.
    next: ProbeSeq,
    queue: VecDeque<Probe>,
}

/// One probe.
#[derive(Clone, Copy, Debug)]
struct Probe {
    series: SeriesId,
    window: u64,
    sent_at: Mono,
    state: State,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// A later one was sent, and this one not yet.
    Unsent,
    Waiting,
    Overdue,
    Done(Fate),
}

/// A probe that is settled.
pub(super) struct Settled {
    /// The window that it was sent in.
    pub(super) window: u64,
    pub(super) event: Event,
}

impl Fates {
    /// A probe was sent, or that was tried.
    pub(super) fn begin(&mut self, event: &Event, window: u64) {
        let mut probe = Probe {
            series: event.series,
            window,
            sent_at: event.sent_at,
            state: State::Unsent,
        };
        let is_far = event.seq.get().saturating_sub(self.end()) > MAX_GAP;
        if self.queue.is_empty() && self.next < event.seq || is_far {
            self.queue.clear();
            self.next = event.seq;
        }
        while self.end() <= event.seq.get() {
            self.queue.push_back(probe);
        }
        probe.state = State::Waiting;
        if let Some(place) = self.get_mut(event.seq) {
            *place = probe;
        }
    }

    /// The fate of a probe is known. Returns its window if it was not known before.
    pub(super) fn decide(&mut self, seq: ProbeSeq, fate: Fate) -> Option<u64> {
        let probe = self.get_mut(seq)?;
        if matches!(probe.state, State::Done(_)) {
            return None;
        }
        probe.state = State::Done(fate);
        Some(probe.window)
    }

    /// A probe is unanswered for too long. Returns its window if it was awaited.
    pub(super) fn time_out(&mut self, seq: ProbeSeq) -> Option<u64> {
        let probe = self.get_mut(seq).filter(|probe| probe.state == State::Waiting)?;
        probe.state = State::Overdue;
        Some(probe.window)
    }

    /// The first probe if its turn has come: it is decided, or of a window before `first`, or there are too many.
    pub(super) fn pop(&mut self, first: u64) -> Option<Settled> {
        loop {
            let probe = *self.queue.front()?;
            let must_go = probe.window < first || self.queue.len() > MAX_WAITING;
            if !must_go && !matches!(probe.state, State::Done(_)) {
                return None;
            }
            let seq = self.next;
            self.queue.pop_front();
            self.next = seq.next();
            let fate = match probe.state {
                State::Unsent => continue,
                State::Done(fate) => fate,
                State::Overdue => Fate::Lost,
                // It has neither been answered nor timed out: the prober says so of what this host may have dropped, or of what was cut short.
                State::Waiting => Fate::Unjudged(Unjudged::Cut),
            };
            return Some(Settled {
                window: probe.window,
                event: Event {
                    series: probe.series,
                    seq,
                    sent_at: probe.sent_at,
                    what: What::Settled(fate),
                },
            });
        }
    }

    /// Bytes on the heap.
    pub(super) fn heap_bytes(&self) -> usize {
        self.queue.capacity() * size_of::<Probe>()
    }

    /// The number after that of the last probe.
    fn end(&self) -> u64 {
        let len = u64::try_from(self.queue.len()).unwrap_or(u64::MAX);
        self.next.get().saturating_add(len)
    }

    fn get_mut(&mut self, seq: ProbeSeq) -> Option<&mut Probe> {
        let at = seq.get().checked_sub(self.next.get())?;
        self.queue.get_mut(usize::try_from(at).ok()?)
    }
}

/// No batch of sends is as long: numbers in between were never used.
const MAX_GAP: u64 = 1 << 12;

/// As many as the prober remembers of a series at most.
const MAX_WAITING: usize = 1 << 20;
