use proptest::prelude::*;
use statrs::distribution::{ContinuousCDF, Normal};

use super::{Z, float};
use crate::stats::Proportion;

fn z() -> f64 {
    Normal::new(0.0, 1.0).unwrap().inverse_cdf(0.975)
}

/// How far `x` is from solving `(x - p)^2 = z^2 x (1 - x) / n`.
fn residue(x: f64, successes: u64, trials: u64) -> f64 {
    let p = float(successes) / float(trials);
    (x - p).powi(2) - z().powi(2) * x * (1.0 - x) / float(trials)
}

#[test]
fn z_is_the_normal_quantile_of_95_percent() {
    assert!((Z - z()).abs() < 1e-9, "{Z} {}", z());
}

#[test]
fn nothing_sent_has_no_proportion() {
    assert_eq!(Proportion::wilson(0, 0), None);
}

#[test]
fn no_loss_in_sixty_probes_leaves_six_percent_possible() {
    let none = Proportion::wilson(0, 60).unwrap();
    // At 0 of n the upper end is z^2 / (n + z^2).
    let expected = z().powi(2) / (60.0 + z().powi(2));
    assert!((none.high - expected).abs() < 1e-12);
    assert!((0.060..0.0602).contains(&none.high));
    assert!((none.ratio, none.low) == (0.0, 0.0), "{none:?}");
}

#[test]
fn all_lost_is_the_mirror_of_none_lost() {
    let none = Proportion::wilson(0, 10).unwrap();
    let all = Proportion::wilson(10, 10).unwrap();
    assert!((all.ratio, all.high) == (1.0, 1.0), "{all:?}");
    assert!((all.low - (1.0 - none.high)).abs() < 1e-15);
}

#[test]
fn more_successes_than_trials_are_all_of_them() {
    assert_eq!(Proportion::wilson(u64::MAX, 3), Proportion::wilson(3, 3));
}

proptest! {
    #[test]
    fn the_ends_solve_the_score_equation(trials in 1_u64..10_000_000, share in 0.0_f64..=1.0) {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a share of trials")]
        let successes = (float(trials) * share) as u64;
        let interval = Proportion::wilson(successes, trials).unwrap();
        prop_assert!(0.0 <= interval.low && interval.low <= interval.ratio);
        prop_assert!(interval.ratio <= interval.high && interval.high <= 1.0);
        for end in [interval.low, interval.high] {
            // Relative to the slope of the equation, which is at most about 2 (p + z^2/n).
            let tolerance = 1e-9 * (interval.ratio + 4.0 / float(trials)).powi(2) + 1e-15;
            prop_assert!(residue(end, successes, trials).abs() <= tolerance, "{end} of {interval:?}");
        }
        // The roots are two, not one twice.
        prop_assert!(interval.low < interval.high);
    }

    #[test]
    fn more_probes_narrow_the_interval(trials in 1_u64..100_000, successes in 0_u64..1_000) {
        let successes = successes.min(trials);
        let few = Proportion::wilson(successes, trials).unwrap();
        let many = Proportion::wilson(successes * 10, trials * 10).unwrap();
        prop_assert!(many.high - many.low < few.high - few.low);
    }
}
