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
        let is_right = |told: &Told| address(&told.last) == Some(suspect) || holds_the_truth(topology, &told.last);
        for told in found.iter().filter(|told| !is_right(told)) {
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

/// Whether the suspect is a segment that ends further on than the fault does, but contains it, at a story where that can't be told: the hop right
/// behind the fault answers so seldom that it may as well be the fault's.
fn holds_the_truth(topology: &Topology, incident: &Incident) -> bool {
    let limited: Vec<u8> = topology
        .traces
        .iter()
        .flat_map(|trace| trace.rate_limited.clone())
        .collect();
    let truth = topology.traces.iter().find_map(|trace| trace.loss_starts_at);
    let Some((truth, suspect)) = truth.zip(incident.suspect.as_ref()) else {
        return false;
    };
    let contains = suspect.from_ttl <= Some(truth.from_ttl) && suspect.ttl >= Some(truth.to_ttl);
    limited.contains(&truth.to_ttl) && contains
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

/// The verdict that a file expects; none where nothing is wrong.
pub(crate) fn code(code: Code) -> Option<VerdictCode> {
    let name = format!("{code:?}");
    VerdictCode::ALL.into_iter().find(|known| format!("{known:?}") == name)
}

fn seconds(nanos: u64) -> f64 {
    std::time::Duration::from_nanos(nanos).as_secs_f64()
}
