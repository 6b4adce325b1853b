//! Which probe of a series was for which hop.

use std::collections::VecDeque;

use super::budget::Account;
use super::tree::NodeId;
use crate::units::{Mono, ProbeSeq};

/// One probe.
#[derive(Clone, Copy, Debug)]
pub(super) struct Flight {
    pub(super) seq: ProbeSeq,
    pub(super) ttl: u8,
    /// The node it was sent for; `None` is the probe that asks for the distance of the target.
    pub(super) node: Option<(NodeId, u32)>,
    pub(super) round: u64,
    pub(super) sent_at: Mono,
    /// To whose expense it went.
    pub(super) account: Option<Account>,
    pub(super) stage: Stage,
}

/// How far a probe has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    /// Awaited.
    Open,
    /// Judged as lost; an answer may still come.
    Lost,
    /// Nothing can change any more.
    Closed,
}

/// The probes of a series that may still be answered, in order of sending.
#[derive(Debug, Default)]
pub(super) struct Flights {
    queue: VecDeque<Flight>,
}

impl Flights {
    /// Remembers a probe, whose number is larger than all before. Returns one that was open and is forgotten for it.
    pub(super) fn push(&mut self, flight: Flight) -> Option<Flight> {
        while self.queue.front().is_some_and(|old| old.stage == Stage::Closed) {
            self.queue.pop_front();
        }
        let forgotten = if self.queue.len() < MAX_FLIGHTS {
            None
        } else {
            self.queue.pop_front()
        };
        self.queue.push_back(flight);
        forgotten.filter(|old| old.stage == Stage::Open)
    }

    /// Nothing can change any more about a probe.
    pub(super) fn forget(&mut self, seq: ProbeSeq) {
        if let Some(flight) = self.get_mut(seq) {
            flight.stage = Stage::Closed;
        }
        while self.queue.front().is_some_and(|old| old.stage == Stage::Closed) {
            self.queue.pop_front();
        }
    }

    /// How many are remembered.
    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.queue.len()
    }

    /// Gives up all, and returns those that are awaited.
    pub(super) fn clear(&mut self) -> Vec<Flight> {
        let all = std::mem::take(&mut self.queue);
        all.into_iter().filter(|flight| flight.stage == Stage::Open).collect()
    }

    pub(super) fn get_mut(&mut self, seq: ProbeSeq) -> Option<&mut Flight> {
        let at = self.queue.binary_search_by_key(&seq, |flight| flight.seq).ok()?;
        self.queue.get_mut(at)
    }
}

/// 30 hops every 100 ms with a timeout of a second are 300 probes under way.
const MAX_FLIGHTS: usize = 512;
