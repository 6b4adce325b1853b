//! A distribution of times that loses nothing: an HDR histogram that is small while its series is quiet.
//!
//! The layout is that of `hdrhistogram` with 1 ns to 60 s and 3 significant digits, the same everywhere, so histograms of windows,
//! targets and vantages merge exactly. A value is known by the **lower edge** of its cell, which is at most 1/1024 below it; quantiles
//! and [`Histogram::cells`] give lower edges. Every value is counted: 0 in a cell of its own, and what exceeds 60 s in the cell of 60 s.
//! Count, minimum and maximum are exact (the maximum also above 60 s).
//!
//! A full array of this layout is 108 KiB; the RTTs of a quiet series fill a few hundred cells. Counts are therefore held as a sorted list of
//! 6 bytes per cell, and as an array over the octaves in use once that is the smaller or the list has become slow. Recording into
//! a known cell allocates nothing in either form.

mod layout;
mod store;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use self::layout::{Cell, DIGITS, HIGHEST_NANOS, LOWEST_NANOS};
use self::store::{Carry, Store};
use super::quantile::rank;
use crate::units::Rtt;

/// Counts of times in HDR cells. Empty, it owns no heap.
#[derive(Clone, Debug, Default)]
pub struct Histogram {
    store: Store,
    /// Multiples of 2^32 that the 32-bit counts of `store` could not hold.
    carries: BTreeMap<Cell, u32>,
    count: u64,
    range: Option<Range>,
}

/// The exact ends of what was recorded.
#[derive(Clone, Copy, Debug)]
struct Range {
    min: Rtt,
    max: Rtt,
}

impl Histogram {
    /// An empty histogram.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Counts `value`.
    #[inline]
    pub fn record(&mut self, value: Rtt) {
        let cell = Cell::of(value);
        if self.store.add(cell, 1) == Carry::Yes {
            self.carry(cell, 1);
        }
        self.widen(value, value);
        self.count = self.count.saturating_add(1);
    }

    /// Counts `value` `n` times, as from a cell of another histogram.
    pub fn record_n(&mut self, value: Rtt, n: u64) {
        if n > 0 {
            self.add(Cell::of(value), n);
            self.widen(value, value);
            self.count = self.count.saturating_add(n);
        }
    }

    /// Adds all counts of `other`: the result is what recording both in one would have given.
    pub fn merge(&mut self, other: &Self) {
        for (cell, n) in other.counts() {
            self.add(cell, n);
        }
        if let Some(Range { min, max }) = other.range {
            self.widen(min, max);
        }
        self.count = self.count.saturating_add(other.count);
    }

    /// How many values were recorded.
    #[must_use]
    pub const fn count(&self) -> u64 {
        self.count
    }

    /// Whether nothing was recorded.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// The smallest value, exactly.
    #[must_use]
    pub fn min(&self) -> Option<Rtt> {
        self.range.map(|range| range.min)
    }

    /// The largest value, exactly, also above 60 s.
    #[must_use]
    pub fn max(&self) -> Option<Rtt> {
        self.range.map(|range| range.max)
    }

    /// The lower edge of the cell that holds the value of rank `ceil(q * count)`; `None` if empty. `q` is clamped to 0..=1.
    #[must_use]
    pub fn quantile(&self, q: f64) -> Option<Rtt> {
        let wanted = rank(q, self.count)?;
        let mut seen = 0_u64;
        self.cells().find_map(|(edge, n)| {
            seen = seen.saturating_add(n);
            (seen >= wanted).then(|| Rtt::from_nanos(edge))
        })
    }

    /// Cells with counts: (lower edge in ns, count), ascending.
    pub fn cells(&self) -> impl Iterator<Item = (u64, u64)> {
        self.counts().map(|(cell, n)| (cell.lower_edge(), n))
    }

    /// The same counts as a histogram of the `hdrhistogram` crate, for its log format.
    ///
    /// Minimum and maximum of the result are edges of cells, as in every HDR histogram that was read back.
    #[must_use]
    pub fn to_hdr(&self) -> hdrhistogram::Histogram<u64> {
        let mut hdr = empty_hdr();
        for (edge, n) in self.cells() {
            hdr.saturating_record_n(edge, n);
        }
        hdr
    }

    /// Bytes on the heap, up to the overhead of allocations.
    #[must_use]
    pub fn heap_bytes(&self) -> usize {
        self.store.heap_bytes() + self.carries.len() * size_of::<(Cell, u32)>()
    }

    fn add(&mut self, cell: Cell, n: u64) {
        let (high, low) = split(n);
        let carry = match self.store.add(cell, low) {
            Carry::No => 0,
            Carry::Yes => 1,
        };
        if high > 0 || carry > 0 {
            self.carry(cell, high.saturating_add(carry));
        }
    }

    #[cold]
    fn carry(&mut self, cell: Cell, multiples: u32) {
        let owed = self.carries.entry(cell).or_insert(0);
        *owed = owed.saturating_add(multiples);
    }

    #[inline]
    fn widen(&mut self, min: Rtt, max: Rtt) {
        self.range = Some(match self.range {
            None => Range { min, max },
            Some(range) => Range {
                min: range.min.min(min),
                max: range.max.max(max),
            },
        });
    }

    /// Cells with their full counts, ascending, without empty ones.
    fn counts(&self) -> impl Iterator<Item = (Cell, u64)> {
        let full = self.store.iter().map(|(cell, low)| {
            let high = self.carries.get(&cell).copied().unwrap_or(0);
            (cell, (u64::from(high) << u32::BITS) + u64::from(low))
        });
        full.filter(|(_, n)| *n > 0)
    }
}

/// The upper and the lower 32 bits.
#[expect(clippy::cast_possible_truncation, reason = "the halves are what is wanted")]
const fn split(n: u64) -> (u32, u32) {
    ((n >> u32::BITS) as u32, n as u32)
}

/// A histogram of the `hdrhistogram` crate with the cells of ours.
pub(super) fn empty_hdr() -> hdrhistogram::Histogram<u64> {
    let hdr = hdrhistogram::Histogram::new_with_bounds(LOWEST_NANOS, HIGHEST_NANOS, DIGITS);
    // These are constants that satisfy what the constructor asks: low >= 1, high >= 2 low, digits <= 5.
    hdr.expect("the bounds of the layout are valid")
}
