//! Probabilities of counts under independence.

use statrs::distribution::{Binomial, DiscreteCDF};

/// How many of independent trials succeed, each with a probability of its own (Poisson-binomial), by the exact recursion over trials;
/// O(`most`) a trial. No difference of nearly equal numbers is taken, so that tiny tails keep their digits.
#[derive(Clone, Debug)]
pub(super) struct Successes {
    /// The probability of exactly `k` so far; of the last, of as many or more.
    exactly: Vec<f64>,
}

impl Successes {
    /// Before the first trial. More than `most` are not told apart.
    pub(super) fn up_to(most: usize) -> Self {
        let mut exactly = vec![0.0; most + 1];
        exactly[0] = 1.0;
        Self { exactly }
    }

    /// Adds a trial that succeeds with probability `p`.
    pub(super) fn add(&mut self, p: f64) {
        let most = self.exactly.len() - 1;
        if most == 0 {
            return;
        }
        self.exactly[most] += self.exactly[most - 1] * p;
        for k in (1..most).rev() {
            self.exactly[k] = self.exactly[k] * (1.0 - p) + self.exactly[k - 1] * p;
        }
        self.exactly[0] *= 1.0 - p;
    }

    /// The probability of the most that are told apart, or more. It only grows with each trial.
    pub(super) fn most(&self) -> f64 {
        self.exactly.last().map_or(1.0, |most| most.min(1.0))
    }

    /// The fewest that are reached with a probability of `limit` at most, and that probability; `None` where even the most are likelier.
    pub(super) fn fewest_within(&self, limit: f64) -> Option<(usize, f64)> {
        let mut found = None;
        let mut tail = 0.0;
        for (count, exactly) in self.exactly.iter().enumerate().rev() {
            tail += exactly;
            if tail > limit {
                break;
            }
            found = Some((count, tail));
        }
        found
    }
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

    fn at_least(least: usize, p: &[f64]) -> f64 {
        let mut successes = Successes::up_to(least);
        for p in p {
            successes.add(*p);
        }
        successes.most()
    }

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
                let (ours, slow) = (at_least(least, &p[..trials]), by_enumeration(least, &p[..trials]));
                assert!((ours - slow).abs() < 1e-12, "{least} of {trials}: {ours}, not {slow}");
            }
        }
    }

    #[test]
    fn the_fewest_within_a_limit_are_the_first_whose_tail_is() {
        let p = [0.5, 0.013, 0.2, 1e-6, 0.9, 0.07, 0.33];
        for limit in [0.9, 0.5, 0.1, 1e-3, 1e-9] {
            let mut successes = Successes::up_to(p.len());
            for p in p {
                successes.add(p);
            }
            let slow = (0..=p.len()).find(|least| by_enumeration(*least, &p) <= limit);
            let found = successes.fewest_within(limit);
            assert_eq!(found.map(|(count, _)| count), slow, "{limit}");
            if let Some((count, chance)) = found {
                assert!((chance - by_enumeration(count, &p)).abs() < 1e-12, "{limit}");
            }
        }
    }

    #[test]
    fn tiny_tails_keep_their_digits() {
        // All of five: the product, far below what 1 - x could tell.
        let tail = at_least(5, &[1e-5; 5]);
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
                at_least(usize::try_from(least).unwrap(), &[0.03; 11]),
            );
            assert!((ours - slow).abs() < 1e-12, "{least}: {ours}, not {slow}");
        }
    }
}
