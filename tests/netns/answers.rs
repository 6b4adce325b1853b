//! Answers that nobody asked for: copies, and forgeries by somebody who sees the probes but does not know the secret.

use crate::support::{Forger, Lab, Listener, Pair, ping};
use crate::{OPEN, at};

#[test]
fn copies_of_replies_are_duplicates_and_counted_once() {
    let Some(lab) = Lab::new() else { return };
    let pair = Pair::new(&lab);
    let _port = Listener::open(&pair.backend, OPEN);
    let (v4, v6) = (pair.link.left.v4, pair.link.left.v6);
    pair.backend.nft(&format!(
        "table ip t {{ chain c {{ type filter hook output priority 0;
         icmp type echo-reply dup to {v4}; tcp flags & (syn|ack) == syn|ack dup to {v4}; }}; }}
         table ip6 t {{ chain c {{ type filter hook output priority 0;
         icmpv6 type echo-reply dup to {v6}; tcp flags & (syn|ack) == syn|ack dup to {v6}; }}; }}"
    ));
    for target in pair.targets() {
        let report = ping(&pair.prober, &format!("-c 50 -i 5ms -W 300ms {}", at(target, OPEN)));
        for proto in ["icmp", "tcp"] {
            report
                .window(proto)
                .assert_outcomes(&[("sent", 50), ("received", 50), ("duplicate", 50)]);
        }
        assert_eq!(report.code, 0);
    }
}

#[test]
fn echo_replies_with_a_wrong_secret_are_nobodys_answer() {
    let Some(lab) = Lab::new() else { return };
    let pair = Pair::new(&lab);
    mute_echo(&pair);
    for target in pair.targets() {
        let forger = Forger::echo(&pair.backend, target, true);
        let report = ping(&pair.prober, &format!("-c 30 -i 10ms -W 300ms {target}"));
        report.only_window().assert_outcomes(&[("sent", 30), ("lost", 30)]);
        assert_eq!(report.code, 1);
        assert_eq!(forger.sent(), 30, "the forger did its part");
    }
}

#[test]
fn echo_replies_from_a_wrong_address_are_nobodys_answer() {
    let Some(lab) = Lab::new() else { return };
    let pair = Pair::new(&lab);
    mute_echo(&pair);
    pair.backend
        .sh("ip addr add 10.77.1.66/24 dev prober && ip addr add fd77:1::66/64 dev prober nodad");
    for (target, liar) in pair.targets().into_iter().zip(["10.77.1.66", "fd77:1::66"]) {
        let forger = Forger::echo(&pair.backend, liar.parse().unwrap(), false);
        let report = ping(&pair.prober, &format!("-c 30 -i 10ms -W 300ms {target}"));
        report.only_window().assert_outcomes(&[("sent", 30), ("lost", 30)]);
        assert_eq!(forger.sent(), 30, "the forger did its part");
    }
}

#[test]
fn forgeries_beside_true_replies_change_nothing() {
    let Some(lab) = Lab::new() else { return };
    let pair = Pair::new(&lab);
    for target in pair.targets() {
        let forger = Forger::echo(&pair.backend, target, true);
        let report = ping(&pair.prober, &format!("-c 30 -i 10ms -W 300ms {target}"));
        report.only_window().assert_outcomes(&[("sent", 30), ("received", 30)]);
        assert_eq!(forger.sent(), 30, "the forger did its part");
    }
}

#[test]
fn segments_that_acknowledge_what_was_never_sent_are_nobodys_answer() {
    let Some(lab) = Lab::new() else { return };
    let pair = Pair::new(&lab);
    pair.backend
        .nft("table ip t { chain c { type filter hook input priority 0; tcp dport 8080 drop; }; }");
    let forger = Forger::handshake(&pair.backend, "prober", OPEN);
    let report = ping(
        &pair.prober,
        &format!("-c 30 -i 10ms -W 300ms --no-icmp {}", at(pair.v4(), OPEN)),
    );
    report.only_window().assert_outcomes(&[("sent", 30), ("lost", 30)]);
    assert_eq!(forger.sent(), 5 * 30, "the forger did its part");
}

/// Stops the backend's own kernel from answering echo.
fn mute_echo(pair: &Pair) {
    pair.backend.sysctl("net.ipv4.icmp_echo_ignore_all", "1");
    pair.backend.sysctl("net.ipv6.icmp.echo_ignore_all", "1");
}
