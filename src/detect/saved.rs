//! What of a series outlives a restart.
//!
//! Its baseline and the bounds of its threshold, with no moments in them: the time of the restart counts as no time, so that the first
//! probe after it is judged as the last before. If the network changed meanwhile, 32 probes tell. Whoever keeps this decides
//! when it is too old to be of use.

use serde::{Deserialize, Serialize};

use super::baseline::{Baseline, PARTS};
use super::cells::{Cell, Tally};
use super::threshold::{Lows, Threshold};
use crate::units::Mono;

/// The past of a series, to be kept over a restart.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Saved {
    /// Parts of the baseline, oldest first: (cell of the 2-digit layout, replies).
    parts: Vec<Vec<(u16, u16)>>,
    /// The lowest spread of each of the last hours, the present one first, in ns.
    lows: Vec<Option<u64>>,
    /// Whether the warm-up was over.
    warm: bool,
}

impl Saved {
    /// The past as it is now.
    pub(super) fn of(baseline: &Baseline, threshold: &Threshold) -> Self {
        let cells = |part: &Tally| part.iter().map(|(cell, n)| (cell.number(), n)).collect();
        Self {
            parts: baseline.parts().map(cells).collect(),
            lows: threshold.lows().hours().collect(),
            warm: threshold.is_warm(),
        }
    }

    /// A baseline and a threshold with this past. What no detector could have saved is left out.
    pub(super) fn revive(&self, now: Mono) -> (Baseline, Threshold) {
        let tally = |cells: &Vec<(u16, u16)>| {
            let mut tally = Tally::default();
            let known = cells.iter().take(Cell::COUNT);
            for (cell, n) in known.filter_map(|(number, n)| Some((Cell::numbered(*number)?, *n))) {
                tally.add(cell, n);
            }
            tally
        };
        let newest = self.parts.len().saturating_sub(PARTS);
        let parts = self.parts[newest..].iter().map(tally).filter(|part| part.total() > 0);
        let baseline = Baseline::restored(parts, now);
        let is_warm = self.warm && baseline.replies() > 0;
        (baseline, Threshold::restored(Lows::restored(&self.lows, now), is_warm))
    }
}
