//! Where counts live: sorted lists of the cells in use, or an array over the octaves in use.
//!
//! Both count in 32 bits and report a carry, which the owner keeps: 4 billion values in one cell are 12 hours of flood, rare enough
//! for slow storage, and too likely to be ignored.

use super::layout::{Cell, OCTAVE_CELLS};

/// Counts per cell.
#[derive(Clone, Debug)]
pub(super) enum Store {
    /// Few cells: 6 bytes each, found by binary search.
    Sparse(Sparse),
    /// Many cells: 4 bytes for each cell between the lowest and the highest octave in use.
    Dense(Dense),
}

/// Whether a 32-bit count wrapped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub(super) enum Carry {
    /// It did not.
    No,
    /// It did: 2^32 more are owed to the cell.
    Yes,
}

impl Default for Store {
    fn default() -> Self {
        Self::Sparse(Sparse::default())
    }
}

impl Store {
    /// Adds `n` to the count of `cell`. A cell that was named once stays listed, also with a count of 0.
    #[inline]
    pub(super) fn add(&mut self, cell: Cell, n: u32) -> Carry {
        match self {
            Self::Dense(dense) => dense.add(cell, n),
            Self::Sparse(sparse) => match sparse.find(cell) {
                Ok(place) => wrapping_add(&mut sparse.counts[place], n),
                Err(place) => self.add_new(place, cell, n),
            },
        }
    }

    /// Inserts `cell` into the sparse lists at `place`, and turns to an array where that has become the better form.
    #[cold]
    fn add_new(&mut self, place: usize, cell: Cell, n: u32) -> Carry {
        if let Self::Sparse(sparse) = self {
            sparse.insert(place, cell, n);
            if sparse.is_outgrown() {
                *self = Self::Dense(Dense::from_sparse(sparse));
            }
        }
        Carry::No
    }

    /// All cells that may hold a count, ascending.
    pub(super) fn iter(&self) -> impl Iterator<Item = (Cell, u32)> {
        let (sparse, dense) = match self {
            Self::Sparse(sparse) => (Some(sparse.iter()), None),
            Self::Dense(dense) => (None, Some(dense.iter())),
        };
        sparse.into_iter().flatten().chain(dense.into_iter().flatten())
    }

    /// Bytes on the heap.
    pub(super) fn heap_bytes(&self) -> usize {
        match self {
            Self::Sparse(sparse) => {
                sparse.cells.capacity() * size_of::<Cell>() + sparse.counts.capacity() * size_of::<u32>()
            }
            Self::Dense(dense) => dense.counts.capacity() * size_of::<u32>(),
        }
    }
}

/// Cells in use, ascending, and their counts at the same places.
#[derive(Clone, Debug, Default)]
pub(super) struct Sparse {
    cells: Vec<Cell>,
    counts: Vec<u32>,
}

impl Sparse {
    /// The place of `cell` in the lists, or where it belongs.
    #[inline]
    fn find(&self, cell: Cell) -> Result<usize, usize> {
        self.cells.binary_search(&cell)
    }

    fn insert(&mut self, place: usize, cell: Cell, n: u32) {
        // A vector's own doubling would let half of the memory of a quiet series lie idle.
        if self.cells.len() == self.cells.capacity() {
            let more = (self.cells.len() / 4).max(SPARSE_STEP);
            self.cells.reserve_exact(more);
            self.counts.reserve_exact(more);
        }
        self.cells.insert(place, cell);
        self.counts.insert(place, n);
    }

    /// Whether an array would be smaller, or the lists have become slow.
    fn is_outgrown(&self) -> bool {
        let (Some(lowest), Some(highest)) = (self.cells.first(), self.cells.last()) else {
            return false;
        };
        let sparse_bytes = self.cells.len() * (size_of::<Cell>() + size_of::<u32>());
        let dense_bytes = octaves(*lowest, *highest).len() * size_of::<u32>();
        dense_bytes <= sparse_bytes || self.cells.len() > SPARSE_MAX
    }

    fn iter(&self) -> impl Iterator<Item = (Cell, u32)> {
        self.cells.iter().copied().zip(self.counts.iter().copied())
    }
}

/// Counts of all cells of a range of whole octaves.
#[derive(Clone, Debug)]
pub(super) struct Dense {
    first: usize,
    counts: Vec<u32>,
}

impl Dense {
    fn from_sparse(sparse: &Sparse) -> Self {
        let mut dense = Self {
            first: sparse.cells.first().map_or(0, |cell| octaves(*cell, *cell).start),
            counts: Vec::new(),
        };
        if let (Some(lowest), Some(highest)) = (sparse.cells.first(), sparse.cells.last()) {
            dense.grow(octaves(*lowest, *highest));
        }
        for (cell, n) in sparse.iter() {
            // Each cell is listed once, so it is added to a zero and can't wrap.
            let _ = dense.add(cell, n);
        }
        dense
    }

    #[inline]
    fn add(&mut self, cell: Cell, n: u32) -> Carry {
        let place = cell.index().wrapping_sub(self.first);
        if let Some(count) = self.counts.get_mut(place) {
            return wrapping_add(count, n);
        }
        self.grow(octaves(cell, cell));
        // `grow` has just made the array span the whole octave of `cell`.
        wrapping_add(&mut self.counts[cell.index() - self.first], n)
    }

    /// Widens the array so that it spans `wanted` as well. Happens at most once per octave.
    #[cold]
    fn grow(&mut self, wanted: std::ops::Range<usize>) {
        let first = self.first.min(wanted.start);
        let end = (self.first + self.counts.len()).max(wanted.end);
        let mut counts = Vec::with_capacity(end - first);
        counts.resize(self.first - first, 0);
        counts.append(&mut self.counts);
        counts.resize(end - first, 0);
        *self = Self { first, counts };
    }

    fn iter(&self) -> impl Iterator<Item = (Cell, u32)> {
        let cells = (self.first..).map_while(Cell::at);
        cells.zip(self.counts.iter().copied())
    }
}

/// The places of the whole octaves from that of `lowest` to that of `highest`.
fn octaves(lowest: Cell, highest: Cell) -> std::ops::Range<usize> {
    let start = lowest.index() / OCTAVE_CELLS * OCTAVE_CELLS;
    let end = (highest.index() / OCTAVE_CELLS + 1) * OCTAVE_CELLS;
    start..end
}

#[inline]
fn wrapping_add(count: &mut u32, n: u32) -> Carry {
    let (sum, wrapped) = count.overflowing_add(n);
    *count = sum;
    if wrapped { Carry::Yes } else { Carry::No }
}

/// Cells in sparse form at most: 12 KiB, and a binary search of 11 steps. Beyond it an array is worth its memory.
const SPARSE_MAX: usize = 2048;

/// Cells that the lists grow by at least.
const SPARSE_STEP: usize = 16;
