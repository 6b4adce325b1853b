//! Level shifts: what moves at the same moment was moved by the same thing.
//!
//! A route that changes moves all that lies behind it, and a congestion that ends moves it back. So shifts within five seconds of each other are one
//! anomaly, and it is over when all are back, or when ten minutes have made the new level the normal one. Streams find their shifts at
//! different times, with their 32nd reply; what counts is the send time of the first.

use std::time::Duration;

use super::super::{Anomaly, AnomalyKind, Hit};
use super::desk::{Desk, TOGETHER};
use crate::units::{Mono, Rtt, SeriesId, TargetId};

/// Shifts that are not normal yet.
#[derive(Clone, Debug, Default)]
pub(super) struct Shifts {
    open: Vec<Open>,
}

#[derive(Clone, Debug)]
struct Open {
    anomaly: Anomaly,
    moved: Vec<Moved>,
}

/// A stream that was moved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Moved {
    pub(super) series: SeriesId,
    pub(super) target: TargetId,
    /// The send time of the first probe at the new level.
    pub(super) at: Mono,
    pub(super) from: Rtt,
    pub(super) to: Rtt,
}

impl Shifts {
    /// Takes a shift that is no way back and joins no other: it opens an anomaly. `Err` hands back what does.
    pub(super) fn absorb(&mut self, moved: Moved, desk: &mut Desk) -> Result<(), Moved> {
        if self.turn_back(moved, desk) {
            return Ok(());
        }
        let near = |open: &&mut Open| distance(open.anomaly.began, moved.at) <= SAME_MOMENT;
        let Some(open) = self.open.iter_mut().find(near) else {
            return Err(moved);
        };
        open.moved.push(moved);
        open.anomaly.last = open.anomaly.last.max(moved.at);
        if open.anomaly.members.iter().all(|hit| hit.target != moved.target) {
            desk.join(&mut open.anomaly, member(moved));
        }
        Ok(())
    }

    /// Opens an anomaly.
    pub(super) fn open(&mut self, moved: Moved, healthy: Vec<TargetId>, desk: &mut Desk) {
        let kind = AnomalyKind::Shifted {
            from: moved.from,
            to: moved.to,
        };
        if self.open.len() == OPEN_MAX {
            desk.close(self.open.remove(0).anomaly);
        }
        self.open.push(Open {
            anomaly: desk.open(kind, vec![member(moved)], moved.at, None, healthy),
            moved: vec![moved],
        });
    }

    /// When the oldest becomes normal.
    pub(super) fn next_deadline(&self) -> Option<Mono> {
        self.open.iter().map(Open::ends_at).min()
    }

    /// Closes what became normal.
    pub(super) fn handle_deadline(&mut self, now: Mono, desk: &mut Desk) {
        for open in self.open.extract_if(.., |open| open.ends_at() <= now) {
            desk.close(open.anomaly);
        }
    }

    /// The stream is followed no more.
    pub(super) fn remove(&mut self, series: SeriesId, desk: &mut Desk) {
        for open in &mut self.open {
            open.moved.retain(|moved| moved.series != series);
        }
        self.close_empty(desk);
    }

    /// Whether the backend is part of any.
    pub(super) fn contains(&self, target: TargetId) -> bool {
        self.open
            .iter()
            .any(|open| open.moved.iter().any(|moved| moved.target == target))
    }

    /// Whether the stream moved back to where it came from.
    fn turn_back(&mut self, back: Moved, desk: &mut Desk) -> bool {
        for open in &mut self.open {
            let before = open.moved.len();
            open.moved.retain(|moved| !is_back(*moved, back));
            if open.moved.len() < before {
                open.anomaly.last = open.anomaly.last.max(back.at);
                self.close_empty(desk);
                return true;
            }
        }
        false
    }

    fn close_empty(&mut self, desk: &mut Desk) {
        for open in self.open.extract_if(.., |open| open.moved.is_empty()) {
            desk.close(open.anomaly);
        }
    }
}

impl Open {
    fn ends_at(&self) -> Mono {
        self.anomaly.last.after(TOGETHER)
    }
}

/// Three quarters of the way are back: the two medians are of few replies.
fn is_back(moved: Moved, back: Moved) -> bool {
    let (from, to, now) = (moved.from.as_nanos(), moved.to.as_nanos(), back.to.as_nanos());
    moved.series == back.series && moved.at < back.at && from.abs_diff(now) <= from.abs_diff(to) / 4
}

fn member(moved: Moved) -> Hit {
    Hit {
        target: moved.target,
        first: moved.at,
        peak: Some(moved.to),
        probes: SHIFTED,
    }
}

fn distance(a: Mono, b: Mono) -> Duration {
    a.since(b).max(b.since(a))
}

/// Longer than the interval of SYNs and what a rerouting needs, shorter than chance needs to move two.
const SAME_MOMENT: Duration = Duration::from_secs(5);

/// Replies that prove a shift.
const SHIFTED: u64 = 32;

/// More routes don't change within ten minutes, unless all do all the time.
const OPEN_MAX: usize = 64;
