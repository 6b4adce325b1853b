//! Trouble of the prober's own host: what it does to itself must never look like the network's doing.

use std::thread;
use std::time::Duration;

use crate::support::{Lab, Listener, Pair, Report, ping, pinging};
use crate::{OPEN, at, is_probe};

/// How long a run is frozen: longer than every timeout of these tests.
const FREEZE: Duration = Duration::from_millis(1500);

#[test]
fn without_a_route_nothing_is_sent_and_nothing_is_lost() {
    let Some(lab) = Lab::new() else { return };
    let pair = Pair::new(&lab);
    for target in ["203.0.113.1", "2001:db8::1"] {
        let report = ping(
            &pair.prober,
            &format!("-c 10 -i 10ms -W 200ms --icmp --tcp {OPEN} {target}"),
        );
        for proto in ["icmp", "tcp"] {
            let window = report.window(proto);
            window.assert_outcomes(&[("send_error", 10)]);
            assert!(window.is_null("loss_ratio") && window.is_null("loss_ci_low") && window.is_null("rtt_p50_us"));
        }
        assert_eq!(report.code, 1, "{}", report.stderr);
    }
}

#[test]
fn a_local_firewall_that_forbids_sending_causes_send_errors() {
    let Some(lab) = Lab::new() else { return };
    let pair = Pair::new(&lab);
    let _port = Listener::open(&pair.backend, OPEN);
    pair.prober.nft(
        "table inet t { chain c { type filter hook output priority 0;
         icmp type echo-request drop; icmpv6 type echo-request drop; tcp dport 8080 drop; }; }",
    );
    for target in pair.targets() {
        let report = ping(&pair.prober, &format!("-c 20 -i 10ms -W 200ms {}", at(target, OPEN)));
        for proto in ["icmp", "tcp"] {
            report.window(proto).assert_outcomes(&[("send_error", 20)]);
        }
        assert_eq!(report.code, 1);
    }
}

#[test]
fn send_errors_in_between_do_not_shift_the_stamps_of_the_others() {
    let Some(lab) = Lab::new() else { return };
    let pair = Pair::new(&lab);
    let _port = Listener::open(&pair.backend, OPEN);
    pair.prober.nft(
        "table inet t { counter icmp_denied { }; counter tcp_denied { };
         chain c { type filter hook output priority 0;
         icmp type echo-request numgen random mod 10 < 3 counter name icmp_denied drop;
         icmpv6 type echo-request numgen random mod 10 < 3 counter name icmp_denied drop;
         tcp flags & (syn|ack|rst) == syn numgen random mod 10 < 3 counter name tcp_denied drop; }; }",
    );
    let mut before = [0, 0];
    for target in pair.targets() {
        let report = ping(&pair.prober, &format!("-v -c 300 -i 5ms -W 300ms {}", at(target, OPEN)));
        for (proto, before) in ["icmp", "tcp"].into_iter().zip(&mut before) {
            let all = pair.prober.nft_packets(&format!("{proto}_denied"));
            let denied = all - *before;
            *before = all;
            assert!(denied > 0, "the firewall did its part");
            let window = report.window(proto);
            let left = 300 - denied;
            window.assert_outcomes(&[("sent", left), ("received", left), ("send_error", denied)]);
            assert_eq!(
                (window.text("stamp"), window.timed()),
                ("kernel", left),
                "{proto}: no stamp is lost"
            );
            // Stamps of a neighbour would be off by a multiple of the interval.
            let max = window.figure("rtt_max_us");
            assert!(max < 5_000.0, "{proto} to {target}: {max} us");
        }
    }
}

#[test]
fn a_frozen_run_loses_nothing_and_times_it_right() {
    let Some(lab) = Lab::new() else { return };
    let pair = Pair::new(&lab);
    let _port = Listener::open(&pair.backend, OPEN);
    let mut run = pinging(
        &pair.prober,
        &format!("--json --each -c 100 -i 20ms -W 500ms {}", at(pair.v4(), OPEN)),
    );
    run.wait_for_many(40, is_probe);
    run.signal("STOP");
    thread::sleep(FREEZE);
    run.signal("CONT");
    let report = Report::read(&run.finish());
    for proto in ["icmp", "tcp"] {
        let window = report.window(proto);
        assert_eq!(window.count("lost") + window.count("late"), 0, "{proto}");
        assert_eq!(window.count("received"), window.count("sent"), "{proto}");
        // The stamps are the kernel's, which went on.
        let max = window.figure("rtt_max_us");
        assert!(max < 100_000.0, "{proto}: {max} us");
    }
    assert_eq!(report.code, 0);
}

#[test]
fn replies_that_overflow_our_own_buffer_are_our_noise_and_no_loss() {
    let Some(lab) = Lab::new() else { return };
    let pair = Pair::new(&lab);
    // The backend is a whole network: replies to a batch arrive faster than a buffer of two packets can be read.
    pair.backend.sh("ip route add local 10.99.0.0/24 dev lo");
    pair.prober.sh(&format!("ip route add 10.99.0.0/24 via {}", pair.v4()));
    let targets: Vec<_> = (1..=200).map(|n| format!("10.99.0.{n}")).collect();
    let args = format!(
        "--json --each -c 20 -i 50ms -W 1s --receive-buffer 4k {}",
        targets.join(" ")
    );
    let mut run = pinging(&pair.prober, &args);
    run.wait_for_many(1000, is_probe);
    run.signal("STOP");
    thread::sleep(Duration::from_millis(200));
    run.signal("CONT");
    let report = Report::read(&run.finish());
    let windows = report.windows();
    assert_eq!(windows.len(), 200);
    let sum = |key: &str| windows.iter().map(|w| w.count_if_any(key)).sum::<u64>();
    assert_eq!(sum("lost"), 0, "nothing was lost on the network");
    let noisy = windows.iter().filter(|w| w.flag("self_noise")).count();
    assert!(sum("unjudged") > 0 || noisy > 0, "an overflow must be told");
}

#[test]
fn an_interface_that_goes_away_and_comes_back_is_no_loss_of_the_network() {
    let Some(lab) = Lab::new() else { return };
    let pair = Pair::new(&lab);
    let _port = Listener::open(&pair.backend, OPEN);
    // The neighbour is forgotten with the interface. A first request for it may fall into a link that is not yet up, and the
    // next is due after a second otherwise.
    pair.prober.sysctl("net.ipv4.neigh.backend.retrans_time_ms", "20");
    pair.prober.sysctl("net.ipv4.neigh.backend.mcast_solicit", "100");
    let mut run = pinging(
        &pair.prober,
        &format!("--json --each -c 300 -i 10ms -W 300ms {}", at(pair.v4(), OPEN)),
    );
    run.wait_for_many(60, is_probe);
    pair.prober.sh("ip link set backend down");
    thread::sleep(Duration::from_millis(300));
    pair.prober.sh("ip link set backend up");
    let report = Report::read(&run.finish());
    for proto in ["icmp", "tcp"] {
        let window = report.window(proto);
        assert_eq!(window.count("sent") + window.count("send_error"), 300, "{proto}");
        let [failed, received, lost] = ["send_error", "received", "lost"].map(|key| window.count(key));
        assert!(
            failed >= 10 && received >= 100,
            "{proto}: {failed} not sent, {received} received"
        );
        // Only until the carrier of both ends is back, for a veth swallows packets without a word.
        assert!(lost <= 20, "{proto}: {lost} lost");
    }
    let answered_at_the_end = report
        .probes()
        .iter()
        .rev()
        .take(20)
        .filter(|probe| probe["rtt_us"].is_number())
        .count();
    assert!(
        answered_at_the_end >= 10,
        "{answered_at_the_end} of the last 20 probes were answered"
    );
}

#[test]
fn strangers_answers_in_our_socket_are_ignored() {
    let Some(lab) = Lab::new() else { return };
    let pair = Pair::new(&lab);
    let _port = Listener::open(&pair.backend, OPEN);
    // ping and a TCP client that run beside us are answered by the same backend.
    let script = format!(
        "ping -q -f -w 3 {0} & while nc -z -w 1 {0} {OPEN}; [ $SECONDS -lt 3 ]; do :; done",
        pair.v4()
    );
    let _strangers = pair.prober.spawn_sh(&script);
    let report = ping(&pair.prober, &format!("-c 200 -i 5ms -W 300ms {}", at(pair.v4(), OPEN)));
    for proto in ["icmp", "tcp"] {
        report
            .window(proto)
            .assert_outcomes(&[("sent", 200), ("received", 200)]);
    }
}
