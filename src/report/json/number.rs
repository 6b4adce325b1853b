//! Numbers as they stand in a line: full resolution, no noise behind it, never NaN or infinity.

use std::time::Duration;

use crate::units::Rtt;

/// us with the full resolution of ns. Dividing once rounds to the double nearest to the decimal, whose shortest form is that
/// decimal (up to 15 digits, which is 11 days): 412345 ns is `412.345`.
pub(super) fn micros(rtt: Rtt) -> f64 {
    rtt.as_micros()
}

/// us of a computed figure, to ns.
pub(super) fn micros_of(us: f64) -> Option<f64> {
    rounded(us, 1e3)
}

/// A proportion, to 1e-9: one lost probe in a billion still shows.
pub(super) fn ratio(ratio: f64) -> Option<f64> {
    rounded(ratio, 1e9)
}

/// Seconds, to ns.
pub(super) fn seconds(duration: Duration) -> f64 {
    rounded(duration.as_secs_f64(), 1e9).unwrap_or_default()
}

/// us of a duration, to ns.
pub(super) fn micros_of_duration(duration: Duration) -> f64 {
    micros(Rtt::from(duration))
}

/// ms of a duration, to ns.
pub(super) fn millis_of_duration(duration: Duration) -> f64 {
    rounded(duration.as_secs_f64() * 1e3, 1e6).unwrap_or_default()
}

/// A log of a likelihood ratio, to 1e-3: it has no more meaning than that.
pub(super) fn score(score: f64) -> Option<f64> {
    rounded(score, 1e3)
}

/// `x` rounded to 1/`steps`. Numbers too large to have a fraction are left alone; anything not finite is `None`.
fn rounded(x: f64, steps: f64) -> Option<f64> {
    let scaled = x * steps;
    let rounded = if scaled.abs() < 2f64.powi(53) {
        scaled.round() / steps
    } else {
        x
    };
    // Minus zero would print as -0.0.
    rounded.is_finite().then_some(rounded + 0.0)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn printed(number: f64) -> String {
        serde_json::to_string(&number).unwrap()
    }

    #[test]
    fn computed_figures_carry_no_float_noise() {
        assert_eq!(printed(micros_of(0.1 + 0.2).unwrap()), "0.3");
        assert_eq!(printed(micros_of(412.345_678).unwrap()), "412.346");
        assert_eq!(printed(ratio(1.0 / 3.0).unwrap()), "0.333333333");
        assert_eq!(printed(micros_of(-1e-9).unwrap()), "0.0");
        assert_eq!(printed(seconds(Duration::from_millis(10_100))), "10.1");
        assert_eq!(printed(millis_of_duration(Duration::from_micros(100_100))), "100.1");
        assert_eq!(printed(score(12.345_678).unwrap()), "12.346");
    }

    #[test]
    fn what_is_no_number_is_absent() {
        for x in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
            assert_eq!(micros_of(x), None);
            assert_eq!(ratio(x), None);
        }
        assert_eq!(micros_of(f64::MAX), Some(f64::MAX));
    }

    proptest! {
        #[test]
        fn micros_print_as_the_exact_decimal_of_ns(ns in 0_u64..1_000_000_000_000_000) {
            // The oracle moves the decimal point in text.
            let digits = format!("{}.{:03}", ns / 1_000, ns % 1_000);
            let digits = digits.trim_end_matches('0');
            let expected = if digits.ends_with('.') { format!("{digits}0") } else { digits.to_owned() };
            prop_assert_eq!(printed(micros(Rtt::from_nanos(ns))), expected);
        }
    }
}
