//! `pathjitter run` on real kernels and in the lab, judged by its lines, its files, its exit code, and by what the kernel counted.
//!
//! Nothing here waits for a time to pass: a test waits for a line of the stream, and the stream waits for the clock.

#[path = "../support/mod.rs"]
mod support;

mod behind_tun;
mod ending;
mod journal;
mod manager;
mod many;
#[cfg(feature = "nats")]
mod nats;
mod outputs;
mod own_host;
mod own_network;
mod prometheus;
mod reloading;
mod rights;
mod served;
mod smokeping;
mod stream;
mod syslog;
mod unit;

use std::path::Path;
use std::sync::OnceLock;

use jsonschema::Validator;
use serde_json::Value;
use support::{Finished, Guest, Host, PATHJITTER, Report};

/// An open port of a backend.
const OPEN: u16 = 8080;

/// `pathjitter run` with these arguments, running. Nothing but targets is probed: no paths, whose probes would be counted with theirs.
fn running(host: &Host, args: &str) -> Guest {
    let mut command = host.command(PATHJITTER);
    command.args(["run", "--no-trace"]).args(args.split_whitespace());
    Guest::start(command)
}

/// Reads a stream that must be valid from its first line to its last, of a run that ended well.
fn read(ended: &Finished) -> Report {
    let report = Report::read(ended);
    assert_eq!(report.code, 0, "{}", report.stderr);
    assert_stream(&report.events);
    report
}

/// Each line is valid, no number is left out, and the first and the last are what they should be.
fn assert_stream(events: &[Value]) {
    for (place, event) in events.iter().enumerate() {
        let errors: Vec<_> = schema().iter_errors(event).map(|error| error.to_string()).collect();
        assert!(errors.is_empty(), "{errors:?}: {event}");
        assert_eq!(event["seq"], place, "a line is missing before {event}");
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

/// The lines of a log.
fn lines_of(path: &Path) -> Vec<Value> {
    let text = std::fs::read_to_string(path).expect("the log");
    assert!(text.is_empty() || text.ends_with('\n'), "half a line");
    let lines: Vec<_> = text.lines().map(str::to_owned).collect();
    support::read_lines(&lines)
}

/// Whether a line is an event of this name about this target.
fn is(line: &str, event: &str, target: &str) -> bool {
    serde_json::from_str::<Value>(line).is_ok_and(|line| line["event"] == event && line["target"] == target)
}

/// Whether a line is a window of this target, and whole.
fn is_whole_window(line: &str, target: &str) -> bool {
    serde_json::from_str::<Value>(line)
        .is_ok_and(|line| line["event"] == "window" && line["target"] == target && line["complete"] == true)
}

/// The windows of one target by one protocol, in order.
fn windows_of<'a>(events: &'a [Value], target: &str, proto: &str) -> Vec<&'a Value> {
    let is_its = |event: &&Value| event["event"] == "window" && event["target"] == target && event["proto"] == proto;
    events.iter().filter(is_its).collect()
}

/// The sum of a count over windows.
fn sum(windows: &[&Value], key: &str) -> u64 {
    windows
        .iter()
        .map(|window| window[key].as_u64().expect("a count"))
        .sum()
}

/// The events of this name, in order.
fn named<'a>(events: &'a [Value], name: &str) -> Vec<&'a Value> {
    events.iter().filter(|event| event["event"] == name).collect()
}

/// Messages of the events of this name.
fn messages<'a>(events: &'a [Value], name: &str) -> Vec<&'a str> {
    named(events, name)
        .into_iter()
        .filter_map(|event| event["message"].as_str())
        .collect()
}
