//! Columns of text that fit a width.
//!
//! A row is one line, always. Where the width does not do, columns go in the order of their worth, then the one that shrinks loses the
//! middle of its words.

use comfy_table::presets::NOTHING;
use comfy_table::{Cell, CellAlignment, Color, ContentArrangement, Table};

use super::style::Style;
use super::text::{prefix, squeeze, width};
use super::verdict::Tone;

/// One column with all of its cells.
pub(super) struct Column {
    pub(super) title: &'static str,
    pub(super) side: Side,
    pub(super) worth: Worth,
    pub(super) cells: Vec<CellText>,
}

/// Where the text of a column stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Side {
    Left,
    Right,
}

/// What becomes of a column where the width does not do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Worth {
    /// It goes, those with the lowest number first.
    Goes(usize),
    /// It stays.
    Stays,
    /// It stays, but shrinks: to [`SHORT`] before another column goes, further where that does not do. One column at most.
    Shrinks,
}

/// What stands in a cell.
pub(super) struct CellText {
    pub(super) text: String,
    pub(super) tone: Tone,
}

impl From<String> for CellText {
    fn from(text: String) -> Self {
        Self {
            text,
            tone: Tone::Neutral,
        }
    }
}

/// The heading, then a line for each row: without newlines, at most `total` cells wide.
pub(super) fn lay_out(columns: Vec<Column>, total: usize, style: Style) -> Vec<String> {
    let measured = columns.into_iter().map(|column| (column.widest(), column));
    let mut columns: Vec<(usize, Column)> = measured.collect();
    while least_width(&columns) > total
        && let Some(least) = least_worth(&columns)
    {
        columns.remove(least);
    }
    let shrunk = room_to_shrink(&columns, total);
    let columns: Vec<Column> = columns.into_iter().map(|(_, column)| column).collect();
    // Cutting a line in the end must not cut a colour code in two, so the narrowest of terminals get no colour.
    let plain = draw(&columns, shrunk, Style { color: false, ..style });
    if plain.iter().any(|line| width(line) > total) {
        return plain.iter().map(|line| prefix(line, total).to_owned()).collect();
    }
    if style.color {
        draw(&columns, shrunk, style)
    } else {
        plain
    }
}

impl Column {
    fn widest(&self) -> usize {
        let cells = self.cells.iter().map(|cell| width(&cell.text));
        cells.max().unwrap_or(0).max(width(self.title))
    }
}

/// Cells of a line where the column that shrinks has lost all that it can well do without.
fn least_width(columns: &[(usize, Column)]) -> usize {
    let cells = columns.iter().map(|(widest, column)| match column.worth {
        Worth::Shrinks => (*widest).min(SHORT),
        Worth::Goes(_) | Worth::Stays => *widest,
    });
    cells.sum::<usize>() + gaps(columns.len())
}

fn gaps(columns: usize) -> usize {
    columns.saturating_sub(1) * usize::from(GAP_CELLS)
}

/// Where the column is that goes next.
fn least_worth(columns: &[(usize, Column)]) -> Option<usize> {
    let goes = |(index, (_, column)): (usize, &(usize, Column))| match column.worth {
        Worth::Goes(worth) => Some((worth, index)),
        Worth::Stays | Worth::Shrinks => None,
    };
    let (_, index) = columns.iter().enumerate().filter_map(goes).min()?;
    Some(index)
}

/// What the others leave of `total` to the column that shrinks.
fn room_to_shrink(columns: &[(usize, Column)], total: usize) -> usize {
    let others = columns.iter().filter(|(_, column)| column.worth != Worth::Shrinks);
    let taken: usize = others.map(|(widest, _)| widest).sum();
    total.saturating_sub(taken + gaps(columns.len())).max(1)
}

fn draw(columns: &[Column], shrunk: usize, style: Style) -> Vec<String> {
    let mut table = Table::new();
    table
        .load_style(NOTHING)
        .set_content_arrangement(ContentArrangement::Disabled)
        .force_no_tty();
    if style.color {
        table.enforce_styling();
        table.style_text_only();
    }
    let limit = |column: &Column| match column.worth {
        Worth::Shrinks => shrunk,
        Worth::Goes(_) | Worth::Stays => usize::MAX,
    };
    let fitted = |column: &Column, text| Cell::new(squeeze(text, limit(column), style.charset));
    table.set_header(columns.iter().map(|column| fitted(column, column.title)));
    let rows = columns.first().map_or(0, |column| column.cells.len());
    for row in 0..rows {
        let cells = columns
            .iter()
            .filter_map(|column| Some((column, column.cells.get(row)?)));
        table.add_row(cells.map(|(column, cell)| {
            let tone = if style.color { cell.tone } else { Tone::Neutral };
            toned(fitted(column, &cell.text), tone)
        }));
    }
    let last = columns.len().saturating_sub(1);
    for ((index, drawn), column) in table.column_iter_mut().enumerate().zip(columns) {
        drawn.set_padding((0, if index == last { 0 } else { GAP_CELLS }));
        drawn.set_cell_alignment(match column.side {
            Side::Left => CellAlignment::Left,
            Side::Right => CellAlignment::Right,
        });
    }
    table.lines().map(|line| line.trim_end().to_owned()).collect()
}

fn toned(cell: Cell, tone: Tone) -> Cell {
    match tone {
        Tone::Neutral => cell,
        Tone::Good => cell.fg(Color::Green),
        Tone::Warning => cell.fg(Color::Yellow),
        Tone::Bad => cell.fg(Color::Red),
    }
}

/// Names can still be told apart.
const SHORT: usize = 16;

/// Cells between two columns.
const GAP_CELLS: u16 = 2;
