//! The whole pipeline in virtual time: every story is found for what its file says it is, and nothing else is.
//!
//! Backends are watched as `run` watches them, ICMP every 200 ms and SYN every second, through a warm-up, then through what the file tells,
//! which goes on for as long as it says it does. Incidents are compared with `[verdict]` as they were told last.

mod judge;
mod watch;

use std::sync::Mutex;
use std::thread;
use std::time::Duration;

use pathjitter::simnet::Topology;
use pathjitter::simnet::stories::{self, Story};
use watch::{Plan, Watch};

#[test]
fn every_story_is_found_for_what_its_file_says() {
    let jobs: Vec<(&Story, u64)> = stories::all()
        .iter()
        .filter(|story| is_wanted(story.name))
        .flat_map(|story| (0..SEEDS).map(move |seed| (story, seed)))
        .collect();
    let runs = jobs.len();
    let wrong = each_of(jobs, |(story, seed)| {
        let topology = read(story);
        let plan = plan(&topology, *seed);
        let watch = Watch::run(&topology, *seed, plan);
        let told = watch.incidents();
        if std::env::var_os("PATHJITTER_TELL").is_some() {
            for (at, news) in watch.news() {
                eprintln!("{} {seed} {:.2} {news:?}", story.name, at.as_nanos() as f64 / 1e9);
            }
        }
        let wrong = judge::deviations(&topology, &told, plan.v6);
        wrong
            .into_iter()
            .map(|what| format!("{}, seed {seed}: {what}", story.name))
            .collect()
    });
    assert!(
        wrong.is_empty(),
        "{} in {runs} runs:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
}

fn is_wanted(name: &str) -> bool {
    std::env::var("PATHJITTER_STORY").map_or(true, |wanted| wanted.split(',').any(|wanted| wanted == name))
}

/// As in a service that has been running for a while.
fn plan(topology: &Topology, seed: u64) -> Plan {
    Plan {
        v6: seed % 2 == 1,
        faster: 1,
        warm_up: WARM_UP,
        lasts: WARM_UP + topology.duration.0.max(LEAST) + TAIL,
    }
}

/// Does something with each of many, so many at a time. What is wrong with them.
fn each_of<T: Send>(mut all: Vec<T>, wrong_with: impl Fn(&T) -> Vec<String> + Sync) -> Vec<String> {
    all.reverse();
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
        for _ in 0..CPUS {
            scope.spawn(work);
        }
    });
    let mut wrong = wrong.into_inner().unwrap();
    wrong.sort();
    wrong
}

fn read(story: &Story) -> Topology {
    story.topology().unwrap_or_else(|why| panic!("{}: {why}", story.name))
}

/// So many runs of each story.
const SEEDS: u64 = 2;

/// Thresholds are final after 300 replies, which is a minute of echoes.
const WARM_UP: Duration = Duration::from_secs(70);

/// Rhythms that are to be found out are repeated for at least so long.
const LEAST: Duration = Duration::from_secs(60);

/// What ended is known to have ended after 20 good SYNs.
const TAIL: Duration = Duration::from_secs(40);

/// Virtual time takes all that it can get.
const CPUS: usize = 2;
