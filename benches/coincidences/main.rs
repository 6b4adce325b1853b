//! wip
#![expect(clippy::disallowed_macros, reason = "a bench prints")]
mod judges;
#[path = "../support/lab.rs"]
#[allow(dead_code, reason = "nothing here needs a network")]
mod lab;
mod noise;
use judges::*;
use noise::*;
use pathjitter::units::Mono;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use std::process::ExitCode;

fn main() -> ExitCode {
    let args: Vec<f64> = std::env::args().skip(1).filter_map(|a| a.parse().ok()).collect();
    let (n, every, days, seeds) = (args[0] as u32, args[1], args[2], args[3] as u64);
    let mut total = 0;
    let mut naive = 0;
    for seed in 0..seeds {
        let (a, b) = run(n, every, days, seed);
        total += a;
        naive += b;
    }
    let months = days * seeds as f64 / 30.0;
    println!(
        "N={n} every={every}s: {total} in {months:.2} months: {:.2}/30d; buckets {:.0}",
        total as f64 / months,
        naive as f64 / months
    );
    ExitCode::SUCCESS
}
fn run(n: u32, every: f64, days: f64, seed: u64) -> (usize, usize) {
    let mut ours = Ours::new(n);
    let mut buckets = Buckets::new(2);
    let mut noise: Vec<Noise> = (0..n)
        .map(|i| {
            Noise::new(
                FAMILIES[i as usize % 5],
                every * 5.0,
                ChaCha8Rng::seed_from_u64(seed * 1000 + i as u64),
            )
        })
        .collect();
    let slots = (days * 86400.0 * 5.0) as u64;
    for slot in 0..slots {
        for i in 0..n {
            let at = Mono::from_nanos(slot * 200_000_000 + u64::from(i) * 200_000_000 / u64::from(n) + 1);
            let s = noise[i as usize].next();
            ours.probe(i, slot, at, s);
            if s.is_some() {
                buckets.spike(i as usize, at);
            }
        }
        ours.turn(Mono::from_nanos((slot + 1) * 200_000_000));
    }
    (ours.opened.len(), buckets.opened.len())
}
