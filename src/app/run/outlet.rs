//! Where lines of NDJSON go beside standard output and the log file.

mod forwarder;
mod journal;
#[cfg(feature = "nats")]
mod nats;
mod syslog;

use anyhow::Context as _;

use super::destination::Written;
use crate::config::RunOutput;

/// Takes lines that are encoded already. It runs on the thread of the writer, so it may not wait for anybody long.
pub(super) trait Outlet: Send {
    /// Takes a whole line, its line feed included. What can't be passed on is counted by the outlet itself.
    fn write(&mut self, line: &[u8]) -> Written;

    /// What it is called.
    fn name(&self) -> String;

    /// The last line was written: passes on what is still held, for as long as an end may take.
    fn finish(&mut self) {}
}

/// What lines of `vantage` go to by a plan.
///
/// # Errors
/// Where one can't be set up. An other end that is away is no error.
#[cfg_attr(
    not(feature = "nats"),
    expect(unused_variables, reason = "only a bus asks who speaks")
)]
pub(super) fn outlets(plan: &RunOutput, vantage: &str) -> anyhow::Result<Vec<Box<dyn Outlet>>> {
    let mut all: Vec<Box<dyn Outlet>> = Vec::new();
    if plan.journal {
        all.push(Box::new(journal::start().context(NO_THREAD)?));
    }
    if let Some(address) = &plan.syslog {
        all.push(Box::new(syslog::start(address).context(NO_THREAD)?));
    }
    #[cfg(feature = "nats")]
    if let Some(address) = &plan.publish {
        all.push(Box::new(nats::start(address, vantage).context(NO_THREAD)?));
    }
    Ok(all)
}

const NO_THREAD: &str = "no thread could be started for an output";
