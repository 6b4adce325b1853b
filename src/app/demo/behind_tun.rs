//! A story behind a TUN device, watched by real sockets.
//!
//! What happens to the host can't be simulated there, for the host is this machine. Where a story has its prober stand still, the
//! packet thread is kept from its work for as long.

use std::thread;
use std::time::Duration;

use anyhow::Context as _;
use tokio::time::{MissedTickBehavior, interval, sleep};

use super::Demo;
use crate::app::exit::Exit;
use crate::app::packets::Rights;
use crate::app::run::sink::RunSink;
use crate::app::run::writer::Narrator;
use crate::app::run::{Company, Meddler, run_with};
use crate::clock::{Clock as _, SystemClock};
use crate::lab::Session;
use crate::net::{Command, Remote};
use crate::simnet::topology::Event;
use crate::simnet::{Network, Topology};

/// Runs a service in the network of a story, to its end.
///
/// # Errors
/// Those of the service, and of the device.
pub(super) fn watch(demo: &Demo, session: Session, clock: &SystemClock, narrator: Narrator) -> anyhow::Result<Exit> {
    let (topology, stalls) = without_stalls(&demo.topology);
    let plan = demo.plan.clone();
    let network = Network::new(&topology, demo.seed, clock.mono());
    let inside = move || {
        let company = Company {
            rights: Rights::Kept,
            narrator: Some(narrator),
            meddler: Some(stalling(stalls)),
        };
        run_with(|| Ok(plan.clone()), company)
    };
    let hosted = session.host(network, inside).context("the simulated network")?;
    hosted.returned
}

/// When a prober stands still.
#[derive(Clone, Copy, Debug)]
struct Stalls {
    at: Duration,
    lasts: Duration,
    every: Duration,
}

/// The network without what happens to the host, and that.
fn without_stalls(topology: &Topology) -> (Topology, Vec<Stalls>) {
    let mut topology = topology.clone();
    let stalls = topology.events.iter().filter_map(stalls_of).collect();
    topology.events.retain(|event| event.host.is_none());
    (topology, stalls)
}

fn stalls_of(event: &Event) -> Option<Stalls> {
    event.host?;
    Some(Stalls {
        at: event.at.0,
        lasts: event.lasts?.0,
        every: event.every?.0,
    })
}

fn stalling(stalls: Vec<Stalls>) -> Meddler {
    Box::new(move |remote| {
        for stalls in stalls {
            tokio::spawn(stall(remote.clone(), stalls));
        }
    })
}

async fn stall(remote: Remote<RunSink>, stalls: Stalls) {
    sleep(stalls.at).await;
    let mut ticks = interval(stalls.every);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
    loop {
        ticks.tick().await;
        remote.send(Command::Inspect(Box::new(move |_| thread::sleep(stalls.lasts))));
    }
}
