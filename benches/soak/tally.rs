//! Which incidents of a month were about something.

use std::collections::{BTreeMap, VecDeque};

use pathjitter::diagnose::Incident;
use statrs::distribution::{ChiSquared, ContinuousCDF};

use crate::month::seconds;
use crate::noise::{DAY, Kind, Trouble};

/// What was found, and what there was. It is counted as it comes: what is kept of a month must not look like memory that grows.
#[derive(Default)]
pub(crate) struct Tally {
    /// What befell single backends in the last days, in order of time: which, what, and whether an incident told of it.
    troubles: VecDeque<(usize, Trouble, bool)>,
    /// What befell them before: how many of each kind were told, and how many there were.
    before: BTreeMap<Kind, (usize, usize)>,
    true_ones: usize,
    false_ones: usize,
    /// The first of those.
    shown: Vec<String>,
    by_verdict: BTreeMap<&'static str, u32>,
}

impl Tally {
    /// Something befalls a backend.
    pub(crate) fn befalls(&mut self, backend: usize, trouble: Trouble) {
        self.troubles.push_back((backend, trouble, false));
        while let Some((_, first, _)) = self.troubles.front()
            && first.to + REMEMBERED < trouble.from
        {
            self.put_away();
        }
    }

    /// Counts the oldest, which no incident will be about any more.
    fn put_away(&mut self) {
        if let Some((_, trouble, told)) = self.troubles.pop_front() {
            let (of_told, all) = self.before.entry(trouble.kind).or_default();
            *of_told += usize::from(told);
            *all += 1;
        }
    }

    /// An incident is over. Whatever it may be about has begun by now.
    pub(crate) fn closed(&mut self, incident: &Incident) {
        *self.by_verdict.entry(incident.verdict.as_str()).or_default() += 1;
        let mut is_true = false;
        if let Some(one) = only(incident) {
            let his = self.troubles.iter_mut().filter(|(backend, ..)| name(*backend) == one);
            for (_, trouble, told) in his {
                let about = is_about(incident, trouble);
                *told |= about;
                is_true |= about;
            }
        }
        if is_true {
            self.true_ones += 1;
            return;
        }
        self.false_ones += 1;
        if self.shown.len() < SHOWN {
            let day = seconds(incident.began) / DAY;
            let verdict = incident.verdict.as_str();
            self.shown
                .push(format!("day {day:.4}: {verdict}: {}", incident.message));
        }
    }

    /// Whether chance explains the false ones by the budget.
    pub(crate) fn is_within_budget(&self, days: u64) -> bool {
        // Of a Poisson number of mean 1, 99.9 % are at most 5; shorter runs have no more.
        let most = if days <= 30 { 5 } else { 5 * days / 30 };
        u64::try_from(self.false_ones).is_ok_and(|count| count <= most)
    }

    /// All of it, after so many days.
    pub(crate) fn words(&mut self, days: f64) -> String {
        while !self.troubles.is_empty() {
            self.put_away();
        }
        let counted = self
            .before
            .iter()
            .map(|(kind, (told, all))| format!("{kind:?}: {told} of {all} told as incidents of that backend alone"));
        let mut lines: Vec<String> = counted.collect();
        let [low, high] = interval(self.false_ones).map(|bound| bound * 30.0 / days);
        lines.push(format!(
            "incidents: {} true, {} false; false ones in 30 days: 95 % interval {low:.2} to {high:.2}",
            self.true_ones, self.false_ones
        ));
        let verdicts = self
            .by_verdict
            .iter()
            .map(|(verdict, count)| format!("{verdict} {count}"));
        lines.push(format!("verdicts: {}", verdicts.collect::<Vec<_>>().join(", ")));
        lines.extend(self.shown.iter().map(|words| format!("  false: {words}")));
        lines.join("\n")
    }
}

/// The backend of an incident of one.
fn only(incident: &Incident) -> Option<&str> {
    match incident.target_names()[..] {
        [one] => Some(one),
        _ => None,
    }
}

fn name(backend: usize) -> String {
    format!("app{backend:03}")
}

fn is_about(incident: &Incident, trouble: &Trouble) -> bool {
    let (began, last) = (seconds(incident.began), seconds(incident.last));
    began <= trouble.to + AFTER && last >= trouble.from - BEFORE
}

/// The 95 % interval of the mean of a Poisson number (Garwood 1936).
fn interval(count: usize) -> [f64; 2] {
    let count = f64::from(u32::try_from(count).unwrap_or(u32::MAX));
    let quantile = |freedom: f64, p: f64| ChiSquared::new(freedom).map_or(0.0, |chi| chi.inverse_cdf(p) / 2.0);
    let low = if count > 0.0 { quantile(2.0 * count, 0.025) } else { 0.0 };
    [low, quantile(2.0 * count + 2.0, 0.975)]
}

/// What befell a backend shows in probes sent just before, and a shift is certain a minute later.
const BEFORE: f64 = 2.0;
const AFTER: f64 = 120.0;

/// No incident over a single thing lasts longer; what is remembered of a month must not look like memory that grows.
const REMEMBERED: f64 = 3.0 * DAY;

/// More than anybody reads.
const SHOWN: usize = 40;
