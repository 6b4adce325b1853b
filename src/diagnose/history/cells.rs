//! Counts of outcomes by send time: the last minute in cells of 1 s, the last ten in cells of 15 s.
//!
//! A burst of 700 ms needs the fine cells, a loss of 3 % the coarse ones. Both are counted all the time, so that nothing has to be moved.

use std::collections::VecDeque;
use std::time::Duration;

use crate::units::{Mono, nanos};

/// Counts over ten minutes.
#[derive(Clone, Debug)]
pub(crate) struct Cells {
    fine: Ring,
    coarse: Ring,
}

/// What was counted in a span of time. Saturates: 65,535 probes in 15 s are far beyond any pace.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    /// Probes that left.
    pub(crate) sent: u16,
    /// Replies in time.
    pub(crate) replied: u16,
    /// Not answered in time.
    pub(crate) lost: u16,
    /// Replies above the threshold.
    pub(crate) slow: u16,
    /// RSTs.
    pub(crate) refused: u16,
    /// ICMP errors.
    pub(crate) unreachable: u16,
    /// Replies as late as if something had been sent again.
    pub(crate) resent: u8,
    /// Whether these probes are part of a fault, so that nothing is learned from them.
    pub(crate) troubled: bool,
    /// The longest RTT, us.
    pub(crate) peak_micros: u32,
}

/// The same over any span.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Totals {
    pub(crate) sent: u64,
    pub(crate) replied: u64,
    pub(crate) lost: u64,
    pub(crate) slow: u64,
    pub(crate) refused: u64,
    pub(crate) unreachable: u64,
    pub(crate) resent: u64,
    pub(crate) peak_micros: u64,
}

impl Default for Cells {
    fn default() -> Self {
        Self {
            fine: Ring::new(FINE, FINE_CELLS),
            coarse: Ring::new(COARSE, COARSE_CELLS),
        }
    }
}

impl Cells {
    /// Counts something of a probe sent at `at`. Says which coarse cell gave way to it, if one did.
    pub(crate) fn count(&mut self, at: Mono, change: impl Fn(&mut Counts)) -> Option<Counts> {
        if let (Some(cell), _) = self.fine.cell(at) {
            change(cell);
        }
        let (cell, ripe) = self.coarse.cell(at);
        if let Some(cell) = cell {
            change(cell);
        }
        ripe
    }

    /// Changes all cells of probes sent from `from` to `to`.
    pub(crate) fn change(&mut self, from: Mono, to: Mono, change: impl Fn(&mut Counts)) {
        self.fine.range_mut(from, to).for_each(&change);
        self.coarse.range_mut(from, to).for_each(&change);
    }

    /// What was counted from `from` to `to`, rounded outwards to whole cells.
    pub(crate) fn totals(&self, from: Mono, to: Mono) -> Totals {
        let ring = if self.fine.reaches(from) {
            &self.fine
        } else {
            &self.coarse
        };
        ring.range(from, to).fold(Totals::default(), Totals::with)
    }
}

impl Totals {
    fn with(self, cell: &Counts) -> Self {
        Self {
            sent: self.sent + u64::from(cell.sent),
            replied: self.replied + u64::from(cell.replied),
            lost: self.lost + u64::from(cell.lost),
            slow: self.slow + u64::from(cell.slow),
            refused: self.refused + u64::from(cell.refused),
            unreachable: self.unreachable + u64::from(cell.unreachable),
            resent: self.resent + u64::from(cell.resent),
            peak_micros: self.peak_micros.max(u64::from(cell.peak_micros)),
        }
    }
}

/// Cells of one width, the newest last.
#[derive(Clone, Debug)]
struct Ring {
    width: u64,
    most: usize,
    cells: VecDeque<Counts>,
    /// The number of the first cell, from the origin of time.
    first: u64,
}

impl Ring {
    fn new(width: Duration, most: usize) -> Self {
        Self {
            width: nanos(width),
            most,
            cells: VecDeque::with_capacity(most),
            first: 0,
        }
    }

    /// The cell of `at`, unless that is too old, and one that had to give way and held something.
    fn cell(&mut self, at: Mono) -> (Option<&mut Counts>, Option<Counts>) {
        let number = at.as_nanos() / self.width;
        if self.cells.is_empty() {
            self.first = number;
        }
        let mut ripe = None;
        if number >= self.first.saturating_add(2 * length(self.most)) {
            ripe = self.cells.back().copied();
            self.cells.clear();
            self.first = number;
        }
        while number >= self.first + length(self.cells.len()) {
            if self.cells.len() == self.most {
                ripe = self.cells.pop_front().filter(|cell| cell.sent > 0).or(ripe);
                self.first += 1;
            }
            self.cells.push_back(Counts::default());
        }
        (self.at(number).and_then(|at| self.cells.get_mut(at)), ripe)
    }

    fn at(&self, number: u64) -> Option<usize> {
        usize::try_from(number.checked_sub(self.first)?).ok()
    }

    /// Whether everything since `from` is still there.
    fn reaches(&self, from: Mono) -> bool {
        self.cells.len() < self.most || from.as_nanos() / self.width >= self.first
    }

    fn indices(&self, from: Mono, to: Mono) -> (usize, usize) {
        let begin = self.at(from.as_nanos() / self.width).unwrap_or(0);
        let end = self
            .at(to.as_nanos() / self.width)
            .map_or(0, |last| last.saturating_add(1));
        (begin, end.saturating_sub(begin))
    }

    fn range(&self, from: Mono, to: Mono) -> impl Iterator<Item = &Counts> {
        let (begin, count) = self.indices(from, to);
        self.cells.iter().skip(begin).take(count)
    }

    fn range_mut(&mut self, from: Mono, to: Mono) -> impl Iterator<Item = &mut Counts> {
        let (begin, count) = self.indices(from, to);
        self.cells.iter_mut().skip(begin).take(count)
    }
}

fn length(cells: usize) -> u64 {
    u64::try_from(cells).unwrap_or(u64::MAX / 4)
}

/// As short as bursts are that coincidences are made of.
const FINE: Duration = Duration::from_secs(1);
const FINE_CELLS: usize = 60;

/// Ten minutes in 800 bytes.
const COARSE: Duration = Duration::from_secs(15);
const COARSE_CELLS: usize = 40;

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ms: u64) -> Mono {
        Mono::from_nanos(ms * 1_000_000)
    }

    fn sent(cells: &mut Cells, ms: u64) {
        cells.count(at(ms), |cell| cell.sent += 1);
    }

    #[test]
    fn a_span_of_the_last_minute_is_counted_by_the_second() {
        let mut cells = Cells::default();
        (0..300).for_each(|n| sent(&mut cells, n * 200));
        // 5 probes/s; the span touches the seconds 30, 31 and 32.
        assert_eq!(cells.totals(at(30_500), at(32_100)).sent, 15);
    }

    #[test]
    fn an_older_span_is_counted_by_15_s_and_what_is_older_than_ten_minutes_is_gone() {
        let mut cells = Cells::default();
        (0..1_000).for_each(|n| sent(&mut cells, n * 1_000));
        // The seconds 765 to 779.
        assert_eq!(cells.totals(at(770_000), at(771_000)).sent, 15);
        assert_eq!(
            cells.totals(at(0), at(2_000_000)).sent,
            595,
            "39 full cells and the one from 990 s on"
        );
        assert_eq!(cells.totals(at(0), at(10_000)).sent, 0);
    }

    #[test]
    fn a_long_silence_and_stragglers_leave_no_wrong_counts() {
        let mut cells = Cells::default();
        sent(&mut cells, 0);
        sent(&mut cells, u64::MAX / 2_000_000);
        sent(&mut cells, 5);
        assert_eq!(cells.totals(at(0), at(1_000)).sent, 0);
        assert_eq!(cells.totals(at(0), Mono::from_nanos(u64::MAX)).sent, 1);
    }

    #[test]
    fn a_cell_that_gives_way_is_handed_out_once() {
        let mut cells = Cells::default();
        let ripe = (0..1_000_u64).filter_map(|s| cells.count(at(s * 1_000), |cell| cell.sent += 1));
        let ripe: Vec<u16> = ripe.map(|cell| cell.sent).collect();
        // 67 cells of 15 s were begun, of which 40 are still there.
        assert_eq!(ripe, vec![15; 27]);
    }
}
