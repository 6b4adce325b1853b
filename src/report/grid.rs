//! Rows and columns that fit a width: what the table and the live table have in common.
//!
//! A row is one line, always. Where the width does not do, columns go in the order of their worth (a word that says "LOSS" is worth
//! more than a jitter figure), then long names lose their middle.

use std::collections::{HashMap, HashSet};
use std::net::IpAddr;

use comfy_table::presets::NOTHING;
use comfy_table::{Cell, CellAlignment, Color, ContentArrangement, Table};

use super::style::{Charset, Style};
use super::text::{address, clean, decimals, millis, millis_of_micros, prefix, squeeze, width};
use super::verdict::{Tone, Verdict};
use super::window::WindowReport;
use crate::series::{Endpoint, Series};
use crate::stats::{RttSummary, Summary};

/// A heading and the rows under it, as lines without newlines.
pub(super) struct Grid {
    pub(super) heading: String,
    pub(super) rows: Vec<String>,
    /// Whether a row carries the mark of a disturbed host, which wants explaining.
    pub(super) marked: bool,
}

impl Grid {
    /// Lays `reports` out in their order, in at most `columns` cells.
    pub(super) fn new(reports: &[&WindowReport<'_>], columns: u16, style: Style) -> Self {
        let marked = reports.iter().any(|report| report.self_noise());
        let plan = Plan::new(reports, usize::from(columns), style.charset);
        let mut lines = plan.draw(reports, style).into_iter();
        Self {
            heading: lines.next().unwrap_or_default(),
            rows: lines.collect(),
            marked,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Column {
    Target,
    Address,
    Probe,
    Sent,
    Loss,
    P50,
    P99,
    Max,
    Jitter,
    Result,
}

use Column::{Address, Jitter, Loss, Max, P50, P99, Probe, Result, Sent, Target};

const ALL: [Column; 10] = [Target, Address, Probe, Sent, Loss, P50, P99, Max, Jitter, Result];

/// The first to go where the width does not do; the target, the probe and the result stay.
const LEAST_WORTH_FIRST: [Column; 7] = [Address, Sent, Max, Jitter, P50, P99, Loss];

/// The same where one name has several addresses, and rows could not be told apart without them.
const LEAST_WORTH_FIRST_WITH_ADDRESS: [Column; 7] = [Sent, Max, Jitter, P50, P99, Loss, Address];

/// Names shrink to this before a column goes.
const SHORT_NAME: usize = 16;

/// Cells between two columns.
const GAP_CELLS: u16 = 2;

impl Column {
    const fn title(self) -> &'static str {
        match self {
            Target => "target",
            Address => "address",
            Probe => "probe",
            Sent => "sent",
            Loss => "loss % (95 %)",
            P50 => "p50 ms",
            P99 => "p99 ms",
            Max => "max ms",
            Jitter => "jitter ms",
            Result => "result",
        }
    }

    const fn alignment(self) -> CellAlignment {
        match self {
            Target | Address | Probe | Result => CellAlignment::Left,
            Sent | Loss | P50 | P99 | Max | Jitter => CellAlignment::Right,
        }
    }

    fn text(self, report: &WindowReport<'_>, show_flow: bool, charset: Charset) -> String {
        let summary = report.summary;
        let quantile = |pick: fn(&RttSummary) -> _| summary.rtt.as_ref().map(pick).map_or_else(absent, millis);
        match self {
            Target => clean(&report.series.target, charset).into_owned(),
            Address => address(report.series),
            Probe if show_flow => format!("{} #{}", probe(report.series.endpoint), report.series.flow),
            Probe => probe(report.series.endpoint),
            Sent => summary.counts.sent.to_string(),
            Loss => loss(summary),
            P50 => quantile(|rtt| rtt.p50),
            P99 => quantile(|rtt| rtt.p99),
            Max => quantile(|rtt| rtt.max),
            Jitter => summary.jitter_rfc3550_us.map_or_else(absent, millis_of_micros),
            Result => {
                let mark = if report.self_noise() { "*" } else { "" };
                Verdict::new(summary).word + mark
            }
        }
    }
}

fn absent() -> String {
    "-".to_owned()
}

/// `icmp`, `tcp/PORT` or `udp/PORT`.
pub(super) fn probe(endpoint: Endpoint) -> String {
    match endpoint {
        Endpoint::Icmp => "icmp".to_owned(),
        Endpoint::Tcp(port) => format!("tcp/{port}"),
        Endpoint::Udp(port) => format!("udp/{port}"),
    }
}

/// `12.5 (3.5-36.0)`, with more decimals where all of it is small.
fn loss(summary: &Summary) -> String {
    let Some(loss) = summary.loss else {
        return absent();
    };
    let digits = decimals(loss.high, 1);
    let percent = |ratio: f64| {
        if ratio > 1.0 - 1e-9 {
            "100".to_owned()
        } else {
            format!("{:.digits$}", ratio * 100.0)
        }
    };
    format!("{} ({}-{})", percent(loss.ratio), percent(loss.low), percent(loss.high))
}

/// The columns that are shown, and how wide the names may be.
struct Plan {
    columns: Vec<Column>,
    target_width: usize,
    total: usize,
    show_flow: bool,
}

impl Plan {
    fn new(reports: &[&WindowReport<'_>], total: usize, charset: Charset) -> Self {
        let show_flow = reports.iter().any(|report| report.series.flow > 0);
        let widest = |column: Column| {
            let cells = reports
                .iter()
                .map(|report| width(&column.text(report, show_flow, charset)));
            cells.max().unwrap_or(0).max(column.title().len())
        };
        let mut columns: Vec<(Column, usize)> = ALL.iter().map(|&column| (column, widest(column))).collect();
        let name = widest(Target);
        let needed = |columns: &[(Column, usize)], name: usize| {
            let others: usize = columns
                .iter()
                .filter(|(column, _)| *column != Target)
                .map(|(_, cells)| cells + usize::from(GAP_CELLS))
                .sum();
            others + name
        };
        let mut order: &[Column] = if names_are_ambiguous(reports) {
            &LEAST_WORTH_FIRST_WITH_ADDRESS
        } else {
            &LEAST_WORTH_FIRST
        };
        if reports
            .iter()
            .all(|report| *report.series.target == address(report.series))
        {
            columns.retain(|(column, _)| *column != Address);
        }
        while needed(&columns, name.min(SHORT_NAME)) > total
            && let [least, rest @ ..] = order
        {
            columns.retain(|(column, _)| column != least);
            order = rest;
        }
        let room = total.saturating_sub(needed(&columns, 0));
        let columns = columns.into_iter().map(|(column, _)| column).collect();
        Self {
            columns,
            target_width: name.min(room.max(1)),
            total,
            show_flow,
        }
    }

    fn draw(&self, reports: &[&WindowReport<'_>], style: Style) -> Vec<String> {
        // Cutting a line in the end must not cut a colour code in two, so the narrowest of terminals get no colour.
        let plain = self.lines(reports, Style { color: false, ..style });
        if plain.iter().any(|line| width(line) > self.total) {
            return plain.iter().map(|line| prefix(line, self.total).to_owned()).collect();
        }
        if style.color { self.lines(reports, style) } else { plain }
    }

    fn lines(&self, reports: &[&WindowReport<'_>], style: Style) -> Vec<String> {
        let mut table = Table::new();
        table
            .load_style(NOTHING)
            .set_content_arrangement(ContentArrangement::Disabled)
            .force_no_tty();
        if style.color {
            table.enforce_styling();
            table.style_text_only();
        }
        table.set_header(
            self.columns
                .iter()
                .map(|column| Cell::new(squeeze(column.title(), self.limit(*column), style.charset))),
        );
        for report in reports {
            table.add_row(self.columns.iter().map(|column| self.cell(*column, report, style)));
        }
        let last = self.columns.len().saturating_sub(1);
        for (index, column) in table.column_iter_mut().enumerate() {
            column.set_padding((0, if index == last { 0 } else { GAP_CELLS }));
            if let Some(kind) = self.columns.get(index) {
                column.set_cell_alignment(kind.alignment());
            }
        }
        table.lines().map(|line| line.trim_end().to_owned()).collect()
    }

    fn cell(&self, column: Column, report: &WindowReport<'_>, style: Style) -> Cell {
        let text = column.text(report, self.show_flow, style.charset);
        let cell = Cell::new(squeeze(&text, self.limit(column), style.charset));
        let tone = if column == Result && style.color {
            Verdict::new(report.summary).tone
        } else {
            Tone::Neutral
        };
        match tone {
            Tone::Neutral => cell,
            Tone::Good => cell.fg(Color::Green),
            Tone::Warning => cell.fg(Color::Yellow),
            Tone::Bad => cell.fg(Color::Red),
        }
    }

    fn limit(&self, column: Column) -> usize {
        if column == Target {
            self.target_width
        } else {
            usize::MAX
        }
    }
}

/// Whether one name is probed at several addresses.
fn names_are_ambiguous(reports: &[&WindowReport<'_>]) -> bool {
    let mut addresses: HashMap<&str, IpAddr> = HashMap::new();
    reports.iter().any(|report| {
        let series = report.series;
        *addresses.entry(&series.target).or_insert(series.address) != series.address
    })
}

/// `reports` with all rows of a backend together, its addresses in the order given, ICMP before TCP.
pub(super) fn in_reading_order<'a, R>(reports: &[R], series: impl Fn(&R) -> &'a Series) -> Vec<&R> {
    let mut targets: HashMap<&str, usize> = HashMap::new();
    let mut addresses: HashMap<(&str, IpAddr), usize> = HashMap::new();
    let mut keyed: Vec<_> = reports
        .iter()
        .enumerate()
        .map(|(index, report)| {
            let series = series(report);
            let target = *targets.entry(&series.target).or_insert(index);
            let address = *addresses.entry((&series.target, series.address)).or_insert(index);
            ((target, address, series.endpoint, series.flow), report)
        })
        .collect();
    keyed.sort_by_key(|(key, _)| *key);
    keyed.into_iter().map(|(_, report)| report).collect()
}

/// How many targets `reports` speak of.
pub(super) fn count_targets(reports: &[WindowReport<'_>]) -> usize {
    reports
        .iter()
        .map(|report| &*report.series.target)
        .collect::<HashSet<_>>()
        .len()
}
