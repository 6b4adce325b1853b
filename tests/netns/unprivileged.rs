//! The same tool for users without capabilities: it measures what it may, and says once how to get the rest.

use crate::support::{Finished, Lab, Listener, PATHJITTER, Pair, Report, nobody_gid, ping_as_nobody};
use crate::{CLOSED, OPEN};

/// The only line of stderr.
fn advice(ended: &Finished) -> &str {
    match ended.stderr.lines().collect::<Vec<_>>()[..] {
        [line] => line,
        ref lines => panic!("one line was due, not {lines:#?}"),
    }
}

/// A new namespace allows them to nobody.
fn open_ping_sockets(pair: &Pair) {
    let gid = nobody_gid();
    pair.prober.sysctl("net.ipv4.ping_group_range", &format!("{gid} {gid}"));
}

#[test]
fn datagram_icmp_measures_both_families_where_the_sysctl_allows_it() {
    let Some(lab) = Lab::new() else { return };
    let pair = Pair::new(&lab);
    open_ping_sockets(&pair);
    for target in pair.targets() {
        let ended = ping_as_nobody(&pair.prober, &format!("--json -q -c 20 -i 10ms -W 500ms {target}"));
        let report = Report::read(&ended);
        report.only_window().assert_outcomes(&[("sent", 20), ("received", 20)]);
        assert_eq!(report.code, 0, "{}", ended.stderr);
    }
}

#[test]
fn connect_measures_the_handshake_and_its_stamps_are_the_kernels() {
    let Some(lab) = Lab::new() else { return };
    let pair = Pair::new(&lab);
    let _port = Listener::open(&pair.backend, OPEN);
    for target in pair.targets() {
        let ended = ping_as_nobody(
            &pair.prober,
            &format!("--json -q -c 20 -i 10ms -W 500ms --tcp {OPEN} {target}"),
        );
        let report = Report::read(&ended);
        let window = report.only_window();
        window.assert_outcomes(&[("sent", 20), ("received", 20)]);
        assert_eq!(window.text("stamp"), "tcp_info");
        assert!(
            advice(&ended).contains("setcap cap_net_raw,cap_net_admin+ep "),
            "{}",
            ended.stderr
        );
        assert_eq!(report.code, 0);
    }
}

#[test]
fn a_refusal_is_a_refusal_without_privileges_too() {
    let Some(lab) = Lab::new() else { return };
    let pair = Pair::new(&lab);
    let args = format!("--json -q -c 10 -i 10ms -W 500ms --tcp {CLOSED} {}", pair.v4());
    let report = Report::read(&ping_as_nobody(&pair.prober, &args));
    report.only_window().assert_outcomes(&[("sent", 10), ("refused", 10)]);
    assert_eq!(report.code, 1);
}

#[test]
fn icmp_that_is_not_allowed_is_an_error_that_names_both_ways_out() {
    let Some(lab) = Lab::new() else { return };
    let pair = Pair::new(&lab);
    let ended = ping_as_nobody(&pair.prober, &format!("--json -q -c 10 -i 10ms {}", pair.v4()));
    assert_eq!(ended.code(), 2, "{}", ended.stderr);
    let advice = advice(&ended);
    assert!(
        advice.contains("net.ipv4.ping_group_range") && advice.contains("setcap cap_net_raw,cap_net_admin+ep "),
        "{advice}"
    );
}

#[test]
fn the_raw_engine_asked_for_by_name_is_refused_without_the_capability() {
    let Some(lab) = Lab::new() else { return };
    let pair = Pair::new(&lab);
    open_ping_sockets(&pair);
    let ended = ping_as_nobody(
        &pair.prober,
        &format!("--engine raw --json -q -c 3 -i 10ms {}", pair.v4()),
    );
    assert_eq!(ended.code(), 2, "{}", ended.stderr);
    assert!(
        advice(&ended).contains("setcap cap_net_raw,cap_net_admin+ep "),
        "{}",
        ended.stderr
    );
}

#[test]
fn silent_backends_beyond_the_soft_limit_of_open_files_are_probed_all_the_same() {
    let Some(lab) = Lab::new() else { return };
    let pair = Pair::new(&lab);
    pair.backend
        .nft("table inet t { chain c { type filter hook input priority 0; meta l4proto tcp drop; }; }");
    // Each attempt holds a descriptor for twice its timeout: all are open at once.
    let targets: Vec<String> = (1..=60).map(|port| format!("b{port}={}:{port}", pair.v4())).collect();
    let targets = targets.join(" ");
    for engine in ["unprivileged", "portable"] {
        let ended = pair.prober.try_sh(&format!(
            "ulimit -Sn 48 && exec {PATHJITTER} ping --engine {engine} --json -q --no-icmp -c 1 -i 20ms -W 500ms {targets}"
        ));
        let report = Report::read(&ended);
        assert_eq!(report.windows().len(), 60, "{}", ended.stderr);
        for window in report.windows() {
            window.assert_outcomes(&[("sent", 1), ("lost", 1)]);
        }
    }
}
