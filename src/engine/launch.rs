//! Probes that somebody asks for one by one, beside those of the schedule: the steps of a trace.

use crate::units::{Mono, ProbeSeq, SeriesId};

/// A probe that is to be sent as soon as possible.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Launch {
    /// Its series. A series that is only launched has a pace with a count of 0.
    pub series: SeriesId,
    /// Its TTL or hop limit.
    pub ttl: u8,
}

/// Decides which probes to launch. The loop of a packet thread asks it each turn, and tells it what it did.
pub trait Launcher {
    /// When [`poll_launch`](Self::poll_launch) may next have something, as far as is known now; `None` while nothing but an event
    /// can change that.
    fn next_launch(&self) -> Option<Mono>;

    /// A probe to launch at `now`. It is followed by [`launched`](Self::launched) before the next is asked for.
    fn poll_launch(&mut self, now: Mono) -> Option<Launch>;

    /// What became of a launch: the number of its probe, or `None` where the series has no room for another or the limit of SYNs per
    /// second is reached, and it must be asked for again later. That it was then sent, or failed to be, events tell.
    fn launched(&mut self, launch: Launch, seq: Option<ProbeSeq>, now: Mono);

    /// Whether nothing will be launched any more.
    fn is_done(&self) -> bool;
}
