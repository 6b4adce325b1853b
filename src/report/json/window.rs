//! The `window` line: all figures of one series over one window.

use serde::{Serialize, Serializer};

use super::{Body, SeriesFields, number, timestamp};
use crate::report::window::{Completeness, WindowReport};
use crate::stats::{Counts, IpdvSummary, Proportion, RttSummary};

#[derive(Serialize)]
pub(super) struct WindowBody<'a> {
    #[serde(flatten)]
    series: SeriesFields<'a>,
    #[serde(flatten)]
    span: SpanFields,
    jitter_rfc3550_us: Option<f64>,
    ipdv_p50_us: Option<f64>,
    ipdv_p99_us: Option<f64>,
    refused_p50_us: Option<f64>,
    refused_p99_us: Option<f64>,
    loss_burst_max: u64,
    stamp: &'static str,
    stamps_lost: u64,
    self_noise: bool,
    send_late_p99_us: Option<f64>,
    group: Option<&'a str>,
    #[serde(skip_serializing_if = "Labels::is_empty")]
    labels: Labels<'a>,
    rtt_hist_ns: Histogram<'a>,
}

impl Body for WindowBody<'_> {
    fn event(&self) -> &'static str {
        "window"
    }
}

impl<'a> WindowBody<'a> {
    pub(super) fn new(report: &WindowReport<'a>) -> Self {
        let summary = report.summary;
        let ipdv = |pick: fn(&IpdvSummary) -> _| summary.ipdv.as_ref().map(pick).map(number::micros);
        let refused = |pick: fn(&RttSummary) -> _| summary.refused_rtt.as_ref().map(pick).map(number::micros);
        Self {
            series: SeriesFields::new(report.series),
            span: SpanFields::new(report),
            jitter_rfc3550_us: summary.jitter_rfc3550_us.and_then(number::micros_of),
            ipdv_p50_us: ipdv(|ipdv| ipdv.p50),
            ipdv_p99_us: ipdv(|ipdv| ipdv.p99),
            refused_p50_us: refused(|rtt| rtt.p50),
            refused_p99_us: refused(|rtt| rtt.p99),
            loss_burst_max: summary.loss_burst_max,
            stamp: summary.stamp.as_str(),
            stamps_lost: summary.stamps_lost,
            self_noise: report.self_noise(),
            send_late_p99_us: summary.send_late.map(|late| number::micros_of_duration(late.p99)),
            group: report.group,
            labels: Labels(report.labels),
            rtt_hist_ns: Histogram::new(&summary.rtt_cells),
        }
    }
}

/// What became of the probes of a window, in its line and in the state of a service.
#[derive(Serialize)]
pub(super) struct SpanFields {
    window_start: String,
    window_s: f64,
    complete: bool,
    #[serde(flatten)]
    counts: CountFields,
    #[serde(flatten)]
    loss: LossFields,
    #[serde(flatten)]
    rtt: RttFields,
}

impl SpanFields {
    pub(super) fn new(report: &WindowReport<'_>) -> Self {
        Self {
            window_start: timestamp(report.start),
            window_s: number::seconds(report.length),
            complete: match report.completeness {
                Completeness::Complete => true,
                Completeness::Cut => false,
            },
            counts: CountFields::new(&report.summary.counts),
            loss: LossFields::new(report.summary.loss),
            rtt: RttFields::new(report.summary.rtt.as_ref()),
        }
    }
}

/// A list of names and values, since keys of the user's own would be fields that no schema knows.
struct Labels<'a>(&'a [(String, String)]);

impl Labels<'_> {
    const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl Serialize for Labels<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_seq(self.0.iter().map(|(name, value)| Label { name, value }))
    }
}

#[derive(Serialize)]
struct Label<'a> {
    name: &'a str,
    value: &'a str,
}

#[derive(Serialize)]
pub(super) struct CountFields {
    sent: u64,
    received: u64,
    lost: u64,
    late: u64,
    late_after_close: u64,
    duplicate: u64,
    reordered: u64,
    refused: u64,
    reset: u64,
    unreachable: u64,
    prohibited: u64,
    send_error: u64,
    unjudged: u64,
}

impl CountFields {
    pub(super) const fn new(counts: &Counts) -> Self {
        Self {
            sent: counts.sent,
            received: counts.received,
            lost: counts.lost,
            late: counts.late,
            late_after_close: counts.late_after_close,
            duplicate: counts.duplicate,
            reordered: counts.reordered,
            refused: counts.refused,
            reset: counts.reset,
            unreachable: counts.unreachable,
            prohibited: counts.prohibited,
            send_error: counts.send_error,
            unjudged: counts.unjudged,
        }
    }
}

#[derive(Serialize)]
#[expect(clippy::struct_field_names, reason = "the names are those of the output contract")]
pub(super) struct LossFields {
    loss_ratio: Option<f64>,
    loss_ci_low: Option<f64>,
    loss_ci_high: Option<f64>,
}

impl LossFields {
    pub(super) fn new(loss: Option<Proportion>) -> Self {
        let field = |pick: fn(Proportion) -> f64| loss.map(pick).and_then(number::ratio);
        Self {
            loss_ratio: field(|loss| loss.ratio),
            loss_ci_low: field(|loss| loss.low),
            loss_ci_high: field(|loss| loss.high),
        }
    }
}

#[derive(Serialize)]
#[expect(clippy::struct_field_names, reason = "the names are those of the output contract")]
pub(super) struct RttFields {
    rtt_min_us: Option<f64>,
    rtt_mean_us: Option<f64>,
    rtt_p50_us: Option<f64>,
    rtt_p90_us: Option<f64>,
    rtt_p99_us: Option<f64>,
    rtt_p999_us: Option<f64>,
    rtt_max_us: Option<f64>,
    rtt_stddev_us: Option<f64>,
    rtt_mdev_us: Option<f64>,
}

impl RttFields {
    pub(super) fn new(rtt: Option<&RttSummary>) -> Self {
        let stamped = |pick: fn(&RttSummary) -> _| rtt.map(pick).map(number::micros);
        let computed = |pick: fn(&RttSummary) -> f64| rtt.map(pick).and_then(number::micros_of);
        Self {
            rtt_min_us: stamped(|rtt| rtt.min),
            rtt_mean_us: computed(|rtt| rtt.mean_us),
            rtt_p50_us: stamped(|rtt| rtt.p50),
            rtt_p90_us: stamped(|rtt| rtt.p90),
            rtt_p99_us: stamped(|rtt| rtt.p99),
            rtt_p999_us: stamped(|rtt| rtt.p999),
            rtt_max_us: stamped(|rtt| rtt.max),
            rtt_stddev_us: computed(|rtt| rtt.stddev_us),
            rtt_mdev_us: computed(|rtt| rtt.mdev_us),
        }
    }
}

/// Sparse cells as two arrays of the same length: no dynamic keys, and what Elasticsearch takes as a `histogram` field.
#[derive(Serialize)]
struct Histogram<'a> {
    #[serde(serialize_with = "first_of_each")]
    values: &'a [(u64, u64)],
    #[serde(serialize_with = "second_of_each")]
    counts: &'a [(u64, u64)],
}

impl<'a> Histogram<'a> {
    const fn new(cells: &'a [(u64, u64)]) -> Self {
        Self {
            values: cells,
            counts: cells,
        }
    }
}

fn first_of_each<S: Serializer>(cells: &[(u64, u64)], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(cells.iter().map(|(value, _)| value))
}

fn second_of_each<S: Serializer>(cells: &[(u64, u64)], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(cells.iter().map(|(_, count)| count))
}
