//! SYNs over lossy paths: a lost RST leaves a half-open entry at the peer, which repeats its SYN-ACK and meets the next SYN of the same
//! ports. None of that may look like loss, or hide it.

use pathjitter::lab::WorldOptions;
use pathjitter::units::SeriesId;

use crate::story::{Line, SECOND, Story, at_rate};

const OPEN: &str = r#"set.ports = { 80 = "open" }"#;

/// Probes port 80 over both families for 200 s.
fn probed(line: &Line<'_>, seed: u64, options: WorldOptions) -> (Story, Vec<SeriesId>) {
    let mut story = Story::begin(&line.topology(), seed, options);
    let ids = story.probe("app01:80");
    story.run_for(200 * SECOND);
    story.end(70 * SECOND);
    (story, ids)
}

#[test]
fn lost_resets_cost_no_probe() {
    for per_second in [1, 5, 50] {
        let line = Line {
            backend: OPEN,
            ..Line::default()
        };
        let options = WorldOptions {
            reset_loss: 0.05,
            ..at_rate(per_second)
        };
        let (story, ids) = probed(&line, 1, options);
        let sent = u64::from(per_second) * 200;
        for id in ids {
            let counts = story.counts(id);
            assert_eq!((counts.sent, counts.received), (sent, sent), "{per_second} a second");
            assert!(
                story
                    .answers(id)
                    .all(|(_, answered, truth)| answered.timing.rtt == truth)
            );
        }
    }
}

#[test]
fn all_resets_lost_cost_no_probe_while_the_table_of_the_backend_has_room() {
    let line = Line {
        backend: OPEN,
        ..Line::default()
    };
    let options = WorldOptions {
        reset_loss: 1.0,
        ..at_rate(1)
    };
    let (story, ids) = probed(&line, 1, options);
    assert_eq!(story.world.noise().resets, 0);
    // A port is used again after 8 s, and meets the entry of its last SYN, which lasts for a minute. The peer acknowledges the old
    // one then: it is there, and the probe is answered.
    for id in ids {
        let counts = story.counts(id);
        assert_eq!((counts.sent, counts.received), (200, 200));
        assert!(
            story
                .answers(id)
                .all(|(_, answered, truth)| answered.timing.rtt == truth)
        );
    }
}

#[test]
fn lost_syn_acks_are_loss_and_as_many_as_were_lost() {
    // 95 % intervals: of 20 fewer than 15 contain the truth with a chance below 3e-4.
    let line = Line {
        last_link: "reverse.loss = 0.05",
        backend: OPEN,
        ..Line::default()
    };
    let mut hits = 0;
    for seed in 0..10 {
        let (story, ids) = probed(&line, seed, at_rate(5));
        assert!(
            story.world.noise().syn_ack_retransmissions > 0,
            "lost SYN-ACKs are sent again"
        );
        for id in ids {
            let interval = story.summary(id).loss.unwrap();
            hits += u32::from((interval.low..=interval.high).contains(&0.05));
            assert!(
                story
                    .answers(id)
                    .all(|(_, answered, truth)| answered.timing.rtt == truth && truth.as_nanos() < 100_000_000),
                "no answer a second late"
            );
        }
    }
    assert!(hits >= 15, "{hits} of 20");
}

#[test]
fn lost_syns_are_loss_to_the_packet() {
    // A SYN or a RST; both are dropped alike, but only the first is a probe.
    let line = Line {
        last_link: "forward.loss = 0.05",
        backend: OPEN,
        ..Line::default()
    };
    let mut hits = 0;
    for seed in 0..10 {
        let (story, ids) = probed(&line, seed, at_rate(5));
        let lost: u64 = ids.iter().map(|&id| story.counts(id).lost).sum();
        let answered: usize = ids.iter().map(|&id| story.answers(id).count()).sum();
        assert_eq!(lost + answered as u64, 2_000);
        assert!(lost <= story.dropped_by("edge1>app01"));
        for id in ids {
            let interval = story.summary(id).loss.unwrap();
            hits += u32::from((interval.low..=interval.high).contains(&0.05));
        }
    }
    assert!(hits >= 15, "{hits} of 20");
}
