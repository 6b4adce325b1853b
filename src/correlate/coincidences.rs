//! Several backends at the same moment.

use std::time::Duration;

use super::{Change, GroupId, Stream};
use crate::detect::{Finding, Level};
use crate::outcome::Event;
use crate::units::{Mono, SeriesId, TargetId};

/// How careful to be.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CoincidenceOptions {
    /// How many false alarms may be expected in 30 days.
    pub false_alarms_per_30_days: f64,
}

/// Finds backends that spike at the same moments.
#[derive(Debug)]
pub struct Coincidences {
    options: CoincidenceOptions,
}

impl Coincidences {
    /// Of no streams yet.
    #[must_use]
    pub fn new(options: CoincidenceOptions) -> Self {
        Self { options }
    }

    /// Follows a series from now on.
    pub fn admit(&mut self, _series: SeriesId, _stream: Stream) {}

    /// Sets who is in a group; group 0 is everybody without that.
    pub fn set_group(&mut self, _group: GroupId, _members: &[TargetId]) {}

    /// Follows a series no more.
    pub fn remove(&mut self, _series: SeriesId) {}

    /// What happened to a probe: exposure is counted by what was sent.
    pub fn handle_event(&mut self, _event: &Event) {}

    /// What stands out; `level` is that of its series.
    pub fn handle_finding(&mut self, _finding: &Finding, _level: Option<Level>) {}

    /// Probes sent between these moments say nothing: this host was at fault.
    pub fn discount(&mut self, _from: Mono, _to: Mono) {}

    /// When [`handle_deadline`](Self::handle_deadline) has something to do.
    #[must_use]
    pub fn next_deadline(&self) -> Option<Mono> {
        None
    }

    /// Judges windows whose probes all are known at `now`: everything that arrived and was found before must have been handed over.
    pub fn handle_deadline(&mut self, _now: Mono) {}

    /// The next thing to say.
    pub fn poll(&mut self) -> Option<Change> {
        let _ = (self.options, Duration::ZERO);
        None
    }
}
