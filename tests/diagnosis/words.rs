//! What an operator reads of each verdict: the first word and the last word on the story that proves it.

use std::fmt::Write as _;
use std::sync::Mutex;

use pathjitter::diagnose::{Incident, News, VerdictCode};

use super::watch::Watch;
use super::{each_of, plan, story};

#[test]
fn every_verdict_reads_as_it_did() {
    let named: Vec<VerdictCode> = STORIES.iter().map(|(code, _)| *code).collect();
    assert_eq!(named, VerdictCode::ALL);
    let told = Mutex::new(Vec::new());
    let silent = each_of(STORIES.to_vec(), |(code, name)| {
        let Some(words) = first_and_last(*code, name) else {
            return vec![format!("{name} was not told as {}", code.as_str())];
        };
        told.lock().unwrap().push((code.as_str(), words));
        Vec::new()
    });
    assert!(silent.is_empty(), "{}", silent.join("\n"));
    let mut told = told.into_inner().unwrap();
    told.sort();
    for (code, words) in told {
        insta::assert_snapshot!(code, words);
    }
}

/// The first incident that ended as `code`, as it was told first and last.
fn first_and_last(code: VerdictCode, name: &str) -> Option<String> {
    let topology = story(name);
    let watch = Watch::run(&topology, 0, plan(&topology, 0));
    let told = watch.incidents();
    let number = told.iter().find(|told| told.last.verdict == code)?.last.number;
    let mut all = watch.news().iter().filter_map(|(_, news)| match news {
        News::Incident(stage, incident) if incident.number == number => Some((stage, incident)),
        _ => None,
    });
    let (first, last) = (all.next()?, all.next_back()?);
    let mut words = format!("story: {name}\n");
    for (stage, incident) in [first, last] {
        let _ = write!(words, "\n{stage:?}: {}", line(incident));
    }
    Some(words)
}

fn line(incident: &Incident) -> String {
    format!("{}\n{}\n", incident.verdict.as_str(), incident.message)
}

/// One story of each verdict.
const STORIES: [(VerdictCode, &str); 20] = [
    (VerdictCode::ProberHost, "busy-host"),
    (VerdictCode::FirstHop, "first-hop"),
    (VerdictCode::SharedPath, "shared-uplink"),
    (VerdictCode::PrivatePath, "private-path"),
    (VerdictCode::TargetEdge, "target-edge"),
    (VerdictCode::SlowBackend, "sick-backend"),
    (VerdictCode::Restart, "restart"),
    (VerdictCode::NotListening, "not-listening"),
    (VerdictCode::SynRateLimited, "syn-limit"),
    (VerdictCode::Prohibited, "prohibited"),
    (VerdictCode::FirewallReject, "firewall-reject"),
    (VerdictCode::PortDropped, "port-dropped"),
    (VerdictCode::ListenOverflow, "listen-overflow"),
    (VerdictCode::TcpPath, "tcp-path"),
    (VerdictCode::IcmpOnly, "icmp-only"),
    (VerdictCode::IcmpBlocked, "icmp-blocked"),
    (VerdictCode::RouteChange, "route-change"),
    (VerdictCode::TargetUnreachable, "target-gone"),
    (VerdictCode::CommonCause, "common-cause"),
    (VerdictCode::Unknown, "unknown"),
];
