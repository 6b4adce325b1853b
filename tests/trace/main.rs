//! Traces of every story find what its file says: by the sweeper and the judge in virtual time, and by the program itself behind a
//! TUN device.
//!
//! What is expected stands in the files as `[[trace]]`, read from the topology by hand. Both rings are held to it by the same
//! judgements (`judge.rs`), and a test makes sure that those would notice another path, verdict, segment or label.
//!
//! Who answers, how the path ends and what changed must be right in every single run. Where loss and jitter start is a statistical
//! finding: claims that leave out the truth are counted over all runs, and may not be more than the bar allows.

#[path = "../support/mod.rs"]
mod support;

mod behind_tun;
mod expected;
mod flows;
mod found;
mod gentle;
mod judge;
mod mutations;
mod virtual_time;

use std::sync::Mutex;
use std::thread;

use behind_tun::Call;
use expected::Expected;
use judge::{Ring, Tally};
use pathjitter::simnet::Topology;
use pathjitter::simnet::stories::{self, Story};
use support::simulations_are_possible;

/// The seconds after which each virtual run is judged: what a trace of a minute sees, one that has the counts that the bars are about,
/// and one that sees all there is.
const MOMENTS: [u64; 3] = [60, 300, 1_500];

/// From here on a run has seen enough of what repeats: the rarest fault of a story meets one probe in thirty, so some fifty.
const ALL_SEEN: u64 = 1_500;

#[test]
fn traces_find_what_each_story_says_in_virtual_time() {
    let tally = Mutex::new(Tally::default());
    let wrong = each_of(stories::all().iter().collect(), CPUS, |story| {
        let mut mine = Tally::default();
        let wrong = (0..SEEDS).flat_map(|seed| virtual_deviations(story, seed, &mut mine));
        let wrong: Vec<String> = wrong.collect();
        tally.lock().unwrap().add(mine);
        wrong
    });
    let tally = tally.into_inner().unwrap();
    eprintln!("{}\n{tally}", tally.told.join("\n"));
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    tally.assert_within_bars();
}

#[test]
fn traces_find_what_each_story_says_behind_a_tun_device() {
    if !simulations_are_possible() {
        return;
    }
    let calls = stories::all()
        .iter()
        .flat_map(|story| Call::all_of(story, &read(story), false));
    let wrong = each_of(calls.collect(), SESSIONS, Call::deviations);
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn fast_traces_label_routers_that_limit_their_answers_and_blame_nobody() {
    if !simulations_are_possible() {
        return;
    }
    let calls: Vec<Call> = stories::all()
        .iter()
        .flat_map(|story| Call::all_of(story, &read(story), true))
        .collect();
    assert!(!calls.is_empty(), "no story speaks of fast traces");
    let wrong = each_of(calls, SESSIONS, Call::deviations);
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn no_other_expectation_would_pass_for_that_of_the_file() {
    let undetected = each_of(stories::all().iter().collect(), CPUS, |story| {
        let topology = read(story);
        let families = Expected::by_family(&topology).into_iter().take(1);
        let undetected = families.flat_map(|expected| {
            let found = virtual_time::run(&topology, &expected, 0, &[ALL_SEEN]).remove(0);
            let pairs = expected.iter().zip(&found);
            pairs
                .flat_map(|(expected, found)| mutations::undetected(expected, found))
                .collect::<Vec<_>>()
        });
        undetected.collect()
    });
    assert!(undetected.is_empty(), "{}", undetected.join("\n"));
}

/// What a run of a story in virtual time finds otherwise than expected.
fn virtual_deviations(story: &Story, seed: u64, tally: &mut Tally) -> Vec<String> {
    let topology = read(story);
    let mut wrong = Vec::new();
    for (family, expected) in Expected::by_family(&topology).into_iter().enumerate() {
        let seed = 2 * seed + family as u64;
        // One run of all is to the end.
        let moments = if seed < 2 { &MOMENTS[..] } else { &MOMENTS[..2] };
        for (seconds, found) in moments
            .iter()
            .zip(virtual_time::run(&topology, &expected, seed, moments))
        {
            let ring = Ring::virtual_time(*seconds >= ALL_SEEN);
            for (expected, found) in expected.iter().zip(&found) {
                let deviations = judge::deviations(expected, found, ring, tally);
                let told = |what| format!("{}, seed {seed}, {seconds} s, {expected}: {what}", story.name);
                wrong.extend(deviations.into_iter().map(told));
            }
        }
    }
    wrong
}

/// Does something with each of many, so many at a time. What is wrong with them.
fn each_of<T: Send>(all: Vec<T>, at_once: usize, wrong_with: impl Fn(&T) -> Vec<String> + Sync) -> Vec<String> {
    let waiting = Mutex::new(all);
    let wrong = Mutex::new(Vec::new());
    let next = || waiting.lock().unwrap().pop();
    let work = || {
        while let Some(one) = next() {
            let found = wrong_with(&one);
            wrong.lock().unwrap().extend(found);
        }
    };
    thread::scope(|scope| {
        for _ in 0..at_once {
            scope.spawn(work);
        }
    });
    wrong.into_inner().unwrap()
}

fn read(story: &Story) -> Topology {
    story.topology().unwrap_or_else(|why| panic!("{}: {why}", story.name))
}

/// So many runs of each story.
const SEEDS: u64 = 3;

/// Virtual time takes all that it can get.
const CPUS: usize = 2;

/// Calls of the program at a time: they mostly wait.
const SESSIONS: usize = 40;
