//! The rules of verdicts can tell: every other verdict than that of the file is refused.

use std::net::IpAddr;

use pathjitter::simnet::Topology;
use pathjitter::simnet::topology::{Code, Verdict};

use super::facts::Facts;
use super::verdict::deviation;

/// The wrong verdicts that nothing would have found wrong.
pub(crate) fn undetected(topology: &Topology, facts: &Facts) -> Vec<Verdict> {
    let wrong = other_codes(topology)
        .chain(other_suspects(topology, facts))
        .chain(other_members(topology, facts));
    wrong.filter(|verdict| deviation(facts, verdict).is_none()).collect()
}

fn other_codes(topology: &Topology) -> impl Iterator<Item = Verdict> {
    let truth = topology.verdict.clone();
    let codes = Code::ALL.into_iter().filter(move |code| *code != topology.verdict.code);
    codes.map(move |code| Verdict { code, ..truth.clone() })
}

/// Everybody else's address, and nobody's.
fn other_suspects(topology: &Topology, facts: &Facts) -> impl Iterator<Item = Verdict> {
    let truth = topology.verdict.clone();
    let name = |address: Option<IpAddr>| address.and_then(|address| facts.nodes.get(&address));
    let all = facts.nodes.keys().map(|address| Some(*address)).chain([None]);
    let others = all.filter(move |suspect| name(*suspect) != name(topology.verdict.suspect));
    others.map(move |suspect| Verdict {
        suspect,
        ..truth.clone()
    })
}

/// One member less, or one more.
fn other_members(topology: &Topology, facts: &Facts) -> impl Iterator<Item = Verdict> {
    let truth = topology.verdict.clone();
    facts.targets.keys().map(move |name| {
        let mut wrong = truth.clone();
        match wrong.members.iter().position(|member| member == name) {
            Some(place) => drop(wrong.members.remove(place)),
            None => wrong.members.push(name.clone()),
        }
        wrong
    })
}
