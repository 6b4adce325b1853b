//! What counts as sent, received and lost.

use std::time::Duration;

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::network::{Fake, Lab, MS, ip, line, options, target};
use crate::sweep::{Budget, End};
use crate::units::Mono;

/// A line of 6 whose third hop does something else for some rounds.
fn at_third(special: impl Fn(u64) -> Option<Fake>) -> impl FnMut(u32, u8, Mono) -> Fake {
    let mut count = 0;
    move |path, ttl, at| {
        if ttl == 3 {
            count += 1;
            special(count).unwrap_or_else(|| line(6)(path, ttl, at))
        } else {
            line(6)(path, ttl, at)
        }
    }
}

#[test]
fn loss_is_counted_where_it_is_and_marked_by_round() {
    let mut lab = Lab::new(options(20), 1, at_third(|n| (n % 4 == 0).then_some(Fake::Lost)));
    lab.run();
    let report = lab.report(0);
    let lossy = &report.hops[2];
    assert_eq!((lossy.counts.sent, lossy.counts.received), (20, 15));
    assert_eq!(lossy.rounds.iter().filter(|mark| mark.rtt.is_none()).count(), 5);
    let others = report.hops.iter().filter(|hop| hop.ttl != 3);
    assert!(others.into_iter().all(|hop| hop.counts.received == 20));
}

#[test]
fn the_loss_of_a_hop_in_common_is_what_it_is_from_the_start() {
    for paths in [1, 2, 5, 20] {
        let (mut lost, mut sent) = (0, 0);
        for seed in 0..200 {
            let mut random = ChaCha8Rng::seed_from_u64(seed);
            let network = move |path: u32, ttl: u8, _: Mono| match ttl {
                1 if random.random::<bool>() => Fake::Lost,
                1 => Fake::Expires(ip(0, 1), MS),
                _ => Fake::Replies(target(path), MS * 3, 63),
            };
            let mut lab = Lab::new(options(20), paths, network);
            lab.run();
            let counts = lab.report(0).hops[0].counts;
            lost += counts.sent - counts.received;
            sent += counts.sent;
        }
        // 200 runs of 20 probes or more: 4 standard deviations of a binomial share are 4 * sqrt(0.25 / 4000), 3.2 %.
        assert!(
            sent >= 4_000 && lost.abs_diff(sent / 2) * 1_000 < sent * 32,
            "{paths}: {lost} of {sent}"
        );
    }
}

#[test]
fn rounds_of_all_hops_are_the_same_moments() {
    let mut lab = Lab::new(options(30), 1, line(6));
    lab.run();
    let report = lab.report(0);
    for hop in &report.hops {
        let rounds: Vec<_> = hop.rounds.iter().map(|mark| mark.round).collect();
        assert_eq!(rounds.len(), 30, "one probe a round and hop");
        // Discovery begins within the first two rounds; one round may be passed over until each hop has its moment.
        assert!(rounds[0] <= 1 && rounds[29] <= 32, "{rounds:?}");
    }
}

#[test]
fn late_is_lost_and_late_and_seen_late_is_neither() {
    let mut lab = Lab::new(options(10), 1, at_third(|n| (n > 5).then_some(Fake::Late(ip(0, 3)))));
    lab.run();
    let counts = lab.report(0).hops[2].counts;
    assert_eq!((counts.sent, counts.received, counts.late), (10, 5, counts.late));
    // The run ends when the last is judged, which is before it is answered.
    assert!(counts.late >= 4, "{counts:?}");

    let mut lab = Lab::new(
        options(10),
        1,
        at_third(|n| (n == 5).then_some(Fake::SeenLate(ip(0, 3), MS))),
    );
    lab.run();
    let counts = lab.report(0).hops[2].counts;
    assert_eq!((counts.sent, counts.received, counts.late), (10, 10, 0));
}

#[test]
fn what_cannot_be_judged_is_not_counted_and_made_up_for() {
    for fake in [Fake::Unjudged, Fake::Forgotten] {
        let mut lab = Lab::new(options(10), 1, at_third(move |n| (n % 3 == 0).then_some(fake)));
        lab.run();
        let counts = lab.report(0).hops[2].counts;
        assert_eq!((counts.sent, counts.received), (10, 10), "{fake:?}");
        assert_eq!(
            (counts.in_flight, counts.unjudged),
            (0, 4),
            "{fake:?}: the 3rd, 6th, 9th and 12th"
        );
    }
}

#[test]
fn probes_under_way_are_no_loss() {
    let slow = |_: u32, ttl: u8, _: Mono| match ttl {
        1 => Fake::Expires(ip(0, 1), MS * 900),
        _ => Fake::Replies(target(0), MS * 900, 64),
    };
    let mut lab = Lab::new(options(100), 1, slow);
    lab.run_until(Mono::default().after(Duration::from_millis(10_500)));
    let report = lab.report(0);
    for hop in &report.hops {
        assert_eq!(hop.counts.sent, hop.counts.received);
        assert!(hop.counts.sent >= 8, "{hop:?}");
    }
    assert!(report.hops.iter().any(|hop| hop.counts.in_flight == 1));
}

#[test]
fn without_a_number_of_cycles_it_goes_on_until_it_is_stopped() {
    let mut options = options(1);
    options.cycles = None;
    let mut lab = Lab::new(options, 1, line(5));
    let hour = Mono::default().after(Duration::from_hours(1));
    lab.run_until(hour);
    assert!(!crate::engine::Launcher::is_done(&lab.sweeper));
    let report = lab.report(0);
    assert_eq!(
        report.end,
        End::Reached {
            ttl: 5,
            from: target(0)
        }
    );
    for hop in &report.hops {
        assert_eq!(hop.rounds.len(), 512, "only the newest are remembered");
        // 3600 rounds, of which the first two may be passed over, and one more that may be under way.
        assert!((3597..=3601).contains(&hop.counts.received), "{:?}", hop.counts);
    }
    lab.sweeper.stop();
    assert!(crate::engine::Launcher::is_done(&lab.sweeper));
    assert_eq!(
        crate::engine::Launcher::poll_launch(&mut lab.sweeper, hour.after(hour.since(Mono::default()))),
        None
    );
}

#[test]
fn a_short_interval_is_for_targets_and_the_fast() {
    let mut options = options(100);
    options.interval = MS * 100;
    options.cycles = None;
    let end = Mono::default().after(Duration::from_secs(20));
    for (budget, most) in [(Budget::Gentle, 21), (Budget::Fast, 201)] {
        options.budget = budget;
        let mut lab = Lab::new(options, 1, line(5));
        lab.run_until(end);
        let report = lab.report(0);
        for hop in &report.hops[..4] {
            assert!(
                (most - 3..=most).contains(&hop.counts.sent),
                "{budget:?}: {:?}",
                hop.counts
            );
        }
        assert!(
            (195..=201).contains(&report.hops[4].counts.sent),
            "{budget:?}: {:?}",
            report.hops[4].counts
        );
    }
}

#[test]
fn the_turns_of_a_path_are_spread_over_the_interval() {
    let mut lab = Lab::new(options(20), 1, line(10));
    lab.run();
    // In the round from 10 s on, each of 10 hops has its turn; none of the gaps is more than 3 times the mean.
    let second = |at: Mono| at.as_nanos() / 1_000_000_000;
    let in_round = lab.probes.iter().filter(|probe| second(probe.at) == 10);
    let at: Vec<_> = in_round.map(|probe| probe.at.as_nanos()).collect();
    assert!((9..=11).contains(&at.len()), "{at:?}");
    assert!(at.windows(2).all(|pair| pair[1] - pair[0] < 300_000_000), "{at:?}");
}
