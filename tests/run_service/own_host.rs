//! What befalls the prober's own host: none of it may look like the doing of the network, and nothing may be passed over.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::Value;

use crate::support::{Guest, Lab, Listener, Pair, Report};
use crate::{OPEN, is_whole_window, read, running, sum, windows_of};

/// How long a service is stopped: two windows.
const STOPPED: Duration = Duration::from_secs(2);

/// Two targets of which one is probed by both protocols, often enough to be judged soon.
fn watching(pair: &Pair) -> Guest {
    let args = format!(
        "--json --window 1s -i 20ms --tcp-interval 20ms -W 500ms app={}:{OPEN} near=127.0.0.2",
        pair.v4()
    );
    let mut run = running(&pair.prober, &args);
    run.wait_for_many(3, |line| is_whole_window(line, "app"));
    run
}

/// Reads the stream once the service has told that it stood still, and some windows more.
fn ended(mut run: Guest) -> Report {
    run.wait_for(|line| line.contains("\"own_noise\""));
    well_again(run)
}

/// Reads the stream once the host has been well again for some windows.
fn well_again(mut run: Guest) -> Report {
    run.wait_for_many(4, |line| is_whole_window(line, "app"));
    run.signal("TERM");
    read(&run.finish())
}

#[test]
fn a_service_that_is_stopped_says_so_and_accuses_nobody() {
    let Some(lab) = Lab::new() else { return };
    let pair = Pair::new(&lab);
    let _port = Listener::open(&pair.backend, OPEN);
    let run = watching(&pair);
    run.signal("STOP");
    thread::sleep(STOPPED);
    run.signal("CONT");
    let report = ended(run);
    let noise = longest_stall(&report);
    assert!(late(noise) >= STOPPED, "{noise}");
    assert_nothing_lost(&report);
    assert_disturbed_windows_are_marked(&report, noise);
    assert_no_incident(&report);
    assert_slots_are_missing(&report);
}

#[test]
fn a_service_whose_control_group_is_frozen_says_so_and_accuses_nobody() {
    let Some(lab) = Lab::new() else { return };
    let Some(group) = ControlGroup::new("freezer") else {
        return;
    };
    let pair = Pair::new(&lab);
    let _port = Listener::open(&pair.backend, OPEN);
    let run = watching(&pair);
    group.take(&run);
    group.write("freezer.state", "FROZEN");
    thread::sleep(STOPPED);
    group.write("freezer.state", "THAWED");
    let report = ended(run);
    let noise = longest_stall(&report);
    assert!(late(noise) >= STOPPED, "{noise}");
    assert_nothing_lost(&report);
    assert_disturbed_windows_are_marked(&report, noise);
    assert_no_incident(&report);
}

#[test]
fn a_service_that_gets_no_processor_time_is_an_incident_of_its_own_host_alone() {
    let Some(lab) = Lab::new() else { return };
    let Some(group) = ControlGroup::new("cpu") else { return };
    let pair = Pair::new(&lab);
    let _port = Listener::open(&pair.backend, OPEN);
    let mut run = watching(&pair);
    group.take(&run);
    // 2 ms in each half second: far less than it needs, so that it stands still for most of the time.
    group.write("cpu.cfs_period_us", "500000");
    group.write("cpu.cfs_quota_us", "2000");
    run.wait_for(|line| line.contains("\"incident_open\""));
    group.write("cpu.cfs_quota_us", "-1");
    let report = well_again(run);
    assert_nothing_lost(&report);
    assert_no_incident(&report);
    let incidents = report.events.iter().filter(|event| event["event"] == "incident_open");
    assert!(incidents.count() > 0, "it is told");
}

/// A control group (version 1) of a test, removed with it.
struct ControlGroup(PathBuf);

impl ControlGroup {
    /// None where the system has no such controllers or lets nobody make groups, which is said.
    fn new(controller: &str) -> Option<Self> {
        static MADE: AtomicU32 = AtomicU32::new(0);
        let name = format!(
            "pathjitter-test-{}-{}",
            std::process::id(),
            MADE.fetch_add(1, Ordering::Relaxed)
        );
        let path = Path::new("/sys/fs/cgroup").join(controller).join(name);
        match fs::create_dir(&path) {
            Ok(()) => Some(Self(path)),
            Err(error) => {
                eprintln!("lab: NOT TESTED: no control group {}: {error}", path.display());
                None
            }
        }
    }

    fn take(&self, run: &Guest) {
        self.write("cgroup.procs", &run.id().to_string());
    }

    fn write(&self, key: &str, value: &str) {
        fs::write(self.0.join(key), value).unwrap_or_else(|error| panic!("{key}: {error}"));
    }
}

impl Drop for ControlGroup {
    fn drop(&mut self) {
        // Whoever is still in it is killed with the test; until then nothing may stay frozen or without time.
        let _ = fs::write(self.0.join("freezer.state"), "THAWED");
        let _ = fs::write(self.0.join("cpu.cfs_quota_us"), "-1");
        let members = fs::read_to_string(self.0.join("cgroup.procs")).unwrap_or_default();
        let parent = self.0.with_file_name("cgroup.procs");
        for member in members.lines() {
            let _ = fs::write(&parent, member);
        }
        let _ = fs::remove_dir(&self.0);
    }
}

/// The `own_noise` line of the longest stall.
fn longest_stall(report: &Report) -> &Value {
    let stalls = report.events.iter().filter(|event| event["event"] == "own_noise");
    let longest = stalls.max_by_key(|stall| late(stall));
    longest.unwrap_or_else(|| panic!("no stall: {:?}", report.events))
}

fn late(noise: &Value) -> Duration {
    Duration::from_secs_f64(noise["late_us"].as_f64().unwrap_or(0.0) / 1e6)
}

fn time(event: &Value, key: &str) -> Timestamp {
    event[key].as_str().expect("a time").parse().expect("RFC 3339")
}

fn assert_nothing_lost(report: &Report) {
    for (target, proto) in [("app", "icmp"), ("app", "tcp"), ("near", "icmp")] {
        let windows = windows_of(&report.events, target, proto);
        let [lost, late, sent, received] = ["lost", "late", "sent", "received"].map(|key| sum(&windows, key));
        assert_eq!((lost, late, received), (0, 0, sent), "{target} by {proto}");
    }
}

/// Each window that lies in the stall or has a part of it is marked, and says why it has fewer probes than it should.
fn assert_disturbed_windows_are_marked(report: &Report, noise: &Value) {
    let (from, to) = (time(noise, "from"), time(noise, "to"));
    let mut marked = 0;
    for window in report.events.iter().filter(|event| event["event"] == "window") {
        let start = time(window, "window_start");
        let length = Duration::from_secs_f64(window["window_s"].as_f64().expect("seconds"));
        let end = start + jiff::SignedDuration::try_from(length).expect("a short time");
        // Times of lines are read anew for each and have microseconds.
        let margin = jiff::SignedDuration::from_millis(5);
        if start + margin < to && end > from + margin {
            marked += 1;
            assert_eq!(window["self_noise"], true, "{noise}: {window}");
        }
    }
    // Two whole windows and a part of two others, or one whole and two parts, for each of three series.
    assert!(marked >= 6, "{marked} windows");
}

/// Nobody but this host may be accused of anything.
fn assert_no_incident(report: &Report) {
    let quiet = |event: &&Value| {
        let name = event["event"].as_str().expect("a name");
        let opens = ["incident_open", "spike_start", "degraded", "level_shift"].contains(&name);
        opens && event["verdict"] != "prober_host"
    };
    let accused: Vec<_> = report.events.iter().filter(quiet).collect();
    assert!(accused.is_empty(), "{accused:?}");
}

/// Slots that came while nobody ran are neither sent nor made good for, and the stream says how many.
fn assert_slots_are_missing(report: &Report) {
    let windows = windows_of(&report.events, "app", "icmp");
    let length: f64 = windows
        .iter()
        .map(|window| window["window_s"].as_f64().expect("seconds"))
        .sum();
    let sent = f64::from(u32::try_from(sum(&windows, "sent")).expect("few probes"));
    let missing = length / 0.02 - sent;
    let expected = STOPPED.as_secs_f64() / 0.02;
    assert!(missing >= expected * 0.9, "{missing} of {expected} slots are missing");
}

#[test]
fn answers_that_overflow_the_buffer_are_told_as_our_drops_and_lose_nothing() {
    let Some(lab) = Lab::new() else { return };
    let pair = Pair::new(&lab);
    // The backend is a whole network: replies to a batch arrive faster than a buffer of two packets can be read.
    pair.backend.sh("ip route add local 10.99.0.0/24 dev lo");
    pair.prober.sh(&format!("ip route add 10.99.0.0/24 via {}", pair.v4()));
    let targets: Vec<_> = (1..=200).map(|n| format!("10.99.0.{n}")).collect();
    let args = format!(
        "--json --window 1s -i 50ms -W 300ms --receive-buffer 4k {}",
        targets.join(" ")
    );
    let mut run = running(&pair.prober, &args);
    run.wait_for(dropped_here);
    run.wait_for_many(2, |line| is_whole_window(line, "10.99.0.200"));
    run.signal("TERM");
    let report = read(&run.finish());
    let windows: Vec<_> = report
        .events
        .iter()
        .filter(|event| event["event"] == "window")
        .collect();
    assert_eq!(sum(&windows, "lost"), 0, "nothing was lost on the network");
    assert!(sum(&windows, "unjudged") > 0, "the buffer was too small");
    let unmarked = windows
        .iter()
        .filter(|window| window["unjudged"] != 0 && window["self_noise"] == false);
    assert_eq!(
        unmarked.count(),
        0,
        "windows with answers that were dropped here are marked"
    );
    let told = report.events.iter().filter(|event| event["event"] == "own_noise");
    let told: u64 = told
        .map(|noise| noise["receive_drops"].as_u64().expect("a count"))
        .sum();
    assert!(told >= sum(&windows, "unjudged"), "{told} drops were told");
    assert_no_incident(&report);
}

/// Whether a line says that this host has dropped packets.
fn dropped_here(line: &str) -> bool {
    let line: Value = serde_json::from_str(line).expect("JSON");
    line["event"] == "own_noise" && line["receive_drops"].as_u64().is_some_and(|drops| drops > 0)
}
