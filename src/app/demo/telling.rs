//! The words around a demonstration: what the network is and what is wrong in it, and how that compares with what was found.

use std::fmt::Write as _;
use std::net::IpAddr;
use std::time::Duration;

use super::findings::{Comparison, Findings, Found};
use super::stories::Story;
use crate::config::RunPlan;
use crate::config::duration;
use crate::diagnose::VerdictCode;
use crate::simnet::topology::{Code, Verdict};
use crate::simnet::{Network, Topology};
use crate::units::Mono;

/// How a story is watched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    /// By real sockets.
    Tun,
    /// In virtual time.
    VirtualTime,
}

/// What is said before anything is measured.
pub(super) fn beginning(story: &Story, topology: &Topology, plan: &RunPlan, way: Way) -> String {
    let mut text = format!("{}: {}\n\n", story.name, topology.title);
    text.push_str("The network, which is simulated:\n");
    for (name, way) in paths(topology) {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "  {name:6} {way}");
    }
    text.push_str("\nWhat is wrong in it, which the prober does not know:\n");
    push_indented(&mut text, &topology.story);
    let truth = truth(&topology.verdict);
    let _ = writeln!(text, "  In a word: {truth}.");
    let time = plan.duration.map(duration::display).unwrap_or_default();
    let _ = match way {
        Way::Tun => writeln!(
            text,
            "\n'pathjitter run' watches it for {time}, with real sockets in a private network namespace:\n"
        ),
        Way::VirtualTime => writeln!(text, "\n'pathjitter run' watches it for {time} of virtual time:\n"),
    };
    text
}

/// What is said when all is over.
pub(super) fn end(topology: &Topology, findings: &Findings) -> String {
    let mut text = "\nWhat was found:\n".to_owned();
    if findings.all().is_empty() {
        text.push_str("  no incident\n");
    }
    let fault = topology.events.iter().map(|event| event.at.0).min();
    for found in findings.all() {
        let _ = writeln!(text, "  {}", found_in_words(found, fault));
    }
    let truth = truth(&topology.verdict);
    let _ = match findings.compare(&topology.verdict) {
        Comparison::Match => writeln!(text, "It matches what is wrong in truth: {truth}."),
        Comparison::Differ(why) => writeln!(text, "It differs from what is wrong in truth, {truth}: {why}."),
    };
    text
}

/// The way to each backend, as names and addresses.
fn paths(topology: &Topology) -> Vec<(String, String)> {
    let mut network = Network::new(topology, 0, Mono::default());
    let addresses = |name: &str| {
        let routers = topology.routers.iter().map(|router| (&router.name, &router.addresses));
        let backends = topology
            .backends
            .iter()
            .map(|backend| (&backend.name, &backend.addresses));
        let (_, all) = routers.chain(backends).find(|(other, _)| *other == name)?;
        all.iter().copied().find(IpAddr::is_ipv4)
    };
    let backends = topology.backends.iter().filter_map(|backend| {
        let address = addresses(&backend.name)?;
        let hops = network.path(address, 0).into_iter().map(|name| match addresses(name) {
            Some(address) => format!("{name} {address}"),
            None => "this host".to_owned(),
        });
        let hops: Vec<String> = hops.collect();
        Some((backend.name.clone(), hops.join(" - ")))
    });
    backends.collect()
}

fn truth(verdict: &Verdict) -> String {
    let code = VerdictCode::ALL
        .into_iter()
        .find(|code| super::findings::is(*code, verdict.code));
    let Some(code) = code.filter(|_| verdict.code != Code::Clean) else {
        return "nothing that should wake anybody".to_owned();
    };
    words(code, verdict.suspect, verdict.members.iter().map(String::as_str))
}

fn found_in_words(found: &Found, fault: Option<Duration>) -> String {
    let incident = &found.incident;
    let suspect = incident.suspect.as_ref().and_then(|suspect| suspect.address);
    let words = words(incident.verdict, suspect, incident.target_names().into_iter());
    let after = found.after.as_secs_f64();
    let since_fault = fault.and_then(|fault| found.after.checked_sub(fault));
    let since_fault = since_fault.map_or_else(String::new, |time| {
        format!(", {:.0} s after the fault first came", time.as_secs_f64())
    });
    format!("#{} {words}; told after {after:.0} s{since_fault}", incident.number)
}

/// `shared_path at 10.10.1.1, suffered by app01, app02`.
fn words<'a>(code: VerdictCode, suspect: Option<IpAddr>, members: impl Iterator<Item = &'a str>) -> String {
    let place = suspect.map_or_else(String::new, |address| format!(" at {address}"));
    let members: Vec<&str> = members.collect();
    format!("{}{place}, suffered by {}", code.as_str(), members.join(", "))
}

fn push_indented(text: &mut String, story: &str) {
    for line in story.trim().lines() {
        let indent = if line.is_empty() { "" } else { "  " };
        let _ = writeln!(text, "{indent}{line}");
    }
}
