//! What `trace` shows, and when: a table in place, changes as they happen, reports at the end.

use std::collections::{HashMap, VecDeque};
use std::fmt::Write as _;
use std::io::{IsTerminal as _, Write as _};
use std::net::IpAddr;
use std::ops::ControlFlow;
use std::sync::Arc;

use super::judge::verdict;
use super::sink::Snapshot;
use crate::app::printer::Shows;
use crate::app::process::{identity, screen, wall_of};
use crate::clock::{Clock as _, SystemClock};
use crate::config::{TracePlan, TraceView};
use crate::localize::PathVerdict;
use crate::report::live::trace_frame;
use crate::report::{
    ColorChoice, JsonLines, Output, OutputError, Style, TraceReport, TraceTextOptions, change_words, trace_text,
};
use crate::series::Series;
use crate::sweep::PathChange;

/// What can be printed.
pub(super) enum Job {
    /// A path has changed.
    Changed(Arc<Series>, PathChange),
    /// The table of a run under way.
    Draw(Known),
    /// The reports of a run that goes on.
    SoFar(Known),
    /// The reports at the end; the last job.
    Finish(Known),
}

/// What is known of all paths at some moment.
pub(super) struct Known {
    pub(super) paths: Vec<Snapshot>,
    pub(super) names: HashMap<IpAddr, String>,
}

/// The one writer of a `trace` run.
pub(super) struct View {
    kind: TraceView,
    options: TraceTextOptions,
    style: Style,
    lines: JsonLines,
    output: Output<std::fs::File>,
    clock: SystemClock,
    table_height: u16,
    /// Sentences about changes, the newest last, for the end.
    changes: VecDeque<String>,
    more_changes: u64,
}

impl View {
    pub(super) fn new(plan: &TracePlan, clock: SystemClock) -> std::io::Result<Self> {
        let is_terminal = std::io::stdout().is_terminal();
        Ok(Self {
            kind: plan.view,
            options: TraceTextOptions {
                wide: plan.view == TraceView::WideReport,
                numeric: plan.numeric,
            },
            style: Style::choose(ColorChoice::Auto, is_terminal, |name| std::env::var(name).ok()),
            lines: JsonLines::new(identity(&clock)),
            output: Output::stdout()?,
            clock,
            table_height: 0,
            changes: VecDeque::new(),
            more_changes: 0,
        })
    }

    fn changed(&mut self, series: &Series, change: &PathChange) -> Result<(), OutputError> {
        if self.kind == TraceView::Json {
            let at = wall_of(&self.clock, change.at);
            return self.output.write(self.lines.path_change(at, series, change));
        }
        if self.changes.len() >= CHANGES {
            self.changes.pop_front();
            self.more_changes += 1;
        }
        self.changes.push_back(change_words(series, change));
        Ok(())
    }

    fn draw(&mut self, known: &Known) -> Result<(), OutputError> {
        let verdicts = verdicts(known);
        let reports = reports(known, &verdicts);
        let drawn = trace_frame(&reports, screen(), self.table_height, self.style, self.options);
        self.table_height = drawn.height;
        self.output.draw(&drawn.bytes)
    }

    /// Shows what is known of a run that goes on (SIGQUIT).
    fn so_far(&mut self, known: &Known) -> Result<(), OutputError> {
        let text = self.text(known);
        if self.kind == TraceView::Json {
            // NDJSON has one line per path, at the end.
            std::io::stderr().write_all(text.as_bytes()).unwrap_or_default();
            return Ok(());
        }
        self.table_height = 0;
        self.output.write(text.as_bytes())
    }

    fn finish(&mut self, known: &Known) -> Result<(), OutputError> {
        if self.kind == TraceView::Json {
            let verdicts = verdicts(known);
            let now = self.clock.read().wall;
            for report in reports(known, &verdicts) {
                self.output.write(self.lines.trace(now, &report))?;
            }
            return Ok(());
        }
        if self.kind == TraceView::Live {
            // The last frame gives way to the report, which knows no limit of lines.
            let cleared = trace_frame(&[], screen(), self.table_height, self.style, self.options);
            self.output.draw(&cleared.bytes)?;
        }
        let text = self.text(known);
        self.output.write(text.as_bytes())
    }

    fn text(&self, known: &Known) -> String {
        let verdicts = verdicts(known);
        let mut text = trace_text(&reports(known, &verdicts), screen().columns, self.style, self.options);
        if self.more_changes > 0 {
            // Writing to a String cannot fail.
            let _ = writeln!(text, "{} earlier changes of paths are not shown", self.more_changes);
        }
        for change in &self.changes {
            text += change;
            text.push('\n');
        }
        text
    }
}

impl Shows for View {
    type Job = Job;

    fn show(&mut self, job: Job) -> Result<ControlFlow<()>, OutputError> {
        match job {
            Job::Changed(series, change) => self.changed(&series, &change)?,
            Job::Draw(known) => self.draw(&known)?,
            Job::SoFar(known) => self.so_far(&known)?,
            Job::Finish(known) => {
                self.finish(&known)?;
                return Ok(ControlFlow::Break(()));
            }
        }
        Ok(ControlFlow::Continue(()))
    }
}

fn verdicts(known: &Known) -> Vec<PathVerdict> {
    let paths = known.paths.iter();
    paths.map(|path| verdict(&path.series, &path.report)).collect()
}

fn reports<'a>(known: &'a Known, verdicts: &'a [PathVerdict]) -> Vec<TraceReport<'a>> {
    known
        .paths
        .iter()
        .zip(verdicts)
        .map(|(path, verdict)| TraceReport {
            series: &path.series,
            path: &path.report,
            verdict,
            names: &known.names,
            stamp: Some(path.stamp),
        })
        .collect()
}

/// Sentences that are kept for the end: a path that flaps should not hide the report.
const CHANGES: usize = 50;

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Seek as _};
    use std::net::Ipv4Addr;

    use super::*;
    use crate::outcome::StampSource;
    use crate::report::Charset;
    use crate::series::Endpoint;
    use crate::sweep::{End, Hop, PathReport};

    fn live(file: &std::fs::File) -> View {
        let clock = SystemClock::new();
        View {
            kind: TraceView::Live,
            options: TraceTextOptions::default(),
            style: Style {
                color: false,
                charset: Charset::Ascii,
            },
            lines: JsonLines::new(identity(&clock)),
            output: Output::new("a file", file.try_clone().unwrap()),
            clock,
            table_height: 0,
            changes: VecDeque::new(),
            more_changes: 0,
        }
    }

    /// A path of one hop that nobody has answered at yet: four lines.
    fn known() -> Known {
        let series = Series {
            target: "app01".into(),
            address: Ipv4Addr::new(192, 0, 2, 9).into(),
            scope_id: 0,
            endpoint: Endpoint::Icmp,
            flow: 0,
        };
        let hop = Hop {
            ttl: 1,
            ..Hop::default()
        };
        let path = Snapshot {
            series: Arc::new(series),
            stamp: StampSource::Kernel,
            report: PathReport {
                hops: vec![hop],
                end: End::Unknown,
                cycles: 0,
                changed_at: None,
            },
        };
        Known {
            paths: vec![path],
            names: HashMap::new(),
        }
    }

    #[test]
    fn the_report_takes_the_place_of_the_last_frame() {
        let mut file = tempfile::tempfile().unwrap();
        let mut view = live(&file);
        assert!(view.show(Job::Draw(known())).unwrap().is_continue());
        assert!(view.show(Job::Finish(known())).unwrap().is_break());
        let mut shown = String::new();
        file.rewind().unwrap();
        file.read_to_string(&mut shown).unwrap();
        // CPL and ED of ECMA-48: up over all four lines of the frame, and clear from there on.
        let (_, report) = shown.split_once("\x1b[4F\x1b[J").unwrap_or_else(|| panic!("{shown:?}"));
        assert_eq!(report.matches("TRACE app01").count(), 1, "{report:?}");
    }
}
