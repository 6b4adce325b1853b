//! Any path at all fits, acts on nothing, and makes a line that the schema takes.

use std::net::IpAddr;
use std::sync::LazyLock;

use jsonschema::Validator;
use proptest::prelude::*;
use serde_json::Value;
use uuid::Uuid;

use super::*;
use crate::localize::{HopLabels, Segment, VerdictCode};
use crate::outcome::{MplsStack, SendError, Unreachable};
use crate::report::live::{Screen, trace_frame};
use crate::report::samples::traces::Trace;
use crate::report::text::{is_active, width};
use crate::report::{Charset, JsonLines, RunIdentity, SCHEMA_TEXT, Style};
use crate::series::{Endpoint, Series};
use crate::stats::Distribution;
use crate::sweep::{End, Hop, HopCounts, PathChange, PathReport, Responder};
use crate::units::{Mono, Rtt, SeriesId, Wall};

static SCHEMA: LazyLock<Validator> = LazyLock::new(|| {
    let schema: Value = serde_json::from_str(SCHEMA_TEXT).unwrap();
    jsonschema::validator_for(&schema).unwrap()
});

fn checked(line: &[u8]) -> Value {
    let value: Value = serde_json::from_slice(line).unwrap();
    let errors: Vec<String> = SCHEMA
        .iter_errors(&value)
        .map(|error| format!("{error} at {}", error.instance_path()))
        .collect();
    assert!(errors.is_empty(), "{errors:?} in {value}");
    value
}

/// Names as servers with bad manners give them.
fn names() -> impl Strategy<Value = String> {
    prop_oneof![
        6 => "[a-z0-9.-]{1,60}",
        4 => any::<String>(),
        4 => "[\\x00-\\x20\\x7f-\\xa0\u{200b}-\u{202e}\u{2066}-\u{2069}\u{3000}\u{6f22}a]{0,40}",
        1 => Just("x".repeat(4_096)),
    ]
}

/// Few addresses, so that names and flows meet them.
fn addresses() -> impl Strategy<Value = IpAddr> {
    prop_oneof![
        (0_u8..4).prop_map(|n| IpAddr::from([10, 0, 0, n])),
        Just(IpAddr::from([255, 255, 255, 255])),
        Just("2001:db8:aaaa:bbbb:cccc:dddd:eeee:ffff".parse().unwrap()),
        any::<IpAddr>(),
    ]
}

fn responders() -> impl Strategy<Value = Responder> {
    (addresses(), any::<u32>(), prop::collection::vec(any::<u32>(), 0..10)).prop_map(|(address, answers, entries)| {
        let mut mpls = MplsStack::default();
        for entry in entries {
            mpls.push(entry);
        }
        Responder {
            address,
            answers: answers.into(),
            mpls,
        }
    })
}

prop_compose! {
    fn hops()(
        ttl in 1_u8..,
        responders in prop::collection::vec(responders(), 0..4),
        n in prop::array::uniform6(prop_oneof![0..100_u64, any::<u64>()]),
        rtts in prop::collection::vec(prop_oneof![0..60_000_000_000_u64, any::<u64>()], 0..5),
        jitter_us in prop::option::of(prop_oneof![0.0..1e9_f64, Just(f64::NAN), Just(f64::INFINITY), Just(f64::MAX)]),
        presumed: bool,
    ) -> Hop {
        let mut recorded = Distribution::default();
        for rtt in &rtts {
            recorded.record(Rtt::from_nanos(*rtt));
        }
        Hop {
            ttl, responders, jitter_us,
            counts: HopCounts {
                sent: n[0], received: n[1], late: n[2], in_flight: n[3], unjudged: n[4], send_errors: n[5],
            },
            last: rtts.last().map(|rtt| Rtt::from_nanos(*rtt)),
            rtts: recorded,
            rounds: Vec::new(),
            presumed,
        }
    }
}

fn ends() -> impl Strategy<Value = End> {
    let sends = prop::sample::select(vec![
        SendError::Denied,
        SendError::NoRoute,
        SendError::TooBig,
        SendError::Other(-1),
    ]);
    prop_oneof![
        Just(End::Unknown),
        (any::<u8>(), addresses()).prop_map(|(ttl, from)| End::Reached { ttl, from }),
        (any::<[u8; 3]>(), addresses(), any::<Option<u32>>()).prop_map(|([ttl, icmp_type, code], from, mtu)| {
            End::Unreachable {
                ttl,
                error: Unreachable { from, icmp_type, code },
                mtu,
            }
        }),
        any::<u8>().prop_map(|after_ttl| End::Silent { after_ttl }),
        (any::<[u8; 2]>(), addresses()).prop_map(|([first_ttl, again_ttl], address)| End::Loop {
            first_ttl,
            again_ttl,
            address,
        }),
        Just(End::TooFar),
        sends.prop_map(End::NotSent),
    ]
}

prop_compose! {
    fn segments()(
        (from_ttl, to_ttl) in any::<(u8, u8)>(),
        addresses in prop::collection::vec(addresses(), 0..3),
        confidence in prop_oneof![0.0..=1.0_f64, Just(f64::NAN), Just(1.0 + 1e-12)],
    ) -> Segment {
        Segment { from_ttl, to_ttl, addresses, confidence }
    }
}

prop_compose! {
    fn verdicts()(
        code in prop::sample::select(vec![
            VerdictCode::Clean, VerdictCode::Loss, VerdictCode::Jitter, VerdictCode::LossAndJitter,
            VerdictCode::Unreachable, VerdictCode::TooFewProbes,
        ]),
        loss_starts_at in prop::option::of(segments()),
        jitter_starts_at in prop::option::of(segments()),
        labels in prop::collection::vec(any::<(bool, bool)>(), 0..8),
        more_cycles: Option<u64>,
        message in names(),
    ) -> PathVerdict {
        let labels = labels.into_iter().map(|(rate_limited, slow_control_plane)| {
            HopLabels { rate_limited, slow_control_plane }
        });
        PathVerdict { code, loss_starts_at, jitter_starts_at, labels: labels.collect(), more_cycles, message }
    }
}

prop_compose! {
    fn series()(
        target in names(), address in addresses(), scope_id in 0_u32..3, kind in 0..3, port in 1_u16.., flow in 0_u16..3,
    ) -> Series {
        let endpoint = match kind {
            0 => Endpoint::Icmp,
            1 => Endpoint::Tcp(port),
            _ => Endpoint::Udp(port),
        };
        Series { target: target.into(), address, scope_id, endpoint, flow }
    }
}

prop_compose! {
    fn traces()(
        series in series(),
        hops in prop::collection::vec(hops(), 0..8),
        end in ends(),
        cycles: u64,
        changed: bool,
        verdict in verdicts(),
        names in prop::collection::hash_map(addresses(), names(), 0..6),
    ) -> Trace {
        let path = PathReport { hops, end, cycles, changed_at: changed.then_some(Mono::default()) };
        Trace { series, path, verdict, names }
    }
}

/// Further flows of the first path, and other paths.
fn runs() -> impl Strategy<Value = Vec<Trace>> {
    prop::collection::vec((traces(), any::<bool>()), 1..4).prop_map(|drawn| {
        let mut run: Vec<Trace> = Vec::new();
        for (flow, (mut trace, same_target)) in (0..).zip(drawn) {
            if let Some(first) = run.first().filter(|_| same_target) {
                trace.series = Series {
                    flow,
                    ..first.series.clone()
                };
            }
            run.push(trace);
        }
        run
    })
}

fn styles() -> impl Strategy<Value = Style> {
    prop::sample::select(vec![Charset::Utf8, Charset::Ascii]).prop_map(|charset| Style { color: false, charset })
}

proptest! {
    #[test]
    fn text_never_overflows_and_never_acts(run in runs(), columns in 40_u16..=200, style in styles(), numeric: bool) {
        let reports: Vec<_> = run.iter().map(Trace::report).collect();
        let text = trace_text(&reports, columns, style, TraceTextOptions { wide: false, numeric });
        prop_assert!(text.ends_with('\n'));
        prop_assert!(!text.chars().any(|c| c != '\n' && is_active(c)), "{:?}", text);
        for line in text.lines() {
            prop_assert!(width(line) <= usize::from(columns), "{} cells: {:?}", width(line), line);
        }
        if style.charset == Charset::Ascii {
            prop_assert!(text.is_ascii());
        }
    }

    #[test]
    fn no_width_and_no_wish_make_text_fail(run in runs(), columns: u16, style in styles(), color: bool, wide: bool) {
        let reports: Vec<_> = run.iter().map(Trace::report).collect();
        let style = Style { color, ..style };
        let text = trace_text(&reports, columns, style, TraceTextOptions { wide, numeric: false });
        if wide {
            // The row of the hop and the row of the flow table at most have a name in full.
            let longest = text.lines().map(str::len).max().unwrap_or(0);
            prop_assert!(longest < 20_000, "{} bytes", longest);
        }
    }

    #[test]
    fn frames_fit_the_screen(
        run in runs(), columns in 1_u16..=200, lines in 0_u16..60, previous in 0_u16..70, style in styles(),
    ) {
        let reports: Vec<_> = run.iter().map(Trace::report).collect();
        let frame = trace_frame(&reports, Screen { columns, lines }, previous, style, TraceTextOptions::default());
        prop_assert!(frame.height < lines.max(1));
        let text = String::from_utf8(frame.bytes).unwrap();
        prop_assert_eq!(text.matches('\n').count(), usize::from(frame.height));
        for line in text.lines() {
            // ECMA-48: ESC [ ... final byte from @ to ~.
            let mut parts = line.split("\x1b[");
            let first = parts.next().unwrap_or_default().to_owned();
            let shown = parts.fold(first, |shown, part| {
                let end = part.find(|c: char| ('@'..='~').contains(&c)).unwrap();
                shown + &part[end + 1..]
            });
            let shown = shown.replace('\r', "");
            prop_assert!(width(&shown) <= usize::from(columns), "{:?}", shown);
            prop_assert!(!shown.chars().any(is_active), "{:?}", shown);
        }
    }

    #[test]
    fn any_path_makes_a_valid_line_that_reads_back(trace in traces(), at: u64) {
        let mut lines = JsonLines::new(RunIdentity::new("lb1", Uuid::from_u128(7)));
        let line = checked(lines.trace(Wall::from_nanos(at), &trace.report()));
        prop_assert_eq!(line["target"].as_str(), Some(&*trace.series.target));
        prop_assert_eq!(line["message"].as_str(), Some(&*trace.verdict.message));
        let hops = line["hops"].as_array().unwrap();
        prop_assert_eq!(hops.len(), trace.path.hops.len());
        for (read, hop) in hops.iter().zip(&trace.path.hops) {
            let addresses: Vec<IpAddr> = read["addresses"]
                .as_array().unwrap().iter().map(|text| text.as_str().unwrap().parse().unwrap()).collect();
            let expected: Vec<_> = hop.responders.iter().map(|responder| responder.address).collect();
            prop_assert_eq!(&addresses, &expected);
            for (address, name) in addresses.iter().zip(read["names"].as_array().unwrap()) {
                prop_assert_eq!(name.as_str(), trace.names.get(address).map(String::as_str));
            }
            prop_assert_eq!(read["ttl"].as_u64(), Some(hop.ttl.into()));
            prop_assert_eq!(read["sent"].as_u64(), Some(hop.counts.sent));
            prop_assert_eq!(read["received"].as_u64(), Some(hop.counts.received));
            let labels: usize = hop.responders.iter().map(|responder| responder.mpls.iter().count()).sum();
            prop_assert_eq!(read["mpls"].as_array().unwrap().len(), labels);
            prop_assert_eq!(read["loss_ratio"].is_null(), hop.counts.sent == 0);
        }
    }

    #[test]
    fn any_change_makes_a_valid_line(
        series in series(),
        old in prop::collection::vec(prop::option::of(addresses()), 0..6),
        new in prop::collection::vec(prop::option::of(addresses()), 0..6),
    ) {
        let change = PathChange { series: SeriesId::new(0), at: Mono::default(), old, new };
        let mut lines = JsonLines::new(RunIdentity::new("lb1", Uuid::from_u128(7)));
        let line = checked(lines.path_change(Wall::default(), &series, &change));
        prop_assert_eq!(line["old"].as_array().unwrap().len(), change.old.len());
        prop_assert!(line["message"].as_str().unwrap().contains(&*series.target));
    }
}
