//! All runs of all vantages in one stream of lines.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use super::line::{Line, Record, Unusable};
use super::moment::moment;
use super::player::{Player, Said, Taken};
use super::windows::Windows;
use crate::detect::Saved;
use crate::diagnose::{Incident, MonitorOptions, Stage};
use crate::localize::Unit;
use crate::series::Series;
use crate::units::Wall;

/// Judges recorded lines.
#[derive(Debug)]
pub struct Replay {
    options: ReplayOptions,
    vantages: BTreeMap<Arc<str>, Vantage>,
    runs: Vec<Run>,
    /// The run of the last line: the next one is of the same as a rule.
    latest: usize,
    numbered: u64,
    counts: Counts,
    told: VecDeque<Told>,
}

/// How to judge a run.
#[derive(Clone, Copy, Debug)]
pub(super) struct ReplayOptions {
    pub(super) monitor: MonitorOptions,
    /// A share of bad probes that is nobody's trouble, whatever the run took for that.
    pub(super) floor: Option<f64>,
}

/// What became of the lines.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// All lines, but for empty ones.
    pub lines: u64,
    /// Outcomes of probes.
    pub probes: u64,
    /// Windows.
    pub windows: u64,
    /// Lines that are no JSON, or not what they claim to be.
    pub malformed: u64,
    /// Lines of other schemas.
    pub foreign: u64,
    /// Lines too far out of order to be judged.
    pub late: u64,
    /// Runs that were judged by their probes.
    pub runs: u64,
    /// Windows of one target that stood out while no other did.
    pub lone_windows: u64,
}

/// Something that a vantage has to say of an incident.
#[derive(Clone, Debug)]
pub struct Told {
    /// Who says it.
    pub vantage: Arc<str>,
    /// Of which of its runs.
    pub run: u64,
    /// When it would have been said.
    pub at: Wall,
    /// What it is.
    pub stage: Stage,
    /// What is known. Its moments are ns since the Unix epoch, whatever the clock of the run was.
    pub incident: Box<Incident>,
    /// What was counted of each backend meanwhile; may be empty where it is not the first word.
    pub units: Vec<Unit>,
    /// Whether it was found in windows, which tell neither chance nor onset.
    pub by_windows: bool,
}

#[derive(Debug, Default)]
struct Vantage {
    /// What earlier runs knew, and when.
    past: HashMap<Series, Saved>,
    past_at: Wall,
    windows: Windows,
    has_probes: bool,
}

#[derive(Debug)]
struct Run {
    vantage: Arc<str>,
    id: Box<str>,
    number: u64,
    has_probes: bool,
    player: Player,
}

impl Replay {
    /// Nothing was read yet. Paths are not traced, whatever `monitor` says; `floor` is for all backends, whatever the runs had.
    #[must_use]
    pub fn new(monitor: MonitorOptions, floor: Option<f64>) -> Self {
        let monitor = MonitorOptions { sweep: None, ..monitor };
        Self {
            options: ReplayOptions { monitor, floor },
            vantages: BTreeMap::new(),
            runs: Vec::new(),
            latest: 0,
            numbered: 0,
            counts: Counts::default(),
            told: VecDeque::new(),
        }
    }

    /// Takes one line, with or without its newline.
    pub fn take(&mut self, bytes: &[u8]) {
        let bytes = bytes.trim_ascii();
        if bytes.is_empty() {
            return;
        }
        self.counts.lines += 1;
        match Line::read(bytes) {
            Ok(line) => self.take_line(&line),
            Err(Unusable::Malformed) => self.counts.malformed += 1,
            Err(Unusable::Foreign) => self.counts.foreign += 1,
        }
    }

    /// Ends all: no more lines come.
    pub fn close(&mut self) {
        for at in (0..self.runs.len()).rev() {
            self.end_run(at, None);
        }
        for (name, vantage) in &mut self.vantages {
            if !vantage.has_probes {
                vantage.windows.close();
                take_windows(name, vantage, &mut self.told);
            }
            self.counts.lone_windows += vantage.windows.lone();
        }
    }

    /// The next thing that a vantage has to say.
    pub fn poll(&mut self) -> Option<Told> {
        self.told.pop_front()
    }

    /// What became of the lines so far.
    #[must_use]
    pub const fn counts(&self) -> &Counts {
        &self.counts
    }

    /// The vantages that there are lines of, and whether they recorded probes.
    pub fn vantages(&self) -> impl Iterator<Item = (&Arc<str>, bool)> {
        self.vantages.iter().map(|(name, vantage)| (name, vantage.has_probes))
    }

    fn take_line(&mut self, line: &Line<'_>) {
        match &line.record {
            Record::Other => return,
            Record::Probe(_) => self.counts.probes += 1,
            Record::Window(window) => {
                self.counts.windows += 1;
                let name: Arc<str> = Arc::from(&*line.vantage);
                let vantage = self.vantages.entry(Arc::clone(&name)).or_default();
                if !vantage.has_probes {
                    if !vantage.windows.take(window) {
                        self.counts.malformed += 1;
                    }
                    take_windows(&name, vantage, &mut self.told);
                }
                return;
            }
            _ => {}
        }
        let Some(at) = self.run_of(line) else { return };
        if matches!(line.record, Record::Stop) {
            self.end_run(at, Some(line.at));
            return;
        }
        let Some(run) = self.runs.get_mut(at) else { return };
        if !run.has_probes && matches!(line.record, Record::Probe(_)) {
            run.has_probes = true;
            self.counts.runs += 1;
            if let Some(vantage) = self.vantages.get_mut(&run.vantage) {
                vantage.has_probes = true;
            }
        }
        match run.player.take(line) {
            Taken::Used => {}
            Taken::TooLate => self.counts.late += 1,
            Taken::Malformed => self.counts.malformed += 1,
            Taken::Elsewhere => {
                self.end_run(at, None);
                self.begin_run(line);
                if let Some(run) = self.runs.last_mut() {
                    run.player.take(line);
                }
                return;
            }
        }
        self.listen(at);
    }

    /// The run that a line belongs to; `None` where there is none that it could matter to.
    fn run_of(&mut self, line: &Line<'_>) -> Option<usize> {
        let is_of = |run: &Run| *run.id == *line.run_id && *run.vantage == *line.vantage;
        if self.runs.get(self.latest).is_some_and(is_of) {
            return Some(self.latest);
        }
        let found = self.runs.iter().position(is_of);
        if let Some(at) = found {
            self.latest = at;
            return found;
        }
        if matches!(line.record, Record::Stop) {
            return None;
        }
        self.begin_run(line);
        Some(self.latest)
    }

    /// Begins a run with what earlier ones of its vantage knew, and ends those that are silent since long.
    fn begin_run(&mut self, line: &Line<'_>) {
        let is_silent = |run: &Run| {
            *run.vantage == *line.vantage
                && line.at.nanos_since(run.player.head()) > i64::from(SILENT_S) * 1_000_000_000
        };
        for at in (0..self.runs.len()).rev() {
            if self.runs.get(at).is_some_and(is_silent) {
                self.end_run(at, None);
            }
        }
        if self.runs.len() >= RUNS_MAX {
            let oldest = (0..self.runs.len()).min_by_key(|at| self.runs.get(*at).map(|run| run.player.head()));
            if let Some(at) = oldest {
                self.end_run(at, None);
            }
        }
        let name: Arc<str> = Arc::from(&*line.vantage);
        let vantage = self.vantages.entry(Arc::clone(&name)).or_default();
        let age = line.at.nanos_since(vantage.past_at);
        let is_fresh = u64::try_from(age).is_ok_and(|age| Duration::from_nanos(age) <= MAX_AGE);
        let past = std::mem::take(&mut vantage.past);
        let past = if is_fresh { past } else { HashMap::new() };
        self.numbered += 1;
        self.runs.push(Run {
            has_probes: false,
            vantage: name,
            id: line.run_id.as_ref().into(),
            number: self.numbered,
            player: Player::new(self.options, line, past),
        });
        self.latest = self.runs.len() - 1;
    }

    fn end_run(&mut self, at: usize, end: Option<Wall>) {
        let Some(run) = self.runs.get_mut(at) else { return };
        run.player.finish(end);
        self.listen(at);
        let run = self.runs.swap_remove(at);
        self.latest = 0;
        if let Some(vantage) = self.vantages.get_mut(&run.vantage) {
            vantage.past_at = run.player.head();
            vantage.past.extend(run.player.past());
        }
    }

    fn listen(&mut self, at: usize) {
        let Some(run) = self.runs.get_mut(at) else { return };
        while let Some(Said {
            at,
            stage,
            incident,
            units,
        }) = run.player.poll()
        {
            self.told.push_back(Told {
                vantage: Arc::clone(&run.vantage),
                run: run.number,
                at,
                stage,
                incident,
                units,
                by_windows: false,
            });
        }
    }
}

/// The moment that a line speaks of, as far as its first bytes tell: to merge files without reading their lines twice.
#[must_use]
pub fn time_of(line: &[u8]) -> Option<Wall> {
    let key = b"\"timestamp\":\"";
    let start = line.windows(key.len()).take(SEARCHED).position(|part| part == key)? + key.len();
    let text = line.get(start..)?;
    let end = text.iter().position(|byte| *byte == b'"')?;
    moment(std::str::from_utf8(text.get(..end)?).ok()?)
}

fn take_windows(name: &Arc<str>, vantage: &mut Vantage, told: &mut VecDeque<Told>) {
    while let Some((stage, at, incident)) = vantage.windows.poll() {
        told.push_back(Told {
            vantage: Arc::clone(name),
            run: 0,
            at,
            stage,
            incident,
            units: Vec::new(),
            by_windows: true,
        });
    }
}

/// A run of the same place that begins so long after another one's last line has taken over from it.
const SILENT_S: i32 = 60;

/// More run at once at no place that is known; the oldest has ended without a word.
const RUNS_MAX: usize = 256;

/// As for the state file of a service.
const MAX_AGE: Duration = Duration::from_hours(24);

/// The timestamp is the first key of our own lines.
const SEARCHED: usize = 64;
