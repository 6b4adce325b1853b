//! A histogram and exact moments of the same values: what a distribution in a report is made of.

use super::histogram::Histogram;
use super::moments::Moments;
use super::summary::RttSummary;
use crate::units::Rtt;

/// Times of one stamp source.
#[derive(Clone, Debug, Default)]
pub struct Distribution {
    histogram: Histogram,
    moments: Moments,
}

impl Distribution {
    /// Counts one value.
    #[inline]
    pub fn record(&mut self, rtt: Rtt) {
        self.histogram.record(rtt);
        self.moments.record(rtt);
    }

    /// Adds all values of `other`, which must be of the same source.
    pub fn merge(&mut self, other: &Self) {
        self.histogram.merge(&other.histogram);
        self.moments.merge(&other.moments);
    }

    /// The counts by cell.
    #[must_use]
    pub const fn histogram(&self) -> &Histogram {
        &self.histogram
    }

    /// The exact moments.
    #[must_use]
    pub const fn moments(&self) -> &Moments {
        &self.moments
    }

    /// The figures of a report; `None` if nothing was counted.
    #[must_use]
    pub fn summary(&self) -> Option<RttSummary> {
        Some(RttSummary {
            min: self.moments.min()?,
            mean_us: self.moments.mean_us()?,
            p50: self.histogram.quantile(0.5)?,
            p90: self.histogram.quantile(0.9)?,
            p99: self.histogram.quantile(0.99)?,
            p999: self.histogram.quantile(0.999)?,
            max: self.moments.max()?,
            stddev_us: self.moments.stddev_us()?,
            mdev_us: self.moments.mdev_us()?,
        })
    }

    /// Bytes on the heap.
    #[must_use]
    pub fn heap_bytes(&self) -> usize {
        self.histogram.heap_bytes()
    }
}
