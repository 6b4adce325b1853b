//! Runs a story by the engine in virtual time.

use std::time::Duration;

use pathjitter::lab::{World, WorldOptions};
use pathjitter::outcome::{Answer, Answered, Event, Fate, InTime, Proto, What};
use pathjitter::series::Pace;
use pathjitter::simnet::Topology;
use pathjitter::units::SeriesId;

use super::run::{Outcome, Probe, Run, Seen, probed};

/// Runs the network for as long as its story takes.
pub(crate) fn run(topology: &Topology, seed: u64) -> Run {
    let mut world = World::new(topology, seed, WorldOptions::default());
    // Another phase with each seed; no rhythm is a multiple of it.
    let phase = Duration::from_millis(97 * seed);
    world.run_for(phase, |_, _| {});
    let mut all: Vec<Seen> = probed(topology).into_iter().map(Seen::nothing_of).collect();
    for seen in &all {
        world.admit_series(seen.series.clone(), pace(seen.series.endpoint.proto()));
    }
    let mut note = |event: &Event, _| note(&mut all[event.series.index()], event);
    world.run_for(topology.duration.0.saturating_sub(phase), &mut note);
    world.stop_sending();
    world.run_for(PATIENCE, &mut note);
    world.close(&mut note);
    for (seen, id) in all.iter_mut().zip((0..).map(SeriesId::new)) {
        let late = world.summary(id).and_then(|summary| summary.send_late);
        seen.sent_late = late.map_or(Duration::ZERO, |late| late.p99);
    }
    let ledger = serde_json::to_value(world.network().ledger()).and_then(serde_json::from_value);
    Run {
        seen: all,
        ledger: ledger.unwrap_or_else(|why| panic!("the ledger reads otherwise: {why}")),
        slack: Duration::ZERO,
        strays: 0,
        is_host_modelled: true,
    }
}

fn note(seen: &mut Seen, event: &Event) {
    let (outcome, rtt) = match event.what {
        What::Answered(answered) if answered.in_time == InTime::Yes => {
            let rtt = Duration::from_nanos(answered.timing.rtt.as_nanos());
            (outcome(&answered), Some(rtt))
        }
        What::Answered(_) | What::TimedOut => (Outcome::Nothing, None),
        What::SendFailed(_) | What::Settled(Fate::Unjudged(_)) => {
            seen.unsent += 1;
            return;
        }
        _ => return,
    };
    seen.probes.insert(event.seq.get(), Probe { outcome, rtt });
}

fn outcome(answered: &Answered) -> Outcome {
    match answered.answer {
        Answer::Reply => Outcome::Reply,
        Answer::Refused | Answer::Reset => Outcome::Refused,
        Answer::Unreachable(unreachable) if unreachable.is_prohibited() => Outcome::Prohibited,
        Answer::Unreachable(_) => Outcome::Unreachable,
    }
}

/// As the files assume: a ping each 200 ms, a SYN each second.
pub(crate) fn pace(proto: Proto) -> Pace {
    Pace {
        interval: match proto {
            Proto::Icmp => Duration::from_millis(200),
            Proto::Tcp | Proto::Udp => Duration::from_secs(1),
        },
        timeout: Duration::from_secs(1),
        count: None,
    }
}

/// Longer than any answer takes that a story counts as late.
const PATIENCE: Duration = Duration::from_secs(3);
