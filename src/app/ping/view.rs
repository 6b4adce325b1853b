//! What `ping` shows, and when: lines as they happen, a table in place, figures at the end.

use std::io::IsTerminal as _;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Duration;

use super::sink::Told;
use crate::app::printer::Shows;
use crate::app::process::{identity, screen, wall_of};
use crate::clock::{Clock as _, Reading, SystemClock};
use crate::config::PingPlan;
use crate::net::Noise;
use crate::outcome::{Event, Proto, What};
use crate::report::live::{Progress, Screen, frame};
use crate::report::{
    ColorChoice, Completeness, HostTrouble, JsonLines, Output, OutputError, PingText, Style, TimePrefix, WindowReport,
    table,
};
use crate::series::Series;
use crate::stats::Summary;
use crate::units::Mono;

/// The figures of one series with what belongs to them.
pub(super) struct Row {
    pub(super) series: Arc<Series>,
    pub(super) began: Reading,
    pub(super) summary: Summary,
}

/// A run that has ended, as far as it is shown.
pub(super) struct Ended {
    pub(super) rows: Vec<Row>,
    /// For each row: whether all was sent that was asked for.
    pub(super) complete: Vec<bool>,
    pub(super) noise: Noise,
    /// When the last probe was judged.
    pub(super) at: Mono,
}

/// What can be printed.
pub(super) enum Job {
    /// What happened to a probe.
    Told(Told),
    /// The table of a run under way.
    Draw(Vec<Row>),
    /// The figures of a run that goes on.
    SoFar(Vec<Row>),
    /// The figures at the end; the last job.
    Finish(Box<Ended>),
}

/// What is shown while probes are under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Live {
    /// Nothing.
    Quiet,
    /// A line per answer, as `ping` has it.
    Lines,
    /// `probe` lines in NDJSON.
    Each,
    /// A table, redrawn in place.
    Table,
}

/// The one writer of a `ping` run.
pub(super) struct View {
    live: Live,
    json: bool,
    many: bool,
    text: PingText,
    style: Style,
    lines: JsonLines,
    output: Output<std::fs::File>,
    clock: SystemClock,
    table_height: u16,
    planned: Option<u64>,
    /// Without a count, every end is as good as any.
    endless: bool,
}

impl Shows for View {
    type Job = Job;

    fn show(&mut self, job: Job) -> Result<ControlFlow<()>, OutputError> {
        match job {
            Job::Told(told) => self.tell(&told)?,
            Job::Draw(rows) => self.draw(&rows)?,
            Job::SoFar(rows) => self.so_far(&rows)?,
            Job::Finish(ended) => {
                self.finish(&ended)?;
                return Ok(ControlFlow::Break(()));
            }
        }
        Ok(ControlFlow::Continue(()))
    }
}

impl View {
    pub(super) fn new(plan: &PingPlan, clock: SystemClock) -> std::io::Result<Self> {
        let is_terminal = std::io::stdout().is_terminal();
        let style = Style::choose(ColorChoice::Auto, is_terminal, |name| std::env::var(name).ok());
        let many = plan.targets.len() > 1;
        let output = plan.output;
        let live = match (output.json, output.each) {
            (true, true) => Live::Each,
            (true, false) => Live::Quiet,
            (false, _) if output.quiet => Live::Quiet,
            (false, false) if many => {
                if is_terminal {
                    Live::Table
                } else {
                    Live::Quiet
                }
            }
            (false, _) => Live::Lines,
        };
        let identity = identity(&clock);
        let text = PingText {
            charset: style.charset,
            numeric: output.numeric,
            time_prefix: if output.print_times {
                TimePrefix::Unix
            } else {
                TimePrefix::None
            },
            timeout: plan.pace.timeout,
            payload_bytes: plan.packet.payload_bytes,
        };
        let endpoints: usize = plan.targets.iter().map(|target| target.endpoints.len()).sum();
        let series = u64::try_from(endpoints)
            .unwrap_or(u64::MAX)
            .saturating_mul(plan.flows.into());
        Ok(Self {
            live,
            json: output.json,
            many,
            text,
            style,
            lines: JsonLines::new(identity),
            output: Output::stdout()?,
            clock,
            table_height: 0,
            endless: plan.pace.count.is_none(),
            planned: plan.pace.count.map(|count| count.saturating_mul(series)),
        })
    }

    pub(super) const fn live(&self) -> Live {
        self.live
    }

    /// Whether each series gets a summary of its own, in which the delays of this host have a place.
    pub(super) const fn shows_summaries(&self) -> bool {
        !self.many && !self.json
    }

    /// Shows what happened to a probe.
    fn tell(&mut self, told: &Told) -> Result<(), OutputError> {
        match (told, self.live) {
            (Told::Began(series), Live::Lines) => self.output.write(self.text.header(series).as_bytes()),
            (Told::Happened(series, event), Live::Lines) => {
                let at = wall_of(&self.clock, happened_at(event, self.text.timeout));
                self.text
                    .event(at, series, event)
                    .map_or(Ok(()), |line| self.output.write(line.as_bytes()))
            }
            (Told::Happened(series, event), Live::Each) => {
                let at = wall_of(&self.clock, event.sent_at);
                self.lines
                    .probe(at, series, event)
                    .map_or(Ok(()), |line| self.output.write(line))
            }
            (Told::Began(_), _) | (Told::Happened(..), Live::Quiet | Live::Table) => Ok(()),
        }
    }

    /// Draws the table of a run under way.
    fn draw(&mut self, rows: &[Row]) -> Result<(), OutputError> {
        let now = self.clock.read();
        let sent = rows.iter().map(|row| row.summary.counts.sent).sum();
        let reports: Vec<_> = rows
            .iter()
            .map(|row| report_of(row, now, HostTrouble::default(), Completeness::Cut))
            .collect();
        let elapsed = rows
            .iter()
            .map(|row| now.mono.since(row.began.mono))
            .max()
            .unwrap_or_default();
        let progress = Progress {
            sent,
            expected: self.planned,
            elapsed,
        };
        let drawn = frame(&reports, &progress, screen(), self.table_height, self.style);
        self.table_height = drawn.height;
        self.output.draw(&drawn.bytes)
    }

    /// Shows the figures of a run that goes on (SIGQUIT).
    fn so_far(&mut self, rows: &[Row]) -> Result<(), OutputError> {
        let now = self.clock.read();
        let reports: Vec<_> = rows
            .iter()
            .map(|row| report_of(row, now, HostTrouble::default(), Completeness::Cut))
            .collect();
        let text = self.figures(&reports);
        if self.json {
            // NDJSON has one window line per series, at the end.
            std::io::Write::write_all(&mut std::io::stderr(), text.as_bytes()).unwrap_or_default();
            return Ok(());
        }
        self.table_height = 0;
        self.output.write(text.as_bytes())
    }

    /// Shows the figures at the end.
    fn finish(&mut self, ended: &Ended) -> Result<(), OutputError> {
        let end = Reading {
            mono: ended.at,
            ..self.clock.read()
        };
        let reports = ended.rows.iter().zip(&ended.complete).map(|(row, &complete)| {
            let whole = if complete || self.endless {
                Completeness::Complete
            } else {
                Completeness::Cut
            };
            report_of(row, end, trouble(&ended.noise, &row.series), whole)
        });
        let reports: Vec<_> = reports.collect();
        if self.json {
            for report in &reports {
                self.output.write(self.lines.window(end.wall, report))?;
            }
            return Ok(());
        }
        if self.live == Live::Table {
            // The last frame gives way to the final table, which knows no limit of lines.
            let cleared = frame(
                &[],
                &Progress {
                    sent: 0,
                    expected: None,
                    elapsed: Duration::ZERO,
                },
                NO_SCREEN,
                self.table_height,
                self.style,
            );
            self.output.draw(&cleared.bytes)?;
        }
        let text = self.figures(&reports);
        self.output.write(text.as_bytes())
    }

    fn figures(&self, reports: &[WindowReport<'_>]) -> String {
        if self.many {
            return table(reports, screen().columns, self.style);
        }
        let summaries = reports.iter().map(|report| self.text.summary(report));
        summaries.fold(String::new(), |text, summary| text + "\n" + &summary)
    }
}

/// The report of a row up to `end`.
fn report_of(row: &Row, end: Reading, host: HostTrouble, completeness: Completeness) -> WindowReport<'_> {
    let Row { series, began, summary } = row;
    WindowReport {
        series,
        group: None,
        labels: &[],
        summary,
        start: began.wall,
        length: end.mono.since(began.mono),
        completeness,
        host,
    }
}

/// What this host did to one series, by its protocol.
fn trouble(noise: &Noise, series: &Series) -> HostTrouble {
    let receive_drops = match series.endpoint.proto() {
        Proto::Icmp | Proto::Udp => noise.icmp_receive_drops,
        Proto::Tcp => noise.tcp_receive_drops,
    };
    HostTrouble {
        receive_drops,
        clock_stepped: noise.clock_steps > 0,
        control_disturbed: false,
    }
}

/// When user space learned of it.
fn happened_at(event: &Event, timeout: Duration) -> Mono {
    match event.what {
        What::Answered(answered) => event.sent_at.after(Duration::from_nanos(answered.user_rtt.as_nanos())),
        What::TimedOut => event.sent_at.after(timeout),
        What::Sent { .. } | What::SendFailed(_) | What::Duplicate | What::LateAfterClose | What::Settled(_) => {
            event.sent_at
        }
    }
}

/// A frame of no lines clears the one before.
const NO_SCREEN: Screen = Screen { columns: 0, lines: 1 };
