//! What the stream says of a quiet network: every probe once, in windows without gaps.

use serde_json::Value;

use crate::support::{Host, Lab, Listener, Pair, as_nobody, nobody_gid};
use crate::{OPEN, is, messages, named, read, running, sum, windows_of};

/// Counts echo requests and first SYNs that arrive.
const COUNTERS: &str = "table inet t {
  counter echoes {}
  counter syns {}
  chain c { type filter hook input priority 0;
    icmp type echo-request counter name echoes
    tcp flags & (syn | ack) == syn counter name syns
  }
}";

#[test]
fn windows_hold_every_probe_that_the_backend_has_seen_and_leave_no_gap() {
    let Some(lab) = Lab::new() else { return };
    let pair = Pair::new(&lab);
    let _port = Listener::open(&pair.backend, OPEN);
    pair.backend.nft(COUNTERS);
    let target = format!("app={}:{OPEN}", pair.v4());
    let args = format!("--json --window 1s --duration 3500ms --tcp-interval 300ms {target}");
    let report = read(&running(&pair.prober, &args).finish());
    for (proto, counter, least) in [("icmp", "echoes", 10), ("tcp", "syns", 7)] {
        let windows = windows_of(&report.events, "app", proto);
        assert_eq!(sum(&windows, "sent"), pair.backend.nft_packets(counter), "{proto}");
        assert_eq!(sum(&windows, "received"), sum(&windows, "sent"), "{proto}");
        assert!(sum(&windows, "sent") >= least, "{proto}");
        assert_no_gaps(&windows);
        let (last, whole) = windows.split_last().expect("windows");
        assert_eq!(last["complete"], false, "the time was up in the middle of it");
        assert!(whole.iter().all(|window| window["complete"] == true), "{whole:?}");
        assert_eq!(whole.len(), 3, "of 3.5 s");
    }
    let start = messages(&report.events, "start")[0];
    assert!(start.contains("1 target") && start.contains("raw"), "{start}");
    assert_eq!(report.stderr, "");
}

/// Each window begins where the one before ended, within the microseconds that a time stamp has.
fn assert_no_gaps(windows: &[&Value]) {
    let start = |window: &Value| -> jiff::Timestamp {
        let text = window["window_start"].as_str().expect("a time");
        text.parse().expect("RFC 3339")
    };
    let length = |window: &Value| window["window_s"].as_f64().expect("seconds");
    for pair in windows.windows(2) {
        let [first, next] = pair else { unreachable!() };
        let gap = start(next).duration_since(start(first)).as_secs_f64() - length(first);
        // The clock is read again for each line, and is set by whoever keeps the time of the machine.
        assert!(gap.abs() < 0.001, "{gap} s between {first} and {next}");
    }
}

#[test]
fn the_loopback_control_has_no_window_of_its_own() {
    let Some(lab) = Lab::new() else { return };
    let host = lab.host("alone");
    let report = read(&running(&host, "--json --window 1s --duration 1500ms 127.0.0.2").finish());
    let targets: std::collections::BTreeSet<_> = report.windows().iter().map(|window| window.text("target")).collect();
    assert_eq!(Vec::from_iter(targets), ["127.0.0.2"]);
}

#[test]
fn every_probe_is_a_line_where_that_is_asked_for() {
    let Some(lab) = Lab::new() else { return };
    let host = lab.host("alone");
    let report = read(&running(&host, "--json --each --window 1s --duration 1500ms -i 20ms 127.0.0.2").finish());
    let windows = windows_of(&report.events, "127.0.0.2", "icmp");
    assert_eq!(u64::try_from(report.probes().len()).unwrap(), sum(&windows, "sent"));
}

#[test]
fn a_name_that_does_not_resolve_is_said_and_keeps_nobody_from_the_others() {
    let Some(lab) = Lab::new() else { return };
    let host = lab.host("alone");
    let args = "--json --window 1s --duration 2500ms lost=no-such-host.invalid there=127.0.0.2";
    let report = read(&running(&host, args).finish());
    let said = named(&report.events, "resolve");
    assert_eq!(said.len(), 1, "once, however often it is tried");
    assert_eq!(
        (&said[0]["target"], &said[0]["severity"]),
        (&"lost".into(), &"error".into())
    );
    assert!(said[0]["message"].as_str().unwrap().contains("no-such-host.invalid"));
    assert!(windows_of(&report.events, "lost", "icmp").is_empty());
    assert!(sum(&windows_of(&report.events, "there", "icmp"), "received") > 5);
}

#[test]
fn who_may_open_no_socket_ends_at_once_with_the_fix() {
    let Some(lab) = Lab::new() else { return };
    let host = lab.host("alone");
    let nobody = as_nobody(&host, "run --json 127.0.0.2");
    assert_eq!(nobody.code(), 2, "{}", nobody.text());
    assert!(nobody.stderr.contains("setcap"), "{}", nobody.stderr);
    assert_eq!(nobody.stderr.lines().count(), 1, "{}", nobody.stderr);
    let gid = nobody_gid();
    host.sysctl("net.ipv4.ping_group_range", &format!("{gid} {gid}"));
    let allowed = as_nobody(&host, "run --json --window 1s --duration 1500ms 127.0.0.2");
    let report = crate::support::Report::read(&allowed);
    assert_eq!(report.code, 0, "{}", report.stderr);
    assert!(messages(&report.events, "start")[0].contains("unprivileged"));
    assert!(sum(&windows_of(&report.events, "127.0.0.2", "icmp"), "received") > 3);
}

#[test]
fn people_get_no_windows_but_the_beginning_and_the_end() {
    let Some(lab) = Lab::new() else { return };
    let host = lab.host("alone");
    let ended = running(&host, "--window 1s --duration 1500ms 127.0.0.2").finish();
    assert_eq!((ended.code(), ended.stderr.as_str()), (0, ""));
    assert_eq!(ended.stdout.len(), 2, "{}", ended.text());
    assert!(ended.stdout[0].contains("start") && ended.stdout[1].contains("stop"));
}

#[test]
fn a_backend_that_falls_silent_is_told_of_before_the_run_ends() {
    let Some(lab) = Lab::new() else { return };
    let pair = Pair::new(&lab);
    let mut run = running(
        &pair.prober,
        &format!("--json --window 1s -i 20ms -W 200ms app={}", pair.v4()),
    );
    run.wait_for(|line| is(line, "window", "app"));
    silence(&pair.backend);
    run.wait_for(|line| is(line, "degraded", "app"));
    run.signal("TERM");
    let report = read(&run.finish());
    assert!(sum(&windows_of(&report.events, "app", "icmp"), "lost") > 0);
}

fn silence(host: &Host) {
    host.sysctl("net.ipv4.icmp_echo_ignore_all", "1");
}
