//! Attending to a service: names, signals, the state file and the clock, until its packets are judged and its lines written.

mod changes;
mod ending;
mod reload;

use std::pin::pin;
use std::time::Duration;

use anyhow::Context as _;
use tokio::sync::oneshot;
use tokio::time::{Interval, MissedTickBehavior, interval};

use super::ReadPlan;
use super::names::{Learned, Names};
use super::outbox::{Outbox, Worth};
use super::roster::Roster;
use super::sink::RunSink;
use super::state::Baselines;
use super::writer::{Job, Said, Writer};
use crate::app::packets::Measured;
use crate::app::printer::Printer;
use crate::app::signals::{Stop, hangup, passed, user1};
use crate::clock::{Clock as _, SystemClock};
use crate::config::{RunEngine, RunPlan, RunView};
use crate::net::{Command, Finished, Remote};
use crate::report::{NoticeKind, Severity};
use crate::sys;
use crate::units::Mono;

/// The main thread's part of a service.
pub(super) struct Session {
    plan: RunPlan,
    clock: SystemClock,
    remote: Remote<RunSink>,
    printer: Printer<Writer>,
    outbox: Outbox<Job>,
    names: Names,
    roster: Roster,
    /// The past of series that are not probed yet.
    baselines: Baselines,
    /// Series that can't be probed were told of.
    refused: bool,
    stop: Stop,
    ending: Ending,
    began: Mono,
}

/// Whether the end has come, and how.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ending {
    /// It has not.
    NotYet,
    /// A signal asked for it.
    Asked,
    /// The time is up.
    TimeUp,
    /// Nothing can be probed.
    NothingToProbe,
}

/// What a session is made of.
pub(super) struct Parts {
    pub(super) plan: RunPlan,
    pub(super) clock: SystemClock,
    pub(super) remote: Remote<RunSink>,
    pub(super) printer: Printer<Writer>,
    pub(super) outbox: Outbox<Job>,
    pub(super) names: Names,
    pub(super) roster: Roster,
    pub(super) baselines: Baselines,
}

impl Session {
    /// A service that has just begun. From here on, signals are ours.
    pub(super) fn new(parts: Parts) -> anyhow::Result<Self> {
        let Parts {
            plan,
            clock,
            remote,
            printer,
            outbox,
            names,
            roster,
            baselines,
        } = parts;
        Ok(Self {
            began: clock.mono(),
            plan,
            clock,
            remote,
            printer,
            outbox,
            names,
            roster,
            baselines,
            refused: false,
            stop: Stop::new()?,
            ending: Ending::NotYet,
        })
    }

    /// Attends to all that happens until the packet thread is done.
    ///
    /// # Errors
    /// Why the packets or the output failed.
    pub(super) async fn attend(
        &mut self,
        mut thread: oneshot::Receiver<Measured<RunSink>>,
        read_plan: impl ReadPlan,
    ) -> anyhow::Result<Finished<RunSink>> {
        let (mut hangup, mut user1) = (hangup()?, user1()?);
        let mut time_is_up = pin!(passed(self.plan.duration));
        let mut save = every(SAVE);
        let mut draw = interval(REDRAW);
        draw.set_missed_tick_behavior(MissedTickBehavior::Skip);
        self.say(NoticeKind::Start, Severity::Info, self.greeting());
        self.names.want(&self.roster.names(), None);
        self.settle().await;
        loop {
            tokio::select! {
                biased;
                measured = &mut thread => return measured.context("the packet thread ended without a result")?,
                failed = self.printer.failed() => {
                    self.remote.send(Command::Cut);
                    failed?;
                    anyhow::bail!("the writing thread ended before the run");
                }
                () = self.stop.next() => self.stop(Ending::Asked),
                () = &mut time_is_up, if self.ending == Ending::NotYet => self.stop(Ending::TimeUp),
                _ = hangup.recv() => self.reload(&read_plan).await,
                _ = user1.recv() => self.outbox.put(Worth::Word, Job::Reopen),
                (name, learned) = self.names.next() => self.learned(&name, learned).await,
                _ = save.tick(), if self.plan.state.is_some() => self.save().await,
                _ = draw.tick(), if self.plan.output.view == RunView::Live => self.printer.offer(Job::Draw),
            }
        }
    }

    /// The first reason ends sending and waits for answers; a second signal ends all.
    fn stop(&mut self, why: Ending) {
        if self.ending != Ending::NotYet {
            self.remote.send(Command::Cut);
            return;
        }
        self.ending = why;
        let now = self.clock.mono();
        self.remote.send(Command::Inspect(Box::new(move |sink| sink.stop(now))));
        self.remote.send(Command::Stop);
    }

    async fn learned(&mut self, name: &std::sync::Arc<str>, learned: Learned) {
        self.tell_learned(name, &learned);
        if let Learned::Addresses { now, .. } = learned {
            self.roster.set_addresses(name, now);
            self.settle().await;
        }
    }

    /// Has a sentence about the program written.
    fn say(&self, kind: NoticeKind, severity: Severity, message: String) {
        let said = Said {
            kind,
            severity,
            message,
        };
        self.outbox.put(Worth::Word, Job::Said(said));
    }

    fn greeting(&self) -> String {
        let count = self.roster.target_count();
        let noun = if count == 1 { "target" } else { "targets" };
        let is_raw = self.plan.engine != RunEngine::Unprivileged && sys::process::has_capability_net_raw();
        let engine = if is_raw { "raw" } else { "unprivileged" };
        format!(
            "pathjitter {} watches {count} {noun} by {engine} sockets",
            env!("CARGO_PKG_VERSION")
        )
    }
}

/// The first time after `period`, not at once.
fn every(period: Duration) -> Interval {
    let mut interval = interval(period);
    interval.reset();
    interval.set_missed_tick_behavior(MissedTickBehavior::Skip);
    interval
}

/// What a crash may cost of what was learned.
const SAVE: Duration = Duration::from_mins(5);

/// Windows and incidents change no faster than this.
const REDRAW: Duration = Duration::from_secs(1);
