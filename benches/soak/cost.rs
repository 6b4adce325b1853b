//! What a sample costs and what a series takes.

use std::time::Instant;

use rand_chacha::ChaCha8Rng;

use crate::lab::Form;
use crate::month::Month;
use crate::noise::Backend;

/// Prints both for backends as in the soak and for lossy ones, a thousand and more. Whether the bars are met.
pub(crate) fn measure(form: Form) -> bool {
    let (cases, seconds) = form.pick((&CASES[..], 120), (&SMALL[..], 10));
    println!(
        "\n{:>8} {:>8} {:>10} {:>16}",
        "series", "loss %", "ns/probe", "bytes/series"
    );
    let mut met = true;
    // None is dropped before the last is measured: what a freed one leaves to the allocator would hide what the next one takes.
    let mut kept = Vec::new();
    for &(backends, loss) in cases {
        let before = resident_bytes();
        let mut month = Month::new(backends, 1, |random: &mut ChaCha8Rng| {
            Backend::draw(random).losing(loss)
        });
        // Thresholds and windows are warm after that.
        month.live(seconds);
        let (began, probes) = (Instant::now(), month.probes);
        month.live(seconds);
        let each = began.elapsed().as_nanos() / u128::from((month.probes - probes).max(1));
        let bytes = resident_bytes().saturating_sub(before) / u64::from(2 * backends);
        println!("{:>8} {:>8} {each:>10} {bytes:>16}", 2 * backends, loss * 100.0);
        // The bars are for a thousand quiet backends; what others need is told beside.
        met &= loss > 0.0 || backends > BACKENDS || (bytes <= PER_SERIES && each <= PER_PROBE);
        kept.push(month);
    }
    println!(
        "bars, {BACKENDS} quiet backends: {PER_PROBE} ns and {PER_SERIES} bytes; a probe is drawn, sent, answered or given up, counted in a window and judged; memory is that of windows and judges"
    );
    met || form == Form::Smoke
}

/// What of this process is in memory, its program and libraries aside.
pub(crate) fn resident_bytes() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:"));
    let kib = line.and_then(|line| line.trim().strip_suffix(" kB")?.parse::<u64>().ok());
    kib.unwrap_or(0) << 10
}

/// As many as the bars are for.
const BACKENDS: u32 = 1_000;

/// Backends, and the share of probes that they lose besides.
const CASES: [(u32, f64); 4] = [(BACKENDS, 0.0), (BACKENDS, 0.05), (5_000, 0.0), (5_000, 0.05)];
const SMALL: [(u32, f64); 2] = [(100, 0.0), (100, 0.05)];

/// What a quiet series may take.
const PER_SERIES: u64 = 15 << 10;

/// What a probe may cost, ns, that of drawing it included.
const PER_PROBE: u128 = 2_000;
