//! Text for people: cleaned of what a terminal would obey, measured in cells, cut to fit.

use std::borrow::Cow;
use std::net::IpAddr;
use std::time::Duration;

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use super::style::Charset;
use crate::series::{Endpoint, Series};
use crate::units::Rtt;

/// `text` with everything that could act on a terminal, reorder the text around it or hide in it made visible as `\u{...}`;
/// in an ASCII locale everything beyond ASCII as well.
///
/// Names are the user's or a DNS server's, and a DNS label may hold any byte (RFC 2181, section 11).
#[must_use]
pub fn clean(text: &str, charset: Charset) -> Cow<'_, str> {
    let shows = |c: char| !is_active(c) && (charset == Charset::Utf8 || c.is_ascii());
    if text.chars().all(shows) {
        return Cow::Borrowed(text);
    }
    let mut cleaned = String::with_capacity(text.len() + 8);
    for c in text.chars() {
        if shows(c) {
            cleaned.push(c);
        } else {
            cleaned.extend(c.escape_unicode());
        }
    }
    Cow::Owned(cleaned)
}

/// Whether a terminal or the Unicode bidirectional algorithm acts on `c` rather than show it: C0 and C1 controls, bidirectional
/// marks, embeddings, overrides and isolates (UAX #9), line separators, zero-width characters and tags.
pub(super) fn is_active(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
            | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

/// Cells that `text` takes on a terminal.
pub(super) fn width(text: &str) -> usize {
    text.width()
}

/// `text` in at most `cells` cells, the middle left out: names of backends tend to differ at their ends.
pub(super) fn squeeze(text: &str, cells: usize, charset: Charset) -> Cow<'_, str> {
    if width(text) <= cells {
        return Cow::Borrowed(text);
    }
    let gap = match charset {
        Charset::Utf8 => "\u{2026}",
        Charset::Ascii => "..",
    };
    let Some(room) = cells.checked_sub(width(gap)) else {
        return Cow::Borrowed(prefix(text, cells));
    };
    let head = prefix(text, room / 2);
    let tail = suffix(text, room - width(head));
    Cow::Owned(format!("{head}{gap}{tail}"))
}

/// `text` in lines of at most `cells` cells, broken between words where that is possible.
pub(super) fn wrapped(text: &str, cells: usize) -> Vec<String> {
    let mut lines = Vec::new();
    let mut line = String::new();
    for word in text.split(' ').filter(|word| !word.is_empty()) {
        if !line.is_empty() && width(&line) + 1 + width(word) > cells {
            lines.push(std::mem::take(&mut line));
        }
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
        while width(&line) > cells {
            let head = prefix(&line, cells);
            if head.is_empty() {
                return lines;
            }
            let rest = line.split_off(head.len());
            lines.push(std::mem::replace(&mut line, rest));
        }
    }
    lines.extend((!line.is_empty()).then_some(line));
    lines
}

/// The longest beginning of `text` that fits into `cells` cells.
pub(super) fn prefix(text: &str, cells: usize) -> &str {
    let mut used = 0;
    for (at, c) in text.char_indices() {
        used += c.width().unwrap_or(0);
        if used > cells {
            return text.get(..at).unwrap_or_default();
        }
    }
    text
}

/// The longest end of `text` that fits into `cells` cells.
fn suffix(text: &str, cells: usize) -> &str {
    let mut used = 0;
    for (at, c) in text.char_indices().rev() {
        used += c.width().unwrap_or(0);
        if used > cells {
            return text.get(at + c.len_utf8()..).unwrap_or_default();
        }
    }
    text
}

/// The address of a series, with its interface where that is a part of it (RFC 4007).
pub(super) fn address(series: &Series) -> String {
    match (series.address, series.scope_id) {
        (IpAddr::V6(address), scope @ 1..) => format!("{address}%{scope}"),
        (address, _) => address.to_string(),
    }
}

/// `address`, or `address:port` with an IPv6 address in brackets.
pub(super) fn endpoint(series: &Series) -> String {
    match (series.endpoint, series.address) {
        (Endpoint::Icmp, _) => address(series),
        (Endpoint::Tcp(port) | Endpoint::Udp(port), IpAddr::V4(_)) => format!("{}:{port}", address(series)),
        (Endpoint::Tcp(port) | Endpoint::Udp(port), IpAddr::V6(_)) => format!("[{}]:{port}", address(series)),
    }
}

/// ms with three digits, without the unit.
pub(super) fn millis(rtt: Rtt) -> String {
    millis_of_micros(rtt.as_micros())
}

/// ms with three digits of a figure in us, without the unit.
pub(super) fn millis_of_micros(micros: f64) -> String {
    if micros.is_finite() {
        format!("{:.3}", micros / 1e3)
    } else {
        "-".to_owned()
    }
}

/// How many decimals a percentage of the size of `ratio` needs, at least `least`: a loss of 4 in 100,000 must not read as none.
pub(super) fn decimals(ratio: f64, least: usize) -> usize {
    let needed = match ratio * 100.0 {
        percent if percent >= 1.0 => 1,
        percent if percent >= 0.1 => 2,
        percent if percent >= 0.01 => 3,
        _ => 4,
    };
    needed.max(least)
}

/// A duration as a person would type it: `1 s`, `1.5 s`, `200 ms`, `0.5 ms`.
pub(super) fn duration(duration: Duration) -> String {
    if duration >= Duration::from_secs(1) {
        format!("{} s", trimmed(duration.as_secs_f64()))
    } else {
        format!("{} ms", trimmed(duration.as_secs_f64() * 1e3))
    }
}

/// Up to three decimals, without trailing zeros.
fn trimmed(number: f64) -> String {
    let digits = format!("{number:.3}");
    digits.trim_end_matches('0').trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn escape_sequences_and_bidi_overrides_become_visible() {
        assert_eq!(clean("a\x1b[2Jb", Charset::Utf8), "a\\u{1b}[2Jb");
        assert_eq!(clean("csi\u{9b}2J", Charset::Utf8), "csi\\u{9b}2J");
        assert_eq!(clean("evil\u{202e}txt", Charset::Utf8), "evil\\u{202e}txt");
        assert_eq!(clean("two\nlines\u{2028}", Charset::Utf8), "two\\u{a}lines\\u{2028}");
        assert_eq!(clean("app01.example", Charset::Ascii), "app01.example");
    }

    #[test]
    fn letters_beyond_ascii_stay_where_the_locale_shows_them() {
        assert_eq!(clean("b\u{fc}cher", Charset::Utf8), "b\u{fc}cher");
        assert_eq!(clean("b\u{fc}cher", Charset::Ascii), "b\\u{fc}cher");
    }

    #[test]
    fn long_names_keep_both_ends() {
        assert_eq!(squeeze("app_backend/app01", 11, Charset::Utf8), "app_b\u{2026}app01");
        assert_eq!(squeeze("app_backend/app01", 11, Charset::Ascii), "app_..app01");
        assert_eq!(squeeze("short", 5, Charset::Ascii), "short");
        assert_eq!(squeeze("short", 1, Charset::Ascii), "s");
        // The odd cell is the end's.
        assert_eq!(squeeze("\u{6f22}\u{5b57}", 3, Charset::Utf8), "\u{2026}\u{5b57}");
    }

    #[test]
    fn durations_read_as_typed() {
        let cases = [(1_000, "1 s"), (1_500, "1.5 s"), (200, "200 ms"), (60_000, "60 s")];
        for (ms, text) in cases {
            assert_eq!(duration(Duration::from_millis(ms)), text);
        }
        assert_eq!(duration(Duration::from_micros(500)), "0.5 ms");
    }

    proptest! {
        #[test]
        fn no_text_cleans_to_anything_active(text in any::<String>()) {
            prop_assert!(!clean(&text, Charset::Utf8).chars().any(is_active));
            prop_assert!(clean(&text, Charset::Ascii).chars().all(|c| c.is_ascii_graphic() || c == ' '));
        }

        #[test]
        fn squeezed_text_fits(text in any::<String>(), cells in 0_usize..40) {
            let text = clean(&text, Charset::Utf8);
            for charset in [Charset::Utf8, Charset::Ascii] {
                prop_assert!(width(&squeeze(&text, cells, charset)) <= cells);
            }
        }
    }
}
