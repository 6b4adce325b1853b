//! What journald would take is written to a journal by systemd's own program, and read back by journalctl.

use std::collections::BTreeSet;
use std::io::Write as _;
use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;

use pathjitter::report::MESSAGE_IDS;
use serde_json::Value;

use crate::support::{Finished, Guest, Host, Lab, PATHJITTER, Report};
use crate::{assert_stream, lines_of, read};

/// Runs a service whose journald is this test, in a mount namespace of its own, and returns what it left and the entries.
fn journaled(host: &Host, before: &str, args: &str) -> (Finished, Vec<Vec<u8>>) {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("socket");
    let journald = UnixDatagram::bind(&path).expect("a socket");
    let taker = thread::spawn(move || {
        let mut entries = Vec::new();
        let mut bytes = vec![0; 1 << 20];
        loop {
            let length = journald.recv(&mut bytes).expect("the socket is ours");
            if &bytes[..length] == THE_END {
                return entries;
            }
            entries.push(bytes[..length].to_vec());
        }
    });
    let script = format!(
        "mount -t tmpfs none /run && mkdir -p /run/systemd/journal && mount --bind {} /run/systemd/journal || exit 1
         {before} exec {PATHJITTER} run --no-trace -i 50ms --window 1s --duration 2500ms {args} app=127.0.0.2",
        folder.path().display()
    );
    let mut command = host.command("unshare");
    command.args(["--mount", "bash", "-c", &script]);
    let ended = Guest::start(command).finish();
    let us = UnixDatagram::unbound().expect("a socket");
    us.send_to(THE_END, &path).expect("the taker is there");
    (ended, taker.join().expect("the taker"))
}

const THE_END: &[u8] = b"\0";

/// Entries as journalctl shows them, by way of systemd's own writer of journals.
fn by_journalctl(entries: &[Vec<u8>]) -> Vec<Value> {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("test.journal");
    // The native protocol is the export format without the addresses, which journald adds itself, and the empty line.
    let mut export = Vec::new();
    for (place, entry) in entries.iter().enumerate() {
        let at = 1_772_420_000_000_000 + place;
        let boot = "_BOOT_ID=0123456789abcdef0123456789abcdef";
        write!(
            export,
            "__REALTIME_TIMESTAMP={at}\n__MONOTONIC_TIMESTAMP={place}\n{boot}\n"
        )
        .expect("memory");
        export.extend(entry);
        export.push(b'\n');
    }
    let mut remote = Command::new("/usr/lib/systemd/systemd-journal-remote");
    remote.arg("-o").arg(&file).arg("-");
    remote.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
    let mut remote = remote
        .spawn()
        .expect("systemd-journal-remote is installed by `bash tests/run`");
    let mut stdin = remote.stdin.take().expect("stdin is piped");
    stdin.write_all(&export).expect("it reads");
    drop(stdin);
    assert!(remote.wait().expect("it ends").success());
    journalctl(&file)
}

fn journalctl(file: &Path) -> Vec<Value> {
    let mut command = Command::new("journalctl");
    command.arg("--file").arg(file).args(["--all", "--output", "json"]);
    let output = command.output().expect("journalctl is there");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).expect("text");
    text.lines()
        .map(|line| serde_json::from_str(line).expect("JSON"))
        .collect()
}

/// Every flat field of an event is a field of its entry.
fn assert_has_fields(entry: &Value, event: &Value) {
    for (key, value) in event.as_object().expect("an event") {
        let field = &entry[format!("PATHJITTER_{}", key.to_uppercase())];
        match value {
            Value::Array(values) if values.iter().all(Value::is_string) => {
                let one = std::slice::from_ref(field);
                let several = field.as_array().map_or(one, Vec::as_slice).iter();
                let several: BTreeSet<&str> = several.filter_map(Value::as_str).collect();
                assert_eq!(several, values.iter().filter_map(Value::as_str).collect(), "{key}");
            }
            Value::Null | Value::Object(_) | Value::Array(_) => assert!(field.is_null(), "{key}: {field}"),
            Value::String(text) => assert_eq!(field, text, "{key}"),
            Value::Number(_) | Value::Bool(_) => assert_eq!(*field, value.to_string(), "{key}"),
        }
    }
}

#[test]
fn journalctl_reads_the_events_of_the_stream_with_their_ids_priorities_and_fields() {
    let Some(lab) = Lab::new() else { return };
    let host = lab.host("alone");
    let (ended, entries) = journaled(&host, "", "--json --each --journal");
    let report: Report = read(&ended);
    assert_eq!(report.stderr, "");
    let shown = by_journalctl(&entries);
    assert_eq!(shown.len(), report.events.len());
    for (entry, event) in shown.iter().zip(&report.events) {
        let line = entry["PATHJITTER_JSON"].as_str().expect("the line");
        assert_eq!(serde_json::from_str::<Value>(line).expect("JSON"), *event);
        let id = MESSAGE_IDS
            .iter()
            .find(|(kind, _)| event["event"] == *kind)
            .expect("known")
            .1;
        assert_eq!(entry["MESSAGE_ID"], id);
        assert_eq!(entry["SYSLOG_IDENTIFIER"], "pathjitter");
        let priority = match event["event"].as_str().expect("a kind") {
            "start" | "stop" => Some("6"),
            "window" | "series" | "probe" | "spike_start" | "spike_end" => Some("7"),
            _ => None,
        };
        assert!(priority.is_none_or(|priority| entry["PRIORITY"] == priority), "{entry}");
        assert!(entry["MESSAGE"].as_str().is_some_and(|text| text.len() > 5), "{entry}");
        assert_has_fields(entry, event);
    }
}

#[test]
fn where_standard_output_is_the_journal_events_go_there_and_no_lines_for_people() {
    let Some(lab) = Lab::new() else { return };
    let host = lab.host("alone");
    let folder = tempfile::tempdir().expect("a folder");
    // As a manager sets it up for a unit: the name of the stream that standard output is.
    let named = "exec 3>&1; export JOURNAL_STREAM=$(stat -L -c %d:%i /proc/self/fd/3);";
    let log = folder.path().join("log");
    let (ended, entries) = journaled(&host, named, &format!("--log {}", log.display()));
    assert_eq!((ended.code(), &*ended.text(), &*ended.stderr), (0, "", ""));
    let events = lines_of(&log);
    assert_stream(&events);
    assert_eq!(by_journalctl(&entries).len(), events.len());
    // Another stream, NDJSON and a user who wants none: no entries.
    for (before, args, writes) in [
        ("export JOURNAL_STREAM=1:1;", "", true),
        (named, "--json", true),
        (named, "--journal=off", true),
        (named, "-q", false),
    ] {
        let (ended, entries) = journaled(&host, before, args);
        assert_eq!((ended.code(), entries.len()), (0, 0), "{args}");
        assert_eq!(!ended.stdout.is_empty(), writes, "{args}");
    }
}

#[test]
fn a_journal_that_is_not_there_is_said_once_and_costs_no_line_elsewhere() {
    let Some(lab) = Lab::new() else { return };
    let host = lab.host("alone");
    let script = format!(
        "mount -t tmpfs none /run && exec {PATHJITTER} run --no-trace --json --journal -i 50ms --window 1s --duration 1500ms app=127.0.0.2"
    );
    let mut command = host.command("unshare");
    command.args(["--mount", "bash", "-c", &script]);
    let report = read(&Guest::start(command).finish());
    let [first, last] = report.stderr.lines().collect::<Vec<_>>()[..] else {
        panic!("{}", report.stderr)
    };
    assert!(first.contains("the journal: "), "{first}");
    let count = report.events.len();
    assert!(last.contains(&format!(" {count} events are missing")), "{last}");
}
