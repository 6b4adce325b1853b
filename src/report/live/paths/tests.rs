use insta::assert_snapshot;

use super::*;
use crate::report::live::trace_frame;
use crate::report::samples::traces::{Trace, lossy_path, other_flow, unknown_path};

const NUMERIC: TraceTextOptions = TraceTextOptions {
    wide: true,
    numeric: true,
};

fn shown(traces: &[Trace], screen: Screen) -> Vec<String> {
    let reports: Vec<_> = traces.iter().map(Trace::report).collect();
    lines(&reports, screen, Style::PLAIN, NUMERIC)
}

const fn screen(columns: u16, lines: u16) -> Screen {
    Screen { columns, lines }
}

#[test]
fn all_paths_stand_in_reading_order_where_they_fit() {
    let traces = [other_flow(1), lossy_path(), unknown_path("db")];
    assert_snapshot!(shown(&traces, screen(80, 40)).join("\n"));
}

#[test]
fn the_worst_come_first_where_paths_do_not_fit_and_the_rest_is_counted() {
    let traces = [unknown_path("db"), other_flow(1), lossy_path(), unknown_path("cache")];
    // The lossy path takes 12 lines; the next, a clean one, another 9.
    let lines = shown(&traces, screen(80, 13));
    assert_eq!(lines.len(), 13, "{lines:#?}");
    assert!(lines[0].contains("flow 0, 60 cycles"), "{lines:#?}");
    assert_eq!(lines[12], "... and 3 more paths hidden, worst first");
    let lines = shown(&traces, screen(80, 17));
    assert_eq!(lines.len(), 17, "{lines:#?}");
    assert_eq!(lines[12], "", "a blank line between two");
    assert!(lines[13].contains("TRACE db"), "{lines:#?}");
    assert_eq!(lines[16], "... and 2 more paths hidden, worst first");
}

#[test]
fn a_path_longer_than_the_screen_keeps_its_verdict() {
    let lines = shown(&[lossy_path()], screen(80, 6));
    assert_eq!(lines.len(), 6, "{lines:#?}");
    assert!(lines[0].starts_with("TRACE app01"), "{lines:#?}");
    assert!(lines[3].starts_with("  2.|-- 10.1.0.1 "), "{lines:#?}");
    assert_eq!(lines[4], "... 7 more lines hidden");
    assert!(lines[5].starts_with("Loss of 3.3 %"), "{lines:#?}");
}

#[test]
fn a_screen_of_no_lines_shows_nothing() {
    assert!(shown(&[lossy_path(), unknown_path("db")], screen(80, 0)).is_empty());
    assert!(shown(&[], screen(80, 24)).is_empty());
}

#[test]
fn a_frame_goes_up_over_the_one_before() {
    let trace = unknown_path("db");
    let frame = trace_frame(&[trace.report()], screen(80, 24), 5, Style::PLAIN, NUMERIC);
    let text = String::from_utf8(frame.bytes).unwrap();
    assert!(text.contains("\x1b[5F"), "{text:?}");
    assert_eq!(frame.height, 3);
    assert_eq!(text.matches("\x1b[K\n").count(), 3, "{text:?}");
}
