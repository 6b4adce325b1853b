//! Timestamps of recorded lines.

use jiff::Timestamp;

use crate::units::Wall;

/// The moment that an RFC 3339 timestamp names; `None` where it names none, or one before 1970 or after 2553.
pub(super) fn moment(text: &str) -> Option<Wall> {
    ours(text.as_bytes()).or_else(|| {
        let nanos = text.parse::<Timestamp>().ok()?.as_nanosecond();
        Some(Wall::from_nanos(u64::try_from(nanos).ok()?))
    })
}

/// As our own lines have it: `2026-03-02T03:14:08.412000Z`. Others are left to a parser that knows more forms and takes ten times as long.
fn ours(text: &[u8]) -> Option<Wall> {
    let text: &[u8; 27] = text.try_into().ok()?;
    let marks = [
        (4, b'-'),
        (7, b'-'),
        (10, b'T'),
        (13, b':'),
        (16, b':'),
        (19, b'.'),
        (26, b'Z'),
    ];
    if marks.iter().any(|(at, mark)| text[*at] != *mark) {
        return None;
    }
    let (year, month, day) = (number(&text[0..4])?, number(&text[5..7])?, number(&text[8..10])?);
    let (hour, minute, second) = (number(&text[11..13])?, number(&text[14..16])?, number(&text[17..19])?);
    let micros = number(&text[20..26])?;
    // The last days of months, and leap seconds, are for the other parser.
    let is_plain = (1970..=2553).contains(&year) && (1..=12).contains(&month) && (1..=28).contains(&day);
    if !is_plain || hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    let seconds = ((days(year, month, day) * 24 + hour) * 60 + minute) * 60 + second;
    Some(Wall::from_nanos((seconds * 1_000_000 + micros) * 1_000))
}

/// Days since 1970-01-01, by years that begin in March, so that leap days come last.
const fn days(year: u64, month: u64, day: u64) -> u64 {
    let (year, month) = if month > 2 {
        (year, month - 3)
    } else {
        (year - 1, month + 9)
    };
    let of_year = (153 * month + 2) / 5 + day - 1;
    // 719,468 days from 0000-03-01 to 1970-01-01.
    year * 365 + year / 4 - year / 100 + year / 400 + of_year - 719_468
}

fn number(digits: &[u8]) -> Option<u64> {
    digits.iter().try_fold(0, |number, digit| {
        let digit = digit.wrapping_sub(b'0');
        (digit < 10).then(|| number * 10 + u64::from(digit))
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn moments_are_those_of_a_parser_by_others(nanos in 0_u64..=18_400_000_000_000_000_000) {
            let micros = nanos - nanos % 1_000;
            let text = format!("{:.6}", Timestamp::from_nanosecond(i128::from(micros)).unwrap());
            prop_assert_eq!(moment(&text), Some(Wall::from_nanos(micros)));
            if let Some(fast) = ours(text.as_bytes()) {
                prop_assert_eq!(fast, Wall::from_nanos(micros));
            }
        }

        #[test]
        fn no_text_is_a_panic(text in "\\PC{0,40}") {
            let _ = moment(&text);
        }
    }

    #[test]
    fn what_is_no_moment_is_none() {
        for text in [
            "",
            "2026-02-30T00:00:00.000000Z",
            "1969-12-31T23:59:59.000000Z",
            "9999-01-01T00:00:00.000000Z",
            "now",
        ] {
            assert_eq!(moment(text), None, "{text}");
        }
        // date -u -d @1700000000
        let known = Some(Wall::from_nanos(1_700_000_000_000_000_000));
        assert_eq!(moment("2023-11-14T22:13:20.000000Z"), known);
        assert_eq!(moment("2023-11-14T23:13:20+01:00"), known);
    }
}
