//! What traces know of the way to each backend, and whose traces hurry because of an incident.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use crate::diagnose::PathEvidence;
use crate::outcome::Event;
use crate::series::Series;
use crate::sweep::{End, Hop, News, PathChange, PathReport, SweepOptions, Sweeper};
use crate::units::{Mono, SeriesId, TargetId};

/// The traces of a run.
#[derive(Debug)]
pub(super) struct Tracing {
    sweeper: Option<Sweeper>,
    series: BTreeMap<SeriesId, TargetId>,
    known: BTreeMap<TargetId, Known>,
    hurried: BTreeSet<SeriesId>,
}

/// What is known of the way to one backend.
#[derive(Clone, Debug, Default)]
struct Known {
    hops: Vec<Option<IpAddr>>,
    reached: bool,
    cycles: u64,
    /// When the first probe was sent that showed its present course, and the course before.
    before: Option<(Mono, Vec<Option<IpAddr>>)>,
}

/// What traces have to say.
#[derive(Debug)]
pub(super) enum Traced {
    /// A round of the way to this backend is complete.
    Round(TargetId),
    /// The way to this backend changed.
    Changed(TargetId, PathChange),
}

impl Tracing {
    /// Traces nothing without options.
    pub(super) fn new(options: Option<SweepOptions>, seed: u64) -> Self {
        Self {
            sweeper: options.map(|options| Sweeper::new(options, seed)),
            series: BTreeMap::new(),
            known: BTreeMap::new(),
            hurried: BTreeSet::new(),
        }
    }

    pub(super) fn admit(&mut self, now: Mono, id: SeriesId, series: &Series, target: TargetId) {
        if let Some(sweeper) = &mut self.sweeper {
            sweeper.add_path(now, id, series);
            self.series.insert(id, target);
            self.known.insert(target, Known::default());
        }
    }

    pub(super) fn remove(&mut self, id: SeriesId) {
        if let Some(target) = self.series.remove(&id) {
            self.known.remove(&target);
            self.hurried.remove(&id);
        }
    }

    /// What happened to a probe of a trace.
    pub(super) fn handle_event(&mut self, event: &Event) {
        if let Some(sweeper) = &mut self.sweeper {
            sweeper.handle_event(event);
        }
    }

    /// The sweeper, if there is one: it decides what is launched.
    pub(super) const fn sweeper(&self) -> Option<&Sweeper> {
        self.sweeper.as_ref()
    }

    /// See [`sweeper`](Self::sweeper).
    pub(super) const fn sweeper_mut(&mut self) -> Option<&mut Sweeper> {
        self.sweeper.as_mut()
    }

    /// The next that is worth knowing; what is known of the path is up to date then.
    pub(super) fn poll(&mut self) -> Option<Traced> {
        loop {
            let news = self.sweeper.as_mut()?.poll_news()?;
            let (News::CycleEnded { series, .. } | News::PathChanged(PathChange { series, .. })) = news;
            let Some(&target) = self.series.get(&series) else {
                continue;
            };
            let report = self.sweeper.as_ref().and_then(|sweeper| sweeper.report(series));
            let known = self.known.entry(target).or_default();
            if let Some(report) = report {
                known.learn(&report);
            }
            if let News::PathChanged(change) = news {
                known.before = Some((change.at, change.old.clone()));
                return Some(Traced::Changed(target, change));
            }
            return Some(Traced::Round(target));
        }
    }

    /// What is known of the way to a backend, for an anomaly since `began`; `None` before the first round.
    pub(super) fn evidence(&self, target: TargetId, began: Mono) -> Option<PathEvidence> {
        let known = self.known.get(&target).filter(|known| known.cycles > 0)?;
        let changed = known.before.as_ref();
        let changed = changed.filter(|(at, _)| *at >= began.before(JUST_BEFORE));
        Some(PathEvidence {
            hops: known.hops.clone(),
            reached: known.reached,
            before: changed.map(|(_, old)| old.clone()),
            starts_at: None,
        })
    }

    /// Who answers on the way to a backend, from the first hop on.
    pub(super) fn hops(&self, target: TargetId) -> &[Option<IpAddr>] {
        self.known.get(&target).map_or(&[], |known| &known.hops)
    }

    /// Complete rounds of the way to a backend.
    pub(super) fn cycles(&self, target: TargetId) -> u64 {
        self.known.get(&target).map_or(0, |known| known.cycles)
    }

    /// All that is known of a path.
    pub(super) fn report(&self, id: SeriesId) -> Option<PathReport> {
        self.sweeper.as_ref()?.report(id)
    }

    /// These paths are to be traced fast, and no others.
    pub(super) fn hurry_only(&mut self, wanted: BTreeSet<SeriesId>) {
        self.hurried = wanted;
    }
}

impl Known {
    /// Takes over what a report says. A way that ends short of a target that was reached before is still the way there: what fails is
    /// at its end.
    fn learn(&mut self, report: &PathReport) {
        self.cycles = report.cycles;
        let reached_at = match report.end {
            End::Reached { ttl, .. } => Some(ttl),
            _ => None,
        };
        let is_on_the_way = |hop: &&Hop| reached_at.is_none_or(|ttl| hop.ttl < ttl);
        let hops = report.hops.iter().filter(is_on_the_way);
        let mut hops: Vec<Option<IpAddr>> = hops.map(first_responder).collect();
        self.reached = reached_at.is_some();
        if !self.reached {
            while hops.last().is_some_and(Option::is_none) {
                hops.pop();
            }
            if self.hops.starts_with(&hops) {
                return;
            }
        }
        self.hops = hops;
    }
}

fn first_responder(hop: &Hop) -> Option<IpAddr> {
    hop.responders.first().map(|responder| responder.address)
}

/// A trace notices a new course some rounds late, and an anomaly some probes late: which of both is first does not matter.
const JUST_BEFORE: std::time::Duration = std::time::Duration::from_secs(30);
