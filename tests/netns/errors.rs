//! Networks that say no, each in its own way, and what the run makes of it.

use crate::support::{Lab, Listener, Pair, Routed, ping};
use crate::{OPEN, at};

#[test]
fn silence_is_loss_for_both_protocols() {
    let Some(lab) = Lab::new() else { return };
    let pair = Pair::new(&lab);
    let _port = Listener::open(&pair.backend, OPEN);
    pair.backend.nft(
        "table inet t { chain c { type filter hook input priority 0;
         icmp type echo-request drop; icmpv6 type echo-request drop; tcp dport 8080 drop; }; }",
    );
    for address in pair.targets() {
        let report = ping(&pair.prober, &format!("-c 20 -i 10ms -W 200ms {}", at(address, OPEN)));
        for proto in ["icmp", "tcp"] {
            let window = report.window(proto);
            window.assert_outcomes(&[("sent", 20), ("lost", 20)]);
            window.assert_loss_interval_contains(1.0);
            assert_eq!(window.count("loss_burst_max"), 20);
            assert!(window.is_null("rtt_min_us") && window.is_null("rtt_p50_us"));
            assert_eq!(
                window.text("stamp"),
                "kernel",
                "the source is known where nothing answered"
            );
        }
        assert_eq!(report.code, 1);
    }
}

#[test]
fn a_policy_that_says_so_is_prohibited_and_not_loss() {
    let Some(lab) = Lab::new() else { return };
    let pair = Pair::new(&lab);
    pair.backend.send_every_icmp_error();
    pair.backend.nft(
        "table inet t { chain c { type filter hook input priority 0;
         icmp type echo-request reject with icmp admin-prohibited;
         icmpv6 type echo-request reject with icmpv6 admin-prohibited;
         tcp dport 8080 reject with icmpx admin-prohibited; }; }",
    );
    for address in pair.targets() {
        let report = ping(&pair.prober, &format!("-c 20 -i 10ms -W 500ms {}", at(address, OPEN)));
        for proto in ["icmp", "tcp"] {
            let window = report.window(proto);
            window.assert_outcomes(&[("sent", 20), ("unreachable", 20)]);
            assert_eq!(window.count("prohibited"), 20, "{proto} to {address}");
            window.assert_loss_interval_contains(0.0);
            // The error comes by another socket than the stamp of what it is about.
            assert_eq!(
                (window.count("stamps_lost"), window.flag("self_noise")),
                (0, false),
                "{proto} to {address}"
            );
        }
        assert_eq!(report.code, 1);
    }
}

#[test]
fn a_port_unreachable_is_unreachable_but_no_policy() {
    let Some(lab) = Lab::new() else { return };
    let pair = Pair::new(&lab);
    pair.backend.send_every_icmp_error();
    pair.backend.nft(
        "table inet t { chain c { type filter hook input priority 0; tcp dport 8080 reject with icmpx port-unreachable; }; }",
    );
    for address in pair.targets() {
        let report = ping(
            &pair.prober,
            &format!("-c 20 -i 10ms -W 500ms --no-icmp {}", at(address, OPEN)),
        );
        let window = report.only_window();
        window.assert_outcomes(&[("sent", 20), ("unreachable", 20)]);
        assert_eq!(window.count("prohibited"), 0);
    }
}

#[test]
fn a_firewall_that_resets_looks_like_a_closed_port() {
    let Some(lab) = Lab::new() else { return };
    let pair = Pair::new(&lab);
    let _port = Listener::open(&pair.backend, OPEN);
    pair.backend
        .nft("table inet t { chain c { type filter hook input priority 0; tcp dport 8080 reject with tcp reset; }; }");
    for address in pair.targets() {
        let report = ping(
            &pair.prober,
            &format!("-c 20 -i 10ms -W 500ms --no-icmp {}", at(address, OPEN)),
        );
        report.only_window().assert_outcomes(&[("sent", 20), ("refused", 20)]);
    }
}

#[test]
fn a_router_that_cannot_find_the_host_is_named_as_the_sender() {
    let Some(lab) = Lab::new() else { return };
    let net = Routed::new(&lab);
    net.router.send_every_icmp_error();
    // Address resolution gives up after three tries.
    net.router.sysctl("net.ipv4.neigh.backend.retrans_time_ms", "50");
    net.router.sysctl("net.ipv6.neigh.backend.retrans_time_ms", "50");
    let absent = [
        ("10.77.2.99", net.near.right.addresses()[0]),
        ("fd77:2::99", net.near.right.addresses()[1]),
    ];
    for (target, router) in absent {
        let report = ping(&net.prober, &format!("--each -c 3 -i 5ms -W 3s {target}"));
        let window = report.only_window();
        window.assert_outcomes(&[("sent", 3), ("unreachable", 3)]);
        assert_eq!(window.count("prohibited"), 0);
        for probe in report.probes() {
            assert_eq!(probe["from"], router.to_string(), "{probe}");
        }
        assert_eq!(report.code, 1);
    }
}

#[test]
fn errors_of_other_peoples_packets_are_not_ours() {
    let Some(lab) = Lab::new() else { return };
    let pair = Pair::new(&lab);
    let _port = Listener::open(&pair.backend, OPEN);
    pair.backend.send_every_icmp_error();
    pair.backend.nft(
        "table ip t { chain c { type filter hook input priority 0;
         icmp type echo-request ip length 128 reject with icmp admin-prohibited;
         tcp dport 9999 reject with icmp admin-prohibited; }; }",
    );
    let stranger = format!(
        "ping -q -f -s 100 -w 3 {0} & while nc -z -w 1 {0} 9999; [ $SECONDS -lt 3 ]; do :; done",
        pair.v4()
    );
    let _stranger = pair.prober.spawn_sh(&stranger);
    let report = ping(
        &pair.prober,
        &format!("-c 100 -i 10ms -W 500ms {}", at(pair.v4(), OPEN)),
    );
    for proto in ["icmp", "tcp"] {
        report
            .window(proto)
            .assert_outcomes(&[("sent", 100), ("received", 100)]);
    }
}
