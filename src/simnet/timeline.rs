//! When faults begin and end: at set moments, in a rhythm, or at random seeded ones.
//!
//! Each event knows only its next change, so that a network may run forever. Changes of one event are at least [`MIN_CYCLE`] apart
//! per beginning: a rhythm of no length, which the check of a file refuses, would otherwise never let time pass.

use std::time::Duration;

use super::random::{Stream, exponential, stream};
use super::topology::{Event, Span};
use crate::units::Mono;

/// The events of a network in time.
#[derive(Debug)]
pub(super) struct Timeline {
    events: Vec<Course>,
}

/// The course of one event.
#[derive(Debug)]
struct Course {
    is_active: bool,
    lasts: Option<Duration>,
    again: Again,
}

/// When an event begins again.
#[derive(Debug)]
enum Again {
    Never,
    /// So long after its last beginning.
    Every {
        period: Duration,
        last: Mono,
    },
    /// After random pauses, for random times.
    Random {
        pause: Span,
        lasts: Span,
        stream: Box<Stream>,
    },
}

impl Timeline {
    /// The courses of all events. Random ones have streams named after their place in the file.
    pub(super) fn new(events: &[Event], seed: u64, start: Mono) -> Self {
        let course = |(nth, event)| Course::new(event, stream(seed, &format!("event {nth}")), start);
        Self {
            events: events.iter().enumerate().map(course).collect(),
        }
    }

    /// When the event first begins. Called once.
    pub(super) fn first(&mut self, event: usize, at: Mono) -> Mono {
        self.events[event].first(at)
    }

    /// Begins or ends an event; returns when it next changes.
    pub(super) fn toggle(&mut self, event: usize, now: Mono) -> Option<Mono> {
        self.events[event].toggle(now)
    }

    pub(super) fn is_active(&self, event: usize) -> bool {
        self.events[event].is_active
    }
}

impl Course {
    fn new(event: &Event, stream: Stream, start: Mono) -> Self {
        let again = match (event.random, event.every) {
            (Some(random), _) => Again::Random {
                pause: random.pause,
                lasts: random.lasts,
                stream: Box::new(stream),
            },
            (None, Some(every)) => Again::Every {
                period: every.0.max(MIN_CYCLE),
                last: start.after(event.at.0),
            },
            (None, None) => Again::Never,
        };
        Self {
            is_active: false,
            lasts: event.lasts.map(|lasts| lasts.0),
            again,
        }
    }

    fn first(&mut self, at: Mono) -> Mono {
        match &mut self.again {
            Again::Random { pause, stream, .. } => at.after(exponential(pause.0, stream)),
            Again::Never | Again::Every { .. } => at,
        }
    }

    fn toggle(&mut self, now: Mono) -> Option<Mono> {
        self.is_active = !self.is_active;
        let begins = self.is_active;
        match &mut self.again {
            Again::Random { lasts, stream, .. } if begins => Some(now.after(exponential(lasts.0, stream))),
            Again::Random { pause, stream, .. } => Some(now.after(exponential(pause.0, stream).max(MIN_CYCLE))),
            _ if begins => self.lasts.map(|lasts| now.after(lasts)),
            Again::Every { period, last } => {
                *last = last.after(*period);
                Some((*last).max(now))
            }
            Again::Never => None,
        }
        .filter(|at| *at < END_OF_TIME)
    }
}

/// The shortest time from one beginning to the next.
const MIN_CYCLE: Duration = Duration::from_micros(1);

/// Where moments saturate. What would happen there never does.
const END_OF_TIME: Mono = Mono::from_nanos(u64::MAX);
