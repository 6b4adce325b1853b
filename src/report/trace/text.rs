//! Paths for people to read: a table of hops for each, and what it means in a sentence.

use std::net::IpAddr;

use crossterm::style::Stylize as _;

use super::flows::flows;
use super::hops::HopTable;
use super::{TraceReport, end_words};
use crate::localize::VerdictCode;
use crate::report::grid::in_reading_order;
use crate::report::style::{Charset, Style};
use crate::report::text::{address, clean, squeeze, width, wrapped};
use crate::series::{Endpoint, Series};

/// What the user asked of the text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TraceTextOptions {
    /// Full names, however wide the lines become.
    pub wide: bool,
    /// Addresses only.
    pub numeric: bool,
}

impl TraceTextOptions {
    /// The name to show for `address`, if there is one and it is wanted.
    pub(super) fn name_of<'a>(self, address: IpAddr, report: &TraceReport<'a>) -> Option<&'a str> {
        if self.numeric {
            return None;
        }
        report.names.get(&address).map(String::as_str)
    }
}

/// The report of all paths: a table of hops and the verdict for each; where a target has several flows, every address of its TTLs
/// besides. Lines are at most `columns` cells wide, unless `options` ask for full names, and end with newlines. Times are ms.
#[must_use]
pub fn trace_text(reports: &[TraceReport<'_>], columns: u16, style: Style, options: TraceTextOptions) -> String {
    let total = if options.wide { UNLIMITED } else { usize::from(columns) };
    let ordered = in_reading_order(reports, |report| report.series);
    let mut blocks: Vec<Vec<String>> = Vec::new();
    for flows_of_one in ordered.chunk_by(|a, b| same_target(a.series, b.series)) {
        let each = flows_of_one.iter();
        blocks.extend(each.map(|report| Block::new(report, total, style, options).lines()));
        if flows_of_one.len() > 1 {
            blocks.push(flows(flows_of_one, total, style.charset, options));
        }
    }
    let blocks: Vec<String> = blocks.iter().map(|lines| lines.join("\n") + "\n").collect();
    blocks.join("\n")
}

/// Wider than any line, and far from overflow.
const UNLIMITED: usize = 1 << 20;

fn same_target(a: &Series, b: &Series) -> bool {
    (&a.target, a.address, a.scope_id, a.endpoint) == (&b.target, b.address, b.scope_id, b.endpoint)
}

/// What is said of one path, as lines without newlines.
pub(in crate::report) struct Block {
    /// What is traced, and the heading of the table.
    pub(in crate::report) head: Vec<String>,
    pub(in crate::report) rows: Vec<String>,
    /// What it means.
    pub(in crate::report) tail: Vec<String>,
}

impl Block {
    pub(in crate::report) fn new(
        report: &TraceReport<'_>,
        total: usize,
        style: Style,
        options: TraceTextOptions,
    ) -> Self {
        let table = HopTable::new(report, total, style.charset, options);
        let mut head = header(report, total, style.charset);
        head.push(table.heading);
        Self {
            head,
            rows: table.lines,
            tail: conclusion(report, total, style),
        }
    }

    pub(in crate::report) fn lines(self) -> Vec<String> {
        self.head.into_iter().chain(self.rows).chain(self.tail).collect()
    }
}

fn header(report: &TraceReport<'_>, total: usize, charset: Charset) -> Vec<String> {
    let series = report.series;
    let cycles = report.path.cycles;
    let plural = if cycles == 1 { "" } else { "s" };
    let rest = format!("flow {}, {cycles} cycle{plural}", series.flow);
    titled("TRACE", series, &rest, total, charset)
}

/// `TRACE name (address): ICMP echo, rest`, on several lines where it must be.
pub(super) fn titled(title: &str, series: &Series, rest: &str, total: usize, charset: Charset) -> Vec<String> {
    let rest = format!(": {}, {rest}", probe_words(series.endpoint));
    let room = total.saturating_sub(title.len() + 1 + rest.len());
    wrapped(&format!("{title} {}{rest}", who(series, room, charset)), total)
}

/// `name (address)` in about `cells` cells, or the address alone where it was typed as such.
fn who(series: &Series, cells: usize, charset: Charset) -> String {
    let address = address(series);
    if *series.target == address {
        return address;
    }
    let name = clean(&series.target, charset);
    let room = cells
        .saturating_sub(width(&address) + " ()".len())
        .clamp(LEAST_CELLS, MOST_CELLS);
    format!("{} ({address})", squeeze(&name, room, charset))
}

/// A piece of a name shorter than this tells nothing.
const LEAST_CELLS: usize = 16;

/// The longest host name (RFC 1035, section 2.3.4).
const MOST_CELLS: usize = 253;

fn probe_words(endpoint: Endpoint) -> String {
    match endpoint {
        Endpoint::Icmp => "ICMP echo".to_owned(),
        Endpoint::Tcp(port) => format!("TCP SYN to port {port}"),
        Endpoint::Udp(port) => format!("UDP to port {port}"),
    }
}

/// The verdict, how the path ends where the verdict does not say so, and what else must be known to read the table.
fn conclusion(report: &TraceReport<'_>, total: usize, style: Style) -> Vec<String> {
    let verdict = report.verdict;
    let message = if verdict.message.is_empty() {
        verdict.code.as_str().replace('_', " ")
    } else {
        clean(&verdict.message, style.charset).into_owned()
    };
    let mut lines: Vec<String> = wrapped(&message, total)
        .into_iter()
        .map(|line| colored(line, verdict.code, style))
        .collect();
    let end = end_words(report.series, report.path).filter(|words| !message.contains(words.as_str()));
    let changed = report.path.changed_at.map(|_| PATH_CHANGED.to_owned());
    for words in end.into_iter().chain(changed) {
        lines.extend(wrapped(&words, total));
    }
    lines
}

const PATH_CHANGED: &str = "The path changed meanwhile; these are the figures of its present course";

fn colored(line: String, code: VerdictCode, style: Style) -> String {
    if !style.color {
        return line;
    }
    match code {
        VerdictCode::Clean => line.green().to_string(),
        VerdictCode::Loss | VerdictCode::Jitter | VerdictCode::LossAndJitter => line.yellow().to_string(),
        VerdictCode::Unreachable => line.red().to_string(),
        VerdictCode::TooFewProbes => line,
    }
}
