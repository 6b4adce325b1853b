//! How sure a proportion is: the Wilson score interval.
//!
//! Two losses in sixty probes are no evidence against none in sixty, and no loss in sixty is no proof of less than 6 %. Every loss figure
//! therefore carries its interval. Wilson's stays within 0..=1 and is honest at 0 and at all, where the textbook interval has no width
//! (E. B. Wilson, "Probable inference, the law of succession, and statistical inference", 1927; L. D. Brown and others, "Interval
//! estimation for a binomial proportion", 2001).

#[cfg(test)]
mod tests;

use super::summary::Proportion;

impl Proportion {
    /// `successes` of `trials` with the 95 % interval; `None` without trials. More successes than trials count as all of them.
    #[must_use]
    pub fn wilson(successes: u64, trials: u64) -> Option<Self> {
        if trials == 0 {
            return None;
        }
        let successes = successes.min(trials);
        let ratio = float(successes) / float(trials);
        // By symmetry the upper end of "lost" is what the lower end of "not lost" leaves; this makes both ends exact at 0 and at all.
        let low = lower_end(successes, trials);
        let high = 1.0 - lower_end(trials - successes, trials);
        // Rounding alone could put the estimate outside.
        Some(Self {
            ratio,
            low: low.clamp(0.0, ratio),
            high: high.clamp(ratio, 1.0),
        })
    }
}

/// The smaller root of `(x - p)^2 = z^2 x (1 - x) / n`.
///
/// As the product of the roots over the larger root, which subtracts nothing and so keeps its digits where `p` is small.
fn lower_end(successes: u64, trials: u64) -> f64 {
    let p = float(successes) / float(trials);
    let spread = Z * Z / float(trials);
    let middle = p + spread / 2.0;
    let larger_root_scaled = middle + (spread * (p * (1.0 - p) + spread / 4.0)).sqrt();
    p * p / larger_root_scaled
}

#[expect(clippy::cast_precision_loss, reason = "counts of probes are far below 2^53")]
fn float(count: u64) -> f64 {
    count as f64
}

/// The 97.5th percentile of the standard normal distribution: 95 % lie within.
const Z: f64 = 1.959_963_984_540_054;
