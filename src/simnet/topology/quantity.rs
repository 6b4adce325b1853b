//! Quantities as people write them: `"200us"`, `"10/min"`, `"100Mbit/s"`, `"64kB"`.
//!
//! Each is a string with its unit, so that no number in a file has a unit that must be guessed. Every refusal says what would be
//! right. Least and greatest values keep the model's arithmetic (64-bit ns and bits) far from its limits.

use std::time::Duration;

use serde::Deserialize;

use crate::config::decimal::{self, DecimalError};
use crate::config::duration;

/// A duration with its unit, in the grammar of the command line: at most 24 h.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(try_from = "String")]
pub struct Span(pub Duration);

/// So many in a second, minute, hour or day.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Rate {
    /// How many, at least one.
    pub count: u32,
    /// In how long.
    pub per: Duration,
}

/// Bits a second: `"100Mbit/s"`, `"1Gbit/s"`, `"64kbit/s"`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(try_from = "String")]
pub struct BitRate(pub u64);

/// A size: `"64kB"` (1000), `"64KiB"` (1024), `"1500B"`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(try_from = "String")]
pub struct Bytes(pub u64);

impl TryFrom<String> for Span {
    type Error = String;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        duration::parse_with_unit(&text)
            .map(Self)
            .map_err(|why| format!("{why}; this says {}", shown(&text)))
    }
}

impl TryFrom<String> for Rate {
    type Error = String;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let wrong = || format!("{} is no rate; write 10/min, 1/s, 5/h or 100/day", shown(&text));
        let (count, unit) = text.split_once('/').ok_or_else(wrong)?;
        let per = match unit.trim() {
            "s" => Duration::from_secs(1),
            "min" => Duration::from_mins(1),
            "h" => Duration::from_hours(1),
            "day" => Duration::from_hours(24),
            _ => return Err(wrong()),
        };
        let is_number = count.trim().bytes().all(|byte| byte.is_ascii_digit());
        let count = count.trim().parse::<u32>().ok().filter(|_| is_number);
        let count = count.ok_or_else(wrong)?;
        let a_second = u64::from(count) / per.as_secs();
        match count {
            0 => Err(format!("{} never allows anything; the least is 1/day", shown(&text))),
            _ if a_second > MAX_RATE => Err(format!("{} is too many; the most is {MAX_RATE}/s", shown(&text))),
            _ => Ok(Self { count, per }),
        }
    }
}

impl TryFrom<String> for BitRate {
    type Error = String;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let units = [
            ("kbit/s", 1_000),
            ("Mbit/s", 1_000_000),
            ("Gbit/s", 1_000_000_000),
            ("bit/s", 1),
        ];
        let rate = with_unit(&text, &units, "a bit rate; write 64kbit/s, 100Mbit/s or 1Gbit/s")?;
        if (MIN_BIT_RATE..=MAX_BIT_RATE).contains(&rate) {
            Ok(Self(rate))
        } else {
            Err(format!(
                "{} is out of range; the least is 1kbit/s, the most 1000Gbit/s",
                shown(&text)
            ))
        }
    }
}

impl TryFrom<String> for Bytes {
    type Error = String;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let units = [
            ("KiB", 1 << 10),
            ("MiB", 1 << 20),
            ("kB", 1_000),
            ("MB", 1_000_000),
            ("B", 1),
        ];
        let size = with_unit(&text, &units, "a size; write 1500B, 64kB (1000) or 64KiB (1024)")?;
        if (1..=MAX_BYTES).contains(&size) {
            Ok(Self(size))
        } else {
            Err(format!(
                "{} is out of range; the least is 1B, the most 1024MiB",
                shown(&text)
            ))
        }
    }
}

/// A decimal number with the first of these units that the text ends in.
fn with_unit(text: &str, units: &[(&str, u64)], right: &str) -> Result<u64, String> {
    let wrong = || format!("{} is not {right}", shown(text));
    let trimmed = text.trim();
    let found = units
        .iter()
        .find_map(|(unit, scale)| Some((trimmed.strip_suffix(unit)?, *scale)));
    let (number, scale) = found.ok_or_else(wrong)?;
    match decimal::scaled(number.trim_end(), scale) {
        Ok(value) => Ok(value),
        Err(DecimalError::NotANumber) => Err(wrong()),
        Err(DecimalError::TooLarge) => Ok(u64::MAX),
    }
}

/// Enough of a text to recognize it.
fn shown(text: &str) -> String {
    let mut start: String = text.chars().take(MAX_SHOWN).collect();
    if start.len() < text.len() {
        start.push_str("..");
    }
    format!("'{}'", start.escape_debug())
}

/// `xt_limit` counts in 1/10,000 s (`XT_LIMIT_SCALE`).
const MAX_RATE: u64 = 10_000;

/// The slowest modem ever had 110 bit/s, but then the largest queue takes longer to drain than the clock of the model can count.
const MIN_BIT_RATE: u64 = 1_000;

/// Faster than any port that is sold; a packet takes less than a nanosecond beyond.
const MAX_BIT_RATE: u64 = 1_000_000_000_000;

/// More than any switch has.
const MAX_BYTES: u64 = 1 << 30;

/// As much of a wrong text as an error repeats.
const MAX_SHOWN: usize = 40;

#[cfg(test)]
mod tests {
    use super::*;

    fn read<T: TryFrom<String>>(text: &str) -> Result<T, T::Error> {
        T::try_from(text.to_owned())
    }

    #[test]
    fn durations_are_those_of_the_command_line_and_need_a_unit() {
        assert_eq!(read::<Span>("150us"), Ok(Span(Duration::from_micros(150))));
        assert_eq!(read::<Span>("1.5s"), Ok(Span(Duration::from_millis(1_500))));
        assert_eq!(read::<Span>("0s"), Ok(Span(Duration::ZERO)));
        for text in ["150", "-1s", "25h", "150 parsecs", "", "1e3s"] {
            assert!(read::<Span>(text).is_err(), "{text}");
        }
    }

    #[test]
    fn rates_count_per_unit_of_time() {
        let ten_a_minute = Rate {
            count: 10,
            per: Duration::from_mins(1),
        };
        assert_eq!(read::<Rate>("10/min"), Ok(ten_a_minute));
        assert_eq!(read::<Rate>(" 10 / min "), Ok(ten_a_minute));
        assert_eq!(read::<Rate>("10000/s").map(|rate| rate.count), Ok(10_000));
        for text in [
            "10",
            "10/m",
            "0/s",
            "-1/s",
            "+1/s",
            "1.5/s",
            "10001/s",
            "/s",
            "1/",
            "99999999999/s",
        ] {
            assert!(read::<Rate>(text).is_err(), "{text}");
        }
    }

    #[test]
    fn bit_rates_are_powers_of_1000_and_have_both_ends() {
        assert_eq!(read::<BitRate>("100Mbit/s"), Ok(BitRate(100_000_000)));
        assert_eq!(read::<BitRate>("2.5 Gbit/s"), Ok(BitRate(2_500_000_000)));
        assert_eq!(read::<BitRate>("64kbit/s"), Ok(BitRate(64_000)));
        for text in [
            "100M",
            "100Mb/s",
            "0bit/s",
            "999bit/s",
            "1001Gbit/s",
            "kbit/s",
            "-1kbit/s",
        ] {
            assert!(read::<BitRate>(text).is_err(), "{text}");
        }
    }

    #[test]
    fn sizes_tell_1000_from_1024() {
        assert_eq!(read::<Bytes>("64kB"), Ok(Bytes(64_000)));
        assert_eq!(read::<Bytes>("64KiB"), Ok(Bytes(65_536)));
        assert_eq!(read::<Bytes>("1024MiB"), Ok(Bytes(1 << 30)));
        for text in ["64k", "64", "0B", "1025MiB", "99999999999999999999MiB", "B"] {
            assert!(read::<Bytes>(text).is_err(), "{text}");
        }
    }

    #[test]
    fn errors_show_what_was_written_and_what_would_be_right() {
        assert_eq!(
            read::<BitRate>("100mbps").unwrap_err(),
            "'100mbps' is not a bit rate; write 64kbit/s, 100Mbit/s or 1Gbit/s"
        );
        let long = read::<Rate>(&"x\n".repeat(1_000)).unwrap_err();
        assert!(long.len() < 200 && !long.contains('\n'), "{long}");
    }
}
