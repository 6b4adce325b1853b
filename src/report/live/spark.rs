//! A line of small bars: how a figure went, window by window.
//!
//! Each step of a bar is twice the one below it, and the lowest is the least that is shown. So noise of some per cent stays flat, and a
//! spike stands out, whether it is 1 ms over 0.1 ms or 300 ms over 40 ms; a linear scale would draw the one or hide the other.

use crate::report::style::Charset;
use crate::units::Rtt;

/// The last [`SPARK_CELLS`] of `history`, oldest first; `None` is a window without any reply.
pub(super) fn spark(history: &[Option<Rtt>], charset: Charset) -> String {
    let first = history.len().saturating_sub(SPARK_CELLS);
    let shown = history.get(first..).unwrap_or_default();
    let least = shown
        .iter()
        .flatten()
        .map(|rtt| rtt.as_nanos())
        .min()
        .unwrap_or(0)
        .max(1);
    let bars = match charset {
        Charset::Utf8 => UTF8_BARS,
        Charset::Ascii => ASCII_BARS,
    };
    shown
        .iter()
        .map(|window| {
            window.map_or(NO_REPLY, |rtt| {
                let doublings = (rtt.as_nanos() / least).checked_ilog2().unwrap_or(0);
                let step = usize::try_from(doublings).unwrap_or(usize::MAX);
                bars[step.min(bars.len() - 1)]
            })
        })
        .collect()
}

/// Some minutes of windows of 10 s, and no wider than an address.
pub(super) const SPARK_CELLS: usize = 20;

/// The lower eighths of a block, U+2581 to U+2588.
const UTF8_BARS: [char; 8] = [
    '\u{2581}', '\u{2582}', '\u{2583}', '\u{2584}', '\u{2585}', '\u{2586}', '\u{2587}', '\u{2588}',
];

/// Characters whose ink rises.
const ASCII_BARS: [char; 8] = ['_', '.', ':', '-', '=', '+', '*', '#'];

/// Nothing came back, which is no RTT of any length.
const NO_REPLY: char = '!';

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::report::samples::us;
    use crate::report::text::width;

    fn drawn(micros: &[u64], charset: Charset) -> String {
        let history: Vec<_> = micros.iter().map(|&n| (n > 0).then(|| us(n))).collect();
        spark(&history, charset)
    }

    #[test]
    fn each_step_is_twice_the_one_below() {
        let doubled = [400, 799, 800, 1_600, 3_200, 6_400, 12_800, 25_600, 51_200, 84_312];
        assert_eq!(drawn(&doubled, Charset::Ascii), "__.:-=+*##");
        assert_eq!(
            drawn(&doubled, Charset::Utf8),
            "\u{2581}\u{2581}\u{2582}\u{2583}\u{2584}\u{2585}\u{2586}\u{2587}\u{2588}\u{2588}"
        );
    }

    #[test]
    fn a_window_without_replies_is_no_bar_and_no_scale() {
        assert_eq!(drawn(&[400, 0, 800], Charset::Utf8), "\u{2581}!\u{2582}");
        assert_eq!(drawn(&[0, 0], Charset::Ascii), "!!");
        assert_eq!(drawn(&[], Charset::Ascii), "");
        assert_eq!(spark(&[Some(Rtt::from_nanos(0)), Some(us(1))], Charset::Ascii), "_#");
    }

    #[test]
    fn the_newest_windows_are_shown_by_a_scale_of_their_own() {
        let mut windows = vec![1; 5];
        windows.extend([400; SPARK_CELLS]);
        assert_eq!(drawn(&windows, Charset::Ascii), "_".repeat(SPARK_CELLS));
    }

    proptest! {
        #[test]
        fn any_history_fits(history in prop::collection::vec(prop::option::of(any::<u64>()), 0..50)) {
            let history: Vec<_> = history.into_iter().map(|ns| ns.map(Rtt::from_nanos)).collect();
            for charset in [Charset::Utf8, Charset::Ascii] {
                prop_assert_eq!(width(&spark(&history, charset)), history.len().min(SPARK_CELLS));
            }
        }
    }
}
