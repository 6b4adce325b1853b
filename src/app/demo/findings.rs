//! What was found, and whether it is what is wrong.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::time::Duration;

use serde::Deserialize as _;
use serde::de::IntoDeserializer as _;
use serde::de::value::{Error, StrDeserializer};

use crate::diagnose::{Incident, News, Stage, VerdictCode};
use crate::simnet::topology::{Code, Verdict};

/// The incidents of a demonstration.
#[derive(Debug, Default)]
pub(super) struct Findings {
    found: Vec<Found>,
    has_stalled: bool,
}

/// An incident.
#[derive(Debug)]
pub(super) struct Found {
    /// How long after the beginning it was told.
    pub(super) after: Duration,
    /// As it was told last.
    pub(super) incident: Incident,
}

/// How findings compare with what is wrong in truth.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Comparison {
    /// They are the same.
    Match,
    /// They are not, because of this.
    Differ(String),
}

impl Findings {
    /// Takes what the monitor says so long after the beginning. Whether it is worth telling a person.
    pub(super) fn hear(&mut self, after: Duration, news: &News) -> bool {
        match news {
            News::Incident(stage, incident) => self.hear_of_incident(after, *stage, incident),
            News::OwnNoise(_) => !std::mem::replace(&mut self.has_stalled, true),
            _ => false,
        }
    }

    fn hear_of_incident(&mut self, after: Duration, stage: Stage, incident: &Incident) -> bool {
        let is_same = |found: &Found| found.incident.number == incident.number;
        let Some(place) = self.found.iter().position(is_same) else {
            let has_room = self.found.len() < MOST;
            if has_room {
                let incident = incident.clone();
                self.found.push(Found { after, incident });
            }
            return has_room;
        };
        let before = std::mem::replace(&mut self.found[place].incident, incident.clone());
        let is_otherwise = before.verdict != incident.verdict || address(&before) != address(incident);
        is_otherwise || stage != Stage::Update
    }

    /// All incidents, in the order in which they were found.
    pub(super) fn all(&self) -> &[Found] {
        &self.found
    }

    /// Compares them with the truth. That this machine stalled is true or not whatever the network is.
    pub(super) fn compare(&self, truth: &Verdict) -> Comparison {
        let is_about_the_network = |found: &&Found| {
            let verdict = found.incident.verdict;
            verdict != VerdictCode::ProberHost || is(verdict, truth.code)
        };
        let found: Vec<&Incident> = self
            .found
            .iter()
            .filter(is_about_the_network)
            .map(|found| &found.incident)
            .collect();
        if let Some(other) = found.iter().find(|incident| !is(incident.verdict, truth.code)) {
            return Comparison::Differ(format!("#{} is {}", other.number, other.verdict.as_str()));
        }
        if truth.code == Code::Clean {
            return Comparison::Match;
        }
        if found.is_empty() {
            return Comparison::Differ("nothing was found".to_owned());
        }
        if let Some(elsewhere) = found
            .iter()
            .find(|incident| truth.suspect.is_some() && address(incident) != truth.suspect)
        {
            return Comparison::Differ(format!("#{} is at another place", elsewhere.number));
        }
        let members: BTreeSet<&str> = found.iter().flat_map(|incident| incident.target_names()).collect();
        if !truth.members.iter().map(String::as_str).eq(members.iter().copied()) {
            let members: Vec<&str> = members.into_iter().collect();
            return Comparison::Differ(format!("{} suffered by it", members.join(", ")));
        }
        Comparison::Match
    }
}

/// Where it is.
pub(super) fn address(incident: &Incident) -> Option<IpAddr> {
    incident.suspect.as_ref()?.address
}

/// Whether a verdict is what the file of a story calls so.
pub(super) fn is(verdict: VerdictCode, code: Code) -> bool {
    let name: StrDeserializer<'_, Error> = verdict.as_str().into_deserializer();
    Code::deserialize(name).is_ok_and(|named| named == code)
}

/// More than any story has; a machine that stalls all the time has no more to say.
const MOST: usize = 256;
