//! Series whose habit is to spike: a single episode of theirs is no news, and an hour of them deserves one line.
//!
//! Half a percent of the probes of an hour must have spiked, and so in at least half of its parts of 5 minutes: a fault of two minutes
//! may hold more spikes than that, and is no habit.

use std::collections::VecDeque;
use std::time::Duration;

use crate::units::Mono;

/// Spikes and probes of the last hour.
#[derive(Clone, Debug, Default)]
pub(super) struct Chronic {
    /// Oldest first; the last one is being filled.
    parts: VecDeque<Part>,
    begun: Mono,
    /// When it was said last; `None` while the series is not jittery.
    said: Option<Mono>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Part {
    probes: u32,
    spikes: u32,
}

impl Chronic {
    /// Counts a probe. The share of spikes where the series is jittery and that is to be said now.
    pub(super) fn count(&mut self, at: Mono, spiked: bool) -> Option<f64> {
        let is_over = self.parts.is_empty() || at.since(self.begun) >= PART;
        let news = if is_over { self.begin(at) } else { None };
        if let Some(part) = self.parts.back_mut() {
            part.probes = part.probes.saturating_add(1);
            part.spikes = part.spikes.saturating_add(u32::from(spiked));
        }
        news
    }

    /// The latest `n` spikes were none.
    pub(super) fn forgive(&mut self, n: u64) {
        let mut left = u32::try_from(n).unwrap_or(u32::MAX);
        for part in self.parts.iter_mut().rev() {
            let taken = left.min(part.spikes);
            part.spikes -= taken;
            left -= taken;
        }
    }

    /// Whether the series is known as jittery.
    pub(super) const fn is_jittery(&self) -> bool {
        self.said.is_some()
    }

    /// Bytes on the heap.
    pub(super) fn heap_bytes(&self) -> usize {
        self.parts.capacity() * size_of::<Part>()
    }

    /// Judges the hour that ends, and begins the next part.
    fn begin(&mut self, at: Mono) -> Option<f64> {
        let sum = self.parts.iter().fold(Part::default(), |sum, part| Part {
            probes: sum.probes.saturating_add(part.probes),
            spikes: sum.spikes.saturating_add(part.spikes),
        });
        let busy = self.parts.iter().filter(|part| part.ratio() >= JITTERY).count();
        let is_jittery = sum.ratio() >= JITTERY && busy >= PARTS / 2;
        let is_due = self.said.is_none_or(|said| at.since(said) >= PART * 12);
        if !is_jittery {
            self.said = None;
        } else if is_due {
            self.said = Some(at);
        }
        // A series that was silent for hours has no part of the last hour.
        if at.since(self.begun) >= PART * 12 {
            self.parts.clear();
        }
        if self.parts.len() == PARTS {
            self.parts.pop_front();
        }
        self.parts.push_back(Part::default());
        self.begun = at;
        (is_jittery && is_due).then(|| sum.ratio())
    }
}

impl Part {
    fn ratio(self) -> f64 {
        f64::from(self.spikes) / f64::from(self.probes.max(1))
    }
}

const PARTS: usize = 12;
const PART: Duration = Duration::from_mins(5);

/// Above what the threshold alone makes of a heavy tail in most shapes (0.6 % at worst).
const JITTERY: f64 = 0.005;

#[cfg(test)]
mod tests {
    use super::*;

    /// The minutes at which it is said, of a probe per second; `spikes` says which probes spike.
    fn said(seconds: u64, spikes: impl Fn(u64) -> bool) -> Vec<(u64, f64)> {
        let mut chronic = Chronic::default();
        (0..seconds)
            .filter_map(|s| Some((s / 60, chronic.count(Mono::from_nanos(s * 1_000_000_000), spikes(s))?)))
            .collect()
    }

    #[test]
    fn half_an_hour_of_spikes_is_a_habit_that_is_said_once_an_hour() {
        let said = said(4 * 3_600, |s| s % 100 == 7);
        assert_eq!(
            said.iter().map(|(minute, _)| *minute).collect::<Vec<_>>(),
            [30, 90, 150, 210]
        );
        assert!(said.iter().all(|(_, ratio)| (ratio - 0.01).abs() < 1e-9));
    }

    #[test]
    fn a_fault_of_ten_minutes_is_no_habit_and_neither_are_rare_spikes() {
        assert_eq!(said(7_200, |s| (1_000..1_600).contains(&s)), []);
        assert_eq!(said(7_200, |s| s % 300 == 0), []);
    }

    #[test]
    fn a_habit_that_is_given_up_is_named_anew_when_it_returns() {
        let said = said(5 * 3_600, |s| s % 50 == 0 && !(7_200..12_600).contains(&s));
        let minutes: Vec<u64> = said.iter().map(|(minute, _)| *minute).collect();
        // It ends at 120 and returns at 210. At 150 it still fills half of the hour.
        assert_eq!(minutes, [30, 90, 150, 240], "{said:?}");
    }
}
