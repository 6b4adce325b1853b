//! Sweeps without end: paths that come and go, that are looked at more closely for a while, and whose figures are of the recent past.
//!
//! What a router answered is counted for all paths that share it. So there is nothing to be reset when somebody wants to know what happened
//! since a moment: each hop remembers its newest rounds one by one (`Hop::ROUNDS`), and a report takes those that it wants.

use std::time::Duration;

use super::judging::leave_flight;
use super::tree::{Node, NodeId, PathIndex};
use super::turns::TurnOf;
use super::{PathReport, Sweeper};
use crate::units::{Mono, SeriesId, nanos};

impl Sweeper {
    /// So many rounds may lie between two of the usual interval.
    pub const FINENESS: u64 = 1 << 10;

    /// Sweeps the path of a series no more, and forgets it. What it shared with others stays theirs.
    pub fn remove_path(&mut self, id: SeriesId) {
        let Some(path) = self.index.remove(&id) else { return };
        self.finish(path);
        self.hurried.remove(&path);
        let course = &mut self.paths[path];
        course.is_asking = false;
        course.former = None;
        let (awaited, places) = (course.flights.clear(), std::mem::take(&mut course.places));
        for (node, generation) in awaited.into_iter().filter_map(|flight| flight.node) {
            if let Some(node) = self.tree.live(node, generation) {
                leave_flight(&mut node.tally);
            }
        }
        for place in places {
            self.leave(path, place.node);
        }
        self.release_left();
    }

    /// Probes each hop of a path so often from now on, as far as the budgets of its routers allow; never less often than usual, and at most
    /// [`FINENESS`](Self::FINENESS) times as often. Only a sweep [for a service](Self::for_service) can hurry.
    pub fn hurry(&mut self, id: SeriesId, interval: Duration, now: Mono) {
        let Some(&path) = self.index.get(&id).filter(|_| self.is_service()) else {
            return;
        };
        self.now = self.now.max(now);
        let usual = self.options.interval;
        let fastest = Duration::from_nanos(nanos(usual) / Self::FINENESS + 1);
        self.hurried.insert(path, interval.clamp(fastest.min(usual), usual));
        self.advance(path);
    }

    /// Probes a path as often as usual again.
    pub fn relax(&mut self, id: SeriesId) {
        if let Some(path) = self.index.get(&id) {
            self.hurried.remove(path);
        }
    }

    /// What is known of a path from the rounds since a moment, as far as they are remembered; `None` where the series was not added.
    /// Late and unjudged probes are not told apart in it.
    #[must_use]
    pub fn report_since(&self, id: SeriesId, since: Mono) -> Option<PathReport> {
        let path = self.paths.get(*self.index.get(&id)?)?;
        let started = self.started.unwrap_or(since);
        let usual = nanos(self.options.interval).max(1);
        let since = nanos(since.since(started));
        // Of the round that the moment lies in, only those within, which are there because somebody hurried.
        let within = u64::from(!since.is_multiple_of(usual));
        let first = (since / usual).saturating_mul(self.fineness).saturating_add(within);
        let hop = |node: &Node, presumed| node.tally.snapshot_since(node.ttl, presumed, first);
        Some(path.report_with(&self.tree, &self.options, hop))
    }

    pub(super) const fn is_service(&self) -> bool {
        self.fineness > 1
    }

    /// How often a node is probed: as often as the hastiest path that goes there wants.
    pub(super) fn interval_of(&self, id: NodeId) -> Duration {
        let usual = self.options.interval;
        if self.hurried.is_empty() {
            return usual;
        }
        let at = usize::from(self.tree.node(id).ttl.saturating_sub(self.options.first_ttl));
        let goes_there = |path: PathIndex| self.paths[path].places.get(at).is_some_and(|place| place.node == id);
        let hurried = self.hurried.iter().filter(|(path, _)| goes_there(**path));
        hurried.map(|(_, interval)| *interval).min().unwrap_or(usual)
    }

    /// The nodes of a path have their turns earlier, where that is due.
    fn advance(&mut self, path: PathIndex) {
        let nodes: Vec<NodeId> = self.paths[path].places.iter().map(|place| place.node).collect();
        for id in nodes {
            let at = self.next_slot(id, self.now);
            let node = self.tree.node_mut(id);
            if node.has_turn && at < node.turn_at {
                node.turn_at = at;
                let generation = node.generation;
                self.push_turn(at, TurnOf::Node(id, generation));
            }
        }
    }
}
