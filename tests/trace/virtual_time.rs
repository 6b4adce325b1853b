//! Traces by the sweeper and the engine in virtual time.

use std::time::Duration;

use pathjitter::engine::{Launch, Launcher};
use pathjitter::lab::{Driver, World, WorldOptions};
use pathjitter::outcome::Event;
use pathjitter::series::Pace;
use pathjitter::simnet::Topology;
use pathjitter::sweep::{Budget, News, SweepOptions, Sweeper};
use pathjitter::units::{Mono, ProbeSeq, Rtt, SeriesId};

use super::expected::Expected;
use super::found::{Change, Found};

/// Sweeps all paths at once, as the program does by default. What was found after so many seconds, in order of time, then of paths.
pub(crate) fn run(topology: &Topology, expected: &[Expected], seed: u64, moments: &[u64]) -> Vec<Vec<Found>> {
    let mut world = World::new(
        topology,
        seed,
        WorldOptions {
            ports_per_flow: Some(1),
            ..WorldOptions::default()
        },
    );
    let mut paths = Paths::new(&mut world, expected, seed);
    let runs = moments.iter().map(|&seconds| {
        world.run_until_with(Mono::default().after(Duration::from_secs(seconds)), &mut paths);
        paths.found(expected)
    });
    runs.collect()
}

/// Sweeps, and remembers what changed.
struct Paths {
    sweeper: Sweeper,
    ids: Vec<SeriesId>,
    changes: Vec<Vec<Change>>,
}

impl Paths {
    fn new(world: &mut World, expected: &[Expected], seed: u64) -> Self {
        let mut sweeper = Sweeper::new(OPTIONS, seed);
        let ids: Vec<SeriesId> = expected
            .iter()
            .map(|expected| {
                let id = world.admit_series(expected.series.clone(), PACE);
                sweeper.add_path(world.now(), id, &expected.series);
                id
            })
            .collect();
        Self {
            sweeper,
            changes: vec![Vec::new(); ids.len()],
            ids,
        }
    }

    fn found(&self, expected: &[Expected]) -> Vec<Found> {
        let paths = self.ids.iter().zip(expected).zip(&self.changes);
        paths
            .map(|((id, expected), changes)| {
                let report = self.sweeper.report(*id).expect("a path that was added");
                Found::of(&expected.series, &report, changes.clone())
            })
            .collect()
    }

    fn note_changes(&mut self) {
        while let Some(news) = self.sweeper.poll_news() {
            if let News::PathChanged(change) = news {
                let path = self.ids.iter().position(|id| *id == change.series);
                let path = path.expect("a path that was added");
                self.changes[path].push(Change {
                    old: change.old,
                    new: change.new,
                });
            }
        }
    }
}

impl Driver for Paths {
    fn event(&mut self, event: &Event, _truth: Option<Rtt>) {
        self.sweeper.handle_event(event);
        self.note_changes();
    }
}

impl Launcher for Paths {
    fn next_launch(&self) -> Option<Mono> {
        self.sweeper.next_launch()
    }

    fn poll_launch(&mut self, now: Mono) -> Option<Launch> {
        self.sweeper.poll_launch(now)
    }

    fn launched(&mut self, launch: Launch, seq: Option<ProbeSeq>, now: Mono) {
        self.sweeper.launched(launch, seq, now);
    }

    fn is_done(&self) -> bool {
        self.sweeper.is_done()
    }
}

/// The defaults of the program, without end.
const OPTIONS: SweepOptions = SweepOptions {
    first_ttl: 1,
    max_ttl: 30,
    cycles: None,
    interval: Duration::from_secs(1),
    timeout: Duration::from_secs(3),
    budget: Budget::Gentle,
    max_silent: 12,
};

const PACE: Pace = Pace {
    interval: OPTIONS.interval,
    timeout: OPTIONS.timeout,
    count: Some(0),
};
