//! `pathjitter trace`: sweep as planned, show the hops, and say by the exit code whether the targets were reached.
//!
//! Three threads, as for `ping`. On the packet thread, the sweeper decides which hop is probed when, and hears all answers; the printer
//! judges and prints copies of what is known; this one resolves names, handles signals and takes those copies.

mod judge;
mod names;
mod session;
mod sink;
mod view;

pub use self::judge::verdict;

use anyhow::Context as _;
use tokio::sync::oneshot;

use self::names::HopNames;
use self::session::Session;
use self::sink::TraceSink;
use self::view::View;
use super::complaints::{complain, complain_of_noise, complain_of_refused};
use super::exit::Exit;
use super::packets::{self, Advice, Rights, has_open_family, known_families};
use super::printer::Printer;
use super::targets::{self, Wanted};
use crate::clock::SystemClock;
use crate::config::{TraceEngine, TracePlan};
use crate::net::resolve::{Limits, NameResolver};
use crate::net::{
    Capacity, Command, Finished, Inbox, NativeOptions, Needs, PortUse, Privilege, control, has_kernel_stamps,
};
use crate::report::OutputError;
use crate::series::Pace;
use crate::sweep::{Budget, End, SweepOptions, Sweeper};

/// Traces as planned and prints what was found.
///
/// # Errors
/// Names that do not resolve, missing permissions, and I/O errors.
pub(super) fn run(plan: &TracePlan) -> anyhow::Result<Exit> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime
        .context("the tokio runtime could not be started")?
        .block_on(trace(plan))
}

async fn trace(plan: &TracePlan) -> anyhow::Result<Exit> {
    let clock = SystemClock::new();
    let view = View::new(plan, clock.clone()).context("standard output is not open")?;
    let resolver = NameResolver::of_this_system(Limits::default());
    let (ready, pending) = targets::start(wanted(plan), &resolver);
    let (remote, inbox) = control().context("an eventfd could not be made")?;
    let printer = Printer::start(view)?;
    let seed = getrandom::u64().context("no random numbers could be drawn")?;
    let sink = TraceSink::new(Sweeper::new(sweep_options(plan), seed), printer.jobs());
    let (thread, advice) = start_thread(plan, clock, inbox, sink)?;
    if !ready.is_empty() {
        remote.send(Command::Admit(ready));
    }
    let names = HopNames::new((!plan.numeric).then_some(&resolver));
    let mut session = Session::new(plan.view, remote, printer, names)?;
    let judged = match session.attend(thread, pending).await {
        Ok(finished) => session.show(&finished).await.map(|()| judge(plan, &finished, &advice)),
        Err(error) => Err(error),
    };
    match judged {
        Ok(_) if session.failed_names > 0 => Ok(Exit::Error),
        // The reader has seen enough.
        Err(error) if matches!(error.downcast_ref(), Some(OutputError::Closed { .. })) => Ok(Exit::Success),
        result => result,
    }
}

/// What names and addresses are to become.
fn wanted(plan: &TracePlan) -> Wanted<'_> {
    Wanted {
        targets: &plan.targets,
        family: plan.family,
        flows: plan.flows,
        pace: Pace {
            interval: plan.interval,
            timeout: plan.timeout,
            // The sweeper asks for each probe; the schedule sends none.
            count: Some(0),
        },
    }
}

fn sweep_options(plan: &TracePlan) -> SweepOptions {
    SweepOptions {
        first_ttl: plan.first_ttl,
        max_ttl: plan.max_ttl,
        cycles: plan.cycles,
        interval: plan.interval,
        timeout: plan.timeout,
        budget: if plan.fast { Budget::Fast } else { Budget::Gentle },
        max_silent: MAX_SILENT,
    }
}

type Measured = packets::Measured<TraceSink>;

fn start_thread(
    plan: &TracePlan,
    clock: SystemClock,
    inbox: Inbox<TraceSink>,
    sink: TraceSink,
) -> anyhow::Result<(oneshot::Receiver<Measured>, Advice)> {
    anyhow::ensure!(
        has_kernel_stamps(),
        "this kernel stamps no packets, without which there is no trace; 'pathjitter ping' measures in user space"
    );
    packets::start(native_options(plan, clock), inbox, sink, Rights::GivenUp)
}

fn native_options(plan: &TracePlan, clock: SystemClock) -> NativeOptions {
    let endpoints = plan.targets.iter().flat_map(|target| target.endpoints.iter().copied());
    let series = plan.targets.iter().map(|target| target.endpoints.len()).sum::<usize>() * usize::from(plan.flows);
    NativeOptions {
        clock,
        privilege: match plan.engine {
            TraceEngine::Auto => Privilege::Auto,
            TraceEngine::Raw => Privilege::Raw,
            TraceEngine::Unprivileged => Privilege::Unprivileged,
        },
        packet: plan.packet.clone(),
        needs: Needs::of(endpoints),
        families: known_families(&plan.targets, plan.family),
        spare_families: has_open_family(&plan.targets, plan.family),
        flows: plan.flows,
        interval: plan.interval,
        source_ports: PortUse::Constant,
        slot: std::time::Duration::ZERO,
        max_syn_rate: Some(MAX_SYN_RATE),
        receive_buffer: RECEIVE_BUFFER,
        capacity: capacity(plan, series),
    }
}

/// How much to remember: twice the probes of one timeout, so that late answers are known as such.
fn capacity(plan: &TracePlan, series: usize) -> Capacity {
    let cycles = (plan.timeout.as_nanos() * 2).div_ceil(plan.interval.as_nanos().max(1));
    let wanted = (cycles + 2).saturating_mul(u128::from(plan.max_ttl));
    let most = (MEMORY_PROBES / series.max(1)).max(LEAST_MEMORY);
    Capacity {
        memory: usize::try_from(wanted).unwrap_or(usize::MAX).clamp(LEAST_MEMORY, most),
        window: 1,
    }
}

/// Says what is to be said of a run beside its figures, and judges it.
fn judge(plan: &TracePlan, finished: &Finished<TraceSink>, advice: &Advice) -> Exit {
    let sink = &finished.sink;
    if sink.dropped > 0 {
        complain(&format!(
            "{} changes of paths were not printed: the reader of the output is too slow",
            sink.dropped
        ));
    }
    complain_of_noise(&finished.noise, advice, plan.verbose);
    let paths = sink.snapshots();
    complain_of_refused(&finished.refused, &advice.told, paths.is_empty());
    let reached = |end: End| matches!(end, End::Reached { .. });
    if !finished.refused.is_empty() {
        Exit::Error
    } else if !paths.is_empty() && paths.iter().all(|path| reached(path.report.end)) {
        Exit::Success
    } else {
        Exit::Failed
    }
}

/// Of the hops in a row that answer nothing in the internet, firewalls hide a handful before what is behind them answers again; `mtr`
/// gives up after as many.
const MAX_SILENT: u8 = 12;

/// A burst of answers to all probes of a turn fits.
const RECEIVE_BUFFER: usize = 2 << 20;

/// As for `ping`: not enough to be taken for a SYN flood.
const MAX_SYN_RATE: u32 = 10_000;

/// Probes remembered by all paths together: 200 MiB at most.
const MEMORY_PROBES: usize = 1 << 22;

/// Two probes under way at each hop of a long path.
const LEAST_MEMORY: usize = 64;

#[cfg(test)]
mod tests;
