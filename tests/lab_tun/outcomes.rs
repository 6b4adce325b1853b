//! Each outcome of a probe through real sockets, with the ledger of the network as the oracle.
//!
//! Not here: steps of the wall clock. The clock is the machine's, and a test that sets it disturbs everything else that runs; in virtual
//! time they are `tests/sim/clocks.rs`.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::inside::{Line, Run, probe, script, trip};
use crate::is_possible;
use crate::support::{Lab, PATHJITTER, Pair, ping};

/// Probes of each series.
const PROBES: u64 = 20;

/// Backends of the story `every-outcome`, with the last parts of their addresses.
const BACKENDS: [(&str, u8); 9] = [
    ("reply", 11),
    ("refused", 12),
    ("rejected", 13),
    ("prohibited", 14),
    ("dropped", 15),
    ("gone", 16),
    ("late", 17),
    ("twice", 18),
    ("shuffled", 19),
];

/// Both addresses of each backend with an open port, in words of the command line.
fn targets() -> String {
    BACKENDS
        .map(|(name, last)| format!("{name}=10.10.1.{last}:8080 {name}=[fd00:10:1::{last}]:8080"))
        .join(" ")
}

/// Every outcome, told one by one, by this engine.
fn every_outcome(engine: &str) -> Run {
    // Unprivileged sockets for echo are for those groups only that are in this range.
    let ping = format!(
        "sysctl -qw net.ipv4.ping_group_range='0 65534'; \
         exec {PATHJITTER} ping --json --each --engine {engine} -c {PROBES} -i 50ms -W 1s {}",
        targets()
    );
    script("every-outcome", &ping)
}

/// The lines about single probes of a series.
fn lines<'a>(run: &'a Run, target: &str, proto: &str, family: u8) -> Vec<&'a Value> {
    let family = format!("ipv{family}");
    let mut lines = run.report.probes();
    lines.retain(|line| line["target"] == target && line["proto"] == proto && line["family"] == *family);
    lines
}

/// The distinct errors of a series: sender, type, code.
fn errors(run: &Run, target: &str, proto: &str, family: u8) -> BTreeSet<(String, u64, u64)> {
    let lines = lines(run, target, proto, family);
    let error = |line: &&Value| {
        Some((
            line["from"].as_str()?.to_owned(),
            line["icmp_type"].as_u64()?,
            line["icmp_code"].as_u64()?,
        ))
    };
    lines.iter().filter_map(error).collect()
}

fn assert_what_both_engines_can_tell(run: &Run) {
    let all = |outcome: &'static str| [("sent", PROBES), (outcome, PROBES)];
    for family in [4, 6] {
        for (target, echo, syn) in [
            ("reply", "received", "received"),
            ("refused", "received", "refused"),
            ("rejected", "received", "unreachable"),
            ("prohibited", "unreachable", "unreachable"),
            ("dropped", "lost", "lost"),
            ("gone", "unreachable", "unreachable"),
        ] {
            run.window(target, "icmp", family).assert_outcomes(&all(echo));
            run.window(target, "tcp", family).assert_outcomes(&all(syn));
        }
        for (target, proto, prohibited) in [
            ("prohibited", "icmp", PROBES),
            ("prohibited", "tcp", PROBES),
            ("rejected", "tcp", 0),
            ("gone", "icmp", 0),
            ("gone", "tcp", 0),
        ] {
            let window = run.window(target, proto, family);
            assert_eq!(window.count("prohibited"), prohibited, "{target} {proto} {family}");
        }
        for proto in ["icmp", "tcp"] {
            assert_eq!(run.window("dropped", proto, family).count("loss_burst_max"), PROBES);
            assert_order(run, proto, family);
        }
    }
    // Answers beyond the timeout are late or, where the run ended before, lost; never received.
    assert_eq!(run.total("unjudged") + run.total("send_error") + run.total("reset"), 0);
}

/// Replies that were held up took 250 ms longer, and were overtaken by those of later probes (RFC 4737), as far as there were any.
fn assert_order(run: &Run, proto: &str, family: u8) {
    let window = run.window("shuffled", proto, family);
    let trips: Vec<(f64, f64)> = lines(run, "shuffled", proto, family)
        .iter()
        .filter_map(|line| trip(line))
        .collect();
    let arrival = |(sent, rtt): &(f64, f64)| sent + rtt;
    let is_overtaken = |one: &&(f64, f64)| {
        trips
            .iter()
            .any(|other| other.0 > one.0 && arrival(other) < arrival(one))
    };
    let overtaken = trips.iter().filter(is_overtaken).count() as u64;
    assert_eq!((window.count("sent"), window.count("received")), (PROBES, PROBES));
    assert_eq!(window.count("reordered"), overtaken, "{proto} {family}");
    assert!(overtaken > 0, "one in five of {PROBES} was held up");
}

fn assert_senders(run: &Run) {
    for (target, proto, v4, v6) in [
        ("rejected", "tcp", ("10.10.1.13", 3, 3), ("fd00:10:1::13", 1, 4)),
        ("prohibited", "icmp", ("10.10.1.14", 3, 13), ("fd00:10:1::14", 1, 1)),
        ("prohibited", "tcp", ("10.10.1.14", 3, 13), ("fd00:10:1::14", 1, 1)),
        ("gone", "icmp", ("10.10.0.1", 3, 1), ("fd00:10::1", 1, 3)),
        ("gone", "tcp", ("10.10.0.1", 3, 1), ("fd00:10::1", 1, 3)),
    ] {
        for (family, (from, icmp_type, code)) in [(4, v4), (6, v6)] {
            let only = BTreeSet::from([(from.to_owned(), icmp_type, code)]);
            assert_eq!(errors(run, target, proto, family), only, "{target} {proto} {family}");
        }
    }
}

/// The answers take 1.2 s, and the run ends one after the last probe: the answers to the first of them are seen.
fn assert_late(run: &Run, proto: &str) {
    for family in [4, 6] {
        let window = run.window("late", proto, family);
        let (late, lost) = (window.count("late"), window.count("lost"));
        assert_eq!(late + lost, PROBES, "{proto} {family}");
        let trips = lines(run, "late", proto, family);
        let times: Vec<f64> = trips.iter().filter_map(|line| trip(line)).map(|(_, rtt)| rtt).collect();
        assert_eq!(times.len() as u64, late);
        // Two ways of 50 us and 600 ms. Never early, but for what lies between two stamps of one packet (100 us are allowed for it); and
        // not late by more than a loaded machine is.
        assert!(
            late > 0 && times.iter().all(|rtt| (1_200_000.0..1_250_000.0).contains(rtt)),
            "{times:?}"
        );
    }
}

#[test]
fn raw_sockets_tell_every_outcome_over_both_families() {
    if !is_possible() {
        return;
    }
    let run = every_outcome("raw");
    assert_what_both_engines_can_tell(&run);
    assert_senders(&run);
    assert_late(&run, "icmp");
    assert_late(&run, "tcp");
    for family in [4, 6] {
        for proto in ["icmp", "tcp"] {
            let window = run.window("twice", proto, family);
            assert_eq!((window.count("sent"), window.count("received")), (PROBES, PROBES));
        }
    }
    // Nothing else is duplicated in this network.
    assert_eq!(run.total("duplicate"), run.truth.total("duplicated"));
    assert!(run.total("duplicate") > 0);
    let held_up = run.truth.share("shuffled", "shuffled>gw", "delayed");
    let slow = run.report.probes().into_iter().filter(|line| {
        line["target"] == "shuffled" && line["outcome"] == "reply" && line["rtt_us"].as_f64() > Some(200_000.0)
    });
    assert_eq!(slow.count() as u64, held_up);
}

#[test]
fn unprivileged_sockets_tell_all_but_duplicates_and_lateness_of_handshakes_and_senders_of_their_errors_too() {
    if !is_possible() {
        return;
    }
    let run = every_outcome("unprivileged");
    assert_what_both_engines_can_tell(&run);
    assert_senders(&run);
    assert_late(&run, "icmp");
    for family in [4, 6] {
        let window = run.window("twice", "icmp", family);
        assert_eq!((window.count("sent"), window.count("received")), (PROBES, PROBES));
        // The kernel keeps a second SYN-ACK to itself.
        run.window("twice", "tcp", family)
            .assert_outcomes(&[("sent", PROBES), ("received", PROBES)]);
        assert_eq!(run.window("reply", "tcp", family).text("stamp"), "tcp_info");
        // The kernel has repeated the SYN by then, and nobody can tell which of both this answers.
        run.window("late", "tcp", family)
            .assert_outcomes(&[("sent", PROBES), ("lost", PROBES)]);
    }
}

#[test]
fn a_firewall_on_the_way_is_the_sender_of_its_prohibition() {
    if !is_possible() {
        return;
    }
    for engine in ["raw", "unprivileged"] {
        let line = Line {
            gw: "set.filters = [{ action = \"prohibit\" }]",
            ..Line::default()
        };
        let command = format!(
            "sysctl -qw net.ipv4.ping_group_range='0 65534'; exec {PATHJITTER} ping --json --each --engine {engine} \
             -c 20 -i 10ms -W 400ms app=10.10.1.11:80 app=[fd00:10:1::b]:80"
        );
        let run = script(&line.text(), &command);
        for proto in ["icmp", "tcp"] {
            for (family, from, icmp_type, code) in [(4, "10.10.0.1", 3, 13), (6, "fd00:10::1", 1, 1)] {
                let window = run.window("app", proto, family);
                window.assert_outcomes(&[("sent", 20), ("unreachable", 20)]);
                assert_eq!(window.count("prohibited"), 20, "{engine} {proto} {family}");
                let only = BTreeSet::from([(from.to_owned(), icmp_type, code)]);
                assert_eq!(errors(&run, "app", proto, family), only, "{engine}");
            }
        }
        assert_eq!(run.truth.dropped("gw", "filtered"), 80, "{engine}");
    }
}

#[test]
fn all_three_codes_by_which_a_policy_speaks_over_ipv4_are_prohibited() {
    let Some(lab) = Lab::new() else { return };
    // The simulated network knows one of them only; a kernel can say all.
    let pair = Pair::new(&lab);
    pair.backend.send_every_icmp_error();
    for (word, code) in [("net-prohibited", 9), ("host-prohibited", 10), ("admin-prohibited", 13)] {
        pair.backend.nft(&format!(
            "table ip t {{ chain c {{ type filter hook input priority 0; }}; }}; flush table ip t; table ip t {{ chain c {{
             icmp type echo-request reject with icmp {word}; tcp dport 80 reject with icmp {word}; }}; }}"
        ));
        let report = ping(
            &pair.prober,
            &format!("--each -c 5 -i 10ms -W 500ms app={}:80", pair.v4()),
        );
        for proto in ["icmp", "tcp"] {
            let window = report.window(proto);
            window.assert_outcomes(&[("sent", 5), ("unreachable", 5)]);
            assert_eq!(window.count("prohibited"), 5, "{word}");
        }
        for line in report.probes() {
            assert_eq!(
                (&line["icmp_type"], &line["icmp_code"]),
                (&3.into(), &code.into()),
                "{line}"
            );
        }
    }
}

#[test]
fn a_connection_that_is_reset_before_the_prober_looks_at_it_is_reset_and_not_refused() {
    if !is_possible() {
        return;
    }
    // While the prober stands still, the kernel takes the SYN-ACKs of what is under way, and acknowledges them 200 ms later. To
    // each of these ACKs, a firewall answers with a RST in the name of the backend.
    let line = Line {
        app: "set.ports = { 80 = \"open\" }",
        link: "reverse.delay = \"50ms\"",
        ..Line::default()
    };
    let command = format!(
        "nft 'table inet t {{ counter acks {{ }}; chain c {{ type filter hook output priority 0; \
         tcp flags & (syn|ack|rst|fin) == ack counter name acks reject with tcp reset; }}; }}'; \
         {PATHJITTER} ping --json -q -c 80 -i 10ms -W 3s --engine unprivileged --no-icmp \
         app=10.10.1.11:80 app=[fd00:10:1::b]:80 & prober=$!; \
         sleep 0.5; kill -STOP $prober; sleep 0.6; kill -CONT $prober; wait $prober; code=$?; \
         nft list counter inet t acks >&2; exit $code"
    );
    let run = script(&line.text(), &command);
    let (_, counter) = run.report.stderr.split_once("packets ").unwrap();
    let acks: u64 = counter.split_whitespace().next().unwrap().parse().unwrap();
    for family in [4, 6] {
        let reset = run.window("app", "tcp", family).count("reset");
        assert!(reset > 0, "five were under way");
        run.window("app", "tcp", family)
            .assert_outcomes(&[("sent", 80), ("received", 80 - reset), ("reset", reset)]);
    }
    assert_eq!(run.total("reset"), acks);
}

#[test]
fn answers_to_probes_that_are_forgotten_come_after_close_and_their_probes_stay_lost() {
    if !is_possible() {
        return;
    }
    // As fast as the timeout allows: 256 probes each 20 ms. Of those, 2,560 are remembered, which is less than the round trip. From
    // half a second on, no request passes, so that all that is answered is answered well before the run ends.
    let line = Line {
        link: "reverse.delay = \"700ms\"",
        more: "[[event]]\nat = \"600ms\"\non = [\"gw>app\"]\nlink.down = true",
        ..Line::default()
    };
    let run = probe(&line.text(), "-q -c 20000 -i 0 -W 20ms 10.10.1.11");
    let window = run.report.only_window();
    let answered = run.truth.total("delivered");
    assert!(answered > 0, "{}", run.report.stderr);
    assert_eq!(
        window.count("late") + window.count("late_after_close"),
        answered,
        "every answer is one of both"
    );
    assert!(
        window.count("late_after_close") > 0,
        "{} late, {} sent",
        window.count("late"),
        window.count("sent")
    );
    assert_eq!(
        (window.count("received"), window.count("lost")),
        (0, 20_000 - window.count("late"))
    );
}
