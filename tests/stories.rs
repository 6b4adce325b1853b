//! Every story shows what its file says: probed by the engine in virtual time, from several seeds and in several phases.
//!
//! The ranges in the files are worked out by hand, from the delays, shares and rhythms that stand there.

use std::time::Duration;

use pathjitter::lab::{World, WorldOptions, series_of};
use pathjitter::series::Pace;
use pathjitter::simnet::stories::{self, Story};
use pathjitter::simnet::topology::{AnswerKind, Expectation};
use pathjitter::stats::Summary;

#[test]
fn every_story_shows_what_its_file_says() {
    let runs = stories::all()
        .iter()
        .flat_map(|story| (0..SEEDS).map(move |seed| (story, seed)));
    // Half a million probes in one run: it is about size, not about chances.
    let runs = runs.filter(|(story, seed)| story.name != "many-backends" || *seed == 0);
    let wrong: Vec<String> = runs.flat_map(|(story, seed)| deviations(story, seed)).collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// What probes find otherwise than expected, in words.
fn deviations(story: &Story, seed: u64) -> Vec<String> {
    let topology = story.topology().unwrap_or_else(|why| panic!("{}: {why}", story.name));
    let mut world = World::new(&topology, seed, WorldOptions::default());
    // Another phase with each seed; no rhythm is a multiple of it.
    let phase = Duration::from_millis(97 * seed);
    world.run_for(phase, |_, _| {});
    let mut probed = Vec::new();
    for expected in &topology.expectations {
        for series in series_of(&topology, &expected.probe).unwrap() {
            probed.push((
                expected,
                series.address,
                world.admit_series(series, pace(&expected.probe)),
            ));
        }
    }
    world.run_for(topology.duration.0.saturating_sub(phase), |_, _| {});
    world.stop_sending();
    world.run_for(PATIENCE, |_, _| {});
    world.close(|_, _| {});
    let wrong = probed.into_iter().filter_map(|(expected, address, id)| {
        let found = deviation(expected, &world.summary(id)?)?;
        Some(format!(
            "{}, seed {seed}, {} at {address}: {found}",
            story.name, expected.probe
        ))
    });
    wrong.collect()
}

/// As the files assume: a ping each 200 ms, a SYN each second.
fn pace(probe: &str) -> Pace {
    Pace {
        interval: Duration::from_millis(if probe.contains(':') { 1_000 } else { 200 }),
        timeout: Duration::from_secs(1),
        count: None,
    }
}

fn deviation(expected: &Expectation, found: &Summary) -> Option<String> {
    let counts = &found.counts;
    let unanswered = counts.lost + counts.late;
    let (like, rtt) = match expected.answer {
        AnswerKind::Reply => (counts.received, found.rtt.as_ref()),
        AnswerKind::Refused => (counts.refused, found.refused_rtt.as_ref()),
        AnswerKind::Unreachable => (counts.unreachable - counts.prohibited, None),
        AnswerKind::Prohibited => (counts.prohibited, None),
        AnswerKind::Nothing => (unanswered, None),
    };
    if counts.sent == 0 || 2 * like < counts.sent {
        return Some(format!("most get no {:?}: {counts:?}", expected.answer));
    }
    let is_in = |count: u64, all: u64, [least, most]: [f64; 2]| {
        let share = ratio(count, all);
        (least..=most).contains(&share)
    };
    if !is_in(unanswered, counts.sent, expected.loss) {
        return Some(format!("{unanswered} of {} lost, not {:?}", counts.sent, expected.loss));
    }
    let (Some(wanted), Some(rtt)) = (expected.rtt, rtt) else {
        return None;
    };
    let wanted = wanted.0;
    if Duration::from_nanos(rtt.p50.as_nanos()).abs_diff(wanted) > wanted / 20 {
        return Some(format!("a median RTT of {:?}, not {wanted:?}", rtt.p50));
    }
    if expected.answer != AnswerKind::Reply {
        return None;
    }
    let limit = u64::try_from((wanted + Duration::from_millis(1)).as_nanos()).unwrap();
    let longer = found.rtt_cells.iter().filter(|(from, _)| *from > limit);
    let longer: u64 = longer.map(|(_, count)| count).sum();
    let is_right = is_in(longer, counts.received, expected.spikes);
    (!is_right).then(|| format!("{longer} of {} take longer, not {:?}", counts.received, expected.spikes))
}

#[expect(clippy::cast_precision_loss, reason = "counts of probes are far below 2^52")]
fn ratio(count: u64, all: u64) -> f64 {
    count as f64 / all as f64
}

/// Enough to see phases; each story was worked out so that less than one run in 10,000 fails by chance.
const SEEDS: u64 = 3;

/// Longer than any answer takes that a story counts as late.
const PATIENCE: Duration = Duration::from_secs(3);
