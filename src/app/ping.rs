//! `pathjitter ping`: probe as planned, show what comes back, and say by the exit code how it went.
//!
//! Two threads. The packet thread measures and records; it waits for packets and commands alone, and ends when everything is
//! measured or a command ends it. This one resolves names, prints and handles signals on a tokio runtime; it waits for whichever comes
//! first, and none of its waits loses anything when another branch wins: queues keep what is in them.

mod sink;
mod targets;
mod view;

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write as _;
use std::pin::pin;
use std::time::Duration;

use anyhow::Context as _;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::{mpsc, oneshot};
use tokio::time::{MissedTickBehavior, interval, sleep};

use self::sink::{PingSink, Told};
use self::targets::Pending;
use self::view::{Live, Row, View};
use super::exit::Exit;
use crate::clock::SystemClock;
use crate::config::{EngineChoice, Family, Host, PingPlan, Target};
use crate::net::resolve::{Limits, NameResolver};
use crate::net::{
    Capacity, Command, Finished, Inbox, NativeOptions, Needs, PortableOptions, Prepared, Privilege, Refused, Remote,
    control, prepare, run_portable,
};
use crate::report::OutputError;
use crate::sys;

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
    let mut view = View::new(plan, clock.clone()).context("standard output is not open")?;
    let resolver = NameResolver::of_this_system(Limits::default());
    let (ready, pending) = targets::start(plan, &resolver);
    let (tell, told) = match view.live() {
        Live::Lines | Live::Each => Some(mpsc::channel(LINES)).unzip(),
        Live::Quiet | Live::Table => (None, None),
    };
    let (remote, inbox) = control().context("an eventfd could not be made")?;
    let (thread, advice) = start_thread(plan, clock, inbox, PingSink::new(view.shows_summaries(), tell))?;
    if !ready.is_empty() {
        remote.send(Command::Admit(ready));
    }
    let mut session = Session {
        plan,
        remote,
        view: &mut view,
        failed_names: 0,
        interrupted: false,
    };
    let finished = session.attend(thread, pending, told).await;
    let failed_names = session.failed_names;
    let judged = finished.and_then(|finished| conclude(plan, &mut view, &finished, &advice));
    match judged {
        Ok(_) if failed_names > 0 => Ok(Exit::Error),
        // The reader has seen enough.
        Err(error) if matches!(error.downcast_ref(), Some(OutputError::Closed { .. })) => Ok(Exit::Success),
        result => result,
    }
}

type Measured = anyhow::Result<Finished<PingSink>>;

/// Opens the sockets, so that what is missing is said before anything else, and starts the packet thread.
fn start_thread(
    plan: &PingPlan,
    clock: SystemClock,
    inbox: Inbox<PingSink>,
    sink: PingSink,
) -> anyhow::Result<(oneshot::Receiver<Measured>, Advice)> {
    let privilege = match plan.engine {
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
                spawn(move || Ok(run_portable(inbox, sink, options)?))?,
                Advice::default(),
            ));
        }
    };
    let prepared = prepare(native_options(plan, clock, privilege), inbox, sink)?;
    for notice in &prepared.notices {
        complain(notice);
    }
    let Prepared {
        native,
        failures,
        buffer_hint,
        ..
    } = prepared;
    let thread = spawn(move || Ok(native.run()?))?;
    Ok((
        thread,
        Advice {
            told: failures,
            buffer_hint,
        },
    ))
}

/// What the user should know of the way this host measures.
#[derive(Default)]
struct Advice {
    /// Why some series are refused, which was said at the start.
    told: BTreeSet<String>,
    /// What to do if the receive buffers prove too small.
    buffer_hint: Option<String>,
}

/// Runs `measure` on a thread of its own. It is not joined: what it leaves comes through the channel.
fn spawn(measure: impl FnOnce() -> Measured + Send + 'static) -> anyhow::Result<oneshot::Receiver<Measured>> {
    let (done, finished) = oneshot::channel();
    let thread = std::thread::Builder::new().name("packets".to_owned());
    // Whoever waits for the result may be gone: then nobody misses it.
    thread
        .spawn(move || drop(done.send(measure())))
        .context("the packet thread could not be started")?;
    Ok(finished)
}

fn native_options(plan: &PingPlan, clock: SystemClock, privilege: Privilege) -> NativeOptions {
    let endpoints = plan.targets.iter().flat_map(|target| target.endpoints.iter().copied());
    let series = plan.targets.iter().map(|target| target.endpoints.len()).sum::<usize>() * usize::from(plan.flows);
    NativeOptions {
        clock,
        privilege,
        packet: plan.packet.clone(),
        needs: Needs::of(endpoints),
        families: known_families(plan),
        flows: plan.flows,
        interval: plan.pace.interval,
        slot: plan.slot,
        max_syn_rate: plan.max_syn_rate,
        receive_buffer: plan
            .receive_buffer
            .and_then(|bytes| usize::try_from(bytes).ok())
            .unwrap_or(RECEIVE_BUFFER),
        capacity: capacity(plan, series),
    }
}

/// The families that are probed for sure, before any name is resolved.
fn known_families(plan: &PingPlan) -> Vec<sys::Family> {
    let of_target = |target: &Target| match (&target.host, plan.family) {
        (Host::Address(address, _), _) => Some(sys::Family::from(*address)),
        (Host::Name(_), Family::V4) => Some(sys::Family::V4),
        (Host::Name(_), Family::V6) => Some(sys::Family::V6),
        (Host::Name(_), Family::Any) => None,
    };
    let mut families: Vec<_> = plan.targets.iter().filter_map(of_target).collect();
    families.dedup();
    families
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

/// This thread's part of a run under way.
struct Session<'a> {
    plan: &'a PingPlan,
    remote: Remote<PingSink>,
    view: &'a mut View,
    failed_names: usize,
    interrupted: bool,
}

impl Session<'_> {
    /// Attends to names, lines, signals and the clock until the packet thread is done. Sending ends one timeout before the deadline, so that
    /// every probe is judged by then.
    async fn attend(
        &mut self,
        mut thread: oneshot::Receiver<Measured>,
        mut pending: Pending,
        mut told: Option<mpsc::Receiver<Told>>,
    ) -> anyhow::Result<Finished<PingSink>> {
        let (mut stop, mut show) = (Stop::new()?, signal(SignalKind::quit())?);
        let deadline = self.plan.deadline;
        let mut sending_ends = pin!(passed(deadline.map(|end| end.saturating_sub(self.plan.pace.timeout))));
        let mut run_ends = pin!(passed(deadline.map(|end| end + GRACE)));
        let (mut may_send, mut may_run, mut resolving) = (true, true, true);
        let mut redraw = interval(REDRAW);
        redraw.set_missed_tick_behavior(MissedTickBehavior::Skip);
        let mut lines = Vec::new();
        loop {
            tokio::select! {
                biased;
                measured = &mut thread => {
                    let finished = measured.context("the packet thread ended without a result")??;
                    self.last_lines(told)?;
                    self.failed_names += pending.give_up(complain);
                    return Ok(finished);
                }
                () = stop.next() => self.stop(),
                _ = show.recv() => self.show_so_far().await?,
                () = &mut sending_ends, if may_send => {
                    may_send = false;
                    self.remote.send(Command::Stop);
                }
                () = &mut run_ends, if may_run => {
                    may_run = false;
                    self.remote.send(Command::Cut);
                }
                named = pending.next(self.plan), if resolving => match named {
                    Some(Ok(series)) => self.remote.send(Command::Admit(series)),
                    Some(Err(error)) => {
                        self.failed_names += 1;
                        complain(&error.to_string());
                    }
                    None => {
                        resolving = false;
                        self.remote.send(Command::Seal);
                    }
                },
                _ = receive_some(told.as_mut(), &mut lines), if told.is_some() => self.print(&mut lines)?,
                _ = redraw.tick(), if self.view.live() == Live::Table => self.draw().await?,
            }
        }
    }

    /// The first signal ends sending and waits for answers; the second ends all.
    fn stop(&mut self) {
        let command = if self.interrupted { Command::Cut } else { Command::Stop };
        self.interrupted = true;
        self.remote.send(command);
    }

    fn print(&mut self, lines: &mut Vec<Told>) -> Result<(), OutputError> {
        lines
            .drain(..)
            .try_for_each(|told| self.view.tell(&told))
            .inspect_err(|_| self.remote.send(Command::Cut))
    }

    /// What the packet thread said before it ended.
    fn last_lines(&mut self, told: Option<mpsc::Receiver<Told>>) -> Result<(), OutputError> {
        let Some(mut told) = told else { return Ok(()) };
        while let Ok(line) = told.try_recv() {
            self.view.tell(&line)?;
        }
        Ok(())
    }

    async fn draw(&mut self) -> anyhow::Result<()> {
        let rows = self.rows().await;
        let sent = rows.iter().map(|row| row.summary.counts.sent).sum();
        self.view
            .draw(&rows, sent)
            .inspect_err(|_| self.remote.send(Command::Cut))?;
        Ok(())
    }

    async fn show_so_far(&mut self) -> anyhow::Result<()> {
        let rows = self.rows().await;
        self.view.so_far(&rows)?;
        Ok(())
    }

    /// The figures so far; none where the packet thread has just ended.
    async fn rows(&self) -> Vec<Row> {
        let (answer, answered) = oneshot::channel();
        // A receiver that is gone has no use for the answer.
        self.remote
            .send(Command::Inspect(Box::new(move |sink| drop(answer.send(rows(sink))))));
        answered.await.unwrap_or_default()
    }
}

/// SIGINT and SIGTERM.
struct Stop {
    interrupt: Signal,
    terminate: Signal,
}

impl Stop {
    fn new() -> anyhow::Result<Self> {
        let of = |kind| signal(kind).context("signals can't be handled");
        Ok(Self {
            interrupt: of(SignalKind::interrupt())?,
            terminate: of(SignalKind::terminate())?,
        })
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}

async fn receive_some(told: Option<&mut mpsc::Receiver<Told>>, lines: &mut Vec<Told>) -> usize {
    match told {
        Some(told) => told.recv_many(lines, LINES_AT_ONCE).await,
        None => std::future::pending().await,
    }
}

fn rows(sink: &PingSink) -> Vec<Row> {
    let summaries = sink.summaries().into_iter();
    summaries
        .map(|(series, began, summary)| Row { series, began, summary })
        .collect()
}

/// Shows the figures and judges them.
fn conclude(plan: &PingPlan, view: &mut View, finished: &Finished<PingSink>, advice: &Advice) -> anyhow::Result<Exit> {
    let rows = rows(&finished.sink);
    view.finish(&rows, finished)?;
    if finished.sink.dropped > 0 {
        complain(&format!(
            "{} lines were not printed: the reader of the output is too slow",
            finished.sink.dropped
        ));
    }
    let drops = finished.noise.icmp_receive_drops + finished.noise.tcp_receive_drops;
    if let (1.., Some(hint)) = (drops, &advice.buffer_hint) {
        complain(&format!(
            "{drops} packets did not fit into the receive queue of this host: {hint}"
        ));
    }
    if plan.output.verbose {
        finished
            .noise
            .sentences()
            .iter()
            .for_each(|sentence| complain(sentence));
    }
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
    Ok(if !finished.refused.is_empty() {
        Exit::Error
    } else if silent || crossed || rows.is_empty() {
        Exit::Failed
    } else {
        Exit::Success
    })
}

/// Names what could not be probed at all, by its reason, unless that was said and is all there is to say.
fn complain_of_refused(refused: &[Refused], told: &BTreeSet<String>, nothing_else: bool) {
    let mut by_reason: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for Refused { series, why } in refused {
        by_reason.entry(why).or_default().push(&series.target);
    }
    for (why, targets) in by_reason {
        let shown = targets.iter().take(NAMES_SHOWN).copied().collect::<Vec<_>>().join(", ");
        let more = if targets.len() > NAMES_SHOWN { ", ..." } else { "" };
        let count = targets.len();
        match told.contains(why) {
            true if nothing_else => {}
            true => complain(&format!(
                "not measured, for the reason above: {shown}{more} ({count} series)"
            )),
            false => complain(&format!("not measured: {shown}{more} ({count} series): {why}")),
        }
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

/// One line on stderr. Where that is closed, there is nobody to tell.
fn complain(line: &str) {
    let _ = writeln!(std::io::stderr(), "pathjitter: {line}");
}

/// Ends when `time` has passed; never where there is none.
async fn passed(time: Option<Duration>) {
    match time {
        Some(time) => sleep(time).await,
        None => std::future::pending().await,
    }
}

/// Lines between the packet thread and the printer.
const LINES: usize = 1 << 16;

/// Lines printed before signals and deadlines are looked at again.
const LINES_AT_ONCE: usize = 256;

/// Names in one message.
const NAMES_SHOWN: usize = 5;

/// What scheduling may add to the end of a run before what is missing is given up.
const GRACE: Duration = Duration::from_millis(100);

const REDRAW: Duration = Duration::from_millis(500);

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
mod tests;
