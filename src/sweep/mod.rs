//! TTL sweeps: which hop of which path is probed when, and what is known of each hop.
//!
//! A path is one series: a target by one protocol over one flow. Each cycle probes each of its hops once, by a probe whose TTL ends
//! there. A [`Sweeper`] decides about all paths of a run together, because they share routers, and a router answers our host so
//! often a second and no more, whatever the probe was for. It is a [`Launcher`]: the loop of the packet thread, or the virtual one of the
//! lab, asks it what to send, and hands it every event.

mod hop;
mod options;
mod path;

pub use self::hop::{Hop, HopCounts, Responder, RoundMark};
pub use self::options::{Budget, SweepOptions};
pub use self::path::{End, News, PathChange, PathReport};

use crate::engine::{Launch, Launcher};
use crate::outcome::Event;
use crate::series::Series;
use crate::units::{Mono, ProbeSeq, SeriesId};

/// The sweeps of all paths of a run.
#[derive(Debug)]
pub struct Sweeper {
    options: SweepOptions,
}

impl Sweeper {
    /// Sweeps of nothing yet; `seed` decides in which order hops have their turn.
    #[must_use]
    pub const fn new(options: SweepOptions, seed: u64) -> Self {
        let _ = seed;
        Self { options }
    }

    /// Starts to sweep the path of a series, which the prober has admitted with a pace of no probes.
    pub fn add_path(&mut self, now: Mono, id: SeriesId, series: &Series) {
        let _ = (now, id, series, self.options);
    }

    /// Something happened to a probe. Events of series that were not added are ignored.
    pub fn handle_event(&mut self, event: &Event) {
        let _ = (event, self.options);
    }

    /// What is worth telling, in order.
    pub fn poll_news(&mut self) -> Option<News> {
        let _ = self.options;
        None
    }

    /// Launches no more probes.
    pub fn stop(&mut self) {
        let _ = self.options;
    }

    /// What is known of a path by now; `None` where the series was not added.
    #[must_use]
    pub fn report(&self, id: SeriesId) -> Option<PathReport> {
        let _ = (id, self.options);
        None
    }
}

impl Launcher for Sweeper {
    fn next_launch(&self) -> Option<Mono> {
        None
    }

    fn poll_launch(&mut self, now: Mono) -> Option<Launch> {
        let _ = now;
        None
    }

    fn launched(&mut self, launch: Launch, seq: Option<ProbeSeq>, now: Mono) {
        let _ = (launch, seq, now);
    }

    fn is_done(&self) -> bool {
        true
    }
}
