//! The signals of a run: SIGINT and SIGTERM end it, SIGQUIT shows what is known so far; SIGHUP and SIGUSR1 are for services.

use std::time::Duration;

use anyhow::Context as _;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::time::sleep;

/// SIGINT and SIGTERM.
pub(super) struct Stop {
    interrupt: Signal,
    terminate: Signal,
}

impl Stop {
    /// From here on, these signals are ours.
    pub(super) fn new() -> anyhow::Result<Self> {
        Ok(Self {
            interrupt: handled(SignalKind::interrupt())?,
            terminate: handled(SignalKind::terminate())?,
        })
    }

    /// Waits for the next of them.
    pub(super) async fn next(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}

/// SIGQUIT, which from here on is ours.
pub(super) fn quit() -> anyhow::Result<Signal> {
    handled(SignalKind::quit())
}

/// SIGHUP, which from here on is ours.
pub(super) fn hangup() -> anyhow::Result<Signal> {
    handled(SignalKind::hangup())
}

/// SIGUSR1, which from here on is ours.
pub(super) fn user1() -> anyhow::Result<Signal> {
    handled(SignalKind::user_defined1())
}

fn handled(kind: SignalKind) -> anyhow::Result<Signal> {
    signal(kind).context("signals can't be handled")
}

/// Ends when `time` has passed; never where there is none.
pub(super) async fn passed(time: Option<Duration>) {
    match time {
        Some(time) => sleep(time).await,
        None => std::future::pending().await,
    }
}
