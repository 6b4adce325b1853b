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
    let block = |report: &&TraceReport<'_>| Block::new(report, cells, style, options);
    let mut ordered = in_reading_order(reports, |report| report.series);
    let all = ordered.iter().map(block).map(Block::lines).collect::<Vec<_>>();
    let all = all.join(&String::new());
    if all.len() <= room {
        return all;
    }
    ordered.sort_by_key(|report| std::cmp::Reverse(badness(report.verdict.code)));
    let mut lines: Vec<String> = Vec::new();
    let mut shown = 0;
    for report in &ordered {
        let next = block(report);
        let next = if lines.is_empty() {
            cut(next, room.saturating_sub(usize::from(ordered.len() > 1)))
        } else {
            std::iter::once(String::new()).chain(next.lines()).collect()
        };
        if lines.len() + next.len() + 1 > room && shown > 0 {
            break;
        }
        lines.extend(next);
        shown += 1;
    }
    let hidden = ordered.len() - shown;
    if hidden > 0 {
        let note = format!("... and {hidden} more hidden, worst first");
        lines.truncate(room.saturating_sub(1));
        lines.push(prefix(&note, cells).to_owned());
    }
    lines.truncate(room);
    lines
}

/// The lines of `block` in at most `room` lines: what it means stays, hops go.
fn cut(block: Block, room: usize) -> Vec<String> {
    let Block { head, mut rows, tail } = block;
    let others = head.len() + tail.len();
    if others + rows.len() > room {
        let hidden = rows.len() - room.saturating_sub(others + 1).min(rows.len());
        rows.truncate(rows.len() - hidden);
        rows.push(format!("... {hidden} lines hidden"));
    }
    head.into_iter().chain(rows).chain(tail).collect()
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
