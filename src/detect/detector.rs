//! All series of a run: their events in, findings out.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use std::time::Duration;

use super::cells::Sum;
use super::finding::Finding;
use super::saved::Saved;
use super::series::{Shared, Watched};
use super::threshold::Level;
use crate::outcome::{Event, StampSource};
use crate::units::{Mono, Rtt, SeriesId};

/// What stands out in any number of series, each against its own past.
///
/// Call order per turn: [`handle_event`](Self::handle_event) for all that happened, then [`handle_deadline`](Self::handle_deadline) with a moment
/// before which all of it was handled, then [`poll`](Self::poll) until `None`. An event costs the same whatever came before it; every ten
/// seconds of a series it also costs one pass over its baseline. Memory is bounded by series.
#[derive(Debug)]
pub struct Detector {
    series: Vec<Option<Entry>>,
    /// When to look at a series again; one entry per series at most.
    deadlines: BinaryHeap<Reverse<(Mono, SeriesId)>>,
    shared: Shared,
    findings: VecDeque<Finding>,
}

/// How a series is watched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Watch {
    /// Time between two of its probes.
    pub interval: Duration,
    /// How long an answer may take.
    pub timeout: Duration,
    /// The source of its RTTs. Others are not compared with them.
    pub stamp: StampSource,
}

#[derive(Debug)]
struct Entry {
    watched: Watched,
    /// Whether `deadlines` has an entry of it.
    is_timed: bool,
}

impl Default for Detector {
    fn default() -> Self {
        Self::new()
    }
}

impl Detector {
    /// A detector of nothing yet.
    #[must_use]
    pub fn new() -> Self {
        Self {
            series: Vec::new(),
            deadlines: BinaryHeap::new(),
            shared: Shared {
                sum: Sum::new(),
                floor: LEAST_FLOOR,
                found: Vec::new(),
            },
            findings: VecDeque::new(),
        }
    }

    /// Watches a series from now on, without a past. Ids are dense; events of series that are not watched are ignored.
    pub fn admit(&mut self, series: SeriesId, watch: Watch) {
        let place = series.index();
        if self.series.len() <= place {
            self.series.resize_with(place + 1, || None);
        }
        let is_timed = self.series[place].as_ref().is_some_and(|entry| entry.is_timed);
        self.series[place] = Some(Entry {
            watched: Watched::new(watch),
            is_timed,
        });
    }

    /// Gives a series that was just admitted the past that was saved of it.
    pub fn restore(&mut self, series: SeriesId, saved: &Saved, now: Mono) {
        if let Some(entry) = entry(&mut self.series, series) {
            entry.watched.restore(saved, now, &mut self.shared);
        }
    }

    /// The past of a series, to be kept over a restart.
    #[must_use]
    pub fn save(&self, series: SeriesId) -> Option<Saved> {
        self.watched(series).map(Watched::save)
    }

    /// What warm series are allowed over their median is lent to another of the same backend for the time of its warm-up: until then its own
    /// threshold is so generous that it seems well where both suffer alike.
    pub fn lend(&mut self, from: SeriesId, to: SeriesId) {
        let Some(allowed) = self.watched(from).and_then(Watched::allowance) else {
            return;
        };
        if let Some(entry) = entry(&mut self.series, to) {
            entry.watched.lend(allowed);
        }
    }

    /// Stops watching a series: ends its open episodes and forgets it.
    pub fn remove(&mut self, series: SeriesId) {
        let Some(entry) = entry(&mut self.series, series) else {
            return;
        };
        entry.watched.close(&mut self.shared);
        self.publish(series);
        self.series[series.index()] = None;
    }

    /// Sets the least excess over the median that is a spike, in place of 1 ms if that is less: what this host itself is good for.
    pub fn set_floor(&mut self, floor: Rtt) {
        self.shared.floor = floor.max(LEAST_FLOOR);
    }

    /// Spikes of probes that were sent from `from` to `to` (both included) belong to a suspected fault: they are not to become part of
    /// the baseline. To be said within 10 s; probes of that time which are judged later are meant as well.
    pub fn exclude(&mut self, series: SeriesId, from: Mono, to: Mono) {
        if let Some(entry) = entry(&mut self.series, series) {
            entry.watched.exclude(from, to);
        }
    }

    /// Takes what happened to a probe.
    pub fn handle_event(&mut self, event: &Event) {
        let Some(entry) = entry(&mut self.series, event.series) else {
            return;
        };
        entry.watched.handle(event, &mut self.shared);
        if !entry.is_timed
            && let Some(deadline) = entry.watched.next_deadline()
        {
            entry.is_timed = true;
            self.deadlines.push(Reverse((deadline, event.series)));
        }
        self.publish(event.series);
    }

    /// When the next probe is overdue.
    pub fn next_deadline(&mut self) -> Option<Mono> {
        loop {
            let Reverse((planned, series)) = *self.deadlines.peek()?;
            let due = self.watched(series).and_then(Watched::next_deadline);
            if due.is_some_and(|due| due <= planned) {
                return Some(planned);
            }
            // Its first probe was answered meanwhile.
            self.deadlines.pop();
            self.plan(series, due);
        }
    }

    /// Finds probes that are overdue. Everything that arrived before `now` must have been handled, or a stalled caller would be the fault.
    pub fn handle_deadline(&mut self, now: Mono) {
        while self.next_deadline().is_some_and(|deadline| deadline <= now)
            && let Some(Reverse((_, series))) = self.deadlines.pop()
        {
            let Some(entry) = entry(&mut self.series, series) else {
                continue;
            };
            entry.watched.handle_deadline(now, &mut self.shared);
            let next = entry.watched.next_deadline();
            self.plan(series, next);
            self.publish(series);
        }
    }

    /// The next finding.
    pub fn poll(&mut self) -> Option<Finding> {
        self.findings.pop_front()
    }

    /// Baseline and threshold of a series; `None` before 20 replies.
    #[must_use]
    pub fn level(&self, series: SeriesId) -> Option<Level> {
        self.watched(series)?.level()
    }

    /// Whether a series is degraded.
    #[must_use]
    pub fn is_degraded(&self, series: SeriesId) -> bool {
        self.watched(series).is_some_and(Watched::is_degraded)
    }

    /// Whether a series is known as jittery.
    #[must_use]
    pub fn is_jittery(&self, series: SeriesId) -> bool {
        self.watched(series).is_some_and(Watched::is_jittery)
    }

    /// Bytes on the heap, up to the overhead of allocations.
    #[must_use]
    pub fn heap_bytes(&self) -> usize {
        let watched: usize = self
            .series
            .iter()
            .flatten()
            .map(|entry| entry.watched.heap_bytes())
            .sum();
        watched
            + self.series.capacity() * size_of::<Option<Entry>>()
            + self.deadlines.capacity() * size_of::<(Mono, SeriesId)>()
            + self.findings.capacity() * size_of::<Finding>()
            + self.shared.sum.heap_bytes()
    }

    fn plan(&mut self, series: SeriesId, deadline: Option<Mono>) {
        if let Some(entry) = entry(&mut self.series, series) {
            entry.is_timed = deadline.is_some();
            self.deadlines
                .extend(deadline.map(|deadline| Reverse((deadline, series))));
        }
    }

    fn publish(&mut self, series: SeriesId) {
        let findings = self.shared.found.drain(..);
        self.findings
            .extend(findings.map(|(at, found)| Finding { series, at, found }));
    }

    fn watched(&self, series: SeriesId) -> Option<&Watched> {
        Some(&self.series.get(series.index())?.as_ref()?.watched)
    }
}

fn entry(series: &mut [Option<Entry>], id: SeriesId) -> Option<&mut Entry> {
    series.get_mut(id.index())?.as_mut()
}

/// Below a millisecond nobody's backend is in trouble.
const LEAST_FLOOR: Rtt = Rtt::from_nanos(1_000_000);
