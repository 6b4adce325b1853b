//! The `incident_open`, `incident_update` and `incident_close` lines: all that is known of an incident, each time.
//!
//! Who reads an update needs none of the lines before it. Moments of an incident are of the monotonic clock; the caller knows what the
//! wall clock said then.

use std::net::IpAddr;
use std::sync::Arc;

use serde::Serialize;

use super::{Body, number, timestamp};
use crate::diagnose::{Incident, IncidentMember, Stage, Suspect};
use crate::units::{Mono, Wall};

/// Who saw an incident, and how well.
#[derive(Clone, Copy, Debug)]
pub struct Seen<'a> {
    /// From where.
    pub vantages: &'a [&'a str],
    /// Whether in windows alone, which do not tell who began.
    pub by_windows: bool,
}

#[derive(Serialize)]
pub(super) struct IncidentBody<'a> {
    #[serde(skip)]
    stage: Stage,
    incident_id: String,
    vantages: Vec<&'a str>,
    verdict: &'static str,
    targets: Vec<&'a str>,
    healthy: Vec<&'a str>,
    group: Option<&'a str>,
    began: String,
    last: String,
    duration_s: f64,
    members: Vec<MemberFields<'a>>,
    chance: Option<f64>,
    onset_skew_ms: Option<f64>,
    suspect: Option<SuspectFields<'a>>,
    ruled_out: &'a [String],
    message: &'a str,
}

impl Body for IncidentBody<'_> {
    fn event(&self) -> &'static str {
        match self.stage {
            Stage::Open => "incident_open",
            Stage::Update => "incident_update",
            Stage::Close => "incident_close",
        }
    }
}

impl<'a> IncidentBody<'a> {
    /// Of the run `run_id`; `wall` tells the time of day of a moment.
    pub(super) fn new(
        run_id: &str,
        seen: &Seen<'a>,
        (stage, incident): (Stage, &'a Incident),
        wall: impl Fn(Mono) -> Wall,
    ) -> Self {
        Self {
            stage,
            incident_id: format!("{run_id}-{}", incident.number),
            vantages: seen.vantages.to_vec(),
            verdict: incident.verdict.as_str(),
            targets: incident.target_names(),
            healthy: strings(&incident.healthy),
            group: incident.group.as_deref(),
            began: timestamp(wall(incident.began)),
            last: timestamp(wall(incident.last)),
            duration_s: number::seconds(incident.last.since(incident.began)),
            members: incident
                .members
                .iter()
                .map(|member| MemberFields::new(member, &wall))
                .collect(),
            chance: incident.chance.and_then(probability),
            onset_skew_ms: (!seen.by_windows).then(|| number::millis_of_duration(incident.onset_skew)),
            suspect: incident.suspect.as_ref().map(SuspectFields::new),
            ruled_out: &incident.ruled_out,
            message: &incident.message,
        }
    }
}

#[derive(Serialize)]
struct MemberFields<'a> {
    target: &'a str,
    address: IpAddr,
    first: String,
    peak_us: Option<f64>,
    sent: u64,
    lost: u64,
}

impl<'a> MemberFields<'a> {
    fn new(member: &'a IncidentMember, wall: impl Fn(Mono) -> Wall) -> Self {
        Self {
            target: &member.name,
            address: member.address,
            first: timestamp(wall(member.first)),
            peak_us: member.peak.map(number::micros),
            sent: member.sent,
            lost: member.lost,
        }
    }
}

#[derive(Serialize)]
struct SuspectFields<'a> {
    address: Option<IpAddr>,
    ttl: Option<u8>,
    from_ttl: Option<u8>,
    name: Option<&'a str>,
    score: Option<f64>,
    runner_up: Option<&'a str>,
    runner_up_score: Option<f64>,
    shared_by: Vec<&'a str>,
    cleared_by: Vec<&'a str>,
}

impl<'a> SuspectFields<'a> {
    fn new(suspect: &'a Suspect) -> Self {
        let runner_up = suspect.runner_up.as_ref();
        Self {
            address: suspect.address,
            ttl: suspect.ttl,
            from_ttl: suspect.from_ttl,
            name: suspect.name.as_deref(),
            score: suspect.score.and_then(number::score),
            runner_up: runner_up.map(|(words, _)| words.as_str()),
            runner_up_score: runner_up.and_then(|(_, score)| number::score(*score)),
            shared_by: strings(&suspect.shared_by),
            cleared_by: strings(&suspect.cleared_by),
        }
    }
}

fn strings(names: &[Arc<str>]) -> Vec<&str> {
    names.iter().map(|name| &**name).collect()
}

/// A probability as it is: rounding would make the smallest of them, which say most, zero.
fn probability(chance: f64) -> Option<f64> {
    chance.is_finite().then(|| chance.clamp(0.0, 1.0))
}
