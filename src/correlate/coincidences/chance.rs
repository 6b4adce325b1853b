//! Probabilities of counts under independence.

use statrs::distribution::{Binomial, DiscreteCDF};

/// The probability that at least `least` of independent trials succeed, each with a probability of its own (Poisson-binomial), by the exact
/// recursion over trials; O(trials * `least`). No difference of nearly equal numbers is taken, so that tiny tails keep their digits.
pub(super) fn at_least(least: usize, probabilities: impl IntoIterator<Item = f64>) -> f64 {
    // `reached[k]`: exactly k successes so far, the last: `least` or more.
    let mut reached = vec![0.0; least + 1];
    reached[0] = 1.0;
    for p in probabilities {
        if least > 0 {
            reached[least] += reached[least - 1] * p;
        }
        for k in (1..least).rev() {
            reached[k] = reached[k] * (1.0 - p) + reached[k - 1] * p;
        }
        if least > 0 {
            reached[0] *= 1.0 - p;
        }
    }
    reached[least].min(1.0)
}

/// The probability that at least one of `probes` probes stands out, each with probability `rate`.
pub(super) fn any_of(probes: f64, rate: f64) -> f64 {
    -(probes * (-rate.min(MOST)).ln_1p()).exp_m1()
}

/// The probability of at least `least` successes in `trials` trials of probability `p`.
pub(super) fn binomial_at_least(least: u64, trials: u64, p: f64) -> f64 {
    match (least, Binomial::new(p.clamp(0.0, 1.0), trials)) {
        (0, _) | (_, Err(_)) => 1.0,
        (_, Ok(binomial)) => binomial.sf(least - 1),
    }
}

/// A count as a factor. Exact up to 2^32, and nothing here is as many.
pub(super) fn factor(count: usize) -> f64 {
    f64::from(u32::try_from(count).unwrap_or(u32::MAX))
}

/// Short of certainty, whose logarithm is no number.
const MOST: f64 = 1.0 - 1e-9;

#[cfg(test)]
mod tests {
    use super::*;

    /// Sums the probabilities of all subsets that are large enough.
    fn by_enumeration(least: usize, p: &[f64]) -> f64 {
        (0_u32..1 << p.len())
            .filter(|set| set.count_ones() as usize >= least)
            .map(|set| {
                let of = |(i, p): (usize, &f64)| if set >> i & 1 == 1 { *p } else { 1.0 - *p };
                p.iter().enumerate().map(of).product::<f64>()
            })
            .sum()
    }

    #[test]
    fn the_recursion_agrees_with_the_sum_over_all_subsets() {
        let p = [0.5, 0.013, 0.2, 1e-6, 0.9, 0.07, 0.33, 0.0, 1.0, 0.61];
        for trials in 0..=p.len() {
            for least in 0..=trials + 1 {
                let (ours, slow) = (
                    at_least(least, p[..trials].iter().copied()),
                    by_enumeration(least, &p[..trials]),
                );
                assert!((ours - slow).abs() < 1e-12, "{least} of {trials}: {ours}, not {slow}");
            }
        }
    }

    #[test]
    fn tiny_tails_keep_their_digits() {
        // All of five: the product, far below what 1 - x could tell.
        let tail = at_least(5, [1e-5; 5]);
        assert!((tail / 1e-25 - 1.0).abs() < 1e-9, "{tail}");
    }

    #[test]
    fn any_of_some_probes_is_one_minus_none_of_them() {
        assert!((any_of(3.0, 0.1) - (1.0 - 0.9_f64.powi(3))).abs() < 1e-12);
        assert!(any_of(0.0, 0.5).abs() < 1e-12);
        assert!((any_of(2.0, 1.0) - 1.0).abs() < 1e-9);
    }

    #[test]
    fn the_binomial_tail_agrees_with_equal_trials() {
        for least in 0..=12 {
            let (ours, slow) = (
                binomial_at_least(least, 11, 0.03),
                at_least(usize::try_from(least).unwrap(), [0.03; 11]),
            );
            assert!((ours - slow).abs() < 1e-12, "{least}: {ours}, not {slow}");
        }
    }
}
