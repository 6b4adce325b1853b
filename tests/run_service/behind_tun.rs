//! The service in the lab, with real sockets and in real time.

use std::process::Command;
use std::time::Duration;

use serde_json::Value;

use crate::support::{Guest, PATHJITTER, simulations_are_possible};
use crate::{read, schema};

/// `pathjitter run` in a story, to its end.
fn watched(story: &str, args: &str) -> Vec<Value> {
    let mut command = Command::new(PATHJITTER);
    command.args(["lab", story, "--keep-awake", "--", PATHJITTER, "run", "--json"]);
    command.args(args.split_whitespace());
    let report = read(&Guest::start_within(LIMIT, command).finish());
    assert!(report.events.iter().all(|event| schema().is_valid(event)));
    report.events
}

#[test]
fn an_uplink_that_two_of_three_share_is_named_by_its_address() {
    if !simulations_are_possible() {
        return;
    }
    let targets = "app01=10.10.1.11:8080 app02=10.10.1.12:8080 app03=10.10.2.13:8080";
    let events = watched("shared-uplink", &format!("--duration 54s {targets}"));
    let closed: Vec<_> = events
        .iter()
        .filter(|event| event["event"] == "incident_close")
        .collect();
    let shared: Vec<_> = closed
        .iter()
        .filter(|event| event["verdict"] == "shared_path")
        .collect();
    assert!(!shared.is_empty(), "{closed:?}");
    for incident in &shared {
        assert_eq!(incident["suspect"]["address"], "10.10.1.1", "{incident}");
        let mut names: Vec<_> = incident["targets"].as_array().into_iter().flatten().collect();
        names.sort_by_key(|name| name.as_str());
        assert_eq!(names, ["app01", "app02"]);
    }
    let opened = events.iter().filter(|event| event["event"] == "incident_open").count();
    assert_eq!(opened, closed.len(), "each that was opened was closed");
}

#[test]
fn a_quiet_network_has_no_incident() {
    if !simulations_are_possible() {
        return;
    }
    let targets = "app01=10.10.1.11:8080 app02=10.10.1.12:8080 app03=10.10.2.13:8080";
    let events = watched("quiet", &format!("--duration 15s {targets}"));
    let incidents: Vec<_> = events
        .iter()
        .filter(|event| event["event"].as_str().is_some_and(|name| name.starts_with("incident")))
        .filter(|event| event["verdict"] != "prober_host")
        .collect();
    assert!(incidents.is_empty(), "{incidents:?}");
}

/// The story, the last answers, and a machine that does a dozen of these at once.
const LIMIT: Duration = Duration::from_secs(100);
