//! Backends that are impaired for minutes, of one channel.
//!
//! Those that become so within ten minutes of each other are members of one anomaly: loss on a hop that they share crosses the limit at different
//! moments, by chance. What they share is for the blame over their paths to say. One that lasts for days does not take in what comes later.

use super::super::{Anomaly, AnomalyKind, Hit, Persistence};
use super::cells::Channel;
use super::desk::{self, Desk, TOGETHER};
use super::stream::Tally;
use super::{Troubles, watched};
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

    /// Keeps one that was just opened.
    pub(super) fn keep(&mut self, anomaly: Anomaly, now: Mono) {
        self.open.push(Open {
            joined: now,
            impaired: anomaly.members.iter().map(|hit| hit.target).collect(),
            anomaly,
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

impl Troubles {
    /// Makes a backend part of what lasts, or ends its part in it.
    pub(super) fn judge_lasting(&mut self, target: TargetId, now: Mono) {
        for channel in Channel::ALL {
            let lasting = &mut self.lasting[channel.index()];
            let is_member = lasting.contains(target);
            match self.impaired(target, channel) {
                None if is_member => self.lasting[channel.index()].leave(target, &mut self.desk),
                Some((hit, chance)) if !is_member => self.open_lasting(channel, hit, chance, now),
                _ => {}
            }
        }
    }

    /// What is in trouble of its own is so already, unless several are impaired at once: then that is the greater news.
    fn open_lasting(&mut self, channel: Channel, hit: Hit, chance: f64, now: Mono) {
        let target = hit.target;
        let mut members = vec![hit];
        if !self.lasting[channel.index()].join(&members[0], now, &mut self.desk) {
            members.extend(self.waiting(target, channel));
            if members.len() == 1 && self.backends[target.index()].alone.is_some() {
                return;
            }
            let targets: Vec<TargetId> = members.iter().map(|hit| hit.target).collect();
            let healthy = self.healthy(&targets);
            let kind = AnomalyKind::Persistent(match channel {
                Channel::Loss => Persistence::Loss,
                Channel::Spikes => Persistence::Spikes,
            });
            members.sort_by_key(|hit| hit.first);
            let anomaly = self.desk.open(kind, members.clone(), now, Some(chance), healthy);
            self.lasting[channel.index()].keep(anomaly, now);
        }
        for Hit { target, first, .. } in members {
            if let Some(alone) = self.backends[target.index()].alone.take() {
                self.desk.close(alone);
            }
            for series in self.backends[target.index()].streams.clone() {
                if let Some(watched) = watched(&mut self.streams, series) {
                    watched.cells.mark_trouble(first);
                }
            }
        }
    }

    /// Other backends that are impaired, but no part of anything that lasts, because they are in trouble of their own.
    fn waiting(&self, except: TargetId, channel: Channel) -> Vec<Hit> {
        let others = self.targets().filter(|target| *target != except);
        others
            .filter(|target| !self.lasting[channel.index()].contains(*target))
            .filter_map(|target| Some(self.impaired(target, channel)?.0))
            .collect()
    }

    /// The part of a backend in what lasts, by its worst stream.
    fn impaired(&self, target: TargetId, channel: Channel) -> Option<(Hit, f64)> {
        let streams = self.streams_of(target);
        let worst = streams
            .filter_map(|watched| Some((watched.impaired(channel)?, watched.tally.peak)))
            .min_by(|(a, _), (b, _)| a.chance.total_cmp(&b.chance))?;
        let (impairment, peak) = worst;
        let hit = Hit {
            target,
            first: impairment.first,
            peak: peak.filter(|_| channel == Channel::Spikes),
            probes: impairment.probes,
        };
        Some((hit, impairment.chance))
    }
}
