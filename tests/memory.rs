//! What a series costs in memory: bounded by the number of series, not by time or loss.

use std::time::Duration;

use pathjitter::clock::ClockEpoch;
use pathjitter::engine::{Admission, Arrival, Measured, Prober};
use pathjitter::outcome::{Answer, Proto, StampSource};
use pathjitter::series::Pace;
use pathjitter::stats::{WindowOptions, WindowStats};
use pathjitter::units::{Mono, Wall};

const SERIES: usize = 10_000;
const PROBES: u64 = 60;
const PER_SERIES: usize = 15 << 10;

/// Windows are alike: these many stand for all.
const WINDOWS: usize = 100;

fn prober() -> Prober {
    let mut prober = Prober::new(None);
    for _ in 0..SERIES {
        prober.admit(
            Mono::from_nanos(0),
            Admission {
                proto: Proto::Icmp,
                pace: Pace {
                    interval: Duration::from_secs(1),
                    timeout: Duration::from_secs(1),
                    count: None,
                },
                stamp: StampSource::Kernel,
                memory: 60,
                window: 2,
            },
        );
    }
    prober
}

fn windows() -> Vec<WindowStats> {
    let options = WindowOptions {
        stamp: StampSource::Kernel,
        user_rtt: false,
    };
    vec![WindowStats::new(options); WINDOWS]
}

/// Probes for a minute. `rtt_us` is the round trip of the n-th answer; `None` is none.
fn probe(prober: &mut Prober, windows: &mut [WindowStats], rtt_us: impl Fn(u64) -> Option<u64>) {
    let mut answers = 0;
    for step in 0..PROBES * STEPS_PER_SECOND {
        let now = Mono::from_nanos(step * (1_000_000_000 / STEPS_PER_SECOND));
        prober.handle_deadline(now);
        while let Some(due) = prober.poll_due(now, ClockEpoch::default(), |_, _| 0) {
            prober.handle_sent(due);
            prober.handle_tx_stamp(due.series, due.seq, Wall::from_nanos(1));
            answers += 1;
            if let Some(rtt_us) = rtt_us(answers) {
                let arrival = Arrival {
                    at: now.after(Duration::from_micros(rtt_us + 20)),
                    epoch: ClockEpoch::default(),
                    measured: Measured::Stamps {
                        rx: Some(Wall::from_nanos(1 + rtt_us * 1_000)),
                    },
                    ttl: None,
                    bytes: 64,
                    from: None,
                    told: None,
                };
                prober.handle_answer(due.series, due.seq, Answer::Reply, arrival);
            }
        }
        while let Some(event) = prober.poll_event() {
            if let Some(window) = windows.get_mut(event.series.index()) {
                window.record(&event);
            }
        }
    }
}

const STEPS_PER_SECOND: u64 = 100;

fn bytes_per_series(prober: &Prober, windows: &[WindowStats]) -> usize {
    let windows: usize = windows
        .iter()
        .map(|window| size_of::<WindowStats>() + window.heap_bytes())
        .sum();
    prober.heap_bytes() / SERIES + windows / WINDOWS
}

#[test]
fn a_quiet_series_takes_less_than_fifteen_kibibytes() {
    let (mut prober, mut windows) = (prober(), windows());
    // 500 us and a tenth of it as jitter, in no order.
    probe(&mut prober, &mut windows, |n| {
        Some(500 + n.wrapping_mul(0x9e37_79b9) % 100 - 50)
    });
    let received: u64 = windows.iter().map(|window| window.summary().counts.received).sum();
    assert!(received >= (PROBES - 1) * WINDOWS as u64, "{received} replies");
    let bytes = bytes_per_series(&prober, &windows);
    assert!(bytes <= PER_SERIES, "{bytes} bytes a series");
}

#[test]
fn a_dead_series_takes_less_than_fifteen_kibibytes() {
    let (mut prober, mut windows) = (prober(), windows());
    probe(&mut prober, &mut windows, |_| None);
    let lost: u64 = windows.iter().map(|window| window.summary().counts.lost).sum();
    assert!(lost >= (PROBES - 3) * WINDOWS as u64, "{lost} lost");
    let bytes = bytes_per_series(&prober, &windows);
    assert!(bytes <= PER_SERIES, "{bytes} bytes a series");
}
