//! A story in virtual time: no sockets, no waiting, and otherwise the service.
//!
//! The world drives what the packet thread drives, and what that has to say is written as it is said. There is no loopback control, for
//! a world has no loopback: all its answers come in time.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anyhow::Context as _;
use tokio::sync::mpsc::{self, Receiver};

use super::Demo;
use crate::app::exit::Exit;
use crate::app::printer::Shows as _;
use crate::app::process::identity_at;
use crate::app::run::outbox::{Dropped, Outbox, Worth};
use crate::app::run::roster::{Entry, Purpose, Roster};
use crate::app::run::sink::{Expected, RunSink};
use crate::app::run::writer::{Job, Narrator, Said, Writer};
use crate::app::run::{RETIRED_KEPT, options};
use crate::app::signals::Stop;
use crate::clock::{Clock, Reading, SystemClock};
use crate::config::RunPlan;
use crate::diagnose::Monitor;
use crate::engine::{Launch, Launcher};
use crate::lab::{Driver, World, WorldOptions};
use crate::net::Sink as _;
use crate::outcome::{Event, StampSource};
use crate::report::{NoticeKind, OutputError, Severity};
use crate::stats::Windows;
use crate::units::{Mono, ProbeSeq, Rtt, Wall, nanos};

/// A clock that is set.
#[derive(Clone, Debug)]
pub(super) struct VirtualClock {
    origin: Wall,
    now: Arc<AtomicU64>,
}

impl VirtualClock {
    /// One whose time from its origin to now is so long: what is told happened lately, and not in times to come.
    pub(super) fn ending_now(after: Duration) -> Self {
        let now = SystemClock::new().read().wall;
        Self {
            origin: Wall::from_nanos(now.as_nanos().saturating_sub(nanos(after))),
            now: Arc::default(),
        }
    }

    fn set(&self, now: Mono) {
        self.now.store(now.as_nanos(), Ordering::Relaxed);
    }
}

impl Clock for VirtualClock {
    fn read(&self) -> Reading {
        let now = self.now.load(Ordering::Relaxed);
        Reading {
            mono: Mono::from_nanos(now),
            wall: Wall::from_nanos(self.origin.as_nanos().saturating_add(now)),
            spread: Duration::ZERO,
        }
    }
}

/// From the first probe to the last answer.
pub(super) fn length(plan: &RunPlan) -> Duration {
    plan.duration.unwrap_or_default() + options::longest_timeout(plan)
}

/// Runs a service in the network of a story, to its end or to a signal.
///
/// # Errors
/// Those of the output.
pub(super) fn watch(demo: &Demo, clock: &VirtualClock, narrator: Narrator) -> anyhow::Result<Exit> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.context("the tokio runtime could not be started")?;
    let mut watching = Watching::new(demo, clock, narrator)?;
    match runtime.block_on(watching.attend(&demo.plan)) {
        Ok(()) => Ok(Exit::Success),
        // The reader has seen enough.
        Err(error) if matches!(error.downcast_ref(), Some(OutputError::Closed { .. })) => Ok(Exit::Success),
        Err(error) => Err(error),
    }
}

/// A service in virtual time.
struct Watching {
    world: World,
    watcher: Watcher,
    queue: Receiver<Job>,
    outbox: Outbox<Job>,
    writer: Writer,
    lasts: Duration,
    timeout: Duration,
    targets: usize,
}

impl Watching {
    fn new(demo: &Demo, clock: &VirtualClock, narrator: Narrator) -> anyhow::Result<Self> {
        let plan = &demo.plan;
        let dropped = Arc::new(Dropped::default());
        let identity = identity_at(&SystemClock::new(), plan.output.vantage.as_deref());
        let writer = Writer::new(&plan.output, identity, Arc::new(clock.clone()), Arc::clone(&dropped))?;
        let (jobs, queue) = mpsc::channel(JOBS);
        let outbox = Outbox::new(jobs, dropped);
        let sink = RunSink::new(
            Windows::new(clock.mono(), plan.window),
            Monitor::new(options::monitor(plan), demo.seed),
            outbox.clone(),
            plan.output.each,
            plan.window + RETIRED_KEPT,
        );
        let clock = clock.clone();
        Ok(Self {
            world: World::new(&demo.topology, demo.seed, world_options(plan)),
            watcher: Watcher { sink, clock },
            queue,
            outbox,
            writer: writer.narrated_by(Some(narrator)),
            lasts: plan.duration.unwrap_or_default(),
            timeout: options::longest_timeout(plan),
            targets: plan.targets.len(),
        })
    }

    /// Probes what the service would probe, but for its loopback.
    fn admit(&mut self, plan: &RunPlan) {
        let changes = Roster::new(plan).settle();
        let entries = changes.admit.into_iter();
        let entries: Vec<Entry> = entries.filter(|entry| entry.purpose() != Purpose::Control).collect();
        for entry in entries {
            let (series, pace) = (entry.series.clone(), entry.pace);
            let expected = Expected { entry, saved: None };
            self.watcher.sink.expect(vec![expected]);
            let id = self.world.admit_series(series.clone(), pace);
            let now = self.watcher.clock.read();
            self.watcher.sink.admitted(id, &series, StampSource::Kernel, now);
        }
    }

    async fn attend(&mut self, plan: &RunPlan) -> anyhow::Result<()> {
        let mut stop = Stop::new()?;
        self.say(NoticeKind::Start, self.greeting());
        self.admit(plan);
        let end = Mono::default().after(self.lasts);
        let mut why = "the time is up";
        while self.world.now() < end {
            self.pass(STEP.min(end.since(self.world.now())))?;
            tokio::select! {
                biased;
                () = stop.next() => {
                    why = "asked to stop by a signal";
                    break;
                }
                () = tokio::task::yield_now() => {}
            }
        }
        let ended = self.world.now();
        self.watcher.sink.stop(ended);
        self.world.stop_sending();
        self.pass(self.timeout + STEP)?;
        self.watcher.sink.close(self.world.now());
        let seconds = ended.since(Mono::default()).as_secs();
        let last = said(NoticeKind::Stop, format!("{why} after {seconds} s"));
        self.outbox.put(Worth::Word, Job::Finish(last));
        self.write()
    }

    /// Lets time pass, and has written what was said.
    fn pass(&mut self, time: Duration) -> anyhow::Result<()> {
        let end = self.world.now().after(time);
        self.world.run_until_with(end, &mut self.watcher);
        self.watcher.clock.set(end);
        self.write()
    }

    fn write(&mut self) -> anyhow::Result<()> {
        while let Ok(job) = self.queue.try_recv() {
            if self.writer.show(job)?.is_break() {
                break;
            }
        }
        Ok(())
    }

    fn say(&self, kind: NoticeKind, message: String) {
        self.outbox.put(Worth::Word, Job::Said(said(kind, message)));
    }

    fn greeting(&self) -> String {
        let (version, count) = (env!("CARGO_PKG_VERSION"), self.targets);
        format!("pathjitter {version} watches {count} targets in virtual time")
    }
}

const fn said(kind: NoticeKind, message: String) -> Said {
    Said {
        kind,
        severity: Severity::Info,
        message,
    }
}

/// The packet thread's side of a service, driven by a world.
struct Watcher {
    sink: RunSink,
    clock: VirtualClock,
}

impl Driver for Watcher {
    fn event(&mut self, event: &Event, _truth: Option<Rtt>) {
        self.sink.event(event);
    }

    fn next_deadline(&mut self) -> Option<Mono> {
        self.sink.next_deadline()
    }

    fn handle_deadline(&mut self, now: Mono) {
        self.clock.set(now);
        self.sink.handle_deadline(self.clock.read());
    }
}

impl Launcher for Watcher {
    fn next_launch(&self) -> Option<Mono> {
        self.sink.monitor().next_launch()
    }

    fn poll_launch(&mut self, now: Mono) -> Option<Launch> {
        self.sink.launcher()?.poll_launch(now)
    }

    fn launched(&mut self, launch: Launch, seq: Option<ProbeSeq>, now: Mono) {
        if let Some(launcher) = self.sink.launcher() {
            launcher.launched(launch, seq, now);
        }
    }

    fn is_done(&self) -> bool {
        self.sink.monitor().is_done()
    }
}

fn world_options(plan: &RunPlan) -> WorldOptions {
    let defaults = WorldOptions::default();
    let tcp_interval = plan.targets.iter().map(|target| target.tcp_interval).min();
    let mut pace = defaults.pace;
    // Decides how many source ports there are.
    pace.interval = tcp_interval.unwrap_or(pace.interval);
    WorldOptions { pace, ..defaults }
}

/// What is said in it is written after each step, with the time at its end: sooner than anybody can tell.
const STEP: Duration = Duration::from_millis(50);

/// More than is ever said in a step.
const JOBS: usize = 1 << 12;
