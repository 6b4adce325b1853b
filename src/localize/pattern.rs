//! What the order of rounds tells beyond counts.
//!
//! A limiter whose rate happens to equal the loss behind it can't be told from that loss by counts. Two patterns can tell them apart, each
//! given as the logarithm of how much better it explains the rounds than drops in random order, with the same number of drops:
//!
//! - **Regular**: a token bucket drops at even distances. Distances of random drops are geometric; those of a limiter are taken
//!   for gamma distributed with a shape of 8 (a coefficient of variation of 0.35).
//! - **Together**: real loss that comes in bursts hits, in the same round, all hops behind the fault, the target included. Of all rounds that
//!   the hop lost, as many as were lost at the target, too, may be anything; were they independent, that number would be hypergeometric.

use statrs::distribution::{Discrete, Hypergeometric};
use statrs::function::gamma::ln_gamma;

use super::trials::float;

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

/// Logarithm of the odds that rounds are impaired at two hops together, against independence.
pub(super) fn together(hop: &[Mark], target: &[Mark]) -> f64 {
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
    let least = (at_hop + at_target).saturating_sub(rounds);
    let possible = at_hop.min(at_target) - least + 1;
    let independent = Hypergeometric::new(rounds, at_target, at_hop).map_or(0.0, |pairs| pairs.ln_pmf(both));
    if possible == 1 || !independent.is_finite() {
        return 0.0;
    }
    -float(possible).ln() - independent
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
