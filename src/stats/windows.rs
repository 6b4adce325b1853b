//! The windows of all series of a service: one after the other, each final one timeout after its end.
//!
//! A probe belongs to the window that it was *sent* in, so a window can't be judged before the last of its probes is. Until then the next
//! one is open beside it, or several where a timeout is longer than a window. What comes after its window was closed can't change it any more:
//! it is counted as [`What::LateAfterClose`] in the newest. The owner has the prober settle what was sent before [`Windows::settles_before`]
//! when a deadline has come, so that both draw the line at the same probe.

use std::collections::VecDeque;
use std::time::Duration;

use super::{Summary, WindowOptions, WindowStats};
use crate::outcome::{Event, What};
use crate::units::{Mono, SeriesId};

/// Windows of one length, for all series at the same moments: window `n` holds the probes sent from `start + n * length` on.
#[derive(Debug)]
pub struct Windows {
    start: Mono,
    length: Duration,
    /// How long after its end a window closes: the longest timeout.
    patience: Duration,
    /// By series.
    tracks: Vec<Option<Track>>,
    /// The oldest window that is open, and the series to close it of next.
    oldest: u64,
    cursor: usize,
    /// When all ended, if they did.
    ended: Option<Mono>,
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
    /// Whether all of its time was measured and all of its probes are judged.
    pub complete: bool,
    /// Its figures.
    pub summary: Summary,
}

/// The open windows of one series.
#[derive(Debug)]
struct Track {
    options: WindowOptions,
    admitted: Mono,
    removed: Option<Mono>,
    /// The number of the first of `open`.
    first: u64,
    open: VecDeque<WindowStats>,
}

impl Windows {
    /// Windows of `length` from `start` on, of no series yet.
    #[must_use]
    pub fn new(start: Mono, length: Duration) -> Self {
        Self {
            start,
            length: length.max(MIN_LENGTH),
            patience: Duration::ZERO,
            tracks: Vec::new(),
            oldest: 0,
            cursor: 0,
            ended: None,
        }
    }

    /// Measures a series from now on, whose probes may take `timeout`.
    pub fn admit(&mut self, now: Mono, series: SeriesId, options: WindowOptions, timeout: Duration) {
        if self.is_empty() {
            // Whatever was to close before is nobody's.
            self.oldest = self.oldest.max(self.number(now));
        }
        self.patience = self.patience.max(timeout);
        let place = series.index();
        if self.tracks.len() <= place {
            self.tracks.resize_with(place + 1, || None);
        }
        self.tracks[place] = Some(Track {
            options,
            admitted: now,
            removed: None,
            first: self.number(now).max(self.oldest),
            open: VecDeque::new(),
        });
    }

    /// Measures a series no longer: its last window is incomplete.
    pub fn remove(&mut self, series: SeriesId, now: Mono) {
        if let Some(Some(track)) = self.tracks.get_mut(series.index()) {
            track.removed.get_or_insert(now);
        }
    }

    /// Hands an event to the window that its probe was sent in.
    #[inline]
    pub fn record(&mut self, event: &Event) {
        let number = self.number(event.sent_at);
        let Some(Some(track)) = self.tracks.get_mut(event.series.index()) else {
            return;
        };
        if event.what == What::LateAfterClose {
            return track.newest().record(event);
        }
        if let Some(window) = track.window(number) {
            window.record(event);
        }
    }

    /// When the next window closes.
    #[must_use]
    pub fn next_deadline(&self) -> Option<Mono> {
        (!self.is_empty()).then(|| self.end_of(self.oldest).after(self.patience))
    }

    /// Probes sent before this moment belong to windows that close at `now`.
    #[must_use]
    pub fn settles_before(&self, now: Mono) -> Option<Mono> {
        let due = self.next_deadline().is_some_and(|deadline| deadline <= now);
        due.then(|| self.start_of(self.number(now.before(self.patience))))
    }

    /// The next window that is over at `now`, all series of one window after each other.
    pub fn poll_closed(&mut self, now: Mono) -> Option<ClosedWindow> {
        while self.ended.is_some() || self.next_deadline().is_some_and(|deadline| deadline <= now) {
            while self.cursor < self.tracks.len() {
                let place = self.cursor;
                self.cursor += 1;
                if let Some(closed) = self.close_one(place) {
                    return Some(closed);
                }
            }
            if self.is_empty() {
                return None;
            }
            self.cursor = 0;
            self.oldest += 1;
        }
        None
    }

    /// Ends all windows at `now`; `poll_closed` then gives what is open. Those that are not over are incomplete.
    pub fn close(&mut self, now: Mono) {
        for track in self.tracks.iter_mut().flatten() {
            track.removed.get_or_insert(now);
        }
        self.ended.get_or_insert(now);
    }

    /// Bytes on the heap, up to the overhead of allocations.
    #[must_use]
    pub fn heap_bytes(&self) -> usize {
        let tracks = self.tracks.iter().flatten();
        let of_track = |track: &Track| {
            let windows: usize = track.open.iter().map(WindowStats::heap_bytes).sum();
            windows + track.open.capacity() * size_of::<WindowStats>()
        };
        tracks.map(of_track).sum::<usize>() + self.tracks.capacity() * size_of::<Option<Track>>()
    }

    /// Closes window `oldest` of the series at `place`, and forgets the series if that was its last.
    fn close_one(&mut self, place: usize) -> Option<ClosedWindow> {
        let (start, end, oldest) = (self.start_of(self.oldest), self.end_of(self.oldest), self.oldest);
        let slot = self.tracks.get_mut(place)?;
        let track = slot.as_mut().filter(|track| track.first == oldest)?;
        let window = track
            .open
            .pop_front()
            .unwrap_or_else(|| WindowStats::new(track.options));
        track.first += 1;
        let (admitted, removed) = (track.admitted, track.removed);
        let ends_here = removed.is_some_and(|removed| removed < end);
        if ends_here {
            *slot = None;
        }
        let from = start.max(admitted);
        let until = removed.map_or(end, |removed| removed.min(end));
        let is_whole = admitted.since(start) <= LATE_START && !ends_here;
        Some(ClosedWindow {
            series: SeriesId::new(u32::try_from(place).unwrap_or(u32::MAX)),
            number: oldest,
            start: from,
            length: until.since(from),
            complete: is_whole && window.in_flight() == 0,
            summary: window.summary(),
        })
    }

    fn is_empty(&self) -> bool {
        self.tracks.iter().all(Option::is_none)
    }

    fn number(&self, at: Mono) -> u64 {
        let windows = at.since(self.start).as_nanos() / self.length.as_nanos();
        u64::try_from(windows).unwrap_or(u64::MAX)
    }

    fn start_of(&self, number: u64) -> Mono {
        let offset = self.length.as_nanos().saturating_mul(u128::from(number));
        let offset = u64::try_from(offset).unwrap_or(u64::MAX);
        self.start.after(Duration::from_nanos(offset))
    }

    fn end_of(&self, number: u64) -> Mono {
        self.start_of(number.saturating_add(1))
    }
}

impl Track {
    /// Window `number`, if it is not closed yet.
    fn window(&mut self, number: u64) -> Option<&mut WindowStats> {
        let place = usize::try_from(number.checked_sub(self.first)?).ok()?;
        if place >= MAX_OPEN {
            return None;
        }
        while self.open.len() <= place {
            self.open.push_back(WindowStats::new(self.options));
        }
        self.open.get_mut(place)
    }

    fn newest(&mut self) -> &mut WindowStats {
        if self.open.is_empty() {
            self.open.push_back(WindowStats::new(self.options));
        }
        let last = self.open.len() - 1;
        &mut self.open[last]
    }
}

/// Shorter windows hold no probe.
const MIN_LENGTH: Duration = Duration::from_millis(1);

/// A series that was admitted so little after the beginning of a window has measured all of it.
const LATE_START: Duration = Duration::from_millis(100);

/// Windows of a series that are open at a time, at most: a timeout of a minute over windows of a second, twice. Beyond it, the clock has
/// jumped.
const MAX_OPEN: usize = 128;

#[cfg(test)]
mod tests;
