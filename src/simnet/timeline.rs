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

#[cfg(test)]
mod tests {
    use super::*;

    /// The first changes of the one event that these lines describe, in ms after [`START`], and whether it is active after each.
    fn changes(event: &str, most: usize) -> Vec<(f64, bool)> {
        let event: Event = toml::from_str(&format!("on = [\"host\"]\n{event}")).expect("an event");
        let begins = START.after(event.at.0);
        let mut timeline = Timeline::new(&[event], 1, START);
        let mut next = Some(timeline.first(0, begins));
        let change = || {
            let at = next?;
            next = timeline.toggle(0, at);
            assert!(next.is_none_or(|next| next >= at));
            Some((at.since(START).as_secs_f64() * 1e3, timeline.is_active(0)))
        };
        std::iter::from_fn(change).take(most).collect()
    }

    /// Not 0, so that a course that forgets it is seen.
    const START: Mono = Mono::from_nanos(7_000_000_000);

    #[test]
    fn an_event_without_an_end_lasts() {
        assert_eq!(changes("at = \"5ms\"", 9), [(5.0, true)]);
    }

    #[test]
    fn an_event_ends_after_its_time() {
        assert_eq!(changes("at = \"5ms\"\nfor = \"3ms\"", 9), [(5.0, true), (8.0, false)]);
    }

    #[test]
    fn a_rhythm_counts_from_beginning_to_beginning() {
        let expected = [(5.0, true), (8.0, false), (15.0, true), (18.0, false), (25.0, true)];
        assert_eq!(changes("at = \"5ms\"\nfor = \"3ms\"\nevery = \"10ms\"", 5), expected);
    }

    #[test]
    fn a_rhythm_of_no_length_lets_time_pass_all_the_same() {
        let changes = changes("for = \"0s\"\nevery = \"0s\"", 2001);
        // A microsecond from beginning to beginning, at least.
        assert!((changes[2000].0 - 1.0).abs() < 1e-9, "{:?}", changes[2000]);
    }

    #[test]
    fn random_times_are_exponential_with_the_means_asked_for_even_if_those_are_hours() {
        for (pause, lasts, pause_ms, lasts_ms) in [("30ms", "10ms", 30.0, 10.0), ("20h", "5h", 72e6, 18e6)] {
            let event = format!("at = \"1ms\"\nrandom = {{ pause = \"{pause}\", lasts = \"{lasts}\" }}");
            let changes = changes(&event, 8001);
            assert!(changes[0].1 && changes[0].0 >= 1.0);
            let lengths = |is_active: bool| {
                let pairs = changes.windows(2).filter(move |pair| pair[0].1 == is_active);
                pairs.map(|pair| pair[1].0 - pair[0].0)
            };
            for (lengths, mean) in [(lengths(true), lasts_ms), (lengths(false), pause_ms)] {
                // 4,000 each: the mean of exponential times has a standard error of mean / sqrt(4000), and the bound is four of those.
                let found = lengths.sum::<f64>() / 4000.0;
                assert!(
                    (found - mean).abs() < 4.0 * mean / 4000_f64.sqrt(),
                    "{found}, not {mean}"
                );
            }
        }
    }

    #[test]
    fn what_would_begin_at_the_end_of_time_never_does() {
        let event: Event = toml::from_str("on = [\"host\"]\nfor = \"1h\"\nevery = \"2h\"").expect("an event");
        let mut timeline = Timeline::new(&[event], 1, START);
        assert_eq!(timeline.toggle(0, END_OF_TIME), None);
    }
}
