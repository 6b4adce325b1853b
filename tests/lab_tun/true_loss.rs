//! Loss against the ledger: to the packet where each loss is a probe's, and within the bounds of theory where it need not be.

use crate::inside::{Line, Run, float, probe, script};
use crate::is_possible;
use crate::support::PATHJITTER;

/// Five standard deviations of a binomial: a false alarm in 1.7 million runs.
fn assert_is_share(count: u64, of: u64, share: f64) {
    let (count, of) = (float(count), float(of));
    let deviation = (of * share * (1.0 - share)).sqrt();
    assert!(
        (count - of * share).abs() <= 5.0 * deviation,
        "{count} of {of}, expected {share}"
    );
}

/// Fails unless the reported interval, stretched from 95 % to the five standard deviations that a test can stand on, has the share in it.
fn assert_interval_contains(run: &Run, share: f64) {
    for window in run.report.windows() {
        let (low, high) = (window.figure("loss_ci_low"), window.figure("loss_ci_high"));
        // Two halves of 1.96 standard deviations each.
        let [middle, half] = [f64::midpoint(low, high), (high - low) / 2.0];
        assert!(
            (middle - share).abs() <= half * 5.0 / 1.96,
            "{share} is far from {low}..{high}"
        );
    }
}

#[test]
fn random_loss_of_echo_is_what_the_network_dropped_to_the_packet() {
    if !is_possible() {
        return;
    }
    let line = Line {
        link: "forward.loss = 0.1\nreverse.loss = 0.05",
        ..Line::default()
    };
    let run = probe(
        &line.text(),
        "-q -c 1500 -i 2ms -W 300ms app=10.10.1.11 app=fd00:10:1::b",
    );
    let dropped = [run.truth.dropped("gw>app", "loss"), run.truth.dropped("app>gw", "loss")];
    assert_eq!(run.total("lost"), dropped.iter().sum::<u64>());
    assert_eq!(run.total("sent"), 3_000);
    assert_eq!(run.total("received"), 3_000 - run.total("lost"));
    assert_is_share(dropped[0], 3_000, 0.1);
    // A request that gets there and is answered in vain, or one that does not.
    assert_interval_contains(&run, 1.0 - 0.9 * 0.95);
}

#[test]
fn loss_in_bursts_is_what_the_network_dropped_and_the_longest_burst_is_that_of_the_probes() {
    if !is_possible() {
        return;
    }
    let line = Line {
        link: "forward.bursts = { start = 0.01, end = 0.2 }",
        ..Line::default()
    };
    let run = probe(&line.text(), "--each -c 2000 -i 2ms -W 300ms app=10.10.1.11");
    let window = run.report.only_window();
    let lost = window.count("lost");
    assert_eq!(lost, run.truth.dropped("gw>app", "burst"));
    assert_eq!((window.count("sent"), window.count("received")), (2_000, 2_000 - lost));
    // A chain with two states is in the bad one for start / (start + end) = 1/21 of the packets. Its memory, r = 1 - start - end,
    // makes the deviation of their number sqrt(n p (1 - p) (1 + r) / (1 - r)) = 27.8: five of them are 139, 95 - 139 < 0.
    assert!((1..=234).contains(&lost), "{lost}");
    let mut seqs: Vec<u64> = run
        .report
        .probes()
        .iter()
        .filter(|line| line["outcome"] == "timeout")
        .map(|line| line["probe_seq"].as_u64().unwrap())
        .collect();
    seqs.sort_unstable();
    let runs = seqs.chunk_by(|one, next| one + 1 == *next);
    let longest = runs.map(<[u64]>::len).max().unwrap() as u64;
    assert_eq!((window.count("loss_burst_max"), seqs.len() as u64), (longest, lost));
    // Some 19 bursts of 5 probes in the mean. All of them shorter than 3 have a chance of 0.36^19, one longer than 80 of 19 x 0.8^80.
    assert!((3..=80).contains(&longest), "{longest}");
}

#[test]
fn lost_resets_of_ours_cost_no_probe_and_lost_syns_no_more_than_themselves() {
    if !is_possible() {
        return;
    }
    let line = Line {
        app: "set.ports = { 80 = \"open\" }",
        link: "forward.loss = 0.05",
        ..Line::default()
    };
    let run = probe(
        &line.text(),
        "-q -c 1000 -i 4ms -W 400ms --no-icmp app=10.10.1.11:80 app=[fd00:10:1::b]:80",
    );
    let (sent, lost) = (run.total("sent"), run.total("lost"));
    assert_eq!((sent, run.total("received")), (2_000, 2_000 - lost));
    let dropped = run.truth.dropped("gw>app", "loss");
    assert!(
        lost < dropped,
        "{lost} of {dropped}: half of what was dropped were RSTs"
    );
    assert_is_share(lost, sent, 0.05);
    assert_interval_contains(&run, 0.05);
}

#[test]
fn a_full_table_of_half_open_connections_loses_what_it_did_not_take() {
    if !is_possible() {
        return;
    }
    // Not one RST gets out, so that each SYN leaves an entry behind. They last longer than this run.
    let line = Line {
        app: "set.ports = { 80 = \"open\" }\nset.half_open = { entries = 16, syn_ack_retries = 5 }",
        ..Line::default()
    };
    let run = script(
        &line.text(),
        &format!(
            "nft 'table ip t {{ chain c {{ type filter hook output priority 0; tcp flags & rst == rst drop; }}; }}'; \
             exec {PATHJITTER} ping --json -q -c 50 -i 10ms -W 300ms --no-icmp app=10.10.1.11:80"
        ),
    );
    let window = run.report.only_window();
    let dropped = run.truth.dropped("app", "listen_overflow");
    assert_eq!((window.count("sent"), window.count("lost")), (50, dropped));
    assert_eq!(window.count("received"), 50 - dropped);
    assert!(dropped > 0);
}

#[test]
fn a_syn_limit_costs_tcp_what_the_limiter_dropped_and_echo_nothing() {
    if !is_possible() {
        return;
    }
    let run = probe("syn-limit", "-q -c 70 -i 100ms -W 400ms app=10.10.1.11:8080");
    run.report
        .window("icmp")
        .assert_outcomes(&[("sent", 70), ("received", 70)]);
    let dropped = run.truth.dropped("app01", "limited");
    run.report
        .window("tcp")
        .assert_outcomes(&[("sent", 70), ("received", 70 - dropped), ("lost", dropped)]);
    // Five at once, and one more within 7 s at one each 6 s.
    assert_eq!(dropped, 6);
}
