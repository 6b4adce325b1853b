//! Whether a new address at a hop is another course of the path, or one of several routers that share the packets.
//!
//! Where routers balance flow by flow, a path has one address at each hop, and another one in its place is another course. Where they
//! balance packet by packet, addresses alternate. So a newcomer first waits as a rival: if the old one answers meanwhile, both
//! are there; if only the newcomer does, long enough that a fair coin would hardly have fallen so, the course has changed.

use super::tally::{Sample, Tally};
use super::who::Who;
use crate::units::Mono;

/// Who answers a path in place of the one it knows, and what it answered.
#[derive(Clone, Debug)]
pub(super) struct Rival {
    pub(super) who: Who,
    /// When the first probe that it answered was sent.
    pub(super) since: Mono,
    pub(super) samples: Vec<Sample>,
}

impl Rival {
    pub(super) fn new(who: Who, since: Mono) -> Self {
        Self {
            who,
            since,
            samples: Vec::new(),
        }
    }

    /// Another answer of it. Returns whether it has replaced one that had answered `before` times.
    pub(super) fn prevails(&mut self, sample: Sample, before: u64) -> bool {
        self.samples.push(sample);
        let needed = TOGETHER.saturating_sub(usize::try_from(before).unwrap_or(usize::MAX));
        self.samples.len() >= needed.max(ALONE)
    }

    /// Counts what it answered.
    pub(super) fn pour_into(&self, tally: &mut Tally) {
        for sample in &self.samples {
            tally.receive(*sample);
        }
    }
}

/// A newcomer that answers less often in a row is no change.
const ALONE: usize = 3;

/// The old one's answers in a row, and then the newcomer's, that no fair coin should give: with 8, a path over two balanced routers
/// shows a false change with a probability of 3/64.
const TOGETHER: usize = 8;
