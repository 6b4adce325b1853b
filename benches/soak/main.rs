//! A month of a service that watches a hundred healthy backends: how often it raises an alarm over nothing, and what it needs.
//!
//! `cargo bench --bench soak` lets 30 days pass and is meant for the night; `-- DAYS SEED BACKENDS` other days, dice and numbers. In virtual time, at the level of
//! outcomes: windows and monitor are handed what the packet thread hands them, in its order. [`noise`] says how backends behave.
//!
//! | counted as | what |
//! |---|---|
//! | true | an incident of one backend, which something befell at that time |
//! | false | any other: nothing befell it, or it names several, for nothing that is common to two of them ever happens |
//!
//! Bars: no more false incidents than a budget of one in 30 days explains (a Poisson number of that mean is at most 5 in 99.9 % of months), and memory that
//! grows by less than 5 % after the third day, when what is remembered of a day has been there twice.
//!
//! `-- cost` measures instead what a sample costs and what a series takes, quiet and lossy.
#![expect(
    clippy::disallowed_macros,
    clippy::disallowed_methods,
    reason = "a bench prints, and measures time"
)]

mod cost;
#[path = "../support/lab.rs"]
#[allow(dead_code, reason = "nothing here needs a network")]
mod lab;
mod month;
mod noise;
mod tally;

use std::process::ExitCode;
use std::time::Instant;

use lab::Form;
use month::Month;
use noise::Backend;

fn main() -> ExitCode {
    let form = Form::from_environment();
    let numbers: Vec<u64> = std::env::args().filter_map(|word| word.parse().ok()).collect();
    if std::env::args().any(|word| word == "cost") {
        return verdict(cost::measure(form));
    }
    let days = numbers.first().copied().unwrap_or(form.pick(30, 2));
    let seed = numbers.get(1).copied().unwrap_or(1);
    // A day of the short form is ten minutes of ten backends.
    let (backends, day) = form.pick((100, 86_400), (10, 600));
    let backends = numbers
        .get(2)
        .and_then(|count| u32::try_from(*count).ok())
        .unwrap_or(backends);
    let met = soak(backends, days, day, seed);
    if form == Form::Smoke {
        // Everything is too short to be judged, but that it ends.
        cost::measure(form);
        return ExitCode::SUCCESS;
    }
    verdict(met)
}

fn soak(backends: u32, days: u64, seconds: u64, seed: u64) -> bool {
    println!(
        "{backends} backends by ping at 5/s and by SYN at 1/s, {days} days of {seconds} s, seed {seed}; a budget of 1 false incident in 30 days"
    );
    println!(
        "{:>4} {:>14} {:>14} {:>8} {:>10}",
        "day", "probes", "windows", "KiB", "ns/probe"
    );
    let mut month = Month::new(backends, seed, Backend::draw);
    let mut resident = Vec::new();
    for day in 1..=days {
        let (began, before) = (Instant::now(), month.probes);
        month.live(seconds);
        let each = began.elapsed().as_nanos() / u128::from((month.probes - before).max(1));
        resident.push(cost::resident_bytes());
        let kib = resident.last().unwrap_or(&0) >> 10;
        println!(
            "{day:>4} {:>14} {:>14} {kib:>8} {each:>10}",
            month.probes, month.closed_windows
        );
    }
    month.end();
    let days_lived = month.days();
    println!("{}", month.tally.words(days_lived));
    let settled = resident.get(SETTLED).or(resident.first());
    let is_flat = resident.last() <= settled.map(|settled| settled + settled / 20).as_ref();
    println!("memory: {}", if is_flat { "flat" } else { "GROWS" });
    month.tally.is_within_budget(days) && is_flat
}

fn verdict(met: bool) -> ExitCode {
    println!("bars: {}", if met { "met" } else { "MISSED" });
    if met { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// The third day, by its place.
const SETTLED: usize = 2;
