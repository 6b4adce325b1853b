//! How late probes left: this host's own scheduling noise, not the network's.
//!
//! Nobody needs three digits of it, so the layout is coarse and bounded: single us up to 32 us, then 16 cells per octave (a cell is at most 1/16
//! of its value wide) to 67 s, 368 cells at most. As everywhere, a quantile is the lower edge of its cell. The maximum is exact.

#[cfg(test)]
mod tests;

use std::time::Duration;

use super::quantile::rank;
use super::summary::LatenessSummary;
use crate::units::nanos;

/// A coarse distribution of send lateness. Its array reaches only as far as the largest lateness seen; empty, it owns no heap.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Lateness {
    counts: Vec<u64>,
    count: u64,
    max: Duration,
}

impl Lateness {
    /// Counts one send.
    #[inline]
    pub fn record(&mut self, late_by: Duration) {
        let cell = cell_of(late_by);
        if cell >= self.counts.len() {
            self.grow(cell + 1);
        }
        if let Some(count) = self.counts.get_mut(cell) {
            *count += 1;
        }
        self.count += 1;
        self.max = self.max.max(late_by);
    }

    /// Adds all counts of `other`.
    pub fn merge(&mut self, other: &Self) {
        self.grow(other.counts.len());
        for (count, more) in self.counts.iter_mut().zip(&other.counts) {
            *count += more;
        }
        self.count += other.count;
        self.max = self.max.max(other.max);
    }

    /// How many sends were counted.
    #[must_use]
    pub const fn count(&self) -> u64 {
        self.count
    }

    /// The lower edge of the cell that holds the value of rank `ceil(q * count)`; `None` if empty.
    #[must_use]
    pub fn quantile(&self, q: f64) -> Option<Duration> {
        let wanted = rank(q, self.count)?;
        let mut seen = 0;
        let cell = self.counts.iter().position(|n| {
            seen += n;
            seen >= wanted
        })?;
        Some(lower_edge(cell))
    }

    /// Lower edges in ns, ascending, with counts; no empty cells.
    pub fn cells(&self) -> impl Iterator<Item = (u64, u64)> {
        let cells = self.counts.iter().enumerate();
        let filled = cells.filter(|(_, count)| **count > 0);
        filled.map(|(cell, count)| (nanos(lower_edge(cell)), *count))
    }

    /// 99th percentile and maximum; `None` if nothing was sent.
    #[must_use]
    pub fn summary(&self) -> Option<LatenessSummary> {
        Some(LatenessSummary {
            p99: self.quantile(0.99)?,
            max: self.max,
        })
    }

    /// Bytes on the heap.
    #[must_use]
    pub fn heap_bytes(&self) -> usize {
        self.counts.capacity() * size_of::<u64>()
    }

    /// Makes room for `cells` cells. Happens at most once per octave, as room is made by whole octaves.
    fn grow(&mut self, cells: usize) {
        let cells = cells.next_multiple_of(OCTAVE_CELLS);
        if cells > self.counts.len() {
            self.counts.reserve_exact(cells - self.counts.len());
            self.counts.resize(cells, 0);
        }
    }
}

/// The cell of a lateness, in whole us.
#[inline]
fn cell_of(late_by: Duration) -> usize {
    let micros = u32::try_from(late_by.as_micros()).map_or(HIGHEST_MICROS, |micros| micros.min(HIGHEST_MICROS));
    let octave = (u32::BITS - micros.leading_zeros()).saturating_sub(OCTAVE_BITS + 1);
    // At most 21 * 16 + 31.
    ((octave << OCTAVE_BITS) + (micros >> octave)) as usize
}

/// The smallest lateness that a cell counts.
fn lower_edge(cell: usize) -> Duration {
    let octave = (cell / OCTAVE_CELLS).saturating_sub(1);
    let micros = (cell - octave * OCTAVE_CELLS) << octave;
    Duration::from_micros(u64::try_from(micros).unwrap_or(u64::MAX))
}

/// Binary digits of a lateness that are kept, but for the leading one.
const OCTAVE_BITS: u32 = 4;

const OCTAVE_CELLS: usize = 1 << OCTAVE_BITS;

/// 67 s. What is later than that is counted in the last cell.
const HIGHEST_MICROS: u32 = (1 << 26) - 1;
