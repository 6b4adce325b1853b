use proptest::prelude::*;
use statrs::statistics::Statistics;

use super::Moments;
use crate::units::Rtt;

fn of(values: &[u64]) -> Moments {
    let mut moments = Moments::default();
    for value in values {
        moments.record(Rtt::from_nanos(*value));
    }
    moments
}

/// Two passes in floats over values from which a common offset was taken exactly beforehand.
fn two_pass(values: &[u64]) -> (f64, f64, f64) {
    let base = *values.iter().min().unwrap();
    let offsets: Vec<f64> = values.iter().map(|v| micros(v - base)).collect();
    let population = offsets.iter().population_variance().sqrt();
    let sample = if values.len() > 1 {
        offsets.iter().variance().sqrt()
    } else {
        0.0
    };
    (micros(base) + offsets.iter().mean(), population, sample)
}

fn micros(nanos: u64) -> f64 {
    crate::units::micros(nanos)
}

fn close(actual: Option<f64>, expected: f64, scale: f64) -> bool {
    actual.is_some_and(|actual| (actual - expected).abs() <= 1e-9 * scale.max(1e-3))
}

#[test]
fn nothing_recorded_has_no_moments() {
    let empty = Moments::default();
    assert_eq!(
        (empty.mean_us(), empty.mdev_us(), empty.stddev_us()),
        (None, None, None)
    );
}

#[test]
fn the_textbook_sample_has_a_deviation_of_two() {
    // 2 4 4 4 5 5 7 9: mean 5, squared deviations 32, population sd 2, sample sd sqrt(32/7).
    let moments = of(&[2_000, 4_000, 4_000, 4_000, 5_000, 5_000, 7_000, 9_000]);
    assert_eq!(moments.mean_us(), Some(5.0));
    assert_eq!(moments.mdev_us(), Some(2.0));
    assert_eq!(moments.stddev_us(), Some((32.0_f64 / 7.0).sqrt()));
    assert_eq!(
        (moments.min(), moments.max()),
        (Some(Rtt::from_nanos(2_000)), Some(Rtt::from_nanos(9_000)))
    );
}

#[test]
fn one_nanosecond_of_spread_on_a_minute_survives() {
    // Population sd of {x, x + 1} is 1/2 ns whatever x; in floats E[x^2] - E[x]^2 would give 0 or garbage.
    let minute = 60_000_000_000;
    let moments = of(&[minute, minute + 1]);
    assert_eq!(moments.mdev_us(), Some(0.5e-3));
    assert_eq!(moments.stddev_us(), Some(0.5_f64.sqrt() / 1e3));
}

#[test]
fn a_single_value_has_no_deviation() {
    let moments = of(&[123_456]);
    assert_eq!((moments.mdev_us(), moments.stddev_us()), (Some(0.0), Some(0.0)));
}

#[test]
fn values_at_the_end_of_64_bits_do_not_panic() {
    let moments = of(&[u64::MAX, u64::MAX, 0, u64::MAX]);
    assert!(moments.stddev_us().is_some_and(f64::is_finite));
    assert!(moments.mean_us().is_some_and(f64::is_finite));
}

proptest! {
    #[test]
    fn moments_equal_two_passes(
        base in 0_u64..60_000_000_000,
        offsets in prop::collection::vec(0_u64..5_000_000, 1..200),
    ) {
        let values: Vec<u64> = offsets.iter().map(|offset| base + offset).collect();
        let moments = of(&values);
        let (mean, population, sample) = two_pass(&values);
        prop_assert!(close(moments.mean_us(), mean, mean), "{:?} {mean}", moments.mean_us());
        prop_assert!(close(moments.mdev_us(), population, population), "{:?} {population}", moments.mdev_us());
        prop_assert!(close(moments.stddev_us(), sample, sample), "{:?} {sample}", moments.stddev_us());
    }

    #[test]
    fn merging_equals_recording_both(left in prop::collection::vec(any::<u64>(), 0..50), right in prop::collection::vec(any::<u64>(), 0..50)) {
        let mut merged = of(&left);
        merged.merge(&of(&right));
        prop_assert_eq!(merged, of(&[left, right].concat()));
    }
}
