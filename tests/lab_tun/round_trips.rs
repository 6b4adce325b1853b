//! Round trips against the theory of the delays that were configured.
//!
//! A round trip that overlaps a moment in which the simulator was late is left out: it is the laboratory's fault, and the report lists
//! these moments by the wall clock. All others may be too long by [`SLACK_US`], and never too short.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use crate::inside::{Line, Run, probe, trip};
use crate::is_possible;

/// What the way from the kernel's stamps to the simulator and back may add.
const SLACK_US: f64 = 100.0;

/// Links of [`Line`], there and back.
const BASE_US: f64 = 400.0;

/// Eight backends with a link each, so that eight times as many samples are drawn in the same time.
fn jittery(jitter: &str) -> String {
    Line {
        more: &format!(
            r#"
[[backend]]
name = "m"
addresses = ["10.10.2.1"]
count = 8

[[link]]
between = ["gw", "m"]
set.delay = "100us"
forward.jitter = {jitter}
"#
        ),
        ..Line::default()
    }
    .text()
}

/// RTTs of all probes that the simulator was on time for, in us, sorted; and how many were left out.
fn punctual_rtts(run: &Run) -> (Vec<f64>, usize) {
    let trips: Vec<_> = run.report.probes().into_iter().filter_map(trip).collect();
    let is_punctual = |&&(sent, rtt): &&(f64, f64)| run.truth.is_punctual(sent, sent + rtt);
    let mut rtts: Vec<f64> = trips.iter().filter(is_punctual).map(|(_, rtt)| *rtt).collect();
    rtts.sort_unstable_by(f64::total_cmp);
    let left_out = trips.len() - rtts.len();
    (rtts, left_out)
}

/// The empirical distribution function lies within a band around that of theory: 2.7 / sqrt(n) wide, which chance leaves less than once
/// in a million runs (Dvoretzky, Kiefer and Wolfowitz: 2 exp(-2 x 2.7^2)), and as much lower as the slack moves it.
fn assert_distributed(rtts: &[f64], left_out: usize, theory: impl Fn(f64) -> f64) {
    let [n, left_out] = [rtts.len(), left_out].map(|count| f64::from(u32::try_from(count).unwrap()));
    assert!(left_out < 0.3 * n, "{left_out} of {n} while the simulator was late");
    let band = 2.7 / n.sqrt() + left_out / n;
    for (rank, rtt) in rtts.iter().enumerate() {
        let share = f64::from(u32::try_from(rank).unwrap()) / n;
        let (earliest, latest) = (theory(rtt - BASE_US - SLACK_US), theory(rtt - BASE_US));
        assert!(
            (earliest - band..=latest + band).contains(&share),
            "{share} of {n} below {rtt} us, expected {earliest} to {latest}, give or take {band}"
        );
    }
}

/// The figures of each window are those of its probes, within a cell of the histogram: 1/1024 at most.
fn assert_figures_are_of_the_probes(run: &Run) {
    let mut by_target: BTreeMap<&str, Vec<f64>> = BTreeMap::new();
    for line in run.report.probes() {
        let rtts = by_target.entry(line["target"].as_str().unwrap()).or_default();
        // A probe whose stamps the kernel could not give has an RTT of another source, which is in no figure of the window.
        rtts.extend(line["rtt_us"].as_f64().filter(|_| line["stamp"] == "kernel"));
    }
    for window in run.report.windows() {
        let rtts = by_target.get_mut(window.text("target")).unwrap();
        rtts.sort_unstable_by(f64::total_cmp);
        for (percent, key) in [(50, "rtt_p50_us"), (90, "rtt_p90_us"), (99, "rtt_p99_us")] {
            // Rank ceil(q n), from 1.
            let truth = rtts[(percent * rtts.len()).div_ceil(100) - 1];
            let figure = window.figure(key);
            assert!(
                figure <= truth && truth - figure <= truth / 1024.0 + 0.001,
                "{key}: {figure}, of the probes {truth}"
            );
        }
    }
}

fn assert_jitter(jitter: &str, interval: &str, theory: impl Fn(f64) -> f64) {
    let targets: Vec<String> = (1..=8).map(|member| format!("m{member}=10.10.2.{member}")).collect();
    let arguments = format!("--each -c 400 -i {interval} -W 500ms {}", targets.join(" "));
    let run = probe(&jittery(jitter), &arguments);
    assert_eq!((run.total("sent"), run.total("received")), (3_200, 3_200));
    let (rtts, left_out) = punctual_rtts(&run);
    assert_distributed(&rtts, left_out, theory);
    assert_figures_are_of_the_probes(&run);
}

#[test]
fn uniform_jitter_is_found_as_uniform_jitter() {
    if !is_possible() {
        return;
    }
    // Packets stay in order, so the interval is longer than any delay.
    assert_jitter("{ uniform = \"4ms\" }", "10ms", |us| (us / 4_000.0).clamp(0.0, 1.0));
}

#[test]
fn exponential_jitter_is_found_as_exponential_jitter() {
    if !is_possible() {
        return;
    }
    // One delay in e^16 = 9 million is longer than the interval, and would move the next packet.
    assert_jitter("{ exponential = \"750us\" }", "12ms", |us| {
        1.0 - (-us.max(0.0) / 750.0).exp()
    });
}

/// Four spines, from 1 to 4 ms.
fn four_ways() -> String {
    let mut more = String::new();
    for ms in 1..=4 {
        // Writing to a String cannot fail.
        let _ = write!(
            more,
            r#"
[[router]]
name = "spine{ms}"
addresses = ["10.10.20.{ms}", "fd00:20::{ms}"]

[[link]]
between = ["gw", "spine{ms}"]
forward.delay = "{ms}ms"

[[link]]
between = ["spine{ms}", "leaf"]
"#
        );
    }
    more.push_str(
        r#"
[[router]]
name = "leaf"
addresses = ["10.10.30.1", "fd00:30::1"]

[[backend]]
name = "far"
addresses = ["10.10.30.11", "fd00:30::11"]
set.ports = { 80 = "open" }

[[link]]
between = ["leaf", "far"]
set.delay = "100us"
"#,
    );
    Line {
        more: &more,
        ..Line::default()
    }
    .text()
}

#[test]
fn a_flow_of_echoes_keeps_to_one_way_and_all_flows_together_find_all_ways() {
    if !is_possible() {
        return;
    }
    // 64 flows miss one of four ways once in 25 million runs: 4 x (3/4)^64.
    let run = probe(
        &four_ways(),
        "--each --flows 64 -c 10 -i 100ms -W 500ms far=10.10.30.11:80 far=[fd00:30::11]:80",
    );
    assert_eq!(run.total("sent"), 64 * 2 * 2 * 10);
    assert_eq!(run.total("received"), run.total("sent"));
    for (proto, family) in [("icmp", "ipv4"), ("icmp", "ipv6"), ("tcp", "ipv4"), ("tcp", "ipv6")] {
        let mut flows: BTreeMap<u64, Vec<u32>> = BTreeMap::new();
        for line in run.report.probes() {
            let is_of_this = line["proto"] == proto && line["family"] == family;
            if let Some((sent, rtt)) = trip(line).filter(|_| is_of_this)
                && let Some(way) = way(rtt)
                && run.truth.is_punctual(sent, sent + rtt)
            {
                flows.entry(line["flow"].as_u64().unwrap()).or_default().push(way);
            }
        }
        // Source ports of SYNs rest after each use, so that a flow of SYNs is as many flows to a router as it has ports.
        if proto == "icmp" {
            for (flow, ways) in &flows {
                // One may look a way longer, where the machine took a CPU away that neither stamp knows of. Flows that were
                // spread would have nine of ten alike once in 8,500 flows: 4 x 10 x (1/4)^9 x (3/4) + 4 x (1/4)^10.
                let strays = (1..=4)
                    .map(|way| ways.iter().filter(|other| **other != way).count())
                    .min();
                assert!(strays <= Some(1), "flow {flow}: {ways:?}");
            }
        }
        let mut found: Vec<u32> = flows.into_values().flatten().collect();
        found.sort_unstable();
        found.dedup();
        assert_eq!(found, [1, 2, 3, 4], "{proto} {family}");
    }
}

/// The way, in ms, that a round trip took; `None` where it took that of no way, which only a machine that was busy elsewhere may do.
fn way(rtt: f64) -> Option<u32> {
    (1..=4).find(|ms| {
        let exact = BASE_US + f64::from(*ms) * 1e3;
        (exact..exact + 2.0 * SLACK_US).contains(&rtt)
    })
}
