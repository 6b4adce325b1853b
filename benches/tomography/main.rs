//! How often the part of the network that is at fault is found among many paths, with seeds, beside rules that people use.
//!
//! 20 backends, 4 flows to each, over a gateway, 4 spines, 4 aggregation and 5 top-of-rack routers; any router, link or backend may be at fault.
//!
//! - One fault: the first answer is right in at least 94 % where half or all of the probes are hit and 5 are sent on each path, and in at least 96 % where a fifth
//!   is hit and 20 are sent. Smaller shares are printed without a bar, with how often nothing is said.
//! - Two faults that hit half or more, 20 probes or more: at least 84 % of the answers are right, and at least 90 % of the faults are found.
//! - Without a fault nothing is blamed in at least 99 %.
//!
//! A router and a single link into it are one answer: what is said is where a segment ends, and behind which hop it begins.
//!
//! A bar is met if the estimate meets it; the 95 % intervals (Wilson) tell how much that is worth.
#![expect(clippy::disallowed_macros, reason = "a bench prints")]

mod judges;
#[path = "../support/lab.rs"]
#[allow(dead_code, reason = "nothing here needs a network")]
mod lab;
mod network;

use std::process::ExitCode;

use judges::{judge, part};
use lab::Form;
use network::{Scene, Setting};
use pathjitter::localize::{Part, Unit};
use pathjitter::stats::Proportion;

const JUDGES: [&str; 3] = ["ours", "007 vote", "all bad share it"];

fn main() -> ExitCode {
    let form = Form::from_environment();
    println!("form: {form:?}; seeds from 1");
    // Each says what it found, whatever became of the one before.
    let met = [one_fault(form), two_faults(form), no_fault(form)];
    if met == [true; 3] {
        ExitCode::SUCCESS
    } else {
        eprintln!("FAILED: a bar was missed");
        ExitCode::FAILURE
    }
}

fn one_fault(form: Form) -> bool {
    let scenes = form.pick(2_000, 20);
    println!("\none fault: the first answer is right, %; {scenes} scenes each");
    heading("right first (said nothing)");
    let mut met = true;
    for (share, probes, bar) in ONE_FAULT {
        let setting = Setting {
            faults: 1,
            share,
            probes,
        };
        for name in JUDGES {
            let (mut right, mut silent) = (0, 0);
            for seed in 1..=scenes {
                let Scene { units, faults } = Scene::draw(setting, seed);
                let answer = judge(name, &units);
                silent += u64::from(answer.is_empty());
                right += u64::from(answer.first() == Some(&part(&units, faults[0])));
            }
            let right = Share(right, scenes);
            line(setting, name, &format!("{right} ({silent})"));
            met &= name != "ours" || right.ratio() >= bar;
        }
    }
    verdict("0.94 and 0.96, where there is one", met)
}

/// Share of probes hit, probes on each path, and the bar.
const ONE_FAULT: [(f64, u64, f64); 8] = [
    (1.0, 5, 0.94),
    (0.5, 5, 0.94),
    (0.5, 20, 0.94),
    (0.2, 5, 0.0),
    (0.2, 20, 0.96),
    (0.2, 60, 0.96),
    (0.05, 20, 0.0),
    (0.05, 60, 0.0),
];

fn two_faults(form: Form) -> bool {
    let scenes = form.pick(1_000, 20);
    println!("\ntwo faults: answers that are right, and faults that are found, %; {scenes} scenes each");
    heading("precision; recall");
    let mut met = true;
    for (share, probes) in [(0.5, 20), (0.5, 60), (1.0, 20)] {
        let setting = Setting {
            faults: 2,
            share,
            probes,
        };
        for name in JUDGES {
            let (mut said, mut right, mut found) = (0, 0, 0);
            for seed in 1..=scenes {
                let Scene { units, faults } = Scene::draw(setting, seed);
                let answer = judge(name, &units);
                let truth: Vec<Part> = faults.iter().map(|fault| part(&units, *fault)).collect();
                said += count(answer.len());
                right += count(answer.iter().filter(|part| truth.contains(part)).count());
                found += count(truth.iter().filter(|part| answer.contains(part)).count());
            }
            let (precision, recall) = (Share(right, said), Share(found, 2 * scenes));
            line(setting, name, &format!("{precision}; {recall}"));
            met &= name != "ours" || (precision.ratio() >= 0.84 && recall.ratio() >= 0.90);
        }
    }
    verdict("precision 0.84, recall 0.90", met)
}

fn no_fault(form: Form) -> bool {
    let scenes = form.pick(2_000, 20);
    let setting = Setting {
        faults: 0,
        share: 0.0,
        probes: 60,
    };
    println!("\nno fault: something is blamed, %; {scenes} scenes each");
    heading("blamed");
    let mut met = true;
    for name in JUDGES {
        let is_blamed = |seed: &u64| !judge(name, &units(setting, *seed)).is_empty();
        let blamed = Share(count((1..=scenes).filter(is_blamed).count()), scenes);
        line(setting, name, &blamed.to_string());
        met &= name != "ours" || blamed.ratio() <= 0.01;
    }
    verdict("at most 0.01", met)
}

fn units(setting: Setting, seed: u64) -> Vec<Unit> {
    Scene::draw(setting, seed).units
}

fn heading(what: &str) {
    println!("{:<6} {:>7} {:>17}  {what}", "hits", "probes", "judge");
}

fn line(setting: Setting, name: &str, figures: &str) {
    println!("{:<6} {:>7} {name:>17}  {figures}", setting.share, setting.probes);
}

/// So many of so many.
struct Share(u64, u64);

impl Share {
    fn ratio(&self) -> f64 {
        Proportion::wilson(self.0, self.1).map_or(0.0, |share| share.ratio)
    }
}

impl std::fmt::Display for Share {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match Proportion::wilson(self.0, self.1) {
            Some(share) => write!(
                f,
                "{:.1} [{:.1}, {:.1}]",
                share.ratio * 1e2,
                share.low * 1e2,
                share.high * 1e2
            ),
            None => write!(f, "none"),
        }
    }
}

fn count(n: usize) -> u64 {
    u64::try_from(n).unwrap_or(u64::MAX)
}

fn verdict(bar: &str, met: bool) -> bool {
    println!("bar of {bar}: {}", if met { "met" } else { "MISSED" });
    met
}
