//! How each series is by now, as the lines that are written tell it: for the live view, and for lines that need what came before.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fmt::Write as _;
use std::sync::Arc;

use super::pulse::Written;
use super::writer::{Known, WindowJob};
use crate::detect::{Cause, Kind};
use crate::diagnose::{Incident, Stage};
use crate::report::Completeness;
use crate::report::live::{RunRow, RunState};
use crate::stats::Summary;
use crate::units::{Mono, Rtt, SeriesId};

/// All series, and all open incidents.
#[derive(Default)]
pub(super) struct Board {
    rows: BTreeMap<SeriesId, Row>,
    incidents: Vec<Incident>,
    /// Probes sent, in windows that are over.
    pub(super) sent: u64,
    /// Windows that are over.
    windows: u64,
}

struct Row {
    known: Arc<Known>,
    last: Option<Summary>,
    self_noise: bool,
    /// The 99th percentile of each of the last windows, oldest first.
    history: VecDeque<Option<Rtt>>,
    learning: bool,
    jittery: bool,
    spiking: Vec<Kind>,
    degraded: Option<(Cause, Mono)>,
}

impl Board {
    /// A series begins.
    pub(super) fn admit(&mut self, known: Arc<Known>) {
        let row = Row {
            last: None,
            self_noise: false,
            history: VecDeque::new(),
            learning: true,
            jittery: false,
            spiking: Vec::new(),
            degraded: None,
            known,
        };
        self.rows.insert(row.known.id, row);
    }

    /// A series is probed no more.
    pub(super) fn remove(&mut self, id: SeriesId) {
        self.rows.remove(&id);
    }

    /// A window of a series is over.
    pub(super) fn window(&mut self, window: &WindowJob) {
        let summary = &window.closed.summary;
        self.sent = self.sent.saturating_add(summary.counts.sent);
        self.windows += 1;
        let Some(row) = self.rows.get_mut(&window.closed.series) else {
            return;
        };
        // The rest of a window at the end of a run is not how the series is.
        if window.completeness == Completeness::Cut && row.last.is_some() {
            return;
        }
        if row.history.len() >= HISTORY {
            row.history.pop_front();
        }
        row.history.push_back(summary.rtt.map(|rtt| rtt.p99));
        row.learning = window.learning;
        row.self_noise = window.host.control_disturbed || window.host.clock_stepped;
        row.last = Some(summary.clone());
    }

    /// An episode of spikes begins or ends.
    pub(super) fn spike(&mut self, id: SeriesId, kind: Kind, is_start: bool) {
        let Some(row) = self.rows.get_mut(&id) else { return };
        row.spiking.retain(|other| *other != kind);
        if is_start {
            row.spiking.push(kind);
        }
    }

    /// Spikes are its habit.
    pub(super) fn jittery(&mut self, id: SeriesId) {
        if let Some(row) = self.rows.get_mut(&id) {
            row.jittery = true;
        }
    }

    /// A series is degraded.
    pub(super) fn degraded(&mut self, id: SeriesId, cause: Cause, since: Mono) {
        if let Some(row) = self.rows.get_mut(&id) {
            row.degraded = Some((cause, since));
        }
    }

    /// A series is good again: what it was degraded by, and since when.
    pub(super) fn recovered(&mut self, id: SeriesId) -> Option<(Cause, Mono)> {
        self.rows.get_mut(&id)?.degraded.take()
    }

    /// An incident is told.
    pub(super) fn incident(&mut self, stage: Stage, incident: &Incident) {
        let place = self.incidents.iter().position(|open| open.number == incident.number);
        match (stage, place) {
            (Stage::Close, Some(place)) => drop(self.incidents.remove(place)),
            (Stage::Close, None) => {}
            (Stage::Open | Stage::Update, Some(place)) => self.incidents[place] = incident.clone(),
            (Stage::Open | Stage::Update, None) => self.incidents.push(incident.clone()),
        }
    }

    /// How far this has come, and how it goes.
    pub(super) fn pulse(&self) -> Written {
        Written {
            windows: self.windows,
            summary: self.summary(),
        }
    }

    /// How it goes, in a line.
    fn summary(&self) -> String {
        let names: BTreeSet<&str> = self.rows.values().map(|row| &*row.known.series.target).collect();
        let counts = self.rows.values().filter_map(|row| Some(row.last.as_ref()?.counts));
        let (sent, lost) = counts.fold((0, 0), |(sent, lost), counts| (sent + counts.sent, lost + counts.lost));
        let mut summary = format!(
            "{} target{}, {lost} of the last {sent} probes lost",
            names.len(),
            if names.len() == 1 { "" } else { "s" }
        );
        if self.incidents.is_empty() {
            summary.push_str(", no incident open");
        }
        for incident in &self.incidents {
            let _ = write!(summary, "; open: #{} {}", incident.number, incident.verdict.as_str());
        }
        summary
    }

    /// A row for each series, and the open incidents, oldest first.
    pub(super) fn shown(&mut self) -> (Vec<RunRow<'_>>, Vec<&Incident>) {
        let rows = self.rows.values_mut().map(|row| {
            row.history.make_contiguous();
            let row: &Row = row;
            RunRow {
                series: &row.known.series,
                group: row.known.group().map(|group| &**group),
                last: row.last.as_ref(),
                self_noise: row.self_noise,
                history: row.history.as_slices().0,
                state: row.state(),
            }
        });
        (rows.collect(), self.incidents.iter().collect())
    }
}

impl Row {
    fn state(&self) -> RunState {
        match self.degraded {
            Some((cause, _)) => RunState::Degraded(cause),
            None if !self.spiking.is_empty() => RunState::Spiking,
            None if self.jittery => RunState::Jittery,
            None if self.learning => RunState::Learning,
            None => RunState::Steady,
        }
    }
}

/// More windows than a spark line has cells.
const HISTORY: usize = 32;
