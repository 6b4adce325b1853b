//! Tables and queries for `ClickHouse`, run by its engine on the lines of two hosts.

use std::collections::BTreeMap;
use std::process::Command;

use serde_json::Value;

use crate::contrib;
use crate::support::{PATHJITTER, python};

/// The lines of a demonstration, as a host of this name would have written them. Each run has ids and times of its own.
fn lines(vantage: &str) -> String {
    let output = Command::new(PATHJITTER)
        .args(["demo", "--json", "--each", "--virtual-time", "lossy-uplink"])
        .output()
        .expect("the program");
    assert!(output.status.success());
    let text = String::from_utf8(output.stdout).expect("text");
    let text = text.replace("\"vantage\":\"demo\"", &format!("\"vantage\":\"{vantage}\""));
    // A way that ends somewhere is told in a trace by a field of another type than the count of windows.
    let ended = "\"unreachable\":{\"from\":\"10.10.0.1\",\"type\":3,\"code\":1,\"mtu\":null}";
    assert!(text.contains("\"unreachable\":null"), "a trace");
    text.replace("\"unreachable\":null", ended)
}

/// All RTTs of a target and a protocol, in ns, one by one: what percentiles are of.
fn times(events: &[Value]) -> BTreeMap<(String, String), Vec<u64>> {
    let mut all: BTreeMap<_, Vec<u64>> = BTreeMap::new();
    for window in events.iter().filter(|event| event["event"] == "window") {
        let word = |key: &str| window[key].as_str().expect("a word").to_owned();
        let numbers = |key: &str| -> Vec<u64> {
            let list = window["rtt_hist_ns"][key].as_array().expect("a list");
            list.iter().map(|n| n.as_u64().expect("a number")).collect()
        };
        let times = all.entry((word("target"), word("proto"))).or_default();
        for (value, count) in numbers("values").into_iter().zip(numbers("counts")) {
            times.extend((0..count).map(|_| value));
        }
    }
    for times in all.values_mut() {
        times.sort_unstable();
    }
    all
}

/// The value of rank `ceil(q n)`, in us.
#[expect(clippy::cast_precision_loss, reason = "nanoseconds of a lab")]
fn quantile_us(sorted: &[u64], per_cent: usize) -> f64 {
    sorted[(sorted.len() * per_cent).div_ceil(100) - 1] as f64 / 1e3
}

#[test]
fn percentiles_over_hosts_and_windows_are_exact_and_an_incident_of_two_hosts_is_found() {
    let Some(python) = python() else { return };
    let folder = tempfile::tempdir().expect("a folder");
    let texts = ["lb1", "lb2"].map(|vantage| (vantage, lines(vantage)));
    let mut command = Command::new(python);
    command.arg(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/pipelines/clickhouse.py"));
    command.arg(contrib("clickhouse"));
    let mut events: Vec<Value> = Vec::new();
    for (vantage, text) in &texts {
        let path = folder.path().join(vantage);
        std::fs::write(&path, text).expect("a file");
        // A pipeline that breaks off begins again with lines that it has sent: twice is as good as once.
        command.args([&path, &path]);
        events.extend(
            text.lines()
                .map(|line| serde_json::from_str::<Value>(line).expect("JSON")),
        );
    }
    let output = command.output().expect("python3");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let answers: Value = serde_json::from_slice(&output.stdout).expect("JSON");

    let times = times(&events);
    let figures = answers["figures"].as_array().expect("rows");
    assert_eq!(figures.len(), times.len());
    assert_eq!(times.len(), 6, "three targets by two protocols");
    let sum = |target: &str, proto: &str, key: &str| -> u64 {
        let windows = events
            .iter()
            .filter(|event| event["event"] == "window" && event["target"] == *target && event["proto"] == *proto);
        windows.map(|window| window[key].as_u64().expect("a count")).sum()
    };
    for (row, ((target, proto), times)) in figures.iter().zip(&times) {
        assert_eq!(
            (&row["target"], &row["proto"]),
            (&Value::from(target.as_str()), &Value::from(proto.as_str()))
        );
        assert_eq!(row["vantages"], 2);
        assert_eq!(row["probes"], sum(target, proto, "sent"));
        assert_eq!(row["losses"], sum(target, proto, "lost"));
        assert_eq!(row["p50_us"].as_f64(), Some(quantile_us(times, 50)), "{row}");
        assert_eq!(row["p99_us"].as_f64(), Some(quantile_us(times, 99)), "{row}");
    }

    let worst = answers["worst_minutes"].as_array().expect("rows");
    assert!(
        worst
            .iter()
            .all(|row| row["target"] == "app01" || row["target"] == "app02"),
        "{worst:?}"
    );
    let closed: Vec<_> = events
        .iter()
        .filter(|event| event["event"] == "incident_close")
        .collect();
    let incidents = answers["incidents"].as_array().expect("rows");
    assert_eq!(incidents.len(), closed.len());
    for incident in incidents {
        let same = closed
            .iter()
            .find(|event| event["incident_id"] == incident["incident_id"])
            .expect("it was written");
        assert_eq!(incident["last_verdict"], same["verdict"]);
        assert_eq!(incident["sentence"], same["message"]);
        assert_eq!(incident["blamed"], same["suspect"]["address"]);
    }
    let agreement = answers["agreement"].as_array().expect("rows");
    assert_eq!(agreement.len(), 1, "{agreement:?}");
    assert_eq!(
        (&agreement[0]["one"], &agreement[0]["other"]),
        (&Value::from("lb1"), &Value::from("lb2"))
    );
    assert_eq!(agreement[0]["blamed"], "10.10.1.1");
}
