//! `trace` and `path_change` lines say what was measured along a path.

use std::collections::HashMap;
use std::net::IpAddr;

use pathjitter::localize::{HopLabels, PathVerdict, Segment, VerdictCode};
use pathjitter::outcome::{MplsStack, SendError, StampSource, Unreachable};
use pathjitter::report::TraceReport;
use pathjitter::series::{Endpoint, Series};
use pathjitter::stats::Distribution;
use pathjitter::sweep::{End, Hop, HopCounts, PathChange, PathReport, Responder};
use pathjitter::units::{Mono, Rtt, SeriesId};
use serde_json::{Value, json};

use super::{AT, SCHEMA, checked, icmp_series, lines, tcp_series, us};

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

/// 10 probes by two routers, one of them behind a label; 9 answers in time and one late.
fn router() -> Hop {
    let mut rtts = Distribution::default();
    // Mean 400 us, variance (6 x 100^2 + 2 x 300^2) / 8 = 30,000 us^2.
    let values = [300, 500, 300, 500, 300, 500, 100, 400, 700].map(us);
    for rtt in values {
        rtts.record(rtt);
    }
    let mut mpls = MplsStack::default();
    mpls.push((24_001 << 12) | (5 << 9) | (1 << 8) | 63);
    let responder = |address, answers, mpls| Responder {
        address: ip(address),
        answers,
        mpls,
    };
    Hop {
        ttl: 1,
        responders: vec![
            responder("10.0.0.1", 7, MplsStack::default()),
            responder("10.0.0.2", 3, mpls),
        ],
        counts: HopCounts {
            sent: 10,
            received: 9,
            late: 1,
            in_flight: 1,
            unjudged: 2,
            send_errors: 3,
        },
        rtts,
        last: Some(Rtt::from_nanos(700_123)),
        jitter_us: Some(0.1 + 0.2),
        rounds: Vec::new(),
        presumed: true,
    }
}

fn silent() -> Hop {
    Hop {
        ttl: 2,
        counts: HopCounts {
            sent: 10,
            ..HopCounts::default()
        },
        ..Hop::default()
    }
}

fn path(end: End) -> PathReport {
    PathReport {
        hops: vec![router(), silent()],
        end,
        cycles: 10,
        changed_at: None,
    }
}

fn verdict() -> PathVerdict {
    PathVerdict {
        code: VerdictCode::Loss,
        loss_starts_at: Some(Segment {
            from_ttl: 0,
            to_ttl: 1,
            addresses: vec![ip("10.0.0.1"), ip("10.0.0.2")],
            confidence: 0.96,
        }),
        jitter_starts_at: None,
        labels: vec![HopLabels {
            rate_limited: true,
            slow_control_plane: false,
        }],
        more_cycles: Some(20),
        message: "Loss starts at the first hop.".to_owned(),
    }
}

const REACHED: End = End::Reached {
    ttl: 2,
    from: IpAddr::V4(std::net::Ipv4Addr::new(10, 10, 1, 12)),
};

pub(crate) fn trace_line(series: &Series, end: End) -> Value {
    let names = HashMap::from([(ip("10.0.0.2"), "r2.example.net".to_owned())]);
    let (path, verdict) = (path(end), verdict());
    let report = TraceReport {
        series,
        path: &path,
        verdict: &verdict,
        names: &names,
        stamp: Some(StampSource::Kernel),
    };
    checked(lines().trace(AT, &report))
}

pub(crate) fn change_line() -> Value {
    let change = PathChange {
        series: SeriesId::new(0),
        at: Mono::default(),
        old: vec![Some(ip("10.0.0.1")), None],
        new: vec![Some(ip("10.0.0.2")), None, Some(ip("10.10.1.11"))],
    };
    checked(lines().path_change(AT, &tcp_series(), &change))
}

/// A line with everything that can be absent present.
pub(crate) fn full_line() -> Value {
    let mut line = trace_line(&tcp_series(), REACHED);
    line["jitter_starts_at"] = line["loss_starts_at"].clone();
    line
}

#[test]
fn a_trace_line_has_the_fields_of_the_contract_and_no_others() {
    let contract = "timestamp schema event vantage run_id seq target address port family proto flow cycles reached end end_ttl \
        end_message reached_by unreachable loop hops path_changed loss_starts_at jitter_starts_at more_cycles_needed stamp \
        verdict message";
    let of_a_hop = "ttl addresses names answers sent received late in_flight unjudged send_error loss_ratio loss_ci_low \
        loss_ci_high rtt_last_us rtt_min_us rtt_mean_us rtt_max_us rtt_stddev_us rtt_p50_us rtt_p99_us jitter_us \
        rate_limited slow_control_plane presumed mpls";
    let line = trace_line(&tcp_series(), REACHED);
    for (object, contract) in [(&line, contract), (&line["hops"][0], of_a_hop)] {
        let mut expected: Vec<_> = contract.split_whitespace().collect();
        expected.sort_unstable();
        let found: Vec<_> = object.as_object().unwrap().keys().map(String::as_str).collect();
        assert_eq!(found, expected);
    }
}

#[test]
fn a_trace_line_says_what_was_measured() {
    let line = trace_line(&tcp_series(), REACHED);
    for (field, value) in [
        ("event", json!("trace")),
        ("target", json!("app01")),
        ("port", json!(8080)),
        ("proto", json!("tcp")),
        ("flow", json!(2)),
        ("cycles", json!(10)),
        ("reached", json!(true)),
        ("end", json!("reached")),
        ("end_ttl", json!(2)),
        ("reached_by", json!("10.10.1.12")),
        (
            "end_message",
            json!("10.10.1.12 answers at hop 2 in place of 10.10.1.11"),
        ),
        ("path_changed", json!(false)),
        (
            "loss_starts_at",
            json!({"from_ttl": 0, "to_ttl": 1, "addresses": ["10.0.0.1", "10.0.0.2"], "confidence": 0.96}),
        ),
        ("jitter_starts_at", Value::Null),
        ("more_cycles_needed", json!(20)),
        ("stamp", json!("kernel")),
        ("verdict", json!("loss")),
        ("message", json!("Loss starts at the first hop.")),
    ] {
        assert_eq!(line[field], value, "{field}");
    }
}

#[test]
fn a_hop_says_what_was_measured() {
    let line = trace_line(&tcp_series(), REACHED);
    let hop = &line["hops"][0];
    for (field, value) in [
        ("ttl", json!(1)),
        ("addresses", json!(["10.0.0.1", "10.0.0.2"])),
        ("names", json!([null, "r2.example.net"])),
        ("answers", json!([7, 3])),
        ("sent", json!(10)),
        ("received", json!(9)),
        ("late", json!(1)),
        ("in_flight", json!(1)),
        ("unjudged", json!(2)),
        ("send_error", json!(3)),
        ("loss_ratio", json!(0.1)),
        ("rtt_last_us", json!(700.123)),
        ("rtt_min_us", json!(100.0)),
        ("rtt_mean_us", json!(400.0)),
        ("rtt_max_us", json!(700.0)),
        ("rtt_stddev_us", json!(173.205)),
        ("jitter_us", json!(0.3)),
        ("rate_limited", json!(true)),
        ("slow_control_plane", json!(false)),
        ("presumed", json!(true)),
        (
            "mpls",
            json!([{"address": "10.0.0.2", "label": 24_001, "tc": 5, "bottom": true, "ttl": 63}]),
        ),
    ] {
        assert_eq!(hop[field], value, "{field}");
    }
    // Wilson's interval of 1 in 10, from its textbook formula.
    let (n, p, z) = (10.0_f64, 0.1_f64, 1.959_964_f64);
    let middle = (p + z * z / (2.0 * n)) / (1.0 + z * z / n);
    let half = z * (p * (1.0 - p) / n + z * z / (4.0 * n * n)).sqrt() / (1.0 + z * z / n);
    assert!((hop["loss_ci_low"].as_f64().unwrap() - (middle - half)).abs() < 1e-6);
    assert!((hop["loss_ci_high"].as_f64().unwrap() - (middle + half)).abs() < 1e-6);
    // Rank ceil(0.5 x 9) = 5 of 9 is 400 us, rank 9 is 700 us; a cell is at most 1/1024 wide.
    let p50 = hop["rtt_p50_us"].as_f64().unwrap();
    assert!(p50 <= 400.0 && p50 > 400.0 * (1.0 - 1.0 / 1024.0), "{p50}");
    let p99 = hop["rtt_p99_us"].as_f64().unwrap();
    assert!(p99 <= 700.0 && p99 > 700.0 * (1.0 - 1.0 / 1024.0), "{p99}");
}

#[test]
fn a_silent_hop_is_nulls_and_empty_lists() {
    let line = trace_line(&icmp_series(), REACHED);
    let hop = &line["hops"][1];
    for field in ["addresses", "names", "answers", "mpls"] {
        assert_eq!(hop[field], json!([]), "{field}");
    }
    for field in ["rtt_last_us", "rtt_min_us", "rtt_mean_us", "rtt_p99_us", "jitter_us"] {
        assert_eq!(hop[field], Value::Null, "{field}");
    }
    assert_eq!(hop["loss_ratio"], 1.0);
    assert_eq!(hop["rate_limited"], false, "a hop without labels has none");
}

#[test]
fn each_end_has_its_fields_and_no_others() {
    let error = Unreachable {
        from: ip("10.0.0.1"),
        icmp_type: 3,
        code: 4,
    };
    for (end, code, ttl, unreachable, in_a_loop) in [
        (End::Unknown, "unknown", Value::Null, Value::Null, Value::Null),
        (
            End::Unreachable {
                ttl: 1,
                error,
                mtu: Some(1400),
            },
            "unreachable",
            json!(1),
            json!({"from": "10.0.0.1", "type": 3, "code": 4, "mtu": 1400}),
            Value::Null,
        ),
        (
            End::Silent { after_ttl: 0 },
            "silent",
            json!(0),
            Value::Null,
            Value::Null,
        ),
        (
            End::Loop {
                first_ttl: 1,
                again_ttl: 3,
                address: ip("10.0.0.1"),
            },
            "loop",
            json!(3),
            Value::Null,
            json!({"from_ttl": 1, "to_ttl": 3, "address": "10.0.0.1"}),
        ),
        (End::TooFar, "too_far", Value::Null, Value::Null, Value::Null),
        (
            End::NotSent(SendError::Denied),
            "not_sent",
            Value::Null,
            Value::Null,
            Value::Null,
        ),
    ] {
        let line = trace_line(&tcp_series(), end);
        assert_eq!(line["end"], code);
        assert_eq!(line["reached"], false, "{code}");
        assert_eq!(line["reached_by"], Value::Null, "{code}");
        assert_eq!(line["end_ttl"], ttl, "{code}");
        assert_eq!(line["unreachable"], unreachable, "{code}");
        assert_eq!(line["loop"], in_a_loop, "{code}");
        assert_eq!(line["end_message"].is_null(), code == "unknown", "{code}");
    }
}

#[test]
fn udp_is_a_protocol_of_traces() {
    let series = Series {
        endpoint: Endpoint::Udp(33_434),
        ..tcp_series()
    };
    let line = trace_line(&series, REACHED);
    assert_eq!((&line["proto"], &line["port"]), (&json!("udp"), &json!(33_434)));
}

#[test]
fn a_path_change_line_has_both_courses() {
    let line = change_line();
    assert_eq!(line["event"], "path_change");
    assert_eq!(line["old"], json!(["10.0.0.1", null]));
    assert_eq!(line["new"], json!(["10.0.0.2", null, "10.10.1.11"]));
    assert_eq!(
        line["message"],
        "The path to app01 (10.10.1.11), flow 2, now leads through 10.0.0.2 instead of 10.0.0.1"
    );
    assert_eq!(line.as_object().unwrap().len(), 15, "{line}");
}

#[test]
fn no_field_of_an_inner_object_may_be_missing_and_none_may_be_added() {
    let whole = full_line();
    for pointer in [
        "/hops/0",
        "/hops/1",
        "/hops/0/mpls/0",
        "/loss_starts_at",
        "/jitter_starts_at",
    ] {
        let fields = whole.pointer(pointer).and_then(Value::as_object).unwrap();
        for field in fields.keys() {
            let mut line = whole.clone();
            line.pointer_mut(pointer)
                .unwrap()
                .as_object_mut()
                .unwrap()
                .remove(field);
            assert!(!SCHEMA.is_valid(&line), "{field} of {pointer} may not be missing");
        }
        let mut line = whole.clone();
        line.pointer_mut(pointer).unwrap()["surprise"] = json!(1);
        assert!(!SCHEMA.is_valid(&line), "{pointer} takes a field more");
    }
}

#[test]
fn values_that_no_trace_may_hold_are_refused() {
    let wrong = [
        ("/proto", json!("sctp")),
        ("/port", Value::Null),
        ("/reached", json!(false)),
        ("/reached_by", Value::Null),
        ("/end", json!("unreachable")),
        ("/end", json!("lost")),
        (
            "/unreachable",
            json!({"from": "10.0.0.1", "type": 3, "code": 4, "mtu": null}),
        ),
        ("/loop", json!({"from_ttl": 1, "to_ttl": 3, "address": "10.0.0.1"})),
        ("/verdict", json!("fine")),
        ("/message", Value::Null),
        ("/stamp", json!("guess")),
        ("/loss_starts_at/confidence", json!(1.5)),
        ("/loss_starts_at/from_ttl", json!(256)),
        ("/hops/0/ttl", json!(0)),
        ("/hops/0/sent", json!(1.5)),
        ("/hops/0/loss_ratio", json!(-0.1)),
        ("/hops/0/addresses", json!([null])),
        ("/hops/0/mpls/0/tc", json!(8)),
        ("/hops/0/mpls/0/label", json!(1 << 20)),
        ("/hops/0/rate_limited", Value::Null),
    ];
    for (pointer, value) in wrong {
        let mut line = trace_line(&tcp_series(), REACHED);
        *line.pointer_mut(pointer).unwrap_or_else(|| panic!("no {pointer}")) = value;
        assert!(!SCHEMA.is_valid(&line), "{pointer}: {}", line.pointer(pointer).unwrap());
    }
}
