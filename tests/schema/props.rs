//! Any figures at all make a valid line that reads back.

use std::net::IpAddr;
use std::time::Duration;

use pathjitter::outcome::StampSource;
use pathjitter::report::WindowReport;
use pathjitter::series::{Endpoint, Series};
use pathjitter::stats::{Counts, IpdvSummary, LatenessSummary, Proportion, RttSummary, Summary};
use pathjitter::units::{Rtt, Wall};
use proptest::prelude::*;
use serde_json::Value;

use super::{checked, lines, report};

fn rtts() -> impl Strategy<Value = Rtt> {
    prop_oneof![0..60_000_000_000_u64, any::<u64>()].prop_map(Rtt::from_nanos)
}

/// Any float of the sign that a spread or a time can have, those that are no numbers included.
fn figures() -> impl Strategy<Value = f64> {
    prop_oneof![
        0.0..1e9_f64,
        prop::num::f64::POSITIVE | prop::num::f64::ZERO | prop::num::f64::INFINITE | prop::num::f64::QUIET_NAN
    ]
    .prop_map(|x| if x < 0.0 { f64::NEG_INFINITY } else { x })
}

prop_compose! {
    fn rtt_summaries()(rtt in prop::array::uniform6(rtts()), float in prop::array::uniform3(figures())) -> RttSummary {
        RttSummary {
            min: rtt[0], p50: rtt[1], p90: rtt[2], p99: rtt[3], p999: rtt[4], max: rtt[5],
            mean_us: float[0], stddev_us: float[1], mdev_us: float[2],
        }
    }
}

prop_compose! {
    fn counts()(n in prop::array::uniform13(any::<u64>())) -> Counts {
        Counts {
            sent: n[0], received: n[1], lost: n[2], late: n[3], late_after_close: n[4], duplicate: n[5], reordered: n[6],
            refused: n[7], reset: n[8], unreachable: n[9], prohibited: n[10], send_error: n[11], unjudged: n[12],
        }
    }
}

fn proportions() -> impl Strategy<Value = Proportion> {
    let part = || prop_oneof![0.0..=1.0_f64, Just(f64::NAN)];
    (part(), part(), part()).prop_map(|(ratio, low, high)| Proportion { ratio, low, high })
}

prop_compose! {
    fn summaries()(
        counts in counts(),
        loss in prop::option::of(proportions()),
        rtt in prop::option::of(rtt_summaries()),
        refused_rtt in prop::option::of(rtt_summaries()),
        jitter_rfc3550_us in prop::option::of(figures()),
        ipdv in prop::option::of((rtts(), rtts()).prop_map(|(p50, p99)| IpdvSummary { p50, p99 })),
        late in prop::option::of(any::<Duration>()),
        stamp in prop::sample::select(vec![StampSource::Kernel, StampSource::TcpInfo, StampSource::User]),
        (loss_burst_max, stamps_lost) in any::<(u64, u64)>(),
        rtt_cells in prop::collection::vec((any::<u64>(), 1..u64::MAX), 0..20),
    ) -> Summary {
        let send_late = late.map(|late| LatenessSummary { p99: late, max: late });
        Summary {
            counts, loss, rtt, refused_rtt, user_rtt: rtt, jitter_rfc3550_us, ipdv, loss_burst_max, stamp, stamps_lost,
            send_late, rtt_cells, ipdv_cells: Vec::new(), send_late_cells: Vec::new(),
        }
    }
}

prop_compose! {
    fn series()(target: String, address: IpAddr, scope_id: u32, port in 0_u16.., flow: u16) -> Series {
        let endpoint = if port == 0 { Endpoint::Icmp } else { Endpoint::Tcp(port) };
        Series { target: target.into(), address, scope_id, endpoint, flow }
    }
}

/// us in a line against ns measured: the same to the last digit where a double holds them.
fn assert_same_time(line: &Value, field: &str, expected: Option<Rtt>) {
    let read = line[field].as_f64();
    match (read, expected.map(Rtt::as_nanos)) {
        (None, None) => assert_eq!(line[field], Value::Null),
        (Some(us), Some(ns)) if ns < 1 << 49 => assert_eq!(format!("{:.0}", us * 1e3), ns.to_string(), "{field}"),
        (Some(us), Some(_)) => assert!(us > 1e11, "{field}"),
        (read, expected) => panic!("{field}: {read:?} for {expected:?}"),
    }
}

proptest! {
    #[test]
    fn any_summary_makes_one_valid_line_that_reads_back(
        series in series(), summary in summaries(), start: u64, length: Duration, at: u64,
    ) {
        let report = WindowReport { start: Wall::from_nanos(start), length, ..report(&series, &summary) };
        let line = checked(lines().window(Wall::from_nanos(at), &report));
        prop_assert_eq!(line["target"].as_str(), Some(&*series.target));
        prop_assert_eq!(line["address"].as_str().unwrap().parse::<IpAddr>().unwrap(), series.address);
        prop_assert_eq!(line["port"].as_u64(), series.endpoint.port().map(u64::from));
        let counts = summary.counts;
        for (field, count) in [
            ("sent", counts.sent), ("received", counts.received), ("lost", counts.lost), ("late", counts.late),
            ("late_after_close", counts.late_after_close), ("duplicate", counts.duplicate),
            ("reordered", counts.reordered), ("refused", counts.refused), ("reset", counts.reset),
            ("unreachable", counts.unreachable), ("prohibited", counts.prohibited),
            ("send_error", counts.send_error), ("unjudged", counts.unjudged),
            ("loss_burst_max", summary.loss_burst_max), ("stamps_lost", summary.stamps_lost),
        ] {
            prop_assert_eq!(line[field].as_u64(), Some(count), "{}", field);
        }
        assert_same_time(&line, "rtt_min_us", summary.rtt.map(|rtt| rtt.min));
        assert_same_time(&line, "rtt_p50_us", summary.rtt.map(|rtt| rtt.p50));
        assert_same_time(&line, "rtt_p90_us", summary.rtt.map(|rtt| rtt.p90));
        assert_same_time(&line, "rtt_p99_us", summary.rtt.map(|rtt| rtt.p99));
        assert_same_time(&line, "rtt_p999_us", summary.rtt.map(|rtt| rtt.p999));
        assert_same_time(&line, "rtt_max_us", summary.rtt.map(|rtt| rtt.max));
        assert_same_time(&line, "ipdv_p50_us", summary.ipdv.map(|ipdv| ipdv.p50));
        assert_same_time(&line, "ipdv_p99_us", summary.ipdv.map(|ipdv| ipdv.p99));
        assert_same_time(&line, "refused_p50_us", summary.refused_rtt.map(|rtt| rtt.p50));
        assert_same_time(&line, "refused_p99_us", summary.refused_rtt.map(|rtt| rtt.p99));
        let column = |name: &str| -> Vec<u64> {
            line["rtt_hist_ns"][name].as_array().unwrap().iter().map(|n| n.as_u64().unwrap()).collect()
        };
        let cells: Vec<_> = column("values").into_iter().zip(column("counts")).collect();
        prop_assert_eq!(&cells, &summary.rtt_cells);
        let loss = summary.loss.filter(|loss| loss.ratio.is_finite());
        let same_loss = match (line["loss_ratio"].as_f64(), loss) {
            (None, None) => true,
            (Some(read), Some(loss)) => (read - loss.ratio).abs() <= 1e-9,
            (Some(_), None) | (None, Some(_)) => false,
        };
        prop_assert!(same_loss, "{} for {:?}", line["loss_ratio"], loss);
    }
}
