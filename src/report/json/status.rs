//! The state of a service as one JSON document, for whoever asks it over HTTP. What also stands in lines has the same name here.

use std::time::Duration;

use serde::Serialize;

use super::escape;
use super::incident::{IncidentBody, Seen};
use super::window::SpanFields;
use super::{SeriesFields, number, timestamp};
use crate::diagnose::{Incident, Stage};
use crate::report::identity::RunIdentity;
use crate::report::window::WindowReport;
use crate::series::Series;
use crate::units::{Mono, Wall};

/// How a service is.
#[derive(Debug)]
pub struct StatusReport<'a> {
    /// Who, and in which run.
    pub identity: &'a RunIdentity,
    /// Now.
    pub at: Wall,
    /// Since when.
    pub started: Wall,
    /// For how long.
    pub uptime: Duration,
    /// Whether any window is over.
    pub is_ready: bool,
    /// How long a window is.
    pub window: Duration,
    /// What measures targets.
    pub targets: Vec<TargetStatus<'a>>,
    /// What is going on, in order of opening.
    pub incidents: Vec<&'a Incident>,
    /// What this host did to its own measurement since the start.
    pub noise: NoiseStatus,
}

/// How one series is.
#[derive(Debug)]
pub struct TargetStatus<'a> {
    /// What is probed.
    pub series: &'a Series,
    /// The user's group of its target.
    pub group: Option<&'a str>,
    /// Whether nobody knows yet what is normal for it.
    pub is_learning: bool,
    /// Whether too many of its last probes stand out.
    pub is_degraded: bool,
    /// Its last window; none before the first is over.
    pub last: Option<WindowReport<'a>>,
}

/// What this host did to its own measurement.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub struct NoiseStatus {
    /// Times that it stood still.
    pub stalls: u64,
    /// How late that made probes or answers, at most, added up.
    pub stalled_s: f64,
    /// Spikes of its loopback.
    pub control_spikes: u64,
    /// Packets that its receive queues dropped.
    pub receive_drops: u64,
    /// Steps of its wall clock.
    pub clock_steps: u64,
}

impl StatusReport<'_> {
    /// The document; `wall` tells the time of day of a moment.
    #[must_use]
    pub fn to_json(&self, wall: impl Fn(Mono) -> Wall) -> Vec<u8> {
        let vantages = [self.identity.vantage()];
        let seen = Seen {
            vantages: &vantages,
            by_windows: false,
        };
        let incidents = self.incidents.iter();
        let document = Document {
            schema: STATUS_SCHEMA,
            version: env!("CARGO_PKG_VERSION"),
            timestamp: timestamp(self.at),
            vantage: self.identity.vantage(),
            run_id: self.identity.run_id(),
            started: timestamp(self.started),
            uptime_s: number::seconds(self.uptime),
            ready: self.is_ready,
            window_s: number::seconds(self.window),
            incidents: incidents
                .map(|incident| IncidentBody::new(self.identity.run_id(), &seen, (Stage::Update, incident), &wall))
                .collect(),
            targets: self.targets.iter().map(TargetFields::new).collect(),
            own_noise: self.noise,
        };
        document.to_bytes()
    }
}

#[derive(Serialize)]
struct Document<'a> {
    schema: &'static str,
    version: &'static str,
    timestamp: String,
    vantage: &'a str,
    run_id: &'a str,
    started: String,
    uptime_s: f64,
    ready: bool,
    window_s: f64,
    incidents: Vec<IncidentBody<'a>>,
    targets: Vec<TargetFields<'a>>,
    own_noise: NoiseStatus,
}

impl Document<'_> {
    fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        // Writing to memory never fails, and all that is in here are structs and lists.
        self.serialize(&mut escape::serializer(&mut bytes))
            .expect("a status is a struct with string keys");
        bytes.push(b'\n');
        bytes
    }
}

#[derive(Serialize)]
struct TargetFields<'a> {
    #[serde(flatten)]
    series: SeriesFields<'a>,
    group: Option<&'a str>,
    state: &'static str,
    last_window: Option<WindowFields>,
}

impl<'a> TargetFields<'a> {
    fn new(target: &TargetStatus<'a>) -> Self {
        Self {
            series: SeriesFields::new(target.series),
            group: target.group,
            state: match target {
                TargetStatus { is_degraded: true, .. } => "degraded",
                TargetStatus { is_learning: true, .. } => "learning",
                TargetStatus { .. } => "steady",
            },
            last_window: target.last.as_ref().map(WindowFields::new),
        }
    }
}

#[derive(Serialize)]
struct WindowFields {
    #[serde(flatten)]
    span: SpanFields,
    self_noise: bool,
}

impl WindowFields {
    fn new(window: &WindowReport<'_>) -> Self {
        Self {
            span: SpanFields::new(window),
            self_noise: window.self_noise(),
        }
    }
}

/// The name and version of this document.
const STATUS_SCHEMA: &str = "pathjitter-status/1";
