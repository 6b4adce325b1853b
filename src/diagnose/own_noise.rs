//! What this host does to its own measurement: stalls, late sends, a slow loopback.

use std::time::Duration;

use super::OwnEvidence;
use crate::detect::Finding;
use crate::outcome::Event;
use crate::units::{Mono, SeriesId};

/// A moment at which this host was not itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stall {
    /// From when on.
    pub from: Mono,
    /// Until when.
    pub to: Mono,
    /// How late it was at most.
    pub late_by: Duration,
}

/// Watches this host.
#[derive(Debug, Default)]
pub struct OwnNoise {}

impl OwnNoise {
    /// A watcher that takes lateness up to `slot` for batching, and nothing else.
    #[must_use]
    pub fn new(_slot: Duration) -> Self {
        Self {}
    }

    /// This series probes the loopback.
    pub fn set_loopback(&mut self, _series: SeriesId) {}

    /// This series probes the gateway.
    pub fn set_gateway(&mut self, _series: SeriesId) {}

    /// What happened to a probe, of any series.
    pub fn handle_event(&mut self, _event: &Event) {}

    /// What the detector says of one of the controls or of any series.
    pub fn handle_finding(&mut self, _finding: &Finding) {}

    /// Stalls that are over, or still going on at `now`, since the last call: probes of then are not to be judged.
    pub fn take_stalls(&mut self, _now: Mono) -> Vec<Stall> {
        Vec::new()
    }

    /// What it did between two moments.
    #[must_use]
    pub fn evidence(&self, _from: Mono, _to: Mono) -> OwnEvidence {
        OwnEvidence::default()
    }

    /// Whether stalls repeat so that they are an incident of their own at `now`: since when.
    #[must_use]
    pub fn trouble(&self, _now: Mono) -> Option<Mono> {
        None
    }
}
