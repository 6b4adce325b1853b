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
    stalls: u32,
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
    /// Something is wrong, and nothing was found.
    Nothing,
    /// They are not, because of this.
    Differ(String),
}

impl Findings {
    /// Takes what the monitor says so long after the beginning. Whether it is worth telling a person.
    pub(super) fn hear(&mut self, after: Duration, news: &News) -> bool {
        match news {
            News::Incident(stage, incident) => self.hear_of_incident(after, *stage, incident),
            News::OwnNoise(_) => {
                self.stalls = self.stalls.saturating_add(1);
                self.stalls == 1
            }
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

    /// How often this machine stood still.
    pub(super) const fn stalls(&self) -> u32 {
        self.stalls
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
            return Comparison::Nothing;
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

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;
    use std::sync::Arc;

    use super::*;
    use crate::diagnose::{IncidentMember, Suspect};
    use crate::units::{Mono, TargetId};

    const PLACE: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 10, 1, 1));

    fn incident(number: u64, verdict: VerdictCode, place: Option<IpAddr>, members: &[&str]) -> Incident {
        let member = |name: &&str| IncidentMember {
            target: TargetId::new(0),
            name: Arc::from(*name),
            address: PLACE,
            first: Mono::default(),
            peak: None,
            sent: 0,
            lost: 0,
        };
        Incident {
            number,
            verdict,
            began: Mono::default(),
            last: Mono::default(),
            group: None,
            members: members.iter().map(member).collect(),
            healthy: Vec::new(),
            chance: None,
            onset_skew: Duration::ZERO,
            suspect: place.map(|address| Suspect {
                address: Some(address),
                ttl: None,
                from_ttl: None,
                name: None,
                score: None,
                runner_up: None,
                shared_by: Vec::new(),
                cleared_by: Vec::new(),
            }),
            ruled_out: Vec::new(),
            message: String::new(),
        }
    }

    fn compared(incidents: &[Incident], truth: &Verdict) -> Comparison {
        let mut findings = Findings::default();
        for incident in incidents {
            let news = News::Incident(Stage::Open, Box::new(incident.clone()));
            assert!(findings.hear(Duration::ZERO, &news));
        }
        findings.compare(truth)
    }

    fn truth() -> Verdict {
        Verdict {
            code: Code::SharedPath,
            suspect: Some(PLACE),
            members: vec!["app01".to_owned(), "app02".to_owned()],
        }
    }

    #[test]
    fn what_matches_has_the_verdict_the_place_and_all_who_suffer() {
        let right = incident(1, VerdictCode::SharedPath, Some(PLACE), &["app02", "app01"]);
        let other_place = Some(IpAddr::V4(Ipv4Addr::LOCALHOST));
        let stalled = incident(2, VerdictCode::ProberHost, None, &["app03"]);
        assert_eq!(compared(std::slice::from_ref(&right), &truth()), Comparison::Match);
        assert_eq!(compared(&[right.clone(), stalled.clone()], &truth()), Comparison::Match);
        assert_eq!(compared(&[stalled], &truth()), Comparison::Nothing);
        for wrong in [
            incident(2, VerdictCode::FirstHop, Some(PLACE), &["app01"]),
            incident(2, VerdictCode::SharedPath, other_place, &["app01"]),
            incident(2, VerdictCode::SharedPath, None, &["app01"]),
            incident(2, VerdictCode::SharedPath, Some(PLACE), &["app03"]),
        ] {
            let both = [right.clone(), wrong];
            assert!(matches!(compared(&both, &truth()), Comparison::Differ(_)), "{both:?}");
        }
        let half = incident(1, VerdictCode::SharedPath, Some(PLACE), &["app01"]);
        assert!(matches!(compared(&[half], &truth()), Comparison::Differ(_)));
    }

    #[test]
    fn where_nothing_is_wrong_nothing_may_be_found() {
        let clean = Verdict {
            code: Code::Clean,
            suspect: None,
            members: Vec::new(),
        };
        assert_eq!(compared(&[], &clean), Comparison::Match);
        let alarm = incident(1, VerdictCode::Unknown, None, &["app01"]);
        assert!(matches!(compared(&[alarm], &clean), Comparison::Differ(_)));
    }

    #[test]
    fn every_verdict_is_what_some_file_calls_so() {
        for verdict in VerdictCode::ALL {
            let codes = Code::ALL.into_iter().filter(|code| is(verdict, *code));
            assert_eq!(codes.count(), 1, "{}", verdict.as_str());
        }
    }

    #[test]
    fn an_update_is_told_where_the_verdict_or_the_place_changed() {
        let mut findings = Findings::default();
        let mut tell = |stage, place| {
            let news = Box::new(incident(1, VerdictCode::RouteChange, place, &["app01"]));
            findings.hear(Duration::ZERO, &News::Incident(stage, news))
        };
        assert!(tell(Stage::Open, None));
        assert!(!tell(Stage::Update, None));
        assert!(tell(Stage::Update, Some(PLACE)));
        assert!(!tell(Stage::Update, Some(PLACE)));
        assert!(tell(Stage::Close, Some(PLACE)));
    }
}
