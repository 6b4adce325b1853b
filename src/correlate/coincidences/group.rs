//! A group of backends, and what it may spend of the budget of false alarms.
//!
//! Each first spike of an episode is a test: how likely is it that so many others have one within the window? A test that passes at
//! `alpha` does so by chance with that probability, so that `alpha` is the budget over the expected number of tests: the first spikes of all
//! members in 30 days. Likewise the second test, of a coincidence against the past of its members, is made at every coincidence of two or
//! more. The budget is divided evenly over groups, levels and the two tests (Bonferroni), which holds however they depend on each other.

use std::time::Duration;

use super::backend::Backend;
use super::chance::{Successes, any_of, factor};
use super::channel::CHANNELS;
use crate::correlate::GroupId;
use crate::units::TargetId;

/// A group.
#[derive(Clone, Debug)]
pub(super) struct Group {
    pub(super) id: GroupId,
    /// In order.
    pub(super) members: Vec<TargetId>,
    /// Spikes that are not further apart than this are at the same moment.
    pub(super) window: Duration,
    allowances: [Allowance; CHANNELS],
}

/// What a level of a group may be.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Allowance {
    /// A coincidence is an alarm by itself where chance does it with this probability at most.
    pub(super) single: f64,
    /// Likewise by its repetition.
    pub(super) repeated: f64,
    /// The share of first spikes that chance alone makes suspect.
    pub(super) innocent: f64,
}

impl Group {
    /// Nothing is allowed before the first turn.
    pub(super) fn new(id: GroupId, mut members: Vec<TargetId>) -> Self {
        members.sort_unstable();
        members.dedup();
        Self {
            id,
            members,
            window: Duration::ZERO,
            allowances: [Allowance::default(); CHANNELS],
        }
    }

    /// Adds a member, unless it is one.
    pub(super) fn add(&mut self, target: TargetId) {
        if let Err(place) = self.members.binary_search(&target) {
            self.members.insert(place, target);
        }
    }

    /// Whether it is a member.
    pub(super) fn has(&self, target: TargetId) -> bool {
        self.members.binary_search(&target).is_ok()
    }

    /// What this level may be.
    pub(super) fn allowance(&self, channel: usize) -> Allowance {
        self.allowances[channel]
    }

    /// Computes the window. How many members there are.
    pub(super) fn set_window(&mut self, backends: &[Option<Backend>]) -> usize {
        let probed = || self.probed(backends);
        let interval = probed().map(|backend| backend.interval).max().unwrap_or_default();
        let baseline = probed().map(|backend| backend.baseline).max().unwrap_or_default();
        self.window = interval.saturating_mul(2).saturating_add(baseline);
        self.members.len()
    }

    /// Computes what a level may be: `budget` false alarms in 30 days for each of its tests, and suspicion at `suspicious`. How many members
    /// there are.
    pub(super) fn set_allowance(
        &mut self,
        backends: &[Option<Backend>],
        channel: usize,
        (budget, suspicious): (f64, f64),
    ) -> usize {
        let members: Vec<&Backend> = self.probed(backends).collect();
        self.allowances[channel] = allow(&members, channel, self.window.as_secs_f64(), (budget, suspicious));
        self.members.len()
    }

    /// Members that anybody probes.
    fn probed<'a>(&'a self, backends: &'a [Option<Backend>]) -> impl Iterator<Item = &'a Backend> {
        let members = self.members.iter();
        members
            .filter_map(|target| backends.get(target.index())?.as_ref())
            .filter(|backend| !backend.series.is_empty())
    }
}

fn allow(members: &[&Backend], channel: usize, window: f64, (budget, suspicious): (f64, f64)) -> Allowance {
    let habits: Vec<(f64, f64)> = members
        .iter()
        .map(|backend| {
            let (rate, pace) = (backend.rates[channel], backend.pace);
            (rate * pace, any_of(pace * window, rate))
        })
        .collect();
    let tests: f64 = habits.iter().map(|(onsets, _)| onsets * MONTH_S).sum();
    let nobody: f64 = habits.iter().map(|(_, p)| 1.0 - p).product();
    let coincidences: f64 = habits
        .iter()
        .map(|(onsets, p)| onsets * MONTH_S * (1.0 - nobody / (1.0 - p).max(f64::MIN_POSITIVE)))
        .sum();
    Allowance {
        single: budget / tests.max(1.0),
        repeated: budget / coincidences.max(1.0),
        innocent: innocent(&habits, suspicious),
    }
}

/// In a coincidence that is suspected by chance, all of its members are.
fn innocent(habits: &[(f64, f64)], suspicious: f64) -> f64 {
    if let Some(share) = innocent_of_many(habits, suspicious) {
        return share;
    }
    // Of many backends few begin at once, and what is told apart costs a step for each of them.
    let mut most = FEW;
    loop {
        let mut successes = Successes::up_to(most);
        for (_, p) in habits {
            successes.add(*p);
        }
        match successes.fewest_within(suspicious) {
            Some((others, chance)) if (1..habits.len()).contains(&others) => {
                return (chance * factor(others + 1)).min(1.0);
            }
            None if most < habits.len() => most *= 2,
            _ => return 0.0,
        }
    }
}

/// The share where it takes no counting: telling thousands apart takes thousands of steps for each of thousands.
fn innocent_of_many(habits: &[(f64, f64)], suspicious: f64) -> Option<f64> {
    let all: f64 = habits.iter().map(|(_, p)| p.ln()).sum();
    if all.exp() > suspicious {
        // Before habits are known each may begin at any moment, and not even all at once are suspect.
        return Some(0.0);
    }
    let mean: f64 = habits.iter().map(|(_, p)| p).sum();
    let spread = habits.iter().map(|(_, p)| p * (1.0 - p)).sum::<f64>().sqrt();
    // Around such a mean each further one halves the tail at most, so the fewest that are suspect come with half of `suspicious` at least.
    let is_bell = mean >= MANY && spread >= WIDE && mean + 3.0 * spread < factor(habits.len());
    (is_bell && suspicious / 2.0 * mean >= 1.0).then_some(1.0)
}

/// A mean from which on a count is as good as normally distributed, if its standard deviation is wide too.
const MANY: f64 = 64.0;

/// A standard deviation of which one step is a small part.
const WIDE: f64 = 5.0;

/// Begun with, doubled where that is too few.
const FEW: usize = 8;

const MONTH_S: f64 = 30.0 * 86_400.0;

#[cfg(test)]
mod tests {
    use super::*;

    /// By telling all apart, however many.
    fn slow(habits: &[(f64, f64)], suspicious: f64) -> f64 {
        let mut successes = Successes::up_to(habits.len());
        for (_, p) in habits {
            successes.add(*p);
        }
        match successes.fewest_within(suspicious) {
            Some((others, chance)) if (1..habits.len()).contains(&others) => (chance * factor(others + 1)).min(1.0),
            _ => 0.0,
        }
    }

    #[test]
    fn the_share_that_is_not_counted_out_is_the_one_that_counting_gives() {
        let of = |count: usize, p: f64| vec![(0.0, p); count];
        let mixed = |count: usize| [of(count, 0.3), of(count, 0.9), of(count, 1e-3)].concat();
        for habits in [
            of(300, 0.4),
            of(300, 1.0),
            of(10, 0.2),
            of(200, 0.01),
            of(2, 0.9),
            of(700, 0.2),
            mixed(200),
            mixed(3),
        ] {
            for suspicious in [0.1, 0.02, 0.002] {
                let (ours, theirs) = (innocent(&habits, suspicious), slow(&habits, suspicious));
                assert!(
                    (ours - theirs).abs() < 1e-9,
                    "{} at {suspicious}: {ours}, not {theirs}",
                    habits.len()
                );
            }
        }
    }
}
