//! Paths that tests write down by hand.

use std::collections::HashMap;
use std::net::IpAddr;

use super::{series, us};
use crate::localize::{HopLabels, PathVerdict, Segment, VerdictCode};
use crate::outcome::{MplsStack, StampSource};
use crate::report::trace::TraceReport;
use crate::series::Series;
use crate::stats::Distribution;
use crate::sweep::{End, Hop, HopCounts, PathReport, Responder};

/// All that a report of one path borrows.
#[derive(Clone, Debug)]
pub(in crate::report) struct Trace {
    pub(in crate::report) series: Series,
    pub(in crate::report) path: PathReport,
    pub(in crate::report) verdict: PathVerdict,
    pub(in crate::report) names: HashMap<IpAddr, String>,
}

impl Trace {
    pub(in crate::report) fn report(&self) -> TraceReport<'_> {
        TraceReport {
            series: &self.series,
            path: &self.path,
            verdict: &self.verdict,
            names: &self.names,
            stamp: Some(StampSource::Kernel),
        }
    }

    /// The same path under another verdict.
    pub(in crate::report) fn judged(self, code: VerdictCode, message: &str) -> Self {
        let verdict = PathVerdict {
            code,
            message: message.to_owned(),
            ..self.verdict
        };
        Self { verdict, ..self }
    }

    /// The same hops, but the path ends so.
    pub(in crate::report) fn ending(self, end: End) -> Self {
        let path = PathReport { end, ..self.path };
        Self { path, ..self }
    }
}

pub(in crate::report) fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

/// A hop that `responders` answered at, with so many probes and RTTs (us, how often).
pub(in crate::report) fn hop(ttl: u8, sent: u64, rtts: &[(u64, u64)], responders: &[(&str, u64)]) -> Hop {
    let mut recorded = Distribution::default();
    let values = || rtts.iter().flat_map(|&(value, times)| (0..times).map(move |_| value));
    values().for_each(|value| recorded.record(us(value)));
    Hop {
        ttl,
        responders: responders
            .iter()
            .map(|&(address, answers)| Responder {
                address: ip(address),
                answers,
                mpls: MplsStack::default(),
            })
            .collect(),
        counts: HopCounts {
            sent,
            received: rtts.iter().map(|(_, times)| times).sum(),
            ..HopCounts::default()
        },
        rtts: recorded,
        last: values().next_back().map(us),
        jitter_us: (values().count() > 1).then_some(12.345),
        rounds: Vec::new(),
        presumed: false,
    }
}

/// One entry of a label stack as on the wire (RFC 3032, section 2.1).
pub(in crate::report) const fn mpls_entry(label: u32, class: u32, bottom: u32, ttl: u32) -> u32 {
    (label << 12) | (class << 9) | (bottom << 8) | ttl
}

/// 60 cycles to `app01`: two routers share hop 2, the first behind two labels; hop 3 is silent; hop 4 limits its answers and is slow
/// to give them; the target loses 2 of 60.
pub(in crate::report) fn lossy_path() -> Trace {
    let mut shared = hop(
        2,
        60,
        &[(1_000, 30), (1_200, 30)],
        &[("10.1.0.1", 40), ("10.1.0.2", 20)],
    );
    let first = shared.responders.first_mut().unwrap();
    first.mpls.push(mpls_entry(24_001, 0, 0, 1));
    first.mpls.push(mpls_entry(1_048_575, 7, 1, 255));
    Trace {
        series: series("app01", "10.10.1.11", None),
        path: PathReport {
            hops: vec![
                hop(1, 60, &[(300, 59), (900, 1)], &[("10.0.0.1", 60)]),
                shared,
                hop(3, 60, &[], &[]),
                hop(4, 60, &[(25_000, 45)], &[("10.3.0.1", 45)]),
                hop(5, 60, &[(2_000, 57), (42_000, 1)], &[("10.10.1.11", 58)]),
            ],
            end: End::Reached {
                ttl: 5,
                from: ip("10.10.1.11"),
            },
            cycles: 60,
            changed_at: None,
        },
        verdict: PathVerdict {
            code: VerdictCode::Loss,
            loss_starts_at: Some(Segment {
                from_ttl: 2,
                to_ttl: 5,
                addresses: vec![ip("10.10.1.11")],
                confidence: 0.97,
            }),
            jitter_starts_at: None,
            labels: [3_usize]
                .into_iter()
                .fold(vec![HopLabels::default(); 5], |mut labels, odd| {
                    labels[odd] = HopLabels {
                        rate_limited: true,
                        slow_control_plane: true,
                    };
                    labels
                }),
            more_cycles: None,
            message: "Loss of 3.3 % starts behind hop 2 (10.1.0.1), at or before hop 5 (10.10.1.11).".to_owned(),
        },
        names: [
            ("10.0.0.1", "gw.example.net"),
            ("10.3.0.1", "xe-0-0-1.core7.frankfurt.transit.example.net"),
        ]
        .into_iter()
        .map(|(address, name)| (ip(address), name.to_owned()))
        .collect(),
    }
}

/// The path of another flow to the same target, by the other router of hop 2.
pub(in crate::report) fn other_flow(flow: u16) -> Trace {
    let mut trace = lossy_path();
    trace.series.flow = flow;
    trace.path.hops[1] = hop(2, 60, &[(1_100, 60)], &[("10.1.0.2", 60)]);
    trace.path.hops[4] = hop(5, 60, &[(2_000, 60)], &[("10.10.1.11", 60)]);
    trace.verdict.loss_starts_at = None;
    trace.judged(VerdictCode::Clean, "No loss and no jitter reach 10.10.1.11.")
}

/// Nothing is known of a path yet.
pub(in crate::report) fn unknown_path(target: &str) -> Trace {
    Trace {
        series: series(target, "10.10.9.9", Some(443)),
        path: PathReport {
            hops: Vec::new(),
            end: End::Unknown,
            cycles: 0,
            changed_at: None,
        },
        verdict: PathVerdict {
            code: VerdictCode::TooFewProbes,
            loss_starts_at: None,
            jitter_starts_at: None,
            labels: Vec::new(),
            more_cycles: Some(12),
            message: String::new(),
        },
        names: HashMap::new(),
    }
}
