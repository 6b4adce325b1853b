use std::time::Duration;

use jiff::tz::{self, TimeZone};
use proptest::prelude::*;

use super::*;
use crate::report::samples::incidents::shared;
use crate::report::samples::{series, us};
use crate::report::style::Charset;
use crate::units::{Mono, SeriesId};

/// `date -u -d @1700000000` is 2023-11-14 22:13:20.
const AT: Wall = Wall::from_nanos(1_700_000_000_123_456_789);

fn plain() -> RunText {
    RunText {
        style: Style::PLAIN,
        zone: TimeZone::UTC,
    }
}

fn app01() -> Series {
    series("app01", "10.10.1.11", Some(8080))
}

fn degradation(cause: Cause) -> Degradation {
    Degradation {
        cause,
        since: AT,
        until: None,
        ratio: None,
    }
}

fn notice(kind: NoticeKind, severity: Severity) -> Notice<'static> {
    Notice {
        kind,
        severity,
        message: "so it is",
        dropped_before: 0,
    }
}

#[test]
fn an_incident_has_a_line_at_each_stage() {
    let incident = shared(3, 2);
    let sentence =
        "2 targets became slow at the same moment behind 10.0.0.2, which all of them share and db01 does not use";
    assert_eq!(
        plain().incident(AT, Stage::Open, &incident),
        format!("2023-11-14 22:13:20Z INCIDENT #3 shared_path: {sentence}\n")
    );
    assert_eq!(
        plain().incident(AT, Stage::Update, &incident),
        format!("2023-11-14 22:13:20Z update   #3 shared_path: {sentence}\n")
    );
    assert_eq!(
        plain().incident(AT, Stage::Close, &incident),
        format!("2023-11-14 22:13:20Z closed   #3 after 4.25 s, shared_path: {sentence}\n")
    );
}

#[test]
fn a_state_is_told_when_it_begins_and_when_it_ends() {
    let told = |degradation| plain().degraded(AT, &app01(), &degradation);
    let time = "2023-11-14 22:13:20Z";
    assert_eq!(
        told(degradation(Cause::Silent)),
        format!("{time} DEGRADED app01 (10.10.1.11) tcp/8080: 2 probes in a row were not answered in time\n")
    );
    assert_eq!(
        told(degradation(Cause::Refusing)),
        format!("{time} DEGRADED app01 (10.10.1.11) tcp/8080: 2 probes in a row were refused\n")
    );
    let over = Degradation {
        until: Some(Wall::from_nanos(AT.as_nanos() + 42_000_000_000)),
        ..degradation(Cause::Frequent)
    };
    assert_eq!(
        told(over),
        format!("{time} good     app01 (10.10.1.11) tcp/8080: good again after 42 s\n")
    );
    let set_back = Degradation {
        until: Some(Wall::from_nanos(1)),
        ..degradation(Cause::Frequent)
    };
    assert_eq!(
        told(set_back),
        format!("{time} good     app01 (10.10.1.11) tcp/8080: good again after 0 ms\n"),
    );
}

#[test]
fn levels_habits_and_paths_have_their_lines() {
    let address = Series {
        flow: 2,
        ..series("10.10.1.11", "10.10.1.11", None)
    };
    let time = "2023-11-14 22:13:20Z";
    assert_eq!(
        plain().level_shift(AT, &address, us(400), us(2_400)),
        format!("{time} level    10.10.1.11 icmp #2: RTTs moved from 0.400 ms to 2.400 ms (medians)\n")
    );
    assert_eq!(
        plain().jittery(AT, &app01(), 0.031),
        format!("{time} jittery  app01 (10.10.1.11) tcp/8080: 3.1 % of the probes of the last hour spiked\n")
    );
    let change = PathChange {
        series: SeriesId::new(0),
        at: Mono::default(),
        old: vec![Some("10.0.0.1".parse().unwrap())],
        new: vec![Some("10.0.0.2".parse().unwrap())],
    };
    assert_eq!(
        plain().path_change(AT, &app01(), &change),
        format!(
            "{time} path     The path to app01 (10.10.1.11), flow 0, now leads through 10.0.0.2 instead of 10.0.0.1\n"
        )
    );
}

#[test]
fn what_matters_more_has_another_word() {
    let cases = [
        (NoticeKind::Start, Severity::Info, "start   "),
        (NoticeKind::Stop, Severity::Info, "stop    "),
        (NoticeKind::ConfigReload, Severity::Info, "reload  "),
        (NoticeKind::ConfigReload, Severity::Error, "ERROR   "),
        (NoticeKind::Error, Severity::Error, "ERROR   "),
        (NoticeKind::Error, Severity::Warning, "WARNING "),
        (NoticeKind::Error, Severity::Info, "info    "),
    ];
    for (kind, severity, word) in cases {
        assert_eq!(
            plain().notice(AT, &notice(kind, severity)),
            format!("2023-11-14 22:13:20Z {word} so it is\n")
        );
    }
    let resolve = Resolve {
        severity: Severity::Info,
        message: "now at 192.0.2.1",
        dropped_before: 12,
        target: "app01",
        addresses: &[],
    };
    assert_eq!(
        plain().resolve(AT, &resolve),
        "2023-11-14 22:13:20Z resolve  app01: now at 192.0.2.1 (12 lines were dropped before)\n"
    );
}

#[test]
fn noise_of_this_host_is_told_with_all_that_was_seen() {
    let noise = HostNoise {
        late: Some(Duration::from_micros(45_100)),
        receive_drops: 1,
        stamps_lost: 2,
        send_errors: 3,
        clock_stepped: true,
        control_rtt: Some(us(2_100)),
        ..HostNoise::default()
    };
    assert_eq!(
        plain().own_noise(AT, &noise),
        "2023-11-14 22:13:20Z noise    this host disturbed its own measurement: late by 45.100 ms; its loopback took 2.100 ms; \
         1 packets dropped by a full receive queue; 3 probes not sent; 2 answers without usable kernel stamps; its clock \
         was stepped\n"
    );
    assert_eq!(
        plain().more_own_noise(AT, 12, Duration::from_millis(64)),
        "2023-11-14 22:13:20Z noise    this host disturbed its own measurement 12 times more: late by up to 64.000 ms\n"
    );
}

#[test]
fn the_time_is_the_readers() {
    let text = RunText {
        zone: tz::offset(2).to_time_zone(),
        ..plain()
    };
    let line = text.notice(AT, &notice(NoticeKind::Start, Severity::Info));
    assert_eq!(line, "2023-11-15 00:13:20 start    so it is\n");
}

#[test]
fn colour_adds_nothing_but_colour() {
    let colored = RunText {
        style: Style {
            color: true,
            charset: Charset::Ascii,
        },
        ..plain()
    };
    let incident = shared(1, 2);
    let (with, without) = (
        colored.incident(AT, Stage::Open, &incident),
        plain().incident(AT, Stage::Open, &incident),
    );
    assert_eq!(with.replace("\u{1b}[38;5;9m", "").replace("\u{1b}[39m", ""), without);
    assert!(with.contains("\u{1b}[38;5;9mINCIDENT"), "{with:?}");
}

#[test]
fn times_keep_two_digits() {
    for (ms, text) in [
        (0, "0 ms"),
        (40, "40 ms"),
        (4_250, "4.25 s"),
        (9_999, "9.999 s"),
        (10_999, "10 s"),
        (119_000, "119 s"),
        (120_000, "2 min"),
        (7_199_000, "119 min"),
        (7_200_000, "2 h"),
        (172_800_000, "2 days"),
    ] {
        assert_eq!(lasted(Duration::from_millis(ms)), text);
    }
}

proptest! {
    #[test]
    fn no_name_and_no_sentence_reaches_the_terminal_as_more_than_text(name: String, message: String, utf8: bool) {
        let charset = if utf8 { Charset::Utf8 } else { Charset::Ascii };
        let text = RunText { style: Style { charset, ..Style::PLAIN }, ..plain() };
        let series = Series { target: name.clone().into(), ..app01() };
        let incident = Incident { message: message.clone(), ..shared(1, 1) };
        let resolve = Resolve { severity: Severity::Info, message: &message, dropped_before: 0, target: &name, addresses: &[] };
        for line in [
            text.incident(AT, Stage::Open, &incident),
            text.degraded(AT, &series, &degradation(Cause::Silent)),
            text.jittery(AT, &series, 0.1),
            text.level_shift(AT, &series, us(1), us(2)),
            text.resolve(AT, &resolve),
        ] {
            let (body, newline) = line.split_at(line.len() - 1);
            prop_assert_eq!(newline, "\n");
            prop_assert_eq!(clean(body, charset), body);
        }
    }
}
