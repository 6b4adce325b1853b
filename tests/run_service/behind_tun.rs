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
    // Of two targets, coincidences are confirmed within a minute of the third burst, which comes after 23 s.
    let events = watched("shared-uplink", &format!("--duration 90s {targets}"));
    let closed: Vec<_> = events
        .iter()
        .filter(|event| event["event"] == "incident_close")
        .collect();
    let names = |incident: &Value| -> Vec<String> {
        let names = incident["targets"].as_array().into_iter().flatten();
        let mut names: Vec<_> = names.filter_map(|name| name.as_str().map(str::to_owned)).collect();
        names.sort();
        names
    };
    let is_right = |incident: &&&Value| {
        incident["verdict"] == "shared_path"
            && incident["suspect"]["address"] == "10.10.1.1"
            && names(incident) == ["app01", "app02"]
    };
    assert!(closed.iter().filter(is_right).count() > 0, "{closed:?}");
    let innocent = |incident: &&&Value| names(incident).contains(&"app03".to_owned());
    assert_eq!(closed.iter().filter(innocent).count(), 0, "{closed:?}");
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
const LIMIT: Duration = Duration::from_secs(150);
