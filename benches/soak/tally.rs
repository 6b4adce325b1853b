//! Which incidents of a month were about something.

use std::collections::BTreeMap;
use std::fmt;

use pathjitter::diagnose::Incident;
use statrs::distribution::{ChiSquared, ContinuousCDF};

use crate::month::{Month, seconds};
use crate::noise::{DAY, Kind, Trouble};

/// What was found, and what there was.
pub(crate) struct Tally {
    /// Of each kind: how many befell backends, and of how many an incident told.
    kinds: [(Kind, u32, u32); 3],
    true_ones: u32,
    /// Of one backend that nothing befell, and of several.
    false_ones: Vec<String>,
    by_verdict: BTreeMap<&'static str, u32>,
    days: f64,
}

impl Tally {
    pub(crate) fn of(month: &Month) -> Self {
        let mut tally = Self {
            kinds: [Kind::Burst, Kind::Restart, Kind::Shift].map(|kind| (kind, 0, 0)),
            true_ones: 0,
            false_ones: Vec::new(),
            by_verdict: BTreeMap::new(),
            days: month.days(),
        };
        for (backend, trouble) in &month.troubles {
            let is_told = month
                .incidents
                .iter()
                .any(|incident| only(incident) == Some(name(*backend).as_str()) && is_about(incident, trouble));
            if let Some((_, all, told)) = tally.kinds.iter_mut().find(|(kind, ..)| *kind == trouble.kind) {
                *all += 1;
                *told += u32::from(is_told);
            }
        }
        for incident in &month.incidents {
            *tally.by_verdict.entry(incident.verdict.as_str()).or_default() += 1;
            let of_one = only(incident).is_some_and(|one| {
                let mut his = month.troubles.iter().filter(|(backend, _)| name(*backend) == one);
                his.any(|(_, trouble)| is_about(incident, trouble))
            });
            if of_one {
                tally.true_ones += 1;
            } else {
                let day = seconds(incident.began) / DAY;
                tally.false_ones.push(format!(
                    "day {day:.4}: {}: {}",
                    incident.verdict.as_str(),
                    incident.message
                ));
            }
        }
        tally
    }

    /// Whether chance explains the false ones by the budget.
    pub(crate) fn is_within_budget(&self, days: u64) -> bool {
        // Of a Poisson number of mean 1, 99.9 % are at most 5; shorter runs have no more.
        let most = if days <= 30 { 5 } else { 5 * days / 30 };
        u64::try_from(self.false_ones.len()).is_ok_and(|count| count <= most)
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (kind, all, told) in self.kinds {
            writeln!(f, "{kind:?}: {told} of {all} told as incidents of that backend alone")?;
        }
        let count = self.false_ones.len();
        let [low, high] = interval(count).map(|bound| bound * 30.0 / self.days);
        writeln!(
            f,
            "incidents: {} true, {count} false; false ones in 30 days: 95 % interval {low:.2} to {high:.2}",
            self.true_ones
        )?;
        let verdicts: Vec<String> = self
            .by_verdict
            .iter()
            .map(|(verdict, count)| format!("{verdict} {count}"))
            .collect();
        writeln!(f, "verdicts: {}", verdicts.join(", "))?;
        for words in self.false_ones.iter().take(SHOWN) {
            writeln!(f, "  false: {words}")?;
        }
        Ok(())
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

/// More than anybody reads.
const SHOWN: usize = 40;
