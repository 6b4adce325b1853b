//! RTTs in the lab are the truth, and where they are not, the lab says so.

use std::process::Command;
use std::thread;
use std::time::Duration;

use serde_json::Value;

use crate::support::{Guest, PATHJITTER, Report};
use crate::{NETWORK, OPEN, V4, V6, is_possible, lab, summary};

/// There and back.
const RTT_US: f64 = 2_000.0;

/// What the median may be off: a write, and the cell of the histogram, which is 2 us. Without optimization, the way of a packet
/// through the simulator takes tens of microseconds, during which another that is due has to wait.
const ERROR_US: f64 = if cfg!(debug_assertions) { 100.0 } else { 30.0 };

#[test]
fn the_median_rtt_is_the_truth_over_both_protocols_and_families() {
    if !is_possible() {
        return;
    }
    for address in [V4.to_owned(), format!("[{V6}]")] {
        // One at a time: of two packets that are due together, one has to wait for the other.
        for (proto, target) in [
            ("icmp", format!("app={}", address.trim_matches(['[', ']']))),
            ("tcp", format!("app={address}:{OPEN} --no-icmp")),
        ] {
            let script = format!("exec {PATHJITTER} ping --json -q -c 200 -i 5ms -W 500ms {target}");
            let ended = lab(&[], &script).finish();
            let report = Report::read(&ended);
            let window = report.window(proto);
            window.assert_outcomes(&[("sent", 200), ("received", 200)]);
            let p50 = window.figure("rtt_p50_us");
            assert!((p50 - RTT_US).abs() <= ERROR_US, "{target}: {p50}");
            assert!(summary(&ended).ends_with(", no unintended loss"), "{}", ended.stderr);
        }
    }
}

#[test]
fn probes_that_a_stopped_simulator_has_delayed_can_be_told_by_its_late_moments() {
    if !is_possible() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("report.json");
    let script = format!("exec {PATHJITTER} ping --json --each -c 400 -i 1ms -W 1s {V4}");
    let mut running = lab(&["--report", file.to_str().unwrap()], &script);
    running.wait_for_many(50, |line| line.contains("\"probe\""));
    running.signal("STOP");
    // What is tested: a pause of this length at least.
    thread::sleep(STOP);
    running.signal("CONT");
    let ended = running.finish();
    let report: Value = serde_json::from_str(&std::fs::read_to_string(&file).unwrap()).unwrap();
    let late = late_moments(&report);
    // From when the first packet was due, which is an interval after the stop, or a few where the prober got no CPU.
    let longest = late.iter().map(|(from, to)| to - from).fold(0.0, f64::max);
    assert!(longest >= 0.8 * STOP.as_secs_f64() * 1e9, "{late:?}");
    let probes = sent_and_returned(&Report::read(&ended));
    assert_eq!(probes.len(), 400, "every probe is answered in the end");
    let (late_ones, good): (Vec<_>, Vec<_>) = probes
        .iter()
        .partition(|(sent, returned)| late.iter().any(|(from, to)| from <= returned && to >= sent));
    assert!(late_ones.len() >= 10, "{} of 400", late_ones.len());
    for (sent, returned) in good {
        // Up to 200 us are not late; the kernel's part of a write comes on top.
        let error = (returned - sent) / 1e3 - RTT_US;
        assert!(error < 1_000.0, "sent at {sent}: {error} us; {late:?}");
    }
    assert_eq!(report["simulation"]["unintended_loss"], 0, "{report:#}");
}

#[test]
fn nothing_is_sent_at_a_time_that_nobody_knows() {
    if !is_possible() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("report.json");
    let script = format!("ping -n -q -c 50 -i 0.01 -W 1 {V4}");
    let ended = lab(&["--report", file.to_str().unwrap()], &script).finish();
    let report: Value = serde_json::from_str(&std::fs::read_to_string(&file).unwrap()).unwrap();
    assert_eq!(report["simulation"]["unstamped"], 0, "{}", ended.stderr);
    assert_eq!(report["simulation"]["unseen"], 0, "{}", ended.stderr);
}

#[test]
fn a_lab_that_keeps_cpus_awake_has_a_thread_on_each_that_gives_way_to_all() {
    if !is_possible() {
        return;
    }
    // Name and scheduling policy (5 is SCHED_IDLE) of each thread of the lab.
    let script =
        "nproc; cd /proc/$PPID/task; for task in *; do echo $(cat $task/comm) $(cut -d' ' -f41 $task/stat); done";
    let mut command = Command::new(PATHJITTER);
    command.args(["lab", NETWORK, "--keep-awake", "--", "bash", "-c", script]);
    let ended = Guest::start(command).finish();
    assert_eq!(ended.code(), 0, "{}", ended.stderr);
    let cpus: usize = ended.stdout[0].parse().unwrap();
    let awake: Vec<&String> = ended.stdout.iter().filter(|line| line.starts_with("awake")).collect();
    assert_eq!(awake.len(), cpus, "{:?}", ended.stdout);
    assert!(awake.iter().all(|line| line.ends_with(" 5")), "{awake:?}");
}

/// How long the simulator stands still.
const STOP: Duration = Duration::from_millis(50);

/// From and to, in ns since the Unix epoch.
fn late_moments(report: &Value) -> Vec<(f64, f64)> {
    let moments = report["simulation"]["late_moments"].as_array().unwrap().iter();
    let ends = |moment: &Value| (moment["from_ns"].as_f64().unwrap(), moment["to_ns"].as_f64().unwrap());
    moments.map(ends).collect()
}

/// When each answered probe was sent and when its reply was there, in ns since the Unix epoch.
fn sent_and_returned(report: &Report) -> Vec<(f64, f64)> {
    let ends = |probe: &&Value| {
        let sent: jiff::Timestamp = probe["timestamp"].as_str()?.parse().ok()?;
        let sent: f64 = sent.as_nanosecond().to_string().parse().ok()?;
        Some((sent, sent + probe["rtt_us"].as_f64()? * 1e3))
    };
    report.probes().iter().filter_map(ends).collect()
}
