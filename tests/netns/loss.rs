//! Loss that nft causes and counts: the run must find the same number, and blame nothing else on the network.

use std::net::IpAddr;

use crate::support::{Lab, Listener, Pair, Window, ping};
use crate::{OPEN, at};

/// As floating point; all counts here are small.
fn ratio(part: u64, whole: u64) -> f64 {
    f64::from(u32::try_from(part).unwrap()) / f64::from(u32::try_from(whole).unwrap())
}

fn assert_lost_exactly(window: Window<'_>, sent: u64, dropped: u64) {
    window.assert_outcomes(&[("sent", sent), ("received", sent - dropped), ("lost", dropped)]);
    window.assert_loss_interval_contains(ratio(dropped, sent));
}

#[test]
fn random_loss_of_echo_requests_is_counted_to_the_packet() {
    let Some(lab) = Lab::new() else { return };
    let pair = Pair::new(&lab);
    pair.backend.nft(
        "table inet t { counter dropped { }; chain c { type filter hook input priority 0;
         icmp type echo-request numgen random mod 100 < 10 counter name dropped drop;
         icmpv6 type echo-request numgen random mod 100 < 10 counter name dropped drop; }; }",
    );
    let mut dropped_before = 0;
    for target in pair.targets() {
        let report = ping(&pair.prober, &format!("-c 500 -i 2ms -W 200ms {target}"));
        let dropped = pair.backend.nft_packets("dropped");
        assert_lost_exactly(report.only_window(), 500, dropped - dropped_before);
        dropped_before = dropped;
    }
}

#[test]
fn five_percent_of_lost_syn_acks_are_five_percent_of_loss() {
    let Some(lab) = Lab::new() else { return };
    let pair = Pair::new(&lab);
    let _port = Listener::open(&pair.backend, OPEN);
    // Without this the backend repeats what was dropped a second later, and a probe is late that should be lost.
    pair.backend.sysctl("net.ipv4.tcp_synack_retries", "0");
    pair.backend.nft(
        "table inet t { counter dropped { }; chain c { type filter hook output priority 0;
         tcp flags & (syn|ack) == syn|ack numgen random mod 100 < 5 counter name dropped drop; }; }",
    );
    let report = ping(
        &pair.prober,
        &format!("-c 1000 -i 2ms -W 300ms --no-icmp {}", at(pair.v4(), OPEN)),
    );
    let dropped = pair.backend.nft_packets("dropped");
    assert_lost_exactly(report.only_window(), 1000, dropped);
    // Five standard deviations of a binomial (1000, 0.05): 5 * sqrt(47.5) = 34.5. The lab did what it was told.
    assert!((16..=84).contains(&dropped), "{dropped} of 1000");
}

#[test]
fn lost_resets_of_ours_are_no_loss() {
    let Some(lab) = Lab::new() else { return };
    let pair = Pair::new(&lab);
    let port = Listener::open(&pair.backend, OPEN);
    // Each dropped RST leaves a half-open connection behind, which later SYNs must not run into.
    pair.backend.nft(
        "table inet t { counter dropped { }; chain c { type filter hook input priority 0;
         tcp flags & rst == rst numgen random mod 100 < 5 counter name dropped drop; }; }",
    );
    let report = ping(
        &pair.prober,
        &format!("-c 1000 -i 2ms -W 300ms --no-icmp {}", at(pair.v4(), OPEN)),
    );
    let window = report.only_window();
    assert_eq!(
        (window.count("sent"), window.count("received"), window.count("lost")),
        (1000, 1000, 0)
    );
    window.assert_loss_interval_contains(0.0);
    assert!(
        pair.backend.nft_packets("dropped") >= 16,
        "five standard deviations below 50"
    );
    assert_eq!(port.accepted(), 0);
}

#[test]
fn a_syn_limit_costs_syns_and_leaves_echo_alone() {
    let Some(lab) = Lab::new() else { return };
    let pair = Pair::new(&lab);
    let _port = Listener::open(&pair.backend, OPEN);
    pair.backend.nft(
        "table inet t { counter dropped { }; chain c { type filter hook input priority 0;
         tcp flags & (syn|ack) == syn limit rate over 20/second burst 5 packets counter name dropped drop; }; }",
    );
    let report = ping(
        &pair.prober,
        &format!("-c 150 -i 10ms -W 300ms {}", at(pair.v4(), OPEN)),
    );
    report
        .window("icmp")
        .assert_outcomes(&[("sent", 150), ("received", 150)]);
    let dropped = pair.backend.nft_packets("dropped");
    assert_lost_exactly(report.window("tcp"), 150, dropped);
    // 5 at once and 20 a second over 1.5 s pass, give or take a machine that is slow to start.
    assert!((50..=120).contains(&dropped), "{dropped} of 150");
}

#[test]
fn a_burst_of_loss_has_its_length() {
    let Some(lab) = Lab::new() else { return };
    let pair = Pair::new(&lab);
    // Requests 40 to 59 of every 100.
    pair.backend.nft(
        "table ip t { chain c { type filter hook input priority 0;
         icmp type echo-request numgen inc mod 100 40-59 drop; }; }",
    );
    let report = ping(&pair.prober, &format!("-c 100 -i 5ms -W 200ms {}", pair.v4()));
    let window = report.only_window();
    assert_lost_exactly(window, 100, 20);
    assert_eq!(window.count("loss_burst_max"), 20);
}

#[test]
fn loss_in_one_family_leaves_the_other_alone() {
    let Some(lab) = Lab::new() else { return };
    let pair = Pair::new(&lab);
    pair.backend.nft(
        "table ip t { chain c { type filter hook output priority 0; icmp type echo-reply numgen inc mod 2 == 0 drop; }; }",
    );
    let [v4, v6]: [IpAddr; 2] = pair.targets();
    let report = ping(&pair.prober, &format!("-c 40 -i 5ms -W 200ms {v4} {v6}"));
    let of = |address: IpAddr| {
        let windows = report.windows();
        *windows
            .iter()
            .find(|w| w.text("address") == address.to_string())
            .expect("a window for each address")
    };
    of(v4).assert_outcomes(&[("sent", 40), ("received", 20), ("lost", 20)]);
    of(v6).assert_outcomes(&[("sent", 40), ("received", 40)]);
}
