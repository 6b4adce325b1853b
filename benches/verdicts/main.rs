//! How often the verdict on an incident is right: random networks with a fault that is known, from the first probe to the last word, in virtual time.
//!
//! For every verdict, and for networks in which nothing is wrong, as many runs are drawn: how many backends there are and behind which routers, how far
//! away, with how much jitter and loss; what happens, where, how strong, when and how long. What is drawn is what the definitions call identifiable; what they
//! do not is left out, with a comment in place. Backends are watched as `run` watches them, and traced. Each run counts by its main incident, the one with most members, of
//! several the earliest, by its last word; any other incident with another verdict is counted apart as wrong.
//!
//! The second part, `limits`, is about SYNs alone: limiters of many rates beside random and bursty loss at the same rates, and rules of thumb beside ours.
//!
//! `cargo bench --bench verdicts`, or with `-- codes` or `-- limits` one of them; `-- codes shared_path 17` tells about one run. It fails where a bar is missed.
#![expect(clippy::disallowed_macros, reason = "a bench prints")]

mod draw;
#[path = "../support/lab.rs"]
#[allow(dead_code, reason = "nothing here needs a network")]
mod lab;
mod limits;
#[path = "../../tests/diagnosis/log.rs"]
#[allow(dead_code, reason = "nothing here is recorded")]
mod log;
mod network;
mod paths;
mod score;
mod services;
#[path = "../../tests/diagnosis/watch.rs"]
#[allow(dead_code, reason = "stories are watched in other ways as well")]
mod watch;

use std::cmp::Reverse;
use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use draw::Scenario;
use lab::Form;
use pathjitter::diagnose::{Incident, News, VerdictCode};
use pathjitter::simnet::Topology;
use pathjitter::units::Mono;
use score::Scores;
use watch::{Plan, Watch};

fn main() -> ExitCode {
    let form = Form::from_environment();
    let words: Vec<String> = std::env::args().skip(1).filter(|word| !word.starts_with('-')).collect();
    let wanted = |part: &str| words.is_empty() || words.iter().any(|word| word == part);
    if let [part, code, number] = words.as_slice() {
        return tell_about(part, code, number);
    }
    let mut met = true;
    if wanted("codes") {
        met &= codes(form);
    }
    if wanted("limits") {
        met &= limits::measure(form);
    }
    if met { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Draws a run of one kind by its seed.
type Draw = fn(u64) -> Scenario;

/// Every verdict that needs nothing but probes. `unknown` is what is left, and has no definition to draw from.
const KINDS: [(Option<VerdictCode>, Draw); 20] = [
    (None, paths::clean),
    (Some(VerdictCode::ProberHost), paths::prober_host),
    (Some(VerdictCode::FirstHop), paths::first_hop),
    (Some(VerdictCode::SharedPath), paths::shared_path),
    (Some(VerdictCode::PrivatePath), paths::private_path),
    (Some(VerdictCode::TargetEdge), paths::target_edge),
    (Some(VerdictCode::SlowBackend), paths::slow_backend),
    (Some(VerdictCode::Restart), services::restart),
    (Some(VerdictCode::NotListening), services::not_listening),
    (Some(VerdictCode::SynRateLimited), services::syn_rate_limited),
    (Some(VerdictCode::Prohibited), services::prohibited),
    (Some(VerdictCode::FirewallReject), services::firewall_reject),
    (Some(VerdictCode::PortDropped), services::port_dropped),
    (Some(VerdictCode::ListenOverflow), services::listen_overflow),
    (Some(VerdictCode::TcpPath), services::tcp_path),
    (Some(VerdictCode::IcmpOnly), services::icmp_only),
    (Some(VerdictCode::IcmpBlocked), services::icmp_blocked),
    (Some(VerdictCode::RouteChange), paths::route_change),
    (Some(VerdictCode::TargetUnreachable), services::target_unreachable),
    (Some(VerdictCode::CommonCause), paths::common_cause),
];

/// The confusion of all verdicts. Whether the bars are met; a short run is too short to say.
fn codes(form: Form) -> bool {
    let (first, runs) = (first_seed(), runs(form, 200, 1));
    println!(
        "form: {form:?}; {} kinds, {runs} runs of each, seeds from {first}",
        KINDS.len()
    );
    let began = now();
    let mut jobs: Vec<(usize, u64)> = Vec::new();
    for seed in first..first + runs {
        jobs.extend((0..KINDS.len()).map(|kind| (kind, seed)));
    }
    let scores = Mutex::new(Scores::default());
    each(&jobs, |(kind, seed)| {
        let (_, draw) = KINDS[*kind];
        // Kinds are drawn from seeds of their own, or they would share their networks.
        let scenario = draw(seed * 64 + kind_number(*kind));
        let incidents = incidents(&play(&scenario, *seed));
        let mut scores = scores.lock().expect("no thread has panicked");
        scores.add(*seed, &scenario, &incidents);
    });
    let scores = scores.into_inner().expect("no thread has panicked");
    scores.print();
    println!("took {:.0} s", began.elapsed().as_secs_f64());
    scores.meets_bars() || form == Form::Smoke
}

/// So many runs of each kind, or as many as are asked for.
pub(crate) fn runs(form: Form, full: u64, smoke: u64) -> u64 {
    let given = std::env::var("PATHJITTER_RUNS").ok();
    given
        .and_then(|runs| runs.parse().ok())
        .unwrap_or(form.pick(full, smoke))
}

/// Development is done with other seeds than those of the figures that are published.
pub(crate) fn first_seed() -> u64 {
    let given = std::env::var("PATHJITTER_SEED").ok();
    given.and_then(|seed| seed.parse().ok()).unwrap_or(1)
}

/// Watches a run to its end.
pub(crate) fn play(scenario: &Scenario, seed: u64) -> Watch {
    let text = scenario.network.text();
    let topology = Topology::read(&text).unwrap_or_else(|why| panic!("{why}\n{text}"));
    let plan = Plan {
        v6: scenario.network.v6,
        faster: 1,
        warm_up: scenario.warm_up,
        lasts: scenario.warm_up + scenario.lasts,
        traces: true,
        gateway: scenario.gateway,
    };
    Watch::run(&topology, seed, plan)
}

/// All incidents of a run, by number, as they were told last.
pub(crate) fn incidents(watch: &Watch) -> Vec<Incident> {
    watch.incidents().into_iter().map(|told| told.last).collect()
}

/// Does something with each of many, on all processors.
pub(crate) fn each<T: Sync>(all: &[T], work: impl Fn(&T) + Sync) {
    let next = AtomicUsize::new(0);
    let threads = thread::available_parallelism().map_or(1, usize::from);
    thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                while let Some(one) = all.get(next.fetch_add(1, Ordering::Relaxed)) {
                    work(one);
                }
            });
        }
    });
}

/// One run in words: its file, and what was told.
fn tell_about(part: &str, code: &str, number: &str) -> ExitCode {
    let name = |code: Option<VerdictCode>| code.map_or("clean", VerdictCode::as_str);
    let found = KINDS.iter().position(|(known, _)| name(*known) == code);
    let (Some(kind), Ok(seed), "codes") = (found, number.parse::<u64>(), part) else {
        eprintln!("`codes`, a verdict, and the number of a run");
        return ExitCode::FAILURE;
    };
    let scenario = KINDS[kind].1(seed * 64 + kind_number(kind));
    println!("{}\n{:?} {:?}", scenario.network.text(), scenario.truth, scenario.lasts);
    for (at, news) in play(&scenario, seed).news() {
        if let News::Incident(stage, incident) = news {
            let at = Duration::from_nanos(at.as_nanos()).as_secs_f64();
            println!("{at:.1} {stage:?} {}", score::words(incident));
        }
    }
    ExitCode::SUCCESS
}

fn kind_number(kind: usize) -> u64 {
    u64::try_from(kind).expect("twenty kinds")
}

/// Which of several incidents a run counts by: of those that were not over before the warm-up was, the one with most members, of several the earliest.
pub(crate) fn main_incident(incidents: &[Incident], warm: Mono) -> Option<&Incident> {
    let those = incidents.iter().filter(|incident| incident.last >= warm);
    those.min_by_key(|incident| (Reverse(incident.members.len()), incident.began))
}

#[expect(
    clippy::disallowed_methods,
    reason = "how long a bench takes is no part of what it measures"
)]
pub(crate) fn now() -> Instant {
    Instant::now()
}
