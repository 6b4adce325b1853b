//! Each outcome that a probe can have, over both families, with exact counts.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use pathjitter::lab::WorldOptions;
use pathjitter::outcome::{Answer, Fate, InTime, SendError, What};
use pathjitter::series::{Endpoint, PacketOptions, Series};
use pathjitter::stats::Counts;
use pathjitter::units::{Rtt, SeriesId};

use crate::story::{Line, SECOND, Story, always, at_rate};

/// The network of most stories takes 1 ms a link, and there are three each way.
const ROUND_TRIP: Rtt = Rtt::from_nanos(6_000_000);

/// 5 probes a second for 20 s.
const PROBES: u64 = 100;

/// Probes `probe` for 20 s; the series over IPv4 and that over IPv6 are checked alike.
fn probed(line: &Line<'_>, probe: &str) -> (Story, [SeriesId; 2]) {
    let mut story = Story::begin(&line.topology(), 1, at_rate(5));
    let ids = story.probe(probe);
    story.run_for(20 * SECOND);
    story.end(10 * SECOND);
    (story, ids.try_into().unwrap())
}

/// Counts of a window in which all probes had one outcome.
fn all(outcome: impl FnOnce(&mut Counts)) -> Counts {
    let mut counts = Counts {
        sent: PROBES,
        ..Counts::default()
    };
    outcome(&mut counts);
    counts
}

/// The distinct answers of a series: sender, type and code of errors, how often.
fn errors(story: &Story, series: SeriesId) -> BTreeMap<(String, u8, u8), u64> {
    let mut found = BTreeMap::new();
    for (_, answered, _) in story.answers(series) {
        let Answer::Unreachable(error) = answered.answer else {
            panic!("{answered:?}");
        };
        let key = (error.from.to_string(), error.icmp_type, error.code);
        *found.entry(key).or_default() += 1;
    }
    found
}

/// All probes of both series ended in an error of this kind: sender, type and code by family.
fn assert_all_errors(line: &Line<'_>, probe: &str, expected: [(&str, u8, u8); 2]) {
    let (story, ids) = probed(line, probe);
    for (id, (from, icmp_type, code)) in ids.into_iter().zip(expected) {
        let only = BTreeMap::from([((from.to_owned(), icmp_type, code), PROBES)]);
        assert_eq!(errors(&story, id), only, "{probe}");
        let counts = story.counts(id);
        assert_eq!((counts.sent, counts.unreachable), (PROBES, PROBES), "{probe}");
    }
}

#[test]
fn a_reply_is_a_reply_by_echo_and_by_syn() {
    for probe in ["app01", "app01:8080"] {
        let line = Line {
            backend: r#"set.ports = { 8080 = "open" }"#,
            ..Line::default()
        };
        let (story, ids) = probed(&line, probe);
        for id in ids {
            assert_eq!(story.counts(id), all(|counts| counts.received = PROBES), "{probe}");
            let rtt = story.summary(id).rtt.unwrap();
            assert_eq!((rtt.min, rtt.max), (ROUND_TRIP, ROUND_TRIP), "{probe}");
            assert!(
                story.answers(id).all(|(_, answered, _)| answered.ttl == Some(62)),
                "64, less one for each of two routers"
            );
        }
    }
}

#[test]
fn a_closed_port_is_refused_and_timed_apart() {
    let (story, ids) = probed(&Line::default(), "app01:81");
    for id in ids {
        assert_eq!(story.counts(id), all(|counts| counts.refused = PROBES));
        let summary = story.summary(id);
        assert_eq!(summary.rtt, None);
        assert_eq!(
            summary.refused_rtt.unwrap().p50.as_nanos() / 100_000,
            59,
            "lower edge of the cell of 6 ms"
        );
    }
}

#[test]
fn a_rejected_port_is_unreachable_by_the_backend() {
    let line = Line {
        backend: r#"set.ports = { 81 = "rejected" }"#,
        ..Line::default()
    };
    assert_all_errors(&line, "app01:81", [("10.10.2.11", 3, 3), ("fd00:10:2::11", 1, 4)]);
}

#[test]
fn a_prohibition_of_the_backend_or_of_a_router_counts_as_prohibited() {
    let by_backend = Line {
        backend: r#"set.ports = { 81 = "prohibited" }
set.echo = "prohibited""#,
        ..Line::default()
    };
    let by_router = Line {
        edge: r#"set.filters = [{ action = "prohibit" }]"#,
        ..Line::default()
    };
    let backend = [("10.10.2.11", 3, 13), ("fd00:10:2::11", 1, 1)];
    let router = [("10.10.2.1", 3, 13), ("fd00:10:2::1", 1, 1)];
    for probe in ["app01", "app01:81"] {
        for (line, expected) in [(&by_backend, backend), (&by_router, router)] {
            assert_all_errors(line, probe, expected);
            let (story, ids) = probed(line, probe);
            for id in ids {
                assert_eq!(story.counts(id).prohibited, PROBES);
            }
        }
    }
}

#[test]
fn a_destination_without_a_route_is_unreachable_by_the_router_that_has_none() {
    let mut story = Story::begin(&Line::default().topology(), 1, at_rate(5));
    for (address, expected) in [
        ("203.0.113.9", ("10.10.1.1", 3, 0)),
        ("2001:db8::9", ("fd00:10:1::1", 1, 0)),
    ] {
        let series = Series {
            target: Arc::from("nowhere"),
            address: address.parse::<IpAddr>().unwrap(),
            scope_id: 0,
            endpoint: Endpoint::Icmp,
            flow: 0,
        };
        let id = story.world.admit_series(series, crate::story::rate(5));
        story.run_for(SECOND);
        let (from, icmp_type, code) = expected;
        assert_eq!(
            errors(&story, id),
            BTreeMap::from([((from.to_owned(), icmp_type, code), 5)])
        );
    }
}

#[test]
fn a_hop_limit_that_runs_out_is_unreachable_by_the_router_where_it_did() {
    for (ttl, expected) in [
        (1, [("10.10.1.1", 11), ("fd00:10:1::1", 3)]),
        (2, [("10.10.2.1", 11), ("fd00:10:2::1", 3)]),
    ] {
        for probe in ["app01", "app01:81"] {
            let mut options = at_rate(5);
            options.packet.ttl = Some(ttl);
            let mut story = Story::begin(&Line::default().topology(), 1, options);
            let ids = story.probe(probe);
            story.run_for(20 * SECOND);
            story.end(SECOND);
            for (id, (from, icmp_type)) in ids.into_iter().zip(expected) {
                let only = BTreeMap::from([((from.to_owned(), icmp_type, 0), PROBES)]);
                assert_eq!(errors(&story, id), only, "{probe} with TTL {ttl}");
            }
        }
    }
}

#[test]
fn silence_is_loss_after_the_timeout() {
    let line = Line {
        backend: r#"set.echo = "dropped"
set.ports = { 81 = "dropped" }"#,
        ..Line::default()
    };
    for probe in ["app01", "app01:81"] {
        let (story, ids) = probed(&line, probe);
        for id in ids {
            assert_eq!(story.counts(id), all(|counts| counts.lost = PROBES), "{probe}");
            let timed_out = story
                .events
                .iter()
                .filter(|(event, _)| event.series == id && event.what == What::TimedOut);
            assert_eq!(timed_out.count(), 100);
        }
    }
}

#[test]
fn an_answer_after_the_timeout_is_late_and_no_loss() {
    // 1.506 s in all: five links of 1 ms, and the way back from the backend.
    let line = Line {
        last_link: r#"reverse.delay = "1501ms""#,
        backend: r#"set.ports = { 80 = "open" }"#,
        ..Line::default()
    };
    // A peer that has waited for a second for the RST to its SYN-ACK sends that again.
    for (probe, duplicate) in [("app01", 0), ("app01:80", PROBES)] {
        let (story, ids) = probed(&line, probe);
        for id in ids {
            let expected = all(|counts| (counts.late, counts.duplicate) = (PROBES, duplicate));
            assert_eq!(story.counts(id), expected, "{probe}");
            let is_right = |answered: &pathjitter::outcome::Answered| {
                answered.in_time == InTime::Late
                    && answered.timed_out
                    && answered.timing.rtt == Rtt::from_nanos(1_506_000_000)
            };
            assert!(story.answers(id).all(|(_, answered, _)| is_right(&answered)));
        }
    }
}

#[test]
fn an_answer_to_a_probe_that_is_forgotten_is_late_after_close_and_revises_nothing() {
    let slow = always("5s");
    let line = Line {
        backend: &format!("set.icmp_delay = {slow}"),
        ..Line::default()
    };
    let options = WorldOptions {
        memory: 16,
        ..at_rate(5)
    };
    let mut story = Story::begin(&line.topology(), 1, options);
    let ids = story.probe("app01");
    story.run_for(20 * SECOND);
    story.end(10 * SECOND);
    for id in ids {
        // An answer comes 25 probes after its own. Only the last 16 are remembered, so each is late for good, but for the answers of
        // the last 16: none overwrites those, and they are late only.
        let counts = story.counts(id);
        assert_eq!((counts.lost, counts.late), (PROBES - 16, 16));
        assert_eq!(counts.late_after_close, PROBES - 16);
    }
}

#[test]
fn each_copy_of_an_answer_is_a_duplicate() {
    let line = Line {
        last_link: "reverse.duplicate = 1.0",
        backend: r#"set.ports = { 80 = "open" }"#,
        ..Line::default()
    };
    for probe in ["app01", "app01:80", "app01:81"] {
        let (story, ids) = probed(&line, probe);
        for id in ids {
            let counts = story.counts(id);
            assert_eq!((counts.lost, counts.duplicate), (0, PROBES), "{probe}");
            assert_eq!(counts.received + counts.refused, PROBES);
        }
    }
}

#[test]
fn a_reply_that_later_ones_overtook_is_reordered() {
    let line = Line {
        last_link: r#"forward.reorder = { share = 0.2, by = "500ms" }"#,
        ..Line::default()
    };
    let (story, ids) = probed(&line, "app01");
    for id in ids {
        // The definition of RFC 4737, one reply against every other, from true times.
        let arrivals: Vec<u64> = {
            let mut answers: Vec<_> = story.answers(id).collect();
            answers.sort_by_key(|(seq, ..)| *seq);
            let interval = 200_000_000;
            answers
                .iter()
                .map(|(seq, _, truth)| seq.get() * interval + truth.as_nanos())
                .collect()
        };
        assert_eq!(arrivals.len(), 100);
        let overtaken = |place: usize| arrivals[place + 1..].iter().any(|later| *later < arrivals[place]);
        let truth = (0..arrivals.len()).filter(|&place| overtaken(place)).count();
        assert!(truth > 5, "{truth} of 20 expected");
        assert_eq!(story.counts(id).reordered, truth as u64);
        assert_eq!(story.counts(id).received, PROBES);
    }
}

#[test]
fn what_this_host_refuses_to_send_is_a_send_error_and_no_loss() {
    let mut story = Story::begin(&Line::default().topology(), 1, at_rate(5));
    let ids = story.probe("app01");
    story.run_for(8 * SECOND);
    story.world.refuse_sends(Some(SendError::Denied));
    story.run_for(4 * SECOND);
    story.world.refuse_sends(None);
    story.run_for(8 * SECOND);
    story.end(SECOND);
    for id in ids {
        let counts = story.counts(id);
        assert_eq!((counts.sent, counts.received, counts.send_error), (80, 80, 20));
        let not_sent = story.fates(id).into_iter().filter(|fate| *fate == Fate::NotSent);
        assert_eq!(not_sent.count(), 20);
    }
}

#[test]
fn a_packet_larger_than_the_interface_is_a_send_error_and_one_larger_than_a_link_an_answer() {
    let run = |payload_bytes| {
        let defaults = at_rate(5);
        let options = WorldOptions {
            packet: PacketOptions {
                payload_bytes,
                ..defaults.packet.clone()
            },
            ..defaults
        };
        let line = Line {
            last_link: "set.mtu = 1400",
            ..Line::default()
        };
        let mut story = Story::begin(&line.topology(), 1, options);
        let ids = story.probe("app01");
        story.run_for(20 * SECOND);
        story.end(SECOND);
        (story, ids)
    };
    let (story, ids) = run(1_480);
    for id in ids {
        let failed = |what| matches!(what, What::SendFailed(SendError::TooBig));
        let events = story.events.iter().filter(|(event, _)| event.series == id);
        assert_eq!(events.filter(|(event, _)| failed(event.what)).count(), 100);
        assert_eq!(story.counts(id).send_error, PROBES);
    }
    let (story, ids) = run(1_400);
    for (id, (from, icmp_type, code)) in ids.into_iter().zip([("10.10.2.1", 3, 4), ("fd00:10:2::1", 2, 0)]) {
        let only = BTreeMap::from([((from.to_owned(), icmp_type, code), PROBES)]);
        assert_eq!(errors(&story, id), only);
    }
}

#[test]
fn a_host_that_is_off_is_unreachable_by_the_last_router_after_its_neighbour_timeout() {
    let line = Line {
        backend: "set.off = true",
        edge: "set.neighbour_timeout = \"800ms\"",
        ..Line::default()
    };
    let (story, ids) = probed(&line, "app01");
    for (id, (from, icmp_type, code)) in ids.into_iter().zip([("10.10.2.1", 3, 1), ("fd00:10:2::1", 1, 3)]) {
        let counts = story.counts(id);
        assert_eq!(counts.sent, PROBES);
        assert_eq!(counts.unreachable + counts.lost + counts.late, PROBES);
        assert!(counts.unreachable > 0, "{counts:?}");
        let found = errors(&story, id);
        let keys: Vec<_> = found.keys().cloned().collect();
        assert_eq!(keys, [(from.to_owned(), icmp_type, code)]);
    }
}

#[test]
fn random_loss_is_reported_to_the_packet() {
    let line = Line {
        uplink: "set.loss = 0.03",
        last_link: "reverse.bursts = { start = 0.01, end = 0.3 }",
        ..Line::default()
    };
    let mut story = Story::begin(&line.topology(), 7, at_rate(50));
    let ids = story.probe("app01");
    story.run_for(100 * SECOND);
    story.end(2 * SECOND);
    let lost: u64 = ids.iter().map(|&id| story.counts(id).lost).sum();
    let dropped = ["host>agg1", "agg1>host", "app01>edge1"]
        .into_iter()
        .map(|link| story.dropped_by(link))
        .sum::<u64>();
    assert_eq!(lost, dropped);
    // 10,000 probes: 6 % on the uplink and bursts of 3 % lose some 900, with a deviation below 50.
    assert!((700..1_100).contains(&lost), "{lost}");
}

#[test]
fn the_loss_interval_of_echo_over_a_lossy_link_contains_the_truth() {
    // Nineteen of twenty 95 % intervals contain it: fewer than 15 of 20 have a chance below 3e-4.
    let line = Line {
        last_link: "forward.loss = 0.05",
        ..Line::default()
    };
    let topology = line.topology();
    let contains = |seed| {
        let mut story = Story::begin(&topology, seed, at_rate(50));
        let ids = story.probe("app01");
        story.run_for(Duration::from_secs(20));
        story.end(2 * SECOND);
        let loss = story.summary(ids[0]).loss.unwrap();
        (loss.low..=loss.high).contains(&0.05)
    };
    let hits = (0..20).filter(|&seed| contains(seed)).count();
    assert!(hits >= 15, "{hits} of 20");
}
