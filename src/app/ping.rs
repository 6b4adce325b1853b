//! `pathjitter ping`: probe as planned, show what comes back, and say by the exit code how it went.
//!
//! Three threads. The packet thread measures and records; it waits for packets and commands alone, and ends when everything is
//! measured or a command ends it. The printer waits for its output. This one resolves names and handles signals on a tokio runtime;
//! it waits for whichever comes first, and none of its waits loses anything when another branch wins: queues keep what is in them.

mod session;
mod sink;
mod view;

use std::time::Duration;

use anyhow::Context as _;
use tokio::sync::oneshot;

use self::session::Session;
use self::sink::PingSink;
use self::view::{Live, Row, View};
use super::complaints::{complain, complain_of_noise, complain_of_refused};
use super::exit::Exit;
use super::packets::{self, Advice, Rights, has_open_family, known_families};
use super::printer::Printer;
use super::targets::{self, Wanted};
use crate::clock::SystemClock;
use crate::config::{EngineChoice, PingPlan};
use crate::net::resolve::{Limits, NameResolver};
use crate::net::{
    Capacity, Command, Finished, Inbox, NativeOptions, Needs, PortUse, PortableOptions, Privilege, control,
    has_kernel_stamps, run_portable,
};
use crate::report::OutputError;

/// Probes as planned and prints what came back.
///
/// # Errors
/// Names that do not resolve, missing permissions, and I/O errors.
pub fn run(plan: &PingPlan) -> anyhow::Result<Exit> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime
        .context("the tokio runtime could not be started")?
        .block_on(ping(plan))
}

async fn ping(plan: &PingPlan) -> anyhow::Result<Exit> {
    let clock = SystemClock::new();
    let view = View::new(plan, clock.clone()).context("standard output is not open")?;
    let (live, user_rtt) = (view.live(), view.shows_summaries());
    let resolver = NameResolver::of_this_system(Limits::default());
    let (ready, pending) = targets::start(wanted(plan), &resolver);
    let (remote, inbox) = control().context("an eventfd could not be made")?;
    let printer = Printer::start(view)?;
    let lines = matches!(live, Live::Lines | Live::Each).then(|| printer.jobs());
    let (thread, advice) = start_thread(plan, clock, inbox, PingSink::new(user_rtt, lines))?;
    if !ready.is_empty() {
        remote.send(Command::Admit(ready));
    }
    let mut session = Session::new(plan, remote, printer, live)?;
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

type Measured = packets::Measured<PingSink>;

/// What names and addresses are to become.
pub(super) fn wanted(plan: &PingPlan) -> Wanted<'_> {
    Wanted {
        targets: &plan.targets,
        family: plan.family,
        flows: plan.flows,
        pace: plan.pace,
    }
}

/// Opens the sockets, so that what is missing is said before anything else, and starts the packet thread.
fn start_thread(
    plan: &PingPlan,
    clock: SystemClock,
    inbox: Inbox<PingSink>,
    sink: PingSink,
) -> anyhow::Result<(oneshot::Receiver<Measured>, Advice)> {
    let engine = match plan.engine {
        EngineChoice::Auto if !has_kernel_stamps() => {
            complain("this kernel stamps no packets: measuring in user space, as --engine portable does");
            EngineChoice::Portable
        }
        chosen => chosen,
    };
    let privilege = match engine {
        EngineChoice::Auto => Privilege::Auto,
        EngineChoice::Raw => Privilege::Raw,
        EngineChoice::Unprivileged => Privilege::Unprivileged,
        EngineChoice::Portable => {
            let options = PortableOptions {
                clock,
                packet: plan.packet.clone(),
                max_syn_rate: plan.max_syn_rate,
            };
            return Ok((
                packets::spawn(move || Ok(run_portable(inbox, sink, options)?))?,
                Advice::default(),
            ));
        }
    };
    packets::start(native_options(plan, clock, privilege), inbox, sink, Rights::GivenUp)
}

fn native_options(plan: &PingPlan, clock: SystemClock, privilege: Privilege) -> NativeOptions {
    let endpoints = plan.targets.iter().flat_map(|target| target.endpoints.iter().copied());
    let series = plan.targets.iter().map(|target| target.endpoints.len()).sum::<usize>() * usize::from(plan.flows);
    NativeOptions {
        clock,
        privilege,
        packet: plan.packet.clone(),
        needs: Needs::of(endpoints),
        families: known_families(&plan.targets, plan.family),
        spare_families: has_open_family(&plan.targets, plan.family),
        flows: plan.flows,
        interval: plan.pace.interval,
        source_ports: PortUse::Rotating,
        slot: plan.slot,
        max_syn_rate: plan.max_syn_rate,
        receive_buffer: plan
            .receive_buffer
            .and_then(|bytes| usize::try_from(bytes).ok())
            .unwrap_or(RECEIVE_BUFFER),
        capacity: capacity(plan, series),
    }
}

/// How much to remember: a minute of probes for late answers where that is cheap, and in a flood the probes of one timeout.
fn capacity(plan: &PingPlan, series: usize) -> Capacity {
    let series = series.max(1);
    let minute = MEMORY_SPAN.as_nanos().checked_div(plan.pace.interval.as_nanos());
    let flood = plan.pace.timeout.as_millis() * u128::from(FLOOD_PER_MILLI) / series as u128;
    let wanted = usize::try_from(minute.unwrap_or(flood)).unwrap_or(usize::MAX);
    let window = u32::try_from(FLOOD_WINDOW / series).unwrap_or(u32::MAX).max(2);
    Capacity {
        memory: wanted.clamp(16, (MEMORY_PROBES / series).max(16)),
        window,
    }
}

fn rows(sink: &PingSink) -> Vec<Row> {
    let summaries = sink.summaries().into_iter();
    summaries
        .map(|(series, began, summary)| Row { series, began, summary })
        .collect()
}

/// Says what is to be said of a run beside its figures, and judges it.
fn judge(plan: &PingPlan, finished: &Finished<PingSink>, advice: &Advice) -> Exit {
    let rows = rows(&finished.sink);
    if finished.sink.dropped > 0 {
        complain(&format!(
            "{} lines were not printed: the reader of the output is too slow",
            finished.sink.dropped
        ));
    }
    complain_of_noise(&finished.noise, advice, plan.output.verbose);
    complain_of_refused(&finished.refused, &advice.told, rows.is_empty());
    let silent = rows.iter().any(|row| row.summary.counts.received == 0);
    let mut crossed = false;
    for (row, threshold) in rows
        .iter()
        .flat_map(|row| plan.thresholds.iter().map(move |threshold| (row, threshold)))
    {
        use crate::config::Judgement::{Crossed, Held, NoFigure};
        match threshold.judge(&subject(row), &row.summary) {
            Held => {}
            Crossed(sentence) | NoFigure(sentence) => {
                crossed = true;
                complain(&sentence);
            }
        }
    }
    if !finished.refused.is_empty() {
        Exit::Error
    } else if silent || crossed || rows.is_empty() {
        Exit::Failed
    } else {
        Exit::Success
    }
}

/// How a threshold calls a series.
fn subject(row: &Row) -> String {
    let series = &row.series;
    let proto = series
        .endpoint
        .port()
        .map_or_else(|| "icmp".to_owned(), |port| format!("tcp/{port}"));
    format!("{} {proto}", series.target)
}

/// 8 MiB hold 10,000 packets with the kernel's overhead: more than answer within a scheduling delay.
const RECEIVE_BUFFER: usize = 8 << 20;

/// How long a probe is remembered where memory allows.
const MEMORY_SPAN: Duration = Duration::from_mins(1);

/// Probes remembered by all series together: 200 MiB at most.
const MEMORY_PROBES: usize = 1 << 22;

/// Probes that one core sends in a millisecond.
const FLOOD_PER_MILLI: u32 = 128;

/// Unanswered probes of all series together in a flood: they fit into the smallest send and receive queues.
const FLOOD_WINDOW: usize = 256;

#[cfg(test)]
pub(super) mod tests;
