//! Round trips against the true ones, probe by probe, in networks that vary them, on a host that is slow to wake up.

use pathjitter::lab::WorldOptions;
use pathjitter::outcome::{Fate, StampLoss, StampSource};
use pathjitter::units::Rtt;

use crate::story::{Line, SECOND, Story, at_rate, jitter_ms};

/// A path with everything that changes a delay: gamma jitter, a queue that others fill, reordering, and a slow backend.
const RESTLESS: Line<'_> = Line {
    uplink: r#"set.jitter = { gamma = { mean = "3ms", shape = 0.8 } }"#,
    last_link: r#"set.bandwidth = "10Mbit/s"
set.cross_traffic = "9Mbit/s"
set.queue = "64KiB"
reverse.reorder = { share = 0.05, by = "30ms" }"#,
    edge: "",
    backend: r#"set.ports = { 80 = "open" }
set.icmp_delay = { exponential = "200us" }
set.tcp_delay = { lognormal = { median = "100us", sigma = 1.0 } }"#,
    more: "",
};

fn restless(options: WorldOptions) -> Story {
    let mut story = Story::begin(&RESTLESS.topology(), 3, options);
    for probe in ["app01", "app01:80", "app01:81"] {
        story.probe(probe);
    }
    story.run_for(100 * SECOND);
    story.end(2 * SECOND);
    story
}

#[test]
fn every_round_trip_is_the_true_one_to_the_nanosecond() {
    let story = restless(at_rate(20));
    for id in (0..6).map(pathjitter::units::SeriesId::new) {
        assert_eq!(story.answers(id).count(), 2_000);
        for (seq, answered, truth) in story.answers(id) {
            assert_eq!(answered.timing.source, StampSource::Kernel);
            assert_eq!(answered.timing.rtt, truth, "{seq:?}");
            // A turn of the loop takes a microsecond: what arrives during it is read in the next one.
            let behind = answered.user_rtt.as_nanos() - truth.as_nanos();
            assert!(behind <= 1_000, "a loop that runs at once, {behind} ns behind");
        }
        let mut distinct = story.true_rtts(id);
        distinct.sort_unstable();
        distinct.dedup();
        assert!(distinct.len() > 1_900, "{} different delays", distinct.len());
    }
}

#[test]
fn a_prober_that_wakes_up_late_measures_the_same_and_shows_its_own_lateness() {
    let options = WorldOptions {
        wake_up_lateness: jitter_ms(20),
        user_rtt: true,
        ..at_rate(20)
    };
    let story = restless(options);
    let mut behind = 0_u64;
    for id in (0..6).map(pathjitter::units::SeriesId::new) {
        assert!(story.answers(id).count() > 1_900);
        for (seq, answered, truth) in story.answers(id) {
            assert_eq!(answered.timing.rtt, truth, "{seq:?}");
            assert!(answered.user_rtt >= truth);
            behind += u64::from(answered.user_rtt.as_nanos() > truth.as_nanos() + 1_000_000);
        }
        let summary = story.summary(id);
        let late = summary.send_late.unwrap().max;
        assert!(late.as_millis() >= 5, "{late:?} after the slot");
        if let (Some(rtt), Some(user)) = (summary.rtt, summary.user_rtt) {
            assert!(
                user.p50.as_nanos() > rtt.p50.as_nanos() + 2_000_000,
                "{user:?} over {rtt:?}"
            );
        }
    }
    assert!(behind > 6_000, "user space was behind at {behind} of 12,000 answers");
}

#[test]
fn quantiles_are_the_true_ones_within_the_precision_of_the_histogram() {
    let story = restless(at_rate(20));
    for id in (0..4).map(pathjitter::units::SeriesId::new) {
        let mut truth = story.true_rtts(id);
        truth.sort_unstable();
        let rtt = story.summary(id).rtt.unwrap();
        // Rank ceil(q n), from 1.
        let rank = |percent: usize| truth[(percent * truth.len()).div_ceil(100) - 1].as_nanos();
        for (percent, measured) in [(50, rtt.p50), (90, rtt.p90), (99, rtt.p99)] {
            let (measured, truth) = (measured.as_nanos(), rank(percent));
            // The lower edge of a cell whose width is at most 1/1024 of it.
            assert!(
                measured <= truth && truth - measured <= truth / 1_000,
                "p{percent}: {measured}, {truth}"
            );
        }
        assert_eq!(Some(&rtt.min), truth.first());
        assert_eq!(Some(&rtt.max), truth.last());
    }
}

#[test]
fn a_lost_send_stamp_is_named_and_its_round_trip_enters_no_figure() {
    let options = WorldOptions {
        tx_stamp_loss: 0.1,
        wake_up_lateness: jitter_ms(20),
        ..at_rate(20)
    };
    let story = restless(options);
    let lost = story.world.noise().tx_stamps_lost;
    // A tenth of 12,000, with a deviation of 33.
    assert!((1_050..1_350).contains(&lost), "{lost}");
    let mut named = 0;
    for id in (0..6).map(pathjitter::units::SeriesId::new) {
        for (_, answered, truth) in story.answers(id) {
            if answered.timing.source == StampSource::Kernel {
                assert_eq!(answered.timing.rtt, truth);
            } else {
                assert_eq!(answered.stamp_loss, Some(StampLoss::Tx));
                named += 1;
            }
        }
        let (summary, counts) = (story.summary(id), story.counts(id));
        let in_figure: u64 = summary.rtt_cells.iter().map(|(_, count)| count).sum();
        if counts.received > 0 {
            assert_eq!(in_figure + summary.stamps_lost, counts.received);
        }
    }
    assert_eq!(named, lost);
}

#[test]
fn fates_carry_the_true_round_trips_too() {
    let story = restless(at_rate(20));
    let id = pathjitter::units::SeriesId::new(0);
    let mut truth: Vec<_> = story.answers(id).map(|(seq, _, truth)| (seq, truth)).collect();
    truth.sort_unstable_by_key(|(seq, _)| *seq);
    let settled: Vec<Rtt> = story
        .fates(id)
        .into_iter()
        .map(|fate| match fate {
            Fate::Received(timing) => timing.rtt,
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(settled, truth.into_iter().map(|(_, truth)| truth).collect::<Vec<_>>());
}
