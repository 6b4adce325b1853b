//! The windows of all series of a service: one after the other, each final one timeout after its last probe.

use std::time::Duration;

use super::{Summary, WindowOptions};
use crate::outcome::Event;
use crate::units::{Mono, SeriesId};

/// Windows of one length, for all series at the same moments: window `n` holds the probes sent from `start + n * length` on.
#[derive(Debug)]
pub struct Windows {
    start: Mono,
    length: Duration,
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
        Self { start, length }
    }

    /// Measures a series from now on. Its windows close `timeout` after their end.
    pub fn admit(&mut self, _now: Mono, _series: SeriesId, _options: WindowOptions, _timeout: Duration) {}

    /// Measures a series no longer: its windows close, incomplete, once their probes are settled.
    pub fn remove(&mut self, _series: SeriesId, _now: Mono) {}

    /// Hands an event to the window that its probe was sent in.
    pub fn record(&mut self, _event: &Event) {}

    /// When the next window closes.
    #[must_use]
    pub fn next_deadline(&self) -> Option<Mono> {
        None
    }

    /// The next window that is over at `now`.
    pub fn poll_closed(&mut self, _now: Mono) -> Option<ClosedWindow> {
        let _ = (self.start, self.length);
        None
    }

    /// Closes all windows, incomplete; the next calls of `poll_closed` give them.
    pub fn close(&mut self, _now: Mono) {}
}
