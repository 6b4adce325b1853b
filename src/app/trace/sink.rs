//! The packet thread's side of `trace`: the sweeper, and who is told of changes.

use std::sync::Arc;

use tokio::sync::mpsc::Sender;

use super::view::Job;
use crate::clock::Reading;
use crate::engine::Launcher;
use crate::net::Sink;
use crate::outcome::{Event, StampSource};
use crate::series::Series;
use crate::sweep::{News, PathReport, Sweeper};
use crate::units::SeriesId;

/// Sweeps all paths; passes on that a path has changed.
pub(super) struct TraceSink {
    sweeper: Sweeper,
    /// In order of their ids.
    paths: Vec<(SeriesId, Arc<Series>, StampSource)>,
    changes: Sender<Job>,
    /// Changes that found the queue of the printer full.
    pub(super) dropped: u64,
}

/// What is known of one path.
pub(super) struct Snapshot {
    pub(super) series: Arc<Series>,
    pub(super) stamp: StampSource,
    pub(super) report: PathReport,
}

impl TraceSink {
    pub(super) const fn new(sweeper: Sweeper, changes: Sender<Job>) -> Self {
        Self {
            sweeper,
            paths: Vec::new(),
            changes,
            dropped: 0,
        }
    }

    /// What is known of every path by now.
    pub(super) fn snapshots(&self) -> Vec<Snapshot> {
        let known = |(id, series, stamp): &(SeriesId, Arc<Series>, StampSource)| {
            Some(Snapshot {
                series: Arc::clone(series),
                stamp: *stamp,
                report: self.sweeper.report(*id)?,
            })
        };
        self.paths.iter().filter_map(known).collect()
    }

    /// Launches no more probes.
    pub(super) fn stop(&mut self) {
        self.sweeper.stop();
    }

    fn tell_changes(&mut self) {
        while let Some(news) = self.sweeper.poll_news() {
            let News::PathChanged(change) = news else { continue };
            let path = self.paths.iter().find(|(id, ..)| *id == change.series);
            let Some((_, series, _)) = path else { continue };
            let job = Job::Changed(Arc::clone(series), change);
            // A printer that is slower than the network must not slow down the measurement.
            if self.changes.try_send(job).is_err() {
                self.dropped += 1;
            }
        }
    }
}

impl Sink for TraceSink {
    fn admitted(&mut self, id: SeriesId, series: &Series, stamp: StampSource, at: Reading) {
        self.sweeper.add_path(at.mono, id, series);
        self.paths.push((id, Arc::new(series.clone()), stamp));
    }

    fn event(&mut self, event: &Event) {
        self.sweeper.handle_event(event);
        self.tell_changes();
    }

    fn launcher(&mut self) -> Option<&mut dyn Launcher> {
        Some(&mut self.sweeper)
    }
}
