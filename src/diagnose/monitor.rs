//! All of it together.
//!
//! A turn is: [`handle_event`](Monitor::handle_event) for all that happened, [`handle_deadline`](Monitor::handle_deadline) with a moment before
//! which all of it was handled, [`poll`](Monitor::poll) until there is nothing more to say. An event costs what the detector and the judges
//! of `correlate` take for it. Incidents are looked at only at deadlines, each at most every two seconds.
//!
//! | what | where |
//! |---|---|
//! | which series probes or traces which backend | `table` |
//! | what traces know, and whose are to hurry | `tracing` |
//! | which anomaly belongs to which incident | `cases` |
//! | one incident | `case` |
//! | when its verdict changes | `latch` |
//! | the evidence | `judging` |
//! | what is told, and when | `telling` |

mod case;
mod cases;
mod judging;
mod latch;
mod table;
mod telling;
mod tracing;

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use self::case::Judge;
use self::cases::Cases;
use self::table::{Part, Table};
pub use self::tracing::PathKnowledge;
use self::tracing::Tracing;
use super::{History, Incident, OwnNoise, Stage, Stall};
use crate::correlate::{Change, CoincidenceOptions, Coincidences, Stream, TroubleOptions, Troubles};
use crate::detect::{Cause, Detector, Kind, Level, Saved, SpikeEnd, Watch};
use crate::engine::{Launch, Launcher};
use crate::localize::Unit;
use crate::outcome::{Event, Proto, StampSource};
use crate::series::Series;
use crate::sweep::{PathChange, PathReport, SweepOptions};
use crate::units::{Mono, ProbeSeq, Rtt, SeriesId, TargetId};

/// How a run is judged.
#[derive(Clone, Copy, Debug)]
pub struct MonitorOptions {
    /// Coincidences of several.
    pub coincidences: CoincidenceOptions,
    /// Troubles of one.
    pub troubles: TroubleOptions,
    /// How paths are traced; `None` traces nothing.
    pub sweep: Option<SweepOptions>,
    /// Lateness of this length is batching, not noise.
    pub slot: Duration,
}

/// What a series is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Role {
    /// It probes a backend: the name is that of its series, the group is the user's.
    Backend {
        /// The user's group.
        group: Option<Arc<str>>,
    },
    /// It traces the path to a backend; its pace has a count of 0.
    Path,
    /// It probes the loopback.
    Loopback,
    /// It probes the gateway, which the user has allowed.
    Gateway,
}

/// How a series is probed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Watched {
    /// Time between two probes.
    pub interval: Duration,
    /// How long an answer may take.
    pub timeout: Duration,
    /// The source of its RTTs.
    pub stamp: StampSource,
    /// A share of lost or slow probes that is nobody's trouble, however long it lasts.
    pub floor: f64,
}

/// What a run has to say, beside its windows.
#[derive(Clone, Debug)]
pub enum News {
    /// An episode of spikes began.
    SpikeStart(SpikeNews),
    /// An episode is over.
    SpikeEnd(SpikeNews, SpikeEnd),
    /// RTTs of a series moved to another level.
    LevelShift {
        /// Whose.
        series: SeriesId,
        /// The send time of the first probe at the new level.
        at: Mono,
        /// The median before.
        from: Rtt,
        /// The median since.
        to: Rtt,
    },
    /// A series is degraded.
    Degraded {
        /// Whose.
        series: SeriesId,
        /// Since when.
        at: Mono,
        /// Why.
        cause: Cause,
    },
    /// It is good again.
    Recovered {
        /// Whose.
        series: SeriesId,
        /// Since when.
        at: Mono,
    },
    /// Spikes are the habit of a series.
    Jittery {
        /// Whose.
        series: SeriesId,
        /// When it was found.
        at: Mono,
        /// Share of its probes that spike.
        ratio: f64,
    },
    /// An incident.
    Incident(Stage, Box<Incident>),
    /// A path took another course.
    PathChanged(PathChange),
    /// A trace of a path that was asked for by an incident: all that is known of the path by now.
    Traced {
        /// Which path.
        series: SeriesId,
        /// When.
        at: Mono,
        /// What is known.
        report: Box<PathReport>,
    },
    /// What is known of a path by now, where that is new.
    Path {
        /// Which path.
        series: SeriesId,
        /// When it came to be known.
        at: Mono,
        /// What is known.
        known: Box<PathKnowledge>,
    },
    /// This host disturbed its own measurement.
    OwnNoise(Stall),
    /// The loopback control of this host spiked.
    ControlSpiked {
        /// When the probe was sent.
        at: Mono,
        /// How long it took; `None` where it was not answered.
        rtt: Option<Rtt>,
    },
}

/// An episode of spikes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SpikeNews {
    /// Whose.
    pub series: SeriesId,
    /// The send time of its first (at the start) or last (at the end) probe.
    pub at: Mono,
    /// Its channel.
    pub kind: Kind,
    /// Baseline and threshold.
    pub level: Option<Level>,
}

/// Watches a whole run.
#[derive(Debug)]
pub struct Monitor {
    table: Table,
    detector: Detector,
    coincidences: Coincidences,
    troubles: Troubles,
    history: History,
    own: OwnNoise,
    tracing: Tracing,
    cases: Cases,
    news: VecDeque<News>,
    /// When to look after what has no deadline of its own; `None` before there is a series.
    tick: Option<Mono>,
    /// Who is next to have thresholds lent, and since when.
    lending: Option<(TargetId, Mono)>,
}

impl Monitor {
    /// A monitor of nothing yet; `seed` orders traces.
    #[must_use]
    pub fn new(options: MonitorOptions, seed: u64) -> Self {
        Self {
            table: Table::default(),
            detector: Detector::new(),
            coincidences: Coincidences::new(options.coincidences),
            troubles: Troubles::new(options.troubles),
            history: History::default(),
            own: OwnNoise::new(options.slot),
            tracing: Tracing::new(options.sweep, seed),
            cases: Cases::default(),
            news: VecDeque::new(),
            tick: None,
            lending: None,
        }
    }

    /// Watches a series from now on. Series of the same target name and address are one backend.
    pub fn admit(&mut self, now: Mono, id: SeriesId, series: &Series, role: Role, watched: Watched) {
        let Watched {
            interval,
            timeout,
            stamp,
            floor,
        } = watched;
        self.tick.get_or_insert(now);
        let is_loopback = role == Role::Loopback;
        let part = self.table.admit(id, series, role);
        let proto = series.endpoint.proto();
        match part {
            Part::Traces(target) => return self.tracing.admit(now, id, series, target),
            Part::Probes(target) => {
                let stream = Stream {
                    target,
                    proto,
                    interval,
                    timeout,
                    floor,
                };
                self.coincidences.admit(id, stream);
                self.troubles.admit(id, stream, now);
                self.history.admit(id, proto, interval);
            }
            Part::Control if is_loopback => self.own.set_loopback(id),
            Part::Control => self.own.set_gateway(id),
        }
        let watch = Watch {
            interval,
            timeout,
            stamp,
        };
        self.detector.admit(id, watch);
    }

    /// Gives a series that was just admitted the past that was saved of it.
    pub fn restore(&mut self, id: SeriesId, saved: &Saved, now: Mono) {
        self.detector.restore(id, saved, now);
    }

    /// The past of a series, to be kept over a restart.
    #[must_use]
    pub fn save(&self, id: SeriesId) -> Option<Saved> {
        self.detector.save(id)
    }

    /// Watches a series no more.
    pub fn remove(&mut self, id: SeriesId, now: Mono) {
        match self.table.part(id) {
            None => return,
            Some(Part::Traces(_)) => self.tracing.remove(id),
            Some(Part::Probes(_) | Part::Control) => {
                self.detector.remove(id);
                self.take_findings();
                self.coincidences.remove(id);
                self.troubles.remove(id);
                self.history.remove(id);
                self.take_changes(now);
            }
        }
        self.table.remove(id);
    }

    /// Takes what happened to a probe, of any series.
    pub fn handle_event(&mut self, event: &Event) {
        match self.table.part(event.series) {
            None => {}
            Some(Part::Traces(_)) => self.tracing.handle_event(event),
            Some(part) => {
                if matches!(part, Part::Probes(_)) {
                    self.history.handle_event(event);
                    self.coincidences.handle_event(event);
                    self.troubles.handle_event(event);
                }
                self.own.handle_event(event);
                self.detector.handle_event(event);
                self.take_findings();
            }
        }
    }

    /// Takes what another run knew of the path of a series, when nobody traces it here: a recorded [`News::Path`].
    pub fn handle_path(&mut self, id: SeriesId, known: PathKnowledge, now: Mono) {
        if let Some(target) = self.tracing.take_over(id, known) {
            self.judge_soon(target, now);
        }
    }

    /// Takes a stall of the host that was recorded: a [`News::OwnNoise`] of another run.
    pub fn handle_stall(&mut self, stall: Stall) {
        self.own.handle_stall(stall);
    }

    /// Takes a probe of the loopback control that was recorded, and whether it spiked.
    pub fn handle_control(&mut self, at: Mono, spiked: bool) {
        self.own.handle_control(at, spiked);
    }

    /// What was counted of each backend, over its path, during an open incident or one that was just closed; empty before it is judged.
    #[must_use]
    pub fn units(&self, number: u64) -> Vec<Unit> {
        self.units_of(number)
    }

    /// When [`handle_deadline`](Self::handle_deadline) has something to do.
    pub fn next_deadline(&mut self) -> Option<Mono> {
        let judges = [
            self.detector.next_deadline(),
            self.coincidences.next_deadline(),
            self.troubles.next_deadline(),
            self.cases.next_deadline(),
            self.tick,
            self.lending.map(|(_, since)| since),
        ];
        judges.into_iter().flatten().min()
    }

    /// Judges what is due at `now`: all that arrived before must have been handed over.
    pub fn handle_deadline(&mut self, now: Mono) {
        self.discount_stalls(now);
        for (group, members) in self.table.take_changed_groups() {
            self.coincidences.set_group(group, &members);
        }
        self.detector.handle_deadline(now);
        self.take_findings();
        self.coincidences.handle_deadline(now);
        self.troubles.handle_deadline(now);
        self.take_changes(now);
        if self.tick.is_some_and(|tick| tick <= now) {
            self.tick = Some(now.after(TICK));
            self.lending = Some((TargetId::new(0), now));
            let everybody = self.table.backends().map(|(target, _)| target);
            self.cases.set_own_trouble(self.own.trouble(now), everybody, now);
        }
        self.lend_thresholds(now);
        self.take_traces(now);
        self.look_after_cases(now);
        self.tell_paths(now);
    }

    /// Ends all: open episodes and incidents are closed.
    pub fn close(&mut self, now: Mono) {
        self.handle_deadline(now);
        self.close_cases(now);
    }

    /// The next thing to say.
    pub fn poll(&mut self) -> Option<News> {
        self.news.pop_front()
    }

    /// Incidents that are open, oldest first.
    pub fn open_incidents(&self) -> impl Iterator<Item = &Incident> {
        self.cases.open.iter().filter_map(|case| case.told.as_deref())
    }

    /// Baseline and threshold of a series.
    #[must_use]
    pub fn level(&self, id: SeriesId) -> Option<Level> {
        self.detector.level(id)
    }

    /// SYNs are sent seldom, and pings of the same backend know sooner what is normal. So many backends at a time: packets don't wait for
    /// ten thousand.
    fn lend_thresholds(&mut self, now: Mono) {
        let Some((from, _)) = self.lending.take() else { return };
        let mut backends = self.table.backends_from(from);
        for (_, backend) in backends.by_ref().take(LENT_AT_ONCE) {
            let of = |proto: Proto| backend.probes.iter().filter(move |(_, other)| *other == proto);
            let Some((pings, _)) = of(Proto::Icmp).next() else {
                continue;
            };
            for (syns, _) in of(Proto::Tcp) {
                self.detector.lend(*pings, *syns);
            }
        }
        self.lending = backends.next().map(|(next, _)| (next, now));
    }

    /// What was measured while this host stood still is nobody else's fault.
    fn discount_stalls(&mut self, now: Mono) {
        for stall in self.own.take_stalls(now) {
            self.coincidences.discount(stall.from, stall.to);
            self.troubles.discount(stall.from, stall.to);
            self.tell(News::OwnNoise(stall));
        }
    }

    fn take_findings(&mut self) {
        while let Some(finding) = self.detector.poll() {
            self.own.handle_finding(&finding);
            self.tell_control(&finding);
            if let Some(Part::Probes(_)) = self.table.part(finding.series) {
                let level = self.detector.level(finding.series);
                self.coincidences.handle_finding(&finding, level);
                self.troubles.handle_finding(&finding);
                self.history.handle_finding(&finding);
                self.tell_finding(&finding, level);
            }
        }
    }

    fn take_changes(&mut self, now: Mono) {
        while let Some(change) = self.coincidences.poll() {
            self.take_change(Judge::Coincidences, &change, now);
        }
        while let Some(change) = self.troubles.poll() {
            self.take_change(Judge::Troubles, &change, now);
        }
    }

    fn take_change(&mut self, judge: Judge, change: &Change, now: Mono) {
        match change {
            Change::Suspected(suspicion) => {
                for series in &suspicion.series {
                    self.detector.exclude(*series, suspicion.from, suspicion.to);
                    self.history.exclude(*series, suspicion.from, suspicion.to);
                }
            }
            Change::Opened(anomaly) => self.cases.open(judge, anomaly, now),
            Change::Updated(anomaly) => self.cases.update(judge, anomaly, now),
            Change::Closed(anomaly) => self.cases.close(judge, anomaly, now),
        }
    }
}

impl Launcher for Monitor {
    fn next_launch(&self) -> Option<Mono> {
        self.tracing.next_launch()
    }

    fn poll_launch(&mut self, now: Mono) -> Option<Launch> {
        self.tracing.poll_launch(now)
    }

    fn launched(&mut self, launch: Launch, seq: Option<ProbeSeq>, now: Mono) {
        self.tracing.launched(launch, seq, now);
    }

    fn is_done(&self) -> bool {
        self.tracing.is_done()
    }
}

/// Stalls and traces that are a second old are news.
const TICK: Duration = Duration::from_secs(1);

/// A millisecond's work.
const LENT_AT_ONCE: usize = 1_024;

#[cfg(test)]
mod tests;
