//! Durations as people type them: `200ms`, `1.5s`, `1m`, `250us`. A bare number is seconds, as in `ping`.

use std::time::Duration;

use super::decimal::{self, DecimalError};

/// Why a text is no duration.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DurationError {
    /// Not a number with a unit.
    #[error("not a duration; write a number and a unit, as in 200ms, 1.5s or 1m")]
    Malformed,
    /// A number, but of what?
    #[error("unknown unit '{0}'; the units are us, ms, s, m and h, and a bare number is seconds")]
    UnknownUnit(String),
    /// A bare number where seconds and milliseconds would be confused.
    #[error("a unit is missing; write 20ms or 1.5s")]
    UnitMissing,
    /// Below zero.
    #[error("a duration cannot be negative")]
    Negative,
    /// More than [`MAX`].
    #[error("longer than a day; the longest is 24h")]
    TooLong,
    /// More than zero and less than the clock can tell.
    #[error("shorter than a nanosecond")]
    TooShort,
}

/// Parses a duration; a bare number is seconds.
///
/// # Errors
/// Negative values, anything that is no number with a known unit, and values above [`MAX`].
pub fn parse(text: &str) -> Result<Duration, DurationError> {
    parse_with(text, BareNumber::Seconds)
}

/// Parses a duration that must carry its unit.
///
/// # Errors
/// As [`parse`], and bare numbers.
pub fn parse_with_unit(text: &str) -> Result<Duration, DurationError> {
    parse_with(text, BareNumber::Refused)
}

/// What a number without a unit is.
#[derive(Clone, Copy)]
enum BareNumber {
    Seconds,
    Refused,
}

fn parse_with(text: &str, bare: BareNumber) -> Result<Duration, DurationError> {
    let text = text.trim();
    let (negative, text) = text.strip_prefix('-').map_or((false, text), |rest| (true, rest));
    let unit_at = text
        .find(|c: char| !c.is_ascii_digit() && c != '.')
        .unwrap_or(text.len());
    let (number, unit) = text.split_at(unit_at);
    if number.is_empty() {
        return Err(DurationError::Malformed);
    }
    let unit_ns = match (unit.trim_start(), bare) {
        ("", BareNumber::Seconds) | ("s", _) => 1_000_000_000,
        ("", BareNumber::Refused) => return Err(DurationError::UnitMissing),
        ("ns", _) => 1,
        ("us" | "µs" | "μs", _) => 1_000,
        ("ms", _) => 1_000_000,
        ("m", _) => 60_000_000_000,
        ("h", _) => 3_600_000_000_000,
        (other, _) => return Err(DurationError::UnknownUnit(other.chars().take(MAX_UNIT_SHOWN).collect())),
    };
    let duration = match decimal::scaled(number, unit_ns) {
        Ok(nanos) => Duration::from_nanos(nanos),
        Err(DecimalError::NotANumber) => return Err(DurationError::Malformed),
        Err(DecimalError::TooLarge) => return Err(DurationError::TooLong),
    };
    let has_value = number.bytes().any(|byte| matches!(byte, b'1'..=b'9'));
    match duration {
        _ if negative && has_value => Err(DurationError::Negative),
        Duration::ZERO if has_value => Err(DurationError::TooShort),
        duration if duration > MAX => Err(DurationError::TooLong),
        duration => Ok(duration),
    }
}

/// A duration the way it would be typed: the largest unit that needs no fraction.
#[must_use]
pub fn display(duration: Duration) -> String {
    let nanos = duration.as_nanos();
    let units = [
        (3_600_000_000_000, "h"),
        (60_000_000_000, "m"),
        (1_000_000_000, "s"),
        (1_000_000, "ms"),
        (1_000, "us"),
    ];
    match units
        .iter()
        .find(|(unit_ns, _)| nanos != 0 && nanos.is_multiple_of(*unit_ns))
    {
        Some((unit_ns, unit)) => format!("{}{unit}", nanos / unit_ns),
        None if nanos == 0 => "0s".to_owned(),
        None => format!("{nanos}ns"),
    }
}

/// Nothing here is meant to take longer than a day between two steps; a larger number is a slip of the keyboard.
pub const MAX: Duration = Duration::from_hours(24);

/// Enough of an unknown unit to recognize it.
const MAX_UNIT_SHOWN: usize = 12;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_examples_of_the_manual_mean_what_they_say() {
        for (text, expected) in [
            ("200ms", Duration::from_millis(200)),
            ("1.5s", Duration::from_millis(1_500)),
            ("1m", Duration::from_mins(1)),
            ("250us", Duration::from_micros(250)),
            ("250µs", Duration::from_micros(250)),
            ("24h", MAX),
            ("0.2", Duration::from_millis(200)),
            ("2", Duration::from_secs(2)),
            (".5", Duration::from_millis(500)),
            ("0", Duration::ZERO),
            ("-0", Duration::ZERO),
            ("1 s", Duration::from_secs(1)),
        ] {
            assert_eq!(parse(text), Ok(expected), "{text}");
        }
    }

    #[test]
    fn each_kind_of_nonsense_has_its_own_answer() {
        for text in ["", "s", "nan", "inf", "-", "--1", "1.2.3", ".", "+1", "-nan", "ten"] {
            assert_eq!(parse(text), Err(DurationError::Malformed), "{text}");
        }
        for text in ["-1", "-1s", "-0.5ms", "-99999999999999999999h"] {
            assert!(
                matches!(parse(text), Err(DurationError::Negative | DurationError::TooLong)),
                "{text}"
            );
        }
        for text in ["86401", "24.1h", "99999999999999999999999999", "1441m"] {
            assert_eq!(parse(text), Err(DurationError::TooLong), "{text}");
        }
        for text in ["0.0000000001", "0.5ns"] {
            assert_eq!(parse(text), Err(DurationError::TooShort), "{text}");
        }
        assert_eq!(parse("5 min"), Err(DurationError::UnknownUnit("min".to_owned())));
        assert_eq!(parse("1e3"), Err(DurationError::UnknownUnit("e3".to_owned())));
        assert_eq!(parse("1MS"), Err(DurationError::UnknownUnit("MS".to_owned())));
        assert_eq!(parse("1m30s"), Err(DurationError::UnknownUnit("m30s".to_owned())));
    }

    #[test]
    fn a_required_unit_is_required() {
        assert_eq!(parse_with_unit("20"), Err(DurationError::UnitMissing));
        assert_eq!(parse_with_unit("20ms"), Ok(Duration::from_millis(20)));
    }

    proptest! {
        #[test]
        fn what_is_displayed_parses_to_the_same_duration(nanos in 0_u64..=86_400_000_000_000) {
            let duration = Duration::from_nanos(nanos);
            prop_assert_eq!(parse(&display(duration)), Ok(duration));
        }

        #[test]
        fn decimal_seconds_agree_with_digit_by_digit_arithmetic(whole in 0_u64..86_400, fraction in "[0-9]{0,9}") {
            // The fraction padded to nine digits is the count of ns, by the definition of decimal notation.
            let nanos: u64 = format!("{fraction:0<9}").parse().unwrap();
            let text = if fraction.is_empty() { whole.to_string() } else { format!("{whole}.{fraction}") };
            prop_assert_eq!(parse(&text), Ok(Duration::from_secs(whole) + Duration::from_nanos(nanos)));
        }

        #[test]
        fn no_text_makes_it_panic_or_exceed_the_limit(text in "\\PC{0,24}|[-+.0-9a-zµ ]{0,40}") {
            if let Ok(duration) = parse(&text) {
                prop_assert!(duration <= MAX);
            }
        }
    }
}
