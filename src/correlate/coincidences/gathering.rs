//! Who begins to spike within one window, how likely that is, and how often the same ones did so before.

use std::time::Duration;

use super::backend::Backend;
use super::chance::{Successes, any_of, binomial_at_least};
use super::channel::Channel;
use super::group::Group;
use super::onsets::Onsets;
use crate::units::{Mono, TargetId};

/// The backends whose episodes of a level began within one window.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Gathering {
    /// The end of the window, included: the last of the first spikes.
    pub(super) end: Mono,
    /// Whose that is.
    pub(super) last: TargetId,
    /// Who, with their first spikes, in their order. Two at least.
    pub(super) members: Vec<(TargetId, Mono)>,
}

impl Gathering {
    /// The largest of a group around a first spike at `at`. Windows slide, so that nothing is split by an edge.
    pub(super) fn around(
        at: Mono,
        group: &Group,
        channel: Channel,
        (onsets, backends): (&Onsets, &[Option<Backend>]),
    ) -> Option<Self> {
        let is_known = |(at, target): &(Mono, TargetId)| {
            let backend = backends.get(target.index()).and_then(Option::as_ref);
            group.has(*target) && backend.is_some_and(|backend| backend.began(channel, *at))
        };
        let near = onsets.near(channel, at.before(group.window), at.after(group.window));
        let mut onsets: Vec<(Mono, TargetId)> = near.filter(is_known).collect();
        onsets.dedup();
        if onsets.len() < 2 {
            return None;
        }
        let end_of = |end: Mono| window(&onsets, end, group.window);
        let ends = onsets.iter().filter(|(end, _)| *end >= at);
        // The earliest of equals: `max_by_key` prefers what comes later.
        let (end, last) = *ends.rev().max_by_key(|(end, _)| end_of(*end).len())?;
        let members = end_of(end);
        (members.len() >= 2).then_some(Self { end, last, members })
    }

    /// The probability that as many of the others begin within the window, by the habits of each, and how many backends were probed; `None` where
    /// it is more than `enough`. Of many noisy backends a few show that.
    pub(super) fn chance(
        &self,
        group: &Group,
        channel: Channel,
        backends: &[Option<Backend>],
        enough: f64,
    ) -> Option<(f64, usize)> {
        let from = self.end.before(group.window);
        let mut others = Successes::up_to(self.members.len() - 1);
        let mut probed = 0;
        for &target in &group.members {
            let Some(Some(backend)) = backends.get(target.index()) else {
                continue;
            };
            let sent = backend.exposure(from, self.end);
            if sent <= 0.0 {
                continue;
            }
            probed += 1;
            if target == self.last {
                continue;
            }
            others.add(any_of(sent, backend.rates[channel.index()]));
            if others.most() > enough {
                return None;
            }
        }
        Some((others.most(), probed))
    }

    /// How often its members, and nobody else, coincided in the ten minutes before; and how likely it is that chance alone does that so often.
    ///
    /// Who the members are is chosen by the present, what is tested is the past: so it needs no correction for the many sets that there are,
    /// and holds for two among many as for two alone.
    pub(super) fn repetition(&self, window: Duration, channel: Channel, backends: &[Option<Backend>]) -> (u32, f64) {
        let Some((_, first)) = self.members.first() else {
            return (0, 1.0);
        };
        let (from, to) = (first.before(MEMORY), first.before(window.saturating_mul(2)));
        let members: Vec<(TargetId, &Backend)> = self
            .members
            .iter()
            .filter_map(|(target, _)| Some((*target, backends.get(target.index())?.as_ref()?)))
            .collect();
        let mut onsets: Vec<(Mono, TargetId)> = members
            .iter()
            .flat_map(|(target, backend)| backend.onsets(channel, from, to).map(|at| (at, *target)))
            .collect();
        onsets.sort_unstable();
        let times = coincidences(&onsets, window);
        let trials = u64::try_from(onsets.len()).unwrap_or(u64::MAX);
        let chance = binomial_at_least(u64::from(times), trials, most_likely(&members, channel, window));
        (times + 1, chance)
    }
}

/// The first spike of everybody who has one in `(end - window, end]`.
fn window(onsets: &[(Mono, TargetId)], end: Mono, window: Duration) -> Vec<(TargetId, Mono)> {
    let from = onsets.partition_point(|(at, _)| *at <= end.before(window));
    let to = onsets.partition_point(|(at, _)| *at <= end);
    let mut members: Vec<(TargetId, Mono)> = onsets[from..to].iter().map(|(at, target)| (*target, *at)).collect();
    members.sort_unstable();
    members.dedup_by_key(|(target, _)| *target);
    members.sort_unstable_by_key(|(target, at)| (*at, *target));
    members
}

/// How often two different ones were within a window, at least two windows apart.
fn coincidences(onsets: &[(Mono, TargetId)], window: Duration) -> u32 {
    let mut times = 0;
    let mut next = Mono::default();
    for (place, &(at, target)) in onsets.iter().enumerate() {
        let mut near = onsets[..place]
            .iter()
            .rev()
            .take_while(|(earlier, _)| at.since(*earlier) < window);
        if at >= next && near.any(|(_, other)| *other != target) {
            times += 1;
            next = at.after(window.saturating_mul(2));
        }
    }
    times
}

/// The probability that another member begins within the window before a first spike, for the member of which it is the largest.
fn most_likely(members: &[(TargetId, &Backend)], channel: Channel, window: Duration) -> f64 {
    let nobody = |(_, backend): &(TargetId, &Backend)| {
        1.0 - any_of(backend.pace * window.as_secs_f64(), backend.rates[channel.index()])
    };
    members
        .iter()
        .map(|(target, _)| {
            let others = members.iter().filter(|(other, _)| other != target);
            1.0 - others.map(nobody).product::<f64>()
        })
        .fold(0.0, f64::max)
}

/// How long a past is looked at. Shorter than the day, longer than the bursts that people notice.
pub(super) const MEMORY: Duration = Duration::from_mins(10);
