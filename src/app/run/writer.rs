//! The one writer of a service: lines for machines, lines for people, or a view that is redrawn.
//!
//! It runs on a thread of its own. What goes to standard output and what goes to the log is encoded once, so that both have the same numbers.

mod interval_log;
mod news;
mod stalls;

use std::io::IsTerminal as _;
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use jiff::tz::TimeZone;
use tokio::sync::oneshot;

use self::interval_log::IntervalLog;
use self::stalls::Stalls;
use super::board::Board;
use super::destination::{self, Destination};
use super::outbox::Dropped;
use super::outlet::{self, Outlet};
use super::pulse::Written;
use super::roster::Labels;
use super::sink::Upset;
use crate::app::printer::Shows;
use crate::app::process::{screen, wall_of};
use crate::clock::Clock;
use crate::config::{RunOutput, RunView};
use crate::diagnose::{News, Role, Watched};
use crate::outcome::Event;
use crate::report::live::{Progress, RunFrame, run_frame};
use crate::report::{
    ColorChoice, Completeness, HostTrouble, JsonLines, Notice, NoticeKind, OutputError, Resolve, RunIdentity, RunText,
    Severity, Style, WindowReport,
};
use crate::series::Series;
use crate::stats::ClosedWindow;
use crate::units::{Mono, SeriesId};

/// What can be written.
pub(in crate::app) enum Job {
    /// A series begins.
    Admitted(Arc<Known>),
    /// A series is probed no more since then.
    Gone(Arc<Known>, Mono),
    /// What happened to a probe.
    Probe(Arc<Known>, Event),
    /// A window is over.
    Window(Arc<Known>, Arc<WindowJob>),
    /// What the monitor said, when, and about which series, if it is one.
    News(Mono, Option<Arc<Known>>, Box<News>),
    /// What this host did to its own measurement, beside stalls.
    Upset(Upset),
    /// The program speaks of itself.
    Said(Said),
    /// The addresses of a name were looked up.
    Resolved(Resolved),
    /// How far it has come is to be told.
    Pulse(oneshot::Sender<Written>),
    /// The live view is due.
    Draw,
    /// The log has been moved away.
    Reopen,
    /// The last job.
    Finish(Said),
}

/// What is known of a series that is probed.
#[derive(Debug)]
pub(in crate::app) struct Known {
    pub(super) id: SeriesId,
    pub(super) series: Series,
    /// What it is for.
    pub(super) role: Role,
    /// How it is probed.
    pub(super) watched: Watched,
    /// The user's words about its target.
    pub(super) labels: Labels,
    /// Since when.
    pub(super) since: Mono,
}

impl Known {
    /// The user's group of its target.
    pub(super) fn group(&self) -> Option<&Arc<str>> {
        match &self.role {
            Role::Backend { group } => group.as_ref(),
            Role::Path | Role::Loopback | Role::Gateway => None,
        }
    }
}

/// A window that is over, with what its series and this host do meanwhile.
pub(in crate::app) struct WindowJob {
    pub(super) closed: ClosedWindow,
    pub(super) completeness: Completeness,
    pub(super) host: HostTrouble,
    /// Whether nobody knows yet what is normal for the series.
    pub(super) learning: bool,
}

/// A sentence of the program about itself.
#[derive(Clone, Debug)]
pub(in crate::app) struct Said {
    pub(in crate::app) kind: NoticeKind,
    pub(in crate::app) severity: Severity,
    pub(in crate::app) message: String,
}

/// What a look-up has changed.
#[derive(Clone, Debug)]
pub(in crate::app) struct Resolved {
    pub(super) severity: Severity,
    pub(super) message: String,
    /// The target whose name it is.
    pub(super) target: Arc<str>,
    /// All its addresses now.
    pub(super) addresses: Vec<std::net::IpAddr>,
}

/// The time, as the lines have it.
pub(in crate::app) type AnyClock = Arc<dyn Clock + Send + Sync>;

/// Is told what the monitor says, and tells people of it in place of the usual lines.
pub(in crate::app) type Narrator = Box<dyn FnMut(&News) -> String + Send>;

/// Writes what a service has to say.
pub(in crate::app) struct Writer {
    clock: AnyClock,
    narrator: Option<Narrator>,
    began: Mono,
    lines: JsonLines,
    text: RunText,
    view: RunView,
    /// `None` where nothing goes there, or nobody reads it any more.
    stdout: Option<Destination>,
    log: Option<Destination>,
    hlog: Option<IntervalLog>,
    outlets: Vec<Box<dyn Outlet>>,
    board: Board,
    dropped: Arc<Dropped>,
    drops_told_at: Mono,
    stalls: Stalls,
    frame_height: u16,
}

impl Writer {
    /// Opens what is to be written to.
    pub(in crate::app) fn new(
        plan: &RunOutput,
        identity: RunIdentity,
        clock: AnyClock,
        dropped: Arc<Dropped>,
    ) -> anyhow::Result<Self> {
        let stdout = match plan.view {
            RunView::Quiet => None,
            _ => Some(Destination::stdout().context("standard output is not open")?),
        };
        let open = |path: &PathBuf| {
            Destination::file(path).with_context(|| format!("the log {} can't be opened", path.display()))
        };
        let log = plan.log.as_ref().map(open).transpose()?;
        let hlog = plan.hlog.as_ref().map(open).transpose()?;
        let is_terminal = std::io::stdout().is_terminal();
        let began = clock.mono();
        let outlets = outlet::outlets(plan, identity.vantage())?;
        Ok(Self {
            began,
            lines: JsonLines::new(identity),
            text: RunText {
                style: Style::choose(ColorChoice::Auto, is_terminal, |name| std::env::var(name).ok()),
                zone: TimeZone::system(),
            },
            view: plan.view,
            stdout,
            log,
            hlog: hlog.map(|destination| IntervalLog::new(destination, &*clock)),
            outlets,
            board: Board::default(),
            dropped,
            drops_told_at: began,
            stalls: Stalls::default(),
            frame_height: 0,
            narrator: None,
            clock,
        })
    }

    /// Has somebody else tell people what the monitor says.
    pub(in crate::app) fn narrated_by(mut self, narrator: Option<Narrator>) -> Self {
        self.narrator = narrator;
        self
    }

    /// Whether anybody reads NDJSON.
    fn writes_json(&self) -> bool {
        self.log.is_some() || !self.outlets.is_empty() || (self.view == RunView::Json && self.stdout.is_some())
    }

    /// Whether a person reads lines.
    fn writes_text(&self) -> bool {
        self.view == RunView::Lines && self.stdout.is_some()
    }

    /// Writes a line of NDJSON, and says of a log that takes lines again how many it has missed.
    fn json(&mut self, encode: impl FnOnce(&mut JsonLines) -> Option<&[u8]>) -> Result<(), OutputError> {
        if !self.writes_json() {
            return Ok(());
        }
        let Some(line) = encode(&mut self.lines) else {
            return Ok(());
        };
        let to_stdout = self.stdout.as_mut().filter(|_| self.view == RunView::Json);
        let mut missed = None;
        let mut is_read = true;
        for destination in to_stdout.into_iter().chain(self.log.as_mut()) {
            match destination.write(line) {
                destination::Written::AsBefore => {}
                destination::Written::After(lines) => missed = Some((destination.name(), lines)),
                destination::Written::Unread => is_read = false,
            }
        }
        for outlet in &mut self.outlets {
            if let destination::Written::After(lines) = outlet.write(line) {
                missed = Some((outlet.name(), lines));
            }
        }
        if !is_read {
            self.leave_stdout()?;
        }
        missed.map_or(Ok(()), |(name, lines)| self.tell_of_missed(&name, lines))
    }

    fn tell_of_missed(&mut self, name: &str, lines: u64) -> Result<(), OutputError> {
        let at = self.clock.read().wall;
        let message = format!("{name} can be written again; {lines} lines are missing there");
        self.json(|json| {
            let notice = Notice {
                kind: NoticeKind::Error,
                severity: Severity::Warning,
                message: &message,
                dropped_before: lines,
            };
            Some(json.encode(at, &notice))
        })
    }

    /// Writes a line for people, unless somebody else tells them.
    fn text(&mut self, line: &str) -> Result<(), OutputError> {
        match self.narrator {
            Some(_) => Ok(()),
            None => self.words(line),
        }
    }

    fn words(&mut self, line: &str) -> Result<(), OutputError> {
        let Some(stdout) = self.stdout.as_mut().filter(|_| self.view == RunView::Lines) else {
            return Ok(());
        };
        match stdout.write(line.as_bytes()) {
            destination::Written::AsBefore | destination::Written::After(_) => Ok(()),
            destination::Written::Unread => self.leave_stdout(),
        }
    }

    /// Nobody reads standard output any more: the end, unless lines go elsewhere too.
    fn leave_stdout(&mut self) -> Result<(), OutputError> {
        let left = self.stdout.take().map(|stdout| stdout.name()).unwrap_or_default();
        if self.log.is_some() || !self.outlets.is_empty() {
            return Ok(());
        }
        Err(OutputError::Closed { sink: left })
    }

    fn admitted(&mut self, known: Arc<Known>) -> Result<(), OutputError> {
        self.series(&known, None)?;
        if matches!(known.role, Role::Backend { .. }) {
            self.board.admit(known);
        }
        Ok(())
    }

    fn gone(&mut self, known: &Known, until: Mono) -> Result<(), OutputError> {
        self.board.remove(known.id);
        self.series(known, Some(until))
    }

    fn series(&mut self, known: &Known, until: Option<Mono>) -> Result<(), OutputError> {
        let since = wall_of(&*self.clock, known.since);
        let until = until.map(|until| wall_of(&*self.clock, until));
        self.json(|json| Some(json.series(&known.series, &known.role, &known.watched, (since, known.since, until))))
    }

    fn probe(&mut self, known: &Known, event: &Event) -> Result<(), OutputError> {
        let at = wall_of(&*self.clock, event.sent_at);
        self.json(|json| json.probe(at, &known.series, event))
    }

    fn window(&mut self, known: &Known, window: &WindowJob) -> Result<(), OutputError> {
        self.board.window(window);
        let WindowJob {
            closed,
            completeness,
            host,
            ..
        } = window;
        let report = WindowReport {
            series: &known.series,
            group: known.group().map(|group| &**group),
            labels: &known.labels,
            summary: &closed.summary,
            start: wall_of(&*self.clock, closed.start),
            length: closed.length,
            completeness: *completeness,
            host: *host,
        };
        if let Some(hlog) = &mut self.hlog {
            hlog.window(&report);
        }
        let end = wall_of(&*self.clock, closed.start.after(closed.length));
        self.json(|json| Some(json.window(end, &report)))
    }

    fn said(&mut self, said: &Said) -> Result<(), OutputError> {
        let dropped = self.dropped.take();
        self.notice(said, dropped)
    }

    fn notice(&mut self, said: &Said, dropped_before: u64) -> Result<(), OutputError> {
        let at = self.clock.read().wall;
        let notice = Notice {
            kind: said.kind,
            severity: said.severity,
            message: &said.message,
            dropped_before,
        };
        self.json(|json| Some(json.encode(at, &notice)))?;
        if self.writes_text() {
            let line = self.text.notice(at, &notice);
            self.text(&line)?;
        }
        Ok(())
    }

    fn resolved(&mut self, resolved: &Resolved) -> Result<(), OutputError> {
        let at = self.clock.read().wall;
        let line = Resolve {
            severity: resolved.severity,
            message: &resolved.message,
            dropped_before: 0,
            target: &resolved.target,
            addresses: &resolved.addresses,
        };
        self.json(|json| Some(json.encode(at, &line)))?;
        if self.writes_text() {
            let line = self.text.resolve(at, &line);
            self.text(&line)?;
        }
        Ok(())
    }

    /// Says from time to time how many lines were dropped because nobody took them in time.
    fn tell_drops(&mut self) -> Result<(), OutputError> {
        let now = self.clock.mono();
        if now.since(self.drops_told_at) < DROPS_INTERVAL {
            return Ok(());
        }
        self.drops_told_at = now;
        match self.dropped.take() {
            0 => Ok(()),
            lines => {
                let said = Said {
                    kind: NoticeKind::Error,
                    severity: Severity::Warning,
                    message: "the reader of the output is too slow: lines were dropped".to_owned(),
                };
                self.notice(&said, lines)
            }
        }
    }

    fn draw(&mut self) -> Result<(), OutputError> {
        let Some(stdout) = self.stdout.as_mut().filter(|_| self.view == RunView::Live) else {
            return Ok(());
        };
        let now = self.clock.mono();
        let progress = Progress {
            sent: self.board.sent,
            expected: None,
            elapsed: now.since(self.began),
        };
        let (rows, incidents) = self.board.shown();
        let frame = RunFrame {
            rows: &rows,
            incidents: &incidents,
            progress,
            now,
        };
        let drawn = run_frame(&frame, screen(), self.frame_height, self.text.style);
        self.frame_height = drawn.height;
        match stdout.draw(&drawn.bytes) {
            Ok(()) => Ok(()),
            // A terminal that is gone takes the view with it, and the service only where there is no log.
            Err(_) => self.leave_stdout(),
        }
    }
}

impl Shows for Writer {
    type Job = Job;

    fn show(&mut self, job: Job) -> Result<ControlFlow<()>, OutputError> {
        match job {
            Job::Admitted(known) => self.admitted(known)?,
            Job::Gone(known, until) => self.gone(&known, until)?,
            Job::Probe(known, event) => self.probe(&known, &event)?,
            Job::Window(known, window) => self.window(&known, &window)?,
            Job::News(at, about, news) => {
                if let Some(narrator) = &mut self.narrator {
                    let words = narrator(&news);
                    self.words(&words)?;
                }
                self.news(at, about.as_deref(), *news)?;
            }
            Job::Upset(upset) => self.upset(&upset)?,
            Job::Said(said) => self.said(&said)?,
            Job::Resolved(resolved) => self.resolved(&resolved)?,
            // Whoever asked may have lost patience.
            Job::Pulse(reply) => drop(reply.send(self.board.pulse())),
            Job::Draw => self.draw()?,
            Job::Reopen => {
                if let Some(log) = &mut self.log {
                    log.reopen();
                }
                if let Some(hlog) = &mut self.hlog {
                    hlog.reopen(&*self.clock);
                }
            }
            Job::Finish(said) => {
                self.draw()?;
                self.said(&said)?;
                for outlet in &mut self.outlets {
                    outlet.finish();
                }
                return Ok(ControlFlow::Break(()));
            }
        }
        self.tell_drops()?;
        self.tell_stalls()?;
        Ok(ControlFlow::Continue(()))
    }
}

/// A reader that is too slow hears of it this often.
const DROPS_INTERVAL: Duration = Duration::from_secs(10);
