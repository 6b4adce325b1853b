//! Attending to a run: names, signals and deadlines, until its packets are judged and its figures printed.

use std::pin::pin;
use std::time::Duration;

use anyhow::Context as _;
use tokio::signal::unix::Signal;
use tokio::sync::oneshot;
use tokio::time::{MissedTickBehavior, interval};

use super::sink::PingSink;
use super::view::{Ended, Job, Live, Row, View};
use super::{Measured, rows};
use crate::app::complaints::complain;
use crate::app::packets;
use crate::app::printer::{Printer, blocked};
use crate::app::signals::{self, Stop, passed};
use crate::app::targets::Pending;
use crate::config::PingPlan;
use crate::net::{Command, Finished, Remote};

/// The main thread's part of a run.
pub(super) struct Session<'a> {
    plan: &'a PingPlan,
    remote: Remote<PingSink>,
    printer: Printer<View>,
    live: Live,
    stop: Stop,
    show: Signal,
    interrupted: bool,
    /// Names that led to no address.
    pub(super) failed_names: usize,
}

impl<'a> Session<'a> {
    /// A run that has just begun. From here on, signals are ours.
    pub(super) fn new(
        plan: &'a PingPlan,
        remote: Remote<PingSink>,
        printer: Printer<View>,
        live: Live,
    ) -> anyhow::Result<Self> {
        Ok(Self {
            plan,
            remote,
            printer,
            live,
            stop: Stop::new()?,
            show: signals::quit()?,
            interrupted: false,
            failed_names: 0,
        })
    }

    /// Attends to names, signals and the clock until the packet thread is done. Sending ends one timeout before the deadline, so
    /// that every probe is judged by then.
    ///
    /// # Errors
    /// Why the packets or the output failed.
    pub(super) async fn attend(
        &mut self,
        mut thread: oneshot::Receiver<Measured>,
        mut pending: Pending<'_>,
    ) -> anyhow::Result<Finished<PingSink>> {
        let deadline = self.plan.deadline;
        let mut sending_ends = pin!(passed(deadline.map(|end| end.saturating_sub(self.plan.pace.timeout))));
        let mut run_ends = pin!(passed(deadline.map(|end| end + GRACE)));
        let (mut may_send, mut may_run, mut resolving) = (true, true, true);
        let mut redraw = interval(REDRAW);
        redraw.set_missed_tick_behavior(MissedTickBehavior::Skip);
        loop {
            tokio::select! {
                biased;
                measured = &mut thread => {
                    let finished = measured.context("the packet thread ended without a result")??;
                    self.failed_names += pending.give_up(complain);
                    return Ok(finished);
                }
                failed = self.printer.failed() => {
                    self.remote.send(Command::Cut);
                    failed?;
                    anyhow::bail!("the printing thread ended before the run");
                }
                () = self.stop.next() => self.stop(),
                _ = self.show.recv() => {
                    let rows = self.rows().await;
                    self.printer.offer(Job::SoFar(rows));
                }
                () = &mut sending_ends, if may_send => {
                    may_send = false;
                    self.remote.send(Command::Stop);
                }
                () = &mut run_ends, if may_run => {
                    may_run = false;
                    self.remote.send(Command::Cut);
                }
                named = pending.next(), if resolving => match named {
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
                _ = redraw.tick(), if self.live == Live::Table => {
                    let rows = self.rows().await;
                    self.printer.offer(Job::Draw(rows));
                }
            }
        }
    }

    /// Has the figures printed, and waits for that: as long as it takes, or, once somebody or the deadline has asked for the end, not long.
    ///
    /// # Errors
    /// Why the output failed, or that its reader takes nothing.
    pub(super) async fn show(&mut self, finished: &Finished<PingSink>) -> anyhow::Result<()> {
        let ended = Ended {
            rows: rows(&finished.sink),
            complete: finished.complete.clone(),
            noise: finished.noise.clone(),
            at: finished.ended,
        };
        let urgent = self.interrupted || self.plan.deadline.is_some();
        tokio::select! {
            biased;
            shown = self.printer.finish(Job::Finish(Box::new(ended))) => shown,
            () = self.stop.next() => Err(blocked()),
            () = passed(urgent.then_some(PATIENCE)) => Err(blocked()),
        }
    }

    /// The first signal ends sending and waits for answers; the second ends all.
    fn stop(&mut self) {
        let command = if self.interrupted { Command::Cut } else { Command::Stop };
        self.interrupted = true;
        self.remote.send(command);
    }

    /// The figures so far; none where the packet thread has just ended.
    async fn rows(&self) -> Vec<Row> {
        packets::look(&self.remote, |sink| rows(sink)).await
    }
}

/// What scheduling may add to the end of a run before what is missing is given up.
const GRACE: Duration = Duration::from_millis(100);

/// How long printing the last figures may take when the end is overdue: some thousand windows on a busy host, or a slow reader. A
/// cron line that ends after 49 s is still done within its minute.
const PATIENCE: Duration = Duration::from_secs(8);

const REDRAW: Duration = Duration::from_millis(500);
