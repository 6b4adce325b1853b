//! What can be looked at, and the pages that show it.
//!
//! A page is made when somebody asks for it, and kept for a second: however many ask, that is all it costs. While it is still being sent to
//! somebody slow it is shown for up to ten seconds, so that slow clients can't pile up pages in memory.

use std::collections::{BTreeMap, HashMap};
use std::io::Write;
use std::sync::Arc;
use std::time::Duration;

use super::packed::Packed;
use super::{About, Told, process};
use crate::app::process::wall_of;
use crate::app::run::outbox::Dropped;
use crate::app::run::writer::{Known, WindowJob};
use crate::diagnose::{Incident, Role, Stage};
use crate::metrics::{EncodeError, Format, Identity, Ledger, News, ProcessFigures};
use crate::report::{Completeness, HostTrouble, NoiseStatus, StatusReport, TargetStatus, WindowReport};
use crate::stats::Summary;
use crate::units::{Mono, SeriesId, Wall};

/// Everything that is shown.
pub(super) struct Exhibit {
    about: About,
    began: Mono,
    ledger: Ledger,
    rows: BTreeMap<SeriesId, Row>,
    incidents: BTreeMap<u64, Box<Incident>>,
    pages: HashMap<Page, (Mono, Packed)>,
    updates_dropped: Arc<Dropped>,
}

/// What somebody can ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Page {
    Metrics(Format),
    Status,
}

/// A series that measures a target.
struct Row {
    known: Arc<Known>,
    is_learning: bool,
    is_degraded: bool,
    last: Option<Last>,
}

/// A window that is over.
struct Last {
    start: Wall,
    length: Duration,
    completeness: Completeness,
    host: HostTrouble,
    summary: Summary,
}

impl Exhibit {
    /// Nothing has happened yet.
    pub(super) fn new(about: About, updates_dropped: Arc<Dropped>) -> Self {
        let now = about.clock.read();
        Self {
            began: now.mono,
            ledger: Ledger::new(about.window, now.wall).with_smokeping(about.has_smokeping),
            about,
            rows: BTreeMap::new(),
            incidents: BTreeMap::new(),
            pages: HashMap::new(),
            updates_dropped,
        }
    }

    /// Takes what has happened.
    pub(super) fn take(&mut self, told: Told) {
        self.put_away();
        match told {
            Told::Admitted(known) => self.admit(known),
            Told::Gone(known, now) => {
                self.rows.remove(&known.id);
                self.ledger.retire(known.id, now);
            }
            Told::Window(known, window) => self.window(&known, &window),
            Told::News(news) => self.news(news),
            Told::Incident(stage, incident) => {
                self.ledger
                    .news(News::Incident(stage, incident.number, incident.verdict));
                match stage {
                    Stage::Open | Stage::Update => drop(self.incidents.insert(incident.number, incident)),
                    Stage::Close => drop(self.incidents.remove(&incident.number)),
                }
            }
            Told::ReceiveDropped(packets) => self.ledger.receive_dropped(packets.into()),
            Told::ClockStepped => self.ledger.clock_stepped(),
            Told::Reloaded(is_good) => self.ledger.reloaded(is_good, self.about.clock.read().wall),
        }
    }

    /// Whether there is anything to see.
    pub(super) fn is_ready(&self) -> bool {
        self.ledger.has_windows()
    }

    /// A page, at most a second old, or ten where somebody is still being sent it.
    ///
    /// # Errors
    /// See [`EncodeError`].
    pub(super) fn page(&mut self, page: Page) -> Result<Packed, EncodeError> {
        let now = self.about.clock.mono();
        if let Some((made, packed)) = self.pages.get(&page) {
            let age = now.since(*made);
            if age < FRESH || age < BEARABLE && !packed.is_unique() {
                return Ok(packed.clone());
            }
        }
        let packed = Packed::of(|to| match page {
            Page::Metrics(format) => self.metrics(format, now, to),
            Page::Status => Ok(to.write_all(&self.status(now))?),
        })?;
        self.pages.insert(page, (now, packed.clone()));
        Ok(packed)
    }

    /// Frees pages that nobody will be shown any more: those of thousands of series have megabytes even when packed.
    fn put_away(&mut self) {
        if self.pages.is_empty() {
            return;
        }
        let now = self.about.clock.mono();
        self.pages.retain(|_, (made, _)| now.since(*made) < BEARABLE);
    }

    fn metrics(&mut self, format: Format, now: Mono, to: &mut dyn Write) -> Result<(), EncodeError> {
        self.ledger.forget(now, self.about.kept);
        let process = ProcessFigures {
            lines_dropped: self.about.lines_dropped.all(),
            updates_dropped: self.updates_dropped.all(),
            ..process::figures()
        };
        self.ledger.encode(process, format, to)
    }

    fn status(&self, now: Mono) -> Vec<u8> {
        let clock = &*self.about.clock;
        let noise = self.ledger.noise();
        let report = StatusReport {
            identity: &self.about.identity,
            at: clock.read().wall,
            started: wall_of(clock, self.began),
            uptime: now.since(self.began),
            is_ready: self.is_ready(),
            window: self.about.window,
            targets: self.rows.values().map(Row::status).collect(),
            incidents: self.incidents.values().map(|incident| &**incident).collect(),
            noise: NoiseStatus {
                stalls: noise.stalls,
                stalled_s: noise.stalled.as_secs_f64(),
                control_spikes: noise.control_spikes,
                receive_drops: noise.receive_drops,
                clock_steps: noise.clock_steps,
            },
        };
        report.to_json(|moment| wall_of(clock, moment))
    }

    fn admit(&mut self, known: Arc<Known>) {
        let group = known.group().map(|group| &**group);
        let identity = Identity::new(&known.series, group, &known.labels);
        match known.role {
            Role::Backend { .. } => {
                self.ledger.admit_backend(known.id, identity);
                let row = Row {
                    is_learning: true,
                    is_degraded: false,
                    last: None,
                    known,
                };
                self.rows.insert(row.known.id, row);
            }
            Role::Path => self.ledger.admit_path(known.id, identity),
            // Controls have no windows, and what they say is told of the host.
            Role::Loopback | Role::Gateway => {}
        }
    }

    fn window(&mut self, known: &Known, window: &WindowJob) {
        let WindowJob { closed, host, .. } = window;
        let last = Last {
            start: wall_of(&*self.about.clock, closed.start),
            length: closed.length,
            completeness: window.completeness,
            host: *host,
            // Cells are for the metrics; thousands of series would hold megabytes of them.
            summary: Summary {
                rtt_cells: Vec::new(),
                ipdv_cells: Vec::new(),
                send_late_cells: Vec::new(),
                ..closed.summary
            },
        };
        let is_disturbed = last.report(known).self_noise();
        let end = wall_of(&*self.about.clock, closed.start.after(closed.length));
        self.ledger.window(known.id, &closed.summary, is_disturbed, end);
        if let Some(row) = self.rows.get_mut(&known.id) {
            row.is_learning = window.learning;
            row.last = Some(last);
        }
    }

    fn news(&mut self, news: News) {
        self.ledger.news(news);
        let (id, is_degraded) = match news {
            News::Degraded(id) => (id, true),
            News::Recovered(id) => (id, false),
            _ => return,
        };
        if let Some(row) = self.rows.get_mut(&id) {
            row.is_degraded = is_degraded;
        }
    }
}

impl Row {
    fn status(&self) -> TargetStatus<'_> {
        TargetStatus {
            series: &self.known.series,
            group: self.known.group().map(|group| &**group),
            is_learning: self.is_learning,
            is_degraded: self.is_degraded,
            last: self.last.as_ref().map(|last| last.report(&self.known)),
        }
    }
}

impl Last {
    fn report<'a>(&'a self, known: &'a Known) -> WindowReport<'a> {
        WindowReport {
            series: &known.series,
            group: known.group().map(|group| &**group),
            labels: &known.labels,
            summary: &self.summary,
            start: self.start,
            length: self.length,
            completeness: self.completeness,
            host: self.host,
        }
    }
}

/// Windows are a second long at least.
const FRESH: Duration = Duration::from_secs(1);

/// Windows are 10 s long by default, and figures as old as that anyway.
const BEARABLE: Duration = Duration::from_secs(10);

#[cfg(test)]
pub(super) mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};

    use uuid::Uuid;

    use super::super::packed::tests::read;
    use super::*;
    use crate::clock::{Clock, Reading};
    use crate::diagnose::Watched;
    use crate::outcome::StampSource;
    use crate::report::RunIdentity;
    use crate::series::{Endpoint, Series};

    /// Stands still until it is set, in ms.
    #[derive(Default)]
    struct Hand(AtomicU64);

    impl Clock for Hand {
        fn read(&self) -> Reading {
            let nanos = self.0.load(Ordering::Relaxed) * 1_000_000;
            Reading {
                mono: Mono::from_nanos(nanos),
                wall: Wall::from_nanos(1_700_000_000_000_000_000 + nanos),
                spread: Duration::ZERO,
            }
        }
    }

    fn exhibit(clock: &Arc<Hand>) -> Exhibit {
        let about = About {
            identity: RunIdentity::new("lb1", Uuid::nil()),
            clock: Arc::clone(clock) as Arc<dyn Clock + Send + Sync>,
            window: Duration::from_secs(10),
            kept: Duration::from_mins(10),
            has_smokeping: false,
            lines_dropped: Arc::default(),
        };
        Exhibit::new(about, Arc::default())
    }

    /// One that shows so many series.
    pub(in crate::app::run::http) fn crowded(series: u32) -> Exhibit {
        let mut exhibit = exhibit(&Arc::default());
        for number in 0..series {
            let known = Known {
                id: SeriesId::new(number),
                series: Series {
                    target: format!("app{number}").into(),
                    address: "10.0.0.1".parse().expect("an address"),
                    scope_id: 0,
                    endpoint: Endpoint::Icmp,
                    flow: 0,
                },
                role: Role::Backend { group: None },
                watched: Watched {
                    interval: Duration::from_secs(1),
                    timeout: Duration::from_secs(1),
                    stamp: StampSource::Kernel,
                    floor: 0.005,
                },
                labels: Arc::new([]),
                since: Mono::default(),
            };
            exhibit.take(Told::Admitted(Arc::new(known)));
        }
        exhibit
    }

    fn uptime(page: &Packed) -> f64 {
        let document: serde_json::Value = serde_json::from_slice(&read(page.unpacked())).expect("JSON");
        document["uptime_s"].as_f64().expect("a number")
    }

    #[test]
    #[expect(clippy::float_cmp, reason = "whole seconds")]
    fn a_page_is_made_once_a_second_and_every_ten_while_somebody_is_slow() {
        let clock = Arc::new(Hand::default());
        let mut exhibit = exhibit(&clock);
        let mut page = |ms: u64| {
            clock.0.store(ms, Ordering::Relaxed);
            exhibit.page(Page::Status).expect("a page")
        };
        // Whoever is done lets go of his page.
        let uptimes = [0, 999, 1_000, 1_999, 2_000].map(|ms| uptime(&page(ms)));
        assert_eq!(uptimes, [0.0, 0.0, 1.0, 1.0, 2.0]);
        let slow = page(2_500);
        let uptimes = [4_000, 11_999, 12_000].map(|ms| uptime(&page(ms)));
        assert_eq!(uptimes, [2.0, 2.0, 12.0]);
        assert_eq!(uptime(&slow), 2.0);
        drop(slow);
        assert_eq!(uptime(&page(13_000)), 13.0);
    }

    #[test]
    fn a_page_that_nobody_will_be_shown_takes_no_memory() {
        let clock = Arc::new(Hand::default());
        let mut exhibit = exhibit(&clock);
        drop(exhibit.page(Page::Status));
        for (ms, kept) in [(9_999, 1), (10_000, 0)] {
            clock.0.store(ms, Ordering::Relaxed);
            exhibit.take(Told::ClockStepped);
            assert_eq!(exhibit.pages.len(), kept, "after {ms} ms");
        }
    }

    #[test]
    fn pages_of_different_formats_are_kept_apart() {
        let mut exhibit = exhibit(&Arc::default());
        let pages = Format::ALL.map(|format| read(exhibit.page(Page::Metrics(format)).expect("a page").unpacked()));
        assert!(pages[0] != pages[1] && pages[1] != pages[2] && pages[0] != pages[2]);
        assert!(!exhibit.is_ready());
    }
}
