//! The whole pipeline in virtual time: every story is found for what its file says it is, and nothing else is.
//!
//! Backends are watched as `run` watches them, ICMP every 200 ms and SYN every second, through a warm-up, then through what the file tells,
//! which goes on for as long as it says it does. Incidents are compared with `[verdict]` as they were told last.

mod judge;
mod log;
mod recorded;
mod watch;
mod words;

use std::net::IpAddr;
use std::sync::Mutex;
use std::thread;
use std::time::Duration;

use pathjitter::diagnose::{News, VerdictCode};
use pathjitter::simnet::Topology;
use pathjitter::simnet::stories::{self, Story};
use pathjitter::simnet::topology::Span;
use pathjitter::units::Mono;
use watch::{Plan, Watch};

#[test]
fn every_story_is_found_for_what_its_file_says() {
    let jobs: Vec<(&Story, u64)> = stories::all()
        .iter()
        .filter(|story| not_judged(story.name).is_none())
        .flat_map(|story| (0..SEEDS).map(move |seed| (story, seed)))
        .filter(|(story, seed)| story.name != LARGEST || *seed == 0)
        .collect();
    for (name, reason) in NOT_JUDGED {
        eprintln!("{name}: NOT JUDGED: {reason}");
    }
    let runs = jobs.len();
    let wrong = each_of(jobs, |(story, seed)| {
        let topology = read(story);
        let mut plan = plan(&topology, *seed);
        if story.name == LARGEST {
            plan.lasts = topology.duration.0;
        }
        let told = Watch::run(&topology, *seed, plan).incidents();
        let wrong = judge::deviations(&topology, &told, plan.v6);
        let named = |what| format!("{}, seed {seed}: {what}", story.name);
        wrong.into_iter().map(named).collect()
    });
    assert!(
        wrong.is_empty(),
        "{} in {runs} runs:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
}

#[test]
fn the_article_s_story_is_caught_after_half_an_hour_as_at_first() {
    let topology = story("shared-uplink");
    let lasts = WARM_UP + Duration::from_mins(30);
    let plan = Plan {
        lasts,
        ..plan(&topology, 0)
    };
    for seed in [0, 2] {
        let told = Watch::run(&topology, seed, plan).incidents();
        let wrong = judge::deviations(&topology, &told, plan.v6);
        assert!(wrong.is_empty(), "seed {seed}: {}", wrong.join("\n"));
        // Bursts begin 5 s after the warm-up and every 9.1 s. The first is part of the first incident, and the last whole one of the last.
        let first = WARM_UP + Duration::from_secs(5);
        let bursts = lasts
            .checked_sub(first)
            .unwrap()
            .checked_sub(Duration::from_secs(5))
            .unwrap()
            .as_millis()
            / 9_100;
        let last = first + Duration::from_millis(9_100) * u32::try_from(bursts).expect("200");
        let at = |moment: Duration| Mono::default().after(moment);
        let [began, ended] = [told.first(), told.last()].map(|told| &told.expect("an incident").last);
        assert!(began.began <= at(first + BURST), "{}", judge::words(began));
        assert!(ended.last >= at(last), "{}", judge::words(ended));
        // The bar of the design: confirmed a minute after the third burst.
        let bar = at(first + Duration::from_millis(18_200) + Duration::from_mins(1));
        assert!(told.iter().any(|told| told.opened_at <= bar), "{told:?}");
    }
}

#[test]
fn stalls_of_this_host_are_nobody_else_s_fault() {
    // The machine as a whole stands still, now and then; and between, only the prober does.
    let mut topology = story("busy-host");
    topology.events[0].every = Some(Span(Duration::from_millis(7_300)));
    // So far away that answers are always on their way.
    topology.links[0].set.delay = Some(Span(Duration::from_millis(50)));
    for seed in 0..SEEDS {
        let mut watch = Watch::begin(&topology, seed, plan(&topology, seed));
        watch.run_until(Mono::default().after(WARM_UP));
        for _ in 0..20 {
            watch.stall_for(Duration::from_millis(300));
            watch.run_until(watch.now().after(Duration::from_millis(4_700)));
        }
        watch.end();
        let told = watch.incidents();
        let of_others = told.iter().filter(|told| told.last.verdict != VerdictCode::ProberHost);
        let of_others: Vec<String> = of_others.map(|told| judge::words(&told.last)).collect();
        assert!(of_others.is_empty(), "seed {seed}: {}", of_others.join("\n"));
    }
}

#[test]
fn what_one_backend_has_for_long_is_no_part_of_what_befalls_all_later() {
    let limited = stories::find("syn-limit").expect("a story").text;
    let (head, verdict) = limited.split_once("[verdict]").expect("a verdict");
    // From the third minute on, the link that all share is bad now and then.
    let event = "[[event]]\nat = \"180s\"\nevery = \"31s\"\nfor = \"1s\"\non = [\"host-gw\"]\nlink = { jitter = { uniform = \"40ms\" } }\n\n";
    let topology = Topology::read(&format!("{head}{event}[verdict]{verdict}")).expect("a topology");
    for seed in 0..SEEDS {
        let told = Watch::run(&topology, seed, plan(&topology, seed)).incidents();
        let found: Vec<_> = told
            .iter()
            .map(|told| (told.last.verdict, told.last.members.len()))
            .collect();
        let words: Vec<String> = told.iter().map(|told| judge::words(&told.last)).collect();
        assert_eq!(
            found[0],
            (VerdictCode::SynRateLimited, 1),
            "seed {seed}: {}",
            words.join("\n")
        );
        let others = found[1..].iter();
        assert!(
            found.len() > 1 && others.clone().all(|other| *other == (VerdictCode::FirstHop, 3)),
            "seed {seed}: {}",
            words.join("\n")
        );
    }
}

#[test]
fn a_way_that_stays_is_not_said_to_change() {
    for (name, seed) in [("sick-backend", 0), ("shared-uplink", 1), ("lossy-core", 2)] {
        let topology = story(name);
        let watch = Watch::run(&topology, seed, plan(&topology, seed));
        let changes: Vec<_> = watch
            .news()
            .iter()
            .filter(|(_, news)| matches!(news, News::PathChanged(_)))
            .collect();
        assert!(changes.is_empty(), "{name}: {changes:?}");
    }
}

#[test]
fn a_gateway_control_shows_the_first_hop_where_nothing_is_traced() {
    let topology = story("first-hop");
    let gateway = topology.routers[0].addresses[0];
    for seed in [0, 2] {
        let verdicts = |gateway| {
            let plan = Plan {
                traces: false,
                gateway,
                ..plan(&topology, seed)
            };
            let told = Watch::run(&topology, seed, plan).incidents();
            told.into_iter().map(|told| told.last.verdict).collect::<Vec<_>>()
        };
        let (without, with) = (verdicts(None), verdicts(Some(gateway)));
        assert_eq!(
            without.first(),
            Some(&VerdictCode::CommonCause),
            "seed {seed}: {without:?}"
        );
        assert!(!without.contains(&VerdictCode::FirstHop), "seed {seed}: {without:?}");
        assert_eq!(with.first(), Some(&VerdictCode::FirstHop), "seed {seed}: {with:?}");
    }
}

#[test]
fn the_documentation_names_the_stories_that_prove_each_verdict() {
    let page = include_str!("../../docs/verdicts.md");
    for code in VerdictCode::ALL {
        let proves = |story: &&Story| judge::code(read(story).verdict.code) == Some(code);
        let judged = stories::all().iter().filter(|story| not_judged(story.name).is_none());
        let names: Vec<String> = judged.filter(proves).map(|story| format!("`{}`", story.name)).collect();
        assert!(!names.is_empty(), "no story proves {}", code.as_str());
        let row = format!("| `{}` | {} |", code.as_str(), names.join(", "));
        assert!(page.lines().any(|line| line == row), "docs/verdicts.md lacks: {row}");
        let heading = format!("## {}", code.as_str());
        assert!(
            page.lines().any(|line| line == heading),
            "docs/verdicts.md lacks: {heading}"
        );
    }
}

#[test]
fn the_same_seed_makes_the_same_news() {
    let topology = story("shared-uplink");
    let run = |seed| format!("{:?}", Watch::run(&topology, seed, plan(&topology, 0)).news());
    assert_eq!(run(0), run(0));
    assert_ne!(run(0), run(2));
}

/// As in a service that has been running for a while. Every second seed is of IPv6, where the story has it.
fn plan(topology: &Topology, seed: u64) -> Plan {
    let has_v6 = topology.host.addresses.iter().any(IpAddr::is_ipv6);
    Plan {
        v6: seed % 2 == 1 && has_v6,
        faster: 1,
        warm_up: WARM_UP,
        lasts: WARM_UP + topology.duration.0.max(LEAST) + TAIL,
        traces: true,
        gateway: None,
    }
}

fn not_judged(name: &str) -> Option<&'static str> {
    let found = NOT_JUDGED.iter().find(|(story, _)| *story == name);
    found.map(|(_, reason)| *reason)
}

fn story(name: &str) -> Topology {
    read(stories::find(name).unwrap_or_else(|| panic!("no story {name}")))
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

/// Stories whose `[verdict]` is not what the service is to say of them.
const NOT_JUDGED: [(&str, &str); 1] = [(
    "every-outcome",
    "its verdict is one word for nine unrelated faults at nine backends, which the service tells as incidents of their own",
)];

/// Four thousand series: it is about size, and 10 s of it are 120,000 probes.
const LARGEST: &str = "many-backends";

/// How long a burst of the article's story lasts, and what was sent in it may wait.
const BURST: Duration = Duration::from_secs(1);

/// So many runs of each story.
const SEEDS: u64 = 2;

/// Thresholds are final after 300 replies, which is a minute of echoes.
const WARM_UP: Duration = Duration::from_secs(70);

/// Rhythms that are to be found out are repeated for at least so long.
const LEAST: Duration = Duration::from_mins(5);

/// What ended is known to have ended after 20 good SYNs.
const TAIL: Duration = Duration::from_secs(40);

/// Virtual time takes all that it can get.
const CPUS: usize = 2;
