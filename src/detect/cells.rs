//! Cells of the HDR layout with 2 significant digits, 1 ns to 60 s.
//!
//! A baseline needs no third digit, and forgoing it makes it an eighth of the size. Values below 256 ns have a cell each; from there
//! on every octave has 128 cells, so a cell is at most 1/128 of its value wide and its lower edge stands for it, as everywhere.

use crate::units::Rtt;

/// One cell, by its place in ascending order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Cell(u16);

impl Cell {
    /// How many there are.
    pub(super) const COUNT: usize = 3_808;

    /// The cell that counts `value`.
    #[expect(
        clippy::cast_possible_truncation,
        reason = "60 s are in cell 3,807, and cells ascend"
    )]
    pub(super) fn of(value: Rtt) -> Self {
        let nanos = value.as_nanos().min(HIGHEST_NANOS);
        let octave = (u64::BITS - nanos.leading_zeros()).saturating_sub(OCTAVE_BITS + 1);
        Self(((u64::from(octave) << OCTAVE_BITS) + (nanos >> octave)) as u16)
    }

    /// The cell with this number; `None` beyond the last.
    pub(super) fn numbered(number: u16) -> Option<Self> {
        (usize::from(number) < Self::COUNT).then_some(Self(number))
    }

    /// Its number, from 0.
    pub(super) const fn number(self) -> u16 {
        self.0
    }

    /// The smallest value that it counts.
    pub(super) fn lower_edge(self) -> Rtt {
        let number = u64::from(self.0);
        let octave = (number >> OCTAVE_BITS).saturating_sub(1);
        Rtt::from_nanos((number - (octave << OCTAVE_BITS)) << octave)
    }
}

/// Replies per cell: a sorted list of the cells in use, 4 bytes each.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Tally {
    counts: Vec<(Cell, u16)>,
    total: u16,
}

impl Tally {
    /// Counts one reply. Beyond 65,535 replies nothing is counted any more: a minute of a flood is known well enough by its first part.
    pub(super) fn record(&mut self, cell: Cell) {
        self.add(cell, 1);
    }

    /// Counts `n` replies, as far as there is room.
    pub(super) fn add(&mut self, cell: Cell, n: u16) {
        let n = n.min(u16::MAX - self.total);
        if n == 0 {
            return;
        }
        self.total += n;
        match self.counts.binary_search_by_key(&cell, |(c, _)| *c) {
            Ok(place) => self.counts[place].1 += n,
            Err(place) => self.counts.insert(place, (cell, n)),
        }
    }

    /// Counts every reply above `highest` as one of it.
    pub(super) fn clamp(&mut self, highest: Cell) {
        let above = self.counts.partition_point(|(cell, _)| *cell <= highest);
        // They are part of the total, which 16 bits hold.
        let moved: u16 = self.counts.drain(above..).map(|(_, n)| n).sum();
        self.total -= moved;
        self.add(highest, moved);
    }

    /// How many replies were counted.
    pub(super) const fn total(&self) -> u16 {
        self.total
    }

    /// Cells with counts, ascending.
    pub(super) fn iter(&self) -> impl Iterator<Item = (Cell, u16)> {
        self.counts.iter().copied()
    }

    /// Gives back what it will not need: nothing is recorded any more.
    pub(super) fn close(&mut self) {
        self.counts.shrink_to_fit();
    }

    /// Bytes on the heap.
    pub(super) fn heap_bytes(&self) -> usize {
        self.counts.capacity() * size_of::<(Cell, u16)>()
    }
}

/// A sum over tallies. One array serves all series in turn.
#[derive(Clone, Debug)]
pub(super) struct Sum {
    counts: Vec<u32>,
    total: u64,
}

impl Sum {
    /// Of nothing.
    pub(super) fn new() -> Self {
        Self {
            counts: vec![0; Cell::COUNT],
            total: 0,
        }
    }

    /// Starts again with these tallies.
    pub(super) fn set<'a>(&mut self, tallies: impl Iterator<Item = &'a Tally>) {
        self.counts.fill(0);
        self.total = 0;
        for tally in tallies {
            for (cell, n) in tally.iter() {
                self.counts[usize::from(cell.number())] += u32::from(n);
            }
            self.total += u64::from(tally.total());
        }
    }

    /// Bytes on the heap.
    pub(super) fn heap_bytes(&self) -> usize {
        self.counts.capacity() * size_of::<u32>()
    }

    /// The lower edges of the cells that hold the values of rank `ceil(percent * count / 100)`, for ascending `percents`; `None` if empty.
    pub(super) fn percentiles<const N: usize>(&self, percents: [u64; N]) -> Option<[Rtt; N]> {
        if self.total == 0 {
            return None;
        }
        let mut cells = (0_u16..).map_while(Cell::numbered).zip(&self.counts);
        let mut seen = 0;
        let mut edge = Rtt::default();
        Some(percents.map(|percent| {
            let wanted = (percent * self.total).div_ceil(100).max(1);
            while seen < wanted
                && let Some((cell, n)) = cells.next()
            {
                seen += u64::from(*n);
                edge = cell.lower_edge();
            }
            edge
        }))
    }
}

/// The upper end of the layout. Larger values are counted in its cell.
const HIGHEST_NANOS: u64 = 60_000_000_000;

/// 128 cells in an octave: the smallest power of two that leaves 2 digits.
const OCTAVE_BITS: u32 = 7;

#[cfg(test)]
mod tests {
    use std::sync::LazyLock;

    use proptest::prelude::*;

    use super::*;

    /// The authority on the layout.
    static HDR: LazyLock<hdrhistogram::Histogram<u8>> =
        LazyLock::new(|| hdrhistogram::Histogram::new_with_bounds(1, HIGHEST_NANOS, 2).unwrap());

    #[test]
    fn every_cell_is_where_hdrhistogram_has_it() {
        let mut value = 0;
        for number in 0..u16::try_from(Cell::COUNT).unwrap() {
            let cell = Cell::numbered(number).unwrap();
            assert_eq!(cell.lower_edge().as_nanos(), value, "lower edge of cell {number}");
            let upper = HDR.highest_equivalent(value).min(HIGHEST_NANOS);
            assert_eq!(
                (Cell::of(Rtt::from_nanos(value)), Cell::of(Rtt::from_nanos(upper))),
                (cell, cell)
            );
            value = HDR.next_non_equivalent(value);
        }
        assert!(value > HIGHEST_NANOS, "the cells reach the end of the layout");
        assert_eq!(
            Cell::of(Rtt::from_nanos(u64::MAX)),
            Cell::of(Rtt::from_nanos(HIGHEST_NANOS))
        );
        assert_eq!(Cell::numbered(3_808), None);
    }

    #[test]
    fn a_tally_counts_no_more_than_16_bits_hold() {
        let mut tally = Tally::default();
        let cell = Cell::of(Rtt::from_nanos(5));
        for _ in 0..3 {
            tally.add(cell, 30_000);
        }
        assert_eq!(tally.total(), u16::MAX);
        assert_eq!(tally.iter().collect::<Vec<_>>(), [(cell, u16::MAX)]);
    }

    #[test]
    fn clamping_moves_what_is_above_and_nothing_else() {
        let [low, middle, high] = [5, 50, 200].map(|nanos| Cell::of(Rtt::from_nanos(nanos)));
        let mut tally = Tally::default();
        for (cell, n) in [(low, 3), (middle, 2), (high, 4)] {
            tally.add(cell, n);
        }
        tally.clamp(middle);
        assert_eq!(tally.iter().collect::<Vec<_>>(), [(low, 3), (middle, 6)]);
        assert_eq!(tally.total(), 9);
        tally.clamp(high);
        assert_eq!(tally.total(), 9);
    }

    proptest! {
        #[test]
        fn percentiles_equal_the_sorted_values(
            parts in prop::collection::vec(prop::collection::vec(0_u64..100_000_000, 0..300), 1..5),
        ) {
            let mut sorted: Vec<u64> = parts.concat();
            sorted.sort_unstable();
            let tallies: Vec<Tally> = parts.iter().map(|part| {
                let mut tally = Tally::default();
                for nanos in part {
                    tally.record(Cell::of(Rtt::from_nanos(*nanos)));
                }
                tally
            }).collect();
            let mut sum = Sum::new();
            sum.set(tallies.iter());
            let expected = |percent: usize| {
                let rank = (percent * sorted.len()).div_ceil(100).max(1);
                sorted.get(rank - 1).map(|v| HDR.lowest_equivalent(*v))
            };
            let found = sum.percentiles([50, 90, 99]).map(|all| all.map(Rtt::as_nanos));
            prop_assert_eq!(found.map(|f| f[0]), expected(50));
            prop_assert_eq!(found.map(|f| f[1]), expected(90));
            prop_assert_eq!(found.map(|f| f[2]), expected(99));
        }
    }
}
