//! Stories in virtual time: no privilege, no sockets, no waiting.

use crate::support::Report;
use crate::{TRUTHS, assert_stream, closed, demo, deviations, named};

#[test]
fn every_story_is_found_for_what_it_is_whatever_the_dice_say() {
    let mut wrong = Vec::new();
    for truth in &TRUTHS {
        for seed in 1..=SEEDS {
            let ended = demo(&format!("--virtual-time --json --seed {seed} {}", truth.story)).finish();
            let report = Report::read(&ended);
            assert_eq!((report.code, report.stderr.as_str()), (0, ""), "{}", truth.story);
            assert_stream(&report.events);
            let deviations = deviations(truth, &closed(&report.events)).into_iter();
            wrong.extend(deviations.map(|what| format!("{}, seed {seed}: {what}", truth.story)));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_stream_has_windows_and_traces_as_that_of_a_service() {
    let report = Report::read(&demo("--virtual-time --json").finish());
    let windows: Vec<_> = named(&report.events, "window").collect();
    for target in ["app01", "app02", "app03"] {
        for (proto, interval_ms) in [("icmp", 20), ("tcp", 100)] {
            let sent = windows
                .iter()
                .filter(|window| window["target"] == target && window["proto"] == proto)
                .map(|window| window["sent"].as_u64().expect("a count"));
            // One each interval of 45 s, and one more or less at either end.
            let (sent, expected) = (sent.sum::<u64>(), 45_000 / interval_ms);
            assert!(sent.abs_diff(expected) <= 1, "{target} by {proto}: {sent}");
        }
    }
    let trace = named(&report.events, "trace").next().expect("a trace on an incident");
    assert_eq!(trace["hops"][1]["addresses"][0], "10.10.1.1");
}

#[test]
fn the_same_dice_tell_the_same_story() {
    let incidents = |seed| {
        let report = Report::read(&demo(&format!("--virtual-time --json --seed {seed}")).finish());
        let messages = closed(&report.events)
            .into_iter()
            .map(|incident| incident["message"].clone());
        messages.collect::<Vec<_>>()
    };
    assert_eq!(incidents(3), incidents(3));
    assert_ne!(incidents(3), incidents(4));
}

/// So many runs of each story.
const SEEDS: u64 = 3;
