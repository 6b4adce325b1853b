//! One backend at a time: degraded, shifted, or impaired for minutes on end.

use super::{Change, Stream};
use crate::detect::Finding;
use crate::outcome::Event;
use crate::units::{Mono, SeriesId};

/// How careful to be.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TroubleOptions {
    /// How many false alarms of single backends may be expected in 30 days, over all of them.
    pub false_alarms_per_30_days: f64,
    /// Loss or spikes below this share are nobody's trouble.
    pub floor: f64,
}

/// Finds backends that are in trouble by themselves.
#[derive(Debug)]
pub struct Troubles {
    options: TroubleOptions,
}

impl Troubles {
    /// Of no streams yet.
    #[must_use]
    pub fn new(options: TroubleOptions) -> Self {
        Self { options }
    }

    /// Follows a series from now on.
    pub fn admit(&mut self, _series: SeriesId, _stream: Stream, _now: Mono) {}

    /// Follows a series no more.
    pub fn remove(&mut self, _series: SeriesId) {}

    /// What happened to a probe.
    pub fn handle_event(&mut self, _event: &Event) {}

    /// What stands out.
    pub fn handle_finding(&mut self, _finding: &Finding) {}

    /// Probes sent between these moments say nothing: this host was at fault.
    pub fn discount(&mut self, _from: Mono, _to: Mono) {}

    /// When [`handle_deadline`](Self::handle_deadline) has something to do.
    #[must_use]
    pub fn next_deadline(&self) -> Option<Mono> {
        None
    }

    /// Looks at what is due.
    pub fn handle_deadline(&mut self, _now: Mono) {}

    /// The next thing to say.
    pub fn poll(&mut self) -> Option<Change> {
        let _ = self.options;
        None
    }
}
