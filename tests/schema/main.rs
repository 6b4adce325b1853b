//! The shipped JSON Schema against lines as they are really written, and against lines that must be refused.

mod events;
mod incident_props;
mod incidents;
mod props;
mod recorded;
mod refusals;
mod spikes;
mod traces;
mod windows;

use std::sync::LazyLock;
use std::time::Duration;

use jsonschema::Validator;
use pathjitter::outcome::{Answer, Answered, Event, InTime, StampSource, Timing, What};
use pathjitter::report::{Completeness, HostTrouble, JsonLines, RunIdentity, SCHEMA_TEXT, WindowReport};
use pathjitter::series::{Endpoint, Series};
use pathjitter::stats::{Counts, IpdvSummary, LatenessSummary, Proportion, RttSummary, Summary};
use pathjitter::units::{Mono, ProbeSeq, Rtt, SeriesId, Wall};
use serde_json::Value;
use uuid::Uuid;

static SCHEMA: LazyLock<Validator> = LazyLock::new(|| {
    let schema: Value = serde_json::from_str(SCHEMA_TEXT).expect("the schema is JSON");
    jsonschema::validator_for(&schema).expect("the schema is a schema")
});

const AT: Wall = Wall::from_nanos(1_700_000_000_123_456_789);

fn lines() -> JsonLines {
    JsonLines::new(RunIdentity::new("lb1", Uuid::from_u128(7)))
}

/// Parses one line, after checking that it is one and that the schema takes it.
fn checked(line: &[u8]) -> Value {
    assert_eq!(
        line.iter().position(|byte| *byte == b'\n'),
        Some(line.len() - 1),
        "one newline, at the end"
    );
    let value: Value = serde_json::from_slice(line).expect("a line is JSON");
    let errors: Vec<String> = SCHEMA
        .iter_errors(&value)
        .map(|error| format!("{error} at {}", error.instance_path()))
        .collect();
    assert!(errors.is_empty(), "{errors:?} in {value}");
    value
}

fn tcp_series() -> Series {
    Series {
        target: "app01".into(),
        address: "10.10.1.11".parse().unwrap(),
        scope_id: 0,
        endpoint: Endpoint::Tcp(8080),
        flow: 2,
    }
}

fn icmp_series() -> Series {
    Series {
        address: "2001:db8::1".parse().unwrap(),
        endpoint: Endpoint::Icmp,
        flow: 0,
        ..tcp_series()
    }
}

fn us(micros: u64) -> Rtt {
    Rtt::from(Duration::from_micros(micros))
}

/// The figures of 50 SYNs of which one was lost.
fn summary() -> Summary {
    let rtt = RttSummary {
        min: Rtt::from_nanos(389_123),
        mean_us: 2_108.7,
        p50: us(401),
        p90: us(402),
        p99: Rtt::from_nanos(84_312_416),
        p999: Rtt::from_nanos(84_312_416),
        max: Rtt::from_nanos(84_400_001),
        stddev_us: 0.1 + 0.2,
        mdev_us: f64::NAN,
    };
    Summary {
        counts: Counts {
            sent: 50,
            received: 49,
            lost: 1,
            ..Counts::default()
        },
        loss: Some(Proportion {
            ratio: 0.02,
            low: 0.003_539,
            high: 0.104_952,
        }),
        rtt: Some(rtt),
        refused_rtt: None,
        user_rtt: Some(rtt),
        jitter_rfc3550_us: Some(5_210.3),
        ipdv: Some(IpdvSummary {
            p50: us(12),
            p99: us(83_911),
        }),
        loss_burst_max: 1,
        stamp: StampSource::Kernel,
        stamps_lost: 0,
        send_late: Some(LatenessSummary {
            p99: Duration::from_micros(61),
            max: Duration::from_micros(80),
        }),
        rtt_cells: vec![(389_120, 20), (401_408, 28), (84_279_296, 1)],
        ipdv_cells: Vec::new(),
        send_late_cells: Vec::new(),
    }
}

fn report<'a>(series: &'a Series, summary: &'a Summary) -> WindowReport<'a> {
    WindowReport {
        series,
        group: None,
        labels: &[],
        summary,
        start: Wall::from_nanos(1_700_000_000_000_000_000),
        length: Duration::from_secs(10),
        completeness: Completeness::Complete,
        host: HostTrouble::default(),
    }
}

fn window_line() -> Value {
    checked(lines().window(AT, &report(&tcp_series(), &summary())))
}

fn probe_line(series: &Series, what: What) -> Option<Value> {
    let event = Event {
        series: SeriesId::new(0),
        seq: ProbeSeq::new(46),
        sent_at: Mono::from_nanos(5),
        what,
    };
    lines().probe(AT, series, &event).map(checked)
}

fn reply() -> Answered {
    Answered {
        answer: Answer::Reply,
        timing: Timing {
            rtt: Rtt::from_nanos(412_345),
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
