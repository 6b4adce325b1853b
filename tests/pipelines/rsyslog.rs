//! The configuration for a host that collects, in a real `rsyslogd`.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::support::{Guest, Lab, PATHJITTER, Report, read_lines};
use crate::text;

/// The lines of all files in a folder whose names end like this, and how many files there are.
fn lines_in(folder: &Path, ending: &str) -> (Vec<String>, usize) {
    let entries = fs::read_dir(folder)
        .expect("a folder")
        .map(|entry| entry.expect("an entry").path());
    let files: Vec<_> = entries
        .filter(|path| path.to_string_lossy().ends_with(ending))
        .collect();
    let texts = files.iter().map(|path| fs::read_to_string(path).expect("a file"));
    (
        texts
            .flat_map(|text| text.lines().map(str::to_owned).collect::<Vec<_>>())
            .collect(),
        files.len(),
    )
}

#[test]
fn each_event_arrives_once_in_the_file_of_its_host_and_incidents_where_people_read_them() {
    let Some(lab) = Lab::new() else { return };
    let host = lab.host("alone");
    let folder = tempfile::tempdir().expect("a folder");
    let path = |name: &str| folder.path().join(name);
    let shipped = text("rsyslog/pathjitter.conf");
    let config = shipped
        .replace("/var/log/pathjitter-fleet", &folder.path().display().to_string())
        .replace("0.0.0.0", "127.0.0.1");
    assert_ne!(config, shipped);
    // What it says of itself tells when it listens; and its own state has a place that the test may write to.
    let config = format!(
        "global(workDirectory=\"{}\" net.enableDNS=\"off\" processInternalMessages=\"on\")\n{config}\naction(type=\"omfile\" file=\"/dev/stdout\")\n",
        folder.path().display()
    );
    fs::write(path("rsyslog.conf"), config).expect("a file");
    let mut command = host.command("/usr/sbin/rsyslogd");
    command
        .arg("-n")
        .arg("-f")
        .arg(path("rsyslog.conf"))
        .arg("-i")
        .arg(path("pid"));
    let mut server = Guest::start(command);
    server.wait_for(|line| line.contains("rsyslogd") && line.contains(" start"));

    let mut command = host.command(PATHJITTER);
    // A port that nobody listens at from the start on is an incident after a few SYNs.
    let args = "run --no-trace --json --window 1s --tcp-interval 100ms --syslog tcp://127.0.0.1:5514 app=127.0.0.2:9";
    command.args(args.split(' '));
    let mut run = Guest::start(command);
    run.wait_for(|line| line.contains("\"incident_open\""));
    run.signal("TERM");
    let report = Report::read(&run.finish());
    assert_eq!((report.code, report.stderr.as_str()), (0, ""));
    // It writes what it has taken before it ends.
    server.signal("TERM");
    assert_eq!(server.finish().code(), 0);

    let (lines, files) = lines_in(folder.path(), ".ndjson");
    assert_eq!(files, 1, "one host");
    assert_eq!(read_lines(&lines), report.events);
    let (told, _) = lines_in(folder.path(), "incidents.log");
    let incidents: Vec<&Value> = report
        .events
        .iter()
        .filter(|event| {
            event["event"]
                .as_str()
                .is_some_and(|event| event.starts_with("incident_"))
        })
        .collect();
    assert!(incidents.len() >= 2, "it opened, and was closed at the end");
    assert_eq!(told.len(), incidents.len(), "{told:#?}");
    for (line, incident) in told.iter().zip(incidents) {
        let words: BTreeMap<_, _> = ["timestamp", "vantage", "event", "verdict", "message"]
            .map(|key| (key, incident[key].as_str().expect("a word")))
            .into();
        let expected = format!(
            "{} {} {} {}: {}",
            words["timestamp"], words["vantage"], words["event"], words["verdict"], words["message"]
        );
        assert_eq!(*line, expected);
    }
}
