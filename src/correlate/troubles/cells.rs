//! Counts of the last ten minutes in cells of ten seconds, by send time, and what is usual before that.
//!
//! What is usual must not learn the fault that it is to reveal: only cells that are ten minutes old become habit, and none in which the
//! series was in trouble does. Habit fades with a time constant of a day.

use std::ops::RangeInclusive;
use std::time::Duration;

use super::chance::Habit;
use crate::units::{Mono, Rtt, nanos};

/// What is judged apart: a lost probe has no RTT to be too long, and the habits of the two differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Channel {
    /// Probes that were lost.
    Loss,
    /// Probes whose RTT spiked.
    Spikes,
}

/// What is counted apart: a busy afternoon makes many probes a little too slow, a fault makes some far too slow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Hits {
    /// Probes that were lost.
    Lost,
    /// Probes whose RTT spiked.
    Slow,
    /// Those of them that exceed the baseline three times as far as is allowed.
    VerySlow,
}

impl Channel {
    /// Both.
    pub(super) const ALL: [Self; 2] = [Self::Loss, Self::Spikes];

    /// Its place in arrays.
    pub(super) const fn index(self) -> usize {
        match self {
            Self::Loss => 0,
            Self::Spikes => 1,
        }
    }
}

impl Hits {
    /// How many there are.
    pub(super) const COUNT: usize = 3;

    /// Where it is judged.
    pub(super) const fn channel(self) -> Channel {
        match self {
            Self::Lost => Channel::Loss,
            Self::Slow | Self::VerySlow => Channel::Spikes,
        }
    }

    /// Its place in arrays.
    const fn index(self) -> usize {
        match self {
            Self::Lost => 0,
            Self::Slow => 1,
            Self::VerySlow => 2,
        }
    }
}

/// How many were hit. Saturates: 65,535 probes in 10 s are far beyond any pace.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Tallied {
    /// Probes that were hit.
    pub(super) hits: u16,
    /// Those whose predecessor was not.
    pub(super) starts: u16,
    /// Tallied but for the 11th of a run and later ones: an outage is no lasting impairment.
    pub(super) counted: u16,
}

/// Ten seconds.
#[derive(Clone, Copy, Debug, Default)]
struct Cell {
    sent: u16,
    hits: [Tallied; Hits::COUNT],
    peak: Rtt,
    /// Whether the series was in trouble: no part of its habit.
    in_trouble: bool,
}

/// The counts of one series.
#[derive(Clone, Debug)]
pub(super) struct Cells {
    ring: Box<[Cell; CELLS]>,
    /// The number of the newest cell since the origin of time.
    newest: u64,
    /// The number of the oldest cell of which probes may still be out.
    complete: u64,
    /// The first cell that says anything of a present impairment, by channel: what was before the last recovery is over.
    since: [u64; 2],
    habits: [Habit; Hits::COUNT],
}

/// Probes and hits of a span.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Count {
    /// Probes.
    pub(super) sent: u64,
    /// Tallied among them.
    pub(super) hits: u64,
}

impl Cells {
    /// Of a series that is followed since `now`.
    pub(super) fn new(now: Mono) -> Self {
        Self {
            ring: Box::new([Cell::default(); CELLS]),
            newest: number(now),
            complete: number(now),
            since: [0; 2],
            habits: [Habit::default(); Hits::COUNT],
        }
    }

    /// Counts a probe that was sent then and has its outcome. Whether this completes a cell: nothing sent a timeout earlier can be out now.
    pub(super) fn count(&mut self, at: Mono, timeout: Duration) -> bool {
        self.advance(at);
        if let Some(cell) = self.cell(at) {
            cell.sent = cell.sent.saturating_add(1);
        }
        let complete = number(at.before(timeout));
        let is_news = complete > self.complete;
        self.complete = self.complete.max(complete);
        is_news
    }

    /// Counts a probe that was hit, the `run`-th in a row.
    pub(super) fn hit(&mut self, at: Mono, kind: Hits, run: u32) {
        self.advance(at);
        if let Some(cell) = self.cell(at) {
            let hits = &mut cell.hits[kind.index()];
            hits.hits = hits.hits.saturating_add(1);
            hits.starts = hits.starts.saturating_add(u16::from(run == 1));
            hits.counted = hits.counted.saturating_add(u16::from(run <= COUNTED));
        }
    }

    /// Takes note of an RTT.
    pub(super) fn replied(&mut self, at: Mono, rtt: Rtt) {
        self.advance(at);
        if let Some(cell) = self.cell(at) {
            cell.peak = cell.peak.max(rtt);
        }
    }

    /// The longest RTT of the cell of this moment.
    pub(super) fn peak(&mut self, at: Mono) -> Rtt {
        self.cell(at).map_or(Rtt::default(), |cell| cell.peak)
    }

    /// Forgets the cells from `from` to `to`.
    pub(super) fn discount(&mut self, from: Mono, to: Mono) {
        self.each(from, to, |cell| {
            *cell = Cell {
                in_trouble: cell.in_trouble,
                ..Cell::default()
            }
        });
    }

    /// What spiked from then on was no spike but another level.
    pub(super) fn forgive_spikes(&mut self, from: Mono) {
        self.each(from, END_OF_TIME, |cell| {
            for kind in [Hits::Slow, Hits::VerySlow] {
                cell.hits[kind.index()] = Tallied::default();
            }
        });
    }

    /// The series is in trouble since then: what it does is not its habit.
    pub(super) fn mark_trouble(&mut self, from: Mono) {
        self.each(from, END_OF_TIME, |cell| cell.in_trouble = true);
    }

    /// The impairment of a channel is over, by the last so many complete cells.
    pub(super) fn recovered(&mut self, cells: u64, channel: Channel) {
        self.since[channel.index()] = self.newest.saturating_sub(cells);
    }

    /// Counts of the last so many complete cells since the last recovery.
    pub(super) fn last(&self, cells: u64, kind: Hits) -> Count {
        let mut count = Count::default();
        for age in self.ages(cells, kind.channel()) {
            let cell = self.aged(age);
            count.sent += u64::from(cell.sent);
            count.hits += u64::from(cell.hits[kind.index()].counted);
        }
        count
    }

    /// The beginning of the oldest of the last so many complete cells that has hits.
    pub(super) fn first_hit(&self, cells: u64, kind: Hits) -> Option<Mono> {
        let age = self
            .ages(cells, kind.channel())
            .rev()
            .find(|age| self.aged(*age).hits[kind.index()].hits > 0)?;
        Some(Mono::from_nanos(
            self.newest.saturating_sub(age).saturating_mul(nanos(CELL)),
        ))
    }

    /// What is usual: the habit, and what is known of the last ten minutes but for the newest 20 to 30 s, which are under suspicion.
    pub(super) fn usual(&self, kind: Hits) -> Habit {
        let mut habit = self.habit(kind);
        for age in SUSPECT..CELLS_U64 {
            let cell = self.aged(age);
            if !cell.in_trouble {
                habit.add(cell.sent, cell.hits[kind.index()]);
            }
        }
        habit
    }

    /// What was usual until ten minutes ago.
    pub(super) fn habit(&self, kind: Hits) -> Habit {
        self.habits[kind.index()]
    }

    /// Makes room up to this moment.
    fn advance(&mut self, at: Mono) {
        let number = number(at);
        if number <= self.newest {
            return;
        }
        for next in self.newest + 1..=number.min(self.newest + CELLS_U64) {
            let cell = &mut self.ring[slot(next)];
            for (habit, hits) in self.habits.iter_mut().zip(cell.hits) {
                if !cell.in_trouble {
                    habit.fade();
                    habit.add(cell.sent, hits);
                }
            }
            *cell = Cell::default();
        }
        self.newest = number;
    }

    fn cell(&mut self, at: Mono) -> Option<&mut Cell> {
        let number = number(at);
        let is_kept = number <= self.newest && self.newest - number < CELLS_U64;
        is_kept.then(|| &mut self.ring[slot(number)])
    }

    fn ages(&self, cells: u64, channel: Channel) -> RangeInclusive<u64> {
        let known = self.newest.saturating_sub(self.since[channel.index()]);
        1..=cells.min(CELLS_U64 - 1).min(known)
    }

    /// The cell so many before the newest; before time began there was nothing.
    fn aged(&self, age: u64) -> Cell {
        self.newest
            .checked_sub(age)
            .map_or(Cell::default(), |number| self.ring[slot(number)])
    }

    fn each(&mut self, from: Mono, to: Mono, mut f: impl FnMut(&mut Cell)) {
        let oldest = self.newest.saturating_sub(CELLS_U64 - 1);
        for number in number(from).max(oldest)..=number(to).min(self.newest) {
            f(&mut self.ring[slot(number)]);
        }
    }
}

fn number(at: Mono) -> u64 {
    at.as_nanos() / nanos(CELL)
}

fn slot(number: u64) -> usize {
    // Less than the number of cells.
    usize::try_from(number % CELLS_U64).unwrap_or(0)
}

/// Cells per minute: the unit of what is asked for.
pub(super) const MINUTE: u64 = 6;

/// Fine enough for a fault of a minute, coarse enough for ten of them in a kilobyte or two.
const CELL: Duration = Duration::from_secs(10);

/// Ten minutes, and the cell that is being filled.
const CELLS: usize = 61;
const CELLS_U64: u64 = 61;

/// 2 s of 5 probes/s: longer runs are a matter of their own.
const COUNTED: u32 = 10;

const END_OF_TIME: Mono = Mono::from_nanos(u64::MAX);

/// The newest cells, which may hold the beginning of what is being judged.
const SUSPECT: u64 = 3;
