//! Logs that are rotated, disks that are full, and what is kept for the next start.

use std::fs;
use std::process::Command;

use serde_json::Value;

use crate::support::{Guest, Lab, PATHJITTER, python};
use crate::{assert_stream, is_whole_window, lines_of, read, running};

#[test]
fn rotation_loses_no_line_and_writes_none_twice() {
    let Some(lab) = Lab::new() else { return };
    let host = lab.host("alone");
    let folder = tempfile::tempdir().expect("a folder");
    let path = |name: &str| folder.path().join(name);
    let args = format!(
        "--json --each -i 5ms --window 1s --log {} 127.0.0.2",
        path("log").display()
    );
    let mut run = running(&host, &args);
    for (signal, moved) in [("USR1", "log.1"), ("HUP", "log.2")] {
        run.wait_for_many(20, |line| line.contains("\"probe\""));
        fs::rename(path("log"), path(moved)).expect("a log");
        run.signal(signal);
        // What comes after the signal goes to a new file sooner or later, and the old one grows until then.
        run.wait_for(|_| path("log").exists());
    }
    run.wait_for_many(20, |line| line.contains("\"probe\""));
    run.signal("TERM");
    let report = read(&run.finish());
    let files = ["log.1", "log.2", "log"].map(|name| lines_of(&path(name)));
    assert!(files.iter().all(|lines| !lines.is_empty()), "each file has its part");
    let all = files.concat();
    assert_stream(&all);
    assert_eq!(all, report.events, "the log and the stream are the same lines");
}

#[test]
fn a_full_disk_is_said_once_and_the_stream_goes_on() {
    let Some(lab) = Lab::new() else { return };
    let host = lab.host("alone");
    // The kernel's own full disk.
    let ended = running(&host, "--json --window 1s --duration 2500ms --log /dev/full 127.0.0.2").finish();
    let report = read(&ended);
    assert_eq!(report.stderr.lines().count(), 1, "{}", report.stderr);
    assert!(report.stderr.contains("/dev/full"), "{}", report.stderr);
    assert_eq!(report.windows().len(), 3);
}

#[test]
fn a_log_on_a_full_disk_has_whole_lines_and_is_told_how_many_it_misses_when_there_is_space_again() {
    let Some(lab) = Lab::new() else { return };
    let host = lab.host("alone");
    // What is written to the disk is gone with it, so the log is copied to another place at the end.
    let [disk, place] = [(); 2].map(|()| tempfile::tempdir().expect("a folder"));
    let copy = place.path().join("log");
    // A disk of its own, with room for some dozens of lines beside what is removed later.
    let script = format!(
        "mount -t tmpfs -o size=256k none {disk} && head -c 192k /dev/zero >{disk}/ballast || exit 1
         {PATHJITTER} run --no-trace --json --each -i 5ms --window 1s --log {disk}/log 127.0.0.2 & run=$!
         trap 'rm {disk}/ballast' USR2; trap 'kill -s TERM $run' TERM
         wait $run; while kill -0 $run 2>/dev/null; do wait $run; done
         wait $run; code=$?; cp {disk}/log {copy}; exit $code",
        disk = disk.path().display(),
        copy = copy.display(),
    );
    let mut command = host.command("unshare");
    command.args(["--mount", "bash", "-c", &script]);
    let mut run = Guest::start(command);
    let is_probe = |line: &str| line.contains("\"probe\"");
    run.wait_for_many(600, is_probe);
    run.signal("USR2");
    run.wait_for(|line| line.contains("can be written again"));
    run.wait_for_many(20, is_probe);
    run.signal("TERM");
    let report = read(&run.finish());
    let log = lines_of(&copy);
    let missing = report.events.len() - log.len();
    let told = log.iter().filter(|event| event["event"] == "error");
    let told: u64 = told
        .map(|error| error["dropped_before"].as_u64().expect("a count"))
        .sum();
    assert!(missing > 0, "the disk was full");
    assert_eq!(u64::try_from(missing).unwrap(), told);
    let (mut all, mut lines) = (report.events.iter(), log.iter());
    assert!(
        lines.all(|line| all.any(|event| event == line)),
        "no line is twice or changed"
    );
    assert_eq!(report.stderr.lines().count(), 1, "{}", report.stderr);
}

#[test]
fn baselines_outlive_a_restart_and_a_spoilt_file_costs_no_more_than_them() {
    let Some(lab) = Lab::new() else { return };
    let host = lab.host("alone");
    let folder = tempfile::tempdir().expect("a folder");
    let state = folder.path().join("state.json");
    let args = format!(
        "--json --each -i 10ms --window 1s --state {} 127.0.0.2",
        state.display()
    );
    let serve = || {
        let mut run = running(&host, &args);
        run.wait_for(|line| is_whole_window(line, "127.0.0.2"));
        run.signal("TERM");
        read(&run.finish())
    };
    assert_eq!(serve().stderr, "", "no file yet");
    let kept = fs::read_to_string(&state).expect("a state file");
    let kept: serde_json::Value = serde_json::from_str(&kept).expect("JSON");
    assert_eq!(kept["series"][0]["target"], "127.0.0.2");
    assert_eq!(
        kept["series"].as_array().map(Vec::len),
        Some(1),
        "the control has no past"
    );
    let total = |kept: &serde_json::Value| -> u64 {
        let cells = kept["series"][0]["saved"]["parts"].as_array().into_iter().flatten();
        let cells = cells.flat_map(|part| part.as_array().into_iter().flatten());
        cells.map(|cell| cell[1].as_u64().expect("a count")).sum()
    };
    assert_eq!(serve().stderr, "");
    let again = fs::read_to_string(&state).expect("a state file");
    let again: serde_json::Value = serde_json::from_str(&again).expect("JSON");
    assert!(
        total(&again) > total(&kept) + 50,
        "the second run goes on where the first ended"
    );
    fs::write(&state, "{\"spoilt\":").expect("a state file");
    let spoilt = serve();
    assert!(spoilt.stderr.contains("state.json"), "{}", spoilt.stderr);
    assert_eq!(spoilt.stderr.lines().count(), 1, "{}", spoilt.stderr);
}

#[test]
fn histograms_are_appended_as_an_interval_log_that_other_libraries_read() {
    let Some(lab) = Lab::new() else { return };
    let Some(python) = python() else { return };
    let host = lab.host("alone");
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("run.hlog");
    let args = format!(
        "--json --window 1s --duration 2500ms -i 10ms --hlog {} app=127.0.0.2",
        path.display()
    );
    let report = read(&running(&host, &args).finish());
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/run_service/interval_log.py");
    let output = Command::new(python).arg(script).arg(&path).output().expect("python3");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let read = String::from_utf8(output.stdout).expect("text");
    let histograms: Vec<Value> = read
        .lines()
        .map(|line| serde_json::from_str(line).expect("JSON"))
        .collect();
    let windows = report.windows();
    assert_eq!(histograms.len(), windows.len());
    for (histogram, window) in histograms.iter().zip(&windows) {
        assert_eq!(histogram["tag"], "app/127.0.0.2/icmp");
        assert_eq!(histogram["count"], window.count("received"));
        for (theirs, ours) in [
            ("p50_ns", "rtt_p50_us"),
            ("mean_ns", "rtt_mean_us"),
            ("max_ns", "rtt_max_us"),
        ] {
            let (theirs, ours) = (histogram[theirs].as_f64().expect("a number") / 1e3, window.figure(ours));
            // Three digits on either side. Ranks of other quantiles are rounded in another way there.
            assert!((theirs - ours).abs() <= ours * 0.002, "{theirs} and {ours} us");
        }
    }
    let text = fs::read_to_string(&path).expect("an interval log");
    for (line, window) in text
        .lines()
        .filter(|line| line.starts_with("Tag="))
        .zip(report.windows())
    {
        let length: f64 = line.split(',').nth(2).expect("a length").parse().expect("seconds");
        assert!((length - window.figure("window_s")).abs() < 0.001, "{line}");
    }
}
