//! What traces know of the way to each backend.
//!
//! Two sweeps go on. One never ends and is slow: it knows each way before anything is wrong. The other is fast, begins with an incident and
//! follows its members and two healthy peers only, so that what it counts was counted while something was wrong; it ends with the last
//! incident, or after [`ROUNDS`]. Both may launch probes of one series; each knows its own by number.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::time::Duration;

use crate::diagnose::PathEvidence;
use crate::engine::{Launch, Launcher};
use crate::localize::{HopEvidence, PathEvidence as Counted, Segment, judge_path};
use crate::outcome::Event;
use crate::series::Series;
use crate::sweep::{End, Hop, News, PathChange, PathReport, SweepOptions, Sweeper};
use crate::units::{Mono, ProbeSeq, Rtt, SeriesId, TargetId};

/// The traces of a run.
#[derive(Debug)]
pub(super) struct Tracing {
    options: Option<SweepOptions>,
    seed: u64,
    slow: Option<Sweeper>,
    fast: Option<Sweeper>,
    /// Who launched last.
    is_fast: bool,
    paths: BTreeMap<TargetId, Path>,
    targets: BTreeMap<SeriesId, TargetId>,
    /// Whose traces hurry.
    hurried: BTreeSet<TargetId>,
    /// Whose path is known otherwise than was told last.
    renewed: BTreeSet<TargetId>,
}

/// What is known of the way to one backend at a moment: all that a verdict takes from traces, so that a log of it is as good as tracing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PathKnowledge {
    /// Who answers at each TTL, from the first on, without the target.
    pub hops: Vec<Option<IpAddr>>,
    /// TTLs at which the answer is that of other paths, and is only presumed here.
    pub presumed_ttls: Vec<u8>,
    /// Whether the target itself answered.
    pub reached: bool,
    /// By traces of the incident under way: where loss or jitter starts, (`from_ttl`, `to_ttl`), where it can be told.
    pub starts_at: Option<(u8, u8)>,
    /// Since when it takes its present course, and who answered at each TTL before; `None` where it never changed.
    pub before: Option<(Mono, Vec<Option<IpAddr>>)>,
}

/// The way to one backend.
#[derive(Debug)]
struct Path {
    id: SeriesId,
    series: Series,
    known: PathKnowledge,
    /// Who answered this very path, presumptions left out: only of them can be said that they are others now.
    seen: Vec<Option<IpAddr>>,
    /// 0 where nothing is known.
    cycles: u64,
}

/// What traces have to say.
#[derive(Debug)]
pub(super) enum Traced {
    /// A round of the way to this backend is complete, and something is known otherwise since.
    Renewed(TargetId),
    /// The way to this backend changed.
    Changed(TargetId, PathChange),
}

impl Tracing {
    /// Traces nothing without options.
    pub(super) fn new(options: Option<SweepOptions>, seed: u64) -> Self {
        Self {
            options,
            seed,
            slow: options.map(|options| Sweeper::for_service(options, seed)),
            fast: None,
            is_fast: false,
            paths: BTreeMap::new(),
            targets: BTreeMap::new(),
            hurried: BTreeSet::new(),
            renewed: BTreeSet::new(),
        }
    }

    pub(super) fn admit(&mut self, now: Mono, id: SeriesId, series: &Series, target: TargetId) {
        if let Some(slow) = &mut self.slow {
            slow.add_path(now, id, series);
        }
        self.targets.insert(id, target);
        let path = Path {
            id,
            series: series.clone(),
            known: PathKnowledge::default(),
            seen: Vec::new(),
            cycles: 0,
        };
        self.paths.insert(target, path);
    }

    pub(super) fn remove(&mut self, id: SeriesId) {
        if let Some(target) = self.targets.remove(&id) {
            self.paths.remove(&target);
            self.hurried.remove(&target);
            self.renewed.remove(&target);
            for sweeper in self.sweepers_mut() {
                sweeper.remove_path(id);
            }
        }
    }

    /// What happened to a probe of a trace.
    pub(super) fn handle_event(&mut self, event: &Event) {
        for sweeper in self.sweepers_mut() {
            sweeper.handle_event(event);
        }
    }

    /// The next that is worth knowing; what is known of the path is up to date then.
    pub(super) fn poll(&mut self, now: Mono) -> Option<Traced> {
        loop {
            let fast = self.fast.as_mut().and_then(Sweeper::poll_news);
            let is_fast = fast.is_some();
            let news = fast.or_else(|| self.slow.as_mut()?.poll_news())?;
            // Most rounds find what the last one found.
            if let Some(traced) = self.learn(news, is_fast, now) {
                return Some(traced);
            }
        }
    }

    /// What is known of the way to a backend, for an anomaly since `began`; `None` before the first round.
    pub(super) fn evidence(&self, target: TargetId, began: Mono) -> Option<PathEvidence> {
        let known = &self.paths.get(&target).filter(|path| path.cycles > 0)?.known;
        let changed = known.before.as_ref();
        let changed = changed.filter(|(at, _)| *at >= began.before(JUST_BEFORE));
        Some(PathEvidence {
            hops: known.hops.clone(),
            presumed_ttls: known.presumed_ttls.clone(),
            reached: known.reached,
            before: changed.map(|(_, old)| old.clone()),
            starts_at: known.starts_at,
        })
    }

    /// Takes over what another run knew of a path that nobody traces here. Whose it is, if that is anything new.
    pub(super) fn take_over(&mut self, id: SeriesId, known: PathKnowledge) -> Option<TargetId> {
        let target = *self.targets.get(&id)?;
        let path = self.paths.get_mut(&target)?;
        let is_new = path.cycles == 0 || path.known != known;
        path.cycles = path.cycles.max(1);
        path.known = known;
        is_new.then_some(target)
    }

    /// What is known otherwise than was told last.
    pub(super) fn take_renewed(&mut self) -> Vec<(SeriesId, PathKnowledge)> {
        let renewed = std::mem::take(&mut self.renewed);
        let paths = renewed.iter().filter_map(|target| self.paths.get(target));
        paths.map(|path| (path.id, path.known.clone())).collect()
    }

    /// Who answers on the way to a backend, from the first hop on.
    pub(super) fn hops(&self, target: TargetId) -> &[Option<IpAddr>] {
        self.paths.get(&target).map_or(&[], |path| &path.known.hops)
    }

    /// What a fast trace has found of a path by now, where it has so many rounds.
    pub(super) fn fast_report(&self, target: TargetId, rounds: u64) -> Option<(SeriesId, PathReport)> {
        let path = self.paths.get(&target)?;
        let report = self.fast.as_ref()?.report(path.id)?;
        (report.cycles >= rounds).then_some((path.id, report))
    }

    /// The paths to these are to be traced fast, and no others. A new incident begins to count anew.
    pub(super) fn hurry_only(&mut self, wanted: BTreeSet<TargetId>, now: Mono) {
        if wanted == self.hurried {
            return;
        }
        let is_new = wanted.is_disjoint(&self.hurried) || self.fast.as_ref().is_some_and(Launcher::is_done);
        if is_new {
            self.fast = None;
            if self.options.is_some() {
                self.forget_starts();
            }
        }
        if let Some(options) = self.options.filter(|_| !wanted.is_empty()) {
            let seed = self.seed;
            let fast = self.fast.get_or_insert_with(|| Sweeper::new(in_a_hurry(options), seed));
            for path in wanted.iter().filter_map(|target| self.paths.get(target)) {
                fast.add_path(now, path.id, &path.series);
            }
        }
        self.hurried = wanted;
    }

    /// What traces of another incident found is no evidence of this one.
    fn forget_starts(&mut self) {
        for (target, path) in &mut self.paths {
            if path.known.starts_at.take().is_some() {
                self.renewed.insert(*target);
            }
        }
    }

    fn learn(&mut self, news: News, is_fast: bool, now: Mono) -> Option<Traced> {
        let (News::CycleEnded { series, .. } | News::PathChanged(PathChange { series, .. })) = news;
        let target = *self.targets.get(&series)?;
        let sweeper = if is_fast { &self.fast } else { &self.slow };
        let report = sweeper.as_ref()?.report(series)?;
        // While a fast trace goes on, the slow one is late.
        let is_late = !is_fast && self.hurried.contains(&target) && self.fast.is_some();
        let path = self.paths.get_mut(&target)?;
        if is_late && path.cycles > 0 {
            return None;
        }
        let is_first = path.cycles == 0;
        let (old, old_seen) = (path.known.clone(), path.seen.clone());
        path.learn(&report);
        if is_fast {
            path.known.starts_at = starts_at_by(path.series.address, &report);
        }
        let change = match news {
            News::PathChanged(change) => Some(change),
            News::CycleEnded { .. } if is_fast && is_elsewhere(&old_seen, &path.seen) => Some(PathChange {
                series,
                at: now,
                old: old.hops.clone(),
                new: path.known.hops.clone(),
            }),
            News::CycleEnded { .. } => None,
        };
        if let Some(change) = &change {
            path.known.before = Some((change.at, change.old.clone()));
        }
        let is_renewed = path.known != old || (is_first && path.cycles > 0);
        if is_renewed {
            self.renewed.insert(target);
        }
        match change {
            Some(change) => Some(Traced::Changed(target, change)),
            None => is_renewed.then_some(Traced::Renewed(target)),
        }
    }

    fn sweepers(&self) -> impl Iterator<Item = &Sweeper> {
        self.slow.iter().chain(&self.fast)
    }

    fn sweepers_mut(&mut self) -> impl Iterator<Item = &mut Sweeper> {
        self.slow.iter_mut().chain(&mut self.fast)
    }
}

impl Launcher for Tracing {
    fn next_launch(&self) -> Option<Mono> {
        self.sweepers().filter_map(Launcher::next_launch).min()
    }

    fn poll_launch(&mut self, now: Mono) -> Option<Launch> {
        let fast = self.fast.as_mut().and_then(|fast| fast.poll_launch(now));
        self.is_fast = fast.is_some();
        fast.or_else(|| self.slow.as_mut()?.poll_launch(now))
    }

    fn launched(&mut self, launch: Launch, seq: Option<ProbeSeq>, now: Mono) {
        let sweeper = if self.is_fast { &mut self.fast } else { &mut self.slow };
        if let Some(sweeper) = sweeper {
            sweeper.launched(launch, seq, now);
        }
    }

    fn is_done(&self) -> bool {
        self.sweepers().all(Launcher::is_done)
    }
}

impl Path {
    /// Takes over what a report says. A way that ends short of a target that was reached before is still the way there: what fails is
    /// at its end.
    fn learn(&mut self, report: &PathReport) {
        self.cycles = self.cycles.max(report.cycles);
        let reached_at = match report.end {
            End::Reached { ttl, .. } => Some(ttl),
            _ => None,
        };
        let is_on_the_way = |hop: &&Hop| reached_at.is_none_or(|ttl| hop.ttl < ttl);
        let on_the_way: Vec<&Hop> = report.hops.iter().filter(is_on_the_way).collect();
        let seen = on_the_way.iter().enumerate().map(|(at, hop)| {
            if hop.presumed {
                self.seen.get(at).copied().flatten()
            } else {
                first_responder(hop)
            }
        });
        let seen: Vec<Option<IpAddr>> = seen.collect();
        let hops = on_the_way.iter().zip(&seen);
        let mut hops: Vec<Option<IpAddr>> = hops.map(|(hop, seen)| seen.or_else(|| first_responder(hop))).collect();
        self.known.reached = reached_at.is_some();
        if !self.known.reached {
            while hops.last().is_some_and(Option::is_none) {
                hops.pop();
            }
            if self.known.hops.starts_with(&hops) {
                return;
            }
        }
        let both = (1..=u8::MAX).zip(hops.iter().zip(&seen));
        let presumed = both.filter(|(_, (hop, seen))| hop.is_some() && seen.is_none());
        self.known.presumed_ttls = presumed.map(|(ttl, _)| ttl).collect();
        self.known.hops = hops;
        self.seen = seen;
    }
}

/// Where loss, or else jitter, starts by a trace of the incident.
fn starts_at_by(target: IpAddr, report: &PathReport) -> Option<(u8, u8)> {
    let addresses: Vec<Vec<IpAddr>> = report
        .hops
        .iter()
        .map(|hop| hop.responders.iter().map(|responder| responder.address).collect())
        .collect();
    let rounds: Vec<Vec<(u64, Option<u64>)>> = report
        .hops
        .iter()
        .map(|hop| {
            hop.rounds
                .iter()
                .map(|mark| (mark.round, mark.rtt.map(Rtt::as_nanos)))
                .collect()
        })
        .collect();
    let lists = addresses.iter().zip(&rounds);
    let hops = report
        .hops
        .iter()
        .zip(lists)
        .map(|(hop, (addresses, rounds))| HopEvidence {
            ttl: hop.ttl,
            addresses,
            sent: hop.counts.sent,
            received: hop.counts.received,
            rtts: hop.rtts.histogram(),
            rounds,
        });
    let verdict = judge_path(&Counted {
        target,
        hops: &hops.collect::<Vec<_>>(),
        reached: matches!(report.end, End::Reached { .. }),
        dead_end: None,
    });
    let found = [verdict.loss_starts_at, verdict.jitter_starts_at].into_iter().flatten();
    let best = found.max_by(|a: &Segment, b| a.confidence.total_cmp(&b.confidence));
    best.filter(|best| best.confidence >= CONFIDENT)
        .map(|best| (best.from_ttl, best.to_ttl))
}

/// Whether somebody else answers at a TTL than did before.
fn is_elsewhere(before: &[Option<IpAddr>], now: &[Option<IpAddr>]) -> bool {
    let pairs = before.iter().zip(now);
    pairs
        .filter_map(|(before, now)| Some(((*before)?, (*now)?)))
        .any(|(before, now)| before != now)
}

/// As the slow sweep, but as fast as routers answer beside it, and not for ever.
fn in_a_hurry(options: SweepOptions) -> SweepOptions {
    SweepOptions {
        interval: HURRY.min(options.interval),
        cycles: Some(ROUNDS),
        ..options
    }
}

fn first_responder(hop: &Hop) -> Option<IpAddr> {
    hop.responders.first().map(|responder| responder.address)
}

/// A trace notices a new course some rounds late, and an anomaly some probes late: which of both is first does not matter.
const JUST_BEFORE: Duration = Duration::from_secs(30);

/// Linux routers answer a probe a second; a slow sweep of every 10 s takes a tenth of that.
const HURRY: Duration = Duration::from_millis(1_200);

/// What six minutes of traces do not show, more do not show either.
const ROUNDS: u64 = 300;

/// A place that is less probable than this is no finding.
const CONFIDENT: f64 = 0.6;
