//! How many of so many, and whether that is more than usual or more than elsewhere.

use statrs::distribution::{Binomial, DiscreteCDF, Hypergeometric};

use crate::stats::Proportion;

/// So many of so many probes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Share {
    pub(super) bad: u64,
    pub(super) all: u64,
}

/// How sure it is that one share is smaller than another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cleaner {
    /// Of 50 probes or more, the interval lies below that of the other.
    Surely,
    /// Of 10 probes or more, by Fisher's exact test.
    Likely,
    /// It can't be said.
    No,
}

impl Share {
    /// A share that holds together, whatever was counted.
    pub(super) fn new(bad: u64, all: u64) -> Self {
        Self { bad: bad.min(all), all }
    }

    /// Both together.
    pub(super) fn plus(self, other: Self) -> Self {
        Self {
            bad: self.bad.saturating_add(other.bad),
            all: self.all.saturating_add(other.all),
        }
    }

    /// Whether two or more are bad, and chance does that less than once in a thousand where `usual` is normal.
    pub(super) fn exceeds(self, usual: f64) -> bool {
        let Some(before) = self.bad.checked_sub(1).filter(|before| *before > 0) else {
            return false;
        };
        let usual = if usual.is_finite() {
            usual.clamp(0.0, MOST_USUAL)
        } else {
            0.0
        };
        Binomial::new(usual, self.all).is_ok_and(|chance| chance.sf(before) < SIGNIFICANT)
    }

    /// Whether it is smaller than `other`.
    pub(super) fn cleaner_than(self, other: Self) -> Cleaner {
        let (Some(here), Some(there)) = (self.interval(), other.interval()) else {
            return Cleaner::No;
        };
        if self.all >= SURE && here.high < there.low {
            Cleaner::Surely
        } else if self.all >= FEW && other.worse_than(self) < LIKELY {
            Cleaner::Likely
        } else {
            Cleaner::No
        }
    }

    /// Whether it is less than a part of `other`, interval against interval, so many times over.
    pub(super) fn is_part_of(self, other: Self, times: f64) -> bool {
        let ends = self.interval().zip(other.interval());
        ends.is_some_and(|(here, there)| here.high * times < there.low)
    }

    /// The share with its 95 % interval; `None` without probes.
    pub(super) fn interval(self) -> Option<Proportion> {
        Proportion::wilson(self.bad, self.all)
    }

    /// The probability, were both alike, that so many of what is bad fall on this one, or more (R. A. Fisher's exact test).
    fn worse_than(self, other: Self) -> f64 {
        let (this, other) = (self.capped(), other.capped());
        let Some(before) = this.bad.checked_sub(1) else {
            return 1.0;
        };
        let both = this.plus(other);
        Hypergeometric::new(both.all, both.bad, this.all).map_or(1.0, |alike| alike.sf(before))
    }

    /// The same share of at most [`MOST`] probes.
    fn capped(self) -> Self {
        if self.all <= MOST {
            return self;
        }
        let bad = u128::from(self.bad) * u128::from(MOST) / u128::from(self.all);
        Self::new(u64::try_from(bad).unwrap_or(MOST), MOST)
    }
}

/// With fewer probes a stream contradicts nothing.
pub(super) const FEW: u64 = 10;

/// As many SYNs as "pings only" asks for.
const SURE: u64 = 50;

/// One wrong word in a thousand.
const SIGNIFICANT: f64 = 1e-3;

/// Two streams of one incident are compared once or twice.
const LIKELY: f64 = 0.05;

/// Fisher's test takes time in proportion to counts, and more than these prove nothing more.
const MOST: u64 = 10_000;

/// More than this is nobody's normal: a rate that was learned from a fault that was there from the start must not hide it.
const MOST_USUAL: f64 = 0.01;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_bad_probes_exceed_the_usual_only_among_few() {
        // P(X >= 2) of 50 at 0.001 is 0.0012, of 40 it is 0.00076 (1 - 0.999^n - 0.001 n 0.999^(n - 1)).
        assert!(Share::new(2, 40).exceeds(0.001));
        assert!(!Share::new(2, 50).exceeds(0.001));
        assert!(!Share::new(1, 1).exceeds(0.0));
    }

    #[test]
    fn a_rate_above_one_percent_is_never_taken_for_usual() {
        assert!(Share::new(15, 300).exceeds(0.05));
        assert!(Share::new(15, 300).exceeds(f64::NAN));
        assert!(!Share::new(3, 300).exceeds(0.05));
    }

    #[test]
    fn fifty_clean_probes_are_sure_and_ten_are_likely() {
        let bad = Share::new(40, 150);
        assert_eq!(Share::new(0, 50).cleaner_than(bad), Cleaner::Surely);
        assert_eq!(Share::new(0, 49).cleaner_than(bad), Cleaner::Likely);
        assert_eq!(Share::new(0, 9).cleaner_than(Share::new(9, 9)), Cleaner::No);
        assert_eq!(Share::new(3, 60).cleaner_than(Share::new(15, 300)), Cleaner::No);
        assert_eq!(Share::default().cleaner_than(bad), Cleaner::No);
    }

    #[test]
    fn fishers_test_gives_the_textbook_value() {
        // 2 of 2 against 0 of 10: one arrangement of C(12, 2) = 66.
        let p = Share::new(2, 2).worse_than(Share::new(0, 10));
        assert!((p - 1.0 / 66.0).abs() < 1e-9, "{p}");
    }
}
