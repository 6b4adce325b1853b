//! Paths that share routers.

use std::time::Duration;

use super::network::{Fake, Lab, MS, expired, ip, options, target};
use crate::sweep::End;
use crate::units::Mono;

#[test]
fn twenty_targets_behind_one_gateway_take_about_ten_seconds_for_ten_cycles() {
    let network = |path: u32, ttl: u8, _: Mono| match ttl {
        1 => Fake::Expires(ip(0, 1), MS),
        _ => Fake::Replies(target(path), MS * 2, 63),
    };
    let mut lab = Lab::new(options(10), 20, network);
    lab.run();
    assert!(
        lab.now < Mono::default().after(Duration::from_secs(12)),
        "{:?}",
        lab.now
    );
    for path in 0..20 {
        let report = lab.report(path);
        assert_eq!(
            report.end,
            End::Reached {
                ttl: 2,
                from: target(path)
            }
        );
        assert_eq!(report.hops.len(), 2);
        assert_eq!(report.hops[0].responders[0].address, ip(0, 1));
        assert!(
            report
                .hops
                .iter()
                .all(|hop| hop.counts.received >= 10 && hop.counts.sent == hop.counts.received)
        );
    }
    let gateway = &expired(&lab.probes)[&ip(0, 1)];
    assert!(gateway.len() <= 13, "{} probes in 10 cycles", gateway.len());
    let verified = (0..20).filter(|&path| !lab.report(path).hops[0].presumed).count();
    assert_eq!(verified, gateway.len(), "each probe is of another path");
}

#[test]
fn paths_that_part_are_told_apart() {
    // Behind the gateway, even paths take one router and odd ones another, then each its own target.
    let network = |path: u32, ttl: u8, _: Mono| match ttl {
        1 => Fake::Expires(ip(0, 1), MS),
        2 => Fake::Expires(ip(2, u8::try_from(path % 2).unwrap()), MS * 2),
        _ => Fake::Replies(target(path), MS * 3, 62),
    };
    let mut lab = Lab::new(options(30), 8, network);
    lab.run();
    for path in 0..8 {
        let report = lab.report(path);
        assert_eq!(
            report.end,
            End::Reached {
                ttl: 3,
                from: target(path)
            }
        );
        let second = &report.hops[1];
        assert!(!second.presumed, "30 cycles are enough for 8 paths");
        assert_eq!(second.responders.len(), 1, "{second:?}");
        assert_eq!(second.responders[0].address, ip(2, u8::try_from(path % 2).unwrap()));
        assert!(second.counts.sent == second.counts.received && second.counts.sent >= 30);
    }
}

#[test]
fn a_path_that_leaves_others_is_noticed_at_its_turn() {
    let network = |path: u32, ttl: u8, at: Mono| match ttl {
        1 => Fake::Expires(ip(0, 1), MS),
        2 if path == 3 && at > Mono::default().after(Duration::from_secs(30)) => Fake::Expires(ip(0, 99), MS * 2),
        2 => Fake::Expires(ip(0, 2), MS * 2),
        _ => Fake::Replies(target(path), MS * 3, 62),
    };
    let mut lab = Lab::new(options(200), 5, network);
    lab.run_until(Mono::default().after(Duration::from_mins(1)));
    for path in 0..5 {
        let second = &lab.report(path).hops[1];
        let address = if path == 3 { ip(0, 99) } else { ip(0, 2) };
        assert_eq!(second.responders.len(), 1);
        assert_eq!(second.responders[0].address, address, "path {path}");
        assert_eq!(second.counts.sent, second.counts.received);
    }
}

#[test]
fn a_silent_hop_in_common_does_not_hold_up_what_follows() {
    let network = |path: u32, ttl: u8, _: Mono| match ttl {
        1 => Fake::Lost,
        2 => Fake::Expires(ip(0, 2), MS * 2),
        _ => Fake::Replies(target(path), MS * 3, 62),
    };
    let mut lab = Lab::new(options(10), 20, network);
    lab.run();
    assert!(
        lab.now < Mono::default().after(Duration::from_secs(16)),
        "{:?}",
        lab.now
    );
    for path in 0..20 {
        let report = lab.report(path);
        assert!(report.hops[0].counts.received == 0 && report.hops[0].counts.sent >= 10);
        assert!(report.hops[1].counts.received >= 10);
    }
}

#[test]
fn a_thousand_targets_get_their_cycles() {
    let network = |path: u32, ttl: u8, _: Mono| match ttl {
        1..=4 => Fake::Expires(ip(0, ttl), MS),
        5 => Fake::Expires(ip(5, u8::try_from(path % 10).unwrap()), MS),
        6..=9 => Fake::Expires(ip(10 + ttl, u8::try_from(path % 10).unwrap()), MS),
        _ => Fake::Replies(target(path), MS * 3, 55),
    };
    let mut lab = Lab::new(options(10), 1_000, network);
    lab.run();
    for path in 0..1_000 {
        let report = lab.report(path);
        let end = End::Reached {
            ttl: 10,
            from: target(path),
        };
        assert_eq!(report.end, end);
        assert!(report.hops[9].counts.received >= 10);
    }
    for (router, times) in expired(&lab.probes) {
        let seconds = times.last().unwrap().since(times[0]).as_secs();
        assert!(
            u64::try_from(times.len()).unwrap() <= seconds + 5,
            "{router}: {} in {seconds} s",
            times.len()
        );
    }
}

#[test]
fn a_silent_router_beside_one_that_answers_is_no_loss_of_that_one() {
    let network = |path: u32, ttl: u8, _: Mono| match ttl {
        1 => Fake::Expires(ip(0, 1), MS),
        2 if path.is_multiple_of(3) => Fake::Lost,
        2 => Fake::Expires(ip(0, 2), MS),
        _ => Fake::Replies(target(path), MS * 3, 62),
    };
    let mut lab = Lab::new(options(60), 9, network);
    lab.run();
    for path in 0..9 {
        let second = &lab.report(path).hops[1];
        let expected = if path.is_multiple_of(3) { 0 } else { second.counts.sent };
        assert_eq!(second.counts.received, expected, "path {path}");
        assert!(second.counts.sent >= 20 && !second.presumed, "path {path}: {second:?}");
    }
}

#[test]
fn what_paths_lose_at_a_router_that_they_only_presume_is_counted_once_they_are_sure() {
    // 30 % of the answers are lost, by a pattern that no turn of 5 paths follows.
    let mut count = 0_u32;
    let network = move |path: u32, ttl: u8, _: Mono| match ttl {
        1 => {
            count += 1;
            if count * 7 % 10 < 3 {
                Fake::Lost
            } else {
                Fake::Expires(ip(0, 1), MS)
            }
        }
        _ => Fake::Replies(target(path), MS * 3, 63),
    };
    let mut lab = Lab::new(options(50), 5, network);
    lab.run();
    let counts = lab.report(0).hops[0].counts;
    // 15 of 50, and 2 for the ends of the pattern and a path that is not sure.
    assert!((13..=17).contains(&(counts.sent - counts.received)), "{counts:?}");
}
