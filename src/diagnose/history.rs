//! What of the last minutes of each stream a verdict may need, in bounded memory.

use std::time::Duration;

use super::StreamEvidence;
use crate::detect::{Finding, Level};
use crate::outcome::Event;
use crate::units::{Mono, SeriesId};

/// Recent outcomes of all streams.
#[derive(Debug, Default)]
pub struct History {}

impl History {
    /// Keeps a series from now on.
    pub fn admit(&mut self, _series: SeriesId, _proto: crate::outcome::Proto, _interval: Duration) {}

    /// Forgets a series.
    pub fn remove(&mut self, _series: SeriesId) {}

    /// What happened to a probe.
    pub fn handle_event(&mut self, _event: &Event) {}

    /// What the detector says of it.
    pub fn handle_finding(&mut self, _finding: &Finding) {}

    /// What is known of probes sent from `from` to `to`.
    #[must_use]
    pub fn evidence(&self, _series: SeriesId, _from: Mono, _to: Mono, level: Option<Level>) -> StreamEvidence {
        StreamEvidence {
            level,
            ..StreamEvidence::default()
        }
    }
}
