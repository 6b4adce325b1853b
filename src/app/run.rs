//! `pathjitter run`: probe without end, judge all the time, and say what is wrong.
//!
//! Three threads, as for `ping`, and a fourth that answers over HTTP where that is asked for. The packet thread measures, judges and closes windows; it
//! waits for packets and commands alone. The writer waits for its outputs. This one looks names up, handles signals, and keeps the state file; none of its waits loses
//! anything when another branch wins: queues keep what is in them.
//!
//! What a service survives: names that do not resolve, a log on a full disk, a configuration file with a mistake in it, a reader of its output
//! that is slow. What it does not: outputs and sockets that can't be opened at the start.

mod board;
mod destination;
mod http;
mod manager;
mod names;
pub(super) mod options;
pub(super) mod outbox;
mod outlet;
mod pulse;
pub(super) mod roster;
mod session;
pub(super) mod sink;
mod state;
pub(super) mod writer;

use std::net::TcpListener;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;

use self::names::Names;
use self::outbox::{Dropped, Outbox};
use self::roster::Roster;
use self::session::{Parts, Session};
use self::sink::RunSink;
use self::state::Baselines;
use self::writer::{Narrator, Writer};
use super::complaints::{complain, complain_of_noise};
use super::exit::Exit;
use super::packets::{self, Rights};
use super::printer::Printer;
use super::process::identity_at;
use crate::clock::{Clock as _, SystemClock};
use crate::config::{RunEngine, RunPlan};
use crate::diagnose::Monitor;
use crate::net::resolve::{Limits, NameResolver};
use crate::net::{Remote, control, has_kernel_stamps};
use crate::report::OutputError;
use crate::stats::Windows;
use crate::sys;

/// Makes the plan of a service: at its start, and again on SIGHUP.
pub(super) trait ReadPlan: Fn() -> anyhow::Result<RunPlan> {}

impl<F: Fn() -> anyhow::Result<RunPlan>> ReadPlan for F {}

/// Runs a service until it is told to stop.
///
/// # Errors
/// A plan that makes no sense, missing permissions, and outputs that can't be opened.
pub(super) fn run(read_plan: impl ReadPlan) -> anyhow::Result<Exit> {
    run_with(read_plan, Company::default())
}

/// Runs a service in company.
///
/// # Errors
/// As [`run`].
pub(super) fn run_with(read_plan: impl ReadPlan, company: Company) -> anyhow::Result<Exit> {
    let plan = read_plan()?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime
        .context("the tokio runtime could not be started")?
        .block_on(serve(plan, read_plan, company))
}

/// Who is there while a service runs.
#[derive(Default)]
pub(super) struct Company {
    /// Tells people what the monitor says, in place of the usual lines.
    pub(super) narrator: Option<Narrator>,
    /// What becomes of the rights of this process.
    pub(super) rights: Rights,
    /// Is given the way to the packet thread, as soon as there is one.
    pub(super) meddler: Option<Meddler>,
}

/// Does something to a packet thread.
pub(super) type Meddler = Box<dyn FnOnce(Remote<RunSink>)>;

async fn serve(plan: RunPlan, read_plan: impl ReadPlan, company: Company) -> anyhow::Result<Exit> {
    anyhow::ensure!(
        has_kernel_stamps(),
        "this kernel stamps no packets, without which nothing is judged; 'pathjitter ping' measures in user space"
    );
    let clock = SystemClock::new();
    let dropped = Arc::new(Dropped::default());
    let identity = identity_at(&clock, plan.output.vantage.as_deref());
    let listener = plan.output.listen.map(http::bind).transpose()?;
    let writer = Writer::new(
        &plan.output,
        identity.clone(),
        Arc::new(clock.clone()),
        Arc::clone(&dropped),
    )?;
    let writer = writer.narrated_by(company.narrator);
    let baselines = baselines(&plan, &clock);
    let seed = getrandom::u64().context("no random numbers could be drawn")?;
    let printer = Printer::start(writer)?;
    let outbox = Outbox::new(printer.jobs(), Arc::clone(&dropped));
    let kept = plan.window + RETIRED_KEPT;
    let about = http::About {
        identity,
        clock: Arc::new(clock.clone()),
        window: plan.window,
        kept,
        has_smokeping: plan.output.smokeping_metrics,
        lines_dropped: dropped,
    };
    let listening = listener.as_ref().map(TcpListener::local_addr).transpose();
    let listening = listening.context("the system does not tell the address that is listened on")?;
    let exhibit = listener.map(|listener| http::start(listener, about)).transpose()?;
    let sink = RunSink::new(
        Windows::new(clock.mono(), plan.window),
        Monitor::new(options::monitor(&plan), seed),
        outbox.clone(),
        plan.output.each,
        kept,
    )
    .shown_by(exhibit.clone());
    let (remote, inbox) = control().context("an eventfd could not be made")?;
    let is_raw = plan.engine != RunEngine::Unprivileged && sys::process::has_capability_net_raw();
    let (thread, advice) = packets::start(options::native(&plan, clock.clone()), inbox, sink, company.rights)?;
    if let Some(meddle) = company.meddler {
        meddle(remote.clone());
    }
    let names = Names::new(NameResolver::of_this_system(Limits::default()), plan.family);
    let verbose = plan.output.verbose;
    let mut session = Session::new(Parts {
        roster: Roster::new(&plan),
        plan,
        clock,
        remote,
        printer,
        outbox,
        exhibit,
        listening,
        is_raw,
        names,
        baselines,
    })?;
    let ended = session.attend(thread, read_plan).await;
    match ended {
        Ok(finished) => {
            complain_of_noise(&finished.noise, &advice, verbose);
            session.finish(finished, &advice).await
        }
        // The reader has seen enough.
        Err(error) if matches!(error.downcast_ref(), Some(OutputError::Closed { .. })) => Ok(Exit::Success),
        Err(error) => Err(error),
    }
}

/// What was known before a restart. A file that can't be read costs the warm-up and no more.
fn baselines(plan: &RunPlan, clock: &SystemClock) -> Baselines {
    let Some(path) = &plan.state else {
        return Baselines::new();
    };
    state::read(path, clock.read().wall).unwrap_or_else(|error| {
        complain(&format!("{error}; starting without what was known before"));
        Baselines::new()
    })
}

/// An incident may speak of a series for this long after its end.
pub(super) const RETIRED_KEPT: Duration = Duration::from_mins(10);
