//! A level that moved: another route, a rerouted circuit, a queue that stays full.
//!
//! Replies that lie beside the baseline are spikes only as long as others lie within. When all but one of the last 32 lie more than
//! the shift distance above the median (their 5th percentile does), or all but one below (their 95th), the level has moved. 31 probes
//! are 6 s of 5 probes/s: a burst of congestion is shorter, or deserves the name.

use super::threshold::Level;
use crate::units::{Mono, Rtt};

/// The last 32 replies.
#[derive(Clone, Debug, Default)]
pub(super) struct Recent {
    replies: [(Mono, Rtt); RECENT],
    len: usize,
    /// Where the next one goes: the place of the oldest, once all places are taken.
    next: usize,
}

/// A level shift, and the replies that prove it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Shift {
    /// Send time of the first of the replies beside the old level.
    pub(super) at: Mono,
    /// Their median.
    pub(super) to: Rtt,
    /// RTTs of the new level, in sending order.
    pub(super) replies: Vec<Rtt>,
}

impl Recent {
    /// Takes note of a reply, and says whether the level has moved.
    pub(super) fn push(&mut self, at: Mono, rtt: Rtt, level: Option<Level>) -> Option<Shift> {
        self.replies[self.next] = (at, rtt);
        self.next = (self.next + 1) % RECENT;
        self.len = (self.len + 1).min(RECENT);
        let level = level.filter(|_| self.len == RECENT)?;
        let (median, distance) = (level.baseline.as_nanos(), level.shift.as_nanos());
        let is_above = |rtt: Rtt| rtt.as_nanos() > median.saturating_add(distance);
        let is_below = |rtt: Rtt| rtt.as_nanos() < median.saturating_sub(distance);
        // A reply within the band can't complete a shift, which spares most of them the count.
        if is_above(rtt) {
            self.shifted(is_above)
        } else if is_below(rtt) {
            self.shifted(is_below)
        } else {
            None
        }
    }

    /// Forgets all: the level is another.
    pub(super) fn clear(&mut self) {
        self.len = 0;
        self.next = 0;
    }

    fn shifted(&self, is_beside: impl Fn(Rtt) -> bool) -> Option<Shift> {
        let (newer, older) = self.replies.split_at(self.next);
        let beside = || older.iter().chain(newer).filter(|(_, rtt)| is_beside(*rtt));
        if beside().count() < RECENT - OUTLIERS {
            return None;
        }
        let replies: Vec<Rtt> = beside().map(|(_, rtt)| *rtt).collect();
        let mut sorted = replies.clone();
        sorted.sort_unstable();
        Some(Shift {
            at: beside().next()?.0,
            to: sorted[sorted.len().div_ceil(2) - 1],
            replies,
        })
    }
}

/// Enough for a median, and 6 s of 5 probes/s.
const RECENT: usize = 32;

/// The 5th percentile of 32 is the second smallest.
const OUTLIERS: usize = 1;

#[cfg(test)]
mod tests {
    use super::*;

    const LEVEL: Level = Level {
        baseline: Rtt::from_nanos(1_000),
        threshold: Rtt::from_nanos(1_500),
        shift: Rtt::from_nanos(100),
    };

    fn shifts(rtts: impl Iterator<Item = u64>) -> Vec<(usize, Shift)> {
        let mut recent = Recent::default();
        rtts.enumerate()
            .filter_map(|(i, rtt)| {
                let at = Mono::from_nanos(u64::try_from(i).unwrap());
                Some((i, recent.push(at, Rtt::from_nanos(rtt), Some(LEVEL))?))
            })
            .collect()
    }

    #[test]
    fn a_shift_is_seen_at_the_31st_reply_beside_the_level_and_dated_to_the_first() {
        for to in [1_101, 899] {
            let rtts = (0..60).map(|i| if i < 50 { 1_000 } else { to });
            assert_eq!(shifts(rtts), [], "10 replies are none");
            let found = shifts((0..81).map(|i| if i < 50 { 1_000 } else { to }));
            assert_eq!(found.len(), 1);
            let (i, shift) = &found[0];
            assert_eq!(
                (*i, shift.at, shift.to),
                (80, Mono::from_nanos(50), Rtt::from_nanos(to))
            );
            assert_eq!(shift.replies.len(), 31);
        }
    }

    #[test]
    fn replies_at_the_edge_of_the_band_or_on_both_sides_of_it_are_no_shift() {
        assert_eq!(shifts((0..200).map(|i| if i % 2 == 0 { 900 } else { 1_100 })), []);
        assert_eq!(shifts((0..200).map(|i| if i % 2 == 0 { 500 } else { 5_000 })), []);
        assert_eq!(
            shifts((0..200).map(|i| if i % 16 == 0 { 1_000 } else { 5_000 })),
            [],
            "two of 32 stay"
        );
    }
}
