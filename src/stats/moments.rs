//! Minimum, mean, maximum and deviations, exact in integers until the last division.
//!
//! Sums are of whole ns in 128 bits. They neither drift over days (as a running mean in floats does) nor cancel (as `E[x^2] - E[x]^2`
//! does where the deviation is small beside the mean), and two of them merge into what one would have been.

#[cfg(test)]
mod tests;

use crate::units::Rtt;

/// Count, sum and sum of squares of times.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Moments {
    count: u64,
    sum: u128,
    sum_of_squares: u128,
    range: Option<(Rtt, Rtt)>,
}

impl Moments {
    /// Adds one value.
    #[inline]
    pub fn record(&mut self, value: Rtt) {
        let nanos = u128::from(value.as_nanos());
        self.count = self.count.saturating_add(1);
        self.sum = self.sum.saturating_add(nanos);
        // The square of 64 bits fits 128. The sum of squares would need 10^16 values of a minute each to saturate.
        self.sum_of_squares = self.sum_of_squares.saturating_add(nanos * nanos);
        self.widen(value, value);
    }

    /// Adds all values of `other`.
    pub fn merge(&mut self, other: &Self) {
        self.count = self.count.saturating_add(other.count);
        self.sum = self.sum.saturating_add(other.sum);
        self.sum_of_squares = self.sum_of_squares.saturating_add(other.sum_of_squares);
        if let Some((min, max)) = other.range {
            self.widen(min, max);
        }
    }

    /// How many values were added.
    #[must_use]
    pub const fn count(&self) -> u64 {
        self.count
    }

    /// The smallest value.
    #[must_use]
    pub fn min(&self) -> Option<Rtt> {
        self.range.map(|(min, _)| min)
    }

    /// The largest value.
    #[must_use]
    pub fn max(&self) -> Option<Rtt> {
        self.range.map(|(_, max)| max)
    }

    /// The arithmetic mean in us.
    #[must_use]
    pub fn mean_us(&self) -> Option<f64> {
        let (whole, rest) = self.whole_mean()?;
        Some((float(whole) + float(rest) / float(self.count.into())) / NANOS_PER_MICRO)
    }

    /// The population standard deviation in us, which `ping` prints as `mdev`.
    #[must_use]
    pub fn mdev_us(&self) -> Option<f64> {
        self.deviation_us(self.count)
    }

    /// The sample standard deviation (`n - 1`) in us; 0 for a single value, about whose spread nothing is known.
    #[must_use]
    pub fn stddev_us(&self) -> Option<f64> {
        self.deviation_us(self.count.saturating_sub(1).max(1))
    }

    fn deviation_us(&self, divisor: u64) -> Option<f64> {
        Some((self.squared_deviations()? / float(divisor.into())).sqrt() / NANOS_PER_MICRO)
    }

    /// The sum of squared differences from the mean, in ns^2.
    ///
    /// With the mean as `m + r / n` (`m` whole, `r < n`), the squared differences from `m` sum up to `Q - m (S + r)`, and those from
    /// the mean to `r^2 / n` less. No product here exceeds `Q`, so nothing overflows that did not do so before.
    fn squared_deviations(&self) -> Option<f64> {
        let (whole, rest) = self.whole_mean()?;
        let count = u128::from(self.count);
        let from_whole = self
            .sum_of_squares
            .saturating_sub(whole.saturating_mul(self.sum.saturating_add(rest)));
        let correction = rest * rest;
        let whole_part = from_whole.saturating_sub(correction / count);
        Some((float(whole_part) - float(correction % count) / float(count)).max(0.0))
    }

    /// The mean as a whole number of ns and the rest in `1 / count` ns.
    fn whole_mean(&self) -> Option<(u128, u128)> {
        let count = u128::from(self.count);
        Some((self.sum.checked_div(count)?, self.sum.checked_rem(count)?))
    }

    #[inline]
    fn widen(&mut self, min: Rtt, max: Rtt) {
        self.range = Some(match self.range {
            None => (min, max),
            Some((low, high)) => (low.min(min), high.max(max)),
        });
    }
}

#[expect(
    clippy::cast_precision_loss,
    reason = "the exact integer is rounded once, on its way out"
)]
fn float(integer: u128) -> f64 {
    integer as f64
}

const NANOS_PER_MICRO: f64 = 1e3;
