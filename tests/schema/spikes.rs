//! Lines of one series that leaves its own normal, and of the host that measures it.

use std::time::Duration;

use pathjitter::detect::{Cause, Detector, Kind, Level, SpikeEnd, Watch};
use pathjitter::outcome::{Answered, Event, StampSource, Timing, What};
use pathjitter::report::{Degradation, HostNoise};
use pathjitter::units::{Mono, ProbeSeq, SeriesId, Wall};
use serde_json::{Value, json};

use super::{AT, SCHEMA, checked, icmp_series, lines, reply, tcp_series, us};

/// 12 s before [`AT`].
const BEFORE: Wall = Wall::from_nanos(1_699_999_988_123_456_789);

/// What the detector makes of 30 replies after 400 us.
fn level() -> Level {
    let series = SeriesId::new(0);
    let mut detector = Detector::new();
    detector.admit(
        series,
        Watch {
            interval: Duration::from_millis(200),
            timeout: Duration::from_secs(1),
            stamp: StampSource::Kernel,
        },
    );
    for n in 0..30 {
        let sent_at = Mono::from_nanos(n * 200_000_000);
        let late_by = Duration::ZERO;
        let timing = Timing {
            rtt: us(400),
            source: StampSource::Kernel,
        };
        for what in [What::Sent { late_by }, What::Answered(Answered { timing, ..reply() })] {
            detector.handle_event(&Event {
                series,
                seq: ProbeSeq::new(n),
                sent_at,
                what,
            });
        }
    }
    detector.level(series).expect("a level after 20 replies")
}

fn spike_end(kind: Kind) -> SpikeEnd {
    SpikeEnd {
        kind,
        probes: 7,
        peak: (kind == Kind::Rtt).then(|| us(84_312)),
        shifted: false,
    }
}

/// One line of each event, with everything present that can be.
pub(crate) fn state_lines() -> Vec<Value> {
    let series = tcp_series();
    let (level, mut lines) = (Some(level()), lines());
    vec![
        checked(lines.spike_start(AT, &series, Kind::Rtt, level)),
        checked(lines.spike_end(AT, &series, level, &spike_end(Kind::Rtt))),
        checked(lines.level_shift(AT, &series, us(400), us(2_400))),
        checked(lines.degraded(AT, &series, &degradation(Some(AT)))),
        checked(lines.jittery(AT, &series, BEFORE, 0.031)),
        checked(lines.own_noise(AT, &noise())),
    ]
}

fn degradation(until: Option<Wall>) -> Degradation {
    Degradation {
        cause: Cause::Frequent,
        since: BEFORE,
        until,
        ratio: Some(0.15),
    }
}

fn noise() -> HostNoise {
    HostNoise {
        from: BEFORE,
        to: AT,
        late: Some(Duration::from_micros(45_100)),
        receive_drops: 1,
        stamps_lost: 2,
        send_errors: 3,
        clock_stepped: true,
        control_rtt: Some(us(2_100)),
    }
}

#[test]
fn lines_of_states_have_the_fields_of_the_contract_and_no_others() {
    let common = "timestamp schema event vantage run_id seq";
    let series = "target address port family proto flow";
    let contract = [
        "kind baseline_us threshold_us peak_us probes shifted",
        "kind baseline_us threshold_us peak_us probes shifted",
        "kind baseline_us to_us",
        "cause since until rate",
        "since rate",
        "from to late_us receive_drops stamps_lost send_error clock_stepped control_rtt_us",
    ];
    for (line, fields) in state_lines().iter().zip(contract) {
        let of_series = if line["event"] == "own_noise" { "" } else { series };
        let mut expected: Vec<_> = [common, of_series, fields]
            .iter()
            .flat_map(|words| words.split_whitespace())
            .collect();
        expected.sort_unstable();
        let found: Vec<_> = line.as_object().unwrap().keys().map(String::as_str).collect();
        assert_eq!(found, expected, "{}", line["event"]);
    }
}

#[test]
fn an_episode_says_what_is_normal_and_in_the_end_how_bad_it_was() {
    let (series, level) = (icmp_series(), level());
    let start = checked(lines().spike_start(AT, &series, Kind::Rtt, Some(level)));
    let end = checked(lines().spike_end(AT, &series, Some(level), &spike_end(Kind::Rtt)));
    for line in [&start, &end] {
        assert_eq!(line["kind"], "rtt");
        assert_eq!(line["baseline_us"], json!(level.baseline.as_micros()));
        assert_eq!(line["threshold_us"], json!(level.threshold.as_micros()));
    }
    assert_eq!((&start["peak_us"], &start["probes"]), (&Value::Null, &Value::Null));
    assert_eq!((&end["peak_us"], &end["probes"]), (&json!(84_312.0), &json!(7)));
    assert_eq!(end["shifted"], false);
    assert_eq!(
        (&start["event"], &end["event"]),
        (&json!("spike_start"), &json!("spike_end"))
    );
}

#[test]
fn an_episode_without_rtts_has_no_peak_and_a_young_series_no_level() {
    for (kind, word) in [(Kind::Loss, "loss"), (Kind::Refused, "refused")] {
        let start = checked(lines().spike_start(AT, &tcp_series(), kind, None));
        let end = checked(lines().spike_end(AT, &tcp_series(), None, &spike_end(kind)));
        for line in [start, end] {
            assert_eq!(line["kind"], word);
            for field in ["baseline_us", "threshold_us", "peak_us"] {
                assert_eq!(line[field], Value::Null, "{field}");
            }
        }
    }
}

#[test]
fn a_shift_names_both_medians() {
    let line = checked(lines().level_shift(AT, &tcp_series(), us(400), us(2_400)));
    assert_eq!((&line["baseline_us"], &line["to_us"]), (&json!(400.0), &json!(2_400.0)));
    assert_eq!((&line["event"], &line["kind"]), (&json!("level_shift"), &json!("rtt")));
}

#[test]
fn a_state_tells_its_end_in_a_second_line() {
    let lasting = checked(lines().degraded(BEFORE, &tcp_series(), &degradation(None)));
    let over = checked(lines().degraded(AT, &tcp_series(), &degradation(Some(AT))));
    assert_eq!(lasting["since"], "2023-11-14T22:13:08.123456Z");
    assert_eq!(lasting["until"], Value::Null);
    assert_eq!(over["since"], lasting["since"]);
    assert_eq!(over["until"], "2023-11-14T22:13:20.123456Z");
    assert_eq!(over["rate"], 0.15);
    for (cause, word) in [
        (Cause::Frequent, "frequent"),
        (Cause::Silent, "silent"),
        (Cause::Refusing, "refusing"),
    ] {
        let degradation = Degradation {
            cause,
            ratio: None,
            ..degradation(None)
        };
        let line = checked(lines().degraded(AT, &tcp_series(), &degradation));
        assert_eq!((&line["cause"], &line["rate"]), (&json!(word), &Value::Null));
    }
}

#[test]
fn noise_of_this_host_is_told_with_its_evidence() {
    let line = checked(lines().own_noise(AT, &noise()));
    let expected = [
        ("from", json!("2023-11-14T22:13:08.123456Z")),
        ("to", json!("2023-11-14T22:13:20.123456Z")),
        ("late_us", json!(45_100.0)),
        ("receive_drops", json!(1)),
        ("stamps_lost", json!(2)),
        ("send_error", json!(3)),
        ("clock_stepped", json!(true)),
        ("control_rtt_us", json!(2_100.0)),
    ];
    for (field, value) in expected {
        assert_eq!(line[field], value, "{field}");
    }
    let quiet = checked(lines().own_noise(AT, &HostNoise::default()));
    assert_eq!(
        (&quiet["late_us"], &quiet["control_rtt_us"]),
        (&Value::Null, &Value::Null)
    );
}

#[test]
fn what_a_state_can_not_be_is_refused() {
    let wrong = [
        ("spike_start", "peak_us", json!(1.0)),
        ("spike_start", "probes", json!(1)),
        ("spike_start", "kind", json!("jitter")),
        ("spike_end", "probes", Value::Null),
        ("spike_end", "shifted", Value::Null),
        ("spike_end", "port", Value::Null),
        ("spike_end", "proto", json!("udp")),
        ("level_shift", "kind", json!("loss")),
        ("level_shift", "to_us", Value::Null),
        ("degraded", "cause", json!("old")),
        ("degraded", "since", Value::Null),
        ("degraded", "until", json!("2023-11-14T22:13:20Z")),
        ("degraded", "rate", json!(1.5)),
        ("jittery", "rate", json!(-0.1)),
        ("own_noise", "from", Value::Null),
        ("own_noise", "clock_stepped", json!(1)),
    ];
    let lines = state_lines();
    for (event, field, value) in wrong {
        let mut line = lines.iter().find(|line| line["event"] == event).unwrap().clone();
        line[field] = value;
        assert!(!SCHEMA.is_valid(&line), "{event}: {field}: {}", line[field]);
    }
}
