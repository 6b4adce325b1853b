//! What share of losses and spikes is usual for a series: an average over about 24 hours, of times without trouble.
//!
//! It is compared with what happens now, so it must not learn what happens now: counts arrive ten minutes late, and those that a fault had
//! a part in, never.

use super::cells::Counts;

/// Shares that are usual.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Usual {
    probes: f64,
    lost: f64,
    slow: f64,
}

impl Usual {
    /// Learns from 15 s of probes.
    pub(super) fn learn(&mut self, counts: &Counts) {
        if counts.troubled {
            return;
        }
        let add = |sum: f64, count: u16| sum * KEPT + f64::from(count);
        self.probes = add(self.probes, counts.sent);
        self.lost = add(self.lost, counts.lost);
        self.slow = add(self.slow, counts.slow);
    }

    /// The share of losses.
    pub(super) fn loss(&self) -> f64 {
        self.share(self.lost)
    }

    /// The share of spikes.
    pub(super) fn slow(&self) -> f64 {
        self.share(self.slow)
    }

    fn share(&self, count: f64) -> f64 {
        ((count + PRIOR * PRIOR_PROBES) / (self.probes + PRIOR_PROBES)).clamp(0.0, 1.0)
    }
}

/// Kept of each cell of 15 s when the next one comes: 1 / e after 24 hours, 5,760 cells.
const KEPT: f64 = 1.0 - 1.0 / 5_760.0;

/// What is taken to be usual while little is known, as if 1,000 probes had shown it: 1 in 1,000.
const PRIOR: f64 = 0.001;
const PRIOR_PROBES: f64 = 1_000.0;

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(lost: u16, troubled: bool) -> Counts {
        Counts {
            sent: 75,
            lost,
            troubled,
            ..Counts::default()
        }
    }

    #[test]
    fn the_usual_share_is_learned_over_hours() {
        let mut usual = Usual::default();
        assert!((usual.loss() - 0.001).abs() < 1e-9);
        (0..5_760).for_each(|_| usual.learn(&counts(3, false)));
        // 3 of 75 = 4 %, and 0.4 % of the weight is the prior's.
        assert!((0.0395..0.0400).contains(&usual.loss()), "{}", usual.loss());
    }

    #[test]
    fn nothing_is_learned_from_a_fault() {
        let mut usual = Usual::default();
        (0..100).for_each(|_| usual.learn(&counts(75, true)));
        assert!((usual.loss() - 0.001).abs() < 1e-9);
    }
}
