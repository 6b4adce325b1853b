//! What is remembered of one backend: its probes, its spikes of late, its episodes of ten minutes.

use std::collections::VecDeque;
use std::time::Duration;

use super::channel::{CHANNELS, Channel};
use super::habit::{Fresh, Habits};
use crate::units::{Mono, ProbeSeq, Rtt, SeriesId};

/// One backend, all its series pooled.
#[derive(Clone, Debug)]
pub(super) struct Backend {
    /// Who probes it.
    pub(super) series: Vec<SeriesId>,
    /// The interval of its fastest series.
    pub(super) interval: Duration,
    /// Probes per second of all of them.
    pub(super) pace: f64,
    /// Its longest median RTT.
    pub(super) baseline: Duration,
    /// Episodes per probe, per level: as of the last turn.
    pub(super) rates: [f64; CHANNELS],
    /// The share of its episodes that chance makes suspect, per level: added up in a turn.
    pub(super) innocent: [f64; CHANNELS],
    pub(super) habits: Habits,
    sends: VecDeque<Mono>,
    spikes: VecDeque<Spike>,
    episodes: [Episodes; CHANNELS],
}

/// A probe that stood out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Spike {
    pub(super) series: SeriesId,
    pub(super) seq: ProbeSeq,
    pub(super) at: Mono,
    pub(super) rtt: Option<Rtt>,
}

/// The episodes of one level.
#[derive(Clone, Debug, Default)]
struct Episodes {
    /// By their first spike, of the last ten minutes, in order.
    onsets: VecDeque<Onset>,
    /// First and last spike of the newest.
    newest: Option<(Mono, Mono)>,
}

#[derive(Clone, Copy, Debug)]
struct Onset {
    at: Mono,
    suspected: bool,
    counted: bool,
}

impl Backend {
    /// Nothing is known of it.
    pub(super) fn new() -> Self {
        Self {
            series: Vec::new(),
            interval: Duration::MAX,
            pace: 0.0,
            baseline: Duration::ZERO,
            rates: [1.0; CHANNELS],
            innocent: [0.0; CHANNELS],
            habits: Habits::default(),
            sends: VecDeque::new(),
            spikes: VecDeque::new(),
            episodes: std::array::from_fn(|_| Episodes::default()),
        }
    }

    /// A probe left.
    pub(super) fn sent(&mut self, at: Mono) {
        self.habits.sent();
        if self.sends.len() == MAX_SENDS {
            self.sends.pop_front();
        }
        let at = self.sends.back().map_or(at, |last| at.max(*last));
        self.sends.push_back(at);
    }

    /// How many probes it was sent in `(from, to]`; where that is longer ago than is remembered, how many that must have been.
    pub(super) fn exposure(&self, from: Mono, to: Mono) -> f64 {
        let is_remembered = self.sends.len() < MAX_SENDS || self.sends.front().is_some_and(|first| *first <= from);
        if !is_remembered {
            return (to.since(from).as_secs_f64() * self.pace).ceil();
        }
        let (first, end) = (
            self.sends.partition_point(|at| *at <= from),
            self.sends.partition_point(|at| *at <= to),
        );
        super::chance::factor(end - first)
    }

    /// Adds a spike.
    pub(super) fn spike(&mut self, spike: Spike) {
        if self.spikes.len() == MAX_SPIKES {
            self.spikes.pop_front();
        }
        self.spikes.push_back(spike);
    }

    /// Fills in the RTT of a spike that was overdue before. Its send time.
    pub(super) fn set_rtt(&mut self, series: SeriesId, seq: ProbeSeq, rtt: Option<Rtt>) {
        let spike = self
            .spikes
            .iter_mut()
            .rev()
            .find(|spike| (spike.series, spike.seq) == (series, seq));
        if let Some(spike) = spike {
            spike.rtt = rtt;
        }
    }

    /// Spikes of late, roughly in order.
    pub(super) fn spikes(&self) -> impl DoubleEndedIterator<Item = &Spike> {
        self.spikes.iter()
    }

    /// Adds a spike to a level. Whether it is the first of an episode.
    pub(super) fn begin(&mut self, channel: Channel, at: Mono) -> bool {
        let gap = self.interval.saturating_mul(3).max(LEAST_GAP);
        self.episodes[channel.index()].add(at, gap)
    }

    /// Its onsets of a level in `(after, to]`.
    pub(super) fn onsets(&self, channel: Channel, after: Mono, to: Mono) -> impl Iterator<Item = Mono> {
        let onsets = &self.episodes[channel.index()].onsets;
        let first = onsets.partition_point(|onset| onset.at <= after);
        onsets
            .range(first..)
            .map(|onset| onset.at)
            .take_while(move |at| *at <= to)
    }

    /// Whether an episode of a level began at this very moment.
    pub(super) fn began(&self, channel: Channel, at: Mono) -> bool {
        let onsets = &self.episodes[channel.index()].onsets;
        onsets.binary_search_by_key(&at, |onset| onset.at).is_ok()
    }

    /// Its onsets of a level in `(after, to]` are no habit.
    pub(super) fn suspect(&mut self, channel: Channel, after: Mono, to: Mono) {
        let onsets = &mut self.episodes[channel.index()].onsets;
        for onset in onsets.iter_mut().rev().take_while(|onset| onset.at > after) {
            onset.suspected |= onset.at <= to;
        }
    }

    /// Forgets what it was found to do from `from` to `to`, both included.
    pub(super) fn forget(&mut self, from: Mono, to: Mono) {
        let is_meant = |at: Mono| (from..=to).contains(&at);
        self.spikes.retain(|spike| !is_meant(spike.at));
        for episodes in &mut self.episodes {
            episodes.onsets.retain(|onset| !is_meant(onset.at));
            episodes.newest = episodes.newest.filter(|(first, _)| !is_meant(*first));
        }
    }

    /// Learns from what was settled before `settled`, and forgets what is older than `old`.
    pub(super) fn turn(&mut self, elapsed: f64, settled: Mono, old: Mono) {
        let mut fresh = [Fresh::default(); CHANNELS];
        for (episodes, fresh) in self.episodes.iter_mut().zip(&mut fresh) {
            *fresh = episodes.count(settled);
            while episodes.onsets.front().is_some_and(|onset| onset.at < old) {
                episodes.onsets.pop_front();
            }
        }
        while self.spikes.front().is_some_and(|spike| spike.at < old) {
            self.spikes.pop_front();
        }
        self.habits.turn(elapsed, &fresh);
    }
}

impl Episodes {
    fn add(&mut self, at: Mono, gap: Duration) -> bool {
        match self.newest {
            Some((first, last)) if at.after(gap) >= first && at <= last.after(gap) => {
                self.newest = Some((first, last.max(at)));
                return false;
            }
            // What was found late is an episode of its own, and not the newest.
            Some((first, _)) if at < first => {}
            _ => self.newest = Some((at, at)),
        }
        if self.onsets.len() == MAX_ONSETS {
            self.onsets.pop_front();
        }
        let place = self.onsets.partition_point(|onset| onset.at <= at);
        let onset = Onset {
            at,
            suspected: false,
            counted: false,
        };
        self.onsets.insert(place, onset);
        true
    }

    fn count(&mut self, settled: Mono) -> Fresh {
        let mut fresh = Fresh::default();
        for onset in self.onsets.iter_mut().rev().take_while(|onset| !onset.counted) {
            if onset.at < settled {
                onset.counted = true;
                fresh.all += 1;
                fresh.alone += usize::from(!onset.suspected);
            }
        }
        fresh
    }
}

/// 20 s at 6 probes/s, so that a probe with a timeout of 10 s is judged by what was sent beside it.
const MAX_SENDS: usize = 128;

/// Enough for the window in which an incident begins.
const MAX_SPIKES: usize = 64;

/// Ten minutes with the least gap between episodes.
const MAX_ONSETS: usize = 300;

/// Spikes with pauses of less are one episode: bursty loss of one backend must not meet the same burst of another twice.
const LEAST_GAP: Duration = Duration::from_secs(2);

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(ms: u64) -> Mono {
        Mono::from_nanos(ms * 1_000_000)
    }

    fn backend() -> Backend {
        Backend {
            interval: Duration::from_millis(200),
            pace: 5.0,
            ..Backend::new()
        }
    }

    #[test]
    fn exposure_counts_what_was_sent_after_the_first_moment_and_up_to_the_last() {
        let mut backend = backend();
        (0..50).for_each(|i| backend.sent(ms(i * 200)));
        assert!((backend.exposure(ms(1_000), ms(1_400)) - 2.0).abs() < 1e-9);
        assert!((backend.exposure(ms(999), ms(1_400)) - 3.0).abs() < 1e-9);
        assert!(backend.exposure(ms(1_001), ms(1_199)).abs() < 1e-9);
    }

    #[test]
    fn exposure_longer_ago_than_is_remembered_is_taken_from_the_pace() {
        let mut backend = backend();
        (0..200).for_each(|i| backend.sent(ms(i * 200)));
        assert!((backend.exposure(ms(1_000), ms(2_000)) - 5.0).abs() < 1e-9);
    }

    #[test]
    fn consecutive_spikes_are_one_episode_in_whatever_order_they_are_found() {
        let mut backend = backend();
        let begins = [5_000, 5_200, 5_100, 4_000, 7_200, 9_201, 1_000].map(|at| backend.begin(Channel::Lost, ms(at)));
        assert_eq!(begins, [true, false, false, false, false, true, true]);
        let onsets: Vec<_> = backend.onsets(Channel::Lost, ms(0), ms(10_000)).collect();
        assert_eq!(onsets, [ms(1_000), ms(5_000), ms(9_201)]);
        assert!(backend.begin(Channel::Any, ms(5_100)), "levels are apart");
    }

    #[test]
    fn what_is_forgotten_can_begin_again() {
        let mut backend = backend();
        assert!(backend.begin(Channel::Any, ms(5_000)));
        backend.forget(ms(5_000), ms(5_000));
        assert_eq!(backend.onsets(Channel::Any, ms(0), ms(9_000)).next(), None);
        assert!(backend.begin(Channel::Any, ms(5_200)));
    }
}
