//! What was found beside what is true.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use pathjitter::diagnose::{Incident, VerdictCode};
use pathjitter::stats::Proportion;
use pathjitter::units::Mono;

use super::draw::Scenario;
use super::main_incident;

/// A verdict, or that nothing is wrong.
type Code = Option<VerdictCode>;

/// All runs.
#[derive(Debug, Default)]
pub(crate) struct Scores {
    /// By truth and by what was found.
    matrix: BTreeMap<(Code, Code), u64>,
    /// By truth: right suspects, and all that have one.
    suspects: BTreeMap<Code, (u64, u64)>,
    /// By truth: runs in which the main incident, rightly judged, has exactly the members that suffer.
    members: BTreeMap<Code, (u64, u64)>,
    /// By truth: other incidents with other verdicts.
    extra: BTreeMap<Code, u64>,
    /// What was wrong, in words.
    wrong: Vec<(Code, u64, String)>,
}

impl Scores {
    /// One more run.
    pub(crate) fn add(&mut self, seed: u64, scenario: &Scenario, incidents: &[Incident]) {
        let truth = &scenario.truth;
        let code = truth.code;
        let main = main_incident(incidents, Mono::default().after(scenario.warm_up));
        let found = main.map(|incident| incident.verdict);
        *self.matrix.entry((code, found)).or_default() += 1;
        let mut wrong = |what: String| self.wrong.push((code, seed, what));
        if found != code {
            wrong(main.map_or("nothing was found".to_owned(), words));
        }
        if let Some(main) = main.filter(|_| found == code) {
            if let Some(is_right) = truth.is_suspect(main) {
                let (right, all) = self.suspects.entry(code).or_default();
                *right += u64::from(is_right);
                *all += 1;
                if !is_right {
                    wrong(format!("suspect, not {:?}: {}", truth.place, words(main)));
                }
            }
            // What hits one backend after the other is told of each alone.
            let same = incidents.iter().filter(|other| other.verdict == main.verdict);
            let names: BTreeSet<&str> = same.flat_map(Incident::target_names).collect();
            let (right, all) = self.members.entry(code).or_default();
            *right += u64::from(truth.members.iter().map(String::as_str).eq(names.iter().copied()));
            *all += 1;
        }
        for other in incidents
            .iter()
            .filter(|other| Some(other.number) != main.map(|main| main.number))
        {
            if Some(other.verdict) != code {
                *self.extra.entry(code).or_default() += 1;
                wrong(format!("besides: {}", words(other)));
            }
        }
    }

    /// All figures.
    pub(crate) fn print(&self) {
        let mut wrong = self.wrong.clone();
        wrong.sort();
        for (code, seed, what) in wrong {
            eprintln!("{} {seed}: {what}", name(code));
        }
        self.print_matrix();
        println!(
            "\n{:<20} {:>5}  {:<24} {:<24} {:>6}  {:>8} {:>8} {:>6}",
            "verdict", "runs", "recall", "precision", "F1", "suspect", "members", "extra"
        );
        for code in self.codes() {
            let (right, runs, found) = self.counts(code);
            println!(
                "{:<20} {runs:>5}  {:<24} {:<24} {:>6.3}  {:>8} {:>8} {:>6}",
                name(code),
                interval(right, runs),
                interval(right, found),
                self.f1(code),
                share(self.suspects.get(&code)),
                share(self.members.get(&code)),
                self.extra.get(&code).copied().unwrap_or(0)
            );
        }
        let runs: u64 = self.matrix.values().sum();
        let sum = |counts: &BTreeMap<Code, (u64, u64)>| {
            let all = counts.values().fold((0, 0), |sum, one| (sum.0 + one.0, sum.1 + one.1));
            interval(all.0, all.1)
        };
        println!(
            "\nmacro-F1 {:.4} (bar: 0.97); right suspect {}; right members {}; {} other wrong incidents in {runs} runs",
            self.macro_f1(),
            sum(&self.suspects),
            sum(&self.members),
            self.extra.values().sum::<u64>()
        );
    }

    /// Macro-F1 of at least 0.97, and each recall so high that its interval ends above 0.95.
    pub(crate) fn meets_bars(&self) -> bool {
        let missed: Vec<&str> = self
            .codes()
            .into_iter()
            .filter(|code| {
                let (right, runs, _) = self.counts(*code);
                Proportion::wilson(right, runs).is_some_and(|recall| recall.low < 0.95)
            })
            .map(name)
            .collect();
        println!(
            "recall below its bar (interval from 0.95 on): {}",
            if missed.is_empty() {
                "none".to_owned()
            } else {
                missed.join(", ")
            }
        );
        self.macro_f1() >= 0.97
    }

    fn print_matrix(&self) {
        let columns: BTreeSet<Code> = self.matrix.keys().flat_map(|(truth, found)| [*truth, *found]).collect();
        let columns: Vec<Code> = columns.into_iter().collect();
        println!("\ntruth by row, found by column");
        let numbers = (1..=columns.len()).fold(String::new(), |mut line, number| {
            let _ = write!(line, "{number:>4}");
            line
        });
        println!("{:<24}{numbers}", "");
        for (number, truth) in (1..).zip(&columns) {
            let cells = columns.iter().fold(String::new(), |mut line, found| {
                let count = self.matrix.get(&(*truth, *found));
                let _ = write!(line, "{:>4}", count.map_or("·".to_owned(), u64::to_string));
                line
            });
            println!("{number:>2} {:<21}{cells}", name(*truth));
        }
    }

    fn codes(&self) -> Vec<Code> {
        let truths: BTreeSet<Code> = self.matrix.keys().map(|(truth, _)| *truth).collect();
        truths.into_iter().collect()
    }

    /// Right, all runs, and all that were found.
    fn counts(&self, code: Code) -> (u64, u64, u64) {
        let of = |wanted: fn(&(Code, Code)) -> Code| -> u64 {
            let all = self.matrix.iter().filter(|(pair, _)| wanted(pair) == code);
            all.map(|(_, count)| *count).sum()
        };
        let right = self.matrix.get(&(code, code)).copied().unwrap_or(0);
        (right, of(|pair| pair.0), of(|pair| pair.1))
    }

    fn f1(&self, code: Code) -> f64 {
        let (right, runs, found) = self.counts(code);
        2.0 * float(right) / float(runs + found)
    }

    fn macro_f1(&self) -> f64 {
        let all: Vec<f64> = self.codes().into_iter().map(|code| self.f1(code)).collect();
        all.iter().sum::<f64>() / all.iter().map(|_| 1.0).sum::<f64>()
    }
}

/// An incident in a line.
pub(crate) fn words(incident: &Incident) -> String {
    let names: Vec<&str> = incident.members.iter().map(|member| &*member.name).collect();
    let suspect = incident.suspect.as_ref();
    let place = suspect.map(|suspect| (suspect.address, suspect.from_ttl, suspect.ttl));
    let seconds = |at: pathjitter::units::Mono| std::time::Duration::from_nanos(at.as_nanos()).as_secs_f64();
    format!(
        "#{} {} of {names:?} at {place:?} from {:.1} s to {:.1} s: {}",
        incident.number,
        incident.verdict.as_str(),
        seconds(incident.began),
        seconds(incident.last),
        incident.message
    )
}

/// A share with its 95 % interval.
pub(crate) fn interval(part: u64, whole: u64) -> String {
    Proportion::wilson(part, whole).map_or("-".to_owned(), |share| {
        format!("{:.3} [{:.3}, {:.3}]", share.ratio, share.low, share.high)
    })
}

fn share(counts: Option<&(u64, u64)>) -> String {
    counts.map_or("-".to_owned(), |(right, all)| format!("{right}/{all}"))
}

fn name(code: Code) -> &'static str {
    code.map_or("clean", VerdictCode::as_str)
}

/// Counts here are far below 2^53.
#[expect(clippy::cast_precision_loss, reason = "bench counts are far below 2^53")]
fn float(count: u64) -> f64 {
    count as f64
}
