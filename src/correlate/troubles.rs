//! One backend at a time: degraded, shifted, silent from the start, or impaired for minutes on end.
//!
//! What is unusual is judged by the backend's own habit, and against a budget: over all streams, so many false alarms may be expected in 30 days. Half of
//! it goes to what is sudden, half to what lasts.
//!
//! * **Sudden** ([`Alone`](AnomalyKind::Alone)): a series that the detector calls degraded is in trouble as soon as chance does this, or worse, less often than its
//!   share of the budget allows. A backend that never lost a probe needs four to six losses in a row, one that loses 1 % in bursts more; each further
//!   one multiplies the evidence, so a dead backend is known after a second or two of 5 probes a second. Two refusals are enough at once: they
//!   are answers that somebody gave. It ends when none of the last 20 probes of any of its series stood out.
//! * **Lasting** ([`Persistent`](AnomalyKind::Persistent)): the share of lost or very slow probes of 5 or 10 minutes is above both the floor and the habit, by a binomial test;
//!   of those that are a little too slow it takes more than 3 %, since queues are longer by day.
//!   It ends when it is significantly below half of what it was. Several backends become members of one anomaly.
//! * **Shifted**: see [`shifts`]. **Never answered**: 10 probes and 5 seconds without any reply.
//!
//! Failure modes: a backend whose losses came in bursts from its first minute on opens a few anomalies until that is its habit; loss below the floor is nobody's
//! trouble; a fault that began before the first probe is known as never answered, or as lasting.

mod cells;
mod chance;
mod desk;
mod lasting;
mod shifts;
mod stream;
#[cfg(test)]
mod tests;

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};

use self::desk::Desk;
use self::lasting::Lasting;
use self::shifts::{Moved, Shifts};
use self::stream::{Patience, Tally, Watched};
use super::{Anomaly, AnomalyKind, Change, Stream};
use crate::detect::{Finding, Found, Symptom};
use crate::outcome::{Answer, Answered, Event, InTime, Proto, What};
use crate::units::{Mono, ProbeSeq, SeriesId, TargetId};

/// How careful to be.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TroubleOptions {
    /// How many false alarms of single backends may be expected in 30 days, over all of them.
    pub false_alarms_per_30_days: f64,
}

/// Finds backends that are in trouble by themselves.
///
/// Call order per turn: events and findings of them in any order, then [`handle_deadline`](Self::handle_deadline), then [`poll`](Self::poll) until `None`. A probe costs the
/// same whatever came before it; every ten seconds of a series also cost one pass over its ten minutes. Memory is bounded by series.
#[derive(Debug)]
pub struct Troubles {
    options: TroubleOptions,
    streams: Vec<Option<Watched>>,
    /// How many are followed.
    followed: u32,
    backends: Vec<Backend>,
    lasting: [Lasting; 2],
    shifts: Shifts,
    /// When to judge a run of slow replies that may have been the beginning of a shift, and its newest probe.
    looks: BinaryHeap<Reverse<(Mono, SeriesId, ProbeSeq)>>,
    discounted: VecDeque<(Mono, Mono)>,
    desk: Desk,
}

#[derive(Debug, Default)]
struct Backend {
    streams: Vec<SeriesId>,
    alone: Option<Anomaly>,
    silent: Option<(Proto, Anomaly)>,
}

impl Troubles {
    /// Of no streams yet.
    #[must_use]
    pub fn new(options: TroubleOptions) -> Self {
        Self {
            options,
            streams: Vec::new(),
            followed: 0,
            backends: Vec::new(),
            lasting: [Lasting::default(), Lasting::default()],
            shifts: Shifts::default(),
            looks: BinaryHeap::new(),
            discounted: VecDeque::new(),
            desk: Desk::default(),
        }
    }

    /// Follows a series from now on.
    pub fn admit(&mut self, series: SeriesId, stream: Stream, now: Mono) {
        self.remove(series);
        if self.streams.len() <= series.index() {
            self.streams.resize_with(series.index() + 1, || None);
        }
        if self.backends.len() <= stream.target.index() {
            self.backends.resize_with(stream.target.index() + 1, Backend::default);
        }
        self.streams[series.index()] = Some(Watched::new(stream, now));
        self.backends[stream.target.index()].streams.push(series);
        self.followed += 1;
    }

    /// Follows a series no more. What only it was part of is over.
    pub fn remove(&mut self, series: SeriesId) {
        let Some(watched) = self.streams.get_mut(series.index()).and_then(Option::take) else {
            return;
        };
        let target = watched.stream.target;
        self.followed -= 1;
        self.backends[target.index()].streams.retain(|other| *other != series);
        self.shifts.remove(series, &mut self.desk);
        self.recover(target);
        self.judge_silence(target, Mono::default());
        self.judge_lasting(target, Mono::default());
    }

    /// What happened to a probe.
    pub fn handle_event(&mut self, event: &Event) {
        match event.what {
            What::Answered(answered) => {
                if answered.answer == Answer::Reply {
                    self.replied(event, &answered);
                }
                if !answered.timed_out {
                    self.count(event);
                }
            }
            What::TimedOut => self.count(event),
            _ => {}
        }
    }

    /// What stands out.
    pub fn handle_finding(&mut self, finding: &Finding) {
        let (series, at) = (finding.series, finding.at);
        match finding.found {
            Found::Spiked(seq, symptom) if !self.is_discounted(at) => self.hit(series, seq, at, symptom),
            Found::Degraded(_) => {
                if let Some(watched) = watched(&mut self.streams, series) {
                    watched.degraded = Some(at);
                }
                self.judge_spell(series, Patience::MayBeShift);
            }
            Found::Recovered => {
                self.judge_spell(series, Patience::Over);
                if let Some(watched) = watched(&mut self.streams, series) {
                    watched.degraded = None;
                    let target = watched.stream.target;
                    self.recover(target);
                }
            }
            Found::LevelShift { from, to } => {
                let Some(watched) = watched(&mut self.streams, series) else {
                    return;
                };
                watched.shifted(at);
                let target = watched.stream.target;
                let moved = Moved {
                    series,
                    target,
                    at,
                    from,
                    to,
                };
                if let Err(moved) = self.shifts.absorb(moved, &mut self.desk) {
                    let healthy = self.healthy(&[target]);
                    self.shifts.open(moved, healthy, &mut self.desk);
                }
            }
            _ => {}
        }
    }

    /// Probes sent between these moments say nothing: this host was at fault.
    pub fn discount(&mut self, from: Mono, to: Mono) {
        for watched in self.streams.iter_mut().flatten() {
            watched.discount(from, to);
        }
        if self.discounted.len() == DISCOUNTED_MAX {
            self.discounted.pop_front();
        }
        self.discounted.push_back((from, to));
    }

    /// When [`handle_deadline`](Self::handle_deadline) has something to do.
    #[must_use]
    pub fn next_deadline(&self) -> Option<Mono> {
        let look = self.looks.peek().map(|Reverse((at, ..))| *at);
        look.into_iter().chain(self.shifts.next_deadline()).min()
    }

    /// Looks at what is due.
    pub fn handle_deadline(&mut self, now: Mono) {
        while let Some(Reverse((at, series, seq))) = self.looks.peek().copied()
            && at <= now
        {
            self.looks.pop();
            let newest = watched(&mut self.streams, series).and_then(|watched| watched.newest_slow());
            if newest == Some(seq) {
                self.judge_spell(series, Patience::Over);
            }
        }
        self.shifts.handle_deadline(now, &mut self.desk);
    }

    /// The next thing to say.
    pub fn poll(&mut self) -> Option<Change> {
        self.desk.poll()
    }

    fn replied(&mut self, event: &Event, answered: &Answered) {
        let Some(watched) = watched(&mut self.streams, event.series) else {
            return;
        };
        if answered.in_time == InTime::Yes {
            watched.cells.replied(event.sent_at, answered.timing.rtt);
        }
        let target = watched.stream.target;
        if !std::mem::replace(&mut watched.replied, true) {
            self.judge_silence(target, event.sent_at);
        }
    }

    /// Counts a probe by its first outcome. Waiting until nothing can change any more would take as long as its record is kept.
    fn count(&mut self, event: &Event) {
        let at = event.sent_at;
        let allowed = self.alarms_allowed();
        if self.is_discounted(at) {
            return;
        }
        let Some(watched) = watched(&mut self.streams, event.series) else {
            return;
        };
        let (target, timeout) = (watched.stream.target, watched.stream.timeout);
        if !watched.replied {
            if watched.unanswered(at) {
                self.judge_silence(target, at);
            }
        } else if watched.cells.count(at, timeout) && watched.judge_minutes(allowed) {
            self.judge_lasting(target, at);
        }
    }

    fn hit(&mut self, series: SeriesId, seq: ProbeSeq, at: Mono, symptom: Symptom) {
        let Some(watched) = watched(&mut self.streams, series) else {
            return;
        };
        // The detector says this only of series that replied, be it before a restart.
        watched.replied = true;
        watched.hit(seq, at, symptom);
        let (stream, tally) = (watched.stream, watched.tally);
        for lasting in &mut self.lasting {
            if lasting.grow(stream.target, tally) {
                watched.cells.mark_trouble(at);
            }
        }
        if let Some(alone) = &mut self.backends[stream.target.index()].alone {
            desk::grow(alone, stream.target, tally);
            watched.cells.mark_trouble(at);
            return;
        }
        self.judge_spell(series, Patience::MayBeShift);
        let is_open = self.backends[stream.target.index()].alone.is_some();
        if matches!(symptom, Symptom::Slow(_)) && !is_open && self.looks.len() < self.streams.len() * LOOKS_PER_SERIES {
            // By then the probes behind it are judged.
            let look = at.after(stream.timeout + stream.interval * 3);
            self.looks.push(Reverse((look, series, seq)));
        }
    }

    /// Opens an anomaly of one backend if chance does not do this.
    fn judge_spell(&mut self, series: SeriesId, patience: Patience) {
        let allowed = self.alarms_allowed();
        let Some(watched) = watched(&mut self.streams, series) else {
            return;
        };
        let (target, tally) = (watched.stream.target, watched.tally);
        if self.backends[target.index()].alone.is_some() {
            return;
        }
        let Some(alarm) = watched.degraded.and_then(|_| watched.alarm(allowed, patience)) else {
            return;
        };
        watched.cells.mark_trouble(tally.first);
        let healthy = self.healthy(&[target]);
        let hits = vec![desk::hit(target, tally)];
        let alone = self
            .desk
            .open(AnomalyKind::Alone(alarm.cause), hits, tally.last, alarm.chance, healthy);
        self.backends[target.index()].alone = Some(alone);
    }

    /// Ends the anomaly of a backend of which no series is degraded any more.
    fn recover(&mut self, target: TargetId) {
        let is_degraded = |watched: &Watched| watched.degraded.is_some();
        if self.streams_of(target).any(is_degraded) {
            return;
        }
        if let Some(alone) = self.backends[target.index()].alone.take() {
            let last = alone.last;
            self.desk.close(alone);
            self.judge_lasting(target, last);
        }
    }

    /// Opens or ends what a backend has never answered.
    fn judge_silence(&mut self, target: TargetId, at: Mono) {
        let protos = |test: &dyn Fn(&Watched) -> bool| -> Vec<Proto> {
            self.streams_of(target)
                .filter(|watched| test(watched))
                .map(|watched| watched.stream.proto)
                .collect()
        };
        let silent = protos(&|watched| watched.is_silent && !watched.replied);
        let is_undecided = !protos(&|watched| !watched.is_silent && !watched.replied).is_empty();
        let said = self.backends[target.index()].silent.take();
        match said {
            Some((proto, anomaly)) if !silent.contains(&proto) => self.desk.close(anomaly),
            Some(still) => {
                self.backends[target.index()].silent = Some(still);
                return;
            }
            None => {}
        }
        let Some(&proto) = silent.first().filter(|_| !is_undecided) else {
            return;
        };
        let tally = Tally {
            first: at.before(stream::TIME_TO_ANSWER),
            last: at,
            probes: u64::from(stream::CHANCES),
            peak: None,
        };
        let healthy = self.healthy(&[target]);
        let anomaly = self.desk.open(
            AnomalyKind::NeverAnswered(proto),
            vec![desk::hit(target, tally)],
            at,
            None,
            healthy,
        );
        self.backends[target.index()].silent = Some((proto, anomaly));
    }

    /// Backends with nothing open.
    fn healthy(&self, except: &[TargetId]) -> Vec<TargetId> {
        let is_healthy = |target: &TargetId| {
            let backend = &self.backends[target.index()];
            backend.alone.is_none()
                && backend.silent.is_none()
                && !self.shifts.contains(*target)
                && self.lasting.iter().all(|lasting| !lasting.contains(*target))
                && !except.contains(target)
        };
        self.targets().filter(is_healthy).collect()
    }

    fn targets(&self) -> impl Iterator<Item = TargetId> {
        let followed = (0_u32..)
            .zip(&self.backends)
            .filter(|(_, backend)| !backend.streams.is_empty());
        followed.map(|(index, _)| TargetId::new(index))
    }

    fn streams_of(&self, target: TargetId) -> impl Iterator<Item = &Watched> {
        let streams = self.backends[target.index()].streams.iter();
        streams.filter_map(|series| self.streams.get(series.index())?.as_ref())
    }

    /// What may be said of a channel of a stream by chance, in 30 days: a part of the budget for each of two kinds of trouble, of two channels, of
    /// all streams.
    fn alarms_allowed(&self) -> f64 {
        self.options.false_alarms_per_30_days / f64::from(self.followed.max(1)) / 4.0
    }

    fn is_discounted(&self, at: Mono) -> bool {
        self.discounted.iter().any(|(from, to)| (*from..=*to).contains(&at))
    }
}

fn watched(streams: &mut [Option<Watched>], series: SeriesId) -> Option<&mut Watched> {
    streams.get_mut(series.index())?.as_mut()
}

/// This host does not stand still more often within the time that probes are under way.
const DISCOUNTED_MAX: usize = 16;

/// More slow probes than these per series are not followed one by one: a spell of them is judged with the next.
const LOOKS_PER_SERIES: usize = 64;
