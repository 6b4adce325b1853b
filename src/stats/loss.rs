//! Runs of lost probes.
//!
//! One probe in a hundred lost at random is a dirty link; a hundred in a row is an outage. A *loss period* (RFC 3357, section 4; the
//! *loss episode* of RFC 6534) is a maximal run of lost probes in sending order, among the probes that were sent and judged. An
//! answer of any kind ends it, also a late one or an error, for it shows that the path carried packets.
//!
//! A probe that never left this host, or that this host could not judge, is not part of the stream: it neither extends a run nor
//! ends it. It says nothing about the path, and the lost probes on both sides of it are consecutive among those that do.

#[cfg(test)]
mod tests;

/// Loss periods of one stream.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LossRuns {
    /// Lost probes before the first answer, which may continue an earlier window; all of them if there was no answer.
    leading: u64,
    /// Lost probes since the last answer; all of them if there was none.
    trailing: u64,
    longest: u64,
    periods: u64,
    lost: u64,
    answered: u64,
}

impl LossRuns {
    /// The next probe in sending order was lost.
    #[inline]
    pub fn lost(&mut self) {
        if self.trailing == 0 {
            self.periods += 1;
        }
        if self.answered == 0 {
            self.leading += 1;
        }
        self.lost += 1;
        self.trailing += 1;
        self.longest = self.longest.max(self.trailing);
    }

    /// The next probe in sending order was answered, by whatever.
    #[inline]
    pub fn answered(&mut self) {
        self.answered += 1;
        self.trailing = 0;
    }

    /// Continues with the probes of `later`, all of which were sent after these. A run over the border becomes one.
    pub fn merge(&mut self, later: &Self) {
        let joined = self.trailing + later.leading;
        let counted_twice = u64::from(self.trailing > 0 && later.leading > 0);
        *self = Self {
            leading: if self.answered == 0 { joined } else { self.leading },
            trailing: if later.answered == 0 { joined } else { later.trailing },
            longest: self.longest.max(later.longest).max(joined),
            periods: self.periods + later.periods - counted_twice,
            lost: self.lost + later.lost,
            answered: self.answered + later.answered,
        };
    }

    /// The length of the longest loss period, in probes.
    #[must_use]
    pub const fn longest(&self) -> u64 {
        self.longest
    }

    /// How many loss periods there were (RFC 3357's loss period count). Lost probes over this is the mean length.
    #[must_use]
    pub const fn periods(&self) -> u64 {
        self.periods
    }

    /// Lost probes of all periods.
    #[must_use]
    pub const fn lost_total(&self) -> u64 {
        self.lost
    }
}
