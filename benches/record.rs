//! What it costs to keep statistics: per value of a histogram in both of its forms, and per probe of a window.
//!
//! The bar is 134,000 probes/s on one core, 7.5 us each, of which recording should be noise.

use std::hint::black_box;
use std::time::Duration;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use pathjitter::outcome::{Answer, Answered, Event, Fate, InTime, StampSource, Timing, What};
use pathjitter::stats::{Histogram, Lateness, WindowOptions, WindowStats};
use pathjitter::units::{Mono, ProbeSeq, Rtt, SeriesId};

/// Values per round: enough that branch prediction can't learn their order.
const VALUES: u64 = 65_536;

/// `VALUES` times from `low` on, spread evenly and without order over `width` ns.
fn spread(low: u64, width: u64) -> Vec<Rtt> {
    let random = (0..VALUES).map(|i| mixed(i) >> 32);
    random
        .map(|random| Rtt::from_nanos(low + random * width / (1 << 32)))
        .collect()
}

/// The mixing steps of `SplitMix64`. A mere multiple would leave neighbours at a constant distance, and so make IPDV cost nothing.
fn mixed(n: u64) -> u64 {
    let n = n.wrapping_add(1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    let n = (n ^ (n >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let n = (n ^ (n >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    n ^ (n >> 31)
}

fn histogram(c: &mut Criterion) {
    let mut group = c.benchmark_group("histogram");
    group.throughput(Throughput::Elements(VALUES));
    let shapes = [
        ("sparse, 300 cells", spread(600_000, 150_000)),
        ("sparse, 1900 cells over 9 octaves", thinned(&spread(1_000, 800_000))),
        ("dense, 3 octaves", spread(3_000, 20_000)),
        ("dense, 16 octaves", spread(1_000, 60_000_000)),
    ];
    for (name, values) in shapes {
        let mut warm = Histogram::new();
        record_all(&mut warm, &values);
        let cells = warm.cells().count();
        group.bench_function(format!("{name} ({cells} cells, {} bytes)", warm.heap_bytes()), |b| {
            b.iter(|| record_all(&mut warm, &values));
        });
        group.bench_function(format!("{name}, from empty"), |b| {
            b.iter(|| {
                let mut fresh = Histogram::new();
                record_all(&mut fresh, &values);
                fresh
            });
        });
    }
    group.finish();
}

fn record_all(histogram: &mut Histogram, values: &[Rtt]) {
    for value in values {
        histogram.record(black_box(*value));
    }
}

/// The same number of values, of 1,900 distinct ones.
fn thinned(values: &[Rtt]) -> Vec<Rtt> {
    values.iter().take(1_900).cycle().take(values.len()).copied().collect()
}

fn window(c: &mut Criterion) {
    let mut group = c.benchmark_group("window");
    for (name, rtts, user_rtt) in [
        ("quiet series", spread(600_000, 150_000), false),
        ("flood on loopback", spread(3_000, 20_000), false),
        ("flood on loopback, with user space RTTs", spread(3_000, 20_000), true),
    ] {
        let events: Vec<Event> = rtts.iter().zip(0..).flat_map(|(rtt, seq)| probe(seq, *rtt)).collect();
        let stamp = StampSource::Kernel;
        let mut window = WindowStats::new(WindowOptions { stamp, user_rtt });
        record_events(&mut window, &events);
        group.throughput(Throughput::Elements(VALUES));
        group.bench_function(format!("{name} ({} bytes)", window.heap_bytes()), |b| {
            b.iter(|| record_events(&mut window, &events));
        });
        group.throughput(Throughput::Elements(1));
        group.bench_function(format!("{name}, one summary"), |b| {
            b.iter(|| black_box(&window).summary());
        });
    }
    group.finish();
}

fn record_events(window: &mut WindowStats, events: &[Event]) {
    for event in events {
        window.record(black_box(event));
    }
}

/// The three events of a probe that is answered.
fn probe(seq: u64, rtt: Rtt) -> [Event; 3] {
    let source = StampSource::Kernel;
    let timing = Timing { rtt, source };
    let answered = Answered {
        answer: Answer::Reply,
        timing,
        user_rtt: Rtt::from_nanos(rtt.as_nanos() + 10_000),
        in_time: InTime::Yes,
        timed_out: false,
        reordered: false,
        ttl: Some(64),
        bytes: 64,
        stamp_loss: None,
        from: None,
        told: None,
    };
    let late_by = Duration::from_micros(seq % 100);
    [
        What::Sent { late_by },
        What::Answered(answered),
        What::Settled(Fate::Received(timing)),
    ]
    .map(|what| Event {
        series: SeriesId::new(0),
        seq: ProbeSeq::new(seq),
        sent_at: Mono::from_nanos(seq),
        what,
    })
}

fn lateness(c: &mut Criterion) {
    let values = spread(0, 100_000);
    let mut lateness = Lateness::default();
    let mut group = c.benchmark_group("lateness");
    group.throughput(Throughput::Elements(VALUES));
    group.bench_function("record", |b| {
        b.iter(|| {
            for value in &values {
                lateness.record(Duration::from_nanos(black_box(value.as_nanos())));
            }
        });
    });
    group.finish();
}

criterion_group!(benches, histogram, window, lateness);
criterion_main!(benches);
