//! `pathjitter correlate`: judge what was recorded.
//!
//! Files are read side by side in order of time, so that memory does not grow with them. Incidents are told when all is read, for only
//! then it is known who else saw them; `--follow` tells them at once.

mod input;

use std::fs::File;
use std::io::IsTerminal as _;
use std::time::Duration;

use anyhow::Context as _;
use jiff::tz::TimeZone;
use tokio::sync::mpsc::Receiver;

use self::input::Batch;
use super::complaints::complain;
use super::exit::Exit;
use super::process::identity;
use super::signals::Stop;
use crate::clock::{Clock as _, SystemClock};
use crate::config::CorrelatePlan;
use crate::correlate::{CoincidenceOptions, TroubleOptions};
use crate::diagnose::{MonitorOptions, Stage};
use crate::replay::{Counts, Joined, Joiner, Replay, Told};
use crate::report::{ColorChoice, JsonLines, Notice, NoticeKind, Output, OutputError, RunText, Seen, Severity, Style};
use crate::units::Wall;

/// Judges recorded lines.
///
/// # Errors
/// Files that can't be read, input that is none, and output that can't be written.
pub(super) fn run(plan: &CorrelatePlan) -> anyhow::Result<Exit> {
    // A bus has a runtime of its own.
    let mut batches = input::begin(plan)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.context("the tokio runtime could not be started")?;
    let judged = runtime.block_on(async {
        let mut stop = Stop::new()?;
        let mut bench = Bench::new(plan)?;
        // A signal is a normal end: what was read by then is judged.
        while let Some(batch) = next_batch(&mut stop, &mut batches).await {
            bench.hear(&batch?)?;
        }
        bench.conclude()
    });
    match judged {
        // The reader has seen enough.
        Err(error) if matches!(error.downcast_ref(), Some(OutputError::Closed { .. })) => Ok(Exit::Success),
        other => other.map(|()| Exit::Success),
    }
}

async fn next_batch(stop: &mut Stop, batches: &mut Receiver<Batch>) -> Option<Batch> {
    tokio::select! {
        biased;
        () = stop.next() => None,
        batch = batches.recv() => batch,
    }
}

/// Where logs are judged.
struct Bench {
    replay: Replay,
    joiner: Joiner,
    /// Whether what is found is told at once.
    follow: bool,
    /// What was found and is not told yet.
    found: Vec<Told>,
    skew: Duration,
    printer: Printer,
    clock: SystemClock,
}

impl Bench {
    fn new(plan: &CorrelatePlan) -> anyhow::Result<Self> {
        let clock = SystemClock::new();
        Ok(Self {
            replay: Replay::new(options(plan), plan.floor),
            joiner: Joiner::new(plan.skew, true),
            follow: plan.follow,
            found: Vec::new(),
            skew: plan.skew,
            printer: Printer::new(plan, &clock)?,
            clock,
        })
    }

    fn hear(&mut self, batch: &[u8]) -> Result<(), OutputError> {
        for line in batch.split_inclusive(|byte| *byte == b'\n') {
            self.replay.take(line);
            while let Some(told) = self.replay.poll() {
                if self.follow {
                    self.joiner.take(told);
                    self.printer.print_all(&mut self.joiner)?;
                } else {
                    self.found.push(told);
                }
            }
        }
        Ok(())
    }

    fn conclude(mut self) -> anyhow::Result<()> {
        self.replay.close();
        self.found.extend(std::iter::from_fn(|| self.replay.poll()));
        // What one vantage said at one moment stays in order.
        self.found.sort_by_key(|told| told.at);
        self.printer.vantages = self.replay.vantages().count();
        if !self.follow {
            self.joiner = Joiner::new(self.skew, self.printer.vantages > 1);
        }
        for told in self.found {
            self.joiner.take(told);
            self.printer.print_all(&mut self.joiner)?;
        }
        self.joiner.close();
        self.printer.print_all(&mut self.joiner)?;
        let counts = *self.replay.counts();
        let is_nothing = counts.lines > 0 && counts.malformed + counts.foreign == counts.lines;
        anyhow::ensure!(!is_nothing, "none of {} lines is a line of pathjitter", counts.lines);
        self.printer.finish(self.clock.read().wall, &self.replay, &counts)?;
        Ok(())
    }
}

/// As the live run judges, but for paths, which are those of the log.
const fn options(plan: &CorrelatePlan) -> MonitorOptions {
    // Half for what several do at once, half for what one does.
    let false_alarms_per_30_days = plan.false_alarms_per_30_days / 2.0;
    MonitorOptions {
        coincidences: CoincidenceOptions {
            false_alarms_per_30_days,
        },
        troubles: TroubleOptions {
            false_alarms_per_30_days,
        },
        sweep: None,
        slot: plan.slot,
    }
}

/// Prints what was found.
struct Printer {
    output: Output<File>,
    lines: JsonLines,
    text: RunText,
    json: bool,
    vantages: usize,
    incidents: u64,
}

impl Printer {
    fn new(plan: &CorrelatePlan, clock: &SystemClock) -> anyhow::Result<Self> {
        let is_terminal = std::io::stdout().is_terminal();
        Ok(Self {
            output: Output::stdout().context("standard output is not open")?,
            lines: JsonLines::new(identity(clock)),
            text: RunText {
                style: Style::choose(ColorChoice::Auto, is_terminal, |name| std::env::var(name).ok()),
                zone: TimeZone::system(),
            },
            json: plan.json,
            vantages: 1,
            incidents: 0,
        })
    }

    fn print_all(&mut self, joiner: &mut Joiner) -> Result<(), OutputError> {
        while let Some(joined) = joiner.poll() {
            self.incidents += u64::from(joined.stage == Stage::Open);
            self.print(&joined)?;
        }
        Ok(())
    }

    fn print(&mut self, joined: &Joined) -> Result<(), OutputError> {
        let names: Vec<&str> = joined.vantages.iter().map(|name| &**name).collect();
        if self.json {
            let seen = Seen {
                vantages: &names,
                by_windows: joined.by_windows,
            };
            self.lines.set_vantage(names.first().copied().unwrap_or("unknown"));
            let wall = |at: crate::units::Mono| Wall::from_nanos(at.as_nanos());
            let line = self
                .lines
                .incident_seen(joined.at, &seen, (joined.stage, &joined.incident), wall);
            return self.output.write(line);
        }
        let mut incident = (*joined.incident).clone();
        if let [one] = names.as_slice()
            && self.vantages > 1
        {
            incident.message = format!("seen from {one}: {}", incident.message);
        }
        let line = self.text.incident(joined.at, joined.stage, &incident);
        self.output.write(line.as_bytes())
    }

    /// Says what was read, and what could not be.
    fn finish(&mut self, now: Wall, replay: &Replay, counts: &Counts) -> Result<(), OutputError> {
        for message in lacks(counts) {
            if self.json {
                self.notice(now, NoticeKind::Error, Severity::Warning, &message)?;
            } else {
                complain(&message);
            }
        }
        let message = summary(self.incidents, replay, counts);
        self.notice(now, NoticeKind::Stop, Severity::Info, &message)
    }

    fn notice(&mut self, at: Wall, kind: NoticeKind, severity: Severity, message: &str) -> Result<(), OutputError> {
        let notice = Notice {
            kind,
            severity,
            message,
            dropped_before: 0,
        };
        if self.json {
            let line = self.lines.encode(at, &notice);
            return self.output.write(line);
        }
        let line = self.text.notice(at, &notice);
        self.output.write(line.as_bytes())
    }
}

fn summary(incidents: u64, replay: &Replay, counts: &Counts) -> String {
    let by = |wanted: bool| -> Vec<&str> {
        let named = replay.vantages().filter(|(_, has_probes)| *has_probes == wanted);
        named.map(|(name, _)| &**name).collect()
    };
    let (probed, windowed) = (by(true), by(false));
    let mut parts = vec![format!("{incidents} incidents in {} lines", counts.lines)];
    if !probed.is_empty() {
        let outcomes = counts.probes;
        parts.push(format!("{outcomes} outcomes of probes from {}", probed.join(", ")));
    }
    if counts.windows > 0 && !windowed.is_empty() {
        let (windows, lone) = (counts.windows, counts.lone_windows);
        parts.push(format!(
            "{} recorded no probes: of {windows} windows, those that were worse than usual for several targets at once are named, \
             {lone} more were so for one alone; chance, onset and cause can't be told from windows",
            windowed.join(", ")
        ));
    }
    parts.join("; ")
}

/// What of the input was not used, in sentences.
fn lacks(counts: &Counts) -> Vec<String> {
    let all = [
        (counts.malformed, "lines are no JSON, or not what they claim to be"),
        (counts.foreign, "lines are of another schema"),
        (counts.late, "lines are too far out of order to be judged"),
    ];
    let found = all.into_iter().filter(|(count, _)| *count > 0);
    found.map(|(count, what)| format!("{count} {what}")).collect()
}
