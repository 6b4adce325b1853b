//! Backends that are impaired for minutes, of one channel.
//!
//! Those that become so within ten minutes of each other are members of one anomaly: loss on a hop that they share crosses the limit at different
//! moments, by chance. What they share is for the blame over their paths to say. One that lasts for days does not take in what comes later.

use super::super::{Anomaly, AnomalyKind, Hit};
use super::desk::{self, Desk, TOGETHER};
use super::stream::Tally;
use crate::units::{Mono, TargetId};

/// The open anomalies of one channel.
#[derive(Clone, Debug, Default)]
pub(super) struct Lasting {
    open: Vec<Open>,
}

#[derive(Clone, Debug)]
struct Open {
    anomaly: Anomaly,
    /// When the newest member joined.
    joined: Mono,
    /// Members that are still impaired.
    impaired: Vec<TargetId>,
}

impl Lasting {
    /// Whether a backend is impaired as part of one.
    pub(super) fn contains(&self, target: TargetId) -> bool {
        self.open.iter().any(|open| open.impaired.contains(&target))
    }

    /// Makes it a member of one that is not older than ten minutes, if there is one.
    pub(super) fn join(&mut self, hit: &Hit, now: Mono, desk: &mut Desk) -> bool {
        let Some(open) = self.open.iter_mut().find(|open| now.since(open.joined) <= TOGETHER) else {
            return false;
        };
        open.joined = now;
        open.impaired.push(hit.target);
        if open.anomaly.members.iter().all(|member| member.target != hit.target) {
            desk.join(&mut open.anomaly, hit.clone());
        }
        true
    }

    /// Opens one.
    pub(super) fn open(
        &mut self,
        kind: AnomalyKind,
        members: Vec<Hit>,
        now: Mono,
        chance: f64,
        healthy: Vec<TargetId>,
        desk: &mut Desk,
    ) {
        let impaired = members.iter().map(|hit| hit.target).collect();
        self.open.push(Open {
            anomaly: desk.open(kind, members, now, Some(chance), healthy),
            joined: now,
            impaired,
        });
    }

    /// One more probe of a backend was hit. Whether it is a member.
    pub(super) fn grow(&mut self, target: TargetId, tally: Tally) -> bool {
        let of_it = |open: &&mut Open| open.impaired.contains(&target);
        let open = self.open.iter_mut().find(of_it);
        open.map(|open| desk::grow(&mut open.anomaly, target, tally)).is_some()
    }

    /// A backend is impaired no more.
    pub(super) fn leave(&mut self, target: TargetId, desk: &mut Desk) {
        for open in &mut self.open {
            open.impaired.retain(|member| *member != target);
        }
        for open in self.open.extract_if(.., |open| open.impaired.is_empty()) {
            desk.close(open.anomaly);
        }
    }
}
