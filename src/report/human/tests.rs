use insta::assert_snapshot;

use super::*;
use crate::outcome::{SendError, StampSource, Timing, Unreachable};
use crate::report::samples::{healthy, lossy, refused, report, series, silent, troubled, us};
use crate::report::window::HostTrouble;
use crate::stats::Summary;
use crate::units::{Mono, SeriesId};

const TEXT: PingText = PingText {
    numeric: false,
    charset: Charset::Utf8,
    time_prefix: TimePrefix::None,
    timeout: Duration::from_secs(1),
    payload_bytes: 56,
};

const AT: Wall = Wall::from_nanos(1_700_000_000_123_456_789);

fn icmp() -> Series {
    series("app01", "10.10.1.11", None)
}

fn tcp() -> Series {
    series("app01", "10.10.1.11", Some(8080))
}

fn reply() -> Answered {
    Answered {
        answer: Answer::Reply,
        timing: Timing {
            rtt: us(412),
            source: StampSource::Kernel,
        },
        user_rtt: us(433),
        in_time: InTime::Yes,
        timed_out: false,
        reordered: false,
        ttl: Some(64),
        bytes: 64,
        stamp_loss: None,
        from: None,
        told: None,
    }
}

fn unreachable(from: &str, icmp_type: u8, code: u8) -> Answered {
    let answer = Answer::Unreachable(Unreachable {
        from: from.parse().unwrap(),
        icmp_type,
        code,
    });
    Answered {
        answer,
        ttl: None,
        ..reply()
    }
}

/// The line of probe `number`, counted from 1.
fn line(series: &Series, number: u64, what: What) -> String {
    let event = Event {
        series: SeriesId::new(0),
        seq: ProbeSeq::new(number - 1),
        sent_at: Mono::from_nanos(0),
        what,
    };
    TEXT.event(AT, series, &event).unwrap_or_default()
}

fn summary(series: &Series, summary: &Summary) -> String {
    TEXT.summary(&report(series, summary))
}

#[test]
fn headers_name_the_probe_and_its_size() {
    let v6 = series("2001:db8::1", "2001:db8::1", None);
    assert_snapshot!(TEXT.header(&icmp()) + &TEXT.header(&v6) + &TEXT.header(&tcp()));
}

#[test]
fn icmp_lines_read_like_ping() {
    let answered = |number, answered| line(&icmp(), number, What::Answered(answered));
    let lines = [
        answered(1, reply()),
        answered(
            2,
            Answered {
                reordered: true,
                ..reply()
            },
        ),
        answered(3, unreachable("10.0.0.1", 3, 1)),
        answered(4, unreachable("10.0.0.1", 3, 13)),
        answered(
            5,
            Answered {
                in_time: InTime::Late,
                timing: Timing {
                    rtt: us(1_234_567),
                    ..reply().timing
                },
                ..reply()
            },
        ),
        answered(
            6,
            Answered {
                stamp_loss: Some(StampLoss::Tx),
                ..reply()
            },
        ),
        line(&icmp(), 7, What::Duplicate),
        line(&icmp(), 8, What::LateAfterClose),
        line(&icmp(), 9, What::SendFailed(SendError::NoRoute)),
        line(&icmp(), 10, What::Settled(Fate::Unjudged(Unjudged::ReceiveOverflow))),
        line(&icmp(), 47, What::TimedOut),
    ];
    assert_snapshot!(lines.concat());
}

#[test]
fn tcp_lines_cannot_be_taken_for_icmp() {
    let v6 = Series {
        scope_id: 2,
        flow: 3,
        ..series("app01", "fe80::1", Some(443))
    };
    let no_packet = Answered {
        ttl: None,
        bytes: 0,
        ..reply()
    };
    let lines = [
        line(&tcp(), 1, What::Answered(reply())),
        line(
            &tcp(),
            2,
            What::Answered(Answered {
                answer: Answer::Refused,
                ..reply()
            }),
        ),
        line(
            &tcp(),
            3,
            What::Answered(Answered {
                answer: Answer::Reset,
                ..reply()
            }),
        ),
        line(&tcp(), 4, What::Answered(unreachable("10.0.0.1", 3, 10))),
        line(&tcp(), 5, What::TimedOut),
        line(&tcp(), 6, What::SendFailed(SendError::Denied)),
        line(&v6, 7, What::Answered(no_packet)),
    ];
    assert_snapshot!(lines.concat());
}

#[test]
fn what_an_earlier_line_has_told_is_not_told_again() {
    let timing = Timing {
        rtt: us(412),
        source: StampSource::Kernel,
    };
    let quiet = [
        What::Sent {
            late_by: Duration::ZERO,
        },
        What::Settled(Fate::Received(timing)),
        What::Settled(Fate::Lost),
        What::Settled(Fate::Unjudged(Unjudged::Cut)),
    ];
    for what in quiet {
        assert_eq!(line(&icmp(), 1, what), "", "{what:?}");
    }
}

#[test]
fn the_time_stands_first_where_it_is_asked_for() {
    let text = PingText {
        time_prefix: TimePrefix::Unix,
        ..TEXT
    };
    let event = Event {
        series: SeriesId::new(0),
        seq: ProbeSeq::new(0),
        sent_at: Mono::from_nanos(0),
        what: What::TimedOut,
    };
    let line = text.event(AT, &icmp(), &event).unwrap();
    assert!(line.starts_with("[1700000000.123456] no answer from"), "{line}");
    let line = text
        .event(Wall::from_nanos(1_700_000_000_000_007_000), &icmp(), &event)
        .unwrap();
    assert!(line.starts_with("[1700000000.000007] "), "{line}");
}

#[test]
fn a_hostile_name_cannot_act_on_the_terminal() {
    let series = series("a\x1b]0;b\x07\n\u{202e}", "10.0.0.9", None);
    let line = line(&series, 1, What::TimedOut);
    assert_eq!(
        line,
        "no answer from a\\u{1b}]0;b\\u{7}\\u{a}\\u{202e} (10.0.0.9): icmp_seq=1 (timeout 1 s)\n"
    );
}

#[test]
fn the_summary_of_a_healthy_target_is_short() {
    assert_snapshot!(summary(&icmp(), &healthy()));
}

#[test]
fn the_summary_of_loss_shows_interval_and_run() {
    assert_snapshot!(summary(&tcp(), &lossy()));
}

#[test]
fn the_summary_of_a_closed_port_is_no_loss() {
    assert_snapshot!(summary(&tcp(), &refused()));
}

#[test]
fn the_summary_of_silence_has_no_times() {
    assert_snapshot!(summary(&icmp(), &silent()));
}

#[test]
fn the_summary_names_what_this_host_did() {
    let (series, summary) = (tcp(), troubled());
    let host = HostTrouble {
        receive_drops: 7,
        clock_stepped: true,
        control_disturbed: false,
    };
    assert_snapshot!(TEXT.summary(&WindowReport {
        host,
        ..report(&series, &summary)
    }));
}
