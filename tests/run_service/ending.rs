//! How a service ends.

use serde_json::Value;

use crate::support::{Lab, PATHJITTER, Pair, read_lines};
use crate::{is, is_whole_window, lines_of, messages, read, running, sum, windows_of};

#[test]
fn a_signal_closes_the_last_window_as_incomplete_and_loses_nothing() {
    let Some(lab) = Lab::new() else { return };
    let pair = Pair::new(&lab);
    pair.backend
        .nft("table inet t { counter echoes {}; chain c { type filter hook input priority 0; icmp type echo-request counter name echoes; }; }");
    for signal in ["TERM", "INT"] {
        let before = pair.backend.nft_packets("echoes");
        let mut run = running(&pair.prober, &format!("--json --window 1s -i 20ms app={}", pair.v4()));
        run.wait_for(|line| is_whole_window(line, "app"));
        run.signal(signal);
        let report = read(&run.finish());
        let windows = windows_of(&report.events, "app", "icmp");
        let seen = pair.backend.nft_packets("echoes") - before;
        assert_eq!((sum(&windows, "sent"), sum(&windows, "lost")), (seen, 0), "SIG{signal}");
        assert_eq!(windows.last().expect("a window")["complete"], false, "SIG{signal}");
        assert!(messages(&report.events, "stop")[0].contains("signal"), "SIG{signal}");
        assert_eq!(report.stderr, "", "SIG{signal}");
    }
}

#[test]
fn outstanding_probes_are_awaited_and_a_second_signal_does_not_wait() {
    let Some(lab) = Lab::new() else { return };
    let pair = Pair::new(&lab);
    pair.backend.sysctl("net.ipv4.icmp_echo_ignore_all", "1");
    let slow = format!("--json --each --window 1s -i 50ms -W 2s dead={}", pair.v4());
    let mut awaited = running(&pair.prober, &slow);
    awaited.wait_for(|line| is(line, "probe", "dead"));
    awaited.signal("TERM");
    let report = read(&awaited.finish());
    let windows = windows_of(&report.events, "dead", "icmp");
    assert_eq!(sum(&windows, "lost"), sum(&windows, "sent"), "each is judged");
    let (last, whole) = windows.split_last().expect("a window");
    assert_eq!(last["complete"], false);
    // While probes are awaited nothing is measured any more.
    assert!(whole.iter().all(|window| window["sent"] != 0), "{whole:?}");
    let mut cut = running(&pair.prober, &slow.replace("-W 2s", "-W 50s"));
    cut.wait_for(|line| line.contains("\"start\""));
    cut.signal("TERM");
    cut.signal("INT");
    // The laboratory would kill a run that waits for 50 s and says so.
    let report = read(&cut.finish());
    assert_eq!(
        sum(&windows_of(&report.events, "dead", "icmp"), "lost"),
        0,
        "not judged is not lost"
    );
}

#[test]
fn a_reader_that_leaves_ends_a_service_that_has_no_other() {
    let Some(lab) = Lab::new() else { return };
    let host = lab.host("alone");
    let run = format!("'{PATHJITTER}' run --no-trace --json --each -i 5ms 127.0.0.2");
    let ended = host.try_sh(&format!("{run} | head -n 3; echo ${{PIPESTATUS[0]}}"));
    assert_eq!(ended.stderr, "");
    let (status, lines) = ended.stdout.split_last().expect("head and echo wrote");
    assert_eq!(read_lines(lines).len(), 3);
    assert_eq!(status, "0");
}

#[test]
fn a_reader_that_leaves_does_not_end_a_service_that_keeps_a_log() {
    let Some(lab) = Lab::new() else { return };
    let host = lab.host("alone");
    let folder = tempfile::tempdir().expect("a folder");
    let log = folder.path().join("log");
    let run = format!(
        "'{PATHJITTER}' run --no-trace --json --each -i 5ms --window 1s --duration 1500ms --log {} 127.0.0.2",
        log.display()
    );
    let ended = host.try_sh(&format!("{run} | head -n 3; echo ${{PIPESTATUS[0]}}"));
    assert_eq!(ended.stdout.last().map(String::as_str), Some("0"), "{}", ended.stderr);
    crate::assert_stream(&lines_of(&log));
}

#[test]
fn outputs_that_can_not_be_opened_end_it_before_it_begins() {
    let Some(lab) = Lab::new() else { return };
    let host = lab.host("alone");
    let ended = running(&host, "--json --log /no/such/folder/log 127.0.0.2").finish();
    assert_eq!((ended.code(), ended.stdout.len()), (2, 0));
    assert!(ended.stderr.contains("/no/such/folder/log"), "{}", ended.stderr);
}

#[test]
fn what_is_open_when_it_ends_is_closed() {
    let Some(lab) = Lab::new() else { return };
    let pair = Pair::new(&lab);
    let mut run = running(
        &pair.prober,
        &format!("--json --window 1s -i 20ms -W 100ms app={}", pair.v4()),
    );
    run.wait_for(|line| is_whole_window(line, "app"));
    pair.backend.sysctl("net.ipv4.icmp_echo_ignore_all", "1");
    run.wait_for(|line| line.contains("\"incident_open\""));
    run.signal("TERM");
    let report = read(&run.finish());
    let ids = |name: &str| -> Vec<&Value> {
        let named = report.events.iter().filter(|event| event["event"] == name);
        named.map(|event| &event["incident_id"]).collect()
    };
    assert_eq!(ids("incident_open"), ids("incident_close"));
}
