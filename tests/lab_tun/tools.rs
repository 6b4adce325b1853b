//! What tools find in the simulated network is what its file says.

use serde_json::Value;

use crate::{NETWORK, OPEN, V4, V6, is_possible, lab, summary};

/// There and back.
const RTT_US: f64 = 2_000.0;

/// `min/avg/max/mdev` of ping, in us.
fn ping_rtt_us(output: &str) -> [f64; 4] {
    let (_, figures) = output.split_once("mdev = ").unwrap_or_else(|| panic!("{output}"));
    let (figures, _) = figures.split_once(" ms").unwrap_or_else(|| panic!("{output}"));
    let figures: Vec<f64> = figures
        .split('/')
        .map(|f| f.parse::<f64>().unwrap() * 1_000.0)
        .collect();
    figures.try_into().expect("ping reports four figures")
}

#[test]
fn ping_finds_the_configured_rtt_and_no_loss_over_both_families() {
    if !is_possible() {
        return;
    }
    for target in [V4, V6] {
        let ended = lab(&[], &format!("ping -n -c 20 -i 0.01 -W 1 {target}")).finish();
        let output = ended.text();
        assert!(output.contains("20 received, 0% packet loss"), "{output}");
        // Never early. Ping's own stamps of sending are those of user space, so there is something on top: system calls and
        // two wake-ups, which are a few tens of us at best.
        let [min, ..] = ping_rtt_us(&output);
        assert!((RTT_US..RTT_US + 300.0).contains(&min), "{output}");
        assert!(summary(&ended).contains("20 packets in, 20 out, "), "{}", ended.stderr);
        assert!(summary(&ended).ends_with(", no unintended loss"), "{}", ended.stderr);
    }
}

#[test]
fn routers_answer_where_the_ttl_runs_out() {
    if !is_possible() {
        return;
    }
    for (target, router) in [(V4, "10.10.1.1"), (V6, "fd00:10:1::1")] {
        let output = lab(&[], &format!("traceroute -n -q 1 -w 1 -N 1 -I {target}"))
            .finish()
            .text();
        let hops: Vec<&str> = output
            .lines()
            .skip(1)
            .filter_map(|line| line.split_whitespace().nth(1))
            .collect();
        assert_eq!(hops, [router, target], "{output}");
    }
}

#[test]
fn a_connection_is_made_to_the_open_port_and_to_no_other() {
    if !is_possible() {
        return;
    }
    for target in [V4, V6] {
        let script = format!("nc -z -w 2 {target} {OPEN} && ! nc -z -w 2 {target} 8081");
        let ended = lab(&[], &script).finish();
        assert_eq!(ended.code(), 0, "{}", ended.stderr);
    }
}

#[test]
fn the_report_counts_every_packet_and_says_how_late_they_were() {
    if !is_possible() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("report.json");
    let ended = lab(
        &["--seed", "7", "--report", file.to_str().unwrap()],
        &format!("ping -n -q -c 50 -i 0.01 -W 1 {V4}"),
    )
    .finish();
    assert_eq!(ended.code(), 0, "{}", ended.stderr);
    let report: Value = serde_json::from_str(&std::fs::read_to_string(&file).unwrap()).unwrap();
    assert_eq!(
        (&report["schema"], &report["seed"]),
        (&"pathjitter-lab/1".into(), &7.into())
    );
    let simulation = &report["simulation"];
    for (field, expected) in [
        ("packets_in", 50),
        ("packets_out", 50),
        ("unintended_loss", 0),
        ("write_errors", 0),
    ] {
        assert_eq!(simulation[field], expected, "{field}: {report:#}");
    }
    for (field, count) in [("written_late", 50), ("read_late", 50)] {
        assert_eq!(simulation[field]["count"], count, "{field}: {report:#}");
        assert!(simulation[field]["p50_us"].as_f64() <= simulation[field]["max_us"].as_f64());
    }
    for moment in simulation["late_moments"].as_array().unwrap() {
        assert!(
            moment["from_ns"].as_u64() < moment["to_ns"].as_u64(),
            "{report:#}, {NETWORK}"
        );
    }
}
