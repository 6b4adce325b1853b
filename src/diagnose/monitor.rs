//! All of it together.

use std::sync::Arc;
use std::time::Duration;

use super::{Incident, Stage, Stall};
use crate::correlate::{CoincidenceOptions, TroubleOptions};
use crate::detect::{Cause, Kind, Level, Saved, SpikeEnd};
use crate::engine::{Launch, Launcher};
use crate::outcome::{Event, StampSource};
use crate::series::Series;
use crate::sweep::{PathChange, PathReport, SweepOptions};
use crate::units::{Mono, ProbeSeq, Rtt, SeriesId};

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
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Watched {
    /// Time between two probes.
    pub interval: Duration,
    /// How long an answer may take.
    pub timeout: Duration,
    /// The source of its RTTs.
    pub stamp: StampSource,
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
    /// This host disturbed its own measurement.
    OwnNoise(Stall),
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
    options: MonitorOptions,
}

impl Monitor {
    /// A monitor of nothing yet; `seed` orders traces.
    #[must_use]
    pub fn new(options: MonitorOptions, _seed: u64) -> Self {
        Self { options }
    }

    /// Watches a series from now on. Series of the same target name and address are one backend.
    pub fn admit(&mut self, _now: Mono, _id: SeriesId, _series: &Series, _role: Role, _watched: Watched) {}

    /// Gives a series that was just admitted the past that was saved of it.
    pub fn restore(&mut self, _id: SeriesId, _saved: &Saved, _now: Mono) {}

    /// The past of a series, to be kept over a restart.
    #[must_use]
    pub fn save(&self, _id: SeriesId) -> Option<Saved> {
        None
    }

    /// Watches a series no more.
    pub fn remove(&mut self, _id: SeriesId, _now: Mono) {}

    /// Takes what happened to a probe, of any series.
    pub fn handle_event(&mut self, _event: &Event) {}

    /// When [`handle_deadline`](Self::handle_deadline) has something to do.
    pub fn next_deadline(&mut self) -> Option<Mono> {
        None
    }

    /// Judges what is due at `now`: all that arrived before must have been handed over.
    pub fn handle_deadline(&mut self, _now: Mono) {}

    /// Ends all: open episodes and incidents are closed.
    pub fn close(&mut self, _now: Mono) {}

    /// The next thing to say.
    pub fn poll(&mut self) -> Option<News> {
        let _ = self.options;
        None
    }

    /// Incidents that are open, oldest first.
    pub fn open_incidents(&self) -> impl Iterator<Item = &Incident> {
        std::iter::empty()
    }

    /// Baseline and threshold of a series.
    #[must_use]
    pub fn level(&self, _id: SeriesId) -> Option<Level> {
        None
    }
}

impl Launcher for Monitor {
    fn next_launch(&self) -> Option<Mono> {
        None
    }

    fn poll_launch(&mut self, _now: Mono) -> Option<Launch> {
        None
    }

    fn launched(&mut self, _launch: Launch, _seq: Option<ProbeSeq>, _now: Mono) {}

    fn is_done(&self) -> bool {
        true
    }
}
