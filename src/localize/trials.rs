//! Counts of what went wrong at a hop, and the test whether one hop is worse than another.

use statrs::distribution::{DiscreteCDF, Hypergeometric};

use crate::stats::Proportion;

/// Probes of a hop, and how many of them were impaired: lost, or late.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Trials {
    pub(super) impaired: u64,
    pub(super) total: u64,
}

impl Trials {
    /// Counts that hold together, whatever was handed in.
    pub(super) fn new(impaired: u64, total: u64) -> Self {
        Self {
            impaired: impaired.min(total),
            total,
        }
    }

    /// The same proportion of at most [`MOST`] probes.
    pub(super) fn capped(self) -> Self {
        if self.total <= MOST {
            return self;
        }
        let impaired = u128::from(self.impaired) * u128::from(MOST) / u128::from(self.total);
        Self {
            // A part of `MOST`, which fits.
            impaired: u64::try_from(impaired).unwrap_or(MOST),
            total: MOST,
        }
    }

    /// The same proportion of so many times as many probes.
    pub(super) fn scaled(self, times: f64) -> Self {
        Self::new(ceil(float(self.impaired) * times), ceil(float(self.total) * times))
    }

    /// The proportion with its 95 % interval; `None` without probes.
    pub(super) fn proportion(self) -> Option<Proportion> {
        Proportion::wilson(self.impaired, self.total)
    }

    /// How probable it is, were both alike, that so many of all that was impaired fall on this one of the two, or more: the
    /// one-sided exact test of R. A. Fisher. Small: this one is worse.
    pub(super) fn worse_than(self, other: Self) -> f64 {
        let (this, other) = (self.capped(), other.capped());
        let Some(before) = this.impaired.checked_sub(1) else {
            return 1.0;
        };
        let population = this.total + other.total;
        Hypergeometric::new(population, this.impaired + other.impaired, this.total)
            .map_or(1.0, |alike| alike.sf(before).clamp(0.0, 1.0))
    }

    /// The same against a path of as many probes of which none is impaired.
    pub(super) fn worse_than_none(self) -> f64 {
        self.worse_than(Self::new(0, self.total))
    }

    pub(super) fn impaired_f64(self) -> f64 {
        float(self.impaired)
    }

    pub(super) fn total_f64(self) -> f64 {
        float(self.total)
    }
}

#[expect(clippy::cast_precision_loss, reason = "counts of probes are far below 2^53")]
pub(super) fn float(count: u64) -> f64 {
    count as f64
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a count of probes: not negative, and a cast of what is too large saturates"
)]
pub(super) const fn ceil(count: f64) -> u64 {
    count.ceil() as u64
}

/// More probes than these say no more here. Real paths lose a little in more places than one, and with counts without bound any such
/// difference between two hops would pass for a fault; it also bounds the work of a test.
const MOST: u64 = 5_000;
