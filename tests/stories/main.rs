//! Every story shows what its file says, and its verdict is true of what happened in it: run by the engine in virtual time, and by
//! the program itself behind a TUN device.
//!
//! The ranges in the files are worked out by hand, from the delays, shares and rhythms that stand there; both runners are held to
//! them by the same judgements. Verdicts are held against the ledger of the model, which never reads them.

#[path = "../support/mod.rs"]
mod support;

mod behind_tun;
mod facts;
mod judge;
mod mutations;
mod rules;
mod run;
mod verdict;
mod virtual_time;

use std::sync::Mutex;
use std::thread;

use facts::Facts;
use pathjitter::simnet::Topology;
use pathjitter::simnet::stories::{self, Story};
use pathjitter::simnet::topology::Code;
use run::Run;
use support::simulations_are_possible;

#[test]
fn every_story_shows_what_its_file_says_in_virtual_time() {
    let runs = stories::all()
        .iter()
        .flat_map(|story| (0..SEEDS).map(move |seed| (story, seed)));
    // Half a million probes in one run: it is about size, not about chances.
    let runs = runs.filter(|(story, seed)| story.name != LARGEST || *seed == 0);
    let wrong: Vec<String> = runs
        .flat_map(|(story, seed)| {
            let topology = read(story);
            let found = deviations(&topology, &virtual_time::run(&topology, seed));
            found
                .into_iter()
                .map(move |found| format!("{}, seed {seed}, {found}", story.name))
        })
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_story_shows_what_its_file_says_behind_a_tun_device() {
    if !simulations_are_possible() {
        return;
    }
    let (large, mut others): (Vec<&Story>, Vec<&Story>) =
        stories::all().iter().partition(|story| story.name == LARGEST);
    others.sort_by_key(|story| read(story).duration.0);
    let mut wrong = at_once(SESSIONS, others);
    // It needs the machine for itself.
    wrong.extend(at_once(1, large));
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn no_other_verdict_would_pass_for_that_of_the_file() {
    let undetected = stories::all()
        .iter()
        .filter(|story| story.name != LARGEST)
        .flat_map(|story| {
            let topology = read(story);
            let facts = Facts::new(&topology, &virtual_time::run(&topology, 0));
            let undetected = mutations::undetected(&topology, &facts).into_iter();
            undetected.map(|verdict| format!("{}: {verdict:?}", story.name))
        });
    let undetected: Vec<String> = undetected.collect();
    assert!(undetected.is_empty(), "{}", undetected.join("\n"));
}

#[test]
fn a_story_in_which_nothing_happens_is_found_out() {
    let eventful = stories::all().iter().filter(|story| !read(story).events.is_empty());
    let unnoticed = eventful.filter(|story| {
        let mut topology = read(story);
        topology.events.clear();
        let run = virtual_time::run(&topology, 0);
        // Both must tell: what probes found, and the verdict. A host that stands still may meet no answer.
        let is_shown = !judge::deviations(&topology, &run).is_empty() || topology.verdict.code == Code::ProberHost;
        let verdict = verdict::deviation(&Facts::new(&topology, &run), &topology.verdict);
        !is_shown || verdict.is_none()
    });
    let unnoticed: Vec<&str> = unnoticed.map(|story| story.name).collect();
    assert_eq!(unnoticed, Vec::<&str>::new());
}

fn deviations(topology: &Topology, run: &Run) -> Vec<String> {
    let mut wrong = judge::deviations(topology, run);
    let verdict = verdict::deviation(&Facts::new(topology, run), &topology.verdict);
    wrong.extend(verdict.map(|found| format!("verdict: {found}")));
    wrong
}

/// Runs stories behind TUN devices, so many at a time, from the last to the first. What is wrong with them.
fn at_once(sessions: usize, stories: Vec<&'static Story>) -> Vec<String> {
    let waiting = Mutex::new(stories);
    let wrong = Mutex::new(Vec::new());
    let next = || waiting.lock().unwrap().pop();
    let work = || {
        while let Some(story) = next() {
            let topology = read(story);
            let found = match behind_tun::run(story, &topology) {
                Ok(run) => {
                    tell(story, &run);
                    deviations(&topology, &run)
                }
                Err(why) => vec![why],
            };
            let found = found.into_iter().map(|found| format!("{}: {found}", story.name));
            wrong.lock().unwrap().extend(found);
        }
    };
    thread::scope(|scope| {
        for _ in 0..sessions {
            scope.spawn(work);
        }
    });
    wrong.into_inner().unwrap()
}

/// Says what was not compared.
fn tell(story: &Story, run: &Run) {
    let discarded: usize = run.seen.iter().map(|seen| seen.discarded).sum();
    let kept: usize = run.seen.iter().map(|seen| seen.probes.len()).sum();
    if discarded > 0 {
        eprintln!(
            "{}: {kept} probes judged, {discarded} discarded, since the simulator was late",
            story.name
        );
    }
    let is_about_host = matches!(read(story).verdict.code, Code::Clean | Code::ProberHost);
    if is_about_host && run.seen.iter().any(|seen| seen.sent_late > verdict::STALLED) {
        eprintln!(
            "{}: this host sent late, which may be the load of this machine: clean is not told from prober_host",
            story.name
        );
    }
}

fn read(story: &Story) -> Topology {
    story.topology().unwrap_or_else(|why| panic!("{}: {why}", story.name))
}

/// Enough to see phases; each story was worked out so that less than one run in 10,000 fails by chance.
const SEEDS: u64 = 3;

/// The story that is about size.
const LARGEST: &str = "many-backends";

/// Stories at a time: they mostly wait, so that all together take little longer than the longest.
const SESSIONS: usize = 16;
