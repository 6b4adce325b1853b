//! Scrapes of small ledgers, read by a reader of their own.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use super::*;
use crate::detect::Kind;
use crate::diagnose::{Stage, VerdictCode};
use crate::outcome::StampSource;
use crate::series::{Endpoint, Series};
use crate::stats::{Counts, Distribution, Summary, WindowOptions, WindowStats};
use crate::units::{Mono, Rtt, SeriesId, Wall};

const WINDOW: Duration = Duration::from_secs(10);

fn wall(seconds: u64) -> Wall {
    Wall::from_nanos(seconds * 1_000_000_000)
}

fn mono(seconds: u64) -> Mono {
    Mono::from_nanos(seconds * 1_000_000_000)
}

fn series(target: &str, endpoint: Endpoint) -> Series {
    Series {
        target: Arc::from(target),
        address: "10.0.0.1".parse().unwrap(),
        scope_id: 0,
        endpoint,
        flow: 0,
    }
}

fn identity(target: &str) -> Identity {
    Identity::new(&series(target, Endpoint::Icmp), None, &[])
}

/// A window with a count that is different for each outcome, and these RTTs.
fn summary(times_us: &[u64]) -> Summary {
    let options = WindowOptions {
        stamp: StampSource::Kernel,
        user_rtt: false,
    };
    let mut rtt = Distribution::default();
    for us in times_us {
        rtt.record(Rtt::from_nanos(us * 1_000));
    }
    Summary {
        counts: Counts {
            sent: 100,
            received: 90,
            lost: 1,
            late: 2,
            late_after_close: 3,
            duplicate: 4,
            reordered: 5,
            refused: 6,
            reset: 7,
            unreachable: 11,
            prohibited: 8,
            send_error: 9,
            unjudged: 10,
        },
        stamps_lost: 12,
        rtt: rtt.summary(),
        rtt_cells: rtt.histogram().cells().collect(),
        ..WindowStats::new(options).summary()
    }
}

fn encoded(ledger: &Ledger, process: ProcessFigures, format: Format) -> Vec<u8> {
    let mut bytes = Vec::new();
    ledger.encode(process, format, &mut bytes).expect("a scrape");
    bytes
}

/// The samples of a scrape by name and labels, and the lines of a family's head.
fn samples(ledger: &Ledger, format: Format) -> BTreeMap<String, f64> {
    let text = encoded(ledger, ProcessFigures::default(), format);
    let text = String::from_utf8(text).expect("UTF-8");
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    let read = lines.map(|line| {
        let (name, value) = line.rsplit_once(' ').expect("a sample");
        (name.to_owned(), value.parse().expect("a number"))
    });
    let (all, count): (BTreeMap<_, _>, _) = (read.clone().collect(), read.count());
    assert_eq!(all.len(), count, "a sample stands twice");
    all
}

#[test]
fn every_family_is_there_from_the_start_and_every_series_at_zero() {
    let mut ledger = Ledger::new(WINDOW, wall(1_000));
    ledger.admit_backend(SeriesId::new(0), identity("app01"));
    ledger.admit_path(SeriesId::new(1), identity("app01"));
    let process = ProcessFigures {
        cpu_seconds: Some(1.0),
        resident_bytes: Some(2),
        start_time_seconds: Some(3.0),
        open_fds: Some(4),
        max_fds: Some(5),
        ..ProcessFigures::default()
    };
    let text = String::from_utf8(encoded(&ledger, process, Format::Text)).unwrap();
    for family in FAMILIES {
        let name = family.name();
        let kind = match family.kind {
            FamilyKind::Counter => "counter",
            FamilyKind::Gauge => "gauge",
            FamilyKind::Histogram => "histogram",
        };
        assert!(text.contains(&format!("# TYPE {name} {kind}\n")), "{name}");
        assert!(text.contains(&format!("# HELP {name} {}\n", family.help)), "{name}");
    }
    let heads = text.lines().filter(|line| line.starts_with("# TYPE ")).count();
    assert_eq!(heads, FAMILIES.len());
    let all = samples(&ledger, Format::Text);
    let of_app: Vec<_> = all
        .iter()
        .filter(|(name, _)| name.contains("target=\"app01\""))
        .collect();
    assert!(of_app.iter().all(|(_, value)| **value == 0.0), "{of_app:?}");
    // 42 + 22 buckets, 2 sums and counts; 8 counters, 8 outcomes, 3 kinds of spikes, shifts, degraded, changes and hops of the path.
    assert_eq!(of_app.len(), 42 + 22 + 4 + 8 + 8 + 3 + 4);
    for verdict in VerdictCode::ALL {
        let label = format!("{{verdict=\"{}\"}}", verdict.as_str());
        assert_eq!(all[&format!("pathjitter_incidents_total{label}")], 0.0);
        assert_eq!(all[&format!("pathjitter_incidents_open{label}")], 0.0);
    }
}

#[test]
fn windows_add_up_and_no_outcome_is_lumped_with_another() {
    let mut ledger = Ledger::new(WINDOW, wall(1_000));
    let id = SeriesId::new(0);
    ledger.admit_backend(id, identity("app01"));
    ledger.window(id, &summary(&[60, 100, 300_000]), false, wall(2_000));
    ledger.window(id, &summary(&[100]), true, wall(2_010));
    let labels = "target=\"app01\",address=\"10.0.0.1\",proto=\"icmp\",family=\"ipv4\"";
    for format in [Format::Text, Format::OpenMetrics] {
        let all = samples(&ledger, format);
        let value = |name: &str| all[&format!("pathjitter_{name}{{{labels}}}")];
        assert_eq!(
            [value("probes_sent_total"), value("probes_received_total")],
            [200.0, 180.0]
        );
        let failed = [
            ("lost", 2.0),
            ("late", 4.0),
            ("refused", 12.0),
            ("reset", 14.0),
            ("prohibited", 16.0),
            ("unreachable", 6.0),
            ("send_error", 18.0),
            ("unjudged", 20.0),
        ];
        for (outcome, expected) in failed {
            let name = format!("pathjitter_probes_failed_total{{{labels},outcome=\"{outcome}\"}}");
            assert_eq!(all[&name], expected, "{outcome}");
        }
        assert_eq!(value("duplicates_total"), 8.0);
        assert_eq!(value("reordered_total"), 10.0);
        assert_eq!(value("late_after_close_total"), 6.0);
        assert_eq!(value("stamps_lost_total"), 24.0);
        assert_eq!([value("windows_total"), value("windows_disturbed_total")], [2.0, 1.0]);
        assert_eq!(value("rtt_seconds_count"), 4.0);
        assert!((value("rtt_seconds_sum") - 0.300_260).abs() < 1e-9);
        let bucket = |bound: f64| {
            let buckets = all.iter().filter_map(|(name, count)| {
                let rest = name.strip_prefix("pathjitter_rtt_seconds_bucket{le=\"")?;
                let (le, of) = rest.split_once("\",")?;
                assert_eq!(of, format!("{labels}}}"));
                Some((le.parse::<f64>().expect("a bound"), *count))
            });
            buckets
                .collect::<Vec<_>>()
                .into_iter()
                .find(|(le, _)| *le == bound)
                .map(|(_, count)| count)
        };
        let counts = [50e-6, 71e-6, 100e-6, 0.5, f64::INFINITY].map(bucket);
        assert_eq!(counts, [0.0, 1.0, 3.0, 4.0, 4.0].map(Some));
        assert_eq!(all["pathjitter_last_window_end_timestamp_seconds"], 2_010.0);
    }
}

#[test]
fn each_count_of_a_window_is_a_metric() {
    // A count that is new stops this from compiling: where does it go?
    let Counts {
        sent: _,
        received: _,
        lost,
        late,
        late_after_close: _,
        duplicate: _,
        reordered: _,
        refused,
        reset,
        unreachable,
        prohibited: _,
        send_error,
        unjudged,
    } = summary(&[]).counts;
    let failed: u64 = OUTCOMES
        .iter()
        .map(|(_, count_of)| count_of(&summary(&[]).counts))
        .sum();
    assert_eq!(
        failed,
        lost + late + refused + reset + unreachable + send_error + unjudged
    );
}

#[test]
fn an_incident_counts_once_under_each_verdict_that_it_had_and_is_open_under_the_last() {
    let mut ledger = Ledger::new(WINDOW, wall(1_000));
    let told = [
        (Stage::Open, 1, VerdictCode::Unknown),
        (Stage::Update, 1, VerdictCode::SharedPath),
        (Stage::Update, 1, VerdictCode::Unknown),
        (Stage::Update, 1, VerdictCode::SharedPath),
        (Stage::Open, 2, VerdictCode::SharedPath),
    ];
    for (stage, number, verdict) in told {
        ledger.news(News::Incident(stage, number, verdict));
    }
    let value = |ledger: &Ledger, name: &str, verdict: &str| {
        samples(ledger, Format::Text)[&format!("pathjitter_{name}{{verdict=\"{verdict}\"}}")]
    };
    let both = |ledger: &Ledger, name: &str| [value(ledger, name, "unknown"), value(ledger, name, "shared_path")];
    assert_eq!(both(&ledger, "incidents_total"), [1.0, 2.0]);
    assert_eq!(both(&ledger, "incidents_open"), [0.0, 2.0]);
    ledger.news(News::Incident(Stage::Close, 1, VerdictCode::SharedPath));
    assert_eq!(both(&ledger, "incidents_total"), [1.0, 2.0]);
    assert_eq!(both(&ledger, "incidents_open"), [0.0, 1.0]);
    assert_eq!(samples(&ledger, Format::Text)["pathjitter_incidents_opened_total"], 2.0);
}

#[test]
fn news_count_where_they_belong() {
    let mut ledger = Ledger::new(WINDOW, wall(1_000));
    let (backend, path) = (SeriesId::new(0), SeriesId::new(1));
    ledger.admit_backend(backend, identity("app01"));
    ledger.admit_path(path, identity("app01"));
    for news in [
        News::Spiked(backend, Kind::Loss),
        News::Spiked(backend, Kind::Loss),
        News::Spiked(backend, Kind::Refused),
        News::Shifted(backend),
        News::Degraded(backend),
        News::PathChanged(path),
        News::PathKnown(path, 3),
        News::PathKnown(path, 4),
        News::Stalled(Duration::from_millis(250)),
        News::Stalled(Duration::from_millis(500)),
        News::ControlSpiked,
        // Of nobody that is known.
        News::Shifted(SeriesId::new(7)),
        News::PathChanged(backend),
        News::PathKnown(backend, 9),
    ] {
        ledger.news(news);
    }
    ledger.receive_dropped(3);
    ledger.clock_stepped();
    ledger.reloaded(false, wall(3_000));
    let all = samples(&ledger, Format::Text);
    let labels = "target=\"app01\",address=\"10.0.0.1\",proto=\"icmp\",family=\"ipv4\"";
    let value = |name: &str, more: &str| all[&format!("pathjitter_{name}{{{labels}{more}}}")];
    let spikes = ["rtt", "loss", "refused"].map(|kind| value("spikes_total", &format!(",kind=\"{kind}\"")));
    assert_eq!(spikes, [0.0, 2.0, 1.0]);
    assert_eq!(
        [
            value("level_shifts_total", ""),
            value("degraded", ""),
            value("path_changes_total", ""),
            value("path_hops", "")
        ],
        [1.0, 1.0, 1.0, 4.0]
    );
    for (name, expected) in [
        ("own_stalls_total", 2.0),
        ("own_stalls_seconds_total", 0.75),
        ("own_control_spikes_total", 1.0),
        ("receive_queue_drops_total", 3.0),
        ("clock_steps_total", 1.0),
        ("config_last_reload_successful", 0.0),
        ("config_last_reload_success_timestamp_seconds", 1_000.0),
        ("window_seconds", 10.0),
    ] {
        assert_eq!(all[&format!("pathjitter_{name}")], expected, "{name}");
    }
    ledger.news(News::Recovered(backend));
    ledger.reloaded(true, wall(3_000));
    let all = samples(&ledger, Format::Text);
    assert_eq!(all[&format!("pathjitter_degraded{{{labels}}}")], 0.0);
    assert_eq!(all["pathjitter_config_last_reload_success_timestamp_seconds"], 3_000.0);
}

#[test]
fn a_series_that_begins_anew_goes_on_counting_and_one_that_is_gone_is_forgotten_later() {
    let kept = Duration::from_mins(10);
    let mut ledger = Ledger::new(WINDOW, wall(1_000));
    let [first, second, other] = [0, 1, 2].map(SeriesId::new);
    ledger.admit_backend(first, identity("app01"));
    ledger.admit_backend(other, identity("app02"));
    ledger.window(first, &summary(&[100]), false, wall(2_000));
    ledger.retire(first, mono(100));
    ledger.admit_backend(second, identity("app01"));
    // The last window of the one and the first of the other.
    ledger.window(first, &summary(&[100]), false, wall(2_010));
    ledger.window(second, &summary(&[100]), false, wall(2_010));
    ledger.retire(other, mono(100));
    let count = |ledger: &Ledger| {
        let all = samples(ledger, Format::Text);
        let sent: Vec<_> = all
            .iter()
            .filter(|(name, _)| name.starts_with("pathjitter_probes_sent"))
            .collect();
        sent.iter().map(|(_, value)| **value).collect::<Vec<_>>()
    };
    ledger.forget(mono(699), kept);
    assert_eq!(count(&ledger), [300.0, 0.0]);
    ledger.forget(mono(700), kept);
    assert_eq!(count(&ledger), [300.0]);
    ledger.window(other, &summary(&[100]), false, wall(2_020));
    assert_eq!(count(&ledger), [300.0], "nobody asks for it any more");
}

#[test]
fn labels_of_the_user_neither_break_a_line_nor_replace_ours() {
    let labels = [
        ("site", "a\"b\\c\nd"),
        ("target", "x"),
        ("user_target", "y"),
        ("__x", "z"),
    ];
    let labels = labels.map(|(name, value)| (name.to_owned(), value.to_owned()));
    let identity = Identity::new(&series("app\"01", Endpoint::Tcp(443)), Some("web"), &labels);
    let mut ledger = Ledger::new(WINDOW, wall(1_000));
    ledger.admit_backend(SeriesId::new(0), identity);
    let expected = "pathjitter_level_shifts_total{target=\"app\\\"01\",address=\"10.0.0.1\",port=\"443\",proto=\"tcp\",\
                    family=\"ipv4\",group=\"web\",site=\"a\\\"b\\\\c\\nd\",user_target=\"x\",user___x=\"z\"}";
    for format in [Format::Text, Format::OpenMetrics] {
        assert_eq!(
            samples(&ledger, format).get(expected),
            Some(&0.0),
            "{:?}",
            samples(&ledger, format)
        );
    }
}

#[test]
fn open_metrics_has_an_end_and_the_other_text_has_none() {
    let ledger = Ledger::new(WINDOW, wall(1_000));
    let [text, open_metrics] = [Format::Text, Format::OpenMetrics].map(|format| {
        let bytes = encoded(&ledger, ProcessFigures::default(), format);
        String::from_utf8(bytes).unwrap()
    });
    assert!(open_metrics.ends_with("# EOF\n") && !text.contains("# EOF"));
    assert!(open_metrics.contains("# TYPE pathjitter_incidents counter\npathjitter_incidents_total{"));
    assert!(text.contains("# TYPE pathjitter_incidents_total counter\npathjitter_incidents_total{"));
}

#[test]
fn how_late_probes_left_is_added_up_over_all_series() {
    let mut ledger = Ledger::new(WINDOW, wall(1_000));
    for (number, name) in [(0, "app01"), (1, "app02")] {
        ledger.admit_backend(SeriesId::new(number), identity(name));
        let late = Summary {
            // 5 on time, 2 late by 3 ms.
            send_late_cells: vec![(0, 5), (3_000_000, 2)],
            ..summary(&[100])
        };
        ledger.window(SeriesId::new(number), &late, false, wall(2_000));
    }
    let all = samples(&ledger, Format::Text);
    let value = |name: &str| all[&format!("pathjitter_send_lateness_seconds{name}")];
    assert_eq!(value("_count"), 14.0);
    assert!((value("_sum") - 0.012).abs() < 1e-9);
    assert_eq!(value("_bucket{le=\"0.00001\"}"), 10.0);
    assert_eq!(value("_bucket{le=\"+Inf\"}"), 14.0);
}
