//! Everything since the start, series by series, and what concerns the whole host.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use super::buckets::{Buckets, IPDV_BOUNDS_US, RTT_BOUNDS_US};
use super::identity::Identity;
use crate::detect::Kind;
use crate::diagnose::{self, Stage, VerdictCode};
use crate::stats::{Counts, Summary};
use crate::units::{Mono, SeriesId, Wall};

/// What the monitor said, as far as it counts here: small, so that it costs whoever tells it nothing.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum News {
    /// An episode of spikes began.
    Spiked(SeriesId, Kind),
    /// RTTs moved to another level.
    Shifted(SeriesId),
    /// A series is degraded.
    Degraded(SeriesId),
    /// It is good again.
    Recovered(SeriesId),
    /// A path took another course.
    PathChanged(SeriesId),
    /// So many routers are known to be on a path.
    PathKnown(SeriesId, usize),
    /// An incident by its number.
    Incident(Stage, u64, VerdictCode),
    /// This host stood still, and made something so late.
    Stalled(Duration),
    /// The loopback spiked.
    ControlSpiked,
}

impl News {
    /// What counts of a piece of news, if anything does.
    #[must_use]
    pub fn of(news: &diagnose::News) -> Option<Self> {
        Some(match news {
            diagnose::News::SpikeStart(spike) => Self::Spiked(spike.series, spike.kind),
            diagnose::News::LevelShift { series, .. } => Self::Shifted(*series),
            diagnose::News::Degraded { series, .. } => Self::Degraded(*series),
            diagnose::News::Recovered { series, .. } => Self::Recovered(*series),
            diagnose::News::PathChanged(change) => Self::PathChanged(change.series),
            diagnose::News::Path { series, known, .. } => Self::PathKnown(*series, known.hops.len()),
            diagnose::News::Incident(stage, incident) => Self::Incident(*stage, incident.number, incident.verdict),
            diagnose::News::OwnNoise(stall) => Self::Stalled(stall.late_by),
            diagnose::News::ControlSpiked { .. } => Self::ControlSpiked,
            diagnose::News::SpikeEnd(..) | diagnose::News::Jittery { .. } | diagnose::News::Traced { .. } => {
                return None;
            }
        })
    }
}

/// What this host did to its own measurement.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Noise {
    /// Times that it stood still.
    pub stalls: u64,
    /// How late these made something, added up.
    pub stalled: Duration,
    /// Spikes of its loopback.
    pub control_spikes: u64,
    /// Packets that its receive queues dropped.
    pub receive_drops: u64,
    /// Steps of its wall clock.
    pub clock_steps: u64,
}

/// All that is counted. Clones share what they hold until one of them changes.
#[derive(Clone, Debug)]
pub struct Ledger {
    book: Arc<Book>,
}

#[derive(Clone, Debug)]
pub(super) struct Book {
    pub(super) window: Duration,
    /// Whether the metrics of `smokeping_prober` are there too.
    pub(super) has_smokeping: bool,
    /// What measures targets.
    pub(super) backends: BTreeMap<Identity, Kept<Backend>>,
    /// What traces paths to them.
    pub(super) paths: BTreeMap<Identity, Kept<Path>>,
    ids: HashMap<SeriesId, Place>,
    pub(super) incidents: BTreeMap<VerdictCode, u64>,
    pub(super) incidents_opened: u64,
    /// By number: the verdict now, and all that it had.
    open: HashMap<u64, (VerdictCode, Vec<VerdictCode>)>,
    pub(super) noise: Noise,
    /// Of all series.
    pub(super) lateness: Buckets,
    pub(super) last_window: Option<Wall>,
    pub(super) reload_is_good: bool,
    pub(super) reloaded: Wall,
}

/// Where a series is counted.
#[derive(Clone, Debug)]
enum Place {
    Backend(Identity),
    Path(Identity),
}

/// Counts of something that may be probed no more.
#[derive(Clone, Debug)]
pub(super) struct Kept<T> {
    pub(super) counted: T,
    /// How many series count here: two, while one takes over from the other.
    live: u32,
    ended: Mono,
}

#[derive(Clone, Debug)]
pub(super) struct Backend {
    pub(super) counts: Counts,
    pub(super) stamps_lost: u64,
    pub(super) rtt: Buckets,
    pub(super) ipdv: Buckets,
    pub(super) windows: u64,
    pub(super) disturbed: u64,
    spikes: [u64; KINDS.len()],
    pub(super) shifts: u64,
    pub(super) is_degraded: bool,
}

#[derive(Clone, Debug, Default)]
pub(super) struct Path {
    pub(super) changes: u64,
    pub(super) hops: usize,
}

impl Ledger {
    /// Nothing is counted yet; `window` is how long a window is, and the configuration was read at `now`.
    #[must_use]
    pub fn new(window: Duration, now: Wall) -> Self {
        let book = Book {
            window,
            has_smokeping: false,
            backends: BTreeMap::new(),
            paths: BTreeMap::new(),
            ids: HashMap::new(),
            incidents: VerdictCode::ALL.into_iter().map(|verdict| (verdict, 0)).collect(),
            incidents_opened: 0,
            open: HashMap::new(),
            noise: Noise::default(),
            lateness: Buckets::new(&IPDV_BOUNDS_US),
            last_window: None,
            reload_is_good: true,
            reloaded: now,
        };
        Self { book: Arc::new(book) }
    }

    /// Also tells what `smokeping_prober` would, under its names.
    #[must_use]
    pub fn with_smokeping(mut self, is_wanted: bool) -> Self {
        self.book().has_smokeping = is_wanted;
        self
    }

    /// A series measures a target from now on. One of the same labels goes on counting where the last one ended.
    pub fn admit_backend(&mut self, id: SeriesId, identity: Identity) {
        let book = self.book();
        let kept = book.backends.entry(identity.clone()).or_insert_with(Kept::new);
        kept.live += 1;
        book.ids.insert(id, Place::Backend(identity));
    }

    /// A series traces the path to a target from now on.
    pub fn admit_path(&mut self, id: SeriesId, identity: Identity) {
        let book = self.book();
        let kept = book.paths.entry(identity.clone()).or_insert_with(Kept::new);
        kept.live += 1;
        book.ids.insert(id, Place::Path(identity));
    }

    /// A series is probed no more. Its last windows are still to come.
    pub fn retire(&mut self, id: SeriesId, now: Mono) {
        let book = self.book();
        match book.ids.get(&id) {
            Some(Place::Backend(identity)) => {
                if let Some(kept) = book.backends.get_mut(identity) {
                    kept.retire(now);
                    // Nobody will say that it is good again.
                    kept.counted.is_degraded &= kept.live > 0;
                }
            }
            Some(Place::Path(identity)) => {
                if let Some(kept) = book.paths.get_mut(identity) {
                    kept.retire(now);
                }
            }
            None => {}
        }
    }

    /// Forgets what ended more than `kept` before `now`.
    pub fn forget(&mut self, now: Mono, kept: Duration) {
        let is_old = |live: u32, ended: Mono| live == 0 && now.since(ended) >= kept;
        let book = &self.book;
        let has_old = book.backends.values().any(|kept| is_old(kept.live, kept.ended))
            || book.paths.values().any(|kept| is_old(kept.live, kept.ended));
        if !has_old {
            return;
        }
        let book = self.book();
        book.backends.retain(|_, kept| !is_old(kept.live, kept.ended));
        book.paths.retain(|_, kept| !is_old(kept.live, kept.ended));
        let (backends, paths) = (&book.backends, &book.paths);
        book.ids.retain(|_, place| match place {
            Place::Backend(identity) => backends.contains_key(identity),
            Place::Path(identity) => paths.contains_key(identity),
        });
    }

    /// Adds a window that ended then.
    pub fn window(&mut self, id: SeriesId, summary: &Summary, is_disturbed: bool, end: Wall) {
        let book = self.book();
        book.last_window = book.last_window.max(Some(end));
        book.lateness.add(&summary.send_late_cells, None);
        if let Some(backend) = book.backend(id) {
            backend.windows += 1;
            backend.disturbed += u64::from(is_disturbed);
            backend.counts.add(&summary.counts);
            backend.stamps_lost += summary.stamps_lost;
            backend.rtt.add(&summary.rtt_cells, summary.rtt.map(|rtt| rtt.mean_us));
            backend.ipdv.add(&summary.ipdv_cells, None);
        }
    }

    /// Adds what the monitor said.
    pub fn news(&mut self, news: News) {
        let book = self.book();
        match news {
            News::Spiked(id, kind) => {
                if let Some(backend) = book.backend(id) {
                    backend.spikes[place_of(kind)] += 1;
                }
            }
            News::Shifted(id) => {
                if let Some(backend) = book.backend(id) {
                    backend.shifts += 1;
                }
            }
            News::Degraded(id) => book.set_degraded(id, true),
            News::Recovered(id) => book.set_degraded(id, false),
            News::PathChanged(id) => {
                if let Some(path) = book.path(id) {
                    path.changes += 1;
                }
            }
            News::PathKnown(id, hops) => {
                if let Some(path) = book.path(id) {
                    path.hops = hops;
                }
            }
            News::Incident(stage, number, verdict) => book.incident(stage, number, verdict),
            News::Stalled(late) => {
                book.noise.stalls += 1;
                book.noise.stalled += late;
            }
            News::ControlSpiked => book.noise.control_spikes += 1,
        }
    }

    /// So many packets were dropped by full receive queues of this host.
    pub fn receive_dropped(&mut self, packets: u64) {
        self.book().noise.receive_drops += packets;
    }

    /// The wall clock was stepped.
    pub fn clock_stepped(&mut self) {
        self.book().noise.clock_steps += 1;
    }

    /// The configuration was read again.
    pub fn reloaded(&mut self, is_good: bool, now: Wall) {
        let book = self.book();
        book.reload_is_good = is_good;
        if is_good {
            book.reloaded = now;
        }
    }

    /// What this host did to its own measurement.
    #[must_use]
    pub fn noise(&self) -> Noise {
        self.book.noise
    }

    /// Whether any window is over.
    #[must_use]
    pub fn has_windows(&self) -> bool {
        self.book.last_window.is_some()
    }

    /// What a scrape reads.
    pub(super) fn shared(&self) -> Arc<Book> {
        Arc::clone(&self.book)
    }

    fn book(&mut self) -> &mut Book {
        Arc::make_mut(&mut self.book)
    }
}

impl Book {
    fn backend(&mut self, id: SeriesId) -> Option<&mut Backend> {
        match self.ids.get(&id)? {
            Place::Backend(identity) => self.backends.get_mut(identity).map(|kept| &mut kept.counted),
            Place::Path(_) => None,
        }
    }

    fn path(&mut self, id: SeriesId) -> Option<&mut Path> {
        match self.ids.get(&id)? {
            Place::Path(identity) => self.paths.get_mut(identity).map(|kept| &mut kept.counted),
            Place::Backend(_) => None,
        }
    }

    fn set_degraded(&mut self, id: SeriesId, is_degraded: bool) {
        if let Some(backend) = self.backend(id) {
            backend.is_degraded = is_degraded;
        }
    }

    fn incident(&mut self, stage: Stage, number: u64, verdict: VerdictCode) {
        if stage == Stage::Open {
            self.incidents_opened += 1;
        }
        let (now, had) = self.open.entry(number).or_insert_with(|| (verdict, Vec::new()));
        *now = verdict;
        if !had.contains(&verdict) {
            had.push(verdict);
            *self.incidents.entry(verdict).or_default() += 1;
        }
        if stage == Stage::Close {
            self.open.remove(&number);
        }
    }

    /// Incidents that are going on, of this verdict.
    pub(super) fn open_incidents(&self, verdict: VerdictCode) -> usize {
        self.open.values().filter(|(now, _)| *now == verdict).count()
    }
}

impl<T: Default> Kept<T> {
    fn new() -> Self {
        Self {
            counted: T::default(),
            live: 0,
            ended: Mono::default(),
        }
    }
}

impl<T> Kept<T> {
    fn retire(&mut self, now: Mono) {
        self.live = self.live.saturating_sub(1);
        self.ended = now;
    }
}

impl Backend {
    /// Episodes of spikes, by kind.
    pub(super) fn spikes(&self) -> impl Iterator<Item = (&'static str, u64)> {
        KINDS.iter().map(|kind| kind.as_str()).zip(self.spikes)
    }
}

impl Default for Backend {
    fn default() -> Self {
        Self {
            counts: Counts::default(),
            stamps_lost: 0,
            rtt: Buckets::new(&RTT_BOUNDS_US),
            ipdv: Buckets::new(&IPDV_BOUNDS_US),
            windows: 0,
            disturbed: 0,
            spikes: [0; KINDS.len()],
            shifts: 0,
            is_degraded: false,
        }
    }
}

/// The channels of spikes, in the order of a scrape.
const KINDS: [Kind; 3] = [Kind::Rtt, Kind::Loss, Kind::Refused];

const fn place_of(kind: Kind) -> usize {
    match kind {
        Kind::Rtt => 0,
        Kind::Loss => 1,
        Kind::Refused => 2,
    }
}
