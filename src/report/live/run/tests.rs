use std::time::Duration;

use insta::assert_snapshot;
use proptest::prelude::*;

use super::*;
use crate::report::samples::incidents::shared;
use crate::report::samples::{healthy, lossy, nothing, refused, series, silent, us};
use crate::report::text::width;

const UTF8: Style = Style {
    color: false,
    charset: Charset::Utf8,
};

/// A series with what its row shows.
struct Watched {
    series: Series,
    group: Option<&'static str>,
    last: Option<Summary>,
    state: RunState,
    history: Vec<Option<Rtt>>,
}

/// All states, one after the other.
fn watched(count: u8) -> Vec<Watched> {
    let cases = [
        (RunState::Steady, Some(healthy())),
        (RunState::Degraded(Cause::Frequent), Some(lossy())),
        (RunState::Degraded(Cause::Silent), Some(silent())),
        (RunState::Learning, Some(refused())),
        (RunState::Jittery, Some(healthy())),
        (RunState::Spiking, Some(healthy())),
        (RunState::Steady, Some(lossy())),
        (RunState::Learning, None),
        (RunState::Learning, Some(nothing())),
    ];
    (0..count)
        .map(|index| {
            let (state, last) = cases[usize::from(index) % cases.len()].clone();
            let spiked = |n: u64| if n % 7 == 3 { 84_312 } else { 400 + n };
            let history = if last.is_some() { 24 } else { 0 };
            Watched {
                series: series(&format!("app{index:02}"), &format!("10.10.1.{index}"), None),
                group: (index % 2 == 0).then_some("web"),
                last,
                state,
                history: (0..history).map(|n| (n != 20).then(|| us(spiked(n)))).collect(),
            }
        })
        .collect()
}

/// The lines of a frame over `watched`, with incidents of so many targets each.
fn shown(watched: &[Watched], incidents: &[Incident], screen: Screen, style: Style) -> Vec<String> {
    let rows: Vec<_> = watched
        .iter()
        .map(|watched| RunRow {
            series: &watched.series,
            group: watched.group,
            last: watched.last.as_ref(),
            self_noise: false,
            history: &watched.history,
            state: watched.state,
        })
        .collect();
    let incidents: Vec<_> = incidents.iter().collect();
    let frame = RunFrame {
        rows: &rows,
        incidents: &incidents,
        progress: Progress {
            sent: 480,
            expected: None,
            elapsed: Duration::from_mins(5),
        },
        now: Mono::from_nanos(1_042_000_000_000),
    };
    lines(&frame, screen, style)
}

fn screen(columns: u16, lines: u16) -> Screen {
    Screen { columns, lines }
}

#[test]
fn every_row_and_every_incident_stands_where_they_fit() {
    let incidents = [shared(3, 4), shared(4, 2)];
    assert_snapshot!(shown(&watched(9), &incidents, screen(140, 40), UTF8).join("\n"));
}

#[test]
fn the_worst_come_first_and_the_rest_is_counted_at_80() {
    let incidents = [shared(3, 4), shared(4, 2), shared(5, 2)];
    assert_snapshot!(shown(&watched(60), &incidents, screen(80, 16), Style::PLAIN).join("\n"));
}

#[test]
fn a_quiet_run_has_all_lines_for_its_rows() {
    let lines = shown(&watched(9), &[], screen(100, 11), Style::PLAIN);
    assert_eq!(lines.len(), 11, "heading, nine rows, progress: {lines:#?}");
    assert_eq!(
        lines.last().unwrap(),
        "no open incident; 480 probes sent to 9 targets in 5 min"
    );
}

#[test]
fn the_state_is_the_worse_of_detector_and_last_window() {
    let words: Vec<_> = shown(&watched(9), &[], screen(200, 40), Style::PLAIN)
        .iter()
        .skip(1)
        .take(9)
        .map(|line| line.rsplit("  ").next().unwrap().to_owned())
        .collect();
    assert_eq!(
        words,
        [
            "ok",
            "DEGRADED",
            "NO ANSWER",
            "REFUSED",
            "jittery",
            "SPIKING",
            "LOSS",
            "learning",
            "learning"
        ]
    );
}

#[test]
fn a_window_that_this_host_disturbed_is_marked() {
    let watched = watched(1);
    let row = RunRow {
        series: &watched[0].series,
        group: None,
        last: watched[0].last.as_ref(),
        self_noise: true,
        history: &[],
        state: RunState::Steady,
    };
    assert_eq!(state(&row).text, "ok*");
}

#[test]
fn where_there_is_little_room_the_newest_incident_stays() {
    let incidents = [shared(3, 4), shared(4, 2)];
    let lines = shown(&watched(9), &incidents, screen(60, 9), Style::PLAIN);
    assert!(lines.iter().any(|line| line.starts_with("INCIDENT #4")), "{lines:#?}");
    assert!(lines.iter().any(|line| line == "... and 1 older"), "{lines:#?}");
    assert!(lines.iter().any(|line| line.starts_with("app")), "{lines:#?}");
}

#[test]
fn colour_adds_nothing_but_colour() {
    let colored = Style { color: true, ..UTF8 };
    let incidents = [shared(3, 4)];
    let with = shown(&watched(9), &incidents, screen(140, 40), colored).join("\n");
    let mut bare = String::new();
    for (index, part) in with.split("\u{1b}[").enumerate() {
        bare.push_str(if index == 0 {
            part
        } else {
            part.split_once('m').unwrap().1
        });
    }
    let bare: Vec<_> = bare.lines().map(str::trim_end).collect();
    assert_eq!(bare, shown(&watched(9), &incidents, screen(140, 40), UTF8));
    assert!(with.contains("\u{1b}["));
}

proptest! {
    #[test]
    fn a_frame_fits_its_screen(
        rows in 0_u8..40, incidents in 0_u8..6, columns in 0_u16..160, lines in 0_u16..60, utf8: bool, message: String,
    ) {
        let charset = if utf8 { Charset::Utf8 } else { Charset::Ascii };
        let incidents: Vec<_> = (0..incidents)
            .map(|n| Incident { message: message.clone(), ..shared(u64::from(n), n + 1) })
            .collect();
        let shown = shown(&watched(rows), &incidents, screen(columns, lines), Style { charset, color: false });
        prop_assert!(shown.len() <= usize::from(lines), "{} lines of {}", shown.len(), lines);
        for line in &shown {
            prop_assert!(width(line) <= usize::from(columns), "{line:?} in {columns}");
            prop_assert_eq!(clean(line, charset), line.as_str());
        }
    }
}
