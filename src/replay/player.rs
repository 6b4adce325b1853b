//! One run, judged again from its lines.
//!
//! The monitor is that of the live run and is handed the same events in the same order: a probe at the moment it was sent, its outcome at the moment
//! it came, and deadlines between. What the live run knew besides its probes it has recorded: `series` lines say how often and how long, `path` lines what
//! traces knew, `own_noise` lines what its host did.
//!
//! Without `series` lines (an older log, or one of `ping --each`) the interval is read off the first two probes of each series, and the
//! timeout is the usual one. Lines may come late by [`SLACK`] and a timeout; what is older is left out and counted.

mod lines;

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use super::line::{Line, Record};
use super::queue::{Queue, Turn};
use super::runs::ReplayOptions;
use crate::detect::Saved;
use crate::diagnose::{Incident, Monitor, News, PathKnowledge, Role, Stage, Stall, Watched};
use crate::localize::Unit;
use crate::outcome::Event;
use crate::series::Series;
use crate::units::{Mono, SeriesId, Wall};

/// What came of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Taken {
    /// It counts.
    Used,
    /// It is older than what was judged already.
    TooLate,
    /// What it says makes no sense.
    Malformed,
    /// It is far away in time from the lines before it, and so was the one before: it is of another run.
    Elsewhere,
}

/// What a run has to say.
#[derive(Debug)]
pub(super) struct Said {
    pub(super) at: Wall,
    pub(super) stage: Stage,
    /// Its moments are those of the wall clock.
    pub(super) incident: Box<Incident>,
    pub(super) units: Vec<Unit>,
}

/// One run.
#[derive(Debug)]
pub(super) struct Player {
    monitor: Monitor,
    /// What share of bad probes is nobody's trouble, whatever the run took for that.
    floor: Option<f64>,
    /// The wall clock at the origin of the monitor's time.
    origin: Wall,
    queue: Queue<Thing>,
    numbers: HashMap<Box<[u8]>, usize>,
    series: Vec<Known>,
    /// A key that is being made.
    key: Vec<u8>,
    /// The newest moment that a line told of.
    head: Mono,
    /// Up to when all was judged.
    now: Mono,
    timeout: Duration,
    control: Option<Control>,
    /// The newest stalls of the host.
    stalls: VecDeque<Stall>,
    /// Whether it recorded what it knew of paths: traces say the same, less exactly.
    has_paths: bool,
    /// A line far away in time.
    far: Option<Wall>,
    past: HashMap<Series, Saved>,
    said: VecDeque<Said>,
}

/// A series that the run probes.
#[derive(Debug)]
struct Known {
    series: Series,
    role: Role,
    state: State,
    /// Probes that timed out and may still be answered.
    waiting: VecDeque<u64>,
    timeout: Duration,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Nobody said how often it is probed: its first probe.
    Guessing(Option<(u64, Mono)>),
    /// It is judged.
    Watched,
}

/// The loopback control, whose probes are not recorded but for those that spiked.
#[derive(Debug)]
struct Control {
    next: Mono,
    interval: Duration,
}

#[derive(Debug)]
enum Thing {
    Happened(Event),
    Admit(SeriesId, Watched),
    Remove(SeriesId),
    Path(SeriesId, Box<PathKnowledge>),
    Stall(Stall),
    ControlSpiked,
}

impl Player {
    /// A run with this first line; `past` is what an earlier run knew of its series.
    pub(super) fn new(options: ReplayOptions, line: &Line<'_>, past: HashMap<Series, Saved>) -> Self {
        let first = line.at;
        let origin = origin_of(line);
        let mut player = Self {
            monitor: Monitor::new(options.monitor, 0),
            floor: options.floor,
            origin,
            queue: Queue::default(),
            numbers: HashMap::new(),
            series: Vec::new(),
            key: Vec::new(),
            head: Mono::default(),
            now: Mono::default(),
            timeout: USUAL_TIMEOUT,
            control: None,
            stalls: VecDeque::new(),
            has_paths: false,
            far: None,
            past,
            said: VecDeque::new(),
        };
        player.head = player.mono(first);
        player.now = player.head.before(player.hold());
        player
    }

    /// Takes a line of this run.
    pub(super) fn take(&mut self, line: &Line<'_>) -> Taken {
        let at = self.mono(line.at);
        if let Some(taken) = self.check(line.at, at) {
            return taken;
        }
        let taken = match &line.record {
            Record::Probe(probe) => self.probe(at, probe),
            Record::Series(series) => self.series_line(at, series),
            Record::Path(path) => self.path(at, path),
            Record::Trace(trace) => self.trace(at, trace),
            Record::OwnNoise(noise) => {
                let (from, to) = (self.mono(noise.from), self.mono(noise.to));
                if let Some(late_by) = noise.late {
                    let stall = Stall { from, to, late_by };
                    if self.stalls.len() == STALLS_MAX {
                        self.stalls.pop_front();
                    }
                    self.stalls.push_back(stall);
                    self.queue.push(to, Turn::Read, Thing::Stall(stall));
                }
                if noise.control {
                    self.queue.push(from, Turn::Read, Thing::ControlSpiked);
                }
                Some(())
            }
            Record::Window(_) | Record::Stop | Record::Other => Some(()),
        };
        self.release(self.head.before(self.hold()), QUEUE_MAX);
        taken.map_or(Taken::Malformed, |()| Taken::Used)
    }

    /// The newest moment that it told of.
    pub(super) fn head(&self) -> Wall {
        self.wall(self.head)
    }

    /// No more lines come: judges what is left, up to the moment `at` if that is known.
    pub(super) fn finish(&mut self, at: Option<Wall>) {
        self.release(Mono::from_nanos(u64::MAX), 0);
        let at = at.map(|at| self.mono(at)).filter(|at| at.since(self.now) <= FAR);
        let end = at.unwrap_or(self.head).max(self.now);
        self.judge(end, Turn::Send);
        self.monitor.close(end);
        self.now = end;
        self.listen();
    }

    /// What is normal for its series by now.
    pub(super) fn past(&self) -> impl Iterator<Item = (Series, Saved)> {
        let backends = (0..).map(SeriesId::new).zip(&self.series);
        let backends = backends.filter(|(_, known)| matches!(known.role, Role::Backend { .. }));
        backends.filter_map(|(id, known)| Some((known.series.clone(), self.monitor.save(id)?)))
    }

    /// The next thing it has to say.
    pub(super) fn poll(&mut self) -> Option<Said> {
        self.said.pop_front()
    }

    /// Lines far away in time are another run; a single one is a mistake.
    fn check(&mut self, wall: Wall, at: Mono) -> Option<Taken> {
        let near = |a: u64, b: u64| a.abs_diff(b) <= nanos(FAR);
        if near(wall.as_nanos(), self.wall(self.head).as_nanos()) {
            self.far = None;
            return (at < self.now.before(LATEST)).then_some(Taken::TooLate);
        }
        let same = self.far.replace(wall);
        let is_elsewhere = same.is_some_and(|far| near(wall.as_nanos(), far.as_nanos()));
        Some(if is_elsewhere { Taken::Elsewhere } else { Taken::TooLate })
    }

    /// Hands over all up to `until`, and what is more than `most`.
    fn release(&mut self, until: Mono, most: usize) {
        while self.queue.next_at().is_some_and(|at| at <= until) || self.queue.len() > most {
            let Some((at, turn, thing)) = self.queue.pop() else {
                return;
            };
            self.judge(at, turn);
            self.now = self.now.max(at);
            self.happen(at, thing);
        }
    }

    fn happen(&mut self, at: Mono, thing: Thing) {
        match thing {
            Thing::Happened(event) => self.monitor.handle_event(&event),
            Thing::Admit(id, watched) => self.admit(at, id, watched),
            Thing::Remove(id) => self.monitor.remove(id, at),
            Thing::Path(id, known) => self.monitor.handle_path(id, *known, at),
            Thing::Stall(stall) => self.monitor.handle_stall(stall),
            Thing::ControlSpiked => self.monitor.handle_control(at, true),
        }
    }

    fn admit(&mut self, at: Mono, id: SeriesId, watched: Watched) {
        let Some(known) = self.series.get(id.index()) else {
            return;
        };
        if known.role == Role::Loopback {
            self.control = Some(Control {
                next: at,
                interval: watched.interval,
            });
        }
        self.monitor.admit(at, id, &known.series, known.role.clone(), watched);
        if let Some(saved) = self
            .past
            .remove(&known.series)
            .filter(|_| matches!(known.role, Role::Backend { .. }))
        {
            self.monitor.restore(id, &saved, at);
        }
    }

    /// Judges all that is due before something happens at `at`. Who sends has judged before; when, is recorded without the last digits.
    fn judge(&mut self, at: Mono, turn: Turn) {
        let at = if turn == Turn::Send { at.after(CUT) } else { at };
        while let Some(control) = self.control.as_mut().filter(|control| control.next < at) {
            self.monitor.handle_control(control.next, false);
            control.next = control.next.after(control.interval);
        }
        while let Some(due) = self.monitor.next_deadline() {
            // What is due for long is due now, and nothing twice at one moment.
            let due = if due > self.now { due } else { self.now.after(STEP) };
            let due = self.awake_at(due);
            if due > at || (due == at && turn == Turn::Read) {
                break;
            }
            self.monitor.handle_deadline(due);
            self.now = due;
            self.listen();
        }
    }

    /// A host that stood still judged when it went on.
    fn awake_at(&self, due: Mono) -> Mono {
        let stall = self.stalls.iter().find(|stall| stall.from < due && due < stall.to);
        stall.map_or(due, |stall| stall.to)
    }

    fn listen(&mut self) {
        while let Some(news) = self.monitor.poll() {
            if let News::Incident(stage, mut incident) = news {
                let units = self.monitor.units(incident.number);
                let moved = |at: Mono| Mono::from_nanos(self.wall(at).as_nanos());
                incident.began = moved(incident.began);
                incident.last = moved(incident.last);
                for member in &mut incident.members {
                    member.first = moved(member.first);
                }
                let at = self.wall(self.now);
                self.said.push_back(Said {
                    at,
                    stage,
                    incident,
                    units,
                });
            }
        }
    }

    /// How late a line may be.
    const fn hold(&self) -> Duration {
        self.timeout.saturating_add(SLACK)
    }

    const fn mono(&self, at: Wall) -> Mono {
        Mono::from_nanos(at.as_nanos().saturating_sub(self.origin.as_nanos()))
    }

    const fn wall(&self, at: Mono) -> Wall {
        Wall::from_nanos(self.origin.as_nanos().saturating_add(at.as_nanos()))
    }
}

/// When the clock of a run began: cells of time are those of the live run then. Where that is not known, some time before, at a whole part of the day.
fn origin_of(line: &Line<'_>) -> Wall {
    let clock = match &line.record {
        Record::Series(series) => series.clock(),
        _ => None,
    };
    let at = line.at.as_nanos();
    // Timestamps have six digits.
    let known = clock.and_then(|clock| at.checked_sub(crate::units::nanos(clock)));
    Wall::from_nanos(known.map_or_else(
        || {
            let before = at.saturating_sub(nanos(BEFORE));
            before - before % nanos(WHOLE)
        },
        |origin| origin.div_ceil(1_000) * 1_000,
    ))
}

const fn nanos(duration: Duration) -> u64 {
    duration.as_secs() * 1_000_000_000
}

/// As `run` and `ping` have it.
const USUAL_TIMEOUT: Duration = Duration::from_secs(1);

/// Packet threads notice timeouts late, and writers are no faster than their disks.
const SLACK: Duration = Duration::from_secs(2);

/// What is later than this is not judged any more.
const LATEST: Duration = Duration::from_mins(1);

/// A log with such a gap is of two runs.
const FAR: Duration = Duration::from_mins(10);

/// Time begins so long before the first line, and at a whole part of the day, so that cells of time are those of the wall clock.
const BEFORE: Duration = Duration::from_mins(2);
const WHOLE: Duration = Duration::from_mins(10);

/// Moments that are due are this far apart at least.
const STEP: Duration = Duration::from_micros(1);

/// Timestamps have six digits.
const CUT: Duration = Duration::from_nanos(999);

/// More are not told of within the few seconds that lines wait.
const STALLS_MAX: usize = 16;

/// A few seconds of ten thousand targets; a log that has more in one moment is judged as it comes.
const QUEUE_MAX: usize = 1 << 20;
