//! The rank of a quantile, one definition for every histogram.

/// The rank, from 1, that holds quantile `q` of `count` values: `ceil(q * count)`, at least 1; `None` without values.
///
/// `q` is clamped to 0..=1 (NaN counts as 0). Quantiles are written in decimal and computed in binary, so a product that exceeds
/// a whole number by no more than rounding error is that whole number: 0.07 of 100 values is the 7th, although
/// `0.07 * 100.0` is 7.000000000000001.
#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "counts stay below 2^50; a float without integer type conversion; the result is clamped to 1..=count"
)]
pub(super) fn rank(q: f64, count: u64) -> Option<u64> {
    if count == 0 {
        return None;
    }
    let exact = q.clamp(0.0, 1.0) * count as f64;
    // q and the product are each rounded by half an epsilon at most.
    let rank = (exact * (1.0 - 2.0 * f64::EPSILON)).ceil() as u64;
    Some(rank.clamp(1, count))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::rank;

    #[test]
    fn the_rank_of_a_decimal_quantile_does_not_suffer_from_binary_rounding() {
        assert_eq!(rank(0.07, 100), Some(7));
        assert_eq!(rank(0.29, 100), Some(29));
    }

    #[test]
    fn quantiles_outside_their_range_give_the_first_and_the_last_value() {
        assert_eq!(rank(-1.0, 5), Some(1));
        assert_eq!(rank(f64::NAN, 5), Some(1));
        assert_eq!(rank(f64::INFINITY, 5), Some(5));
        assert_eq!(rank(0.5, 0), None);
    }

    proptest! {
        #[test]
        fn ranks_equal_integer_arithmetic(parts in 0_u32..=10_000, count in 1_u64..2_000_000_000) {
            let expected = (u64::from(parts) * count).div_ceil(10_000).max(1);
            prop_assert_eq!(rank(f64::from(parts) / 10_000.0, count), Some(expected));
        }
    }
}
