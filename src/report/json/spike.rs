//! The lines of one series that leaves its own normal: `spike_start`, `spike_end`, `level_shift`, `degraded` and `jittery`.
//!
//! A state has one kind of line for its beginning and its end: `until` is null while it lasts.

use serde::Serialize;

use super::{Body, SeriesFields, number, timestamp};
use crate::detect::{Cause, Kind, Level, SpikeEnd};
use crate::series::Series;
use crate::units::{Rtt, Wall};

/// A series that is, or was, degraded.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Degradation {
    /// What gave it away.
    pub cause: Cause,
    /// When it began.
    pub since: Wall,
    /// When it was over; `None` while it lasts.
    pub until: Option<Wall>,
    /// The share of its probes that stood out, where that was counted.
    pub ratio: Option<f64>,
}

#[derive(Serialize)]
pub(super) struct SpikeBody<'a> {
    #[serde(skip)]
    event: &'static str,
    #[serde(flatten)]
    series: SeriesFields<'a>,
    kind: &'static str,
    baseline_us: Option<f64>,
    threshold_us: Option<f64>,
    peak_us: Option<f64>,
    probes: Option<u64>,
    shifted: Option<bool>,
}

impl Body for SpikeBody<'_> {
    fn event(&self) -> &'static str {
        self.event
    }
}

impl<'a> SpikeBody<'a> {
    pub(super) fn start(series: &'a Series, kind: Kind, level: Option<Level>) -> Self {
        Self {
            event: "spike_start",
            series: SeriesFields::new(series),
            kind: kind.as_str(),
            baseline_us: level.map(|level| number::micros(level.baseline)),
            threshold_us: level.map(|level| number::micros(level.threshold)),
            peak_us: None,
            probes: None,
            shifted: None,
        }
    }

    pub(super) fn end(series: &'a Series, level: Option<Level>, end: &SpikeEnd) -> Self {
        Self {
            event: "spike_end",
            peak_us: end.peak.map(number::micros),
            probes: Some(end.probes),
            shifted: Some(end.shifted),
            ..Self::start(series, end.kind, level)
        }
    }
}

#[derive(Serialize)]
pub(super) struct LevelShiftBody<'a> {
    #[serde(flatten)]
    series: SeriesFields<'a>,
    kind: &'static str,
    baseline_us: f64,
    to_us: f64,
}

impl Body for LevelShiftBody<'_> {
    fn event(&self) -> &'static str {
        "level_shift"
    }
}

impl<'a> LevelShiftBody<'a> {
    pub(super) fn new(series: &'a Series, from: Rtt, to: Rtt) -> Self {
        Self {
            series: SeriesFields::new(series),
            kind: Kind::Rtt.as_str(),
            baseline_us: number::micros(from),
            to_us: number::micros(to),
        }
    }
}

#[derive(Serialize)]
pub(super) struct DegradedBody<'a> {
    #[serde(flatten)]
    series: SeriesFields<'a>,
    cause: &'static str,
    since: String,
    until: Option<String>,
    rate: Option<f64>,
}

impl Body for DegradedBody<'_> {
    fn event(&self) -> &'static str {
        "degraded"
    }
}

impl<'a> DegradedBody<'a> {
    pub(super) fn new(series: &'a Series, degradation: &Degradation) -> Self {
        Self {
            series: SeriesFields::new(series),
            cause: match degradation.cause {
                Cause::Frequent => "frequent",
                Cause::Silent => "silent",
                Cause::Refusing => "refusing",
            },
            since: timestamp(degradation.since),
            until: degradation.until.map(timestamp),
            rate: degradation.ratio.and_then(share),
        }
    }
}

#[derive(Serialize)]
pub(super) struct JitteryBody<'a> {
    #[serde(flatten)]
    series: SeriesFields<'a>,
    since: String,
    rate: Option<f64>,
}

impl Body for JitteryBody<'_> {
    fn event(&self) -> &'static str {
        "jittery"
    }
}

impl<'a> JitteryBody<'a> {
    pub(super) fn new(series: &'a Series, since: Wall, ratio: f64) -> Self {
        Self {
            series: SeriesFields::new(series),
            since: timestamp(since),
            rate: share(ratio),
        }
    }
}

/// A share of probes, 0 to 1.
fn share(ratio: f64) -> Option<f64> {
    number::ratio(ratio.clamp(0.0, 1.0))
}
