//! Changes of the course, and what looks like one.

use std::time::Duration;

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::network::{Fake, Lab, MS, ip, line, options, target};
use crate::sweep::{End, News, PathChange};
use crate::units::{Mono, SeriesId};

fn changes(news: &[News]) -> Vec<&PathChange> {
    let changes = news.iter().filter_map(|news| match news {
        News::PathChanged(change) => Some(change),
        News::CycleEnded { .. } => None,
    });
    changes.collect()
}

fn second(n: u64) -> Mono {
    Mono::default().after(Duration::from_secs(n))
}

#[test]
fn another_router_in_the_place_of_the_old_one_is_a_change_from_there_on() {
    // From 20 s on, hops 3 and 4 of 6 are others, and everything before the change is lost for two seconds.
    let network = |path: u32, ttl: u8, at: Mono| match ttl {
        3.. if at >= second(18) && at < second(20) => Fake::Lost,
        3 | 4 if at >= second(20) => Fake::Expires(ip(1, ttl), MS * 50),
        _ => line(6)(path, ttl, at),
    };
    let mut lab = Lab::new(options(60), 1, network);
    lab.run_until(second(40));
    let found = changes(&lab.news);
    assert_eq!(found.len(), 1, "{found:?}");
    let change = found[0];
    let course = |a: u8| [ip(0, 1), ip(0, 2), ip(a, 3), ip(a, 4), ip(0, 5), target(0)].map(Some);
    assert_eq!(change.old, course(0));
    assert_eq!(change.new[..4], course(1)[..4]);
    assert!(change.at >= second(20) && change.at <= second(22), "{:?}", change.at);
    let report = lab.report(0);
    assert_eq!(report.changed_at, Some(change.at));
    assert_eq!(
        report.end,
        End::Reached {
            ttl: 6,
            from: target(0)
        }
    );
    for hop in &report.hops[2..] {
        assert_eq!(
            hop.counts.sent, hop.counts.received,
            "the outage is not of the new course: {hop:?}"
        );
        assert!((14..=21).contains(&hop.counts.sent), "{hop:?}");
        assert_eq!(hop.responders.len(), 1);
    }
    assert!(report.hops[0].counts.sent > 37, "what did not change goes on");
    let former = lab.sweeper.former(SeriesId::new(0)).unwrap();
    assert_eq!(former.hops[2].responders[0].address, ip(0, 3));
    assert!(former.hops[2].counts.received >= 17);
}

#[test]
fn a_longer_and_a_shorter_path_are_changes() {
    for (before, after) in [(5, 6), (6, 5), (4, 9), (9, 4)] {
        let network = move |path: u32, ttl: u8, at: Mono| {
            let length = if at < second(15) { before } else { after };
            line(length)(path, ttl, at)
        };
        let mut lab = Lab::new(options(60), 1, network);
        lab.run_until(second(40));
        let report = lab.report(0);
        let end = End::Reached {
            ttl: after,
            from: target(0),
        };
        assert_eq!(
            (report.end, report.hops.len()),
            (end, usize::from(after)),
            "{before} -> {after}"
        );
        let targets = report.hops.iter().filter(|hop| hop.responders[0].address == target(0));
        assert_eq!(targets.count(), 1, "the target is shown once");
        assert!(report.hops.iter().all(|hop| hop.counts.sent == hop.counts.received));
        assert_eq!(changes(&lab.news).len(), 1, "{before} -> {after}");
    }
}

#[test]
fn a_route_that_is_withdrawn_ends_the_path() {
    let network = |path: u32, ttl: u8, at: Mono| match ttl {
        4 if at > second(15) => Fake::Errs(ip(0, 3), 3, 0, None),
        5.. if at > second(15) => Fake::Lost,
        _ => line(6)(path, ttl, at),
    };
    let mut lab = Lab::new(options(60), 1, network);
    lab.run_until(second(40));
    assert!(matches!(lab.report(0).end, End::Unreachable { ttl: 4, .. }));
    assert_eq!(changes(&lab.news).len(), 1);
}

#[test]
fn routers_that_alternate_are_two_at_one_hop() {
    // By theory, a fair coin gives a false change with a probability of 3/64 per path before both are known, and none after that:
    // 9.4 of 200 paths, with a standard deviation of 3. 22 is more than 4 of these above.
    let mut false_changes = 0;
    for seed in 0..200 {
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        let network = move |path: u32, ttl: u8, at: Mono| match ttl {
            3 => Fake::Expires(ip(if random.random::<bool>() { 1 } else { 2 }, 3), MS * 3),
            _ => line(5)(path, ttl, at),
        };
        let mut lab = Lab::new(options(30), 1, network);
        lab.run();
        let report = lab.report(0);
        if changes(&lab.news).is_empty() {
            assert_eq!(report.hops[2].responders.len(), 2);
            assert_eq!(report.hops[2].counts.received, 30);
        } else {
            false_changes += 1;
        }
    }
    assert!(false_changes <= 22, "{false_changes} of 200");
}

#[test]
fn a_target_that_goes_away_is_loss() {
    for gone in [Fake::Lost, Fake::Errs(ip(0, 4), 3, 1, None)] {
        let network = move |path: u32, ttl: u8, at: Mono| {
            if ttl >= 5 && at > second(10) {
                gone
            } else {
                line(5)(path, ttl, at)
            }
        };
        let mut lab = Lab::new(options(20), 1, network);
        lab.run();
        let report = lab.report(0);
        assert_eq!(
            report.end,
            End::Reached {
                ttl: 5,
                from: target(0)
            }
        );
        let counts = report.hops[4].counts;
        assert!(
            counts.sent == 20 && (9..=11).contains(&counts.received),
            "{gone:?}: {counts:?}"
        );
        assert!(changes(&lab.news).is_empty());
    }
}
