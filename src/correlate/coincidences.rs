//! Several backends at the same moment: more of them than their own habits explain.
//!
//! Unrelated backends spike together now and then, the more often the more and the noisier they are. What chance alone does so rarely
//! that it is within a budget of false alarms is not chance. Everything is counted in send times, and by episodes: a backend counts once,
//! whatever it is probed by and however many probes it loses in a row.
//!
//! | question | rule | where |
//! |---|---|---|
//! | what is the same moment | first spikes of episodes in a sliding window of two intervals of the slowest, and the longest baseline | `group`, `gathering` |
//! | how likely is that | the Poisson-binomial tail over the others, each by its own rate and the probes it was sent in the window | `chance` |
//! | what is its own rate | episodes outside suspected coincidences | `habit` |
//! | what stands out how | seven levels, each a test by itself: a spike, two in a row, three severities of an RTT, loss, refusal | `channel` |
//! | when is it an alarm | where all tests together give the permitted false alarms in 30 days; a tenth of the group at least | `group` |
//! | if these are too few | the same members coincided before, in ten minutes, more often than their rates explain | `gathering` |
//! | when is it over | when they stop to spike together, but not between bursts | `incidents` |
//!
//! Failure modes, and what is done about them:
//! - **Rates that learn the fault.** Episodes in a coincidence with a chance below 10 % are suspected, and no habit.
//! - **Two or three noisy backends.** One coincidence says nothing; its repetition does. It is published as suspected until then.
//! - **Many noisy backends.** Pairs coincide all the time. The repetition is that of exactly the present members, so it stays calibrated,
//!   and the number of distinct ones judges.
//! - **An outage of one backend.** It begins once: those that spike while it lasts do not coincide with it.
//! - **This host.** What was sent while it was at fault is forgotten, see [`Coincidences::discount`].
//! - **Spikes shorter than the interval** are sampled, not seen. Of two backends often only one is hit.

mod backend;
mod chance;
mod channel;
mod gathering;
mod group;
mod habit;
mod incidents;
mod onsets;
mod stream;
mod turning;

use std::collections::VecDeque;
use std::time::Duration;

use self::backend::{Backend, Spike};
use self::channel::Channel;
use self::gathering::Gathering;
use self::group::Group;
use self::incidents::{Alarm, Incidents};
use self::onsets::Onsets;
use self::stream::Followed;
use self::turning::Turning;
use super::{AnomalyKind, Change, GroupId, Stream, Suspicion};
use crate::detect::{Finding, Found, Level};
use crate::outcome::{Event, What};
use crate::units::{Mono, ProbeSeq, SeriesId, TargetId};

/// How careful to be.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CoincidenceOptions {
    /// How many false alarms may be expected in 30 days.
    pub false_alarms_per_30_days: f64,
}

/// Finds backends that spike at the same moments.
///
/// Call order per turn: [`handle_event`](Self::handle_event) for all that happened, [`handle_finding`](Self::handle_finding) for all that was
/// found in it, [`discount`](Self::discount) where this host was at fault, then [`handle_deadline`](Self::handle_deadline), then
/// [`poll`](Self::poll) until `None`. Incidents are only said in `handle_deadline`, so that what is discounted in time is never said. A probe
/// costs the same whatever came before it; an episode costs a pass over its groups. Memory is bounded by series.
#[derive(Debug)]
pub struct Coincidences {
    options: CoincidenceOptions,
    streams: Vec<Option<Followed>>,
    backends: Vec<Option<Backend>>,
    /// The first is everybody.
    groups: Vec<Group>,
    /// Who began when, of all that may still be found around it.
    onsets: Onsets,
    /// When this host was at fault, newest last.
    discounted: VecDeque<(Mono, Mono)>,
    incidents: Incidents,
    /// Per backend: until when it is said to be suspected.
    suspected: Vec<(Mono, Mono)>,
    turning: Turning,
    changes: VecDeque<Change>,
}

impl Coincidences {
    /// Of no streams yet.
    #[must_use]
    pub fn new(options: CoincidenceOptions) -> Self {
        Self {
            options,
            streams: Vec::new(),
            backends: Vec::new(),
            groups: vec![Group::new(GroupId(0), Vec::new())],
            onsets: Onsets::default(),
            discounted: VecDeque::new(),
            incidents: Incidents::default(),
            suspected: Vec::new(),
            turning: Turning::default(),
            changes: VecDeque::new(),
        }
    }

    /// Follows a series from now on.
    pub fn admit(&mut self, series: SeriesId, stream: Stream) {
        self.remove(series);
        let (place, target) = (series.index(), stream.target.index());
        if self.streams.len() <= place {
            self.streams.resize_with(place + 1, || None);
        }
        if self.backends.len() <= target {
            self.backends.resize_with(target + 1, || None);
            self.suspected.resize(target + 1, (Mono::default(), Mono::default()));
        }
        self.streams[place] = Some(Followed::new(stream));
        self.backends[target]
            .get_or_insert_with(Backend::new)
            .series
            .push(series);
        self.groups[0].add(stream.target);
        self.refresh(stream.target);
    }

    /// Sets who is in a group; group 0 is everybody, whatever is set.
    pub fn set_group(&mut self, group: GroupId, members: &[TargetId]) {
        if group == GroupId(0) {
            return;
        }
        self.groups.retain(|known| known.id != group);
        self.groups.push(Group::new(group, members.to_vec()));
        // What was allowed to few groups is too much for more.
        self.allow();
    }

    /// Follows a series no more.
    pub fn remove(&mut self, series: SeriesId) {
        let Some(followed) = self.streams.get_mut(series.index()).and_then(Option::take) else {
            return;
        };
        let target = followed.stream.target;
        if let Some(Some(backend)) = self.backends.get_mut(target.index()) {
            backend.series.retain(|known| *known != series);
            if backend.series.is_empty() {
                self.backends[target.index()] = None;
                self.groups[0].members.retain(|member| *member != target);
            }
        }
        self.refresh(target);
    }

    /// What happened to a probe: exposure is counted by what was sent.
    pub fn handle_event(&mut self, event: &Event) {
        let Some(Some(followed)) = self.streams.get_mut(event.series.index()) else {
            return;
        };
        match event.what {
            What::Sent { .. } => {
                if let Some(Some(backend)) = self.backends.get_mut(followed.stream.target.index()) {
                    backend.sent(event.sent_at);
                }
                self.turning.probed(event.sent_at);
            }
            What::Answered(answered) => followed.answered(event.seq, answered.timing.rtt),
            What::SendFailed(_) | What::TimedOut | What::Duplicate | What::LateAfterClose | What::Settled(_) => {}
        }
    }

    /// What stands out; `level` is that of its series.
    pub fn handle_finding(&mut self, finding: &Finding, level: Option<Level>) {
        let (series, at) = (finding.series, finding.at);
        let Some(Some(followed)) = self.streams.get_mut(series.index()) else {
            return;
        };
        let target = followed.stream.target;
        if let Some(level) = level {
            followed.baseline = Duration::from_nanos(level.baseline.as_nanos());
        }
        match finding.found {
            Found::Overdue(seq) => {
                followed.is_overdue(seq);
                self.stand_out(series, target, seq, at);
            }
            Found::Withdrawn(seq) => {
                let was_overdue = followed.settle(seq);
                followed.withdraw(seq);
                if was_overdue {
                    self.forget(target, at, at);
                }
            }
            Found::Spiked(seq, symptom) => {
                if followed.settle(seq) {
                    self.fill_in(series, target, seq, at);
                } else {
                    self.stand_out(series, target, seq, at);
                }
                for channel in Channel::of(symptom) {
                    self.spike(target, *channel, at);
                }
            }
            _ => {}
        }
    }

    /// Probes sent between these moments say nothing: this host was at fault.
    pub fn discount(&mut self, from: Mono, to: Mono) {
        if self.discounted.len() == MAX_DISCOUNTED {
            self.discounted.pop_front();
        }
        self.discounted.push_back((from, to));
        for target in self.groups[0].members.clone() {
            self.forget(target, from, to);
        }
    }

    /// When [`handle_deadline`](Self::handle_deadline) has something to do.
    #[must_use]
    pub fn next_deadline(&self) -> Option<Mono> {
        let deadlines = [self.incidents.next_deadline(), self.turning.next_deadline()];
        deadlines.into_iter().flatten().min()
    }

    /// Says what is new at `now`: everything that arrived and was found before must have been handed over.
    pub fn handle_deadline(&mut self, now: Mono) {
        self.turn(now);
        let everybody = &self.groups[0].members;
        self.incidents.turn(now, &self.backends, everybody, &mut self.changes);
    }

    /// The next thing to say.
    pub fn poll(&mut self) -> Option<Change> {
        self.changes.pop_front()
    }

    /// The first word of a probe that stands out.
    fn stand_out(&mut self, series: SeriesId, target: TargetId, seq: ProbeSeq, at: Mono) {
        if self.is_discounted(at) {
            return;
        }
        let (Some(Some(followed)), Some(Some(backend))) = (
            self.streams.get_mut(series.index()),
            self.backends.get_mut(target.index()),
        ) else {
            return;
        };
        let is_second = followed.is_second(seq);
        let rtt = followed.rtt(seq);
        let spike = Spike { series, seq, at, rtt };
        backend.spike(spike);
        if self.incidents.spike(target, &spike, &self.backends) {
            self.say_suspected(&[target], at, at.after(SUSPECT_FOR));
        }
        self.spike(target, Channel::Any, at);
        if is_second {
            self.spike(target, Channel::Twice, at);
        }
    }

    /// A probe that was overdue is judged.
    fn fill_in(&mut self, series: SeriesId, target: TargetId, seq: ProbeSeq, at: Mono) {
        let rtt = self
            .streams
            .get(series.index())
            .and_then(|followed| followed.as_ref()?.rtt(seq));
        if let (Some(rtt), Some(Some(backend))) = (rtt, self.backends.get_mut(target.index())) {
            backend.set_rtt(series, seq, Some(rtt));
            self.incidents.set_rtt(target, at, rtt);
        }
    }

    /// A spike at a level. Only the first of an episode is a test.
    fn spike(&mut self, target: TargetId, channel: Channel, at: Mono) {
        if self.is_discounted(at) {
            return;
        }
        let backend = self.backends.get_mut(target.index()).and_then(Option::as_mut);
        if !backend.is_some_and(|backend| backend.begin(channel, at)) {
            return;
        }
        self.onsets.add(channel, at, target);
        let mut alarms = Vec::new();
        let mut widest = 0;
        for place in 0..self.groups.len() {
            let group = &self.groups[place];
            if !group.has(target) {
                continue;
            }
            let known = (&self.onsets, &*self.backends);
            let Some(gathering) = Gathering::around(at, group, channel, known) else {
                continue;
            };
            if self.incidents.join(&gathering, (target, at), &self.backends) {
                self.suspect(place, channel, &gathering);
                return;
            }
            widest = widest.max(gathering.members.len());
            alarms.extend(self.judge(place, channel, &gathering));
        }
        if let Some(alarm) = best(&alarms, widest) {
            self.incidents.raise(alarm, &self.backends);
        }
    }

    /// Tests a coincidence in one group. What may be an alarm is suspected.
    fn judge(&mut self, place: usize, channel: Channel, gathering: &Gathering) -> Option<Alarm> {
        let group = &self.groups[place];
        let allowance = group.allowance(channel.index());
        let enough = allowance.single.max(self.suspicious());
        let known = gathering.chance(group, channel, &self.backends, enough);
        let (chance, probed) = known.unwrap_or((1.0, 0));
        let floor = probed.div_ceil(10).max(2);
        let verdict = if gathering.members.len() >= floor && chance <= allowance.single {
            Some((AnomalyKind::Coincidence, chance))
        } else if gathering.members.len() <= MOST_REPEATED {
            let (times, chance) = gathering.repetition(group.window, channel, &self.backends);
            (chance <= allowance.repeated).then_some((AnomalyKind::Repeated { times }, chance))
        } else {
            None
        };
        let alarm = verdict.map(|(kind, chance)| Alarm {
            group: group.id,
            size: group.members.len(),
            window: group.window,
            kind,
            chance,
            end: gathering.end,
            members: gathering.members.clone(),
        });
        if alarm.is_some() || chance <= self.suspicious() {
            self.suspect(place, channel, gathering);
        }
        alarm
    }

    fn suspect(&mut self, place: usize, channel: Channel, gathering: &Gathering) {
        let from = gathering.end.before(self.groups[place].window);
        for (target, _) in &gathering.members {
            if let Some(Some(backend)) = self.backends.get_mut(target.index()) {
                backend.suspect(channel, from, gathering.end);
            }
        }
        let first = gathering.members.first().map_or(gathering.end, |(_, first)| *first);
        let members: Vec<TargetId> = gathering.members.iter().map(|(target, _)| *target).collect();
        self.say_suspected(&members, first, gathering.end.after(SUSPECT_FOR));
    }

    /// Says that spikes of these are suspected, if that is new.
    fn say_suspected(&mut self, targets: &[TargetId], from: Mono, to: Mono) {
        let mut series = Vec::new();
        for target in targets {
            let (Some(said), Some(Some(backend))) = (
                self.suspected.get_mut(target.index()),
                self.backends.get(target.index()),
            ) else {
                continue;
            };
            // Half of the time ahead is kept in reserve: not every spike needs a word.
            if said.0 <= from && said.1.after(SUSPECT_FOR / 2) >= to {
                continue;
            }
            *said = (if said.1 >= from { said.0.min(from) } else { from }, said.1.max(to));
            series.extend(&backend.series);
        }
        if !series.is_empty() && self.changes.len() < MAX_CHANGES {
            self.changes
                .push_back(Change::Suspected(Suspicion { series, from, to }));
        }
    }

    fn forget(&mut self, target: TargetId, from: Mono, to: Mono) {
        if let Some(Some(backend)) = self.backends.get_mut(target.index()) {
            backend.forget(from, to);
            self.incidents.forget(target, from, to, &self.backends);
        }
    }

    fn is_discounted(&self, at: Mono) -> bool {
        self.discounted.iter().any(|(from, to)| (*from..=*to).contains(&at))
    }
}

/// The smallest group that has 80 % of all that spike; without one, that with the most.
fn best(alarms: &[Alarm], widest: usize) -> Option<&Alarm> {
    let covers = |alarm: &&Alarm| alarm.members.len() * 5 >= widest * 4;
    let smallest = alarms.iter().filter(covers).min_by_key(|alarm| alarm.size);
    smallest.or_else(|| alarms.iter().max_by_key(|alarm| alarm.members.len()))
}

/// A coincidence that is less likely may be a fault. Two backends with an episode per 9 s each are at 5 %.
const SUSPICIOUS: f64 = 0.1;

/// Spikes after the first ones belong to them for so long: an episode lasts while pauses are shorter.
const SUSPECT_FOR: Duration = Duration::from_secs(2);

/// More that coincide are judged by their number.
const MOST_REPEATED: usize = 8;

/// Stalls of this host that are remembered. Later findings of older ones are rare.
const MAX_DISCOUNTED: usize = 64;

/// Suspicions that nobody polled. Incidents are bounded by themselves.
const MAX_CHANGES: usize = 4_096;

#[cfg(test)]
mod tests;
