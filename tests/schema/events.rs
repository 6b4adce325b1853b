//! `probe` and lifecycle lines say what happened.

use std::net::IpAddr;
use std::time::Duration;

use pathjitter::outcome::{Answer, Answered, Fate, InTime, SendError, StampLoss, Unjudged, Unreachable, What};
use pathjitter::report::{Body, Notice, NoticeKind, Resolve, Severity};
use serde_json::{Value, json};

use super::{AT, checked, icmp_series, lines, probe_line, reply, tcp_series};

#[test]
fn every_outcome_of_a_probe_has_its_word() {
    let icmp = icmp_series();
    let tcp = tcp_series();
    let unreachable = |from: &str, icmp_type, code| {
        let from: IpAddr = from.parse().unwrap();
        What::Answered(Answered {
            answer: Answer::Unreachable(Unreachable { from, icmp_type, code }),
            ..reply()
        })
    };
    let cases = [
        (&tcp, What::Answered(reply()), "reply"),
        (
            &tcp,
            What::Answered(Answered {
                answer: Answer::Refused,
                ..reply()
            }),
            "refused",
        ),
        (
            &tcp,
            What::Answered(Answered {
                answer: Answer::Reset,
                ..reply()
            }),
            "reset",
        ),
        (&tcp, unreachable("10.0.0.1", 3, 1), "unreachable"),
        (&tcp, unreachable("10.0.0.1", 3, 13), "prohibited"),
        (&icmp, unreachable("2001:db8::9", 1, 1), "prohibited"),
        (&icmp, What::TimedOut, "timeout"),
        (
            &icmp,
            What::Answered(Answered {
                in_time: InTime::Late,
                ..reply()
            }),
            "late",
        ),
        (
            &icmp,
            What::Answered(Answered {
                in_time: InTime::Late,
                answer: Answer::Refused,
                ..reply()
            }),
            "late",
        ),
        (&icmp, What::Duplicate, "duplicate"),
        (&icmp, What::LateAfterClose, "late_after_close"),
        (&icmp, What::SendFailed(SendError::NoBuffer), "send_error"),
        (
            &icmp,
            What::Settled(Fate::Unjudged(Unjudged::ReceiveOverflow)),
            "unjudged",
        ),
    ];
    for (series, what, outcome) in cases {
        let line = probe_line(series, what).unwrap();
        assert_eq!(line["outcome"], outcome, "{what:?}");
        assert_eq!(line["probe_seq"], 46);
        let answered = matches!(what, What::Answered(_));
        assert_eq!(
            line["rtt_us"],
            if answered { json!(412.345) } else { Value::Null },
            "{what:?}"
        );
    }
}

#[test]
fn a_probe_line_carries_its_evidence() {
    let from: IpAddr = "10.0.0.1".parse().unwrap();
    let answer = Answer::Unreachable(Unreachable {
        from,
        icmp_type: 3,
        code: 13,
    });
    let what = What::Answered(Answered {
        answer,
        stamp_loss: Some(StampLoss::ClockStep),
        ..reply()
    });
    let line = probe_line(&tcp_series(), what).unwrap();
    let expected = [
        ("from", json!("10.0.0.1")),
        ("icmp_type", json!(3)),
        ("icmp_code", json!(13)),
        ("ttl", json!(64)),
        ("stamp", json!("kernel")),
        ("stamp_loss", json!("clock_step")),
        ("user_rtt_us", json!(433.0)),
        ("error", Value::Null),
    ];
    for (field, value) in expected {
        assert_eq!(line[field], value, "{field}");
    }
    let failed = probe_line(&tcp_series(), What::SendFailed(SendError::Denied)).unwrap();
    assert!(failed["error"].as_str().unwrap().contains("not permitted"), "{failed}");
    assert_eq!(failed["stamp"], Value::Null);
}

#[test]
fn a_probe_is_told_of_once_per_thing_that_happened() {
    let timing = reply().timing;
    for what in [
        What::Sent {
            late_by: Duration::ZERO,
        },
        What::Settled(Fate::Received(timing)),
        What::Settled(Fate::Rejected),
        What::Settled(Fate::Late),
        What::Settled(Fate::Lost),
        What::Settled(Fate::NotSent),
    ] {
        assert_eq!(probe_line(&tcp_series(), what), None, "{what:?}");
    }
}

#[test]
fn lifecycle_lines_are_valid() {
    for (kind, event) in [
        (NoticeKind::Start, "start"),
        (NoticeKind::Stop, "stop"),
        (NoticeKind::ConfigReload, "config_reload"),
        (NoticeKind::Error, "error"),
    ] {
        let notice = Notice {
            kind,
            severity: Severity::Warning,
            message: "\"so\"",
            dropped_before: 3,
        };
        let line = checked(lines().encode(AT, &notice));
        assert_eq!((&line["event"], &line["severity"]), (&json!(event), &json!("warning")));
        assert_eq!(
            (&line["message"], &line["dropped_before"]),
            (&json!("\"so\""), &json!(3))
        );
    }
    let addresses = ["192.0.2.1".parse().unwrap(), "2001:db8::1".parse().unwrap()];
    let resolve = Resolve {
        severity: Severity::Info,
        message: "app01 has moved",
        dropped_before: 0,
        target: "app01",
        addresses: &addresses,
    };
    let line = checked(lines().encode(AT, &resolve));
    assert_eq!(line["event"], resolve.event());
    assert_eq!(line["addresses"], json!(["192.0.2.1", "2001:db8::1"]));
}
