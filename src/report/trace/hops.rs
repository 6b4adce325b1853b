//! The hops of one path as rows and columns that fit a width.
//!
//! The columns of `mtr --report` come first and in its order, so that its users find them. Where the width does not do, names lose
//! their middle first, then columns go from the right; labels go beneath the row. Addresses stay as long as anything can.

use std::net::IpAddr;

use comfy_table::presets::NOTHING;
use comfy_table::{Cell, CellAlignment, ContentArrangement, Table};

use super::TraceReport;
use super::host::{bare_width, host};
use super::text::TraceTextOptions;
use crate::outcome::MplsLabel;
use crate::report::style::Charset;
use crate::report::text::{decimals, prefix, squeeze, width, wrapped};
use crate::stats::{Proportion, RttSummary};
use crate::sweep::Hop;

/// The heading and the lines under it, without newlines.
pub(super) struct HopTable {
    pub(super) heading: String,
    pub(super) lines: Vec<String>,
}

impl HopTable {
    /// Lays the hops of `report` out in at most `total` cells.
    pub(super) fn new(report: &TraceReport<'_>, total: usize, charset: Charset, options: TraceTextOptions) -> Self {
        let rows: Vec<Row> = report
            .path
            .hops
            .iter()
            .enumerate()
            .map(|(index, hop)| Row::new(report, index, hop))
            .collect();
        let namer = Namer {
            report,
            charset,
            options,
        };
        let plan = Plan::new(&rows, &namer, total);
        let mut drawn = plan.draw(&rows, &namer).into_iter();
        let heading = drawn.next().unwrap_or_default();
        let beneath = rows.iter().map(|row| plan.beneath(row, &namer));
        let lines = drawn
            .zip(beneath)
            .flat_map(|(line, beneath)| std::iter::once(line).chain(beneath));
        Self {
            heading,
            lines: lines.collect(),
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Column {
    Host,
    Loss,
    Sent,
    Last,
    Average,
    Best,
    Worst,
    Deviation,
    P99,
    Jitter,
    Interval,
    Label,
}

use Column::{Average, Best, Deviation, Host, Interval, Jitter, Label, Last, Loss, P99, Sent, Worst};

const ALL: [Column; 12] = [
    Host, Loss, Sent, Last, Average, Best, Worst, Deviation, P99, Jitter, Interval, Label,
];

/// The first to go where the width does not do; the host and its loss stay.
const LEAST_WORTH_FIRST: [Column; 10] = [
    Interval, Label, Jitter, P99, Deviation, Best, Last, Worst, Average, Sent,
];

/// Cells between two columns: two where all fit so, else one.
const GAPS: [usize; 2] = [2, 1];

impl Column {
    const fn title(self) -> &'static str {
        match self {
            Host => "Hop     Host",
            Loss => "Loss%",
            Sent => "Snt",
            Last => "Last",
            Average => "Avg",
            Best => "Best",
            Worst => "Wrst",
            Deviation => "StDev",
            P99 => "p99",
            Jitter => "Jitter",
            Interval => "Loss 95%",
            Label => "",
        }
    }

    const fn alignment(self) -> CellAlignment {
        match self {
            Host | Label => CellAlignment::Left,
            Loss | Sent | Last | Average | Best | Worst | Deviation | P99 | Jitter | Interval => CellAlignment::Right,
        }
    }
}

/// One hop with its figures at hand.
struct Row<'a> {
    hop: &'a Hop,
    loss: Option<Proportion>,
    rtt: Option<RttSummary>,
    label: String,
}

impl<'a> Row<'a> {
    fn new(report: &TraceReport<'_>, index: usize, hop: &'a Hop) -> Self {
        let counts = &hop.counts;
        let labels = report.labels(index);
        let odd = [
            (labels.rate_limited, "rate limited"),
            (labels.slow_control_plane, "slow to answer itself"),
            (hop.presumed, "presumed from other paths"),
        ];
        let odd = odd.into_iter().filter(|(is, _)| *is).map(|(_, words)| words.to_owned());
        let apart = [
            (counts.late, "late"),
            (counts.send_errors, "not sent"),
            (counts.unjudged, "not judged"),
        ];
        let apart = apart
            .into_iter()
            .filter(|(count, _)| *count > 0)
            .map(|(count, words)| format!("{count} {words}"));
        Self {
            hop,
            loss: Proportion::wilson(counts.sent.saturating_sub(counts.received), counts.sent),
            rtt: hop.rtts.summary(),
            label: odd.chain(apart).collect::<Vec<_>>().join(", "),
        }
    }

    /// What stands in `column`, but for the host, whose room is not known here.
    fn text(&self, column: Column) -> String {
        let time = |pick: fn(&RttSummary) -> f64| self.rtt.as_ref().map(pick).map_or_else(absent, millis);
        match column {
            Host => String::new(),
            Loss => self.loss.map_or_else(absent, percent),
            Sent => self.hop.counts.sent.to_string(),
            Last => self.hop.last.map_or_else(absent, |rtt| millis(rtt.as_micros())),
            Average => time(|rtt| rtt.mean_us),
            Best => time(|rtt| rtt.min.as_micros()),
            Worst => time(|rtt| rtt.max.as_micros()),
            Deviation => time(|rtt| rtt.stddev_us),
            P99 => time(|rtt| rtt.p99.as_micros()),
            Jitter => self.hop.jitter_us.map_or_else(absent, millis),
            Interval => self.loss.map_or_else(absent, interval),
            Label => self.label.clone(),
        }
    }
}

fn absent() -> String {
    "-".to_owned()
}

/// ms of us, without the unit: three digits below 10 ms, where they tell something, and one from there on, as `mtr` prints.
fn millis(micros: f64) -> String {
    match micros {
        micros if !micros.is_finite() => absent(),
        micros if micros < THREE_DIGITS_BELOW_US => format!("{:.3}", micros / 1e3),
        micros => format!("{:.1}", micros / 1e3),
    }
}

/// What rounds to 10 ms is written as 10.0.
const THREE_DIGITS_BELOW_US: f64 = 9_999.5;

/// `12.5%`, with more decimals where it is small but not nothing.
fn percent(loss: Proportion) -> String {
    let digits = if loss.ratio > 0.0 { decimals(loss.ratio, 1) } else { 1 };
    format!("{:.digits$}%", loss.ratio * 100.0)
}

/// `3.5-36.0`, in percent.
fn interval(loss: Proportion) -> String {
    let digits = decimals(loss.high, 1);
    format!("{:.digits$}-{:.digits$}", loss.low * 100.0, loss.high * 100.0)
}

/// How hosts are called.
struct Namer<'a> {
    report: &'a TraceReport<'a>,
    charset: Charset,
    options: TraceTextOptions,
}

impl Namer<'_> {
    /// The host at `address` in at most `cells` cells.
    fn host(&self, address: IpAddr, cells: usize) -> String {
        let name = self.options.name_of(address, self.report);
        host(name, address, cells, self.charset)
    }

    /// The first address of a hop, or the mark of a silent one.
    fn first(&self, hop: &Hop, cells: usize) -> String {
        match hop.responders.first() {
            Some(responder) => self.host(responder.address, cells),
            None => prefix(SILENT, cells).to_owned(),
        }
    }
}

/// As `mtr` marks a hop without an answer.
pub(super) const SILENT: &str = "???";

/// `  7.|-- `, as `mtr` begins a row.
pub(super) fn hop_prefix(ttl: u8) -> String {
    format!("{ttl:>3}.|-- ")
}

/// What stands before a further address of a hop.
pub(super) const NEXT_PREFIX: &str = "    |-- ";

/// What stands before a line that belongs to the host above it.
const NOTE_PREFIX: &str = "        ";

/// The columns that are shown, and how wide the hosts may be.
struct Plan {
    columns: Vec<Column>,
    gap: usize,
    host_cells: usize,
    total: usize,
}

impl Plan {
    fn new(rows: &[Row<'_>], namer: &Namer<'_>, total: usize) -> Self {
        let widest = |column: Column| {
            let cells = rows.iter().map(|row| width(&row.text(column)));
            cells.max().unwrap_or(0).max(column.title().len())
        };
        let mut columns: Vec<(Column, usize)> = ALL.iter().map(|&column| (column, widest(column))).collect();
        columns.retain(|(column, _)| *column != Label || rows.iter().any(|row| !row.label.is_empty()));
        let others = |columns: &[(Column, usize)], gap: usize| -> usize {
            let shown = columns.iter().filter(|(column, _)| *column != Host);
            shown.map(|(_, cells)| cells + gap).sum()
        };
        let shortest = PREFIX_CELLS + rows.iter().map(|row| bare_width(row.hop)).max().unwrap_or(0);
        let [wide, narrow] = GAPS;
        let gap = if others(&columns, wide) + shortest <= total {
            wide
        } else {
            narrow
        };
        let mut order: &[Column] = &LEAST_WORTH_FIRST;
        while others(&columns, gap) + shortest > total
            && let [least, rest @ ..] = order
        {
            columns.retain(|(column, _)| column != least);
            order = rest;
        }
        let room = total.saturating_sub(others(&columns, gap));
        let needed = rows.iter().map(|row| PREFIX_CELLS + width(&namer.first(row.hop, room)));
        Self {
            host_cells: needed.max().unwrap_or(0).max(Host.title().len()).min(room),
            columns: columns.into_iter().map(|(column, _)| column).collect(),
            gap,
            total,
        }
    }

    fn draw(&self, rows: &[Row<'_>], namer: &Namer<'_>) -> Vec<String> {
        let mut table = Table::new();
        table
            .load_style(NOTHING)
            .set_content_arrangement(ContentArrangement::Disabled)
            .force_no_tty();
        table.set_header(self.columns.iter().map(|column| Cell::new(column.title())));
        for row in rows {
            table.add_row(self.columns.iter().map(|column| match column {
                Host => Cell::new(self.host(row, namer)),
                other => Cell::new(row.text(*other)),
            }));
        }
        let last = self.columns.len().saturating_sub(1);
        let gap = u16::try_from(self.gap).unwrap_or(1);
        for (index, column) in table.column_iter_mut().enumerate() {
            column.set_padding((0, if index == last { 0 } else { gap }));
            if let Some(kind) = self.columns.get(index) {
                column.set_cell_alignment(kind.alignment());
            }
        }
        table.lines().map(|line| self.fit(line.trim_end())).collect()
    }

    fn host(&self, row: &Row<'_>, namer: &Namer<'_>) -> String {
        let room = self.host_cells.saturating_sub(PREFIX_CELLS);
        hop_prefix(row.hop.ttl) + &namer.first(row.hop, room)
    }

    /// The lines under a row: labels where they have no column, label stacks, further addresses.
    fn beneath(&self, row: &Row<'_>, namer: &Namer<'_>) -> Vec<String> {
        let mut lines = Vec::new();
        if !row.label.is_empty() && !self.columns.contains(&Label) {
            let words = wrapped(&row.label, self.total.saturating_sub(PREFIX_CELLS));
            lines.extend(words.into_iter().map(|words| NOTE_PREFIX.to_owned() + &words));
        }
        let all: u64 = row.hop.responders.iter().map(|responder| responder.answers).sum();
        for (index, responder) in row.hop.responders.iter().enumerate() {
            if index > 0 {
                let share = format!(" ({} of {all} answers)", responder.answers);
                let room = self.total.saturating_sub(PREFIX_CELLS + share.len());
                lines.push(format!("{NEXT_PREFIX}{}{share}", namer.host(responder.address, room)));
            }
            lines.extend(responder.mpls.iter().map(mpls));
        }
        lines.iter().map(|line| self.fit_beneath(line, namer.charset)).collect()
    }

    /// Where a line is too wide, it is its indentation that goes first.
    fn fit_beneath(&self, line: &str, charset: Charset) -> String {
        let line = if width(line) > self.total {
            line.trim_start()
        } else {
            line
        };
        squeeze(line, self.total, charset).into_owned()
    }

    /// The narrowest of terminals have no room for the columns that stay.
    fn fit(&self, line: &str) -> String {
        prefix(line, self.total).to_owned()
    }
}

/// Cells before the host in a row.
const PREFIX_CELLS: usize = 8;

fn mpls(entry: MplsLabel) -> String {
    format!(
        "{NOTE_PREFIX}[MPLS: Lbl {} TC {} S {} TTL {}]",
        entry.label(),
        entry.traffic_class(),
        u8::from(entry.is_bottom()),
        entry.ttl()
    )
}
