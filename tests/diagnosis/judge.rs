//! Whether the incidents of a run are what the file of its story says.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::net::IpAddr;

use pathjitter::diagnose::{Incident, VerdictCode};
use pathjitter::simnet::Topology;
use pathjitter::simnet::topology::Code;

use super::watch::{Told, in_family};

/// What is otherwise than the file says, in words.
pub(crate) fn deviations(topology: &Topology, told: &[Told], v6: bool) -> Vec<String> {
    let Some(code) = code(topology.verdict.code) else {
        return told
            .iter()
            .map(|told| format!("false alarm: {}", words(&told.last)))
            .collect();
    };
    let found: Vec<&Told> = told.iter().filter(|told| told.last.verdict == code).collect();
    let mut wrong = Vec::new();
    for other in told.iter().filter(|told| told.last.verdict != code) {
        wrong.push(format!("not {}: {}", code.as_str(), words(&other.last)));
    }
    if found.is_empty() {
        wrong.push(format!("no incident is {}", code.as_str()));
        return wrong;
    }
    if let Some(suspect) = topology.verdict.suspect.map(|address| in_family(topology, address, v6)) {
        for told in found.iter().filter(|told| address(&told.last) != Some(suspect)) {
            wrong.push(format!("the suspect is not {suspect}: {}", words(&told.last)));
        }
    }
    let members = found.iter().flat_map(|told| &told.last.members);
    let members: BTreeSet<&str> = members.map(|member| &*member.name).collect();
    let expected: BTreeSet<&str> = topology.verdict.members.iter().map(String::as_str).collect();
    if members != expected {
        wrong.push(format!("{members:?} suffer, not {expected:?}"));
    }
    wrong
}

/// An incident in a line.
pub(crate) fn words(incident: &Incident) -> String {
    let mut words = format!("#{} {}", incident.number, incident.verdict.as_str());
    let names: Vec<&str> = incident.members.iter().map(|member| &*member.name).collect();
    let _ = write!(
        words,
        " of {names:?} at {:?} from {:.1} s to {:.1} s: {}",
        address(incident),
        seconds(incident.began.as_nanos()),
        seconds(incident.last.as_nanos()),
        incident.message
    );
    words
}

fn address(incident: &Incident) -> Option<IpAddr> {
    incident.suspect.as_ref()?.address
}

fn code(code: Code) -> Option<VerdictCode> {
    let name = format!("{code:?}");
    VerdictCode::ALL.into_iter().find(|known| format!("{known:?}") == name)
}

fn seconds(nanos: u64) -> f64 {
    std::time::Duration::from_nanos(nanos).as_secs_f64()
}
