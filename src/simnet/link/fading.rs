//! Loss in bursts, after Gilbert (1960) and Elliott (1963): a good state, a bad one, and a chain that moves between them packet by packet.
//!
//! The chain takes its step first, then the packet meets the new state. So a bad spell is `1 / end` packets long in the mean,
//! geometrically distributed from 1; over all, `start / (start + end)` of the packets meet the bad state, and it takes `loss` of those.

use crate::simnet::random::{Stream, chance};
use crate::simnet::topology::Bursts;

/// The chain, which begins in the good state.
#[derive(Debug)]
pub(super) struct Fading {
    bursts: Option<Bursts>,
    bad: bool,
}

impl Fading {
    /// A link in its good state.
    pub(super) fn new(bursts: Option<Bursts>) -> Self {
        Self { bursts, bad: false }
    }

    /// Other probabilities from now on. A link that has no bursts any more is good again.
    pub(super) fn reconfigure(&mut self, bursts: Option<Bursts>) {
        self.bursts = bursts;
        self.bad &= bursts.is_some();
    }

    /// The next packet: whether it is lost.
    pub(super) fn takes(&mut self, random: &mut Stream) -> bool {
        let Some(bursts) = self.bursts else {
            return false;
        };
        let turn = if self.bad { bursts.end } else { bursts.start };
        self.bad ^= chance(turn, random);
        self.bad && chance(bursts.loss, random)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simnet::random::stream;

    const PACKETS: u32 = 400_000;

    /// Whether each packet was lost.
    fn losses(bursts: Bursts) -> Vec<bool> {
        let mut random = stream(11, "link");
        let mut fading = Fading::new(Some(bursts));
        (0..PACKETS).map(|_| fading.takes(&mut random)).collect()
    }

    fn share(losses: &[bool]) -> f64 {
        f64::from(u32::try_from(losses.iter().filter(|lost| **lost).count()).expect("few packets")) / f64::from(PACKETS)
    }

    /// Lengths of the runs of lost packets.
    fn runs(losses: &[bool]) -> Vec<u32> {
        losses
            .chunk_by(|one, next| one == next)
            .filter(|run| run[0])
            .map(|run| u32::try_from(run.len()).expect("a short run"))
            .collect()
    }

    /// The standard error of the share of packets that meet the bad state: that of a chain of two states, whose correlation from one
    /// packet to the next is `1 - start - end`.
    fn error_of_bad_share(start: f64, end: f64) -> f64 {
        let bad = start / (start + end);
        let kept = 1.0 - start - end;
        (bad * (1.0 - bad) * (1.0 + kept) / (1.0 - kept) / f64::from(PACKETS)).sqrt()
    }

    #[test]
    fn over_all_it_loses_the_stationary_share() {
        for (start, end, loss) in [(0.01, 0.2, 1.0), (0.01, 0.2, 0.4), (0.3, 0.9, 1.0)] {
            let found = share(&losses(Bursts { start, end, loss }));
            let expected = start / (start + end) * loss;
            // 4 standard errors: of the chain, and of the losses in its bad state.
            let of_losses = expected * (1.0 - loss) / f64::from(PACKETS);
            let bound = 4.0 * ((loss * error_of_bad_share(start, end)).powi(2) + of_losses).sqrt();
            assert!((found - expected).abs() < bound, "{found}, not {expected} ± {bound}");
        }
    }

    #[test]
    fn bursts_are_geometric_with_the_mean_that_was_asked_for() {
        let end = 0.2;
        let runs = runs(&losses(Bursts {
            start: 0.01,
            end,
            loss: 1.0,
        }));
        let count = f64::from(u32::try_from(runs.len()).expect("few runs"));
        let mean = f64::from(runs.iter().sum::<u32>()) / count;
        // 4 standard errors of the mean of a geometric distribution.
        let bound = 4.0 * (1.0 - end).sqrt() / end / count.sqrt();
        assert!((mean - 1.0 / end).abs() < bound, "{mean} ± {bound} of {count} runs");
        for length in [2_u32, 3, 5, 10, 20] {
            let longer = runs.iter().filter(|run| **run >= length).count();
            let found = f64::from(u32::try_from(longer).expect("few runs")) / count;
            let expected = (1.0 - end).powf(f64::from(length - 1));
            // 4 standard deviations of the binomial distribution.
            let bound = 4.0 * (expected * (1.0 - expected) / count).sqrt();
            assert!(
                (found - expected).abs() < bound,
                "at least {length}: {found}, not {expected} ± {bound}"
            );
        }
    }

    #[test]
    fn a_link_without_bursts_is_good_again() {
        let mut random = stream(11, "link");
        let for_good = Some(Bursts {
            start: 1.0,
            end: 0.0,
            loss: 1.0,
        });
        let never = Some(Bursts {
            start: 0.0,
            end: 0.0,
            loss: 1.0,
        });
        let mut fading = Fading::new(for_good);
        assert!(fading.takes(&mut random));
        fading.reconfigure(never);
        assert!(fading.takes(&mut random), "still in the same burst, which does not end");
        fading.reconfigure(None);
        assert!(!fading.takes(&mut random));
        fading.reconfigure(never);
        assert!(!fading.takes(&mut random), "a new beginning in the good state");
    }
}
