//! `pathjitter demo`: the service, in a simulated network in which one thing is wrong.
//!
//! The service is that of `run`, with all its threads, sockets and constants; only the plan is the demonstration's own: ten times as many
//! probes. So what takes minutes takes seconds, but for what is bounded by time and not by count. Baselines are provisional for the first
//! half minute, as everywhere, so the faults of the stories are larger than a provisional threshold. What it says is told in plainer words
//! than the lines of `run`, which come to hundreds where a minute is packed with faults; the NDJSON is the same.
//!
//! The network is behind a TUN device in a namespace of this process ([`behind_tun`]). Where that is not permitted, engine and network
//! run in virtual time ([`virtual_time`]): the same judgement and the same lines, without a packet.

mod behind_tun;
mod findings;
mod plan;
mod stories;
mod telling;
mod virtual_time;

use std::fmt::Write as _;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::Context as _;

use self::findings::Findings;
use self::stories::Story;
use self::virtual_time::VirtualClock;
use super::complaints::complain;
use super::exit::Exit;
use super::print;
use super::run::writer::{AnyClock, Narrator};
use crate::clock::{Clock as _, SystemClock};
use crate::config::{DemoPlan, DemoWatch, RunPlan};
use crate::diagnose::News;
use crate::lab::{Session, SessionOptions};
use crate::simnet::Topology;
use crate::units::Mono;

/// Does as planned.
///
/// # Errors
/// A story that nobody has heard of, and I/O errors.
pub(super) fn run(plan: &DemoPlan) -> anyhow::Result<Exit> {
    match plan {
        DemoPlan::List => list(),
        DemoPlan::Watch(watch) => Demo::new(watch)?.run(watch),
    }
}

fn list() -> anyhow::Result<Exit> {
    let mut text = String::new();
    for story in stories::ALL {
        let title = story.topology()?.title;
        // Writing to a String cannot fail.
        let _ = writeln!(text, "{:17} {title}", story.name);
    }
    print(text.as_bytes())
}

/// A demonstration that is about to begin.
struct Demo {
    story: &'static Story,
    topology: Topology,
    plan: RunPlan,
    seed: u64,
    is_told: bool,
}

impl Demo {
    fn new(watch: &DemoWatch) -> anyhow::Result<Self> {
        let story = match watch.story.as_deref() {
            None => stories::first(),
            Some(name) => stories::find(name).with_context(|| no_such_story(name))?,
        };
        let topology = story.topology()?;
        let duration = watch.duration.unwrap_or(story.lasts);
        Ok(Self {
            plan: plan::of(&topology, duration, (watch.json, watch.each))?,
            story,
            topology,
            seed: watch.seed,
            is_told: !watch.json,
        })
    }

    fn run(self, watch: &DemoWatch) -> anyhow::Result<Exit> {
        if watch.virtual_time {
            return self.run_in_virtual_time();
        }
        // No thread may have been started up to here: see `Session::open`.
        let clock = SystemClock::new();
        let addresses = &self.topology.host.addresses;
        match Session::open(addresses, clock.clone(), SessionOptions::default()) {
            Ok(session) => self.run_behind_tun(session, &clock),
            Err(error) => {
                complain(&format!("watching in virtual time, without sockets: {error}"));
                self.run_in_virtual_time()
            }
        }
    }

    fn run_behind_tun(self, session: Session, clock: &SystemClock) -> anyhow::Result<Exit> {
        self.begin(telling::Way::Tun)?;
        let began = clock.mono();
        let (findings, narrator) = listening(Arc::new(clock.clone()));
        let exit = behind_tun::watch(&self, session, clock, narrator)?;
        self.conclude(&findings, clock.mono().since(began), exit)
    }

    fn run_in_virtual_time(self) -> anyhow::Result<Exit> {
        self.begin(telling::Way::VirtualTime)?;
        let clock = VirtualClock::ending_now(virtual_time::length(&self.plan));
        let (findings, narrator) = listening(Arc::new(clock.clone()));
        let exit = virtual_time::watch(&self, &clock, narrator)?;
        self.conclude(&findings, clock.mono().since(Mono::default()), exit)
    }

    fn begin(&self, way: telling::Way) -> anyhow::Result<()> {
        if self.is_told {
            print(telling::beginning(self.story, &self.topology, &self.plan, way).as_bytes())?;
        }
        Ok(())
    }

    fn conclude(&self, findings: &Mutex<Findings>, watched: Duration, exit: Exit) -> anyhow::Result<Exit> {
        if !self.is_told {
            return Ok(exit);
        }
        // The last answers are awaited for a while, which is no time of the story.
        let watched = self.plan.duration.map_or(watched, |planned| watched.min(planned));
        let findings = findings.lock().unwrap_or_else(PoisonError::into_inner);
        print(telling::end(self.story, &self.topology, watched, &findings).as_bytes())
    }
}

/// Somebody who tells of what is found from now on, and what that was.
fn listening(clock: AnyClock) -> (Arc<Mutex<Findings>>, Narrator) {
    let findings = Arc::new(Mutex::new(Findings::default()));
    let heard = Arc::clone(&findings);
    let began = clock.mono();
    let narrator = move |news: &News| {
        let passed = clock.mono().since(began);
        let mut findings = heard.lock().unwrap_or_else(PoisonError::into_inner);
        let is_new = findings.hear(passed, news);
        if is_new {
            telling::news(passed, news)
        } else {
            String::new()
        }
    };
    (findings, Box::new(narrator))
}

fn no_such_story(name: &str) -> String {
    let names: Vec<&str> = stories::ALL.iter().map(|story| story.name).collect();
    format!("there is no story '{name}'; there are {}", names.join(", "))
}
