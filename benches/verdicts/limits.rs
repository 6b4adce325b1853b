//! SYN limiters beside loss: 3 to 57 of 60 SYNs a minute are lost, by a limiter, at random, or in bursts, and pings are all answered or lose as much.
//!
//! A limiter drops what is beyond its rate, or what is within it; the burst is 1 to 10. Loss of SYNs alone is drawn for each second, of which one SYN is sent in each:
//! independently, or by a chain of two states (E. N. Gilbert, 1960) whose bad one lasts 3 SYNs in the mean. Loss of the link is the network's. Limiters that answer what
//! they turn away are a firewall that rejects by definition, whatever their rhythm, and are listed apart.
//!
//! Beside ours, on the same losses: what people go by ("SYNs are lost and pings are not"), and the index of dispersion of minutes alone, below 0.2 over 10 minutes with 3 of the rarer
//! outcome in the mean (a token bucket has 0 to 0.15, random loss 0.39 and more in 99 of 100 runs).

use std::fmt::Write as _;
use std::sync::Mutex;
use std::time::Duration;

use pathjitter::diagnose::VerdictCode;
use pathjitter::engine::{Launch, Launcher};
use pathjitter::lab::{Driver, World, WorldOptions, series_of};
use pathjitter::outcome::{Answer, Event, InTime, What};
use pathjitter::series::Pace;
use pathjitter::simnet::Topology;
use pathjitter::stats::Proportion;
use pathjitter::units::{Mono, ProbeSeq, Rtt};
use rand::RngExt;

use super::draw::{Place, Scenario, WARM_UP};
use super::lab::Form;
use super::network::Network;
use super::score::{interval, words};
use super::{each, first_seed, incidents, now, play, runs};

/// What loses SYNs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// Beyond or within a rate.
    Limiter,
    /// Rejected beyond or within a rate.
    Rejecting,
    /// SYNs only, each for itself.
    Random,
    /// SYNs only, in bursts.
    Bursty,
    /// Whatever passes the last link.
    Link,
    /// The same in bursts.
    LinkBursts,
}

/// All runs of one kind.
#[derive(Clone, Copy, Debug, Default)]
struct Score {
    runs: u64,
    limited: u64,
    rejected: u64,
    naive: u64,
    dispersion: u64,
}

/// Measures, prints, and says whether the bars are met; a short run is too short to say.
pub(crate) fn measure(form: Form) -> bool {
    let (first, runs) = (first_seed(), runs(form, 500, 2));
    println!("\nform: {form:?}; SYN limiters beside loss: {runs} runs of each, 10 minutes each, seeds from {first}");
    let began = now();
    println!(
        "{:<34} {:>5}  {:<24} {:<24} {:<24} {:<24}",
        "what loses SYNs",
        "runs",
        "ours: syn_rate_limited",
        "or firewall_reject",
        "SYNs lost, pings not",
        "dispersion alone"
    );
    let mut met = true;
    for (kind, name) in KINDS {
        let score = Mutex::new(Score::default());
        let seeds: Vec<u64> = (first..first + runs).collect();
        each(&seeds, |seed| {
            let one = play_one(kind, *seed);
            let mut score = score.lock().expect("no thread has panicked");
            score.add(one);
        });
        let score = score.into_inner().expect("no thread has panicked");
        println!(
            "{name:<34} {:>5}  {:<24} {:<24} {:<24} {:<24}",
            score.runs,
            interval(score.limited, score.runs),
            interval(score.rejected, score.runs),
            interval(score.naive, score.runs),
            interval(score.dispersion, score.runs)
        );
        let share = Proportion::wilson(score.limited, score.runs).map_or(0.0, |share| share.ratio);
        met &= match kind {
            Kind::Limiter => share >= 0.97,
            Kind::Rejecting => true,
            _ => share <= 0.01,
        };
    }
    println!(
        "bars (limiters: 0.97; others: 0.01 at most): {}",
        if met { "met" } else { "MISSED" }
    );
    println!("took {:.0} s", began.elapsed().as_secs_f64());
    met || form == Form::Smoke
}

impl Score {
    fn add(&mut self, other: Self) {
        self.runs += other.runs;
        self.limited += other.limited;
        self.rejected += other.rejected;
        self.naive += other.naive;
        self.dispersion += other.dispersion;
    }
}

fn play_one(kind: Kind, seed: u64) -> Score {
    let scenario = draw(kind, seed);
    let told = incidents(&play(&scenario, seed));
    let has = |code| u64::from(told.iter().any(|incident| incident.verdict == code));
    if (has(VerdictCode::SynRateLimited) == 1) != (kind == Kind::Limiter) && kind != Kind::Rejecting {
        let words: Vec<String> = told.iter().map(words).collect();
        eprintln!("{kind:?} {seed}: {}", words.join("\n  "));
    }
    let ears = listen(&scenario, seed);
    Score {
        runs: 1,
        limited: has(VerdictCode::SynRateLimited),
        rejected: has(VerdictCode::FirewallReject),
        naive: u64::from(ears.syns_only()),
        dispersion: u64::from(ears.dispersion().is_some_and(|index| index < 0.2)),
    }
}

fn draw(kind: Kind, seed: u64) -> Scenario {
    let mut network = Network::new(seed, &vec![1, 1]);
    let a_minute = network.random.random_range(3..=57_u32);
    let loss = f64::from(a_minute) / 60.0;
    let burst = network.random.random_range(1..=10);
    let drops_within = network.random.random_bool(0.5);
    // As many are lost, whichever side of the rate is dropped.
    let rate = if drops_within { a_minute } else { 60 - a_minute };
    let within = if drops_within { "dropped" } else { "accepted" };
    let to = network.backends[0].address;
    let filter = |action: &str, limit: &str| {
        format!("{{ to = [\"{to}\"], proto = \"tcp\", port = 8080, action = \"{action}\"{limit} }}")
    };
    let limit = format!(", limit = {{ rate = \"{rate}/min\", burst = {burst} }}");
    match kind {
        Kind::Limiter => {
            let limit =
                format!("set.syn_limit = {{ rate = \"{rate}/min\", burst = {burst}, within = \"{within}\" }}\n");
            network.backends[0].set.push_str(&limit);
        }
        Kind::Rejecting => {
            let action = ["reject", "reset"][network.random.random_range(0..2)];
            let filters = if drops_within {
                filter(action, &limit)
            } else {
                format!("{}, {}", filter("accept", &limit), filter(action, ""))
            };
            let at = network.backends[0].parent;
            let set = format!("set.icmp_limit = \"none\"\nset.filters = [{filters}]\n");
            network.routers[at].set.push_str(&set);
        }
        Kind::Random | Kind::Bursty => {
            let mean = if kind == Kind::Random {
                1.0 / (1.0 - loss)
            } else {
                f64::max(3.0, 1.0 / (1.0 - loss))
            };
            add_losses(&mut network, loss, mean);
        }
        Kind::Link => {
            let _ = writeln!(network.backends[0].link, "forward.loss = {loss:.4}");
        }
        Kind::LinkBursts => {
            let end = 0.2;
            let start = f64::min(1.0, end * loss / (1.0 - loss));
            let _ = writeln!(
                network.backends[0].link,
                "forward.bursts = {{ start = {start:.4}, end = {end} }}"
            );
        }
    }
    let code = VerdictCode::SynRateLimited;
    Scenario::of(code, network, Place::Nowhere, &[0], LASTS.as_secs_f64())
}

/// Seconds in which SYNs are dropped, by a chain of two states: so large a share in the mean, in runs of so many in the mean.
fn add_losses(network: &mut Network, loss: f64, mean_run: f64) {
    let end = 1.0 / mean_run;
    let start = f64::min(1.0, end * loss / (1.0 - loss));
    let on = format!("\"{}\"", network.backends[0].name);
    let mut is_bad = network.random.random_bool(loss);
    let mut began = 0;
    let last = LASTS.as_secs();
    for second in 1..=last {
        let changes = network.random.random_bool(if is_bad { end } else { start });
        if !changes && second < last {
            continue;
        }
        if is_bad {
            let times = format!("at = \"{began}s\"\nfor = \"{}s\"", second - began);
            network.event(&times, &on, "backend.ports = { 8080 = \"dropped\" }");
        }
        if changes {
            is_bad = !is_bad;
            began = second;
        }
    }
}

/// What rules of thumb are told.
#[derive(Debug, Default)]
struct Ears {
    /// Of each SYN, in order: whether it was lost.
    syns: Vec<bool>,
    pings_lost: u64,
    pings: u64,
}

impl Ears {
    /// 3 of any 20 SYNs are lost, and pings are not.
    fn syns_only(&self) -> bool {
        let lost = self.syns.iter().filter(|lost| **lost).count();
        lost * 20 >= self.syns.len() * 3 && self.pings_lost * 100 <= self.pings
    }

    /// The index of dispersion of the rarer outcome by minutes.
    fn dispersion(&self) -> Option<f64> {
        let lost = self.syns.iter().filter(|lost| **lost).count();
        let rarer = lost * 2 <= self.syns.len();
        let counts: Vec<f64> = self
            .syns
            .chunks_exact(60)
            .map(|minute| minute.iter().filter(|lost| **lost == rarer).map(|_| 1.0).sum())
            .collect();
        let minutes = counts.iter().map(|_| 1.0).sum::<f64>();
        let mean = counts.iter().sum::<f64>() / minutes;
        let variance = counts.iter().map(|count| (count - mean).powi(2)).sum::<f64>() / (minutes - 1.0);
        (minutes >= 10.0 && mean >= 3.0).then(|| variance / mean / (1.0 - mean / 60.0))
    }
}

/// The same network, listened to by nobody but these.
fn listen(scenario: &Scenario, seed: u64) -> Ears {
    let topology = Topology::read(&scenario.network.text()).unwrap_or_else(|why| panic!("{why}"));
    let topology = super::watch::delayed(&topology, WARM_UP);
    let mut world = World::new(&topology, seed, WorldOptions::default());
    let mut ears = Ears::default();
    let name = &scenario.network.backends[0].name;
    for (probe, millis) in [(name.clone(), 200), (format!("{name}:8080"), 1_000)] {
        for series in series_of(&topology, &probe).expect("it is in the file") {
            let pace = Pace {
                interval: Duration::from_millis(millis),
                timeout: Duration::from_secs(1),
                count: None,
            };
            world.admit_series(series, pace);
        }
    }
    world.run_until_with(Mono::default().after(WARM_UP + LASTS), &mut ears);
    ears
}

impl Driver for Ears {
    fn event(&mut self, event: &Event, _truth: Option<Rtt>) {
        let is_lost = match event.what {
            What::TimedOut => true,
            What::Answered(answered) if answered.in_time != InTime::Late => answered.answer != Answer::Reply,
            _ => return,
        };
        if event.sent_at.since(Mono::default()) < WARM_UP {
            return;
        }
        if event.series.index() == 0 {
            self.pings += 1;
            self.pings_lost += u64::from(is_lost);
        } else {
            let place = usize::try_from(event.seq.get())
                .unwrap_or(usize::MAX)
                .saturating_sub(WARM_UP_SYNS);
            if self.syns.len() <= place {
                self.syns.resize(place + 1, false);
            }
            self.syns[place] |= is_lost;
        }
    }
}

impl Launcher for Ears {
    fn next_launch(&self) -> Option<Mono> {
        None
    }

    fn poll_launch(&mut self, _now: Mono) -> Option<Launch> {
        None
    }

    fn launched(&mut self, _launch: Launch, _seq: Option<ProbeSeq>, _now: Mono) {}

    fn is_done(&self) -> bool {
        true
    }
}

const KINDS: [(Kind, &str); 6] = [
    (Kind::Limiter, "a limiter that drops"),
    (Kind::Rejecting, "a limiter that rejects"),
    (Kind::Random, "random loss of SYNs alone"),
    (Kind::Bursty, "bursty loss of SYNs alone"),
    (Kind::Link, "random loss of the last link"),
    (Kind::LinkBursts, "bursty loss of the last link"),
];

/// Ten windows of a minute, as the index of dispersion asks for, and one to spare.
const LASTS: Duration = Duration::from_mins(11);

/// SYNs of the warm-up.
const WARM_UP_SYNS: usize = 70;
