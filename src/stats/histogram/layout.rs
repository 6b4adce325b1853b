//! The cells of the HDR layout: 1 ns to 60 s, 3 significant digits.
//!
//! `hdrhistogram` is the authority for this layout; its own index function is private, so it is restated here and compared
//! with that crate over every single cell by a test. A number of 16 bits names a cell, in the order of the values, which is what makes sparse
//! storage small.
//!
//! Values below 2048 ns have a cell each (0 included: it is a value like any other). From there on, every octave has 1024 cells.

use crate::units::Rtt;

/// The upper end of the layout. Larger values are counted in its cell.
pub(super) const HIGHEST_NANOS: u64 = 60_000_000_000;

/// The lower end of the layout: 1 ns is told from 2 ns.
pub(super) const LOWEST_NANOS: u64 = 1;

/// Significant decimal digits.
pub(super) const DIGITS: u8 = 3;

/// Cells in an octave: the power of two that leaves 3 digits (one cell is at most 1/1024 of its value wide).
pub(super) const OCTAVE_CELLS: usize = 1 << OCTAVE_BITS;

const OCTAVE_BITS: u32 = 10;

/// One cell of the layout, by its place in ascending order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Cell(u16);

impl Cell {
    /// The cell that counts `value`.
    #[inline]
    #[expect(
        clippy::cast_possible_truncation,
        reason = "60 s are in cell 27,388, and cells ascend with values"
    )]
    pub(super) fn of(value: Rtt) -> Self {
        let nanos = value.as_nanos().min(HIGHEST_NANOS);
        let bits = u64::BITS - nanos.leading_zeros();
        let octave = bits.saturating_sub(OCTAVE_BITS + 1);
        Self(((u64::from(octave) << OCTAVE_BITS) + (nanos >> octave)) as u16)
    }

    /// The smallest value that the cell counts, in ns.
    pub(super) fn lower_edge(self) -> u64 {
        let number = u64::from(self.0);
        let octave = (number >> OCTAVE_BITS).saturating_sub(1);
        (number - (octave << OCTAVE_BITS)) << octave
    }

    /// The place in an array of all cells.
    #[inline]
    pub(super) fn index(self) -> usize {
        usize::from(self.0)
    }

    /// The cell at a place in an array of all cells; `None` beyond what 16 bits name.
    pub(super) fn at(index: usize) -> Option<Self> {
        u16::try_from(index).ok().map(Self)
    }
}
