//! What the order of rounds tells beyond counts.
//!
//! A limiter whose rate happens to equal the loss behind it can't be told from that loss by counts. Two patterns can tell them apart, each
//! compared with drops in random order, with the same number of drops:
//!
//! - **Regular**: a token bucket drops at even distances. Distances of random drops are geometric; those of a limiter are taken
//!   for gamma distributed with a shape of 8 (a coefficient of variation of 0.35).
//! - **Together**: real loss that comes in bursts hits, in the same round, all hops behind the fault, the target included. Of the rounds that
//!   the target lost, each of these hops lost the same share; at a hop that is independent of the target, their number is hypergeometric.

use statrs::distribution::{Discrete, Hypergeometric};
use statrs::function::factorial::ln_binomial;
use statrs::function::gamma::ln_gamma;

use super::trials::{Trials, float};

/// How one round went at one hop: impaired or not.
pub(super) type Mark = (u64, bool);

/// Logarithm of the odds that impaired rounds keep an even distance, against random order. The rarer outcome counts: of a limiter that
/// drops most, the passes are even.
pub(super) fn regular(marks: &[Mark]) -> f64 {
    let impaired = marks.iter().filter(|(_, bad)| *bad).count();
    let rarer = impaired * 2 <= marks.len();
    let mut gaps = Gaps::default();
    for (at, _) in marks.iter().enumerate().filter(|(_, (_, bad))| *bad == rarer) {
        gaps.add(at);
    }
    gaps.log_odds()
}

/// Rounds in which a hop and the target were impaired together.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Together {
    /// Of the rounds that were impaired at the target, those that were impaired at the hop, too.
    pub(super) rounds: Trials,
    /// Logarithm of how probable each choice of so many of them is, were the two independent.
    pub(super) ln_independent: f64,
}

impl Together {
    /// Counts the rounds that are remembered of both; each list ascends.
    pub(super) fn count(hop: &[Mark], target: &[Mark]) -> Self {
        let (mut both, mut at_hop, mut at_target, mut rounds) = (0_u64, 0_u64, 0_u64, 0_u64);
        let mut theirs = target.iter().peekable();
        for (round, bad) in hop {
            while theirs.next_if(|(other, _)| other < round).is_some() {}
            if let Some((_, bad_there)) = theirs.next_if(|(other, _)| other == round) {
                rounds += 1;
                at_hop += u64::from(*bad);
                at_target += u64::from(*bad_there);
                both += u64::from(*bad && *bad_there);
            }
        }
        let independent = Hypergeometric::new(rounds, at_target, at_hop).map(|pairs| pairs.ln_pmf(both));
        match independent {
            Ok(ln_independent) if ln_independent.is_finite() => Self {
                rounds: Trials::new(both, at_target),
                ln_independent: ln_independent - ln_binomial(at_target, both),
            },
            _ => Self::default(),
        }
    }
}

/// Distances between events.
#[derive(Debug, Default)]
struct Gaps {
    last: Option<usize>,
    count: u64,
    sum: u64,
    lengths: Vec<f64>,
}

impl Gaps {
    fn add(&mut self, at: usize) {
        if let Some(gap) = self.last.and_then(|last| u64::try_from(at - last).ok()) {
            self.count += 1;
            self.sum += gap;
            self.lengths.push(float(gap));
        }
        self.last = Some(at);
    }

    fn log_odds(&self) -> f64 {
        if self.count < FEWEST_GAPS || self.sum <= self.count {
            return 0.0;
        }
        let chance = float(self.count) / float(self.sum);
        let constant = SHAPE * (SHAPE * chance).ln() - ln_gamma(SHAPE);
        let odds = |gap: &f64| {
            let even = constant + (SHAPE - 1.0) * gap.ln() - SHAPE * chance * gap;
            let random = chance.ln() + (gap - 1.0) * (-chance).ln_1p();
            even - random
        };
        self.lengths.iter().map(odds).sum()
    }
}

/// Fewer distances are no pattern.
const FEWEST_GAPS: u64 = 6;

/// How even distances of a limiter are: 8 leaves room for a bucket that also serves others.
const SHAPE: f64 = 8.0;
