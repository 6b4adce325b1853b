//! How much better what was counted is explained if a part of the network hits a further share of the probes that use it.

use super::Unit;

/// What was counted of a unit, and what is usual or explained already.
#[derive(Clone, Copy, Debug)]
pub(super) struct Counts {
    hit: f64,
    missed: f64,
    /// The share of hits that needs no further explanation.
    usual: f64,
}

impl Counts {
    /// Of a unit.
    pub(super) fn of(unit: &Unit) -> Self {
        let hit = unit.hit.min(unit.sent);
        Self {
            hit: float(hit),
            missed: float(unit.sent - hit),
            usual: if unit.usual.is_nan() {
                LEAST_USUAL
            } else {
                unit.usual.clamp(LEAST_USUAL, MOST_USUAL)
            },
        }
    }

    /// The log of the likelihood ratio of this further share to none.
    fn gain(self, further: f64) -> f64 {
        let share = self.usual + further * (1.0 - self.usual);
        self.hit * (share / self.usual).ln() + self.missed * ((1.0 - share) / (1.0 - self.usual)).ln()
    }
}

/// The log of the likelihood ratio of the best further share. Each unit comes with the probability that it uses the part at all.
pub(super) fn ratio(units: &[(usize, f64)], counts: &[Counts]) -> f64 {
    let total = |further: f64| -> f64 {
        units
            .iter()
            .map(|(unit, weight)| counts[*unit].gain(further * weight))
            .sum()
    };
    SHARES.into_iter().map(total).fold(0.0, f64::max)
}

/// Takes the hits of these units as explained.
pub(super) fn explain(units: &[(usize, f64)], counts: &mut [Counts]) {
    let (mut hit, mut sent) = (0.0, 0.0);
    for (unit, weight) in units {
        hit += weight * counts[*unit].hit;
        sent += weight * (counts[*unit].hit + counts[*unit].missed);
    }
    let Some(share) = (sent > 0.0).then(|| (hit / sent).min(MOST_USUAL)) else {
        return;
    };
    for (unit, weight) in units {
        let usual = &mut counts[*unit].usual;
        *usual = usual.max(weight * share);
    }
}

#[expect(clippy::cast_precision_loss, reason = "counts of probes are far below 2^53")]
fn float(count: u64) -> f64 {
    count as f64
}

/// What a part may do to probes: close enough that the best of them is hardly worse than the best of all.
const SHARES: [f64; 8] = [0.02, 0.05, 0.1, 0.2, 0.35, 0.5, 0.75, 0.95];

/// Nothing is so reliable that a hit would be impossible.
const LEAST_USUAL: f64 = 1e-3;

/// Likewise a reply.
const MOST_USUAL: f64 = 0.98;
