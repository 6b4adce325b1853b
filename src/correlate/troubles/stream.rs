//! One stream of probes to a backend: what is unusual about it by its own standards.

use std::time::Duration;

use super::super::Stream;
use super::cells::{Cells, Channel, Count, Hits, MINUTE};
use super::chance::{self, RECENT, Spell};
use crate::detect::{Cause, Severity, Symptom};
use crate::units::{Mono, ProbeSeq, Rtt};

/// A stream that is followed.
#[derive(Clone, Debug)]
pub(super) struct Watched {
    pub(super) stream: Stream,
    admitted: Mono,
    pub(super) cells: Cells,
    /// Whether it ever replied; until then nothing is counted.
    pub(super) replied: bool,
    /// Probes that were judged before the first reply.
    unanswered: u32,
    /// Whether nothing was answered although it had its chances.
    pub(super) is_silent: bool,
    /// Since when the detector calls it degraded.
    pub(super) degraded: Option<Mono>,
    channels: [Recent; 2],
    very_slow: Recent,
    refusals: Recent,
    /// The present spell of hits.
    pub(super) tally: Tally,
    impaired: [Option<Impairment>; 2],
}

/// Hits that belong together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Tally {
    pub(super) first: Mono,
    pub(super) last: Mono,
    pub(super) probes: u64,
    pub(super) peak: Option<Rtt>,
}

/// A rate that stands out over minutes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Impairment {
    /// The beginning of the ten seconds that the first hit is of.
    pub(super) first: Mono,
    /// How many were hit when it was found.
    pub(super) probes: u64,
    /// What hits it.
    kind: Hits,
    /// The share of hits.
    pub(super) rate: f64,
    /// The probability of that, were the usual rate the true one.
    pub(super) chance: f64,
}

/// An alarm: its cause, and how many of its kind chance makes in 30 days, where that can be told.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Alarm {
    pub(super) cause: Cause,
    pub(super) chance: Option<f64>,
}

/// Whether more probes may tell a spike from a shift.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Patience {
    /// An unbroken run of slow replies may be the beginning of another level.
    MayBeShift,
    /// The probes since were not slow, or there were none.
    Over,
}

impl Watched {
    /// A stream that is followed since `now`.
    pub(super) fn new(stream: Stream, now: Mono) -> Self {
        Self {
            stream,
            admitted: now,
            cells: Cells::new(now),
            replied: false,
            unanswered: 0,
            is_silent: false,
            degraded: None,
            channels: [Recent::default(); 2],
            very_slow: Recent::default(),
            refusals: Recent::default(),
            tally: Tally::default(),
            impaired: [None; 2],
        }
    }

    /// A probe was judged before any was answered. Whether the stream has had its chances by this one.
    pub(super) fn unanswered(&mut self, at: Mono) -> bool {
        self.unanswered = self.unanswered.saturating_add(1);
        let had_chances = self.unanswered >= CHANCES && at.since(self.admitted) >= TIME_TO_ANSWER;
        let is_news = had_chances && !self.is_silent;
        self.is_silent |= had_chances;
        is_news
    }

    /// A probe was hit.
    pub(super) fn hit(&mut self, seq: ProbeSeq, at: Mono, symptom: Symptom) {
        let is_new_spell =
            self.degraded.is_none() && at.since(self.tally.last) > self.stream.interval.saturating_mul(20);
        if is_new_spell || self.tally.probes == 0 {
            self.tally = Tally {
                first: at,
                ..Tally::default()
            };
        }
        self.tally.last = self.tally.last.max(at);
        self.tally.probes += 1;
        let kind = match symptom {
            Symptom::Slow(severity) => {
                self.tally.peak = self.tally.peak.max(Some(self.cells.peak(at)));
                if severity >= Severity::Strong {
                    self.very_slow.push(seq, at);
                    self.cells.hit(at, Hits::VerySlow, self.very_slow.run);
                }
                Hits::Slow
            }
            Symptom::Lost => Hits::Lost,
            Symptom::Refused => return self.refusals.push(seq, at),
        };
        let recent = &mut self.channels[kind.channel().index()];
        recent.push(seq, at);
        self.cells.hit(at, kind, recent.run);
    }

    /// Whether what was hit of late is unusual. A refusal is an answer that somebody gave, and not what chance does to packets: two are enough.
    pub(super) fn alarm(&self, allowed: f64, patience: Patience) -> Option<Alarm> {
        let refusals = self.of_this_spell(self.refusals);
        if refusals.run >= REFUSALS {
            return Some(Alarm {
                cause: Cause::Refusing,
                chance: None,
            });
        }
        let [loss, spikes] = Channel::ALL.map(|channel| self.alarms(channel, patience));
        let alarms = loss.min(spikes);
        let recent = self.of_this_spell(self.channels[Channel::Loss.index()]);
        let is_run = loss <= spikes && recent.spell().runs == 1;
        let cause = if is_run { Cause::Silent } else { Cause::Frequent };
        let is_refused_often = refusals.bits.count_ones() > REFUSALS;
        if is_refused_often {
            return Some(Alarm {
                cause: Cause::Frequent,
                chance: None,
            });
        }
        (alarms <= allowed).then_some(Alarm {
            cause,
            chance: Some(alarms.min(1.0)),
        })
    }

    fn alarms(&self, channel: Channel, patience: Patience) -> f64 {
        let recent = self.of_this_spell(self.channels[channel.index()]);
        let may_shift = channel == Channel::Spikes && recent.spell().runs == 1 && recent.run < SHIFTED;
        if may_shift && patience == Patience::MayBeShift {
            return f64::INFINITY;
        }
        let kind = match channel {
            Channel::Loss => Hits::Lost,
            Channel::Spikes => Hits::Slow,
        };
        let mut habit = self.cells.usual(kind);
        if let Some(impaired) = self.impaired[channel.index()] {
            let now = rate(self.cells.last(10 * MINUTE, kind));
            habit = habit.at_least(impaired.rate.max(now));
        }
        chance::alarms(recent.spell(), habit, self.stream.interval)
    }

    /// What is left of it among the last 20 probes: what was hit an hour ago is no reason to call slow ones more than slow.
    fn of_this_spell(&self, recent: Recent) -> Recent {
        let interval = self.stream.interval.as_nanos().max(1);
        let probes = self.tally.last.since(recent.at).as_nanos() / interval;
        recent.aged(u32::try_from(probes).unwrap_or(u32::MAX))
    }

    /// Ten seconds are complete: judges what lasts. Whether anything changed.
    pub(super) fn judge_minutes(&mut self, allowed: f64) -> bool {
        let before = self.impaired.map(|impaired| impaired.is_some());
        for channel in Channel::ALL {
            let impaired = match self.impaired[channel.index()] {
                None => self.impairment(channel, allowed),
                Some(impaired) => self.still_impaired(channel, impaired),
            };
            self.impaired[channel.index()] = impaired;
        }
        before != self.impaired.map(|impaired| impaired.is_some())
    }

    /// What is impaired for minutes.
    pub(super) fn impaired(&self, channel: Channel) -> Option<Impairment> {
        self.impaired[channel.index()]
    }

    /// Its RTTs moved at that moment: what was slow since then was not.
    pub(super) fn shifted(&mut self, at: Mono) {
        self.cells.forgive_spikes(at);
        self.channels[Channel::Spikes.index()] = Recent::default();
        self.very_slow = Recent::default();
    }

    /// Probes of that time say nothing.
    pub(super) fn discount(&mut self, from: Mono, to: Mono) {
        self.cells.discount(from, to);
        let [loss, spikes] = &mut self.channels;
        for recent in [loss, spikes, &mut self.very_slow, &mut self.refusals] {
            if (from..=to).contains(&recent.at) {
                *recent = Recent::default();
            }
        }
    }

    /// The newest slow probe.
    pub(super) fn newest_slow(&self) -> Option<ProbeSeq> {
        self.channels[Channel::Spikes.index()].newest
    }

    /// Whether loss stands out, or what is very slow, or so much that is a little too slow that no hour of the day explains it.
    fn impairment(&self, channel: Channel, allowed: f64) -> Option<Impairment> {
        match channel {
            Channel::Loss => self.impairment_by(Hits::Lost, allowed),
            Channel::Spikes => [Hits::VerySlow, Hits::Slow]
                .into_iter()
                .find_map(|kind| self.impairment_by(kind, allowed / 2.0)),
        }
    }

    fn impairment_by(&self, kind: Hits, allowed: f64) -> Option<Impairment> {
        let habit = self.cells.habit(kind);
        let normal = self.floor(kind).max(habit.rate());
        let allowed = allowed / chance::CELLS_IN_30_DAYS / f64::from(u8::try_from(SPANS.len()).unwrap_or(u8::MAX));
        SPANS.into_iter().find_map(|cells| {
            let count = self.cells.last(cells, kind);
            // What is below the floor needs no test, and most is.
            if count.sent < LEAST_PROBES || rate(count) <= normal {
                return None;
            }
            let chance = chance::chance(count, normal, habit);
            (chance <= allowed).then_some(Impairment {
                first: self.cells.first_hit(cells, kind)?,
                probes: count.hits,
                kind,
                rate: rate(count),
                chance,
            })
        })
    }

    /// It is over when the rate of the last minutes is significantly below half of what it was, and not merely lower.
    fn still_impaired(&mut self, channel: Channel, mut impaired: Impairment) -> Option<Impairment> {
        for cells in RECOVERY_SPANS {
            let count = self.cells.last(cells, impaired.kind);
            if chance::chance_of_so_few(count, impaired.rate / 2.0) >= OVER {
                continue;
            }
            if rate(count) < self.floor(impaired.kind) * 1.5 {
                self.cells.recovered(cells, channel);
                return None;
            }
            impaired.rate = rate(count);
        }
        Some(impaired)
    }

    /// A share of hits that is nobody's trouble.
    const fn floor(&self, kind: Hits) -> f64 {
        match kind {
            Hits::Lost | Hits::VerySlow => self.stream.floor,
            Hits::Slow => self.stream.floor.max(SLOW_FLOOR),
        }
    }
}

/// The last 20 probes of one channel.
#[derive(Clone, Copy, Debug, Default)]
struct Recent {
    newest: Option<ProbeSeq>,
    /// When the newest was sent.
    at: Mono,
    /// A bit per probe up to the newest hit, which is the lowest: whether it was hit.
    bits: u32,
    /// Hits in a row up to the newest.
    run: u32,
}

impl Recent {
    fn push(&mut self, seq: ProbeSeq, at: Mono) {
        let gap = match self.newest {
            Some(newest) if newest >= seq => return,
            Some(newest) => u32::try_from(seq.get() - newest.get()).unwrap_or(u32::MAX),
            None => u32::MAX,
        };
        self.bits = (self.bits.checked_shl(gap).unwrap_or(0) | 1) & LAST_20;
        self.run = if gap == 1 { self.run.saturating_add(1) } else { 1 };
        self.newest = Some(seq);
        self.at = at;
    }

    /// The same, so many probes later.
    fn aged(self, probes: u32) -> Self {
        let bits = self.bits.checked_shl(probes).unwrap_or(0) & LAST_20;
        if bits == 0 {
            Self::default()
        } else {
            Self { bits, ..self }
        }
    }

    fn spell(self) -> Spell {
        let starts = (self.bits & !(self.bits >> 1)).count_ones();
        let on = if starts == 1 { self.run } else { self.bits.count_ones() };
        Spell {
            runs: starts,
            on: on.saturating_sub(starts),
        }
    }
}

fn rate(count: Count) -> f64 {
    crate::stats::Proportion::wilson(count.hits, count.sent).map_or(0.0, |share| share.ratio)
}

const LAST_20: u32 = (1 << RECENT) - 1;

/// Refusals in a row, as `detect` has it.
const REFUSALS: u32 = 2;

/// A shift is found with the 32nd reply at the new level; some may be lost.
const SHIFTED: u32 = 40;

/// Probes and time that a stream has to give its first sign of life.
pub(super) const CHANCES: u32 = 10;
pub(super) const TIME_TO_ANSWER: Duration = Duration::from_secs(5);

/// A threshold follows queues to twice of what they are at night and no further, lest it learns a fault. Where they become three times as long by day, 1 % of all replies
/// are a little above it, and what has a heavy tail had 2 % before.
const SLOW_FLOOR: f64 = 0.03;

/// Over which times rates are judged.
const SPANS: [u64; 2] = [5 * MINUTE, 10 * MINUTE];

/// Over which times a rate must have fallen.
const RECOVERY_SPANS: [u64; 3] = [2 * MINUTE, 5 * MINUTE, 10 * MINUTE];

/// Fewer probes are no minutes: at one a second these are three.
const LEAST_PROBES: u64 = 200;

/// Looked at every 10 s; a day of 3 % loss at 5 probes a second must not end by chance, for which 2 minutes of it have 9 expected hits of half the rate.
const OVER: f64 = 1e-3;
