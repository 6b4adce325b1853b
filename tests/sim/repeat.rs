//! One seed is one run, to the bit.

use pathjitter::lab::WorldOptions;
use pathjitter::simnet::topology::{Jitter, Span};

use crate::story::{Line, SECOND, Story, at_rate};

/// A run with randomness in every part of it, told event by event.
fn told(seed: u64) -> Vec<String> {
    let line = Line {
        uplink: r#"set.jitter = { pareto = { scale = "1ms", shape = 2.5, most = "500ms" } }
set.loss = 0.01
set.duplicate = 0.01"#,
        last_link: r#"set.bursts = { start = 0.01, end = 0.2 }
set.reorder = { share = 0.02, by = "50ms" }"#,
        edge: "set.icmp_loss = 0.1",
        backend: r#"set.ports = { 80 = "open" }
set.tcp_delay = { exponential = "1ms" }"#,
        more: r#"[[event]]
random = { pause = "3s", lasts = "500ms" }
on = ["edge1>app01"]
link = { loss = 0.5 }"#,
    };
    let options = WorldOptions {
        wake_up_lateness: Jitter::Exponential(Span(std::time::Duration::from_millis(2))),
        tx_stamp_loss: 0.01,
        reset_loss: 0.05,
        receive_queue: 2,
        ..at_rate(20)
    };
    let mut story = Story::begin(&line.topology(), seed, options);
    for probe in ["app01", "app01:80", "app01:81"] {
        story.probe(probe);
    }
    story.run_for(30 * SECOND);
    story.world.step_wall_clock(-5_000_000);
    story.world.stall_for(SECOND);
    story.run_for(30 * SECOND);
    story.end(5 * SECOND);
    story.events.iter().map(|event| format!("{event:?}")).collect()
}

#[test]
fn a_seed_gives_the_same_events_again_and_another_seed_others() {
    let first = told(1);
    assert!(first.len() > 15_000, "{} events", first.len());
    let again = told(1);
    let differs = first.iter().zip(&again).position(|(one, other)| one != other);
    assert_eq!(differs, None);
    assert_eq!(first.len(), again.len());
    let other = told(2);
    assert_ne!(first, other);
}

#[test]
fn time_may_pass_in_any_portions() {
    let line = Line {
        uplink: r#"set.jitter = { exponential = "1ms" }"#,
        ..Line::default()
    };
    let run = |portions: u32| {
        let mut story = Story::begin(&line.topology(), 4, at_rate(20));
        story.probe("app01");
        for _ in 0..portions {
            story.run_for(12 * SECOND / portions);
        }
        story.events
    };
    assert_eq!(run(1), run(1_200));
}
