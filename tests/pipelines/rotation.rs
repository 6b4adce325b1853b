//! A log that Debian's `logrotate` rotates while the service writes, and a line of `cron`.

use std::fs;
use std::process::Command;

use serde_json::Value;

use crate::support::{Guest, Lab, PATHJITTER, Report, read_lines};
use crate::{settings, text};

#[test]
fn logrotate_takes_the_log_away_and_no_line_is_lost() {
    let Some(lab) = Lab::new() else { return };
    let host = lab.host("alone");
    let folder = tempfile::tempdir().expect("a folder");
    let path = |name: &str| folder.path().join(name).display().to_string();
    let mut command = host.command(PATHJITTER);
    let log = path("pathjitter.ndjson");
    let args = format!("run --no-trace --json --each -i 5ms --window 1s --log {log} 127.0.0.2");
    command.args(args.split(' '));
    let mut run = Guest::start(command);
    // What is shipped, for a log in another place and a service that systemd did not start.
    let shipped = text("logrotate/pathjitter");
    let mut config = shipped.replace("/var/log/pathjitter", &folder.path().display().to_string());
    for (theirs, ours) in [
        (
            "systemctl kill --signal=USR1 --kill-who=main pathjitter.service",
            format!("kill -USR1 {}", run.id()),
        ),
        ("su pathjitter pathjitter", "su root root".to_owned()),
    ] {
        assert!(config.contains(theirs), "{theirs}");
        config = config.replace(theirs, &ours);
    }
    fs::write(path("logrotate.conf"), config).expect("a file");
    for _ in 0..3 {
        run.wait_for_many(20, |line| line.contains("\"probe\""));
        let mut logrotate = host.command("logrotate");
        logrotate.args(["--force", "--state", &path("state"), &path("logrotate.conf")]);
        Guest::start(logrotate).finish().expect_success();
        // What comes after the signal goes to a new file sooner or later, and the old one grows until then.
        run.wait_for(|_| fs::metadata(&log).is_ok_and(|file| file.len() > 0));
    }
    run.wait_for_many(20, |line| line.contains("\"probe\""));
    run.signal("TERM");
    let report = Report::read(&run.finish());
    assert_eq!((report.code, report.stderr.as_str()), (0, ""));
    // The one before the last is still plain, older ones are packed.
    let unpacked = Command::new("zcat")
        .args([path("pathjitter.ndjson.3.gz"), path("pathjitter.ndjson.2.gz")])
        .output();
    let mut all = String::from_utf8(unpacked.expect("zcat").stdout).expect("text");
    for name in ["pathjitter.ndjson.1", "pathjitter.ndjson"] {
        all += &fs::read_to_string(path(name)).expect(name);
    }
    let lines: Vec<String> = all.lines().map(str::to_owned).collect();
    assert_eq!(
        read_lines(&lines),
        report.events,
        "the files and the stream are the same lines"
    );
}

#[test]
fn the_line_of_cron_is_one_and_what_it_runs_adds_a_line_for_each_backend_and_protocol() {
    let lines = settings("cron.d/pathjitter");
    let (line, environment) = lines.split_last().expect("a line");
    assert!(environment.iter().all(|line| line.contains('=')), "{environment:?}");
    // Five times, a user, and a command, in which cron would take a per cent sign for a line feed.
    let words: Vec<&str> = line.split_whitespace().collect();
    assert_eq!(words[..6], ["*", "*", "*", "*", "*", "pathjitter"]);
    assert!(!line.contains('%'));
    let command = words[6..].join(" ");

    let Some(lab) = Lab::new() else { return };
    let host = lab.host("alone");
    let folder = tempfile::tempdir().expect("a folder");
    let log = folder.path().join("cron.ndjson");
    let command = command
        .replace("pathjitter ping", &format!("{PATHJITTER} ping"))
        .replace("-c 10", "-c 2 -i 10ms")
        .replace("10.10.1.11:8080", "127.0.0.2:9")
        .replace("10.10.1.12:8080", "127.0.0.3:9")
        .replace("/var/log/pathjitter/cron.ndjson", &log.display().to_string());
    let ended = host.try_sh(&command);
    // A closed port is no answer, of which cron mails what standard error says.
    assert_eq!((ended.code(), ended.text().as_str()), (1, ""), "{}", ended.stderr);
    let lines: Vec<String> = fs::read_to_string(&log)
        .expect("a log")
        .lines()
        .map(str::to_owned)
        .collect();
    let events: Vec<Value> = read_lines(&lines);
    let windows: Vec<_> = events
        .iter()
        .map(|event| {
            (
                event["event"].as_str(),
                event["target"].as_str(),
                event["proto"].as_str(),
            )
        })
        .collect();
    let expected = [("app01", "icmp"), ("app01", "tcp"), ("app02", "icmp"), ("app02", "tcp")];
    assert_eq!(
        windows,
        expected.map(|(target, proto)| (Some("window"), Some(target), Some(proto)))
    );
}
