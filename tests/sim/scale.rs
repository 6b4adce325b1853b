//! Many backends at once, and a day.

use std::time::Duration;

use pathjitter::lab::{World, WorldOptions};
use pathjitter::outcome::{Event, What};
use pathjitter::units::SeriesId;

use crate::story::{Line, SECOND, Story, at_rate, rate, read};

const CROWD: &str = r#"
title = "A crowd"
story = "Two thousand backends behind one router, each by echo and by SYN."
duration = "60s"

[host]
addresses = ["10.10.0.5"]

[[router]]
name = "agg1"
addresses = ["10.10.1.1"]

[[backend]]
name = "app"
addresses = ["10.20.0.1"]
count = 2000
set.ports = { 80 = "open" }

[[link]]
between = ["host", "agg1"]
set.delay = "150us"

[[link]]
between = ["agg1", "app"]
set.delay = "50us"

[[event]]
at = "4s"
for = "2s"
on = ["app7", "app1999"]
backend = { off = true }

[verdict]
code = "target_unreachable"
suspect = "10.20.0.7"
members = ["app7", "app1999"]
"#;

#[test]
fn two_thousand_backends_by_echo_and_syn_add_up_exactly() {
    let mut story = Story::begin(&read(CROWD), 1, at_rate(1));
    let echo = story.probe("app");
    let syn = story.probe("app:80");
    assert_eq!((echo.len(), syn.len()), (2_000, 2_000));
    story.run_for(10 * SECOND);
    story.end(5 * SECOND);
    for id in echo.into_iter().chain(syn) {
        let counts = story.counts(id);
        let is_off = ["app7", "app1999"].contains(&&*story.world.series()[id.index()].target);
        assert_eq!(counts.sent, 10);
        assert_eq!(counts.received, if is_off { 8 } else { 10 }, "{id:?}");
        assert_eq!(counts.received + counts.lost + counts.unreachable + counts.late, 10);
    }
}

/// A day of 10 series takes seconds where it is compiled for speed; elsewhere it is a shorter day.
const LONG: Duration = Duration::from_secs(if cfg!(debug_assertions) { 600 } else { 86_400 });

#[test]
fn a_day_costs_no_more_memory_than_its_first_part() {
    let line = Line {
        uplink: r#"set.jitter = { exponential = "300us" }
set.loss = 0.001"#,
        backend: r#"set.ports = { 80 = "open" }"#,
        ..Line::default()
    };
    let mut world = World::new(&line.topology(), 1, WorldOptions::default());
    for probe in ["app01", "app01:80"] {
        world.admit(probe).unwrap();
    }
    let series = world.series()[0].clone();
    world.admit_series(series, rate(1));
    let ids: Vec<SeriesId> = (0..5).map(SeriesId::new).collect();
    let mut settled = 0_u64;
    let mut lost = 0;
    let mut heap = Vec::new();
    let mut count = |event: &Event| settled += u64::from(matches!(event.what, What::Settled(_)));
    for _ in 0..10 {
        world.run_for(LONG / 10, |event, _| count(event));
        heap.push(world.heap_bytes());
        // As a service does at the end of each of its windows: figures of the past are not kept.
        let windows = ids.iter().filter_map(|&id| world.recorder().take(id));
        lost += windows.map(|window| window.summary().counts.lost).sum::<u64>();
    }
    world.stop_sending();
    world.run_for(70 * SECOND, |event, _| count(event));
    world.close(|event, _| count(event));
    assert_eq!(settled, LONG.as_secs() * (4 * 5 + 1));
    assert!(lost > 0);
    // Histograms of a window have a few cells more or less than those of another. The queue of events grows once: fates are told in
    // the order of sending, so a lost probe holds back those of its successors until its place in the ring (512 here) is taken again,
    // and all are told at once then. In the shorter day, that is after the first window.
    let later = &heap[1..];
    let (least, most) = (later.iter().min().unwrap(), later.iter().max().unwrap());
    assert!(most - least <= most / 4, "{heap:?}");
}
