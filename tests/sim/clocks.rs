//! The wall clock is set while probes are on their way.

use pathjitter::lab::WorldOptions;
use pathjitter::outcome::{StampLoss, StampSource};
use std::time::Duration;

use crate::story::{Line, SECOND, Story, at_rate, jitter_ms};

#[test]
fn a_step_of_the_wall_clock_makes_no_wrong_round_trip_and_no_loss() {
    const HOUR_NS: i64 = 3_600_000_000_000;
    // Forth and back, far and less than a round trip; the prober is in time, or late.
    let steps = [HOUR_NS, -HOUR_NS, 3_000_000, -3_000_000, 20_000];
    for late_ms in [0, 20] {
        let line = Line {
            uplink: r#"set.jitter = { uniform = "40ms" }"#,
            backend: r#"set.ports = { 80 = "open" }"#,
            ..Line::default()
        };
        let options = WorldOptions {
            wake_up_lateness: jitter_ms(late_ms),
            ..at_rate(50)
        };
        let mut story = Story::begin(&line.topology(), 5, options);
        let ids: Vec<_> = ["app01", "app01:80"]
            .into_iter()
            .flat_map(|probe| story.probe(probe))
            .collect();
        for step in steps {
            // In the middle between two slots of the first series, with answers on their way.
            story.run_for(2 * SECOND + Duration::from_millis(10));
            story.world.step_wall_clock(step);
        }
        story.run_for(2 * SECOND);
        story.end(2 * SECOND);
        assert_eq!(story.world.noise().clock_steps, 5);
        let mut discarded = 0;
        for id in ids {
            assert_eq!(story.counts(id).lost, 0);
            assert_eq!(story.counts(id).late, 0);
            for (seq, answered, truth) in story.answers(id) {
                match answered.timing.source {
                    StampSource::Kernel => assert_eq!(answered.timing.rtt, truth, "{seq:?}"),
                    StampSource::User => {
                        assert_eq!(answered.stamp_loss, Some(StampLoss::ClockStep));
                        discarded += 1;
                    }
                    StampSource::TcpInfo => panic!("nobody connects here"),
                }
            }
        }
        assert!(discarded >= 5, "{discarded} answers were on their way");
    }
}
