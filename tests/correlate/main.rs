//! `pathjitter correlate` as a program: what a demonstration wrote is judged as it was judged live, from files, pipes and terminals.

#[path = "../support/mod.rs"]
mod support;

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use jiff::{SignedDuration, Timestamp};
use jsonschema::Validator;
use serde_json::Value;
use support::{Finished, Guest, PATHJITTER, Report, has_other_users, simulations_are_possible};
use tempfile::TempDir;

#[test]
fn every_story_is_judged_after_the_fact_as_it_was_live() {
    for story in [
        "shared-uplink",
        "sick-backend",
        "syn-limit",
        "restart",
        "route-change",
        "lossy-uplink",
    ] {
        let log = Log::of(&format!("--virtual-time {story}"));
        let after = log.judged(&[]);
        assert_eq!((after.code, after.stderr.as_str()), (0, ""), "{story}");
        assert_valid(&after.events);
        assert_same(&after.events, &log.events(), story);
    }
}

#[test]
fn what_real_sockets_saw_is_judged_as_it_was_live() {
    if !simulations_are_possible() {
        return;
    }
    let log = Log::of("--duration 30s lossy-uplink");
    let after = log.judged(&[]);
    assert_eq!(after.code, 0, "{}", after.stderr);
    assert_same(&after.events, &log.events(), "lossy-uplink");
}

#[test]
fn halves_of_a_log_are_read_side_by_side() {
    let log = Log::of("--virtual-time lossy-uplink");
    let text = log.text();
    let lines: Vec<&str> = text.split_inclusive('\n').collect();
    // The end of the run ends it for both.
    let (last, body) = lines.split_last().expect("lines");
    let half = |odd: usize| -> String {
        let half = body.iter().enumerate().filter(|(at, _)| at % 2 == odd);
        half.map(|(_, line)| *line).collect()
    };
    let [one, two] = [
        log.beside("one", &half(0)),
        log.beside("two", &format!("{}{last}", half(1))),
    ];
    let after = correlate(&[&one, &two], "--json");
    assert_eq!((after.code, after.stderr.as_str()), (0, ""));
    assert_same(&after.events, &log.events(), "lossy-uplink");
}

#[test]
fn what_two_hosts_saw_at_once_is_one_incident() {
    let log = Log::of("--virtual-time lossy-uplink");
    let other = log.text().replace("\"vantage\":\"demo\"", "\"vantage\":\"lb2\"");
    let after = correlate(&[log.path(), &log.beside("lb2", &other)], "--json");
    assert_valid(&after.events);
    let closed: Vec<&Value> = after
        .events
        .iter()
        .filter(|event| event["event"] == "incident_close")
        .collect();
    assert_eq!(closed.len(), 1, "{closed:?}");
    let mut vantages: Vec<&str> = closed[0]["vantages"]
        .as_array()
        .expect("a list")
        .iter()
        .filter_map(Value::as_str)
        .collect();
    vantages.sort_unstable();
    assert_eq!(vantages, ["demo", "lb2"]);
    assert_eq!(closed[0]["suspect"]["address"], "10.10.1.1");
}

#[test]
fn a_log_that_grows_is_judged_as_it_grows() {
    let log = Log::of("--virtual-time lossy-uplink");
    let folder = TempDir::new().expect("a folder");
    let pipe = folder.path().join("pipe");
    // Somebody keeps the pipe open, so that its end never comes.
    let script = format!(
        "mkfifo {pipe}; exec 3<>{pipe}; cat {log} >{pipe} & exec '{PATHJITTER}' correlate --follow --json <{pipe}",
        pipe = pipe.display(),
        log = log.path().display()
    );
    for signal in ["INT", "TERM"] {
        let mut following = shell(&script.replace("mkfifo", if pipe.exists() { "true" } else { "mkfifo" }));
        following.wait_for(|line| line.contains("\"incident_open\""));
        following.signal(signal);
        let report = Report::read(&following.finish());
        assert_eq!((report.code, report.stderr.as_str()), (0, ""), "SIG{signal}");
        assert_valid(&report.events);
        assert_eq!(report.events.last().expect("a line")["event"], "stop");
    }
}

#[test]
fn windows_alone_are_said_to_tell_less() {
    let log = Log::of("--virtual-time lossy-uplink");
    let text = log.text();
    let lines = text.split_inclusive('\n');
    let windows: String = lines.filter(|line| line.contains("\"event\":\"window\"")).collect();
    let after = correlate(&[&log.beside("windows", &windows)], "--json");
    assert_eq!(after.code, 0, "{}", after.stderr);
    let stop = after.events.last().expect("a last line");
    let message = stop["message"].as_str().expect("words");
    assert!(
        message.contains("chance, onset and cause can't be told from windows"),
        "{message}"
    );
}

#[test]
fn people_read_lines_with_the_time_of_the_log() {
    let log = Log::of("--virtual-time lossy-uplink");
    let ended = run(&[log.path()], "");
    assert_eq!((ended.code(), ended.stderr.as_str()), (0, ""));
    let text = ended.text();
    assert!(text.contains("shared_path: app01 and app02"), "{text}");
    assert!(
        text.lines().last().is_some_and(|last| last.contains("1 incident")),
        "{text}"
    );
}

#[test]
fn what_can_t_be_read_is_named() {
    let folder = TempDir::new().expect("a folder");
    let nothing = folder.path().join("nothing");
    let ended = run(&[&nothing], "");
    assert_eq!(ended.code(), 2);
    assert!(
        ended.stderr.contains("nothing") && ended.stderr.contains("No such file"),
        "{}",
        ended.stderr
    );

    let foreign = folder.path().join("foreign");
    fs::write(&foreign, "Nov 23 kernel: hello\n{\"a\":1}\n").expect("a file");
    let ended = run(&[&foreign], "");
    assert_eq!(ended.code(), 2);
    assert!(
        ended.stderr.contains("none of 2 lines is a line of pathjitter"),
        "{}",
        ended.stderr
    );

    let ended = run(&[folder.path()], "");
    assert_eq!(ended.code(), 2, "a folder is no log");
    assert!(ended.stderr.contains("directory"), "{}", ended.stderr);
}

#[test]
fn root_reads_the_logs_of_others() {
    if !has_other_users() {
        return;
    }
    let log = Log::of("--virtual-time lossy-uplink");
    std::os::unix::fs::chown(log.path(), Some(65_534), Some(65_534)).expect("root gives files away");
    fs::set_permissions(log.path(), Permissions::from_mode(0o600)).expect("root sets modes");
    let after = log.judged(&[]);
    assert_eq!((after.code, after.stderr.as_str()), (0, ""));
    assert_same(&after.events, &log.events(), "lossy-uplink");
}

#[test]
fn an_empty_log_has_no_incident() {
    let ended = shell(&format!("'{PATHJITTER}' correlate --json </dev/null")).finish();
    assert_eq!((ended.code(), ended.stderr.as_str()), (0, ""));
    assert_eq!(ended.stdout.len(), 1, "{:?}", ended.stdout);
    assert!(ended.stdout[0].contains("\"stop\""));
}

#[test]
fn memory_does_not_grow_with_the_log() {
    // Half a day of one target, 60 MB: whoever keeps the lines, or what became of them, needs more than he is given.
    let day = r#"
from datetime import datetime, timedelta, timezone
start = datetime(2026, 3, 2, tzinfo=timezone.utc)
for n in range(200_000):
    at = (start + timedelta(milliseconds=200 * n)).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    rtt = 400 + n % 7
    print(f'{{"timestamp":"{at}","schema":"pathjitter/1","event":"probe","vantage":"lb1","run_id":"r","seq":{n},'
          f'"target":"app01","address":"10.10.1.11","port":null,"family":"ipv4","proto":"icmp","flow":0,"probe_seq":{n},'
          f'"outcome":"reply","rtt_us":{rtt}.000,"stamp":"kernel"}}')
"#;
    let folder = TempDir::new().expect("a folder");
    let script = folder.path().join("day.py");
    fs::write(&script, day).expect("a file");
    let judge = format!("(ulimit -v {ENOUGH_KIB}; exec '{PATHJITTER}' correlate --json)");
    let ended = shell(&format!("python3 {} | {judge}", script.display())).finish();
    assert_eq!((ended.code(), ended.stderr.as_str()), (0, ""));
    let stop = ended.stdout.last().expect("a line");
    assert!(
        stop.contains("199999 outcomes of probes") || stop.contains("200000 outcomes of probes"),
        "{stop}"
    );
}

/// What a demonstration wrote.
struct Log {
    folder: TempDir,
    path: PathBuf,
}

impl Log {
    fn of(args: &str) -> Self {
        let folder = TempDir::new().expect("a folder");
        let path = folder.path().join("log");
        let ended = shell(&format!("'{PATHJITTER}' demo --json --each {args} >{}", path.display())).finish();
        assert_eq!((ended.code(), ended.stderr.as_str()), (0, ""), "{args}");
        Self { folder, path }
    }

    fn path(&self) -> &Path {
        &self.path
    }

    fn text(&self) -> String {
        fs::read_to_string(&self.path).expect("a log")
    }

    fn events(&self) -> Vec<Value> {
        self.text()
            .lines()
            .map(|line| serde_json::from_str(line).expect("JSON"))
            .collect()
    }

    fn beside(&self, name: &str, text: &str) -> PathBuf {
        let path = self.folder.path().join(name);
        fs::write(&path, text).expect("a file");
        path
    }

    fn judged(&self, others: &[&Path]) -> Report {
        correlate(&[&[self.path()], others].concat(), "--json")
    }
}

fn correlate(files: &[&Path], args: &str) -> Report {
    Report::read(&run(files, args))
}

fn run(files: &[&Path], args: &str) -> Finished {
    let mut command = Command::new(PATHJITTER);
    command.arg("correlate").args(args.split_whitespace()).args(files);
    Guest::start(command).finish()
}

fn shell(script: &str) -> Guest {
    let mut command = Command::new("bash");
    command.args(["-o", "pipefail", "-c", script]);
    Guest::start(command)
}

/// The same incidents, which began at the same moments: those of a log have six digits.
fn assert_same(after: &[Value], live: &[Value], story: &str) {
    let (after, live) = (essence(after), essence(live));
    assert!(!live.is_empty(), "{story}");
    assert_eq!(after.len(), live.len(), "{story}: {after:?}, not {live:?}");
    for (after, live) in after.iter().zip(&live) {
        assert_eq!(after.1, live.1, "{story}");
        let apart = after.0.duration_since(live.0).abs();
        assert!(
            apart <= SignedDuration::from_micros(2),
            "{story}: {after:?}, not {live:?}"
        );
    }
}

/// When incidents began, and what was said of them, but for counts and moments that depend on when it was said.
fn essence(events: &[Value]) -> Vec<(Timestamp, String)> {
    let closed = events.iter().filter(|event| event["event"] == "incident_close");
    let of = |incident: &Value| {
        let keys = ["verdict", "targets", "healthy"].map(|key| incident[key].to_string());
        let began = incident["began"].as_str().expect("a moment").parse().expect("a moment");
        (
            began,
            format!("{} at {}", keys.join(" "), incident["suspect"]["address"]),
        )
    };
    let mut all: Vec<_> = closed.map(of).collect();
    all.sort();
    all
}

fn assert_valid(events: &[Value]) {
    static SCHEMA: OnceLock<Validator> = OnceLock::new();
    let schema = SCHEMA.get_or_init(|| {
        let text = serde_json::from_str(pathjitter::report::SCHEMA_TEXT).expect("the schema is JSON");
        jsonschema::validator_for(&text).expect("the schema is a schema")
    });
    for event in events {
        let errors: Vec<String> = schema.iter_errors(event).map(|error| error.to_string()).collect();
        assert!(errors.is_empty(), "{errors:?}: {event}");
    }
}

/// The address space of the program itself, its threads and what it reads at once; as little as makes a difference to 60 MB.
const ENOUGH_KIB: u32 = 60_000;
