//! One run, judged again from its lines.
//!
//! The monitor is that of the live run and is handed the same events in the same order: a probe at the moment it was sent, its outcome at the moment
//! it came, and deadlines between. What the live run knew besides its probes it has recorded: `series` lines say how often and how long, `path` lines what
//! traces knew, `own_noise` lines what its host did.
//!
//! Without `series` lines (an older log, or one of `ping --each`) the interval is read off the first two probes of each series, and the
//! timeout is the usual one. Lines may come late by [`SLACK`] and a timeout; what is older is left out and counted.

use std::collections::{HashMap, VecDeque};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use super::line::{Line, PathLine, ProbeLine, Record, SeriesLine, TraceLine, micros};
use super::queue::{Queue, Turn};
use super::runs::ReplayOptions;
use crate::detect::Saved;
use crate::diagnose::{Incident, Monitor, News, PathKnowledge, Role, Stage, Stall, Watched};
use crate::localize::Unit;
use crate::outcome::{
    Answer, Answered, Event, Fate, InTime, Proto, SendError, StampLoss, StampSource, Timing, Unjudged, Unreachable,
    What,
};
use crate::series::{Endpoint, Series};
use crate::units::{Mono, ProbeSeq, Rtt, SeriesId, Wall};

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

    fn probe(&mut self, sent_at: Mono, line: &ProbeLine<'_>) -> Option<()> {
        let number = match self.number(&Whom::of_probe(line), &BACKEND) {
            Some(number) => number,
            None => self.add(&Whom::of_probe(line), BACKEND, USUAL_TIMEOUT)?,
        };
        let id = series_id(number);
        let outcome = outcome_of(line)?;
        if let State::Guessing(first) = self.series.get(number)?.state {
            let Some((first, at)) = first else {
                self.series.get_mut(number)?.state = State::Guessing(Some((line.probe_seq, sent_at)));
                return Some(());
            };
            let Some(probes) = line.probe_seq.checked_sub(first).filter(|probes| *probes > 0) else {
                return Some(());
            };
            let interval = sent_at.since(at) / u32::try_from(probes).ok()?;
            let watched = Watched {
                interval: interval.clamp(SHORTEST, LONGEST),
                timeout: USUAL_TIMEOUT,
                stamp: stamp(line.stamp),
                floor: self.floor.unwrap_or(USUAL_FLOOR),
            };
            self.queue.push(sent_at, Turn::Send, Thing::Admit(id, watched));
            self.series.get_mut(number)?.state = State::Watched;
        }
        let known = self.series.get_mut(number)?;
        let seq = ProbeSeq::new(line.probe_seq);
        let event = |what| {
            Thing::Happened(Event {
                series: id,
                seq,
                sent_at,
                what,
            })
        };
        let sent = event(What::Sent {
            late_by: Duration::ZERO,
        });
        let (came_at, sent, what) = match outcome {
            Outcome::Ignored => return Some(()),
            Outcome::NotSent(error) => {
                self.queue.push(sent_at, Turn::Send, event(What::SendFailed(error)));
                (sent_at, None, What::Settled(Fate::NotSent))
            }
            Outcome::TimedOut => {
                if known.waiting.len() == WAITING_MAX {
                    known.waiting.pop_front();
                }
                known.waiting.push_back(line.probe_seq);
                (sent_at.after(known.timeout), Some(sent), What::TimedOut)
            }
            Outcome::Unjudged(why) => {
                let sent = Some(sent).filter(|_| !known.waiting.contains(&line.probe_seq));
                (sent_at.after(known.timeout), sent, What::Settled(Fate::Unjudged(why)))
            }
            Outcome::Answered(mut answered) => {
                answered.timed_out = false;
                if let Some(place) = known.waiting.iter().position(|seq| *seq == line.probe_seq) {
                    known.waiting.remove(place);
                    answered.timed_out = true;
                }
                let came_at = sent_at.after(Duration::from_nanos(answered.user_rtt.as_nanos()));
                (
                    came_at,
                    Some(sent).filter(|_| !answered.timed_out),
                    What::Answered(answered),
                )
            }
        };
        if let Some(sent) = sent {
            self.queue.push(sent_at, Turn::Send, sent);
        }
        let turn = if came_at > sent_at { Turn::Read } else { Turn::Send };
        self.queue.push(came_at, turn, event(what));
        self.head = self.head.max(came_at);
        Some(())
    }

    fn series_line(&mut self, at: Mono, line: &SeriesLine<'_>) -> Option<()> {
        let role = match line.role {
            "backend" => Role::Backend {
                group: line.group.as_deref().map(Arc::from),
            },
            "path" => Role::Path,
            "loopback" => Role::Loopback,
            "gateway" => Role::Gateway,
            _ => return Some(()),
        };
        let (interval, timeout) = line.pace()?;
        let (interval, timeout) = (interval.clamp(SHORTEST, LONGEST), timeout.clamp(SHORTEST, TIMEOUT_MAX));
        let whom = Whom {
            target: &line.target,
            address: line.address,
            port: line.port,
            proto: line.proto,
            flow: line.flow,
        };
        let known = self.number(&whom, &role);
        self.head = self.head.max(at);
        if line.is_over() {
            let number = known?;
            self.queue.push(at, Turn::Send, Thing::Remove(series_id(number)));
            // Should it be probed again, then as another one.
            self.numbers.remove(&*self.key);
            return Some(());
        }
        let number = match known {
            Some(number) => number,
            None => self.add(&whom, role.clone(), timeout)?,
        };
        self.timeout = self.timeout.max(timeout);
        let known = self.series.get_mut(number)?;
        (known.role, known.timeout, known.state) = (role, timeout, State::Watched);
        let watched = Watched {
            interval,
            timeout,
            stamp: stamp(Some(line.stamp)),
            floor: self.floor.or(line.floor()).unwrap_or(USUAL_FLOOR),
        };
        self.queue
            .push(at, Turn::Send, Thing::Admit(series_id(number), watched));
        Some(())
    }

    fn path(&mut self, at: Mono, line: &PathLine<'_>) -> Option<()> {
        self.has_paths = true;
        let whom = Whom {
            target: &line.target,
            address: line.address,
            port: line.port,
            proto: line.proto,
            flow: line.flow,
        };
        let changed_at = line.changed_at().map(|at| self.mono(at));
        let known = PathKnowledge {
            hops: line.hops.clone(),
            reached: line.reached,
            starts_at: line.starts_from_ttl.zip(line.starts_to_ttl),
            before: changed_at.zip(line.old.clone()),
        };
        self.learn(at, &whom, known)
    }

    fn trace(&mut self, at: Mono, line: &TraceLine<'_>) -> Option<()> {
        if self.has_paths {
            return Some(());
        }
        let whom = Whom {
            target: &line.target,
            address: line.address,
            port: line.port,
            proto: line.proto,
            flow: line.flow,
        };
        let known = PathKnowledge {
            hops: line.hops(),
            reached: line.reached,
            starts_at: line.starts_at(),
            before: None,
        };
        self.learn(at, &whom, known)
    }

    fn learn(&mut self, at: Mono, whom: &Whom<'_>, mut known: PathKnowledge) -> Option<()> {
        known.hops.truncate(HOPS_MAX);
        let number = if let Some(number) = self.number(whom, &Role::Path) {
            number
        } else {
            let number = self.add(whom, Role::Path, USUAL_TIMEOUT)?;
            self.series.get_mut(number)?.state = State::Watched;
            let watched = Watched {
                interval: LONGEST,
                timeout: USUAL_TIMEOUT,
                stamp: StampSource::Kernel,
                floor: 0.0,
            };
            self.queue
                .push(at, Turn::Read, Thing::Admit(series_id(number), watched));
            number
        };
        self.head = self.head.max(at);
        self.queue
            .push(at, Turn::Read, Thing::Path(series_id(number), Box::new(known)));
        Some(())
    }

    /// The number of a series that is known; its key is left in `key`.
    fn number(&mut self, whom: &Whom<'_>, role: &Role) -> Option<usize> {
        whom.write_key(role, &mut self.key);
        self.numbers.get(&*self.key).copied()
    }

    /// Adds a series whose key is in `key`.
    fn add(&mut self, whom: &Whom<'_>, role: Role, timeout: Duration) -> Option<usize> {
        let series = whom.series()?;
        let number = self.series.len();
        self.numbers.insert(self.key.as_slice().into(), number);
        self.series.push(Known {
            series,
            role,
            state: State::Guessing(None),
            waiting: VecDeque::new(),
            timeout,
        });
        Some(number)
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

/// Which series a line is about.
struct Whom<'a> {
    target: &'a str,
    address: &'a str,
    port: Option<u16>,
    proto: &'a str,
    flow: u16,
}

impl<'a> Whom<'a> {
    fn of_probe(line: &'a ProbeLine<'_>) -> Self {
        Self {
            target: &line.target,
            address: line.address,
            port: line.port,
            proto: line.proto,
            flow: line.flow,
        }
    }

    /// What tells it from all others.
    fn write_key(&self, role: &Role, key: &mut Vec<u8>) {
        key.clear();
        key.push(match role {
            Role::Backend { .. } => 0,
            Role::Path => 1,
            Role::Loopback => 2,
            Role::Gateway => 3,
        });
        key.extend_from_slice(&self.port.unwrap_or(0).to_le_bytes());
        key.extend_from_slice(&self.flow.to_le_bytes());
        key.extend_from_slice(self.proto.as_bytes());
        key.push(0);
        key.extend_from_slice(self.address.as_bytes());
        key.push(0);
        key.extend_from_slice(self.target.as_bytes());
    }

    fn series(&self) -> Option<Series> {
        let address: IpAddr = self.address.parse().ok()?;
        let port = self.port.filter(|port| *port > 0);
        let endpoint = match (Proto::ALL.into_iter().find(|proto| proto.as_str() == self.proto)?, port) {
            (Proto::Icmp, _) => Endpoint::Icmp,
            (Proto::Tcp, port) => Endpoint::Tcp(port?),
            (Proto::Udp, port) => Endpoint::Udp(port?),
        };
        Some(Series {
            target: self.target.into(),
            address,
            scope_id: 0,
            endpoint,
            flow: self.flow,
        })
    }
}

/// What came of a probe.
enum Outcome {
    Answered(Answered),
    TimedOut,
    Unjudged(Unjudged),
    NotSent(SendError),
    Ignored,
}

fn outcome_of(line: &ProbeLine<'_>) -> Option<Outcome> {
    let answer = match line.outcome {
        "timeout" => return Some(Outcome::TimedOut),
        "duplicate" | "late_after_close" => return Some(Outcome::Ignored),
        "send_error" => return Some(Outcome::NotSent(send_error(line.error.as_deref()))),
        "unjudged" => return Some(Outcome::Unjudged(unjudged(line.error.as_deref()))),
        "refused" => Answer::Refused,
        "reset" => Answer::Reset,
        "unreachable" | "prohibited" => Answer::Unreachable(unreachable(line)?),
        // What a late answer said, but for an ICMP error, is not recorded.
        "late" => unreachable(line).map_or(Answer::Reply, Answer::Unreachable),
        "reply" => Answer::Reply,
        _ => return None,
    };
    let rtt = Rtt::from(micros(line.rtt_us?)?);
    let user_rtt = match line.user_rtt_us {
        Some(us) => Rtt::from(micros(us)?),
        None => rtt,
    };
    Some(Outcome::Answered(Answered {
        answer,
        timing: Timing {
            rtt,
            source: stamp(line.stamp),
        },
        user_rtt,
        in_time: if line.outcome == "late" {
            InTime::Late
        } else {
            InTime::Yes
        },
        timed_out: false,
        reordered: line.reordered.unwrap_or(false),
        ttl: line.ttl,
        bytes: 0,
        stamp_loss: match line.stamp_loss {
            Some("tx") => Some(StampLoss::Tx),
            Some("rx") => Some(StampLoss::Rx),
            Some("clock_step") => Some(StampLoss::ClockStep),
            _ => None,
        },
        from: None,
        told: None,
    }))
}

fn unreachable(line: &ProbeLine<'_>) -> Option<Unreachable> {
    Some(Unreachable {
        from: line.from?.parse().ok()?,
        icmp_type: line.icmp_type?,
        code: line.icmp_code?,
    })
}

/// Only whether the host was too busy matters to a judgement.
fn send_error(words: Option<&str>) -> SendError {
    if words == Some(&SendError::NoBuffer.to_string()) {
        SendError::NoBuffer
    } else {
        SendError::Other(0)
    }
}

fn unjudged(words: Option<&str>) -> Unjudged {
    match words {
        Some(words) if words.contains("overflow") => Unjudged::ReceiveOverflow,
        Some(words) if words.contains("ended") => Unjudged::Cut,
        _ => Unjudged::LocalFailure,
    }
}

fn stamp(word: Option<&str>) -> StampSource {
    match word {
        Some("tcp_info") => StampSource::TcpInfo,
        Some("user") => StampSource::User,
        _ => StampSource::Kernel,
    }
}

fn series_id(number: usize) -> SeriesId {
    SeriesId::new(u32::try_from(number).unwrap_or(u32::MAX))
}

const fn nanos(duration: Duration) -> u64 {
    duration.as_secs() * 1_000_000_000
}

/// The role of series that have no line of their own.
const BACKEND: Role = Role::Backend { group: None };

/// As `run` and `ping` have it.
const USUAL_TIMEOUT: Duration = Duration::from_secs(1);

/// As `run` has it where nobody says otherwise.
const USUAL_FLOOR: f64 = 0.005;

/// Longer is not waited for a line.
const TIMEOUT_MAX: Duration = Duration::from_mins(1);

/// Intervals outside of these are no measurement.
const SHORTEST: Duration = Duration::from_millis(1);
const LONGEST: Duration = Duration::from_hours(1);

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

/// Probes under way at the paces of a service are fewer; of a flood some late answers are not known as such.
const WAITING_MAX: usize = 64;

/// A few seconds of ten thousand targets; a log that has more in one moment is judged as it comes.
const QUEUE_MAX: usize = 1 << 20;

/// TTLs have no more.
const HOPS_MAX: usize = 255;
