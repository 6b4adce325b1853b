//! Half an hour of the built-in story of the choking uplink, with the engine's own events in virtual time.

use std::collections::BTreeSet;
use std::time::Duration;

use crate::detect::{Detector, Found, Kind};
use crate::lab::{World, WorldOptions};
use crate::outcome::{Event, What};
use crate::series::Endpoint;
use crate::simnet::stories;
use crate::units::{Mono, ProbeSeq, Rtt};

/// What one series showed.
#[derive(Default)]
struct Seen {
    /// Probes that were truly slow or lost, with the burst in which they were sent.
    bad: BTreeSet<(u64, ProbeSeq)>,
    lost: BTreeSet<ProbeSeq>,
    spiked: BTreeSet<ProbeSeq>,
    overdue: BTreeSet<ProbeSeq>,
    other: Vec<Found>,
}

#[test]
fn the_built_in_story_is_seen_to_its_end_and_the_healthy_backend_is_left_alone() {
    let topology = stories::find("shared-uplink").unwrap().topology().unwrap();
    let mut world = World::new(&topology, 1, WorldOptions::default());
    let mut detector = Detector::new();
    let mut seen: Vec<Seen> = Vec::new();
    for backend in ["app01", "app02", "app03"] {
        for id in world.admit(backend).unwrap() {
            detector.admit(id, super::watch());
            seen.resize_with(id.index() + 1, Seen::default);
        }
    }
    // Looking more often would only take longer. Slow probes may be answered before anybody looks.
    for step in 1..=18_060 {
        let now = super::ms(step * 100);
        world.run_until(now, |event, _| {
            if event.what == What::TimedOut && event.sent_at > super::ms(4_500) {
                seen[event.series.index()].lost.insert(event.seq);
            }
            if is_bad(event) {
                seen[event.series.index()].bad.insert((burst(event.sent_at), event.seq));
            }
            detector.handle_event(event);
        });
        detector.handle_deadline(now.before(Duration::from_nanos(1)));
        while let Some(finding) = detector.poll() {
            let seen = &mut seen[finding.series.index()];
            match finding.found {
                Found::Overdue(seq) => _ = seen.overdue.insert(seq),
                Found::Spiked(seq, symptom) => {
                    assert!(symptom.kind() != Kind::Refused);
                    seen.spiked.insert(seq);
                }
                other => seen.other.push(other),
            }
        }
    }
    for (series, seen) in world.series().iter().zip(seen) {
        assert_eq!(series.endpoint, Endpoint::Icmp);
        if &*series.target == "app03" {
            assert!(seen.spiked.is_empty() && seen.overdue.is_empty() && seen.other.is_empty());
            continue;
        }
        let missed: Vec<_> = seen.bad.iter().filter(|(_, seq)| !seen.spiked.contains(seq)).collect();
        assert!(missed.is_empty(), "{}: {missed:?}", series.target);
        assert!(
            !seen.lost.is_empty() && seen.lost.is_subset(&seen.overdue),
            "known before their timeout"
        );
        // Every 9.1 s from 5 s on. The last burst and its timeouts end before 1,800 s, the sixth part of 5 minutes a little later.
        let bursts: BTreeSet<u64> = seen.bad.iter().map(|(burst, _)| *burst).collect();
        assert_eq!(bursts, (0..=197).collect(), "{}", series.target);
        assert!(
            !seen.other.iter().any(|f| matches!(f, Found::LevelShift { .. })),
            "{:?}",
            seen.other
        );
        assert!(
            seen.other.iter().any(|f| matches!(f, Found::Jittery { .. })),
            "half an hour of it is a habit"
        );
    }
}

/// Lost, or slower than the most generous threshold of the warm-up, 0.4 + 5 ms, after the 20 probes that have none.
fn is_bad(event: &Event) -> bool {
    let slow = Rtt::from_nanos(6_000_000);
    let is_judged = event.sent_at > super::ms(4_500);
    is_judged
        && match event.what {
            What::TimedOut => true,
            What::Answered(answered) => answered.timing.rtt > slow,
            _ => false,
        }
}

fn burst(at: Mono) -> u64 {
    at.since(super::ms(5_000)).as_secs() * 10 / 91
}
