//! What was found, and whether it is what is wrong.

use std::collections::BTreeSet;
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
    /// Takes what the monitor says so long after the beginning.
    pub(super) fn hear(&mut self, after: Duration, news: &News) {
        let News::Incident(stage, incident) = news else { return };
        let is_same = |found: &Found| found.incident.number == incident.number;
        match self.found.iter().position(is_same) {
            Some(place) => self.found[place].incident.clone_from(incident),
            None if *stage == Stage::Open && self.found.len() < MOST => self.found.push(Found {
                after,
                incident: Incident::clone(incident),
            }),
            None => {}
        }
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
        let address = |incident: &Incident| incident.suspect.as_ref().and_then(|suspect| suspect.address);
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

/// Whether a verdict is what the file of a story calls so.
pub(super) fn is(verdict: VerdictCode, code: Code) -> bool {
    let name: StrDeserializer<'_, Error> = verdict.as_str().into_deserializer();
    Code::deserialize(name).is_ok_and(|named| named == code)
}

/// More than any story has; a machine that stalls all the time has no more to say.
const MOST: usize = 256;
