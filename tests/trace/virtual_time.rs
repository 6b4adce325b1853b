//! Traces by the sweeper and the engine in virtual time.

use std::time::Duration;

use pathjitter::engine::{Launch, Launcher};
use pathjitter::lab::{Driver, World, WorldOptions};
use pathjitter::outcome::Event;
use pathjitter::series::Pace;
use pathjitter::simnet::{DropReason, Topology};
use pathjitter::sweep::{Budget, News, SweepOptions, Sweeper};
use pathjitter::units::{Mono, ProbeSeq, Rtt, SeriesId};

use super::expected::Expected;
use super::found::{Change, Found};

/// Sweeps all paths at once, as the program does by default. What was found after so many seconds, in order of time, then of paths.
pub(crate) fn run(topology: &Topology, expected: &[Expected], seed: u64, moments: &[u64]) -> Vec<Vec<Found>> {
    let mut sweep = Sweep::new(topology, expected, seed, Sweep::DEFAULT);
    let runs = moments.iter().map(|&seconds| {
        sweep.run_until(Duration::from_secs(seconds));
        sweep.found(expected)
    });
    runs.collect()
}

/// A sweep under way.
pub(crate) struct Sweep {
    world: World,
    paths: Paths,
}

impl Sweep {
    /// The defaults of the program, without end.
    pub(crate) const DEFAULT: SweepOptions = SweepOptions {
        first_ttl: 1,
        max_ttl: 30,
        cycles: None,
        interval: Duration::from_secs(1),
        timeout: Duration::from_secs(3),
        budget: Budget::Gentle,
        max_silent: 12,
    };

    /// A sweep of all these paths that is about to begin.
    pub(crate) fn new(topology: &Topology, expected: &[Expected], seed: u64, options: SweepOptions) -> Self {
        let world_options = WorldOptions {
            ports_per_flow: Some(1),
            flows: expected
                .iter()
                .map(|expected| expected.series.flow + 1)
                .max()
                .unwrap_or(1),
            ..WorldOptions::default()
        };
        let mut world = World::new(topology, seed, world_options);
        let mut sweeper = Sweeper::new(options, seed);
        let pace = Pace {
            interval: options.interval,
            timeout: options.timeout,
            count: Some(0),
        };
        let mut ids = Vec::new();
        for expected in expected {
            let id = world.admit_series(expected.series.clone(), pace);
            sweeper.add_path(world.now(), id, &expected.series);
            ids.push(id);
        }
        let changes = vec![Vec::new(); ids.len()];
        Self {
            world,
            paths: Paths { sweeper, ids, changes },
        }
    }

    /// Sweeps until so much time has passed since the beginning.
    pub(crate) fn run_until(&mut self, since_start: Duration) {
        let end = Mono::default().after(since_start);
        self.world.run_until_with(end, &mut self.paths);
    }

    /// What was found by now.
    pub(crate) fn found(&self, expected: &[Expected]) -> Vec<Found> {
        let Paths { sweeper, ids, changes } = &self.paths;
        let paths = ids.iter().zip(expected).zip(changes);
        paths
            .map(|((id, expected), changes)| {
                let report = sweeper.report(*id).expect("a path that was added");
                Found::of(&expected.series, &report, changes.clone())
            })
            .collect()
    }

    /// How many packets an element of the network dropped for a reason, by its own account.
    pub(crate) fn dropped(&self, element: &str, reason: DropReason) -> u64 {
        let found = self.world.network().ledger().element(element);
        found.unwrap_or_else(|| panic!("no {element}")).dropped_for(reason)
    }
}

/// Sweeps, and remembers what changed.
struct Paths {
    sweeper: Sweeper,
    ids: Vec<SeriesId>,
    changes: Vec<Vec<Change>>,
}

impl Paths {
    fn note_changes(&mut self) {
        while let Some(news) = self.sweeper.poll_news() {
            if let News::PathChanged(change) = news {
                let path = self.ids.iter().position(|id| *id == change.series);
                self.changes[path.expect("a path that was added")].push(Change {
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
