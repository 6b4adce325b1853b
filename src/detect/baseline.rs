//! What is normal for one series: its replies of the last ten minutes in which it had any.
//!
//! Ten parts of a minute each, the oldest given up when a new one begins. A part lasts until it holds 30 replies, so a series that is
//! probed every 15 s has 300 replies of past like any other, only over a longer time; and minutes of an outage take no part's
//! place, so that the end of an outage meets the baseline from before it.
//!
//! A reply above the threshold waits [`PATIENCE`] before it counts, as its threshold and no more. Meanwhile somebody who sees other series may
//! say that it belongs to a fault ([`Baseline::exclude`]); then it never counts.

use std::collections::VecDeque;
use std::time::Duration;

use super::cells::{Cell, Sum, Tally};
use crate::units::{Mono, Rtt};

/// The replies of the last ten busy minutes.
#[derive(Clone, Debug, Default)]
pub(super) struct Baseline {
    /// Oldest first; the last one is being filled.
    parts: VecDeque<Tally>,
    /// When the last part began.
    begun: Mono,
    /// Replies since the beginning, or since the last level shift.
    replies: u64,
    first: Option<Mono>,
    /// Spikes that are not counted yet, in order of arrival.
    waiting: VecDeque<(Mono, Cell)>,
    excluded: Option<(Mono, Mono)>,
}

/// The percentiles that the threshold is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Shape {
    /// 50th.
    pub(super) median: Rtt,
    /// 90th.
    pub(super) p90: Rtt,
    /// 99th.
    pub(super) p99: Rtt,
}

impl Baseline {
    /// A baseline of these replies alone, the latest of them sent at `at`.
    pub(super) fn of(replies: impl Iterator<Item = Rtt>, first: Mono, at: Mono) -> Self {
        let mut baseline = Self {
            begun: at,
            first: Some(first),
            ..Self::default()
        };
        replies.for_each(|rtt| baseline.count(Cell::of(rtt), at));
        baseline
    }

    /// A baseline that was saved: its parts, oldest first.
    pub(super) fn restored(parts: impl Iterator<Item = Tally>, now: Mono) -> Self {
        let mut parts: VecDeque<Tally> = parts.take(PARTS).collect();
        parts.iter_mut().for_each(Tally::close);
        let replies = parts.iter().map(|part| u64::from(part.total())).sum();
        Self {
            parts,
            begun: now,
            replies,
            first: (replies > 0).then_some(now),
            ..Self::default()
        }
    }

    /// Counts a reply to a probe sent at `at`.
    pub(super) fn record(&mut self, at: Mono, rtt: Rtt) {
        self.release(at);
        self.count(Cell::of(rtt), at);
    }

    /// Takes note of a spike that counts as `rtt` unless it is excluded.
    pub(super) fn hold(&mut self, at: Mono, rtt: Rtt) {
        self.release(at);
        if self.excluded.is_some_and(|(from, to)| (from..=to).contains(&at)) {
            return;
        }
        if self.waiting.len() == WAITING_MAX
            && let Some((at, cell)) = self.waiting.pop_front()
        {
            self.count(cell, at);
        }
        self.waiting.push_back((at, Cell::of(rtt)));
    }

    /// Spikes of probes sent from `from` to `to`, both included, don't count, neither those that wait nor those to come.
    pub(super) fn exclude(&mut self, from: Mono, to: Mono) {
        self.waiting.retain(|(at, _)| !(from..=to).contains(at));
        self.excluded = match self.excluded {
            // Ranges that follow each other closely are one fault.
            Some((first, last)) if from <= last.after(PATIENCE) && first <= to => Some((first.min(from), last.max(to))),
            _ => Some((from, to)),
        };
    }

    /// Counts as `highest` what was counted while nobody knew that it is too slow.
    pub(super) fn clamp(&mut self, highest: Rtt) {
        let highest = Cell::of(highest);
        self.parts.iter_mut().for_each(|part| part.clamp(highest));
    }

    /// Replies since the beginning, or since the last level shift.
    pub(super) const fn replies(&self) -> u64 {
        self.replies
    }

    /// From the first of these replies to `at`.
    pub(super) fn span(&self, at: Mono) -> Duration {
        self.first.map_or(Duration::ZERO, |first| at.since(first))
    }

    /// The percentiles; `None` without replies.
    pub(super) fn shape(&self, sum: &mut Sum) -> Option<Shape> {
        sum.set(self.parts.iter());
        let [median, p90, p99] = sum.percentiles([50, 90, 99])?;
        Some(Shape { median, p90, p99 })
    }

    /// Its parts, oldest first.
    pub(super) fn parts(&self) -> impl Iterator<Item = &Tally> {
        self.parts.iter()
    }

    /// Bytes on the heap.
    pub(super) fn heap_bytes(&self) -> usize {
        self.parts.iter().map(Tally::heap_bytes).sum::<usize>()
            + self.parts.capacity() * size_of::<Tally>()
            + self.waiting.capacity() * size_of::<(Mono, Cell)>()
    }

    /// Counts the spikes that nobody excluded in time.
    fn release(&mut self, now: Mono) {
        while let Some(&(at, cell)) = self.waiting.front()
            && now.since(at) >= PATIENCE
        {
            self.waiting.pop_front();
            self.count(cell, now);
        }
    }

    fn count(&mut self, cell: Cell, at: Mono) {
        let is_full = |part: &Tally| part.total() >= PART_REPLIES && at.since(self.begun) >= PART;
        if self.parts.back().is_none_or(is_full) {
            self.begin(at);
        }
        if let Some(part) = self.parts.back_mut() {
            part.record(cell);
        }
        self.replies = self.replies.saturating_add(1);
        self.first.get_or_insert(at);
    }

    fn begin(&mut self, at: Mono) {
        if let Some(part) = self.parts.back_mut() {
            part.close();
        }
        while self.parts.len() >= PARTS {
            self.parts.pop_front();
        }
        self.parts.push_back(Tally::default());
        self.begun = at;
    }
}

/// Ten minutes: long enough for a 99th percentile at 5 probes/s (3,000 replies), short enough to follow the hour of the day.
pub(super) const PARTS: usize = 10;
const PART: Duration = Duration::from_mins(1);

/// With ten parts, the 300 replies that end the warm-up.
const PART_REPLIES: u16 = 30;

/// How long a coincidence may take to be suspected: its window, the longest threshold, a timeout, and room.
pub(super) const PATIENCE: Duration = Duration::from_secs(10);

/// 10 s of 5 probes/s that all spike are 50. Beyond this the oldest counts early.
const WAITING_MAX: usize = 64;
