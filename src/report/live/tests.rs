use insta::assert_snapshot;
use proptest::prelude::*;

use super::*;
use crate::report::samples::{healthy, lossy, nothing, refused, report, series, silent, troubled};
use crate::report::style::Charset;
use crate::report::text::width;
use crate::series::Series;
use crate::stats::Summary;

const UTF8: Style = Style {
    color: false,
    charset: Charset::Utf8,
};

const PROGRESS: Progress = Progress {
    sent: 480,
    expected: Some(1_000),
    elapsed: Duration::from_millis(24_190),
};

fn targets(count: u8) -> Vec<(Series, Summary)> {
    let summaries = [healthy(), lossy(), refused(), silent(), nothing(), troubled()];
    (0..count)
        .map(|index| {
            let summary = summaries[usize::from(index) % summaries.len()].clone();
            (
                series(&format!("app{index:02}"), &format!("10.10.1.{index}"), None),
                summary,
            )
        })
        .collect()
}

fn shown(rows: &[(Series, Summary)], screen: Screen) -> String {
    let reports: Vec<_> = rows.iter().map(|(series, summary)| report(series, summary)).collect();
    let frame = frame(&reports, &PROGRESS, screen, 0, UTF8);
    without_sequences(&String::from_utf8(frame.bytes).unwrap())
}

/// What stays on the screen: `text` without its control sequences (ECMA-48: ESC [ ... final byte from @ to ~).
fn without_sequences(text: &str) -> String {
    let mut shown = String::new();
    let mut parts = text.split("\x1b[");
    shown.push_str(parts.next().unwrap_or_default());
    for part in parts {
        let end = part.find(|c: char| ('@'..='~').contains(&c)).unwrap();
        shown.push_str(&part[end + 1..]);
    }
    shown.replace('\r', "")
}

#[test]
fn all_rows_stand_in_order_where_they_fit() {
    assert_snapshot!(shown(
        &targets(6),
        Screen {
            columns: 100,
            lines: 24
        }
    ));
}

#[test]
fn the_worst_come_first_where_rows_do_not_fit() {
    assert_snapshot!(shown(&targets(60), Screen { columns: 80, lines: 12 }));
}

#[test]
fn two_lines_leave_room_for_the_progress_only() {
    let text = shown(&targets(6), Screen { columns: 80, lines: 2 });
    assert_eq!(
        text,
        "480 of 1000 probes sent to 6 targets in 24.2 s   * disturbed by this host\n"
    );
}

#[test]
fn a_second_frame_goes_up_over_the_first_and_clears_what_is_left_of_it() {
    let rows = targets(2);
    let reports: Vec<_> = rows.iter().map(|(series, summary)| report(series, summary)).collect();
    let screen = Screen { columns: 80, lines: 24 };
    let first = frame(&reports, &PROGRESS, screen, 0, UTF8);
    assert_eq!(first.height, 4, "a heading, two rows, the progress");
    let second = frame(&reports[..1], &PROGRESS, screen, first.height, UTF8);
    let text = String::from_utf8(second.bytes).unwrap();
    assert!(text.contains("\x1b[4F"), "CPL: up four lines");
    assert!(
        text.ends_with("\n\x1b[J\x1b[?2026l"),
        "ED: clear to the end of the screen, then show"
    );
    assert!(
        !String::from_utf8(first.bytes).unwrap().contains('F'),
        "the first frame goes nowhere"
    );
}

#[test]
fn a_frame_goes_up_no_further_than_a_terminal_that_has_become_lower() {
    let text = String::from_utf8(frame(&[], &PROGRESS, Screen { columns: 80, lines: 10 }, 40, UTF8).bytes).unwrap();
    assert!(text.contains("\x1b[9F"), "{text:?}");
}

/// A terminal that knows just what a frame uses, and notes when something scrolls out at its top.
#[derive(Debug)]
struct Terminal {
    height: usize,
    line: usize,
    scrolled: usize,
}

impl Terminal {
    fn show(&mut self, text: &str) {
        let mut rest = text;
        while let Some(at) = rest.find(['\n', '\x1b']) {
            if rest[at..].starts_with('\n') {
                rest = &rest[at + 1..];
                if self.line + 1 == self.height {
                    self.scrolled += 1;
                } else {
                    self.line += 1;
                }
                continue;
            }
            let sequence = &rest[at + 2..];
            let end = sequence.find(|c: char| ('@'..='~').contains(&c)).unwrap();
            if sequence[end..].starts_with('F') {
                self.line -= sequence[..end].parse::<usize>().unwrap().min(self.line);
            }
            rest = &sequence[end + 1..];
        }
    }
}

proptest! {
    #[test]
    fn no_frame_outgrows_the_terminal(count in 0_u8..80, columns in 0_u16..140, lines in 0_u16..40, color: bool) {
        let rows = targets(count);
        let reports: Vec<_> = rows.iter().map(|(series, summary)| report(series, summary)).collect();
        let frame = frame(&reports, &PROGRESS, Screen { columns, lines }, 99, Style { color, ..UTF8 });
        let text = without_sequences(&String::from_utf8(frame.bytes).unwrap());
        prop_assert!(text.lines().count() <= usize::from(lines.saturating_sub(1)));
        prop_assert_eq!(text.lines().count(), usize::from(frame.height));
        prop_assert!(text.lines().all(|line| width(line) <= usize::from(columns)), "{}", text);
    }

    #[test]
    fn frames_of_any_heights_stay_where_the_first_began(counts in prop::collection::vec(0_u8..40, 2..8), lines in 1_u16..30) {
        let mut terminal = Terminal { height: usize::from(lines), line: 0, scrolled: 0 };
        let mut height = 0;
        for count in counts {
            let rows = targets(count);
            let reports: Vec<_> = rows.iter().map(|(series, summary)| report(series, summary)).collect();
            let frame = frame(&reports, &PROGRESS, Screen { columns: 80, lines }, height, UTF8);
            height = frame.height;
            terminal.show(&String::from_utf8(frame.bytes).unwrap());
            prop_assert_eq!((terminal.line, terminal.scrolled), (usize::from(height), 0));
        }
    }
}
