//! Whole engines side by side: how many probes a second one core carries, and what each probe costs.
//!
//! Every contender is a process of its own, pinned to the same core, timed from its start to its end, its cost read from
//! `wait4`. The floor is a bare sendmmsg/recvmmsg loop that takes both kernel stamps and does nothing with the RTT but
//! store it. Rounds are interleaved, so that a slow minute of the machine is everybody's.
#![expect(unsafe_code, reason = "the floor is made of bare system calls")]
#![expect(clippy::disallowed_methods, reason = "a bench reads the clock")]
#![expect(clippy::disallowed_macros, reason = "a bench prints")]

mod contenders;
mod floor;
#[path = "../support/mod.rs"]
#[allow(dead_code, reason = "each bench uses its own part of it")]
mod support;

use std::mem::discriminant;
use std::process::ExitCode;

use contenders::{Contender, Length, Sample};
use support::figures::{float, median, shown};
use support::lab::{Form, inside_namespace, not_measured};
use support::{child, sys};

fn main() -> ExitCode {
    if let Some(part) = child::part_of_this_process() {
        return contenders::run_part(&part);
    }
    inside_namespace(bench)
}

fn bench(form: Form) -> anyhow::Result<()> {
    let core = sys::last_core();
    sys::pin_to_core(core)?;
    println!(
        "every contender pinned to core {core}; rounds interleaved; medians over {} rounds",
        rounds(form)
    );
    for targets in [1, 1_000, 10_000] {
        compare(form, targets)?;
    }
    Ok(())
}

/// One number of targets: all contenders, round by round, then the table.
fn compare(form: Form, targets: u32) -> anyhow::Result<()> {
    println!("\n{targets} targets");
    let contenders = best_settings(form, targets)?;
    let mut samples: Vec<Vec<Sample>> = vec![Vec::new(); contenders.len()];
    for _ in 0..rounds(form) {
        for (contender, samples) in contenders.iter().zip(&mut samples) {
            samples.push(contender.run(Length::Measured)?);
        }
    }
    println!(
        "{:<34} {:>10} {:>10} {:>9} {:>9} {:>10} {:>8} {:>8} {:>10} {:>10}",
        "engine", "probes", "probes/s", "user us", "sys us", "not recvd", "/floor", "/surge", "cpu/floor", "cpu/surge"
    );
    let rate_of = |is_it: fn(&Contender) -> bool| {
        let place = contenders.iter().position(is_it);
        place.map(|index| Rate::of(&samples[index])).unwrap_or_default()
    };
    let floor = rate_of(|contender| matches!(contender, Contender::Floor { .. }));
    let surge = rate_of(|contender| matches!(contender, Contender::Surge { .. }));
    for (contender, samples) in contenders.iter().zip(&samples) {
        print_row(contender, samples, floor, surge);
    }
    let ours = contenders
        .iter()
        .position(|contender| matches!(contender, Contender::Ours { .. }));
    let missing = ours.map_or(0, |index| not_received(&samples[index]));
    anyhow::ensure!(
        missing == 0,
        "pathjitter missed {missing} replies on loopback, where none is lost"
    );
    Ok(())
}

/// A short trial of every setting; the best of each engine, by probes per second of processor time, goes on to be measured.
fn best_settings(form: Form, targets: u32) -> anyhow::Result<Vec<Contender>> {
    let mut best: Vec<(Contender, f64)> = Vec::new();
    for contender in contenders::all(form, targets) {
        let rate = match contender.run(Length::Trial) {
            Ok(sample) => Rate::of(&[sample]).per_cpu_second.unwrap_or(0.0),
            Err(error) => {
                not_measured(&contender.label(), &format!("{error:#}"))?;
                continue;
            }
        };
        match best
            .iter_mut()
            .find(|(other, _)| discriminant(other) == discriminant(&contender))
        {
            Some(kept) if kept.1 < rate => *kept = (contender, rate),
            Some(_) => {}
            None => best.push((contender, rate)),
        }
    }
    Ok(best.into_iter().map(|(contender, _)| contender).collect())
}

/// One line. The `cpu` ratios compare probes per second of processor time: what the wall ratios would be on a core that
/// nobody else uses.
fn print_row(contender: &Contender, samples: &[Sample], floor: Rate, surge: Rate) {
    let own = Rate::of(samples);
    let ratio = |value: Option<f64>, base: Option<f64>| shown(value.zip(base).map(|(value, base)| value / base), 2);
    println!(
        "{:<34} {:>10} {:>10} {:>9} {:>9} {:>10} {:>8} {:>8} {:>10} {:>10}",
        contender.label(),
        samples.first().map_or(0, |sample| sample.sent),
        shown(own.per_second, 0),
        shown(median_of(samples, Sample::user_us), 2),
        shown(median_of(samples, Sample::system_us), 2),
        not_received(samples),
        ratio(own.per_second, floor.per_second),
        ratio(own.per_second, surge.per_second),
        ratio(own.per_cpu_second, floor.per_cpu_second),
        ratio(own.per_cpu_second, surge.per_cpu_second),
    );
}

/// Medians over the rounds of one contender.
#[derive(Clone, Copy, Debug, Default)]
struct Rate {
    per_second: Option<f64>,
    per_cpu_second: Option<f64>,
}

impl Rate {
    fn of(samples: &[Sample]) -> Self {
        Self {
            per_second: median_of(samples, |sample| float(sample.sent) / sample.wall.as_secs_f64()),
            per_cpu_second: median_of(samples, |sample| {
                float(sample.sent) / (sample.user + sample.system).as_secs_f64()
            }),
        }
    }
}

fn not_received(samples: &[Sample]) -> u64 {
    samples
        .iter()
        .map(|sample| sample.sent.saturating_sub(sample.received))
        .sum()
}

fn median_of(samples: &[Sample], figure: impl Fn(&Sample) -> f64) -> Option<f64> {
    median(&samples.iter().map(figure).collect::<Vec<_>>())
}

impl Sample {
    fn user_us(&self) -> f64 {
        self.user.as_secs_f64() * 1e6 / float(self.sent)
    }

    fn system_us(&self) -> f64 {
        self.system.as_secs_f64() * 1e6 / float(self.sent)
    }
}

fn rounds(form: Form) -> u32 {
    form.pick(5, 1)
}
