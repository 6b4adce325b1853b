//! One incident while it is under way: what gave it away, who suffers, what is made of it, and what was told.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use super::judging::{Judgement, Records};
use super::latch::Latch;
use crate::correlate::{Anomaly, AnomalyKind, GroupId, Persistence};
use crate::detect::Cause;
use crate::diagnose::{Evidence, Incident, Verdict};
use crate::units::{Mono, Rtt, TargetId};

/// An incident under way.
#[derive(Debug)]
pub(super) struct Case {
    /// Given when it is first told; 0 until then.
    pub(super) number: u64,
    /// Anomalies that it is made of, and whether each still lasts.
    sources: Vec<Source>,
    /// Since when this host is in trouble, where it is that.
    pub(super) own_since: Option<Mono>,
    pub(super) began: Mono,
    pub(super) last: Mono,
    pub(super) members: BTreeMap<TargetId, Suffering>,
    /// Who the judge says is well.
    pub(super) healthy: Vec<TargetId>,
    pub(super) group: GroupId,
    pub(super) chance: Option<f64>,
    pub(super) onset_skew: Duration,
    latch: Latch,
    /// How many members it had when it was judged last.
    judged_members: usize,
    /// What it was judged on last.
    pub(super) evidence: Option<Box<Evidence>>,
    /// As it was told last.
    pub(super) told: Option<Box<Incident>>,
    /// Not to be told before: another judge may know better in a moment.
    pub(super) tell_at: Mono,
    /// When to judge it again.
    pub(super) judge_at: Mono,
    /// Since when nothing of it lasts.
    pub(super) ended: Option<Mono>,
    /// The run ends, and it with it.
    given_up: bool,
    /// Whose traces are of interest.
    pub(super) traced: BTreeSet<TargetId>,
    /// Those whose trace was told.
    pub(super) trace_told: BTreeSet<TargetId>,
}

/// Who says it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Judge {
    Coincidences,
    Troubles,
}

#[derive(Debug)]
struct Source {
    judge: Judge,
    id: u64,
    kind: AnomalyKind,
    lasts: bool,
}

/// A member's part.
#[derive(Clone, Copy, Debug)]
pub(super) struct Suffering {
    pub(super) first: Mono,
    pub(super) peak: Option<Rtt>,
    pub(super) persistent: Option<Persistence>,
}

impl Case {
    /// An incident that nothing is known of yet.
    pub(super) fn new(began: Mono, now: Mono) -> Self {
        Self {
            number: 0,
            sources: Vec::new(),
            own_since: None,
            began,
            last: began,
            members: BTreeMap::new(),
            healthy: Vec::new(),
            group: GroupId::default(),
            chance: None,
            onset_skew: Duration::ZERO,
            latch: Latch::default(),
            judged_members: 0,
            evidence: None,
            told: None,
            tell_at: now.after(HOLD),
            judge_at: now,
            ended: None,
            given_up: false,
            traced: BTreeSet::new(),
            trace_told: BTreeSet::new(),
        }
    }

    /// Adds an anomaly, or what is new of one. A coincidence changes what the whole is taken for, so that the verdict is open again.
    pub(super) fn take(&mut self, judge: Judge, anomaly: &Anomaly, now: Mono) {
        let was = self.kind().map(rank);
        let known = self.sources.iter_mut().find(|source| source.is(judge, anomaly.id));
        match known {
            Some(source) => {
                source.kind = anomaly.kind;
                source.lasts = true;
            }
            None => self.add_source(judge, anomaly),
        }
        self.began = self.began.min(anomaly.began);
        self.last = self.last.max(anomaly.last);
        for hit in &anomaly.members {
            self.suffers(hit.target, hit.first, hit.peak, persistence(anomaly.kind));
        }
        let is_leading = self.kind().map(rank) == Some(rank(anomaly.kind));
        if is_leading {
            self.healthy.clone_from(&anomaly.healthy);
            self.group = anomaly.group;
            self.chance = anomaly.chance.or(self.chance);
            self.onset_skew = anomaly.onset_skew;
        }
        if was.is_some_and(|was| self.kind().is_some_and(|kind| rank(kind) < was.min(ALONE))) {
            self.latch = Latch::default();
        }
        self.ended = None;
        self.judge_at = self.judge_at.min(now.after(SOON));
    }

    /// An anomaly is over; with the last one the incident is, unless another follows soon.
    pub(super) fn end(&mut self, judge: Judge, anomaly: &Anomaly, now: Mono) {
        self.take(judge, anomaly, now);
        for source in self.sources.iter_mut().filter(|source| source.is(judge, anomaly.id)) {
            source.lasts = false;
        }
        self.note_end(now);
    }

    /// Whether it holds this anomaly.
    pub(super) fn has(&self, judge: Judge, id: u64) -> bool {
        self.sources.iter().any(|source| source.is(judge, id))
    }

    /// Everything of another incident, which has the same cause.
    pub(super) fn absorb(&mut self, other: &mut Self, now: Mono) {
        self.sources.append(&mut other.sources);
        self.forget_sources();
        self.own_since = self.own_since.or(other.own_since);
        self.began = self.began.min(other.began);
        self.last = self.last.max(other.last);
        for (target, part) in &other.members {
            self.suffers(*target, part.first, part.peak, part.persistent);
        }
        self.healthy.retain(|target| !self.members.contains_key(target));
        self.traced.append(&mut other.traced);
        self.trace_told.append(&mut other.trace_told);
        self.ended = None;
        self.note_end(now);
        self.judge_at = now;
    }

    /// How many anomalies it remembers.
    #[cfg(test)]
    pub(super) const fn sources(&self) -> usize {
        self.sources.len()
    }

    /// What it is taken for: the strongest of what gave it away; `None` where only this host is in trouble.
    pub(super) fn kind(&self) -> Option<AnomalyKind> {
        self.sources
            .iter()
            .map(|source| source.kind)
            .min_by_key(|kind| rank(*kind))
    }

    /// Whether it may be told: what several do at once, as soon as it is known what it is; what one does, when there was time to find out whether
    /// others do the same.
    pub(super) fn is_ripe(&self, now: Mono) -> bool {
        let says_much = self.latch.says_much();
        self.told.is_some() || self.tell_at <= now || says_much && self.is_of_several()
    }

    /// Whether it was found because several suffered at once.
    pub(super) fn is_of_several(&self) -> bool {
        self.own_since.is_some() || self.kind().is_some_and(|kind| rank(kind) <= COINCIDENCE)
    }

    /// Whether it is about a backend that never answered.
    pub(super) fn is_from_the_beginning(&self) -> bool {
        let mut kinds = self.sources.iter().map(|source| source.kind);
        kinds.all(|kind| matches!(kind, AnomalyKind::NeverAnswered(_)))
    }

    /// Whether an anomaly of a single backend is part of this, by what it is and when it began.
    pub(super) fn fits(&self, anomaly: &Anomaly) -> bool {
        let knows_all = anomaly.members.iter().all(|hit| self.members.contains_key(&hit.target));
        if !knows_all || anomaly.began > self.last.after(NEAR) && self.ended.is_some() {
            return false;
        }
        match anomaly.kind {
            AnomalyKind::NeverAnswered(_) => self.is_from_the_beginning(),
            _ if self.is_from_the_beginning() => false,
            AnomalyKind::Alone(Cause::Refusing) if self.is_of_several() => anomaly.began <= self.began.after(SHORT),
            _ => true,
        }
    }

    /// Whether this is swallowed by a coincidence of others: all who suffer are part of it, since about then.
    pub(super) fn is_part_of(&self, anomaly: &Anomaly) -> bool {
        let is_member = |target: &TargetId| anomaly.members.iter().any(|hit| hit.target == *target);
        let near = match self.kind() {
            Some(AnomalyKind::NeverAnswered(_)) => return false,
            Some(AnomalyKind::Alone(Cause::Refusing)) => SHORT,
            _ => NEAR,
        };
        // Whatever befalls several later is something else.
        let of_its_own = self.verdict().is_some_and(|verdict| verdict.code.is_of_a_port());
        let long = if of_its_own { NEAR } else { LONG };
        let is_near = self.last.after(near) >= anomaly.began && self.began.after(long) >= anomaly.began;
        self.own_since.is_none() && self.members.keys().all(is_member) && is_near
    }

    /// What is made of it.
    pub(super) fn verdict(&self) -> Option<&Verdict> {
        self.latch.verdict()
    }

    /// Judges it by all that is known at `now`.
    pub(super) fn judge(&mut self, records: &Records<'_>, now: Mono) {
        let Judgement { verdict, evidence } = records.judge(self, now);
        let is_young = now.since(self.began) < YOUNG;
        self.judge_at = now.after(if is_young { OFTEN } else { SELDOM });
        if evidence.members.is_empty() && self.evidence.is_some() {
            // They are watched no more: what was made of it last is all that there will be.
            return;
        }
        self.last = self.last.max(evidence.last);
        let may_say_less = now.since(self.began) < YOUNG || self.judged_members != self.members.len();
        self.judged_members = self.members.len();
        self.latch.consider(verdict, may_say_less, now);
        let members = evidence.members.iter().take(MAX_TRACED);
        let peers = evidence.healthy.iter().take(PEERS);
        for member in members.chain(peers) {
            if self.traced.len() < MAX_TRACED + PEERS {
                self.traced.insert(member.target);
            }
        }
        self.evidence = Some(Box::new(evidence));
    }

    /// It ends now, over or not.
    pub(super) fn give_up(&mut self, now: Mono) {
        self.tell_at = self.tell_at.min(now);
        self.ended.get_or_insert(now);
        self.given_up = true;
    }

    /// Members in order of their first spike.
    pub(super) fn members_in_order(&self) -> Vec<(TargetId, Suffering)> {
        let mut members: Vec<(TargetId, Suffering)> = self.members.iter().map(|(id, part)| (*id, *part)).collect();
        members.sort_by_key(|(target, part)| (part.first, *target));
        members
    }

    /// Whether what is said now differs from what was told in anything that matters.
    pub(super) fn differs_from_told(&self, incident: &Incident) -> bool {
        self.told.as_ref().is_none_or(|told| {
            told.verdict != incident.verdict || names(told) != names(incident) || !is_same_suspect(told, incident)
        })
    }

    /// Looks whether anything of it lasts.
    pub(super) fn note_end(&mut self, now: Mono) {
        let lasts = self.own_since.is_some() || self.sources.iter().any(|source| source.lasts);
        self.ended = if lasts { None } else { self.ended.or(Some(now)) };
    }

    /// Whether it is over for good at `now`.
    pub(super) fn is_over(&self, now: Mono) -> bool {
        self.given_up || self.ended.is_some_and(|ended| ended.after(LINGER) <= now)
    }

    /// When something is next to be done with it.
    pub(super) fn next_deadline(&self) -> Mono {
        let tell = self.told.is_none().then_some(self.tell_at);
        let close = self.ended.map(|ended| ended.after(LINGER));
        tell.into_iter().chain(close).fold(self.judge_at, Mono::min)
    }

    fn add_source(&mut self, judge: Judge, anomaly: &Anomaly) {
        self.sources.push(Source {
            judge,
            id: anomaly.id,
            kind: anomaly.kind,
            lasts: true,
        });
        self.forget_sources();
    }

    /// Of too many anomalies those that are over go first, but for the one that says what the whole is taken for.
    fn forget_sources(&mut self) {
        if self.sources.len() > MAX_SOURCES {
            self.sources.sort_by_key(|source| rank(source.kind));
            let mut is_first = true;
            self.sources
                .retain(|source| source.lasts || std::mem::take(&mut is_first));
            self.sources.truncate(MAX_SOURCES);
        }
    }

    pub(super) fn suffers(&mut self, target: TargetId, first: Mono, peak: Option<Rtt>, how: Option<Persistence>) {
        if self.members.len() >= MAX_MEMBERS && !self.members.contains_key(&target) {
            return;
        }
        let part = self.members.entry(target).or_insert(Suffering {
            first,
            peak,
            persistent: how,
        });
        part.first = part.first.min(first);
        part.peak = part.peak.max(peak);
        part.persistent = part.persistent.or(how);
    }
}

impl Source {
    fn is(&self, judge: Judge, id: u64) -> bool {
        self.judge == judge && self.id == id
    }
}

/// The lower, the more an anomaly decides what the whole is taken for.
const fn rank(kind: AnomalyKind) -> u8 {
    match kind {
        AnomalyKind::Coincidence => 0,
        AnomalyKind::Repeated { .. } => COINCIDENCE,
        AnomalyKind::Shifted { .. } => 2,
        AnomalyKind::Persistent(_) => 3,
        AnomalyKind::Alone(_) => ALONE,
        AnomalyKind::NeverAnswered(_) => 5,
    }
}

const fn persistence(kind: AnomalyKind) -> Option<Persistence> {
    match kind {
        AnomalyKind::Persistent(what) => Some(what),
        _ => None,
    }
}

fn names(incident: &Incident) -> Vec<&Arc<str>> {
    let mut names: Vec<&Arc<str>> = incident.members.iter().map(|member| &member.name).collect();
    names.sort_unstable();
    names
}

/// Whether two of an incident name the same culprit.
fn is_same_suspect(a: &Incident, b: &Incident) -> bool {
    match (&a.suspect, &b.suspect) {
        (None, None) => true,
        (Some(a), Some(b)) => a.address == b.address && a.ttl == b.ttl && a.name == b.name,
        _ => false,
    }
}

/// The rank of what several do at once.
const COINCIDENCE: u8 = 1;

/// The rank of one backend that is degraded.
const ALONE: u8 = 4;

/// Two backends whose bursts are confirmed as shared are each degraded some seconds earlier. Who is told of two incidents and then of a
/// third that replaces them, has been told too early.
const HOLD: Duration = Duration::from_secs(2);

/// A burst ten seconds later belongs to the same incident: so do the correlator's.
const LINGER: Duration = Duration::from_secs(10);

/// Anomalies that begin so close to another may have its cause.
const NEAR: Duration = Duration::from_secs(10);

/// Who has been in trouble for so long is in trouble of his own.
const LONG: Duration = Duration::from_mins(10);

/// Refusals come from one host or firewall at a time: they are part of something shared only where they begin with it.
const SHORT: Duration = Duration::from_secs(2);

/// An anomaly that changed is judged again when its turn's other news are in.
const SOON: Duration = Duration::from_millis(100);

/// While an incident is young it is judged so often.
const OFTEN: Duration = Duration::from_secs(2);

/// And later.
const SELDOM: Duration = Duration::from_secs(10);

/// What is known in the first minute changes.
const YOUNG: Duration = Duration::from_mins(1);

/// Members whose traces hurry: with many more none of them does, because routers have a budget.
const MAX_TRACED: usize = 16;

/// Healthy backends whose traces hurry as well, to compare.
const PEERS: usize = 2;

/// More anomalies in one incident are counted as those before.
const MAX_SOURCES: usize = 256;

/// More members than anybody reads.
const MAX_MEMBERS: usize = 256;
