//! Random networks: what must hold in all of them.

use std::collections::HashSet;
use std::net::IpAddr;
use std::time::Duration;

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::network::{Fake, Lab, MS, expired, ip, most_within, options, target};
use crate::engine::Launcher;
use crate::outcome::{Event, SendError, What};
use crate::sweep::tree::Tree;
use crate::sweep::{Budget, End, Sweeper};
use crate::units::{Mono, ProbeSeq, SeriesId};

/// Ways to 50 targets that share their beginnings: routers of a random tree, some of them silent.
fn ways(random: &mut ChaCha8Rng) -> Vec<Vec<Option<IpAddr>>> {
    let mut routers: Vec<(Option<usize>, Option<IpAddr>)> = vec![(None, Some(ip(0, 1)))];
    for n in 1..40_u8 {
        let parent = random.random_range(routers.len().saturating_sub(8)..routers.len());
        let address = (!random.random_bool(0.1)).then(|| ip(1, n));
        routers.push((Some(parent), address));
    }
    let way = |mut at: usize| {
        let mut way = vec![routers[at].1];
        while let Some(parent) = routers[at].0 {
            way.push(routers[parent].1);
            at = parent;
        }
        way.reverse();
        way
    };
    (0..50).map(|_| way(random.random_range(0..routers.len()))).collect()
}

fn through(ways: Vec<Vec<Option<IpAddr>>>) -> impl FnMut(u32, u8, Mono) -> Fake {
    move |path, ttl, _| {
        let way = &ways[path as usize];
        match way.get(usize::from(ttl) - 1) {
            Some(Some(router)) => Fake::Expires(*router, MS * u32::from(ttl)),
            Some(None) => Fake::Lost,
            None => Fake::Replies(target(path), MS * 20, 64 - u8::try_from(way.len()).unwrap()),
        }
    }
}

/// What the tree of a sweep must look like whatever happened.
fn check_tree(sweeper: &Sweeper) {
    let mut used = HashSet::new();
    for (path, course) in sweeper.paths.iter().enumerate() {
        let mut parent = Tree::root(course.target);
        for (place, ttl) in course.places.iter().zip(sweeper.options.first_ttl..) {
            let node = sweeper.tree.node(place.node);
            assert_eq!((node.parent, node.ttl), (parent, ttl));
            assert_eq!(node.members.iter().filter(|member| **member == path).count(), 1);
            assert!(!node.is_private || node.members.len() == 1);
            let is_presumed = !place.is_verified && node.who.is_some() && !node.is_private;
            assert!(
                !is_presumed || sweeper.tree.children(parent) == [place.node],
                "presumed among several"
            );
            used.insert(place.node);
            parent = place.node;
        }
        assert!(
            course
                .limit
                .is_none_or(|limit| parent < 2 || sweeper.tree.node(parent).ttl <= limit)
        );
    }
    for id in used {
        for &member in &sweeper.tree.node(id).members {
            let places = &sweeper.paths[member].places;
            assert!(
                places.iter().any(|place| place.node == id),
                "a member that is not there"
            );
        }
    }
}

#[test]
fn no_router_gets_more_than_a_probe_a_second_and_a_burst_even_while_paths_are_told_apart() {
    for seed in 0..40 {
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        let ways = ways(&mut random);
        let mut lab = Lab::new(options(20), 50, through(ways.clone()));
        lab.run();
        check_tree(&lab.sweeper);
        for (router, times) in expired(&lab.probes) {
            // One a second and a burst of 3, from the first probe on.
            let most = most_within(&times, Duration::from_secs(10));
            assert!(most <= 13, "seed {seed}: {router}: {most} in {times:?}");
        }
        for path in 0..50 {
            let way = &ways[path as usize];
            let report = lab.report(path);
            let ttl = u8::try_from(way.len()).unwrap() + 1;
            let from = target(path);
            assert_eq!(report.end, End::Reached { ttl, from }, "seed {seed}");
            for (hop, router) in report.hops.iter().zip(way) {
                let said = hop.responders.first().map(|known| known.address);
                assert!(
                    hop.presumed || said.is_none() || said == *router,
                    "seed {seed}, path {path}: {hop:?}"
                );
                assert!(hop.responders.len() <= 1 && (said.is_none() || hop.counts.sent == hop.counts.received));
            }
        }
    }
}

#[test]
fn whatever_the_network_does_counts_add_up_and_the_end_comes() {
    for seed in 0..300 {
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        let mut options = options(random.random_range(1..8));
        options.interval = MS * random.random_range(1..2_000);
        options.first_ttl = random.random_range(0..4);
        options.max_ttl = random.random_range(0..40);
        options.max_silent = random.random_range(0..6);
        options.budget = if random.random() { Budget::Gentle } else { Budget::Fast };
        let wild = random.random_range(0.0..1.0);
        let network = move |path: u32, ttl: u8, _: Mono| {
            if !random.random_bool(wild) {
                return if ttl > 6 {
                    Fake::Replies(target(path), MS, 58)
                } else {
                    Fake::Expires(ip(0, ttl), MS)
                };
            }
            let somebody = ip(random.random_range(0..2), random.random_range(0..4));
            match random.random_range(0..9) {
                0 => Fake::Replies(somebody, MS, random.random()),
                1 => Fake::Errs(somebody, 3, random.random_range(0..16), Some(1280)),
                2 => Fake::Late(somebody),
                3 => Fake::SeenLate(somebody, MS),
                4 => Fake::Fails(SendError::NoBuffer),
                5 => Fake::Unjudged,
                6 => Fake::Forgotten,
                7 => Fake::Lost,
                _ => Fake::Expires(somebody, MS * random.random_range(0..900)),
            }
        };
        let mut lab = Lab::new(options, 6, network);
        lab.run();
        check_tree(&lab.sweeper);
        for path in 0..6 {
            let report = lab.report(path);
            let at_target = report
                .hops
                .iter()
                .filter(|hop| matches!(report.end, End::Reached { ttl, .. } if ttl == hop.ttl));
            assert!(at_target.count() <= 1);
            assert!(!report.hops.is_empty() && report.hops.len() <= 40);
        }
    }
}

#[test]
fn events_that_make_no_sense_are_ignored() {
    let mut sweeper = Sweeper::new(options(3), 1);
    let event = |series, seq| Event {
        series: SeriesId::new(series),
        seq: ProbeSeq::new(seq),
        sent_at: Mono::default(),
        what: What::TimedOut,
    };
    sweeper.handle_event(&event(0, 0));
    assert!(sweeper.is_done());
    assert!(sweeper.report(SeriesId::new(0)).is_none());
    let mut lab = Lab::new(options(3), 1, super::network::line(3));
    for seq in [0, 1, u64::MAX] {
        lab.sweeper.handle_event(&event(0, seq));
        lab.sweeper.handle_event(&event(7, seq));
    }
    lab.run();
    assert_eq!(lab.report(0).cycles, 3);
}

#[test]
fn a_prober_without_room_is_asked_again() {
    let mut lab = Lab::new(options(3), 1, super::network::line(3));
    for n in 0..50_u64 {
        let now = Mono::default().after(MS * 20 * u32::try_from(n).unwrap());
        while let Some(launch) = lab.sweeper.poll_launch(now) {
            lab.sweeper.launched(launch, None, now);
        }
    }
    lab.now = Mono::default().after(MS * 1_000);
    lab.run();
    assert_eq!(lab.report(0).cycles, 3);
}
