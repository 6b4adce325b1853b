//! Paths on a terminal: as many as it holds.

use super::Screen;
use crate::localize::VerdictCode;
use crate::report::grid::in_reading_order;
use crate::report::style::Style;
use crate::report::text::prefix;
use crate::report::trace::{Block, TraceReport, TraceTextOptions};

/// At most `screen.lines` lines: paths with a blank line between two, then how many are hidden.
pub(super) fn lines(
    reports: &[TraceReport<'_>],
    screen: Screen,
    style: Style,
    options: TraceTextOptions,
) -> Vec<String> {
    let (room, cells) = (usize::from(screen.lines), usize::from(screen.columns));
    let block = |report: &TraceReport<'_>| Block::new(report, cells, style, options);
    let mut ordered = in_reading_order(reports, |report| report.series);
    // Drawing thousands of paths to find that they do not fit would take longer than a frame may.
    let least: usize = ordered
        .iter()
        .map(|report| report.path.hops.len() + LINES_BESIDE_HOPS)
        .sum();
    if least <= room {
        let all: Vec<_> = ordered.iter().map(|report| block(report).lines()).collect();
        let all = all.join(&String::new());
        if all.len() <= room {
            return all;
        }
    }
    ordered.sort_by_key(|report| std::cmp::Reverse(badness(report.verdict.code)));
    let Some((worst, others)) = ordered.split_first() else {
        return Vec::new();
    };
    let room = if others.is_empty() {
        room
    } else {
        room.saturating_sub(1)
    };
    let mut lines = cut(block(worst), room, cells);
    let mut hidden = others.len();
    for report in others {
        let next = block(report).lines();
        if lines.len() + 1 + next.len() > room {
            break;
        }
        lines.push(String::new());
        lines.extend(next);
        hidden -= 1;
    }
    if hidden > 0 && screen.lines > 0 {
        let note = format!("... and {hidden} more paths hidden, worst first");
        lines.push(prefix(&note, cells).to_owned());
    }
    lines
}

/// The header, the heading and the verdict of a path.
const LINES_BESIDE_HOPS: usize = 3;

/// The lines of `block` in at most `room` lines: what it means stays, hops go.
fn cut(block: Block, room: usize, cells: usize) -> Vec<String> {
    let Block { head, mut rows, tail } = block;
    let others = head.len() + tail.len();
    if others + rows.len() > room && !rows.is_empty() {
        let shown = room.saturating_sub(others + 1).min(rows.len());
        let note = format!("... {} more lines hidden", rows.len() - shown);
        rows.truncate(shown);
        rows.push(prefix(&note, cells).to_owned());
    }
    let mut lines: Vec<String> = head.into_iter().chain(rows).chain(tail).collect();
    lines.truncate(room);
    lines
}

/// Higher is worse.
const fn badness(code: VerdictCode) -> u8 {
    match code {
        VerdictCode::Clean => 0,
        VerdictCode::TooFewProbes => 1,
        VerdictCode::Jitter => 2,
        VerdictCode::Loss => 3,
        VerdictCode::LossAndJitter => 4,
        VerdictCode::Unreachable => 5,
    }
}

#[cfg(test)]
mod tests;
