//! Attending to a run: names and signals, until its probes are judged and its reports printed.

use std::time::Duration;

use anyhow::Context as _;
use tokio::signal::unix::Signal;
use tokio::sync::oneshot;
use tokio::time::{MissedTickBehavior, interval};

use super::Measured;
use super::names::HopNames;
use super::sink::{Snapshot, TraceSink};
use super::view::{Job, Known, View};
use crate::app::complaints::complain;
use crate::app::packets;
use crate::app::printer::{Printer, blocked};
use crate::app::signals::{self, Stop, passed};
use crate::app::targets::Pending;
use crate::config::TraceView;
use crate::net::{Command, Finished, Remote};

/// The main thread's part of a run.
pub(super) struct Session {
    view: TraceView,
    remote: Remote<TraceSink>,
    printer: Printer<View>,
    names: HopNames,
    stop: Stop,
    show: Signal,
    interrupted: bool,
    /// Names of targets that led to no address.
    pub(super) failed_names: usize,
}

impl Session {
    /// A run that has just begun. From here on, signals are ours.
    pub(super) fn new(
        view: TraceView,
        remote: Remote<TraceSink>,
        printer: Printer<View>,
        names: HopNames,
    ) -> anyhow::Result<Self> {
        Ok(Self {
            view,
            remote,
            printer,
            names,
            stop: Stop::new()?,
            show: signals::quit()?,
            interrupted: false,
            failed_names: 0,
        })
    }

    /// Attends to names and signals until the packet thread is done.
    ///
    /// # Errors
    /// Why the packets or the output failed.
    pub(super) async fn attend(
        &mut self,
        mut thread: oneshot::Receiver<Measured>,
        mut pending: Pending<'_>,
    ) -> anyhow::Result<Finished<TraceSink>> {
        let mut resolving = true;
        let mut look = interval(LOOK);
        look.set_missed_tick_behavior(MissedTickBehavior::Skip);
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
                    let known = self.look().await;
                    self.printer.offer(Job::SoFar(known));
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
                () = self.names.learn() => {}
                _ = look.tick(), if self.wants_looks() => {
                    let known = self.look().await;
                    if self.view == TraceView::Live && self.printer.is_idle() {
                        self.printer.offer(Job::Draw(known));
                    }
                }
            }
        }
    }

    /// Has the reports printed, and waits for that: as long as it takes, or, once somebody has asked for the end, not long.
    ///
    /// # Errors
    /// Why the output failed, or that its reader takes nothing.
    pub(super) async fn show(&mut self, finished: &Finished<TraceSink>) -> anyhow::Result<()> {
        let paths = finished.sink.snapshots();
        self.ask_names(&paths);
        tokio::select! {
            () = self.names.learn_all() => {}
            () = self.stop.next() => self.interrupted = true,
            () = passed(Some(NAMES_PATIENCE)) => {}
        }
        let names = self.names.known();
        let last = Job::Finish(Known { paths, names });
        tokio::select! {
            biased;
            shown = self.printer.finish(last) => shown,
            () = self.stop.next() => Err(blocked()),
            () = passed(self.interrupted.then_some(PATIENCE)) => Err(blocked()),
        }
    }

    /// The first signal ends sending and waits for answers; the second ends all.
    fn stop(&mut self) {
        if self.interrupted {
            self.remote.send(Command::Cut);
            return;
        }
        self.interrupted = true;
        self.remote.send(Command::Inspect(Box::new(TraceSink::stop)));
        self.remote.send(Command::Stop);
    }

    /// Names are asked for while the run goes on, so that they are there at its end.
    fn wants_looks(&self) -> bool {
        self.view == TraceView::Live || self.names.are_wanted()
    }

    /// What is known by now; nothing where the packet thread has just ended.
    async fn look(&mut self) -> Known {
        let paths = packets::look(&self.remote, |sink| sink.snapshots()).await;
        self.ask_names(&paths);
        let names = self.names.known();
        Known { paths, names }
    }

    fn ask_names(&mut self, paths: &[Snapshot]) {
        let hops = paths.iter().flat_map(|path| &path.report.hops);
        for responder in hops.flat_map(|hop| &hop.responders) {
            self.names.ask(responder.address);
        }
    }
}

/// How often the table is drawn anew.
const LOOK: Duration = Duration::from_secs(1);

/// How long names that are still missing at the end may delay a report.
const NAMES_PATIENCE: Duration = Duration::from_millis(500);

/// How long printing may take once the end was asked for.
const PATIENCE: Duration = Duration::from_secs(8);
