//! Sweeps without end: paths come and go, and are hurried for a while.

use std::sync::Arc;
use std::time::Duration;

use super::network::{Fake, Lab, MS, expired, ip, line, most_within, options, target};
use crate::series::{Endpoint, Series};
use crate::sweep::{End, Hop, SweepOptions, Sweeper};
use crate::units::{Mono, SeriesId};

const INTERVAL: Duration = Duration::from_secs(10);

/// A service that sweeps these paths every 10 s, from the start.
fn service<N: FnMut(u32, u8, Mono) -> Fake>(paths: &[u32], network: N) -> Lab<N> {
    let options = SweepOptions {
        cycles: None,
        interval: INTERVAL,
        ..options(1)
    };
    let mut lab = Lab::new(options, 0, network);
    lab.sweeper = Sweeper::for_service(options, 7);
    for &path in paths {
        add(&mut lab, path);
    }
    lab
}

fn add<N: FnMut(u32, u8, Mono) -> Fake>(lab: &mut Lab<N>, path: u32) {
    let series = Series {
        target: Arc::from("target"),
        address: target(path),
        scope_id: 0,
        endpoint: Endpoint::Icmp,
        flow: 0,
    };
    lab.sweeper.add_path(lab.now, SeriesId::new(path), &series);
}

fn seconds(seconds: u64) -> Mono {
    Mono::from_nanos(seconds * 1_000_000_000)
}

#[test]
fn a_removed_path_sends_no_more_and_the_others_keep_what_they_share() {
    let mut lab = service(&[3, 900], line(5));
    lab.run_until(seconds(100));
    lab.sweeper.remove_path(SeriesId::new(900));
    let (ours, shared) = (lab.probes.len(), lab.report(3).hops[0].counts.received);
    lab.run_until(seconds(200));
    assert!(lab.probes[ours..].iter().all(|probe| probe.path == 3));
    assert!(lab.sweeper.report(SeriesId::new(900)).is_none());
    let counts = lab.report(3).hops[0].counts;
    assert!(counts.received >= shared + 9 && counts.in_flight <= 1, "{counts:?}");
    lab.sweeper.remove_path(SeriesId::new(3));
    let all = lab.probes.len();
    lab.run_until(seconds(300));
    assert_eq!(lab.probes.len(), all);
    add(&mut lab, 17);
    lab.run_until(seconds(400));
    let from = target(17);
    assert_eq!(lab.report(17).end, End::Reached { ttl: 5, from });
}

#[test]
fn a_path_that_is_removed_with_probes_under_way_leaves_none_behind() {
    let mut lab = service(&[0, 1], |_, _, _| Fake::Lost);
    lab.run_until(seconds(20).after(MS * 500));
    lab.sweeper.remove_path(SeriesId::new(1));
    lab.run_until(seconds(30));
    lab.sweeper.remove_path(SeriesId::new(0));
    lab.run_until(seconds(40));
    add(&mut lab, 2);
    lab.run_until(seconds(60));
    let report = lab.report(2);
    assert!(report.hops.iter().all(|hop| hop.counts.in_flight <= 2), "{report:?}");
}

#[test]
fn a_hurried_path_is_probed_at_its_own_interval_within_the_budget_and_then_as_before() {
    let mut lab = service(&[0, 1, 2], line(5));
    lab.run_until(seconds(100));
    let second = Duration::from_secs(1);
    lab.sweeper.hurry(SeriesId::new(1), second, lab.now);
    lab.run_until(seconds(140));
    let from_then = |path: u32, ttl: u8, from: u64, to: u64| {
        let probes = lab
            .probes
            .iter()
            .filter(move |probe| probe.path == path && probe.ttl == ttl);
        probes
            .filter(|probe| probe.at >= seconds(from) && probe.at < seconds(to))
            .count()
    };
    // 40 s at one a second.
    assert!((38..=42).contains(&from_then(1, 5, 100, 140)));
    assert!(
        (3..=5).contains(&from_then(0, 5, 100, 140)),
        "the others go on as before"
    );
    for times in expired(&lab.probes).into_values() {
        let times: Vec<_> = times.into_iter().filter(|at| *at >= seconds(50)).collect();
        assert!(most_within(&times, Duration::from_secs(10)) <= 12);
    }
    lab.sweeper.relax(SeriesId::new(1));
    let before = lab.probes.len();
    lab.run_until(seconds(200));
    let late = lab.probes[before..]
        .iter()
        .filter(|probe| probe.path == 1 && probe.ttl == 5);
    assert!((5..=8).contains(&late.count()));
}

#[test]
fn a_report_since_a_moment_holds_what_was_probed_since() {
    // From 100 s on, the second router loses every probe, and with it all beyond.
    let network = |path: u32, ttl: u8, at: Mono| {
        if ttl >= 2 && at >= seconds(100) {
            Fake::Lost
        } else {
            line(4)(path, ttl, at)
        }
    };
    let mut lab = service(&[0], network);
    lab.run_until(seconds(100));
    lab.sweeper.hurry(SeriesId::new(0), Duration::from_secs(1), lab.now);
    lab.run_until(seconds(121));
    let since = lab.sweeper.report_since(SeriesId::new(0), seconds(100)).unwrap();
    assert!(
        (18..=21).contains(&since.hops[0].counts.sent),
        "{:?}",
        since.hops[0].counts
    );
    assert_eq!(since.hops[0].counts.received, since.hops[0].counts.sent);
    let lossy = since.hops[1].counts;
    assert!(lossy.received == 0 && (16..=21).contains(&lossy.sent), "{lossy:?}");
    assert!(since.hops[0].rounds.is_sorted_by(|a, b| a.round < b.round));
    let all = lab.report(0).hops[1].counts;
    assert_eq!(all.received, 10);
}

#[test]
fn days_of_sweeps_take_no_more_memory_than_an_hour() {
    // The third hop never answers.
    let network = |path: u32, ttl: u8, at: Mono| if ttl == 3 { Fake::Lost } else { line(5)(path, ttl, at) };
    let mut lab = service(&[0, 1], network);
    lab.run_until(seconds(2 * 86_400));
    let report = lab.report(0);
    assert!(report.hops.iter().all(|hop| hop.rounds.len() <= Hop::ROUNDS));
    assert!(lab.sweeper.paths.iter().all(|path| path.flights.len() < 16));
    assert!(lab.sweeper.watched.len() < 64 && lab.sweeper.turns.len() < 64);
}

#[test]
fn the_background_sweep_of_a_thousand_targets_is_cheap() {
    let mut lab = service(&(0..1_000).collect::<Vec<_>>(), |path, ttl, _| match ttl {
        1 | 2 => Fake::Expires(ip(0, ttl), MS),
        3 => Fake::Expires(ip(1, u8::try_from(path % 200).unwrap()), MS * 2),
        _ => Fake::Replies(target(path), MS * 3, 61),
    });
    lab.run_until(seconds(3_600));
    let before = lab.probes.len();
    lab.run_until(seconds(4_600));
    // Each target, each of 200 routers, and the two in common: once an interval.
    let per_interval = (lab.probes.len() - before) / 100;
    assert!((1_100..=1_300).contains(&per_interval), "{per_interval}");
}
