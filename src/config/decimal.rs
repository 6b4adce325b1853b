//! Decimal numbers without a detour through binary fractions: `0.7` % of 1,000 probes is 7 probes exactly.

/// Why a text is no decimal number that fits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum DecimalError {
    /// Something else than digits and one point (this includes signs, `nan`, `inf` and exponents).
    NotANumber,
    /// More than 64 bits.
    TooLarge,
}

/// `text` times `scale`, exact; digits below one unit are cut off.
pub(crate) fn scaled(text: &str, scale: u64) -> Result<u64, DecimalError> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let is_digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    if !is_digits(whole) || !is_digits(fraction) || (whole.is_empty() && fraction.is_empty()) {
        return Err(DecimalError::NotANumber);
    }
    let mut total = digits(whole)
        .and_then(|n| n.checked_mul(u128::from(scale)))
        .ok_or(DecimalError::TooLarge)?;
    // 18 digits after the point resolve any scale that fits 64 bits as finely as anyone can ask for.
    let fraction = fraction.get(..MAX_FRACTION_DIGITS).unwrap_or(fraction);
    let parts = digits(fraction).ok_or(DecimalError::TooLarge)?;
    let divisor = fraction.bytes().fold(1_u128, |divisor, _| divisor * 10);
    total += parts * u128::from(scale) / divisor;
    u64::try_from(total).map_err(|_| DecimalError::TooLarge)
}

/// The value of a run of ASCII digits; an empty run is 0.
fn digits(text: &str) -> Option<u128> {
    text.bytes().try_fold(0_u128, |value, byte| {
        value.checked_mul(10)?.checked_add(u128::from(byte - b'0'))
    })
}

/// 10^18 times a 64-bit scale stays within 128 bits.
const MAX_FRACTION_DIGITS: usize = 18;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fractions_are_exact() {
        assert_eq!(scaled("0.7", 1_000), Ok(7 * 100));
        assert_eq!(scaled("1.5", 1_000_000_000), Ok(1_500_000_000));
        assert_eq!(scaled(".25", 1_000), Ok(250));
        assert_eq!(scaled("3.", 10), Ok(30));
        assert_eq!(scaled("0.999999999999999999999999", 1_000), Ok(999));
    }

    #[test]
    fn anything_but_digits_and_a_point_is_no_number() {
        for text in [
            "", ".", "-1", "+1", "1e3", "nan", "inf", "1.2.3", "1,5", "0x10", " 1", "١",
        ] {
            assert_eq!(scaled(text, 1), Err(DecimalError::NotANumber), "{text:?}");
        }
    }

    #[test]
    fn numbers_beyond_64_bits_are_refused_at_any_length() {
        assert_eq!(scaled("18446744073709551615", 1), Ok(u64::MAX));
        assert_eq!(scaled("18446744073709551616", 1), Err(DecimalError::TooLarge));
        assert_eq!(scaled(&"9".repeat(400), 1), Err(DecimalError::TooLarge));
        assert_eq!(scaled("18446744073709551615.9", u64::MAX), Err(DecimalError::TooLarge));
    }
}
