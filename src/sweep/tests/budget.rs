//! What one router gets, of all paths together, where that can't be planned.

use std::time::Duration;

use super::network::{Fake, Lab, MS, expired, ip, most_within, options, target};
use crate::sweep::End;
use crate::units::Mono;

/// The most probes that any router gets in 10 s.
fn most_in_ten_seconds(probes: &[super::network::Probe]) -> usize {
    let by_router = expired(probes).into_values();
    let most = by_router.map(|times| most_within(&times, Duration::from_secs(10)));
    most.max().unwrap_or(0)
}

#[test]
fn targets_that_are_further_than_their_replies_tell_do_not_burden_a_router_all_at_once() {
    // Replies come back by a way that is a hop shorter: 20 paths expect their targets where the second router is.
    let network = |path: u32, ttl: u8, _: Mono| match ttl {
        1 | 2 => Fake::Expires(ip(0, ttl), MS * 5),
        _ => Fake::Replies(target(path), MS * 8, 63),
    };
    let mut lab = Lab::new(options(10), 20, network);
    lab.run();
    for path in 0..20 {
        let from = target(path);
        assert_eq!(lab.report(path).end, End::Reached { ttl: 3, from });
    }
    // One a second, a burst of 3, and in the 5 ms before the first answer one of 20 probes that are spread over a second.
    let most = most_in_ten_seconds(&lab.probes);
    assert!(most <= 14, "{most}");
}

#[test]
fn paths_that_go_in_circles_ask_for_their_distance_one_after_the_other() {
    let network = |_: u32, ttl: u8, _: Mono| match ttl {
        1 => Fake::Expires(ip(0, 1), MS),
        _ => Fake::Expires(ip(0, 2 + ttl % 2), MS * 20),
    };
    let mut lab = Lab::new(options(10), 50, network);
    lab.run();
    // One a second; in the 20 ms before the first answer, 5 of the probes that go every 5 ms; and one at each other of the 28 TTLs, half of
    // them of each router of the circle, until it is seen as one.
    let most = most_in_ten_seconds(&lab.probes);
    assert!(most <= 10 + 5 + 14, "{most}");
}

#[test]
fn a_router_behind_silent_ones_is_one_router_whoever_asks() {
    // Even paths know the router before the silent hop, odd ones do not: two accounts, whose probes meet the same router.
    let network = |path: u32, ttl: u8, _: Mono| match ttl {
        2 if path.is_multiple_of(2) => Fake::Expires(ip(0, 2), MS),
        4 => Fake::Expires(ip(0, 4), MS * 5),
        _ => Fake::Lost,
    };
    let mut lab = Lab::new(options(30), 30, network);
    lab.run();
    let most = most_in_ten_seconds(&lab.probes);
    assert!(most <= 13, "{most}");
}
