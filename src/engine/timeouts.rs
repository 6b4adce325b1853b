//! Which probe times out next.
//!
//! All probes of one timeout expire in the order in which they were sent, so a queue per distinct timeout replaces a heap: push and
//! pop are O(1). Probes that were answered meanwhile are passed over when they reach the front.

use std::collections::VecDeque;
use std::time::Duration;

use crate::units::{Mono, ProbeSeq, SeriesId};

/// One queue of outstanding probes per distinct timeout.
#[derive(Clone, Debug, Default)]
pub(super) struct Timeouts {
    lanes: Vec<Lane>,
}

#[derive(Clone, Debug)]
struct Lane {
    timeout: Duration,
    queue: VecDeque<Outstanding>,
}

/// A probe that was sent and may be unanswered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Outstanding {
    pub(super) deadline: Mono,
    pub(super) series: SeriesId,
    pub(super) seq: ProbeSeq,
}

impl Timeouts {
    /// Adds a probe sent at `sent_at`, not before any other of the same timeout.
    pub(super) fn push(&mut self, sent_at: Mono, timeout: Duration, series: SeriesId, seq: ProbeSeq) {
        let outstanding = Outstanding {
            deadline: sent_at.after(timeout),
            series,
            seq,
        };
        match self.lanes.iter_mut().find(|lane| lane.timeout == timeout) {
            Some(lane) => lane.queue.push_back(outstanding),
            None => self.lanes.push(Lane {
                timeout,
                queue: VecDeque::from([outstanding]),
            }),
        }
    }

    /// Bytes on the heap.
    pub(super) fn heap_bytes(&self) -> usize {
        let queued: usize = self.lanes.iter().map(|lane| lane.queue.capacity()).sum();
        self.lanes.capacity() * size_of::<Lane>() + queued * size_of::<Outstanding>()
    }

    /// The earliest deadline of a probe that `is_waiting` says is still unanswered. Forgets answered probes on the way.
    pub(super) fn next_deadline(&mut self, is_waiting: impl Fn(Outstanding) -> bool) -> Option<Mono> {
        self.lanes
            .iter_mut()
            .filter_map(|lane| Some(lane.front(&is_waiting)?.deadline))
            .min()
    }

    /// Takes a probe whose deadline is at or before `now` and that `is_waiting` says is still unanswered.
    pub(super) fn pop_expired(&mut self, now: Mono, is_waiting: impl Fn(Outstanding) -> bool) -> Option<Outstanding> {
        self.lanes.iter_mut().find_map(|lane| {
            let front = lane.front(&is_waiting)?;
            (front.deadline <= now).then(|| lane.queue.pop_front()).flatten()
        })
    }
}

impl Lane {
    fn front(&mut self, is_waiting: impl Fn(Outstanding) -> bool) -> Option<Outstanding> {
        while let Some(&front) = self.queue.front() {
            if is_waiting(front) {
                return Some(front);
            }
            self.queue.pop_front();
        }
        None
    }
}
