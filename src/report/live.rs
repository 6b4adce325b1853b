//! The tables of a running measurement, redrawn in place.
//!
//! A frame is a pure function of the figures and the terminal: it goes up over the frame before it, overwrites it line by line, and
//! clears what is left of it. A frame never fills the last line of the terminal, because the newline there would scroll the
//! beginning of the frame out of reach of the next one.

mod paths;
mod run;
mod spark;

pub use self::run::{RunFrame, RunRow, RunState};

use std::time::Duration;

use crossterm::Command;
use crossterm::cursor::MoveToPreviousLine;
use crossterm::terminal::{BeginSynchronizedUpdate, Clear, ClearType, EndSynchronizedUpdate};

use super::grid::{Grid, count_targets, in_reading_order};
use super::run_text::lasted;
use super::style::Style;
use super::text::prefix;
use super::trace::{TraceReport, TraceTextOptions};
use super::verdict::Verdict;
use super::window::WindowReport;

/// The size of a terminal in cells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Screen {
    /// Cells in a line.
    pub columns: u16,
    /// Lines.
    pub lines: u16,
}

/// How far the measurement is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// Probes sent so far.
    pub sent: u64,
    /// Probes planned; `None` is without end.
    pub expected: Option<u64>,
    /// Time since the start.
    pub elapsed: Duration,
}

/// What to write to the terminal, and how many lines it will then hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    /// Text and cursor movements.
    pub bytes: Vec<u8>,
    /// The `previous_height` of the next frame.
    pub height: u16,
}

/// Draws `reports` over the frame before, which was `previous_height` lines high (0 for the first).
///
/// Rows stand in reading order while all fit. On a terminal too small for that, the worst come first and the rest is counted.
#[must_use]
pub fn frame(
    reports: &[WindowReport<'_>],
    progress: &Progress,
    screen: Screen,
    previous_height: u16,
    style: Style,
) -> Frame {
    let usable = screen.lines.saturating_sub(1);
    let lines = lines(
        reports,
        progress,
        Screen {
            lines: usable,
            ..screen
        },
        style,
    );
    redrawn(&lines, usable, previous_height)
}

/// Draws paths over the frame before, which was `previous_height` lines high (0 for the first).
///
/// All paths stand in reading order while they fit, each as in [`trace_text`](super::trace_text). On a terminal too small for that,
/// the worst come first and the rest is counted. Names are cut to the terminal, whatever `options` say.
#[must_use]
pub fn trace_frame(
    reports: &[TraceReport<'_>],
    screen: Screen,
    previous_height: u16,
    style: Style,
    options: TraceTextOptions,
) -> Frame {
    let usable = screen.lines.saturating_sub(1);
    let screen = Screen {
        lines: usable,
        ..screen
    };
    redrawn(&paths::lines(reports, screen, style, options), usable, previous_height)
}

/// Draws the state of a service over the frame before, which was `previous_height` lines high (0 for the first).
///
/// All series stand in reading order while they fit beside the open incidents. On a terminal too small for that, the worst come first and the
/// rest is counted.
#[must_use]
pub fn run_frame(frame: &RunFrame<'_>, screen: Screen, previous_height: u16, style: Style) -> Frame {
    let usable = screen.lines.saturating_sub(1);
    let screen = Screen {
        lines: usable,
        ..screen
    };
    redrawn(&run::lines(frame, screen, style), usable, previous_height)
}

/// `lines` over the frame before, on a terminal of which `usable` lines may be filled.
fn redrawn(lines: &[String], usable: u16, previous_height: u16) -> Frame {
    let mut text = String::new();
    put(&mut text, &BeginSynchronizedUpdate);
    // A terminal that has become lower has lost the lines above its top; going up 0 lines would go up 1 on some.
    match previous_height.min(usable) {
        0 => text.push('\r'),
        up => put(&mut text, &MoveToPreviousLine(up)),
    }
    for line in lines {
        text.push_str(line);
        put(&mut text, &Clear(ClearType::UntilNewLine));
        text.push('\n');
    }
    put(&mut text, &Clear(ClearType::FromCursorDown));
    put(&mut text, &EndSynchronizedUpdate);
    Frame {
        bytes: text.into_bytes(),
        height: u16::try_from(lines.len()).unwrap_or(usable),
    }
}

fn put(text: &mut String, command: &impl Command) {
    // Writing to a string never fails.
    let _ = command.write_ansi(text);
}

/// The lines of a frame, at most `screen.lines` of them: progress first of all, then rows with their heading, then what is left out.
fn lines(reports: &[WindowReport<'_>], progress: &Progress, screen: Screen, style: Style) -> Vec<String> {
    let budget = usize::from(screen.lines);
    let cells = usize::from(screen.columns);
    let fit = |text: String| prefix(&text, cells).to_owned();
    let targets = count_targets(reports.iter().map(|report| report.series));
    let noise = reports.iter().any(WindowReport::self_noise);
    let status = fit(status(progress, targets, noise));
    let Some(room) = budget
        .checked_sub(HEADING_AND_STATUS)
        .filter(|room| *room > 0 && !reports.is_empty())
    else {
        return if budget > 0 { vec![status] } else { Vec::new() };
    };
    let mut ordered = in_reading_order(reports, |report| report.series);
    let mut left_out = 0;
    if ordered.len() > room {
        ordered.sort_by_cached_key(|report| std::cmp::Reverse(Verdict::new(report.summary).rank()));
        left_out = ordered.len() - (room - 1);
        ordered.truncate(room - 1);
    }
    let grid = Grid::new(&ordered, screen.columns, style);
    let mut lines = vec![grid.heading];
    lines.extend(grid.rows);
    if left_out > 0 {
        lines.push(fit(format!("... and {left_out} more, worst first")));
    }
    lines.push(status);
    lines
}

/// The heading and the progress line.
const HEADING_AND_STATUS: usize = 2;

fn status(progress: &Progress, targets: usize, self_noise: bool) -> String {
    let of = progress
        .expected
        .map_or_else(String::new, |expected| format!(" of {expected}"));
    let plural = if targets == 1 { "" } else { "s" };
    let elapsed = if progress.elapsed < COARSE {
        format!("{:.1} s", progress.elapsed.as_secs_f64())
    } else {
        lasted(progress.elapsed)
    };
    let noise = if self_noise { "   * disturbed by this host" } else { "" };
    format!(
        "{}{of} probes sent to {targets} target{plural} in {elapsed}{noise}",
        progress.sent
    )
}

/// From here on nobody looks at tenths of seconds.
const COARSE: Duration = Duration::from_mins(2);

#[cfg(test)]
mod tests;
