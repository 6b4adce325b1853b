//! What the prober's own host does to it: full queues, pauses, dead interfaces, firewalls. None of it is loss.

use crate::inside::{Line, Run, float, script, script_that_breaks_the_device, trip};
use crate::is_possible;
use crate::support::PATHJITTER;

/// Both families and both protocols.
const APP: &str = "app=10.10.1.11:80 app=[fd00:10:1::b]:80";

/// The simulator goes by the stamp at the tap, the prober by that of the driver, which is later by what the kernel does in between:
/// a microsecond, or where a virtual machine loses its CPU just there, as long as that takes.
const BETWEEN_STAMPS_US: f64 = 100.0;

fn healthy() -> String {
    Line {
        app: "set.ports = { 80 = \"open\" }",
        ..Line::default()
    }
    .text()
}

/// The prober, and this shell command beside it, in which `$prober` is its process.
fn disturbed(arguments: &str, disturbance: &str) -> String {
    format!("{PATHJITTER} ping --json {arguments} & prober=$!; {{ {disturbance}; }} >&2; wait $prober")
}

/// Fails unless RTTs are those of the network: not early by more than [`BETWEEN_STAMPS_US`], hardly ever late where the simulator was
/// on time, and none of them as long as what happened to this host.
fn assert_true_round_trips(run: &Run) {
    let trips: Vec<_> = run.report.probes().into_iter().filter_map(trip).collect();
    let punctual = trips
        .iter()
        .filter(|(sent, rtt)| run.truth.is_punctual(*sent, sent + rtt));
    let mut rtts: Vec<f64> = punctual.map(|(_, rtt)| *rtt).collect();
    rtts.sort_unstable_by(f64::total_cmp);
    assert!(
        rtts.len() * 10 > trips.len() * 9,
        "{} of {} while the simulator was on time",
        rtts.len(),
        trips.len()
    );
    // 400 us; the rest is the way to the simulator and, for one in twenty, a machine that takes a CPU away.
    let (first, most, last) = (rtts[0], rtts[rtts.len() * 19 / 20], rtts[rtts.len() - 1]);
    assert!(
        first >= 400.0 - BETWEEN_STAMPS_US && most < 600.0 && last < 100_000.0,
        "{first} to {last} us, most below {most}"
    );
}

#[test]
fn a_prober_that_stands_still_for_two_seconds_loses_nothing_and_measures_what_it_did_not_see() {
    if !is_possible() {
        return;
    }
    // Twice as long as the timeout; whenever it begins, probes are under way.
    let command = disturbed(
        &format!("--each -c 250 -i 4ms -W 1s {APP}"),
        "sleep 0.6; kill -STOP $prober; sleep 2; kill -CONT $prober",
    );
    let run = script(&healthy(), &command);
    for window in run.report.windows() {
        window.assert_outcomes(&[("sent", 250), ("received", 250)]);
        assert_eq!(window.count("unjudged"), 0);
    }
    let lines = run.report.probes();
    let sent: Vec<f64> = lines.into_iter().filter_map(trip).map(|(sent, _)| sent).collect();
    let pause = sent.windows(2).map(|pair| pair[1] - pair[0]).fold(0.0, f64::max);
    assert!(pause > 1.9e6, "it stood still while it was probing: {pause} us");
    assert_true_round_trips(&run);
}

#[test]
fn an_interface_that_goes_down_is_send_errors_and_no_loss_and_what_follows_is_measured_again() {
    if !is_possible() {
        return;
    }
    // The kernel takes routes and IPv6 addresses away with the interface.
    let command = disturbed(
        &format!("--each -c 150 -i 10ms -W 300ms {APP}"),
        "sleep 0.5; ip link set lab0 down; sleep 0.4; ip link set lab0 up; \
         ip route add default dev lab0 src 10.10.0.5; \
         ip -6 addr add fd00:10::5/128 dev lab0 nodad; ip -6 route add default dev lab0",
    );
    let run = script_that_breaks_the_device(&healthy(), &command);
    for window in run.report.windows() {
        let (sent, failed) = (window.count("sent"), window.count("send_error"));
        assert_eq!(sent + failed, 150);
        assert_eq!(window.count("received") + window.count("lost"), sent);
        assert!(failed > 0 && window.flag("self_noise"));
        // What was on its way at that moment went down with the interface: hardly more than one of a series, as a round trip is
        // 400 us and the interval 10 ms. Of the 40 that came after, none.
        assert!(window.count("lost") <= 4, "{} of {sent}", window.count("lost"));
    }
    for proto in ["icmp", "tcp"] {
        let mut lines = run.report.probes().into_iter();
        let last = lines.rfind(|line| line["proto"] == proto).unwrap();
        assert_eq!(last["outcome"], "reply", "it recovered: {last}");
    }
    assert_true_round_trips(&run);
}

#[test]
fn probes_that_a_firewall_of_this_host_drops_were_never_sent() {
    if !is_possible() {
        return;
    }
    let command = format!(
        "nft 'table inet t {{ counter dropped {{ }}; chain c {{ type filter hook output priority 0; \
         icmp type echo-request numgen inc mod 4 == 0 counter name dropped drop; \
         tcp flags & (syn|ack) == syn numgen inc mod 4 == 0 counter name dropped drop; }}; }}'; \
         exec {PATHJITTER} ping --json --each -c 40 -i 5ms -W 300ms app=10.10.1.11:80"
    );
    let run = script(&healthy(), &command);
    for proto in ["icmp", "tcp"] {
        run.report
            .window(proto)
            .assert_outcomes(&[("sent", 30), ("received", 30), ("send_error", 10)]);
    }
    let failed = run
        .report
        .probes()
        .into_iter()
        .filter(|line| line["outcome"] == "send_error");
    for line in failed {
        assert!(
            line["error"].as_str().unwrap().contains("not permitted by this host"),
            "{line}"
        );
    }
    // 60 requests and 30 RSTs; nothing of what the firewall dropped.
    assert_eq!(run.truth.packets_in(), 90);
}

#[test]
fn a_packet_too_large_for_the_path_is_unreachable_by_the_router_that_says_so() {
    if !is_possible() {
        return;
    }
    let line = Line {
        link: "set.mtu = 1280",
        ..Line::default()
    };
    let command = format!("exec {PATHJITTER} ping --json --each -c 1 -W 300ms -s 1400 app=10.10.1.11 app=fd00:10:1::b");
    let run = script(&line.text(), &command);
    for (family, from, icmp_type, code) in [(4, "10.10.0.1", 3, 4), (6, "fd00:10::1", 2, 0)] {
        run.window("app", "icmp", family)
            .assert_outcomes(&[("sent", 1), ("unreachable", 1)]);
        let family = format!("ipv{family}");
        let lines = run.report.probes();
        let line = lines.iter().find(|line| line["family"] == *family).unwrap();
        assert_eq!(
            (&line["from"], &line["icmp_type"], &line["icmp_code"]),
            (&from.into(), &icmp_type.into(), &code.into()),
            "{line}"
        );
    }
    assert_eq!(
        run.truth.dropped("gw>app", "too_big") + run.truth.dropped("gw", "too_big"),
        2
    );
}

#[test]
fn a_full_receive_queue_of_ours_is_unjudged_and_never_lost() {
    if !is_possible() {
        return;
    }
    let targets = crate::many::targets();
    let command = format!(
        "exec {PATHJITTER} ping --json -v -c 3 -i 1s -W 600ms --icmp --receive-buffer 4k --slot 200ms {targets}"
    );
    let run = script("many-backends", &command);
    let judged = run.total("sent") + run.total("unjudged");
    assert_eq!((judged, run.total("lost")), (2_000 * 2 * 3, 0));
    assert!(
        float(run.total("unjudged")) > 0.1 * float(judged),
        "the queue was too small"
    );
    assert_eq!(run.total("received"), run.total("sent"));
    assert!(run.report.stderr.contains("dropped at the receive queues for ICMP"));
    assert!(run.report.stderr.contains("dropped at the receive queues for TCP"));
}
