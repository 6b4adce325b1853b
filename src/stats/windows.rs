//! The windows of all series of a service: one after the other, each final one timeout after its end.
//!
//! All windows begin at the same moments, whatever the series. A probe counts in the window that it was sent in. When that closes, its last
//! probe has timed out, and what is unanswered by then is lost: a later answer is counted in `late_after_close` of the window that is
//! running when it comes, and nothing is revised. The prober settles a lost probe only when its ring comes around, which may be minutes later,
//! so the fates of probes are put in their order here, once more (`fates`).
//!
//! An event does not tell when its packet arrived. The latest moment that was told by anybody stands for that: in a service
//! some probe is sent every few milliseconds.

mod fates;
#[cfg(test)]
mod tests;

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap, VecDeque};
use std::time::Duration;

use self::fates::{Fates, Settled};
use super::{Summary, WindowOptions, WindowStats};
use crate::outcome::{Answer, Answered, Event, Fate, InTime, What};
use crate::units::{Mono, SeriesId, nanos};

/// Windows of one length, for all series at the same moments: window `n` holds the probes sent from `start + n * length` on.
#[derive(Debug)]
pub struct Windows {
    grid: Grid,
    series: HashMap<SeriesId, Measured>,
    /// When the oldest window of each series closes. A series has one valid entry; others are passed over.
    deadlines: BinaryHeap<Reverse<(Mono, SeriesId)>>,
    /// The latest moment that anybody told.
    now: Mono,
    is_closed: bool,
}

/// A window that is over.
#[derive(Clone, Debug)]
pub struct ClosedWindow {
    /// Whose.
    pub series: SeriesId,
    /// Its number, from 0.
    pub number: u64,
    /// When it began: when the series was admitted, if that is later.
    pub start: Mono,
    /// How long it was.
    pub length: Duration,
    /// Whether all of its time was measured and all of its probes are settled.
    pub complete: bool,
    /// Its figures.
    pub summary: Summary,
}

impl Windows {
    /// Windows of `length` from `start` on, of no series yet.
    #[must_use]
    pub fn new(start: Mono, length: Duration) -> Self {
        Self {
            grid: Grid {
                start,
                length: length.max(MIN_LENGTH),
            },
            series: HashMap::new(),
            deadlines: BinaryHeap::new(),
            now: start,
            is_closed: false,
        }
    }

    /// Measures a series from now on. Its windows close `timeout` after their end.
    pub fn admit(&mut self, now: Mono, series: SeriesId, options: WindowOptions, timeout: Duration) {
        self.now = self.now.max(now);
        let measured = Measured {
            options,
            timeout,
            admitted: now,
            removed: None,
            oldest: self.grid.number(now),
            open: VecDeque::new(),
            fates: Fates::default(),
        };
        self.deadlines.push(Reverse((measured.closes_at(self.grid), series)));
        self.series.insert(series, measured);
    }

    /// Measures a series no longer: its windows close, incomplete, once their probes are settled.
    pub fn remove(&mut self, series: SeriesId, now: Mono) {
        self.now = self.now.max(now);
        if let Some(measured) = self.series.get_mut(&series) {
            measured.removed.get_or_insert(now);
            self.deadlines.push(Reverse((measured.closes_at(self.grid), series)));
        }
    }

    /// Hands an event to the window that its probe was sent in.
    pub fn record(&mut self, event: &Event) {
        self.now = self.now.max(event.sent_at);
        if let Some(measured) = self.series.get_mut(&event.series) {
            measured.record(event, self.grid, self.now);
        }
    }

    /// When the next window closes.
    #[must_use]
    pub fn next_deadline(&self) -> Option<Mono> {
        self.deadlines.peek().map(|Reverse((at, _))| *at)
    }

    /// The next window that is over at `now`.
    pub fn poll_closed(&mut self, now: Mono) -> Option<ClosedWindow> {
        self.now = self.now.max(now);
        loop {
            let &Reverse((at, id)) = self.deadlines.peek()?;
            if at > now && !self.is_closed {
                return None;
            }
            self.deadlines.pop();
            let Some(measured) = self.series.get_mut(&id) else {
                continue;
            };
            if measured.closes_at(self.grid) != at {
                continue;
            }
            let is_last = measured.is_last(self.grid);
            let closed = measured.close_oldest(self.grid, id);
            if is_last {
                self.series.remove(&id);
            } else {
                self.deadlines.push(Reverse((measured.closes_at(self.grid), id)));
            }
            return Some(closed);
        }
    }

    /// Closes all windows, incomplete; the next calls of `poll_closed` give them.
    pub fn close(&mut self, now: Mono) {
        self.now = self.now.max(now);
        self.is_closed = true;
        for (id, measured) in &mut self.series {
            measured.removed.get_or_insert(now);
            self.deadlines.push(Reverse((measured.closes_at(self.grid), *id)));
        }
    }

    /// Bytes on the heap, up to the overhead of allocations.
    #[must_use]
    pub fn heap_bytes(&self) -> usize {
        let measured: usize = self.series.values().map(Measured::heap_bytes).sum();
        measured
            + self.series.capacity() * size_of::<(SeriesId, Measured)>()
            + self.deadlines.capacity() * size_of::<Reverse<(Mono, SeriesId)>>()
    }
}

/// The moments at which windows begin.
#[derive(Clone, Copy, Debug)]
struct Grid {
    start: Mono,
    length: Duration,
}

impl Grid {
    /// The window that a moment lies in.
    fn number(self, at: Mono) -> u64 {
        nanos(at.since(self.start)) / nanos(self.length)
    }

    fn start_of(self, number: u64) -> Mono {
        let since = number.saturating_mul(nanos(self.length));
        self.start.after(Duration::from_nanos(since))
    }
}

/// One series.
#[derive(Debug)]
struct Measured {
    options: WindowOptions,
    timeout: Duration,
    admitted: Mono,
    removed: Option<Mono>,
    /// The number of the oldest window that is not closed.
    oldest: u64,
    /// Windows that hold anything, by number.
    open: VecDeque<(u64, WindowStats)>,
    fates: Fates,
}

impl Measured {
    /// When the oldest window closes.
    fn closes_at(&self, grid: Grid) -> Mono {
        self.end(grid).after(self.timeout)
    }

    /// The end of the oldest window.
    fn end(&self, grid: Grid) -> Mono {
        let end = grid.start_of(self.oldest.saturating_add(1));
        self.removed.map_or(end, |removed| removed.min(end))
    }

    /// Whether no window follows the oldest.
    fn is_last(&self, grid: Grid) -> bool {
        let end = grid.start_of(self.oldest.saturating_add(1));
        self.removed.is_some_and(|removed| removed <= end)
    }

    fn record(&mut self, event: &Event, grid: Grid, now: Mono) {
        let sent_in = grid.number(event.sent_at).max(self.oldest);
        match event.what {
            What::Sent { .. } => {
                self.count(sent_in, event);
                self.fates.begin(event, sent_in);
            }
            What::SendFailed(_) => {
                self.count(sent_in, event);
                self.fates.begin(event, sent_in);
                self.fates.decide(event.seq, Fate::NotSent);
            }
            What::Answered(answered) => match self.fates.decide(event.seq, fate_of(&answered)) {
                Some(window) => self.count(window, event),
                None => self.count_late(event, grid, now),
            },
            What::TimedOut => {
                if let Some(window) = self.fates.time_out(event.seq) {
                    self.count(window, event);
                }
            }
            What::Duplicate if grid.number(event.sent_at) >= self.oldest => self.count(sent_in, event),
            What::Duplicate => self.count(grid.number(now).max(self.oldest), event),
            What::LateAfterClose => self.count_late(event, grid, now),
            What::Settled(fate) => {
                self.fates.decide(event.seq, fate);
            }
        }
        self.settle(self.oldest);
    }

    /// An answer after its window has closed.
    fn count_late(&mut self, event: &Event, grid: Grid, now: Mono) {
        let what = What::LateAfterClose;
        self.count(grid.number(now).max(self.oldest), &Event { what, ..*event });
    }

    /// Hands an event to a window.
    fn count(&mut self, number: u64, event: &Event) {
        let options = self.options;
        let at = self.open.partition_point(|(known, _)| *known < number);
        let is_known = self.open.get(at).is_some_and(|(known, _)| *known == number);
        let at = if is_known {
            at
        } else if self.open.len() < MAX_OPEN {
            self.open.insert(at, (number, WindowStats::new(options)));
            at
        } else {
            at.min(self.open.len() - 1)
        };
        if let Some((_, window)) = self.open.get_mut(at) {
            window.record(event);
        }
    }

    /// Settles, in order of sending, what is decided, and all that was sent before the window `first`.
    fn settle(&mut self, first: u64) {
        while let Some(Settled { window, event }) = self.fates.pop(first) {
            self.count(window, &event);
        }
    }

    fn close_oldest(&mut self, grid: Grid, series: SeriesId) -> ClosedWindow {
        let number = self.oldest;
        let start = grid.start_of(number).max(self.admitted);
        let length = self.end(grid).since(start);
        self.settle(number.saturating_add(1));
        let is_its_own = self.open.front().is_some_and(|(known, _)| *known == number);
        let window = if is_its_own { self.open.pop_front() } else { None };
        let stats = window.map_or_else(|| WindowStats::new(self.options), |(_, stats)| stats);
        self.oldest = number.saturating_add(1);
        ClosedWindow {
            series,
            number,
            start,
            length,
            complete: self.removed.is_none_or(|removed| removed >= grid.start_of(self.oldest)),
            summary: stats.summary(),
        }
    }

    fn heap_bytes(&self) -> usize {
        let windows: usize = self.open.iter().map(|(_, window)| window.heap_bytes()).sum();
        windows + self.open.capacity() * size_of::<(u64, WindowStats)>() + self.fates.heap_bytes()
    }
}

/// What an answer makes of its probe.
const fn fate_of(answered: &Answered) -> Fate {
    match (answered.in_time, answered.answer) {
        (InTime::Late, _) => Fate::Late,
        (InTime::Yes, Answer::Reply) => Fate::Received(answered.timing),
        (InTime::Yes, Answer::Refused | Answer::Reset | Answer::Unreachable(_)) => Fate::Rejected,
    }
}

/// Shorter windows hold no probe.
const MIN_LENGTH: Duration = Duration::from_millis(1);

/// Two, as a rule: the one that runs, and the one whose last probes are under way. Timeouts that are longer than a window need more; a caller
/// that closes none gets the rest counted in the newest.
const MAX_OPEN: usize = 256;
