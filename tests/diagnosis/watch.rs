//! A network watched by the whole pipeline in virtual time.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use pathjitter::correlate::{CoincidenceOptions, TroubleOptions};
use pathjitter::diagnose::{Incident, Monitor, MonitorOptions, News, Role, Stage, Watched};
use pathjitter::engine::{Launch, Launcher};
use pathjitter::lab::{Driver, World, WorldOptions, series_of};
use pathjitter::outcome::{Event, Proto, StampSource};
use pathjitter::series::{Endpoint, Pace, Series};
use pathjitter::simnet::Topology;
use pathjitter::simnet::topology::Span;
use pathjitter::sweep::{Budget, SweepOptions};
use pathjitter::units::{Mono, ProbeSeq, Rtt, SeriesId};

use super::log::Log;

/// How a network is watched.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Plan {
    /// Whether by IPv6.
    pub(crate) v6: bool,
    /// How much faster than by default.
    pub(crate) faster: u32,
    /// What happens in the network happens so much later than its file says.
    pub(crate) warm_up: Duration,
    /// How long it is watched, the warm-up included.
    pub(crate) lasts: Duration,
    /// Whether paths are traced.
    pub(crate) traces: bool,
    /// The gateway, where the user allows a control of it.
    pub(crate) gateway: Option<IpAddr>,
}

/// A run that is over, or under way.
#[derive(Debug)]
pub(crate) struct Watch {
    world: World,
    watcher: Watcher,
}

/// An incident as it was told from first to last.
#[derive(Clone, Debug)]
pub(crate) struct Told {
    pub(crate) opened_at: Mono,
    /// As it was told last.
    pub(crate) last: Incident,
    pub(crate) is_closed: bool,
}

#[derive(Debug)]
struct Watcher {
    monitor: Monitor,
    news: Vec<(Mono, News)>,
    log: Option<Log>,
}

impl Watch {
    /// Watches a network from beginning to end.
    pub(crate) fn run(topology: &Topology, seed: u64, plan: Plan) -> Self {
        let mut watch = Self::begin(&delayed(topology, plan.warm_up), seed, plan);
        watch.run_until(Mono::default().after(plan.lasts));
        watch.end();
        watch
    }

    /// The same, with all that the program writes of it. The vantage is called `name`.
    pub(crate) fn run_recorded(topology: &Topology, seed: u64, plan: Plan, name: &str) -> (Self, Vec<u8>) {
        let log = Some(Log::new(name, seed));
        let mut watch = Self::begin_with(&delayed(topology, plan.warm_up), seed, plan, log);
        watch.run_until(Mono::default().after(plan.lasts));
        // The program waits for what is under way, so that every probe has a line.
        watch.world.stop_sending();
        let end = Mono::default().after(plan.lasts + Duration::from_secs(2));
        watch.run_until(end);
        watch.end();
        let log = watch.watcher.log.take().expect("it was recorded");
        (watch, log.end(end))
    }

    /// Begins to watch all backends that the file expects something of.
    pub(crate) fn begin(topology: &Topology, seed: u64, plan: Plan) -> Self {
        Self::begin_with(topology, seed, plan, None)
    }

    fn begin_with(topology: &Topology, seed: u64, plan: Plan, log: Option<Log>) -> Self {
        let options = MonitorOptions {
            sweep: plan.traces.then_some(SWEEP),
            ..options()
        };
        let mut watch = Self {
            world: World::new(topology, seed, world_options()),
            watcher: Watcher {
                monitor: Monitor::new(options, seed),
                news: Vec::new(),
                log,
            },
        };
        // Another phase with each seed; no rhythm is a multiple of it.
        watch.run_until(Mono::default().after(Duration::from_millis(97 * (seed % 64))));
        if let Some(address) = plan.gateway {
            watch.admit(&control(address), pace(Proto::Icmp, 1), Role::Gateway);
        }
        let all = probed(topology, plan.v6);
        let count = u32::try_from(all.len()).expect("fewer than 2^32 series");
        for series in &all {
            let pace = pace(series.endpoint.proto(), plan.faster);
            let start = watch.world.now();
            watch.admit(series, pace, Role::Backend { group: None });
            if plan.traces && series.endpoint == Endpoint::Icmp {
                let path = Pace {
                    timeout: SWEEP.timeout,
                    count: Some(0),
                    ..pace
                };
                watch.admit(series, path, Role::Path);
            }
            watch.run_until(start.after(Duration::from_millis(200) / count));
        }
        watch
    }

    pub(crate) fn run_until(&mut self, end: Mono) {
        self.world.run_until_with(end, &mut self.watcher);
    }

    /// The prober gets no CPU for so long.
    pub(crate) fn stall_for(&mut self, duration: Duration) {
        self.world.stall_for(duration);
    }

    /// Ends the run.
    pub(crate) fn end(&mut self) {
        let now = self.world.now();
        self.watcher.monitor.close(now);
        self.watcher.take_news(now);
    }

    pub(crate) fn now(&self) -> Mono {
        self.world.now()
    }

    /// All that was said, and when.
    pub(crate) fn news(&self) -> &[(Mono, News)] {
        &self.watcher.news
    }

    /// All incidents, by number.
    pub(crate) fn incidents(&self) -> Vec<Told> {
        let mut told: Vec<Told> = Vec::new();
        for (at, news) in self.news() {
            let News::Incident(stage, incident) = news else {
                continue;
            };
            match told.iter_mut().find(|told| told.last.number == incident.number) {
                None => {
                    assert_eq!(*stage, Stage::Open, "an incident begins by being opened");
                    told.push(Told {
                        opened_at: *at,
                        last: *incident.clone(),
                        is_closed: false,
                    });
                }
                Some(told) => {
                    assert!(!told.is_closed && *stage != Stage::Open, "{stage:?} of {:?}", told.last);
                    told.last = *incident.clone();
                    told.is_closed = *stage == Stage::Close;
                }
            }
        }
        told
    }

    fn admit(&mut self, series: &Series, pace: Pace, role: Role) -> SeriesId {
        let id = self.world.admit_series(series.clone(), pace);
        let watched = Watched {
            interval: pace.interval,
            timeout: pace.timeout,
            stamp: StampSource::Kernel,
            floor: 0.002,
        };
        if let Some(log) = &mut self.watcher.log {
            log.admitted(self.world.now(), id, series, &role, watched);
        }
        self.watcher.monitor.admit(self.world.now(), id, series, role, watched);
        id
    }
}

impl Watcher {
    fn take_news(&mut self, now: Mono) {
        while let Some(news) = self.monitor.poll() {
            if let Some(log) = &mut self.log {
                log.news(now, &news);
            }
            self.news.push((now, news));
        }
    }
}

impl Driver for Watcher {
    fn event(&mut self, event: &Event, _truth: Option<Rtt>) {
        if let Some(log) = &mut self.log {
            log.event(event);
        }
        self.monitor.handle_event(event);
    }

    fn next_deadline(&mut self) -> Option<Mono> {
        self.monitor.next_deadline()
    }

    fn handle_deadline(&mut self, now: Mono) {
        self.monitor.handle_deadline(now);
        self.take_news(now);
    }
}

impl Launcher for Watcher {
    fn next_launch(&self) -> Option<Mono> {
        self.monitor.next_launch()
    }

    fn poll_launch(&mut self, now: Mono) -> Option<Launch> {
        self.monitor.poll_launch(now)
    }

    fn launched(&mut self, launch: Launch, seq: Option<ProbeSeq>, now: Mono) {
        self.monitor.launched(launch, seq, now);
    }

    fn is_done(&self) -> bool {
        self.monitor.is_done()
    }
}

/// How the program judges.
pub(crate) fn options() -> MonitorOptions {
    MonitorOptions {
        coincidences: CoincidenceOptions {
            false_alarms_per_30_days: 1.0,
        },
        troubles: TroubleOptions {
            false_alarms_per_30_days: 1.0,
        },
        sweep: Some(SWEEP),
        slot: Duration::ZERO,
    }
}

/// The same network, in which everything happens later.
pub(crate) fn delayed(topology: &Topology, by: Duration) -> Topology {
    let mut topology = topology.clone();
    for event in &mut topology.events {
        event.at = Span(event.at.0 + by);
    }
    topology
}

/// Everything that the file expects something of, but for routers, by one family.
fn probed(topology: &Topology, v6: bool) -> Vec<Series> {
    let is_router = |series: &Series| {
        let routers = &topology.routers;
        routers.iter().any(|router| *router.name == *series.target)
    };
    let all = topology
        .expectations
        .iter()
        .flat_map(|expected| series_of(topology, &expected.probe).unwrap_or_else(|why| panic!("{why}")));
    let wanted = |series: &Series| series.address.is_ipv6() == v6 && !is_router(series);
    let mut all: Vec<Series> = all.filter(wanted).collect();
    let place = |series: &Series| (Arc::clone(&series.target), series.endpoint);
    all.sort_by_key(place);
    all.dedup_by_key(|series| place(series));
    all
}

/// As the program probes the gateway.
fn control(address: IpAddr) -> Series {
    Series {
        target: "gateway".into(),
        address,
        scope_id: 0,
        endpoint: Endpoint::Icmp,
        flow: 0,
    }
}

/// The paces of the program, or so much faster ones.
fn pace(proto: Proto, faster: u32) -> Pace {
    let interval = match proto {
        Proto::Icmp | Proto::Udp => Duration::from_millis(200),
        Proto::Tcp => Duration::from_secs(1),
    };
    Pace {
        interval: interval / faster,
        timeout: Duration::from_secs(1),
        count: None,
    }
}

/// The address that an element has in the other family, or in the same.
pub(crate) fn in_family(topology: &Topology, address: IpAddr, v6: bool) -> IpAddr {
    let routers = topology.routers.iter().map(|router| &router.addresses);
    let backends = topology.backends.iter().map(|backend| &backend.addresses);
    let mut all = routers.chain(backends);
    let owner = all.find(|addresses| addresses.contains(&address));
    let same = owner.and_then(|addresses| addresses.iter().find(|address| address.is_ipv6() == v6));
    *same.unwrap_or(&address)
}

/// As the program traces while nothing is wrong.
const SWEEP: SweepOptions = SweepOptions {
    first_ttl: 1,
    max_ttl: 30,
    cycles: None,
    interval: Duration::from_secs(10),
    timeout: Duration::from_secs(3),
    budget: Budget::Gentle,
    max_silent: 5,
};

/// A service remembers probes for little longer than they may be answered: what is lost is settled when it is forgotten.
fn world_options() -> WorldOptions {
    WorldOptions {
        memory: 16,
        ..WorldOptions::default()
    }
}
