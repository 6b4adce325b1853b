//! The live view of a service: how each series is, how it was, and what is wrong.

use crossterm::style::Stylize as _;

use super::spark::spark;
use super::{Progress, Screen, status};
use crate::detect::Cause;
use crate::diagnose::Incident;
use crate::report::grid::{
    absent, addresses_tell_more, count_targets, in_reading_order, jitter, loss, names_are_ambiguous, probe_and_flow,
    quantile,
};
use crate::report::layout::{self, CellText, Side, Worth, lay_out};
use crate::report::run_text::lasted;
use crate::report::style::{Charset, Style};
use crate::report::text::{address, clean, prefix, wrapped};
use crate::report::verdict::{Tone, Verdict};
use crate::series::Series;
use crate::stats::Summary;
use crate::units::{Mono, Rtt};

/// All that the live view shows at a moment.
#[derive(Clone, Copy, Debug)]
pub struct RunFrame<'a> {
    /// A row for each series.
    pub rows: &'a [RunRow<'a>],
    /// What is open, oldest first.
    pub incidents: &'a [&'a Incident],
    /// How far the run is.
    pub progress: Progress,
    /// Now, on the clock of the incidents.
    pub now: Mono,
}

/// One series in the live view.
#[derive(Clone, Copy, Debug)]
pub struct RunRow<'a> {
    /// What is probed.
    pub series: &'a Series,
    /// The user's group of its target.
    pub group: Option<&'a str>,
    /// The figures of its last window; `None` before the first has closed.
    pub last: Option<&'a Summary>,
    /// Whether this host disturbed that window.
    pub self_noise: bool,
    /// The 99th percentile of each of the last windows, oldest first; `None` where nothing replied.
    pub history: &'a [Option<Rtt>],
    /// What the detector makes of it.
    pub state: RunState,
}

/// What the detector makes of a series, the worst that is true of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RunState {
    /// Nobody knows yet what is normal for it.
    Learning,
    /// As it always is.
    Steady,
    /// Spikes are its habit.
    Jittery,
    /// An episode of spikes is under way.
    Spiking,
    /// It is degraded.
    Degraded(Cause),
}

/// The lines of a frame, at most `screen.lines`: rows, open incidents, progress. Where they do not fit, the worst rows come first, and what is
/// left out is counted.
pub(super) fn lines(frame: &RunFrame<'_>, screen: Screen, style: Style) -> Vec<String> {
    let (budget, cells) = (usize::from(screen.lines), usize::from(screen.columns));
    let Some(room) = budget.checked_sub(1) else {
        return Vec::new();
    };
    // Incidents get half of the screen, or what the rows leave of it.
    let beside_rows = room.saturating_sub(HEADING_AND_GAP + frame.rows.len());
    let incidents = incidents(frame, cells, beside_rows.max(room / 2), style);
    let gap = usize::from(!incidents.is_empty());
    let room = room.saturating_sub(incidents.len() + gap);
    let mut lines = rows(frame.rows, room, screen.columns, style);
    if !lines.is_empty() && !incidents.is_empty() {
        lines.push(String::new());
    }
    lines.extend(incidents);
    lines.push(prefix(&progress(frame), cells).to_owned());
    lines
}

fn progress(frame: &RunFrame<'_>) -> String {
    let targets = count_targets(frame.rows.iter().map(|row| row.series));
    let noise = frame.rows.iter().any(|row| row.self_noise);
    let open = match frame.incidents.len() {
        0 => "no open incident".to_owned(),
        1 => "1 open incident".to_owned(),
        many => format!("{many} open incidents"),
    };
    format!("{open}; {}", status(&frame.progress, targets, noise))
}

/// The heading of the rows, and the empty line between them and the incidents.
const HEADING_AND_GAP: usize = 2;

/// The heading and the rows in at most `room` lines; nothing where not even one row fits.
fn rows(rows: &[RunRow<'_>], room: usize, columns: u16, style: Style) -> Vec<String> {
    let room = room.saturating_sub(1);
    // What is left out takes a line to say so.
    if room < rows.len().min(2) || rows.is_empty() {
        return Vec::new();
    }
    let mut ordered = in_reading_order(rows, |row| row.series);
    let mut left_out = 0;
    if ordered.len() > room {
        ordered.sort_by_cached_key(|row| std::cmp::Reverse(Condition::new(row).rank));
        left_out = ordered.len() - (room - 1);
        ordered.truncate(room - 1);
    }
    let mut lines = lay_out(columns_of(&ordered, style.charset), usize::from(columns), style);
    if left_out > 0 {
        let note = format!("... and {left_out} more, worst first");
        lines.push(prefix(&note, usize::from(columns)).to_owned());
    }
    lines
}

/// Open incidents in at most `room` lines, each with its sentence; the newest first, because that is what changes.
fn incidents(frame: &RunFrame<'_>, cells: usize, room: usize, style: Style) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for (shown, incident) in frame.incidents.iter().rev().enumerate() {
        let others = frame.incidents.len() - shown - 1;
        let mut block = block(incident, frame.now, cells, style);
        let left = room.saturating_sub(lines.len() + usize::from(others > 0));
        if shown == 0 {
            block.truncate(left);
        }
        if block.len() > left || block.is_empty() {
            let note = format!("... and {} older", others + 1);
            lines.push(prefix(&note, cells).to_owned());
            break;
        }
        lines.extend(block);
    }
    lines.truncate(room);
    lines
}

/// `INCIDENT #3 shared_path for 42 s: sentence`, in as many lines as it takes.
fn block(incident: &Incident, now: Mono, cells: usize, style: Style) -> Vec<String> {
    let text = format!(
        "{INCIDENT} #{} {} for {}: {}",
        incident.number,
        incident.verdict.as_str(),
        lasted(now.since(incident.began)),
        incident.message
    );
    let lines = wrapped(&clean(&text, style.charset), cells.saturating_sub(INDENT.len()).max(1));
    let indented = lines.iter().enumerate().map(|(index, line)| {
        let indent = if index == 0 { "" } else { INDENT };
        prefix(&format!("{indent}{line}"), cells).to_owned()
    });
    indented.map(|line| colored(line, style)).collect()
}

fn colored(line: String, style: Style) -> String {
    match line.strip_prefix(INCIDENT) {
        Some(rest) if style.color => format!("{}{rest}", INCIDENT.red()),
        Some(_) | None => line,
    }
}

/// What the lines for people call it, too.
const INCIDENT: &str = "INCIDENT";

/// Before the further lines of an incident, so that it stands apart from the next.
const INDENT: &str = "  ";

/// A state in a word, its colour, and its place when the worst come first.
struct Condition {
    word: String,
    tone: Tone,
    rank: (Tone, u64),
}

impl Condition {
    /// The worse of the two: the detector knows what has happened since the last window, and that window how much of it.
    fn new(row: &RunRow<'_>) -> Self {
        let (word, tone) = match row.state {
            RunState::Degraded(_) => ("DEGRADED", Tone::Bad),
            RunState::Spiking => ("SPIKING", Tone::Warning),
            RunState::Jittery => ("jittery", Tone::Warning),
            RunState::Learning => ("learning", Tone::Neutral),
            RunState::Steady => ("ok", Tone::Good),
        };
        let verdict = row.last.map(Verdict::new);
        match verdict {
            Some(verdict) if verdict.tone >= Tone::Warning && verdict.tone >= tone => Self {
                rank: verdict.rank(),
                tone: verdict.tone,
                word: verdict.word,
            },
            Some(_) | None => Self {
                word: word.to_owned(),
                tone,
                rank: (tone, 0),
            },
        }
    }
}

fn columns_of(rows: &[&RunRow<'_>], charset: Charset) -> Vec<layout::Column> {
    let series: Vec<&Series> = rows.iter().map(|row| row.series).collect();
    let show_flow = series.iter().any(|series| series.flow > 0);
    let figure = |pick: fn(&Summary) -> String| move |row: &RunRow<'_>| row.last.map_or_else(absent, pick).into();
    let column = |title, side, worth, cell: &dyn Fn(&RunRow<'_>) -> CellText| layout::Column {
        title,
        side,
        worth,
        cells: rows.iter().map(|row| cell(row)).collect(),
    };
    // The last to go where one name has several addresses, else the first: rows must be told apart.
    let worth_of_address = if names_are_ambiguous(&series) { 9 } else { 0 };
    let mut columns = vec![column("target", Side::Left, Worth::Shrinks, &|row| {
        clean(&row.series.target, charset).into_owned().into()
    })];
    if rows.iter().any(|row| row.group.is_some()) {
        columns.push(column("group", Side::Left, Worth::Goes(1), &|row| {
            clean(row.group.unwrap_or("-"), charset).into_owned().into()
        }));
    }
    if addresses_tell_more(&series) {
        columns.push(column("address", Side::Left, Worth::Goes(worth_of_address), &|row| {
            address(row.series).into()
        }));
    }
    columns.extend([
        column("probe", Side::Left, Worth::Stays, &|row| {
            probe_and_flow(row.series, show_flow).into()
        }),
        column("loss % (95 %)", Side::Right, Worth::Goes(6), &figure(loss)),
        column(
            "p50 ms",
            Side::Right,
            Worth::Goes(3),
            &figure(|last| quantile(last, |rtt| rtt.p50)),
        ),
        column(
            "p99 ms",
            Side::Right,
            Worth::Goes(5),
            &figure(|last| quantile(last, |rtt| rtt.p99)),
        ),
        column("jitter ms", Side::Right, Worth::Goes(2), &figure(jitter)),
        column("p99 so far", Side::Right, Worth::Goes(4), &|row| {
            spark(row.history, charset).into()
        }),
        column("state", Side::Left, Worth::Stays, &state),
    ]);
    columns
}

fn state(row: &RunRow<'_>) -> CellText {
    let Condition { word, tone, .. } = Condition::new(row);
    let mark = if row.self_noise { "*" } else { "" };
    CellText {
        text: word + mark,
        tone,
    }
}

#[cfg(test)]
mod tests;
