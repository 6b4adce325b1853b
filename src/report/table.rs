//! One table of many targets: a row per series, the rows of a backend together.

use super::grid::{Grid, in_reading_order, probe};
use super::style::{Charset, Style};
use super::text::{clean, width};
use super::window::WindowReport;

/// The table of `reports`, at most `columns` cells wide, each line with its newline.
///
/// Every row names its target, so that `grep` finds all of it; times are ms. A `*` marks results that this host itself disturbed,
/// and below the table stands what it did.
#[must_use]
pub fn table(reports: &[WindowReport<'_>], columns: u16, style: Style) -> String {
    let ordered = in_reading_order(reports, |report| report.series);
    let grid = Grid::new(&ordered, columns, style);
    let rule = match style.charset {
        Charset::Utf8 => "\u{2500}",
        Charset::Ascii => "-",
    };
    let plain = Grid::new(&ordered, columns, Style { color: false, ..style });
    let widest = plain
        .rows
        .iter()
        .chain([&plain.heading])
        .map(|line| width(line))
        .max()
        .unwrap_or(0);
    let mut lines = vec![grid.heading, rule.repeat(widest)];
    lines.extend(grid.rows);
    if grid.marked {
        lines.push(MARK.to_owned());
        let reasons = ordered
            .iter()
            .filter(|report| report.self_noise())
            .filter_map(|report| {
                let name = clean(&report.series.target, style.charset);
                Some(format!(
                    "  {name} {}: {}",
                    probe(report.series.endpoint),
                    report.host_noise()?
                ))
            });
        let reasons: Vec<String> = reasons.collect();
        let more = reasons.len().saturating_sub(REASONS_SHOWN);
        lines.extend(reasons.into_iter().take(REASONS_SHOWN));
        if more > 0 {
            lines.push(format!("  ... and {more} more"));
        }
    }
    lines.into_iter().map(|line| line + "\n").collect()
}

/// What the mark means.
const MARK: &str = "* this host itself disturbed the measurement:";

/// Reasons that are shown below a table: they tend to be one and the same.
const REASONS_SHOWN: usize = 3;

#[cfg(test)]
mod tests;
