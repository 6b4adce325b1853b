//! `window` lines say what was measured.

use std::time::Duration;

use pathjitter::outcome::{Event, What};
use pathjitter::report::{Completeness, HostTrouble, Notice, NoticeKind, Severity, WindowReport};
use pathjitter::stats::{Counts, Summary};
use pathjitter::units::{Mono, ProbeSeq, SeriesId};
use serde_json::{Value, json};

use super::{AT, checked, icmp_series, lines, report, summary, tcp_series, window_line};

#[test]
fn a_window_line_has_the_fields_of_the_contract_in_their_order() {
    let contract = "timestamp schema event vantage run_id seq target address port family proto flow window_start window_s \
        complete sent received lost late late_after_close duplicate reordered refused reset unreachable prohibited \
        send_error unjudged loss_ratio loss_ci_low loss_ci_high rtt_min_us rtt_mean_us rtt_p50_us rtt_p90_us rtt_p99_us \
        rtt_p999_us rtt_max_us rtt_stddev_us rtt_mdev_us jitter_rfc3550_us ipdv_p50_us ipdv_p99_us refused_p50_us \
        refused_p99_us loss_burst_max stamp stamps_lost self_noise send_late_p99_us group rtt_hist_ns";
    let mut lines = lines();
    let series = tcp_series();
    let summary = summary();
    let line = String::from_utf8(lines.window(AT, &report(&series, &summary)).to_vec()).unwrap();
    let mut rest = line.as_str();
    for field in contract.split_whitespace() {
        let key = format!("\"{field}\":");
        let at = rest
            .find(&key)
            .unwrap_or_else(|| panic!("{field} is missing or out of order in {line}"));
        rest = &rest[at + key.len()..];
    }
    let value = checked(line.as_bytes());
    assert_eq!(
        value.as_object().unwrap().len(),
        contract.split_whitespace().count(),
        "and no others"
    );
}

#[test]
fn a_window_line_says_what_was_measured() {
    let line = window_line();
    let expected = [
        ("timestamp", json!("2023-11-14T22:13:20.123456Z")),
        ("window_start", json!("2023-11-14T22:13:20.000000Z")),
        ("schema", json!("pathjitter/1")),
        ("event", json!("window")),
        ("vantage", json!("lb1")),
        ("run_id", json!("00000000-0000-0000-0000-000000000007")),
        ("seq", json!(0)),
        ("target", json!("app01")),
        ("address", json!("10.10.1.11")),
        ("port", json!(8080)),
        ("family", json!("ipv4")),
        ("proto", json!("tcp")),
        ("flow", json!(2)),
        ("window_s", json!(10.0)),
        ("complete", json!(true)),
        ("lost", json!(1)),
        ("loss_ratio", json!(0.02)),
        ("rtt_min_us", json!(389.123)),
        ("rtt_p99_us", json!(84312.416)),
        ("rtt_max_us", json!(84400.001)),
        ("rtt_stddev_us", json!(0.3)),
        ("rtt_mdev_us", Value::Null),
        ("refused_p50_us", Value::Null),
        ("send_late_p99_us", json!(61.0)),
        ("self_noise", json!(false)),
        ("group", Value::Null),
        (
            "rtt_hist_ns",
            json!({"values": [389_120, 401_408, 84_279_296], "counts": [20, 28, 1]}),
        ),
    ];
    for (field, value) in expected {
        assert_eq!(line[field], value, "{field}");
    }
}

#[test]
fn a_window_without_probes_is_nulls_and_zeros() {
    let nothing = Summary {
        counts: Counts::default(),
        loss: None,
        rtt: None,
        refused_rtt: None,
        user_rtt: None,
        jitter_rfc3550_us: None,
        ipdv: None,
        send_late: None,
        rtt_cells: Vec::new(),
        ipdv_cells: Vec::new(),
        ..summary()
    };
    let series = icmp_series();
    let line = checked(lines().window(
        AT,
        &WindowReport {
            completeness: Completeness::Cut,
            ..report(&series, &nothing)
        },
    ));
    assert_eq!(line["port"], Value::Null);
    assert_eq!(line["family"], "ipv6");
    assert_eq!(line["complete"], false);
    assert_eq!(line["loss_ratio"], Value::Null);
    assert_eq!(line["rtt_p50_us"], Value::Null);
    assert_eq!(line["stamp"], "kernel", "also where nothing answered");
    assert_eq!(line["rtt_hist_ns"], json!({"values": [], "counts": []}));
}

#[test]
fn a_window_names_the_group_of_its_target() {
    let (series, summary) = (tcp_series(), summary());
    let grouped = WindowReport {
        group: Some("app"),
        ..report(&series, &summary)
    };
    assert_eq!(checked(lines().window(AT, &grouped))["group"], "app");
}

#[test]
fn a_window_has_the_labels_of_its_target_as_a_list() {
    let (series, summary) = (tcp_series(), summary());
    let labels = [("site", "ams1"), ("team", "\"shop\"")].map(|(name, value)| (name.to_owned(), value.to_owned()));
    let labelled = WindowReport {
        labels: &labels,
        ..report(&series, &summary)
    };
    let line = checked(lines().window(AT, &labelled));
    let expected = json!([{"name": "site", "value": "ams1"}, {"name": "team", "value": "\"shop\""}]);
    assert_eq!(line["labels"], expected);
    assert_eq!(window_line().get("labels"), None);
}

#[test]
fn each_disturbance_of_this_host_marks_the_window() {
    let quiet = HostTrouble::default();
    let with = |counts: Counts, stamps_lost: u64, host: HostTrouble| {
        let summary = Summary {
            counts,
            stamps_lost,
            ..summary()
        };
        let series = tcp_series();
        checked(lines().window(
            AT,
            &WindowReport {
                host,
                ..report(&series, &summary)
            },
        ))["self_noise"]
            .clone()
    };
    let counts = summary().counts;
    assert_eq!(with(counts, 0, quiet), false);
    assert_eq!(with(counts, 1, quiet), true);
    assert_eq!(
        with(
            Counts {
                send_error: 1,
                ..counts
            },
            0,
            quiet
        ),
        true
    );
    assert_eq!(
        with(
            counts,
            0,
            HostTrouble {
                receive_drops: 1,
                ..quiet
            }
        ),
        true
    );
    assert_eq!(
        with(
            counts,
            0,
            HostTrouble {
                clock_stepped: true,
                ..quiet
            }
        ),
        true
    );
    assert_eq!(
        with(
            counts,
            0,
            HostTrouble {
                control_disturbed: true,
                ..quiet
            }
        ),
        true
    );
}

#[test]
fn lines_are_numbered_from_zero_over_all_events() {
    let mut lines = lines();
    let (series, summary) = (tcp_series(), summary());
    let notice = Notice {
        kind: NoticeKind::Start,
        severity: Severity::Info,
        message: "begin",
        dropped_before: 0,
    };
    let sent = Event {
        series: SeriesId::new(0),
        seq: ProbeSeq::new(0),
        sent_at: Mono::from_nanos(0),
        what: What::Sent {
            late_by: Duration::ZERO,
        },
    };
    assert_eq!(checked(lines.encode(AT, &notice))["seq"], 0);
    assert_eq!(checked(lines.window(AT, &report(&series, &summary)))["seq"], 1);
    assert!(lines.probe(AT, &series, &sent).is_none());
    assert_eq!(
        checked(lines.encode(AT, &notice))["seq"],
        2,
        "what is not written takes no number"
    );
}
