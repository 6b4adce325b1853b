//! Every few seconds: habits are learned, and what may be spent by them is computed.
//!
//! That is a pass over all backends, and one over the members of each group for each level. Of ten thousand backends it takes tens of
//! milliseconds, for which packets must not wait: it is done step by step, so many backends at a time.

use std::collections::VecDeque;
use std::time::Duration;

use super::backend::Backend;
use super::gathering::MEMORY;
use super::stream::Followed;
use super::{Channel, Coincidences, SUSPICIOUS, chance};
use crate::units::{Mono, TargetId};

/// Turns, and what is left to do of the one that is under way.
#[derive(Debug, Default)]
pub(super) struct Turning {
    /// When the last one began.
    began: Option<Mono>,
    steps: VecDeque<Step>,
    /// When the last step was made.
    stepped: Mono,
}

/// A part of a turn.
#[derive(Clone, Copy, Debug)]
enum Step {
    /// Learn what is new of backends, from this one on.
    Learn(Learning, TargetId),
    /// Add up what chance makes suspect in the group at this place.
    Innocence(usize),
    /// Take the rates of backends from their habits, from this one on.
    Rates(TargetId),
    /// Compute the window of the group at this place.
    Window(usize),
    /// Compute what this level of it may be.
    Allowance(usize, usize),
}

/// What is learned in a turn.
#[derive(Clone, Copy, Debug)]
struct Learning {
    /// Since the last turn.
    elapsed: Duration,
    /// What began before is settled.
    settled: Mono,
    /// What began before is forgotten.
    old: Mono,
}

impl Turning {
    /// Turns are counted from the first probe on.
    pub(super) fn probed(&mut self, at: Mono) {
        self.began.get_or_insert(at);
    }

    /// When there is something to do.
    pub(super) fn next_deadline(&self) -> Option<Mono> {
        let next = self.began.map(|at| at.after(TURN));
        if self.steps.is_empty() {
            next
        } else {
            Some(self.stepped)
        }
    }
}

impl Coincidences {
    /// Begins a turn if one is due, and makes some steps of the one that is under way.
    pub(super) fn turn(&mut self, now: Mono) {
        let began = self.turning.began.filter(|at| now >= at.after(TURN));
        if let Some(began) = began
            && self.turning.steps.is_empty()
        {
            self.turning.began = Some(now);
            let settled = self.settled(now);
            self.onsets.forget_before(settled);
            let learning = Learning {
                elapsed: now.since(began),
                settled,
                old: now.before(MEMORY),
            };
            self.turning.steps.push_back(Step::Learn(learning, FIRST));
            self.plan_allowances();
        }
        self.turning.stepped = now;
        self.step(AT_ONCE);
    }

    /// Computes at once what may be spent.
    pub(super) fn allow(&mut self) {
        // A turn that is under way ends first, since groups may have changed their places.
        self.turning.steps.retain(|step| matches!(step, Step::Learn(..)));
        self.plan_allowances();
        self.step(usize::MAX);
    }

    fn plan_allowances(&mut self) {
        for backend in self.backends.iter_mut().flatten() {
            backend.innocent = Default::default();
        }
        let groups = 0..self.groups.len();
        let steps = &mut self.turning.steps;
        steps.extend(groups.clone().map(Step::Innocence));
        steps.push_back(Step::Rates(FIRST));
        for group in groups {
            steps.push_back(Step::Window(group));
            steps.extend((0..Channel::ALL.len()).map(|channel| Step::Allowance(group, channel)));
        }
    }

    /// Makes steps until they have visited so many backends.
    fn step(&mut self, backends: usize) {
        let mut left = backends;
        while left > 0
            && let Some(step) = self.turning.steps.pop_front()
        {
            let visited = match step {
                Step::Learn(learning, from) => self.learn(learning, from, left),
                Step::Innocence(group) => self.add_innocence(group),
                Step::Rates(from) => self.take_rates(from, left),
                Step::Window(group) => self.groups[group].set_window(&self.backends),
                Step::Allowance(group, channel) => self.set_allowance(group, channel),
            };
            left = left.saturating_sub(visited);
        }
    }

    /// Some of everybody, from one on; and the next after them.
    fn some(&self, from: TargetId, most: usize) -> (Vec<TargetId>, Option<TargetId>) {
        let everybody = &self.groups[0].members;
        let rest = &everybody[everybody.partition_point(|target| *target < from)..];
        let (some, others) = rest.split_at(most.min(rest.len()));
        (some.to_vec(), others.first().copied())
    }

    fn learn(&mut self, learning: Learning, from: TargetId, most: usize) -> usize {
        let Learning { elapsed, settled, old } = learning;
        let (some, next) = self.some(from, most);
        for target in &some {
            self.refresh(*target);
            if let Some(Some(backend)) = self.backends.get_mut(target.index()) {
                backend.turn(elapsed.as_secs_f64(), settled, old);
            }
        }
        if let Some(next) = next {
            self.turning.steps.push_front(Step::Learn(learning, next));
        }
        some.len()
    }

    /// The share of a backend's episodes that chance makes suspect is that of all its groups.
    fn add_innocence(&mut self, group: usize) -> usize {
        let group = &self.groups[group];
        for member in &group.members {
            if let Some(Some(backend)) = self.backends.get_mut(member.index()) {
                for (channel, sum) in backend.innocent.iter_mut().enumerate() {
                    *sum += group.allowance(channel).innocent;
                }
            }
        }
        group.members.len()
    }

    fn take_rates(&mut self, from: TargetId, most: usize) -> usize {
        let (some, next) = self.some(from, most);
        for target in &some {
            if let Some(Some(backend)) = self.backends.get_mut(target.index()) {
                let Backend { habits, innocent, .. } = &*backend;
                backend.rates = std::array::from_fn(|channel| habits.rate(channel, innocent[channel]));
            }
        }
        if let Some(next) = next {
            self.turning.steps.push_front(Step::Rates(next));
        }
        some.len()
    }

    fn set_allowance(&mut self, group: usize, channel: usize) -> usize {
        let tests = chance::factor(self.groups.len() * Channel::ALL.len() * 2);
        let budget = self.options.false_alarms_per_30_days / tests;
        let suspicious = self.suspicious();
        self.groups[group].set_allowance(&self.backends, channel, (budget, suspicious))
    }

    /// What began before this moment is judged by now.
    fn settled(&self, now: Mono) -> Mono {
        let timeouts = self.streams.iter().flatten().map(|followed| followed.stream.timeout);
        let window = self.groups.iter().map(|group| group.window).max().unwrap_or_default();
        now.before(timeouts.max().unwrap_or_default() + window.saturating_mul(2) + SLACK)
    }

    /// How unlikely a coincidence is that may be a fault.
    pub(super) fn suspicious(&self) -> f64 {
        SUSPICIOUS / chance::factor(self.groups.len())
    }

    /// Sums up the series of a backend.
    pub(super) fn refresh(&mut self, target: TargetId) {
        let Some(Some(backend)) = self.backends.get_mut(target.index()) else {
            return;
        };
        let streams = || {
            backend
                .series
                .iter()
                .filter_map(|series| self.streams.get(series.index())?.as_ref())
        };
        backend.interval = streams()
            .map(|followed| followed.stream.interval)
            .min()
            .unwrap_or_default();
        backend.baseline = streams().map(|followed| followed.baseline).max().unwrap_or_default();
        let pace = |followed: &Followed| 1.0 / followed.stream.interval.as_secs_f64().max(SHORTEST_S);
        backend.pace = streams().map(pace).sum();
    }
}

/// Habits change slowly; the first burst of a run comes after the first of these.
const TURN: Duration = Duration::from_secs(5);

/// Two milliseconds' work, and a whole turn of a hundred backends.
const AT_ONCE: usize = 2_048;

/// Of all backends.
const FIRST: TargetId = TargetId::new(0);

/// Findings may come after their timeout by this much.
const SLACK: Duration = Duration::from_secs(1);

/// No series is probed more often.
const SHORTEST_S: f64 = 1e-6;

#[cfg(test)]
mod tests {
    use super::super::channel::CHANNELS;
    use super::*;
    use crate::correlate::{CoincidenceOptions, GroupId, Stream};
    use crate::outcome::Proto;
    use crate::units::SeriesId;

    const SECOND: Duration = Duration::from_secs(1);

    fn at(seconds: u64) -> Mono {
        Mono::from_nanos(0).after(SECOND * u32::try_from(seconds).unwrap())
    }

    /// Backends of which each stands out as often as its number says, half of them in a group of their own.
    fn crowd(count: u32) -> Coincidences {
        let mut crowd = Coincidences::new(CoincidenceOptions {
            false_alarms_per_30_days: 1.0,
        });
        for number in 0..count {
            let target = TargetId::new(number);
            crowd.admit(
                SeriesId::new(number),
                Stream {
                    target,
                    proto: Proto::Icmp,
                    floor: 0.005,
                    interval: SECOND,
                    timeout: SECOND,
                },
            );
            if let Some(Some(backend)) = crowd.backends.get_mut(target.index()) {
                (0..60).for_each(|second| backend.sent(at(second)));
                for episode in 0..u64::from(number % 5) {
                    backend.begin(Channel::Any, at(episode * 10));
                }
            }
        }
        let half: Vec<_> = (0..count / 2).map(TargetId::new).collect();
        crowd.set_group(GroupId(1), &half);
        crowd.turning.probed(at(0));
        crowd
    }

    /// All that a turn computes.
    fn known(crowd: &Coincidences) -> Vec<f64> {
        let backends = crowd.backends.iter().flatten();
        let mut known: Vec<f64> = backends.flat_map(|backend| backend.rates).collect();
        for group in &crowd.groups {
            known.push(group.window.as_secs_f64());
            for channel in 0..Channel::ALL.len() {
                let allowance = group.allowance(channel);
                known.extend([allowance.single, allowance.repeated, allowance.innocent]);
            }
        }
        known
    }

    /// The shares of the next turn, from the groups as they are.
    fn innocence(crowd: &Coincidences) -> Vec<[f64; CHANNELS]> {
        let targets = (0..3_000).map(TargetId::new);
        let share = |target, channel| {
            let groups = crowd.groups.iter().filter(|group| group.has(target));
            groups.fold(0.0, |sum, group| sum + group.allowance(channel).innocent)
        };
        targets
            .map(|target| std::array::from_fn(|channel| share(target, channel)))
            .collect()
    }

    #[test]
    fn a_turn_in_many_steps_ends_with_the_same_as_one_in_one() {
        let (mut stepwise, mut at_once) = (crowd(3_000), crowd(3_000));
        // The second turn goes by the allowances of the first.
        for now in [at(60), at(70)] {
            let mut calls = 0;
            while stepwise.next_deadline().is_some_and(|due| due <= now) {
                stepwise.handle_deadline(now);
                calls += 1;
            }
            assert!(calls > 10, "{calls} calls");
            at_once.handle_deadline(now);
            at_once.step(usize::MAX);
            assert_eq!(known(&stepwise), known(&at_once));
        }
        assert!(known(&stepwise) != known(&crowd(3_000)), "something was learned");
    }

    #[test]
    fn groups_that_change_in_the_middle_of_a_turn_leave_nothing_half_done() {
        let (mut interrupted, mut afterwards) = (crowd(3_000), crowd(3_000));
        let few: Vec<_> = (0..100).map(TargetId::new).collect();
        // Wherever it is interrupted.
        for calls in 1..20 {
            let now = at(60 + calls * 10);
            (0..calls).for_each(|_| interrupted.handle_deadline(now));
            interrupted.set_group(GroupId(1), &few);
            assert!(interrupted.next_deadline().is_some_and(|due| due > now));
            afterwards.handle_deadline(now);
            afterwards.step(usize::MAX);
            afterwards.set_group(GroupId(1), &few);
            let expected = innocence(&interrupted);
            assert!(expected.iter().flatten().any(|share| *share > 0.0));
            interrupted.allow();
            let backends = interrupted.backends.iter().flatten();
            assert!(
                expected.into_iter().eq(backends.map(|backend| backend.innocent)),
                "after {calls} calls"
            );
            // What was spent before the change differs; what it is computed from afterwards does not.
            interrupted.allow();
            (0..2).for_each(|_| afterwards.allow());
            assert_eq!(known(&interrupted), known(&afterwards), "after {calls} calls");
        }
    }
}
