//! A month of a service that watches a hundred healthy backends: how often it raises an alarm over nothing, and what it needs.
//!
//! `cargo bench --bench soak` lets 30 days pass and is meant for the night; `-- DAYS SEED` fewer days, or other dice. In virtual time, at the level of
//! outcomes: windows and monitor are handed what the packet thread hands them, in its order. [`noise`] says how backends behave.
//!
//! | counted as | what |
//! |---|---|
//! | true | an incident of one backend, which something befell at that time |
//! | false | any other: nothing befell it, or it names several, for nothing that is common to two of them ever happens |
//!
//! Bars: no more false incidents than a budget of one in 30 days explains (a Poisson number of that mean is at most 5 in 99.9 % of months), and memory that
//! grows by less than 5 % after the first day.
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
use tally::Tally;

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
        "day", "probes", "windows", "RSS MiB", "ns/probe"
    );
    let mut month = Month::new(backends, seed, Backend::draw);
    let mut resident = Vec::new();
    for day in 1..=days {
        let (began, before) = (Instant::now(), month.probes);
        month.live(seconds);
        let each = began.elapsed().as_nanos() / u128::from((month.probes - before).max(1));
        resident.push(cost::resident_bytes());
        let mib = resident.last().unwrap_or(&0) >> 20;
        println!(
            "{day:>4} {:>14} {:>14} {mib:>8} {each:>10}",
            month.probes, month.closed_windows
        );
    }
    month.end();
    let tally = Tally::of(&month);
    print!("{tally}");
    let is_flat = resident.last() <= resident.first().map(|first| first + first / 20).as_ref();
    println!("memory: {}", if is_flat { "flat" } else { "GROWS" });
    tally.is_within_budget(days) && is_flat
}

fn verdict(met: bool) -> ExitCode {
    println!("bars: {}", if met { "met" } else { "MISSED" });
    if met { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
