//! Which anomaly is part of which incident: one incident for one cause.
//!
//! A judge of several and a judge of one see the same fault, the one some seconds after the other, and each backend of a shared fault has an
//! anomaly of its own. So an anomaly joins the incident that its backends are part of already; what several do at once swallows what each
//! of them does alone since about then; and incidents whose verdicts name the same culprit become one.

use std::net::IpAddr;
use std::sync::Arc;

use super::case::{Case, Judge};
use crate::correlate::{Anomaly, AnomalyKind};
use crate::diagnose::{Verdict, VerdictCode};
use crate::units::{Mono, TargetId};

/// All incidents under way, oldest first.
#[derive(Debug, Default)]
pub(super) struct Cases {
    pub(super) open: Vec<Case>,
    /// How many were told.
    numbered: u64,
    /// Those that became part of another one, and have to be told as closed, with its verdict.
    pub(super) merged: Vec<(Case, Option<Verdict>)>,
}

impl Cases {
    /// Something is wrong.
    pub(super) fn open(&mut self, judge: Judge, anomaly: &Anomaly, now: Mono) {
        let place = if is_of_several(anomaly) {
            self.place_of_several(anomaly)
        } else {
            self.open.iter().position(|case| case.fits(anomaly))
        };
        let place = place.or_else(|| self.begin(anomaly.began, now));
        let Some(case) = place.and_then(|place| self.open.get_mut(place)) else {
            return;
        };
        case.take(judge, anomaly, now);
        if let Some(place) = place.filter(|_| is_of_several(anomaly)) {
            self.merge_into(place, now, |case| case.is_part_of(anomaly));
        }
    }

    /// More is known of something.
    pub(super) fn update(&mut self, judge: Judge, anomaly: &Anomaly, now: Mono) {
        match self.open.iter_mut().find(|case| case.has(judge, anomaly.id)) {
            Some(case) => case.take(judge, anomaly, now),
            None => self.open(judge, anomaly, now),
        }
    }

    /// Something is over.
    pub(super) fn close(&mut self, judge: Judge, anomaly: &Anomaly, now: Mono) {
        if let Some(case) = self.open.iter_mut().find(|case| case.has(judge, anomaly.id)) {
            case.end(judge, anomaly, now);
        }
    }

    /// This host is in trouble since then, or no more; these are all whom it probes.
    pub(super) fn set_own_trouble(
        &mut self,
        since: Option<Mono>,
        everybody: impl Iterator<Item = TargetId>,
        now: Mono,
    ) {
        let known = self.open.iter().position(|case| case.own_since.is_some());
        match (since, known) {
            (None, Some(place)) => {
                let case = &mut self.open[place];
                case.own_since = None;
                case.last = now;
                case.note_end(now);
            }
            (Some(since), None) => {
                let again = self
                    .open
                    .iter()
                    .position(|case| is_called(case, VerdictCode::ProberHost));
                if let Some(place) = again.or_else(|| self.begin(since, now)) {
                    let case = &mut self.open[place];
                    case.own_since = Some(since);
                    case.note_end(now);
                    for target in everybody {
                        case.suffers(target, since, None, None);
                    }
                }
            }
            (Some(_), Some(place)) => self.open[place].last = now,
            (None, None) => {}
        }
    }

    /// When something is next to be done with one of them.
    pub(super) fn next_deadline(&self) -> Option<Mono> {
        self.open.iter().map(Case::next_deadline).min()
    }

    /// Makes those one whose verdicts name the same culprit.
    pub(super) fn merge_same(&mut self, now: Mono) {
        let mut place = 0;
        while let Some(culprit) = self.open.get(place).map(culprit) {
            if culprit.is_some() {
                let sharing = sharing(&self.open[place]);
                self.merge_into(place, now, |case| {
                    self::culprit(case) == culprit || self::sharing(case).iter().any(|name| sharing.contains(name))
                });
            }
            place += 1;
        }
    }

    /// The number of the next incident that is told.
    pub(super) const fn next_number(&mut self) -> u64 {
        self.numbered += 1;
        self.numbered
    }

    /// The incident that what several do at once is part of: one of the same backends, else the oldest of those that it swallows.
    fn place_of_several(&self, anomaly: &Anomaly) -> Option<usize> {
        let is_member = |target: &TargetId| anomaly.members.iter().any(|hit| hit.target == *target);
        let is_same = |case: &Case| {
            let is_within = anomaly.members.iter().all(|hit| case.members.contains_key(&hit.target));
            let is_shared = case.is_of_several() || case.members.len() > 1;
            is_shared && (is_within || case.members.keys().all(is_member))
        };
        let same = self.open.iter().position(is_same);
        same.or_else(|| self.open.iter().position(|case| case.is_part_of(anomaly)))
    }

    fn begin(&mut self, began: Mono, now: Mono) -> Option<usize> {
        if self.open.len() >= MAX_OPEN {
            return None;
        }
        self.open.push(Case::new(began, now));
        Some(self.open.len() - 1)
    }

    /// Makes all other incidents of which this holds part of one.
    fn merge_into(&mut self, place: usize, now: Mono, is_part: impl Fn(&Case) -> bool) {
        let mut whole = self.open.remove(place);
        let (parts, mut others): (Vec<Case>, Vec<Case>) = self.open.drain(..).partition(is_part);
        for mut part in parts {
            whole.absorb(&mut part, now);
            if part.told.is_some() {
                self.merged.push((part, whole.verdict().cloned()));
            }
        }
        others.insert(place.min(others.len()), whole);
        self.open = others;
    }
}

/// Whom the verdict of an incident names, where several incidents can't have him in common by chance.
fn culprit(case: &Case) -> Option<(VerdictCode, Option<IpAddr>)> {
    let verdict = case.verdict()?;
    let address = verdict.suspect.as_ref().and_then(|suspect| suspect.address);
    match verdict.code {
        VerdictCode::ProberHost => Some((verdict.code, None)),
        VerdictCode::SharedPath | VerdictCode::FirstHop | VerdictCode::RouteChange => {
            Some((verdict.code, Some(address?)))
        }
        _ => None,
    }
}

/// Who suffers by a part of the way that the verdict calls shared. One and the same backend has it from one such part: traces may only have narrowed
/// it down in one of two incidents.
fn sharing(case: &Case) -> Vec<Arc<str>> {
    let shared = case.verdict().filter(|verdict| verdict.code == VerdictCode::SharedPath);
    let suspect = shared.and_then(|verdict| verdict.suspect.as_ref());
    suspect.map_or(Vec::new(), |suspect| suspect.shared_by.clone())
}

fn is_called(case: &Case, code: VerdictCode) -> bool {
    case.verdict().is_some_and(|verdict| verdict.code == code)
}

fn is_of_several(anomaly: &Anomaly) -> bool {
    matches!(anomaly.kind, AnomalyKind::Coincidence | AnomalyKind::Repeated { .. })
}

/// Where so much is wrong at once, one more incident tells nobody anything.
const MAX_OPEN: usize = 128;
