//! `pathjitter demo`: every story is found for what it is, in virtual time and behind a TUN device, and nothing else is touched.

#[path = "../support/mod.rs"]
mod support;

mod behind_tun;
mod stream;
mod virtual_time;
mod words;

use std::collections::BTreeSet;
use std::process::Command;
use std::sync::OnceLock;
use std::time::Duration;

use jsonschema::Validator;
use serde_json::Value;
use support::{Guest, PATHJITTER};

/// What must be found in each story.
struct Truth {
    story: &'static str,
    verdict: Option<&'static str>,
    /// The address that an incident names, where it is the same for all who suffer.
    suspect: Option<&'static str>,
    targets: &'static [&'static str],
}

const fn truth(
    story: &'static str,
    verdict: &'static str,
    suspect: Option<&'static str>,
    targets: &'static [&'static str],
) -> Truth {
    Truth {
        story,
        verdict: Some(verdict),
        suspect,
        targets,
    }
}

const TRUTHS: [Truth; 8] = [
    truth("shared-uplink", "shared_path", Some("10.10.1.1"), &["app01", "app02"]),
    truth("sick-backend", "slow_backend", Some("10.10.1.11"), &["app01"]),
    truth("syn-limit", "syn_rate_limited", Some("10.10.1.11"), &["app01"]),
    truth("restart", "restart", None, &["app01", "app02"]),
    truth("busy-host", "prober_host", None, &["app01", "app02", "app03"]),
    Truth {
        story: "rate-limited-hop",
        verdict: None,
        suspect: None,
        targets: &[],
    },
    truth("route-change", "route_change", Some("10.10.9.1"), &["app01", "app02"]),
    truth("lossy-uplink", "shared_path", Some("10.10.1.1"), &["app01", "app02"]),
];

fn truth_of(story: &str) -> &'static Truth {
    let found = TRUTHS.iter().find(|truth| truth.story == story);
    found.unwrap_or_else(|| panic!("no story {story}"))
}

/// `pathjitter demo` with these arguments, running.
fn demo(args: &str) -> Guest {
    let mut command = Command::new(PATHJITTER);
    command.arg("demo").args(args.split_whitespace());
    Guest::start_within(LIMIT, command)
}

/// The incidents of a stream as they were told last.
fn closed(events: &[Value]) -> Vec<&Value> {
    let closed: Vec<&Value> = named(events, "incident_close").collect();
    let opened = named(events, "incident_open").count();
    assert_eq!(opened, closed.len(), "each that was opened was closed");
    closed
}

fn named<'a>(events: &'a [Value], name: &str) -> impl Iterator<Item = &'a Value> {
    events.iter().filter(move |event| event["event"] == name)
}

/// What is otherwise than it should be.
fn deviations(truth: &Truth, incidents: &[&Value]) -> Vec<String> {
    let is_right = |incident: &&&Value| {
        Some(&incident["verdict"]) == truth.verdict.map(Value::from).as_ref()
            && (truth.suspect.is_none() || incident["suspect"]["address"].as_str() == truth.suspect)
    };
    let others = incidents.iter().filter(|incident| !is_right(incident));
    let mut wrong: Vec<String> = others.map(|incident| format!("this is not it: {incident}")).collect();
    let members = incidents.iter().filter(is_right).flat_map(|incident| names(incident));
    let members: BTreeSet<&str> = members.collect();
    if members != truth.targets.iter().copied().collect() {
        wrong.push(format!("{members:?} suffer, not {:?}", truth.targets));
    }
    wrong
}

fn names(incident: &Value) -> impl Iterator<Item = &str> {
    let names = incident["targets"].as_array().into_iter().flatten();
    names.filter_map(Value::as_str)
}

/// Each line is valid, no number is left out, the first and the last are what they should be, and nothing of them is of this host.
fn assert_stream(events: &[Value]) {
    for (place, event) in events.iter().enumerate() {
        let errors: Vec<_> = schema().iter_errors(event).map(|error| error.to_string()).collect();
        assert!(errors.is_empty(), "{errors:?}: {event}");
        assert_eq!(event["seq"], place, "a line is missing before {event}");
        assert_eq!(event["vantage"], "demo", "{event}");
    }
    let names: Vec<_> = events.iter().map(|event| &event["event"]).collect();
    assert_eq!(names.first(), Some(&&Value::from("start")));
    assert_eq!(names.last(), Some(&&Value::from("stop")));
}

fn schema() -> &'static Validator {
    static SCHEMA: OnceLock<Validator> = OnceLock::new();
    SCHEMA.get_or_init(|| {
        let text = serde_json::from_str(pathjitter::report::SCHEMA_TEXT).expect("the schema is JSON");
        jsonschema::validator_for(&text).expect("the schema is a schema")
    })
}

/// A minute, and a machine that does a dozen of these at once.
const LIMIT: Duration = Duration::from_secs(150);
