//! What each kind of line means for a run: what happened, and when.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use super::{Known, Player, State, Thing, USUAL_TIMEOUT};
use crate::diagnose::{PathKnowledge, Role, Watched};
use crate::outcome::{Event, Fate, StampSource, What};
use crate::replay::line::{PathLine, ProbeLine, SeriesLine, TraceLine};
use crate::replay::outcomes::{Outcome, outcome_of, stamp};
use crate::replay::queue::Turn;
use crate::replay::whom::Whom;
use crate::units::{Mono, ProbeSeq, SeriesId};

impl Player {
    pub(super) fn probe(&mut self, sent_at: Mono, line: &ProbeLine<'_>) -> Option<()> {
        let number = match self.number(&Whom::of_probe(line), &BACKEND) {
            Some(number) => number,
            None => self.add(&Whom::of_probe(line), BACKEND, USUAL_TIMEOUT)?,
        };
        let outcome = outcome_of(line)?;
        if !self.is_paced(number, sent_at, line)? {
            return Some(());
        }
        self.play(number, (line.probe_seq, sent_at), outcome)
    }

    /// Whether it is known how often a series is probed, by the second of its probes at the latest.
    fn is_paced(&mut self, number: usize, sent_at: Mono, line: &ProbeLine<'_>) -> Option<bool> {
        let known = self.series.get_mut(number)?;
        let State::Guessing(first) = known.state else {
            return Some(true);
        };
        let Some((first, at)) = first else {
            known.state = State::Guessing(Some((line.probe_seq, sent_at)));
            return Some(false);
        };
        let Some(probes) = line.probe_seq.checked_sub(first).filter(|probes| *probes > 0) else {
            return Some(false);
        };
        let interval = sent_at.since(at) / u32::try_from(probes).ok()?;
        known.state = State::Watched;
        let watched = Watched {
            interval: interval.clamp(SHORTEST, LONGEST),
            timeout: USUAL_TIMEOUT,
            stamp: stamp(line.stamp),
            floor: self.floor.unwrap_or(USUAL_FLOOR),
        };
        self.queue
            .push(sent_at, Turn::Send, Thing::Admit(series_id(number), watched));
        Some(true)
    }

    /// Has a probe sent, and what came of it happen.
    fn play(&mut self, number: usize, (seq, sent_at): (u64, Mono), outcome: Outcome) -> Option<()> {
        let known = self.series.get_mut(number)?;
        let event = |what| {
            Thing::Happened(Event {
                series: series_id(number),
                seq: ProbeSeq::new(seq),
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
                known.waiting.push_back(seq);
                (sent_at.after(known.timeout), Some(sent), What::TimedOut)
            }
            Outcome::Unjudged(why) => {
                let sent = Some(sent).filter(|_| !known.waiting.contains(&seq));
                (sent_at.after(known.timeout), sent, What::Settled(Fate::Unjudged(why)))
            }
            Outcome::Answered(mut answered) => {
                answered.timed_out = false;
                if let Some(place) = known.waiting.iter().position(|waiting| *waiting == seq) {
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

    pub(super) fn series_line(&mut self, at: Mono, line: &SeriesLine<'_>) -> Option<()> {
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

    pub(super) fn path(&mut self, at: Mono, line: &PathLine<'_>) -> Option<()> {
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
            presumed_ttls: line.presumed_ttls.clone(),
            reached: line.reached,
            starts_at: line.starts_from_ttl.zip(line.starts_to_ttl),
            before: changed_at.zip(line.old.clone()),
        };
        self.learn(at, &whom, known)
    }

    pub(super) fn trace(&mut self, at: Mono, line: &TraceLine<'_>) -> Option<()> {
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
            presumed_ttls: line.presumed_ttls(),
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
}

fn series_id(number: usize) -> SeriesId {
    SeriesId::new(u32::try_from(number).unwrap_or(u32::MAX))
}

/// The role of series that have no line of their own.
const BACKEND: Role = Role::Backend { group: None };

/// As `run` has it where nobody says otherwise.
const USUAL_FLOOR: f64 = 0.005;

/// Longer is not waited for a line.
const TIMEOUT_MAX: Duration = Duration::from_mins(1);

/// Intervals outside of these are no measurement.
const SHORTEST: Duration = Duration::from_millis(1);
const LONGEST: Duration = Duration::from_hours(1);

/// Probes under way at the paces of a service are fewer; of a flood some late answers are not known as such.
const WAITING_MAX: usize = 64;

/// TTLs have no more.
const HOPS_MAX: usize = 255;
