//! NDJSON of schema `pathjitter/1`: one object a line, common fields first.
//!
//! Rules of the schema, which log pipelines rely on: numbers are numbers, absent is `null`, never NaN or infinity; a key never
//! changes its type; units end the key; timestamps have six digits always. Fields may be added, never changed.
//!
//! Strings are kept as they are, but characters that a terminal would obey are written as JSON escapes.

mod escape;
mod incident;
mod lifecycle;
mod number;
mod own_noise;
mod probe;
mod series;
mod spike;
mod status;
mod trace;
mod window;

use jiff::Timestamp;
use serde::Serialize;

use self::incident::IncidentBody;
pub use self::incident::Seen;
pub use self::lifecycle::{Notice, NoticeKind, Resolve, Severity};
pub use self::own_noise::HostNoise;
use self::own_noise::OwnNoiseBody;
use self::probe::ProbeBody;
use self::series::SeriesBody;
pub use self::spike::Degradation;
use self::spike::{DegradedBody, JitteryBody, LevelShiftBody, SpikeBody};
pub use self::status::{NoiseStatus, StatusReport, TargetStatus};
use self::trace::{PathBody, PathChangeBody, TraceBody};
use self::window::WindowBody;
use super::identity::RunIdentity;
use super::trace::TraceReport;
use super::window::WindowReport;
use crate::detect::{Kind, Level, SpikeEnd};
use crate::diagnose::{Incident, PathKnowledge, Role, Stage, Watched};
use crate::outcome::Event;
use crate::series::Series;
use crate::sweep::PathChange;
use crate::units::{Mono, Rtt, Wall};

/// The name and version of the schema, as every line carries it.
pub const SCHEMA: &str = "pathjitter/1";

/// The JSON Schema (draft 2020-12) that every line is valid against.
pub const SCHEMA_TEXT: &str = include_str!("../../schemas/pathjitter-1.schema.json");

/// What one kind of line says beyond the common fields. Must serialise as a map or struct with string keys.
pub trait Body: Serialize {
    /// The value of the `event` field.
    fn event(&self) -> &'static str;
}

/// Writes the lines of one run, numbered from 0. Each call returns one whole line with its newline, valid until the next call.
#[derive(Debug)]
pub struct JsonLines {
    identity: RunIdentity,
    next_seq: u64,
    line: Vec<u8>,
}

impl JsonLines {
    /// The lines of the run `identity`.
    #[must_use]
    pub const fn new(identity: RunIdentity) -> Self {
        Self {
            identity,
            next_seq: 0,
            line: Vec::new(),
        }
    }

    /// The `window` line of `report`, which closed at `at`.
    pub fn window(&mut self, at: Wall, report: &WindowReport<'_>) -> &[u8] {
        self.encode(at, &WindowBody::new(report))
    }

    /// The `probe` line of what happened to a probe of `series` at `at`; `None` where nothing has come of it yet.
    pub fn probe(&mut self, at: Wall, series: &Series, event: &Event) -> Option<&[u8]> {
        let body = ProbeBody::new(series, event)?;
        Some(self.encode(at, &body))
    }

    /// The `trace` line of what is known of a path at `at`.
    pub fn trace(&mut self, at: Wall, report: &TraceReport<'_>) -> &[u8] {
        self.encode(at, &TraceBody::new(report))
    }

    /// The `path_change` line of the path of `series`, which took another course at `at`.
    pub fn path_change(&mut self, at: Wall, series: &Series, change: &PathChange) -> &[u8] {
        self.encode(at, &PathChangeBody::new(series, change))
    }

    /// The `path` line of what is known at `at` of the path of `series`; `wall` tells the time of day of the moments in it.
    pub fn path(&mut self, at: Wall, series: &Series, known: &PathKnowledge, wall: impl Fn(Mono) -> Wall) -> &[u8] {
        self.encode(at, &PathBody::new(series, known, wall))
    }

    /// The `series` line of a series that is probed since then (by both clocks), and until then once that is over.
    pub fn series(
        &mut self,
        series: &Series,
        role: &Role,
        watched: &Watched,
        (since, clock, until): (Wall, Mono, Option<Wall>),
    ) -> &[u8] {
        self.encode(
            until.unwrap_or(since),
            &SeriesBody::new(series, role, watched, (since, clock, until)),
        )
    }

    /// All lines from now on are of this place.
    pub fn set_vantage(&mut self, vantage: &str) {
        self.identity.set_vantage(vantage);
    }

    /// The `spike_start` line of an episode of `series` whose first probe was sent at `at`.
    pub fn spike_start(&mut self, at: Wall, series: &Series, kind: Kind, level: Option<Level>) -> &[u8] {
        self.encode(at, &SpikeBody::start(series, kind, level))
    }

    /// The `spike_end` line of an episode of `series` whose last probe was sent at `at`.
    pub fn spike_end(&mut self, at: Wall, series: &Series, level: Option<Level>, end: &SpikeEnd) -> &[u8] {
        self.encode(at, &SpikeBody::end(series, level, end))
    }

    /// The `level_shift` line of `series`, whose first probe at the new level was sent at `at`; both levels are medians.
    pub fn level_shift(&mut self, at: Wall, series: &Series, from: Rtt, to: Rtt) -> &[u8] {
        self.encode(at, &LevelShiftBody::new(series, from, to))
    }

    /// The `degraded` line of `series`: at its beginning, and again with its end once it is over.
    pub fn degraded(&mut self, at: Wall, series: &Series, degradation: &Degradation) -> &[u8] {
        self.encode(at, &DegradedBody::new(series, degradation))
    }

    /// The `jittery` line of `series`, whose habit it is `since` then that a share `ratio` of its probes spikes.
    pub fn jittery(&mut self, at: Wall, series: &Series, since: Wall, ratio: f64) -> &[u8] {
        self.encode(at, &JitteryBody::new(series, since, ratio))
    }

    /// The `incident_open`, `incident_update` or `incident_close` line of what is known at `at`; `wall` tells the time of day of the
    /// moments in it.
    pub fn incident(&mut self, at: Wall, stage: Stage, incident: &Incident, wall: impl Fn(Mono) -> Wall) -> &[u8] {
        let vantage = self.identity.vantage_shared();
        let seen = Seen {
            vantages: &[&vantage],
            by_windows: false,
        };
        self.incident_seen(at, &seen, (stage, incident), wall)
    }

    /// The same, as others than this run have seen it.
    pub fn incident_seen(
        &mut self,
        at: Wall,
        seen: &Seen<'_>,
        incident: (Stage, &Incident),
        wall: impl Fn(Mono) -> Wall,
    ) -> &[u8] {
        let run_id = self.identity.run_id_shared();
        let body = IncidentBody::new(&run_id, seen, incident, wall);
        self.encode(at, &body)
    }

    /// The `own_noise` line of what this host did to its own measurement.
    pub fn own_noise(&mut self, at: Wall, noise: &HostNoise) -> &[u8] {
        self.encode(at, &OwnNoiseBody::new(noise))
    }

    /// The line of `body`, which speaks of the moment `at`.
    ///
    /// # Panics
    ///
    /// If `body` breaks the rule of [`Body`].
    pub fn encode<B: Body>(&mut self, at: Wall, body: &B) -> &[u8] {
        self.line.clear();
        let line = Line {
            timestamp: timestamp(at),
            schema: SCHEMA,
            event: body.event(),
            vantage: self.identity.vantage(),
            run_id: self.identity.run_id(),
            seq: self.next_seq,
            body,
        };
        // Writing to memory never fails, and by the contract of `Body` neither does serialising.
        line.serialize(&mut escape::serializer(&mut self.line))
            .expect("a body is a map with string keys");
        self.line.push(b'\n');
        self.next_seq = self.next_seq.wrapping_add(1);
        &self.line
    }
}

#[derive(Serialize)]
struct Line<'a, B> {
    timestamp: String,
    schema: &'static str,
    event: &'static str,
    vantage: &'a str,
    run_id: &'a str,
    seq: u64,
    #[serde(flatten)]
    body: &'a B,
}

/// The fields that say which series a line is about.
#[derive(Serialize)]
struct SeriesFields<'a> {
    target: &'a str,
    address: String,
    port: Option<u16>,
    family: &'static str,
    proto: &'static str,
    flow: u16,
}

impl<'a> SeriesFields<'a> {
    fn new(series: &'a Series) -> Self {
        Self {
            target: &series.target,
            address: series.address.to_string(),
            port: series.endpoint.port(),
            family: if series.address.is_ipv4() { "ipv4" } else { "ipv6" },
            proto: series.endpoint.proto().as_str(),
            flow: series.flow,
        }
    }
}

/// RFC 3339 in UTC with exactly six fraction digits and `Z`, cut rather than rounded.
fn timestamp(at: Wall) -> String {
    // 64 bits of ns end in the year 2554, and jiff's timestamps in 9999.
    let timestamp = Timestamp::from_nanosecond(i128::from(at.as_nanos())).unwrap_or(Timestamp::MAX);
    format!("{timestamp:.6}")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn timestamps_match_date_u() {
        // date -u -d @1700000000 is 2023-11-14 22:13:20.
        assert_eq!(
            timestamp(Wall::from_nanos(1_700_000_000_123_456_789)),
            "2023-11-14T22:13:20.123456Z"
        );
        assert_eq!(
            timestamp(Wall::from_nanos(1_700_000_000_000_000_000)),
            "2023-11-14T22:13:20.000000Z"
        );
        assert_eq!(timestamp(Wall::from_nanos(0)), "1970-01-01T00:00:00.000000Z");
        assert_eq!(timestamp(Wall::from_nanos(u64::MAX)), "2554-07-21T23:34:33.709551Z");
    }

    proptest! {
        #[test]
        fn timestamps_always_have_six_digits_and_parse_back(nanos in any::<u64>()) {
            let text = timestamp(Wall::from_nanos(nanos));
            prop_assert_eq!(text.len(), "2023-11-14T22:13:20.123456Z".len());
            let parsed: Timestamp = text.parse().unwrap();
            prop_assert_eq!(parsed.as_nanosecond(), i128::from(nanos - nanos % 1_000));
        }
    }
}
