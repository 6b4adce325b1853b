//! Numbers anomalies and keeps what is to be said of them.

use std::collections::VecDeque;
use std::time::Duration;

use super::super::{Anomaly, AnomalyKind, Change, GroupId, Hit};
use super::stream::Tally;
use crate::units::{Mono, TargetId};

/// What is to be said, in order.
#[derive(Clone, Debug, Default)]
pub(super) struct Desk {
    next: u64,
    changes: VecDeque<Change>,
}

impl Desk {
    /// Says that something is wrong with these.
    pub(super) fn open(
        &mut self,
        kind: AnomalyKind,
        members: Vec<Hit>,
        last: Mono,
        chance: Option<f64>,
        healthy: Vec<TargetId>,
    ) -> Anomaly {
        let first = members.iter().map(|hit| hit.first).min().unwrap_or(last);
        let newest = members.iter().map(|hit| hit.first).max().unwrap_or(last);
        let anomaly = Anomaly {
            id: self.next,
            kind,
            group: GroupId::default(),
            began: first,
            last: last.max(first),
            members,
            healthy,
            chance,
            onset_skew: newest.since(first),
        };
        self.next += 1;
        self.changes.push_back(Change::Opened(anomaly.clone()));
        anomaly
    }

    /// Says that it has another member.
    pub(super) fn join(&mut self, anomaly: &mut Anomaly, hit: Hit) {
        anomaly.healthy.retain(|target| *target != hit.target);
        anomaly.began = anomaly.began.min(hit.first);
        anomaly.members.push(hit);
        anomaly.members.sort_by_key(|hit| hit.first);
        self.changes.push_back(Change::Updated(anomaly.clone()));
    }

    /// Says that it is over.
    pub(super) fn close(&mut self, anomaly: Anomaly) {
        self.changes.push_back(Change::Closed(anomaly));
    }

    /// The next thing to say.
    pub(super) fn poll(&mut self) -> Option<Change> {
        self.changes.pop_front()
    }
}

/// A member with what was hit of it.
pub(super) fn hit(target: TargetId, tally: Tally) -> Hit {
    Hit {
        target,
        first: tally.first,
        peak: tally.peak,
        probes: tally.probes,
    }
}

/// One more probe of a member was hit.
pub(super) fn grow(anomaly: &mut Anomaly, target: TargetId, tally: Tally) {
    anomaly.last = anomaly.last.max(tally.last);
    if let Some(hit) = anomaly.members.iter_mut().find(|hit| hit.target == target) {
        hit.probes += 1;
        hit.peak = hit.peak.max(tally.peak);
    }
}

/// What begins within this time of each other may be one fault.
pub(super) const TOGETHER: Duration = Duration::from_mins(10);
