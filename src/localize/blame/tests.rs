use std::net::{IpAddr, Ipv4Addr};

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::score::Counts;
use super::*;

/// Of 10.10.0.0/16.
fn ip(net: u8, host: u8) -> IpAddr {
    IpAddr::V4(Ipv4Addr::new(10, 10, net, host))
}

const GATEWAY: (u8, u8) = (0, 1);

/// A unit over these hops, (0, 0) for a silent one, of 20 probes.
fn unit(target: u32, hops: &[(u8, u8)], hit: u64) -> Unit {
    let hop = |&(net, host): &(u8, u8)| (host > 0).then(|| ip(net, host));
    Unit {
        target: TargetId::new(target),
        address: ip(9, u8::try_from(target).unwrap() + 1),
        hops: hops.iter().map(hop).collect(),
        sent: 20,
        hit,
        usual: 0.001,
    }
}

fn segment(from_ttl: u8, to_ttl: u8, address: (u8, u8)) -> Part {
    Part::Segment {
        from_ttl,
        to_ttl,
        address: (address.1 > 0).then(|| ip(address.0, address.1)),
    }
}

fn targets<const N: usize>(targets: [u32; N]) -> Vec<TargetId> {
    targets.map(TargetId::new).to_vec()
}

fn parts(units: &[Unit]) -> Vec<Part> {
    blame(units).into_iter().map(|blame| blame.part).collect()
}

/// app01 and app02 are behind 10.10.1.1, app03 behind 10.10.2.1.
#[test]
fn the_router_that_the_two_sick_ones_share_is_blamed_and_the_healthy_one_clears_the_gateway() {
    let units = [
        unit(1, &[GATEWAY, (1, 1)], 8),
        unit(2, &[GATEWAY, (1, 1)], 9),
        unit(3, &[GATEWAY, (2, 1)], 0),
    ];
    let [blame] = &blame(&units)[..] else {
        panic!("{:?}", blame(&units));
    };
    assert_eq!(blame.part, segment(1, 2, (1, 1)));
    assert_eq!((&blame.shared_by, &blame.cleared_by), (&targets([1, 2]), &targets([3])));
    // 17 of 40, at best with 35 % more: 17 ln(.35065 / .001) + 23 ln(.64935 / .999); the gateway's is that and 20 ln of the same, with 20 % at best.
    let by_hand = |hit: f64, missed: f64, q: f64| hit * (q / 0.001).ln() + missed * ((1.0 - q) / 0.999).ln();
    let q = |share: f64| 0.001 + share * 0.999;
    assert!((blame.score - by_hand(17.0, 23.0, q(0.35)).max(by_hand(17.0, 23.0, q(0.5)))).abs() < 1e-9);
    let (runner_up, score) = blame.runner_up.as_ref().unwrap();
    assert_eq!(*runner_up, segment(0, 1, GATEWAY));
    assert!((score - by_hand(17.0, 43.0, q(0.2)).max(by_hand(17.0, 43.0, q(0.35)))).abs() < 1e-9);
}

#[test]
fn where_all_suffer_the_deepest_common_hop_is_the_end_of_the_segment() {
    let units = [
        unit(1, &[GATEWAY, (1, 1), (2, 1)], 8),
        unit(2, &[GATEWAY, (1, 1), (3, 1)], 9),
    ];
    let blames = blame(&units);
    assert_eq!(blames[0].part, segment(0, 2, (1, 1)));
    assert_eq!((blames.len(), &blames[0].cleared_by), (1, &targets([])));
}

#[test]
fn one_sick_backend_is_blamed_itself() {
    let paths = [
        unit(1, &[GATEWAY, (1, 1)], 12),
        unit(2, &[GATEWAY, (1, 1)], 0),
        unit(3, &[GATEWAY, (2, 1)], 0),
    ];
    let blames = blame(&paths);
    assert_eq!(blames[0].part, Part::Target(TargetId::new(1)));
    assert_eq!(
        (&blames[0].shared_by, &blames[0].cleared_by),
        (&targets([1]), &targets([2]))
    );
    assert_eq!(parts(&paths[..1]), [Part::Target(TargetId::new(1))], "alone");
}

#[test]
fn one_of_several_flows_to_a_backend_is_a_segment_and_not_the_backend() {
    let units = [
        unit(1, &[GATEWAY, (1, 1), (3, 1)], 0),
        unit(1, &[GATEWAY, (2, 1), (3, 1)], 15),
        unit(2, &[GATEWAY, (1, 1), (3, 1)], 0),
        unit(2, &[GATEWAY, (2, 1), (3, 1)], 14),
    ];
    let blames = blame(&units);
    // The router 2.1, the link to it and the link behind it, which ends at 3.1.
    assert_eq!(blames[0].part, segment(0, 3, (3, 1)));
    assert_eq!(blames.len(), 1);
}

#[test]
fn a_silent_hop_is_the_same_between_the_same_neighbours() {
    const SILENT: (u8, u8) = (0, 0);
    let units = [
        unit(1, &[GATEWAY, SILENT, (1, 1), (4, 1)], 8),
        unit(2, &[GATEWAY, SILENT, (1, 1), (5, 1)], 9),
        unit(3, &[GATEWAY, SILENT, (2, 1)], 0),
        unit(4, &[GATEWAY, (6, 1), (1, 1)], 0),
    ];
    let blames = blame(&units);
    // The silent hop, the link to it, and the link from it, which ends at 1.1.
    assert_eq!(blames[0].part, segment(1, 3, (1, 1)));
    assert_eq!(blames[0].cleared_by, targets([3, 4]));
}

#[test]
fn paths_of_different_lengths_meet_by_address() {
    let units = [
        unit(1, &[GATEWAY, (1, 1)], 8),
        unit(2, &[GATEWAY, (7, 1), (7, 2), (1, 1)], 9),
        unit(3, &[GATEWAY, (7, 1), (7, 2), (2, 1)], 0),
    ];
    assert_eq!(parts(&units), [segment(1, 2, (1, 1))]);
}

#[test]
fn an_unknown_path_counts_for_its_backend_and_for_what_all_share() {
    let known = [
        unit(1, &[GATEWAY, (1, 1)], 8),
        unit(2, &[GATEWAY, (1, 1)], 9),
        unit(3, &[GATEWAY, (2, 1)], 0),
    ];
    let mut units = known.to_vec();
    units.push(unit(4, &[], 0));
    assert_eq!(parts(&units), [segment(1, 2, (1, 1))]);
    units[3].hit = 20;
    let found = parts(&units);
    assert!(
        found.contains(&Part::Target(TargetId::new(4))) && found.len() == 2,
        "{found:?}"
    );
    // Nobody knows any path: each is blamed for itself, and nothing is said of what they share.
    let unknown = [unit(1, &[], 8), unit(2, &[], 9), unit(3, &[], 0)];
    assert_eq!(
        parts(&unknown),
        [2, 1].map(|target| Part::Target(TargetId::new(target)))
    );
}

#[test]
fn what_is_usual_or_too_little_explains_nothing() {
    let mut units = [
        unit(1, &[GATEWAY, (1, 1)], 1),
        unit(2, &[GATEWAY, (1, 1)], 0),
        unit(3, &[GATEWAY, (2, 1)], 0),
    ];
    assert_eq!(parts(&units), []);
    units[0].hit = 10;
    assert_eq!(parts(&units).len(), 1);
    units[0].usual = 0.5;
    assert_eq!(parts(&units), []);
    units[0].usual = f64::NAN;
    units[0].sent = 3;
    assert_eq!(parts(&units).len(), 1, "more hits than probes are all of them");
    assert_eq!(parts(&[]), []);
    for unit in &mut units {
        unit.sent = 0;
    }
    assert_eq!(parts(&units), []);
}

#[test]
fn two_faults_are_two_parts() {
    let units = [
        unit(1, &[GATEWAY, (1, 1)], 18),
        unit(2, &[GATEWAY, (1, 1)], 17),
        unit(3, &[GATEWAY, (2, 1)], 0),
        unit(4, &[GATEWAY, (2, 1)], 0),
        unit(5, &[GATEWAY, (3, 1)], 9),
        unit(6, &[GATEWAY, (3, 1)], 0),
    ];
    assert_eq!(parts(&units), [segment(1, 2, (1, 1)), Part::Target(TargetId::new(5))]);
}

/// Where one part explains all, its score is the best of all parts, which the oracle looks at one by one and knows by name.
#[test]
fn the_score_is_the_best_of_all_hops_links_and_targets() {
    let mut random = ChaCha8Rng::seed_from_u64(5);
    let mut compared = 0;
    for _ in 0..300 {
        let fault = (1, random.random_range(1..4));
        let units: Vec<Unit> = (0..12)
            .map(|n| {
                let hops = [GATEWAY, (1, random.random_range(1..4)), (2, random.random_range(1..4))];
                let hops = &hops[..random.random_range(1..4)];
                let hit = random.random_range(0..18);
                unit(n / 2, hops, if hops.contains(&fault) { hit } else { 0 })
            })
            .collect();
        let counts: Vec<Counts> = units.iter().map(Counts::of).collect();
        let ways: Vec<Vec<String>> = units.iter().map(spelled).collect();
        let users = |name: &String| -> Vec<(usize, f64)> {
            (0..units.len())
                .filter(|n| ways[*n].contains(name))
                .map(|n| (n, 1.0))
                .collect()
        };
        let scores = ways.iter().flatten().map(|name| ratio(&users(name), &counts));
        let best = scores.fold(0.0, f64::max);
        match &blame(&units)[..] {
            [only] => {
                assert!((only.score - best).abs() < 1e-9, "{} {best}", only.score);
                compared += 1;
            }
            // 7 + ln of at least one class, of at most 60.
            [] => assert!(best < 7.0 + 60_f64.ln(), "{best}"),
            _ => {}
        }
    }
    assert!(compared > 100, "{compared}");
}

/// Hops, links and target of a unit by name.
fn spelled(unit: &Unit) -> Vec<String> {
    let mut names = vec!["host".to_owned()];
    names.extend(unit.hops.iter().map(|hop| format!("{hop:?}")));
    names.push(format!("target {:?}", unit.target));
    let links: Vec<String> = names
        .windows(2)
        .map(|pair| format!("{} to {}", pair[0], pair[1]))
        .collect();
    names.extend(links);
    names.remove(0);
    names
}
