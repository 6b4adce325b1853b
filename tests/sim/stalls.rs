//! The prober gets no CPU for two seconds while answers arrive.

use std::time::Duration;

use pathjitter::lab::WorldOptions;
use pathjitter::outcome::{Fate, Unjudged};
use pathjitter::series::Pace;
use pathjitter::units::SeriesId;

use crate::story::{Line, SECOND, Story};

/// 1,000 probes a second over a path of 202 ms: 202 are on their way when the prober stalls for 2 s, longer than their timeout.
fn stalled(receive_queue: usize, stall: impl FnOnce(&mut Story), more: &str) -> (Story, [SeriesId; 2]) {
    let options = WorldOptions {
        receive_queue,
        pace: Pace {
            interval: Duration::from_millis(1),
            timeout: SECOND,
            count: None,
        },
        memory: 4_096,
        ..WorldOptions::default()
    };
    let line = Line {
        backend: r#"set.ports = { 80 = "open" }
set.icmp_delay = { bimodal = { by = "196ms", share = 1.0 } }
set.tcp_delay = { bimodal = { by = "196ms", share = 1.0 } }"#,
        more,
        ..Line::default()
    };
    let mut story = Story::begin(&line.topology(), 1, options);
    let [echo, syn] = ["app01", "app01:80"].map(|probe| story.probe(probe)[0]);
    story.run_for(5 * SECOND);
    stall(&mut story);
    story.run_for(5 * SECOND);
    story.end(3 * SECOND);
    (story, [echo, syn])
}

fn by_order(story: &mut Story) {
    story.world.stall_for(2 * SECOND);
}

#[test]
fn what_waits_in_a_queue_with_room_is_neither_lost_nor_late() {
    let by_event = r#"[[event]]
at = "5s"
for = "2s"
on = ["host"]
host = { stalled = true }"#;
    for (story, ids) in [stalled(10_000, by_order, ""), stalled(10_000, |_| (), by_event)] {
        assert_eq!(story.world.noise().receive_drops, 0);
        assert!(
            story.world.noise().slots_skipped > 7_000,
            "4 series without CPU for 2 s"
        );
        for id in ids {
            let counts = story.counts(id);
            assert_eq!((counts.received, counts.unjudged), (counts.sent, 0), "{counts:?}");
            for (seq, answered, truth) in story.answers(id) {
                assert_eq!(answered.timing.rtt, truth, "{seq:?}");
                assert_eq!(truth.as_nanos(), 202_000_000);
            }
            let behind = story
                .answers(id)
                .filter(|(_, answered, _)| answered.user_rtt.as_nanos() > 1_000_000_000);
            assert_eq!(behind.count(), 202, "user space had these only after the stall");
        }
    }
}

#[test]
fn what_finds_no_room_in_the_queue_is_unjudged_and_never_lost() {
    let (story, ids) = stalled(100, by_order, "");
    let drops = story.world.noise().receive_drops;
    // Each protocol and family has a queue of its own: 202 answers for 100 places, four times.
    assert_eq!(drops, 4 * (202 - 100));
    let all: Vec<SeriesId> = (0..4).map(SeriesId::new).collect();
    let unjudged: u64 = all.iter().map(|&id| story.counts(id).unjudged).sum();
    assert_eq!(unjudged, drops);
    for id in all {
        let counts = story.counts(id);
        assert_eq!(
            (counts.lost, counts.late, counts.received),
            (0, 0, counts.sent),
            "{counts:?}"
        );
        let overflown = Fate::Unjudged(Unjudged::ReceiveOverflow);
        let fates = story.fates(id).into_iter().filter(|fate| *fate == overflown);
        assert_eq!(fates.count() as u64, counts.unjudged);
        assert!(
            story
                .answers(id)
                .all(|(_, answered, truth)| answered.timing.rtt == truth)
        );
    }
    assert_eq!(ids.len(), 2);
}
