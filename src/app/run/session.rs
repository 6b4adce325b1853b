//! Attending to a service: names, signals, the state file and the clock, until its packets are judged and its lines written.

mod beat;
mod changes;
mod ending;
mod reload;

use std::net::SocketAddr;
use std::pin::pin;
use std::time::Duration;

use anyhow::Context as _;
use tokio::sync::oneshot;
use tokio::time::{Interval, MissedTickBehavior, interval};

use super::ReadPlan;
use super::http::Told;
use super::manager::Manager;
use super::names::{Learned, Names};
use super::options::longest_timeout;
use super::outbox::{Outbox, Worth};
use super::pulse::Pulse;
use super::roster::Roster;
use super::sink::RunSink;
use super::state::Baselines;
use super::writer::{Job, Said, Writer};
use crate::app::packets::Measured;
use crate::app::printer::Printer;
use crate::app::signals::{Stop, hangup, passed, user1};
use crate::clock::{Clock as _, SystemClock};
use crate::config::{RunPlan, RunView};
use crate::net::{Command, Finished, Remote};
use crate::report::{NoticeKind, Severity};
use crate::units::Mono;

/// The main thread's part of a service.
pub(super) struct Session {
    plan: RunPlan,
    clock: SystemClock,
    remote: Remote<RunSink>,
    printer: Printer<Writer>,
    outbox: Outbox<Job>,
    /// Who is told beside the writer, if anybody is.
    exhibit: Option<Outbox<Told>>,
    /// Where that is served.
    listening: Option<SocketAddr>,
    /// Whether sockets were opened with the right to do so.
    is_raw: bool,
    names: Names,
    roster: Roster,
    /// The past of series that are not probed yet.
    baselines: Baselines,
    /// Series that can't be probed were told of.
    refused: bool,
    /// Who has started this process.
    manager: Manager,
    pulse: Pulse,
    beaten_at: Mono,
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
    pub(super) exhibit: Option<Outbox<Told>>,
    pub(super) listening: Option<SocketAddr>,
    pub(super) is_raw: bool,
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
            exhibit,
            listening,
            is_raw,
            names,
            roster,
            baselines,
        } = parts;
        let began = clock.mono();
        Ok(Self {
            began,
            plan,
            clock,
            remote,
            printer,
            outbox,
            exhibit,
            listening,
            is_raw,
            names,
            roster,
            baselines,
            refused: false,
            manager: Manager::of_this_process(),
            pulse: Pulse::new(began),
            beaten_at: began,
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
            let until_beat = self.until_beat();
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
                _ = hangup.recv() => {
                    self.manager.reloading();
                    self.reload(&read_plan).await;
                    self.manager.reloaded();
                }
                _ = user1.recv() => self.outbox.put(Worth::Word, Job::Reopen),
                (name, learned) = self.names.next() => self.learned(&name, learned).await,
                () = passed(until_beat) => self.beat().await,
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
        Manager::stopping(longest_timeout(&self.plan) * 2 + ENDING);
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
        let engine = if self.is_raw { "raw" } else { "unprivileged" };
        let served = self
            .listening
            .map(|address| format!(", and serves http://{address}/metrics"));
        format!(
            "pathjitter {} watches {count} {noun} by {engine} sockets{}",
            env!("CARGO_PKG_VERSION"),
            served.unwrap_or_default()
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

/// What is left to do after the last answer.
const ENDING: Duration = Duration::from_secs(10);

/// What a crash may cost of what was learned.
const SAVE: Duration = Duration::from_mins(5);

/// Windows and incidents change no faster than this.
const REDRAW: Duration = Duration::from_secs(1);
