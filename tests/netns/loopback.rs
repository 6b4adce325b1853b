//! Loopback beside others: what a service compares them with. A raw socket there is handed the requests of its own run, too.

use crate::support::{Finished, Lab, Pair, Report, nobody_gid, ping_as_nobody};

/// Both loopbacks and both backends in one run.
fn targets(pair: &Pair) -> String {
    let [v4, v6] = pair.targets();
    format!("127.0.0.1 {v4} ::1 {v6}")
}

fn assert_all_received(ended: &Finished) {
    let report = Report::read(ended);
    assert_eq!(report.windows().len(), 4, "{}", ended.stderr);
    for window in report.windows() {
        window.assert_outcomes(&[("sent", 50), ("received", 50)]);
        assert_eq!((window.text("stamp"), window.timed()), ("kernel", 50));
    }
    // Own requests, and replies of the other loopback, are kept away from the run, not just passed over.
    assert!(!ended.stderr.contains("answered nothing"), "{}", ended.stderr);
    assert_eq!(report.code, 0, "{}", ended.stderr);
}

#[test]
fn loopback_is_probed_beside_others_through_raw_sockets() {
    let Some(lab) = Lab::new() else { return };
    let pair = Pair::new(&lab);
    let program = crate::support::PATHJITTER;
    let args = format!("--engine raw --json -q -c 50 -i 5ms -W 500ms {}", targets(&pair));
    assert_all_received(&pair.prober.try_sh(&format!("exec {program} ping {args}")));
}

#[test]
fn loopback_is_probed_beside_others_through_datagram_sockets() {
    let Some(lab) = Lab::new() else { return };
    let pair = Pair::new(&lab);
    let gid = nobody_gid();
    pair.prober.sysctl("net.ipv4.ping_group_range", &format!("{gid} {gid}"));
    let args = format!("--json -q -c 50 -i 5ms -W 500ms {}", targets(&pair));
    assert_all_received(&ping_as_nobody(&pair.prober, &args));
}
