//! Across paths: which hop, link or target explains who suffers and who does not.
//!
//! From one vantage point every path shares its first hops, so votes of those who suffer always elect the gateway. What tells it from the hop at fault are the
//! backends that use it and are well. So every part of the network is weighed by a likelihood ratio over all paths that use it: how much more probable is what was
//! counted there if this part hits a further share of their probes, than if all is as usual? The best one is taken if it is above a limit that grows
//! with the number of parts; what it explains becomes usual, and the next is looked for. Each is then looked at again in the light of the others. (The idea of healthy flows as evidence: V. Harsh and others, "Flock",
//! 2023; of votes: B. Arzani and others, "007", NSDI 2018.)
//!
//! Parts that the same paths use can't be told apart and are one segment. Failure modes: with few probes the answer is none; a path that is not known
//! counts for its target, and for what the known paths to its target share; loss on the way back counts as loss of the way there.

mod classes;
mod score;
#[cfg(test)]
mod tests;

use std::net::IpAddr;

use self::classes::{Class, Map};
use self::score::{Counts, ratio};
use crate::units::TargetId;

/// What was counted of one backend over one traced path, end to end.
#[derive(Clone, Debug)]
pub struct Unit {
    /// Whom its probes went to.
    pub target: TargetId,
    /// Its address.
    pub address: IpAddr,
    /// Who answers at each TTL, from the first on, without the target; `None` where nobody does. Empty where the path is unknown.
    pub hops: Vec<Option<IpAddr>>,
    /// Probes.
    pub sent: u64,
    /// Those that were lost or spiked.
    pub hit: u64,
    /// The share of them that is normal for it.
    pub usual: f64,
}

/// A part of the network that explains what was seen.
#[derive(Clone, Debug, PartialEq)]
pub struct Blame {
    /// What.
    pub part: Part,
    /// Log of the likelihood ratio against everything being as usual.
    pub score: f64,
    /// The same of the best other explanation, if there is one.
    pub runner_up: Option<(Part, f64)>,
    /// Affected backends whose paths share it.
    pub shared_by: Vec<TargetId>,
    /// Healthy backends that clear what is not blamed, because they use it: hops before it.
    pub cleared_by: Vec<TargetId>,
}

/// A part of the network.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Part {
    /// The far end of a segment: what happens, happens behind `from_ttl`, at or before `to_ttl`. Those between can't be told apart.
    Segment {
        /// The near end; 0 is this host.
        from_ttl: u8,
        /// The far end.
        to_ttl: u8,
        /// Who answers at the far end; `None` where nobody does.
        address: Option<IpAddr>,
    },
    /// One backend, or the last link to it, or what else can't be told from it because nobody else uses it.
    Target(TargetId),
}

/// Explains the units by as few parts as possible, the best first; empty where nothing explains them better than chance.
#[must_use]
pub fn blame(units: &[Unit]) -> Vec<Blame> {
    let map = Map::new(units.iter().filter(|unit| unit.sent > 0));
    let judge = Judge::new(&map);
    let mut chosen: Vec<usize> = Vec::new();
    for _ in 0..PARTS_MAX {
        let Some(best) = judge.best_beside(&chosen) else {
            break;
        };
        chosen.push(best);
        judge.reconsider(&mut chosen);
    }
    let mut blames: Vec<Blame> = chosen.iter().filter_map(|class| judge.blame(*class, &chosen)).collect();
    blames.sort_by(|a, b| b.score.total_cmp(&a.score));
    blames
}

/// What a judgement is made of.
struct Judge<'a> {
    map: &'a Map<'a>,
    counts: Vec<Counts>,
    /// Backends of which more is hit than usual.
    affected: Vec<TargetId>,
}

impl<'a> Judge<'a> {
    fn new(map: &'a Map<'a>) -> Self {
        let counts: Vec<Counts> = map.units.iter().map(|unit| Counts::of(unit)).collect();
        let affected = affected(map, &counts);
        Self { map, counts, affected }
    }

    /// What explains best what others leave unexplained, if it does so better than chance.
    fn best_beside(&self, others: &[usize]) -> Option<usize> {
        let (score, best) = *self.ranking(others).first()?;
        let classes = u32::try_from(self.map.classes.len()).unwrap_or(u32::MAX);
        (score >= EVIDENCE + f64::from(classes.max(1)).ln()).then_some(best)
    }

    /// Looks at each again in the light of the others: two faults together may first look like one of a hop that both share.
    fn reconsider(&self, chosen: &mut Vec<usize>) {
        for _ in 0..PARTS_MAX {
            let before = chosen.clone();
            for class in &before {
                let others = without(chosen, *class);
                let better = self.best_beside(&others);
                chosen.clone_from(&others);
                chosen.extend(better.filter(|better| !others.contains(better)));
            }
            if before.iter().all(|class| chosen.contains(class)) {
                return;
            }
        }
    }

    /// All classes by what they explain beside others, the best first.
    fn ranking(&self, others: &[usize]) -> Vec<(f64, usize)> {
        let mut counts = self.counts.clone();
        for other in others {
            score::explain(&self.map.classes[*other].units, &mut counts);
        }
        let classes = self.map.classes.iter().enumerate();
        let mut scores: Vec<(f64, usize)> = classes
            .map(|(index, class)| (ratio(&class.units, &counts), index))
            .collect();
        let users = |class: usize| self.map.classes[class].units.len();
        // Of two that explain the same, the one that fewer use says more.
        scores.sort_by(|(a, one), (b, other)| b.total_cmp(a).then(users(*one).cmp(&users(*other))));
        scores
    }

    /// Puts one of the chosen into words.
    fn blame(&self, class: usize, chosen: &[usize]) -> Option<Blame> {
        let ranking = self.ranking(&without(chosen, class));
        let (score, _) = *ranking.iter().find(|(_, index)| *index == class)?;
        let runner_up = ranking.iter().find(|(score, index)| *index != class && *score > 0.0);
        let class = &self.map.classes[class];
        let target_of = |unit: usize| self.map.units[unit].target;
        let is_affected = |target: &TargetId| self.affected.contains(target);
        let users = class.units.iter().map(|(unit, _)| target_of(*unit));
        let before = self.map.users(class.example, self.near_end(class)).map(target_of);
        Some(Blame {
            part: self.part(class),
            score,
            runner_up: runner_up.map(|(score, index)| (self.part(&self.map.classes[*index]), *score)),
            shared_by: distinct(users.filter(is_affected)),
            cleared_by: distinct(before.filter(|target| !is_affected(target))),
        })
    }

    fn part(&self, class: &Class) -> Part {
        class.target.map_or_else(
            || Part::Segment {
                from_ttl: ttl(self.near_end(class)),
                to_ttl: ttl(class.until),
                address: self.map.address(class.example, class.until),
            },
            Part::Target,
        )
    }

    /// The last hop before the class that somebody uses who is well; 0, this host, where nobody does.
    fn near_end(&self, class: &Class) -> usize {
        let is_well = |unit: usize| !self.affected.contains(&self.map.units[unit].target);
        let is_cleared = |at: &usize| self.map.users(class.example, *at).any(is_well);
        (1..=class.behind).rev().find(is_cleared).unwrap_or(0)
    }
}

fn without(chosen: &[usize], class: usize) -> Vec<usize> {
    chosen.iter().copied().filter(|other| *other != class).collect()
}

fn affected(map: &Map<'_>, counts: &[Counts]) -> Vec<TargetId> {
    let targets = distinct(map.units.iter().map(|unit| unit.target));
    let is_affected = |target: &TargetId| {
        let own = map.units.iter().enumerate().filter(|(_, unit)| unit.target == *target);
        let own: Vec<(usize, f64)> = own.map(|(index, _)| (index, 1.0)).collect();
        ratio(&own, counts) >= AFFECTED
    };
    targets.into_iter().filter(is_affected).collect()
}

fn distinct(targets: impl Iterator<Item = TargetId>) -> Vec<TargetId> {
    let mut distinct: Vec<TargetId> = targets.collect();
    distinct.sort_unstable();
    distinct.dedup();
    distinct
}

fn ttl(position: usize) -> u8 {
    u8::try_from(position).unwrap_or(u8::MAX)
}

/// 1,100 times as probable as chance, for each part that might be blamed.
const EVIDENCE: f64 = 7.0;

/// 7 times as probable.
const AFFECTED: f64 = 2.0;

/// More faults at once than these are one that is not understood.
const PARTS_MAX: usize = 4;
