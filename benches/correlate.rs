//! How many recorded lines a core judges in a second: the bar is ten million a minute.
//!
//! A log is made by the writer of the program: 100 targets by ICMP every 200 ms and SYN every second, three minutes of them in the short form. RTTs are drawn with
//! some noise; a burst of 30 ms hits ten targets once a minute. Reading from memory, so that no disk is measured.
#![expect(clippy::disallowed_macros, reason = "a bench prints")]
#![expect(clippy::disallowed_methods, reason = "a bench reads a clock")]

use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use pathjitter::correlate::{CoincidenceOptions, TroubleOptions};
use pathjitter::diagnose::{MonitorOptions, Role, Watched};
use pathjitter::outcome::{Answer, Answered, Event, InTime, StampSource, Timing, What};
use pathjitter::replay::Replay;
use pathjitter::report::{JsonLines, RunIdentity};
use pathjitter::series::{Endpoint, Series};
use pathjitter::units::{Mono, ProbeSeq, Rtt, SeriesId, Wall};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use uuid::Uuid;

const TARGETS: u8 = 100;

/// Ten million a minute.
const BAR: f64 = 10e6 / 60.0;

fn main() -> ExitCode {
    let seconds = if std::env::args().any(|arg| arg == "--test") {
        20
    } else {
        300
    };
    let log = log(seconds);
    let lines = log.split_inclusive(|byte| *byte == b'\n').count();
    let began = Instant::now();
    let mut replay = Replay::new(options(), None);
    for line in log.split_inclusive(|byte| *byte == b'\n') {
        replay.take(line);
    }
    replay.close();
    let took = began.elapsed().as_secs_f64();
    let incidents = std::iter::from_fn(|| replay.poll()).count();
    let rate = f64::from(u32::try_from(lines).unwrap_or(u32::MAX)) / took;
    println!(
        "{lines} lines of {} bytes, {incidents} said of incidents: {rate:.0} lines/s, {:.1} million a minute; the bar is 10",
        log.len() / lines.max(1),
        rate * 60.0 / 1e6
    );
    if rate >= BAR || cfg!(debug_assertions) {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

fn options() -> MonitorOptions {
    MonitorOptions {
        coincidences: CoincidenceOptions {
            false_alarms_per_30_days: 1.0,
        },
        troubles: TroubleOptions {
            false_alarms_per_30_days: 1.0,
        },
        sweep: None,
        slot: Duration::from_millis(10),
    }
}

/// What `run --each` writes.
fn log(seconds: u64) -> Vec<u8> {
    let mut lines = JsonLines::new(RunIdentity::new("lb1", Uuid::from_u128(1)));
    let mut random = ChaCha8Rng::seed_from_u64(1);
    let mut log = Vec::new();
    let mut all: Vec<(Series, Duration, u64)> = Vec::new();
    for target in 0..TARGETS {
        for (endpoint, ms) in [(Endpoint::Icmp, 200), (Endpoint::Tcp(443), 1_000)] {
            let series = Series {
                target: Arc::from(format!("app{target:03}")),
                address: [10, 0, 0, target].into(),
                scope_id: 0,
                endpoint,
                flow: 0,
            };
            let watched = Watched {
                interval: Duration::from_millis(ms),
                timeout: Duration::from_secs(1),
                stamp: StampSource::Kernel,
                floor: 0.005,
            };
            let role = Role::Backend { group: None };
            log.extend_from_slice(lines.series(
                &series,
                &role,
                &watched,
                (wall(Mono::default()), Mono::default(), None),
            ));
            all.push((series, watched.interval, 0));
        }
    }
    for tick in 0..seconds * 5 {
        for (place, (series, interval, seq)) in (0_u32..).zip(&mut all) {
            if *interval > Duration::from_millis(200) && tick % 5 != 0 {
                continue;
            }
            let sent_at = Mono::from_nanos(tick * 200_000_000 + u64::from(place) * 900_000);
            let is_hit = place < 20 && tick % 300 > 290;
            let rtt = 400_000 + random.random_range(0..100_000) + if is_hit { 30_000_000 } else { 0 };
            let event = Event {
                series: SeriesId::new(place),
                seq: ProbeSeq::new(*seq),
                sent_at,
                what: What::Answered(answered(rtt)),
            };
            *seq += 1;
            log.extend_from_slice(lines.probe(wall(sent_at), series, &event).unwrap_or_default());
        }
    }
    log
}

fn answered(rtt: u64) -> Answered {
    Answered {
        answer: Answer::Reply,
        timing: Timing {
            rtt: Rtt::from_nanos(rtt),
            source: StampSource::Kernel,
        },
        user_rtt: Rtt::from_nanos(rtt + 20_000),
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

fn wall(at: Mono) -> Wall {
    Wall::from_nanos(1_700_000_400_000_000_000 + at.as_nanos())
}
