//! The words around a demonstration: what the network is and what is wrong in it, and how that compares with what was found.

use std::fmt::Write as _;
use std::net::IpAddr;
use std::time::Duration;

use super::findings::{Comparison, Findings, Found, address, is};
use super::stories::Story;
use crate::config::RunPlan;
use crate::config::duration;
use crate::diagnose::{Incident, News, Stage, VerdictCode};
use crate::simnet::topology::{Code, Verdict};
use crate::simnet::{Network, Topology};
use crate::units::{Mono, Rtt};

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

/// What is said of news so long after the beginning.
pub(super) fn news(after: Duration, news: &News) -> String {
    let at = format!("{:>4.0} s ", after.as_secs_f64());
    match news {
        News::OwnNoise(stall) => format!(
            "{at} noise   this host itself stood still, for {}\n",
            Rtt::from(stall.late_by)
        ),
        News::Incident(stage, incident) => {
            let word = match stage {
                Stage::Open => "FOUND ",
                Stage::Update => "update",
                Stage::Close => "closed",
            };
            let mut text = format!("{at} {word}  #{} {}\n", incident.number, found_words(incident));
            push_wrapped(&mut text, &incident.message);
            text
        }
        _ => String::new(),
    }
}

/// What is said when all is over, after so long.
pub(super) fn end(story: &Story, topology: &Topology, watched: Duration, findings: &Findings) -> String {
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
        Comparison::Nothing if watched < story.lasts => writeln!(
            text,
            "What is wrong in truth, {truth}, was not found in {}; the story takes {}.",
            duration::display(Duration::from_secs(watched.as_secs())),
            duration::display(story.lasts)
        ),
        Comparison::Nothing => writeln!(text, "What is wrong in truth, {truth}, was not found."),
        Comparison::Differ(why) => writeln!(text, "It differs from what is wrong in truth, {truth}: {why}."),
    };
    let times = findings.stalls();
    if times > 0 && topology.events.iter().all(|event| event.host.is_none()) {
        let _ = writeln!(
            text,
            "This machine stood still {times} times meanwhile, which is no part of the story; --virtual-time is not disturbed by that."
        );
    }
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
    let code = VerdictCode::ALL.into_iter().find(|code| is(*code, verdict.code));
    let Some(code) = code.filter(|_| verdict.code != Code::Clean) else {
        return "nothing that should wake anybody".to_owned();
    };
    words(code, verdict.suspect, verdict.members.iter().map(String::as_str))
}

fn found_in_words(found: &Found, fault: Option<Duration>) -> String {
    let (incident, after) = (&found.incident, found.after.as_secs_f64());
    let since_fault = fault.and_then(|fault| found.after.checked_sub(fault));
    let since_fault = since_fault.map_or_else(String::new, |time| {
        format!(", {:.0} s after the fault first came", time.as_secs_f64())
    });
    format!(
        "#{} {}; told after {after:.0} s{since_fault}",
        incident.number,
        found_words(incident)
    )
}

fn found_words(incident: &Incident) -> String {
    let mut members = incident.target_names();
    members.sort_unstable();
    words(incident.verdict, address(incident), members.into_iter())
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

/// A long sentence, in lines below each other.
fn push_wrapped(text: &mut String, sentence: &str) {
    let mut column = 0;
    for word in sentence.split(' ') {
        let width = word.chars().count();
        if column == 0 || column + 1 + width > COLUMNS {
            let start = if column == 0 { "" } else { "\n" };
            let _ = write!(text, "{start}{:MARGIN$}{word}", "");
            column = MARGIN + width;
        } else {
            let _ = write!(text, " {word}");
            column += 1 + width;
        }
    }
    text.push('\n');
}

/// Below the verdict.
const MARGIN: usize = 16;

/// As the stories are written.
const COLUMNS: usize = 112;
