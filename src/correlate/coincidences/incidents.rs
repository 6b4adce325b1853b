//! Alarms become incidents: opened, extended while it goes on, kept open between bursts, closed when it is over.

use std::collections::VecDeque;
use std::time::Duration;

use super::backend::{Backend, Spike};
use super::gathering::{Gathering, MEMORY};
use crate::correlate::{Anomaly, AnomalyKind, Change, GroupId, Hit};
use crate::units::{Mono, Rtt, TargetId};

/// A coincidence that chance does not explain.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Alarm {
    pub(super) group: GroupId,
    /// How many backends the group has.
    pub(super) size: usize,
    pub(super) window: Duration,
    pub(super) kind: AnomalyKind,
    pub(super) chance: f64,
    pub(super) end: Mono,
    /// Who, with their first spikes, in their order.
    pub(super) members: Vec<(TargetId, Mono)>,
}

/// All incidents that are open, and what is remembered of others.
#[derive(Clone, Debug, Default)]
pub(super) struct Incidents {
    open: Vec<Open>,
    past: VecDeque<Past>,
    next_id: u64,
}

/// One that is open.
#[derive(Clone, Debug)]
pub(super) struct Open {
    anomaly: Anomaly,
    size: usize,
    window: Duration,
    /// Per member, in their order: the newest of its spikes that is counted.
    counted: Vec<Mono>,
    /// How many began the present burst, and when.
    started: (usize, Mono),
    /// The last moment at which several members spiked together.
    alive: Mono,
    /// Bursts so far, and when the first of them was.
    bursts: u32,
    first_burst: Mono,
    said: Said,
}

/// What was said of an incident.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Said {
    Nothing,
    Outdated,
    All,
}

/// One that is closed: if it begins again, it is one that comes in bursts.
#[derive(Clone, Debug)]
struct Past {
    members: Vec<TargetId>,
    bursts: u32,
    first_burst: Mono,
    last_burst: Mono,
}

impl Incidents {
    /// Lets an alarm open an incident, or become part of the one that has some of its members.
    pub(super) fn raise(&mut self, alarm: &Alarm, backends: &[Option<Backend>]) {
        let has_part = |open: &&mut Open| alarm.members.iter().any(|(target, _)| open.place(*target).is_some());
        if let Some(open) = self.open.iter_mut().find(has_part) {
            open.extend(alarm, backends);
        } else if self.open.len() < MAX_OPEN {
            let mut open = Open::new(self.next_id, alarm, backends);
            self.next_id += 1;
            open.remember(&self.past);
            self.open.push(open);
        }
    }

    /// Whether these belong to an alarm that was just raised. Then they need no test of their own, and the one that just began is a member.
    pub(super) fn join(
        &mut self,
        gathering: &Gathering,
        (target, first): (TargetId, Mono),
        backends: &[Option<Backend>],
    ) -> bool {
        let is_part = |open: &&mut Open| {
            let (_, started) = open.started;
            let near = open.window.saturating_mul(2);
            let mut known = gathering
                .members
                .iter()
                .filter(|(target, _)| open.place(*target).is_some());
            gathering.end <= started.after(near) && gathering.end.after(near) >= started && known.nth(1).is_some()
        };
        let Some(open) = self.open.iter_mut().find(is_part) else {
            return false;
        };
        open.include(target, first, backends);
        open.started.0 = open.started.0.max(gathering.members.len());
        open.alive = open.alive.max(gathering.end);
        true
    }

    /// A backend spiked. Whether it is part of an incident.
    pub(super) fn spike(&mut self, target: TargetId, spike: &Spike, backends: &[Option<Backend>]) -> bool {
        let mut is_part = false;
        for open in &mut self.open {
            is_part |= open.spike(target, spike, backends);
        }
        is_part
    }

    /// The RTT of a spike is known now.
    pub(super) fn set_rtt(&mut self, target: TargetId, at: Mono, rtt: Rtt) {
        for open in &mut self.open {
            if let Some(place) = open.place(target) {
                let hit = &mut open.anomaly.members[place];
                if hit.first <= at && at <= open.counted[place] && Some(rtt) > hit.peak {
                    hit.peak = Some(rtt);
                }
            }
        }
    }

    /// What a backend was found to do between these moments, both included, is not true. Incidents that are left with one member end.
    pub(super) fn forget(&mut self, target: TargetId, from: Mono, to: Mono, backends: &[Option<Backend>]) {
        for open in &mut self.open {
            let Some(place) = open.place(target).filter(|place| {
                let hit = &open.anomaly.members[*place];
                hit.first <= to && from <= open.counted[*place]
            }) else {
                continue;
            };
            let left = backends.get(target.index()).and_then(Option::as_ref);
            let counted = open.counted[place];
            let hit = &mut open.anomaly.members[place];
            let mut spikes = left
                .into_iter()
                .flat_map(Backend::spikes)
                .filter(|spike| (hit.first..=counted).contains(&spike.at));
            if let Some(first) = spikes.next() {
                hit.first = first.at;
            } else {
                open.anomaly.members.remove(place);
                open.counted.remove(place);
            }
            open.is_outdated();
        }
    }

    /// Says what is new at `now`, and closes what is over.
    pub(super) fn turn(
        &mut self,
        now: Mono,
        backends: &[Option<Backend>],
        everybody: &[TargetId],
        out: &mut VecDeque<Change>,
    ) {
        for open in &mut self.open {
            let is_over = now >= open.over_at() || open.anomaly.members.len() < 2;
            if open.said != Said::All || is_over {
                open.anomaly.healthy = open.healthy(everybody, backends);
            }
            match open.said {
                // Taken back before anybody heard of it.
                Said::Nothing if open.anomaly.members.len() < 2 => continue,
                Said::Nothing => out.push_back(Change::Opened(open.anomaly.clone())),
                Said::Outdated if !is_over => out.push_back(Change::Updated(open.anomaly.clone())),
                Said::Outdated | Said::All => {}
            }
            open.said = Said::All;
            if is_over {
                out.push_back(Change::Closed(open.anomaly.clone()));
                self.past.push_back(open.past());
            }
        }
        self.open
            .retain(|open| now < open.over_at() && open.anomaly.members.len() >= 2);
        while self.past.len() > MAX_PAST {
            self.past.pop_front();
        }
    }

    /// When there is something to say or to close.
    pub(super) fn next_deadline(&self) -> Option<Mono> {
        let due = self.open.iter().map(|open| match open.said {
            Said::All => open.over_at(),
            Said::Nothing | Said::Outdated => Mono::default(),
        });
        due.min()
    }
}

impl Open {
    fn new(id: u64, alarm: &Alarm, backends: &[Option<Backend>]) -> Self {
        let first = alarm.members.first().map_or(alarm.end, |(_, first)| *first);
        let last = alarm.members.last().map_or(alarm.end, |(_, first)| *first);
        let mut open = Self {
            anomaly: Anomaly {
                id,
                kind: alarm.kind,
                group: alarm.group,
                began: first,
                last,
                members: Vec::new(),
                healthy: Vec::new(),
                chance: Some(alarm.chance),
                onset_skew: last.since(first),
            },
            size: alarm.size,
            window: alarm.window,
            counted: Vec::new(),
            started: (alarm.members.len(), alarm.end),
            alive: alarm.end,
            bursts: 1,
            first_burst: alarm.end,
            said: Said::Nothing,
        };
        for &(target, first) in &alarm.members {
            open.include(target, first, backends);
        }
        open
    }

    /// Takes over the rhythm of one that was closed, if that had some of the same members.
    fn remember(&mut self, past: &VecDeque<Past>) {
        let is_same = |past: &&Past| past.members.iter().any(|target| self.place(*target).is_some());
        if let Some(past) = past.iter().rev().find(is_same)
            && self.alive.since(past.last_burst) < MEMORY
        {
            self.bursts = past.bursts + 1;
            self.first_burst = past.first_burst;
        }
    }

    fn past(&self) -> Past {
        Past {
            members: self.anomaly.members.iter().map(|hit| hit.target).collect(),
            bursts: self.bursts,
            first_burst: self.first_burst,
            last_burst: self.alive,
        }
    }

    fn extend(&mut self, alarm: &Alarm, backends: &[Option<Backend>]) {
        if alarm.end > self.alive.after(PAUSE.max(self.window.saturating_mul(2))) {
            self.bursts += 1;
        }
        if alarm.size > self.size {
            (self.anomaly.group, self.size, self.window) = (alarm.group, alarm.size, alarm.window);
        }
        if alarm.end > self.started.1 {
            self.started = (alarm.members.len(), alarm.end);
        }
        self.alive = self.alive.max(alarm.end);
        self.anomaly.chance = self.anomaly.chance.map(|chance| chance.min(alarm.chance));
        if let (AnomalyKind::Repeated { times: so_far }, AnomalyKind::Repeated { times }) =
            (self.anomaly.kind, alarm.kind)
        {
            self.anomaly.kind = AnomalyKind::Repeated {
                times: times.max(so_far),
            };
        }
        for &(target, first) in &alarm.members {
            self.include(target, first, backends);
        }
    }

    /// Makes a backend a member, and counts its spikes from `first` on.
    fn include(&mut self, target: TargetId, first: Mono, backends: &[Option<Backend>]) {
        let place = self.place(target).unwrap_or_else(|| {
            let members = &mut self.anomaly.members;
            let place = members.partition_point(|hit| hit.first <= first);
            let hit = Hit {
                target,
                first,
                peak: None,
                probes: 0,
            };
            members.insert(place, hit);
            self.counted.insert(place, first.before(Duration::from_nanos(1)));
            place
        });
        let Some(Some(backend)) = backends.get(target.index()) else {
            return;
        };
        let counted = self.counted[place];
        for spike in backend.spikes().filter(|spike| spike.at >= first && spike.at > counted) {
            self.count(place, spike);
        }
        self.anomaly.began = self.anomaly.began.min(first);
        self.is_outdated();
    }

    fn count(&mut self, place: usize, spike: &Spike) {
        let hit = &mut self.anomaly.members[place];
        hit.probes += 1;
        hit.peak = hit.peak.max(spike.rtt);
        self.counted[place] = self.counted[place].max(spike.at);
        self.anomaly.last = self.anomaly.last.max(spike.at);
    }

    /// Lets a spike be part of it: of a member while it lasts, or the second of another at the same moment.
    fn spike(&mut self, target: TargetId, spike: &Spike, backends: &[Option<Backend>]) -> bool {
        let near = self.window.saturating_mul(2);
        let lasts = spike.at <= self.alive.after(near) && spike.at.after(near) >= self.alive;
        match self.place(target) {
            Some(place) if spike.at <= self.alive.after(self.patience()) && spike.at > self.counted[place] => {
                self.count(place, spike);
                self.go_on(spike.at);
                true
            }
            None if lasts => {
                let began = self.started.1.before(near);
                let spikes = backends
                    .get(target.index())
                    .and_then(Option::as_ref)
                    .map(Backend::spikes);
                let mut spikes = spikes.into_iter().flatten().filter(|spike| spike.at >= began);
                if let (Some(first), Some(_)) = (spikes.next(), spikes.next()) {
                    self.include(target, first.at, backends);
                }
                true
            }
            _ => false,
        }
    }

    /// It is alive while half of those who began it spike together.
    fn go_on(&mut self, at: Mono) {
        let from = at.before(self.window.saturating_mul(2));
        let together = self
            .counted
            .iter()
            .filter(|newest| **newest > from && **newest <= at)
            .count();
        if together >= self.started.0.div_ceil(2).max(2) {
            self.alive = self.alive.max(at);
        }
    }

    fn healthy(&self, everybody: &[TargetId], backends: &[Option<Backend>]) -> Vec<TargetId> {
        let (from, to) = (self.anomaly.began.before(self.window), self.anomaly.last);
        let is_healthy = |target: &TargetId| {
            let backend = backends.get(target.index()).and_then(Option::as_ref);
            self.place(*target).is_none()
                && backend.is_some_and(|backend| {
                    backend.exposure(from, to) > 0.0 && !backend.spikes().any(|spike| (from..=to).contains(&spike.at))
                })
        };
        everybody.iter().copied().filter(is_healthy).collect()
    }

    fn place(&self, target: TargetId) -> Option<usize> {
        self.anomaly.members.iter().position(|hit| hit.target == target)
    }

    fn is_outdated(&mut self) {
        if self.said == Said::All {
            self.said = Said::Outdated;
        }
    }

    /// How long members may be silent while it goes on.
    fn patience(&self) -> Duration {
        self.window.saturating_mul(3).max(LEAST_PATIENCE)
    }

    /// When it is over if nothing more happens. One that comes in bursts waits for several of them.
    fn over_at(&self) -> Mono {
        let hold = match self.bursts.checked_sub(1) {
            None | Some(0) => MERGE.max(self.patience()),
            Some(gaps) => {
                let gap = self.alive.since(self.first_burst) / gaps;
                gap.saturating_mul(3).clamp(LEAST_HOLD, MOST_HOLD).max(self.patience())
            }
        };
        self.alive.after(hold)
    }
}

/// More at once are one thing that is not understood.
const MAX_OPEN: usize = 16;

/// Enough to recognize what comes again.
const MAX_PAST: usize = 16;

/// A pause after which it is another burst.
const PAUSE: Duration = Duration::from_secs(2);

/// Members may be silent for so long at least.
const LEAST_PATIENCE: Duration = Duration::from_secs(5);

/// What begins again within this time was not over.
const MERGE: Duration = Duration::from_secs(10);

/// What came in bursts is not over before, lest one missed burst makes two incidents.
const LEAST_HOLD: Duration = Duration::from_secs(30);

/// Bursts that are further apart are incidents of their own.
const MOST_HOLD: Duration = Duration::from_mins(5);
