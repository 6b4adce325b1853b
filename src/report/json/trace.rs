//! The `trace` line, all of one path, and the `path_change` line.

use std::net::IpAddr;

use serde::Serialize;

use super::window::LossFields;
use super::{Body, SeriesFields, number, timestamp};
use crate::diagnose::PathKnowledge;
use crate::localize::{HopLabels, Segment};
use crate::outcome::{MplsLabel, StampSource, Unreachable};
use crate::report::trace::{TraceReport, change_words, end_words};
use crate::series::Series;
use crate::stats::{Proportion, RttSummary};
use crate::sweep::{End, Hop, HopCounts, PathChange};
use crate::units::{Mono, Wall};

#[derive(Serialize)]
pub(super) struct TraceBody<'a> {
    #[serde(flatten)]
    series: SeriesFields<'a>,
    cycles: u64,
    reached: bool,
    #[serde(flatten)]
    end: EndFields,
    hops: Vec<HopFields<'a>>,
    path_changed: bool,
    loss_starts_at: Option<SegmentFields<'a>>,
    jitter_starts_at: Option<SegmentFields<'a>>,
    more_cycles_needed: Option<u64>,
    stamp: Option<&'static str>,
    verdict: &'static str,
    message: &'a str,
}

impl Body for TraceBody<'_> {
    fn event(&self) -> &'static str {
        "trace"
    }
}

impl<'a> TraceBody<'a> {
    pub(super) fn new(report: &TraceReport<'a>) -> Self {
        let (path, verdict) = (report.path, report.verdict);
        let hops = path.hops.iter().enumerate();
        Self {
            series: SeriesFields::new(report.series),
            cycles: path.cycles,
            reached: matches!(path.end, End::Reached { .. }),
            end: EndFields::new(report),
            hops: hops
                .map(|(index, hop)| HopFields::new(hop, report.labels(index), report))
                .collect(),
            path_changed: path.changed_at.is_some(),
            loss_starts_at: verdict.loss_starts_at.as_ref().map(SegmentFields::new),
            jitter_starts_at: verdict.jitter_starts_at.as_ref().map(SegmentFields::new),
            more_cycles_needed: verdict.more_cycles,
            stamp: report.stamp.map(StampSource::as_str),
            verdict: verdict.code.as_str(),
            message: &verdict.message,
        }
    }
}

/// How the path ends.
#[derive(Serialize)]
struct EndFields {
    end: &'static str,
    end_ttl: Option<u8>,
    end_message: Option<String>,
    reached_by: Option<IpAddr>,
    unreachable: Option<UnreachableFields>,
    r#loop: Option<LoopFields>,
}

#[derive(Serialize)]
struct UnreachableFields {
    from: IpAddr,
    r#type: u8,
    code: u8,
    mtu: Option<u32>,
}

#[derive(Serialize)]
struct LoopFields {
    from_ttl: u8,
    to_ttl: u8,
    address: IpAddr,
}

impl EndFields {
    fn new(report: &TraceReport<'_>) -> Self {
        let fields = Self {
            end: "unknown",
            end_ttl: None,
            end_message: end_words(report.series, report.path),
            reached_by: None,
            unreachable: None,
            r#loop: None,
        };
        match report.path.end {
            End::Unknown => fields,
            End::Reached { ttl, from } => Self {
                end: "reached",
                end_ttl: Some(ttl),
                reached_by: Some(from),
                ..fields
            },
            End::Unreachable { ttl, error, mtu } => Self {
                end: "unreachable",
                end_ttl: Some(ttl),
                unreachable: Some(UnreachableFields::new(error, mtu)),
                ..fields
            },
            End::Silent { after_ttl } => Self {
                end: "silent",
                end_ttl: Some(after_ttl),
                ..fields
            },
            End::Loop {
                first_ttl,
                again_ttl,
                address,
            } => Self {
                end: "loop",
                end_ttl: Some(again_ttl),
                r#loop: Some(LoopFields {
                    from_ttl: first_ttl,
                    to_ttl: again_ttl,
                    address,
                }),
                ..fields
            },
            End::TooFar => Self {
                end: "too_far",
                ..fields
            },
            End::NotSent(_) => Self {
                end: "not_sent",
                ..fields
            },
        }
    }
}

impl UnreachableFields {
    const fn new(error: Unreachable, mtu: Option<u32>) -> Self {
        Self {
            from: error.from,
            r#type: error.icmp_type,
            code: error.code,
            mtu,
        }
    }
}

#[derive(Serialize)]
struct HopFields<'a> {
    ttl: u8,
    addresses: Vec<IpAddr>,
    names: Vec<Option<&'a str>>,
    answers: Vec<u64>,
    #[serde(flatten)]
    counts: CountFields,
    #[serde(flatten)]
    loss: LossFields,
    #[serde(flatten)]
    rtt: RttFields,
    jitter_us: Option<f64>,
    rate_limited: bool,
    slow_control_plane: bool,
    presumed: bool,
    mpls: Vec<MplsFields>,
}

impl<'a> HopFields<'a> {
    fn new(hop: &Hop, labels: HopLabels, report: &TraceReport<'a>) -> Self {
        let responders = || hop.responders.iter();
        let counts = &hop.counts;
        let name = |address| report.names.get(&address).map(String::as_str);
        let stacks = responders().flat_map(|responder| {
            responder
                .mpls
                .iter()
                .map(|entry| MplsFields::new(responder.address, entry))
        });
        Self {
            ttl: hop.ttl,
            addresses: responders().map(|responder| responder.address).collect(),
            names: responders().map(|responder| name(responder.address)).collect(),
            answers: responders().map(|responder| responder.answers).collect(),
            counts: CountFields::new(counts),
            loss: LossFields::new(Proportion::wilson(
                counts.sent.saturating_sub(counts.received),
                counts.sent,
            )),
            rtt: RttFields::new(hop),
            jitter_us: hop.jitter_us.and_then(number::micros_of),
            rate_limited: labels.rate_limited,
            slow_control_plane: labels.slow_control_plane,
            presumed: hop.presumed,
            mpls: stacks.collect(),
        }
    }
}

#[derive(Serialize)]
struct CountFields {
    sent: u64,
    received: u64,
    late: u64,
    in_flight: u64,
    unjudged: u64,
    send_error: u64,
}

impl CountFields {
    const fn new(counts: &HopCounts) -> Self {
        Self {
            sent: counts.sent,
            received: counts.received,
            late: counts.late,
            in_flight: counts.in_flight,
            unjudged: counts.unjudged,
            send_error: counts.send_errors,
        }
    }
}

#[derive(Serialize)]
#[expect(clippy::struct_field_names, reason = "the names are those of the output contract")]
struct RttFields {
    rtt_last_us: Option<f64>,
    rtt_min_us: Option<f64>,
    rtt_mean_us: Option<f64>,
    rtt_max_us: Option<f64>,
    rtt_stddev_us: Option<f64>,
    rtt_p50_us: Option<f64>,
    rtt_p99_us: Option<f64>,
}

impl RttFields {
    fn new(hop: &Hop) -> Self {
        let rtt = hop.rtts.summary();
        let stamped = |pick: fn(&RttSummary) -> _| rtt.as_ref().map(pick).map(number::micros);
        let computed = |pick: fn(&RttSummary) -> f64| rtt.as_ref().map(pick).and_then(number::micros_of);
        Self {
            rtt_last_us: hop.last.map(number::micros),
            rtt_min_us: stamped(|rtt| rtt.min),
            rtt_mean_us: computed(|rtt| rtt.mean_us),
            rtt_max_us: stamped(|rtt| rtt.max),
            rtt_stddev_us: computed(|rtt| rtt.stddev_us),
            rtt_p50_us: stamped(|rtt| rtt.p50),
            rtt_p99_us: stamped(|rtt| rtt.p99),
        }
    }
}

#[derive(Serialize)]
struct MplsFields {
    address: IpAddr,
    label: u32,
    tc: u8,
    bottom: bool,
    ttl: u8,
}

impl MplsFields {
    const fn new(address: IpAddr, entry: MplsLabel) -> Self {
        Self {
            address,
            label: entry.label(),
            tc: entry.traffic_class(),
            bottom: entry.is_bottom(),
            ttl: entry.ttl(),
        }
    }
}

#[derive(Serialize)]
struct SegmentFields<'a> {
    from_ttl: u8,
    to_ttl: u8,
    addresses: &'a [IpAddr],
    confidence: Option<f64>,
}

impl<'a> SegmentFields<'a> {
    fn new(segment: &'a Segment) -> Self {
        Self {
            from_ttl: segment.from_ttl,
            to_ttl: segment.to_ttl,
            addresses: &segment.addresses,
            confidence: number::ratio(segment.confidence.clamp(0.0, 1.0)),
        }
    }
}

#[derive(Serialize)]
pub(super) struct PathChangeBody<'a> {
    #[serde(flatten)]
    series: SeriesFields<'a>,
    old: &'a [Option<IpAddr>],
    new: &'a [Option<IpAddr>],
    message: String,
}

impl Body for PathChangeBody<'_> {
    fn event(&self) -> &'static str {
        "path_change"
    }
}

impl<'a> PathChangeBody<'a> {
    pub(super) fn new(series: &'a Series, change: &'a PathChange) -> Self {
        Self {
            series: SeriesFields::new(series),
            old: &change.old,
            new: &change.new,
            message: change_words(series, change),
        }
    }
}

/// What is known of a path by now: all that a verdict takes from traces.
#[derive(Serialize)]
pub(super) struct PathBody<'a> {
    #[serde(flatten)]
    series: SeriesFields<'a>,
    hops: &'a [Option<IpAddr>],
    presumed_ttls: &'a [u8],
    reached: bool,
    starts_from_ttl: Option<u8>,
    starts_to_ttl: Option<u8>,
    changed_at: Option<String>,
    old: Option<&'a [Option<IpAddr>]>,
}

impl Body for PathBody<'_> {
    fn event(&self) -> &'static str {
        "path"
    }
}

impl<'a> PathBody<'a> {
    pub(super) fn new(series: &'a Series, known: &'a PathKnowledge, wall: impl Fn(Mono) -> Wall) -> Self {
        let before = known.before.as_ref();
        Self {
            series: SeriesFields::new(series),
            hops: &known.hops,
            presumed_ttls: &known.presumed_ttls,
            reached: known.reached,
            starts_from_ttl: known.starts_at.map(|(from, _)| from),
            starts_to_ttl: known.starts_at.map(|(_, to)| to),
            changed_at: before.map(|(at, _)| timestamp(wall(*at))),
            old: before.map(|(_, old)| &**old),
        }
    }
}
