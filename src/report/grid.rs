//! The columns of windows: what the table and the live table have in common.
//!
//! Where the width does not do, columns go in the order of their worth: a word that says "LOSS" is worth more than a jitter figure.

use std::collections::{HashMap, HashSet};
use std::net::IpAddr;

use super::layout::{self, CellText, Side, Worth, lay_out};
use super::style::{Charset, Style};
use super::text::{address, clean, decimals, millis, millis_of_micros};
use super::verdict::Verdict;
use super::window::WindowReport;
use crate::series::{Endpoint, Series};
use crate::stats::{RttSummary, Summary};
use crate::units::Rtt;

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
        let series: Vec<&Series> = reports.iter().map(|report| report.series).collect();
        let show_flow = series.iter().any(|series| series.flow > 0);
        let order = if names_are_ambiguous(&series) {
            &LEAST_WORTH_FIRST_WITH_ADDRESS
        } else {
            &LEAST_WORTH_FIRST
        };
        let shown = ALL
            .into_iter()
            .filter(|column| *column != Address || addresses_tell_more(&series));
        let laid_out = shown.map(|column| layout::Column {
            title: column.title(),
            side: column.side(),
            worth: column.worth(order),
            cells: reports
                .iter()
                .map(|report| column.cell(report, show_flow, style.charset))
                .collect(),
        });
        let mut lines = lay_out(laid_out.collect(), usize::from(columns), style).into_iter();
        Self {
            heading: lines.next().unwrap_or_default(),
            rows: lines.collect(),
            marked: reports.iter().any(|report| report.self_noise()),
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

    const fn side(self) -> Side {
        match self {
            Target | Address | Probe | Result => Side::Left,
            Sent | Loss | P50 | P99 | Max | Jitter => Side::Right,
        }
    }

    /// Where the columns of `order` go one after the other, and names shrink.
    fn worth(self, order: &[Self]) -> Worth {
        let place = order.iter().position(|column| *column == self);
        place.map_or(if self == Target { Worth::Shrinks } else { Worth::Stays }, Worth::Goes)
    }

    fn cell(self, report: &WindowReport<'_>, show_flow: bool, charset: Charset) -> CellText {
        let (series, summary) = (report.series, report.summary);
        let text = match self {
            Target => clean(&series.target, charset).into_owned(),
            Address => address(series),
            Probe => probe_and_flow(series, show_flow),
            Sent => summary.counts.sent.to_string(),
            Loss => loss(summary),
            P50 => quantile(summary, |rtt| rtt.p50),
            P99 => quantile(summary, |rtt| rtt.p99),
            Max => quantile(summary, |rtt| rtt.max),
            Jitter => jitter(summary),
            Result => {
                let Verdict { word, tone, .. } = Verdict::new(summary);
                let mark = if report.self_noise() { "*" } else { "" };
                return CellText {
                    text: word + mark,
                    tone,
                };
            }
        };
        text.into()
    }
}

pub(super) fn absent() -> String {
    "-".to_owned()
}

/// A quantile of the RTTs in ms.
pub(super) fn quantile(summary: &Summary, pick: fn(&RttSummary) -> Rtt) -> String {
    summary.rtt.as_ref().map(pick).map_or_else(absent, millis)
}

/// The jitter in ms.
pub(super) fn jitter(summary: &Summary) -> String {
    summary.jitter_rfc3550_us.map_or_else(absent, millis_of_micros)
}

/// `icmp`, `tcp/PORT` or `udp/PORT`.
pub(super) fn probe(endpoint: Endpoint) -> String {
    match endpoint {
        Endpoint::Icmp => "icmp".to_owned(),
        Endpoint::Tcp(port) => format!("tcp/{port}"),
        Endpoint::Udp(port) => format!("udp/{port}"),
    }
}

/// The same with the flow, where any of the rows has one to show.
pub(super) fn probe_and_flow(series: &Series, show_flow: bool) -> String {
    let probe = probe(series.endpoint);
    if show_flow {
        format!("{probe} #{}", series.flow)
    } else {
        probe
    }
}

/// `12.5 (3.5-36.0)`, with more decimals where all of it is small.
pub(super) fn loss(summary: &Summary) -> String {
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

/// Whether one name is probed at several addresses.
pub(super) fn names_are_ambiguous(all: &[&Series]) -> bool {
    let mut addresses: HashMap<&str, IpAddr> = HashMap::new();
    all.iter()
        .any(|series| *addresses.entry(&series.target).or_insert(series.address) != series.address)
}

/// Whether there is an address that is not its target's name as well.
pub(super) fn addresses_tell_more(all: &[&Series]) -> bool {
    all.iter().any(|series| *series.target != address(series))
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

/// How many targets these series are of.
pub(super) fn count_targets<'a>(all: impl Iterator<Item = &'a Series>) -> usize {
    all.map(|series| &*series.target).collect::<HashSet<_>>().len()
}
