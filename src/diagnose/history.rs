//! What of the last minutes of each stream a verdict may need, in bounded memory.
//!
//! Which incident will ask, and about when, is not known beforehand; so of every series a little is kept all the time: counts by send time for
//! ten minutes, the newest errors, what TTLs answers have, runs of refusals, and what is usual. That is 2.5 KiB for a quiet series, and no more
//! than 5 KiB for one in trouble, whatever it is probed at.
//!
//! Counts can be wrong in one way: where an interval is so short, or a timeout so long, that more than 64 probes wait for their outcome,
//! the oldest of them count as sent and as nothing else.

mod cells;
mod order;
mod rare;
mod usual;

#[cfg(test)]
mod tests;

use std::time::Duration;

pub(super) use self::cells::Cells;
use self::order::{Order, Outcome, Runs};
use self::rare::{Errors, Majority, Minority};
use self::usual::Usual;
use super::StreamEvidence;
use crate::detect::{Finding, Found, Level, Symptom};
use crate::outcome::{Answer, Answered, Event, Fate, InTime, Proto, What};
use crate::units::{Mono, Rtt, SeriesId};

/// Recent outcomes of all streams.
#[derive(Debug, Default)]
pub struct History {
    streams: Vec<Option<Box<Stream>>>,
}

impl History {
    /// Keeps a series from now on.
    pub fn admit(&mut self, series: SeriesId, proto: Proto, interval: Duration) {
        if self.streams.len() <= series.index() {
            self.streams.resize_with(series.index() + 1, || None);
        }
        if let Some(place) = self.streams.get_mut(series.index()) {
            *place = Some(Box::new(Stream::new(proto, interval)));
        }
    }

    /// Forgets a series.
    pub fn remove(&mut self, series: SeriesId) {
        if let Some(place) = self.streams.get_mut(series.index()) {
            *place = None;
        }
    }

    /// What happened to a probe.
    pub fn handle_event(&mut self, event: &Event) {
        if let Some(stream) = self.stream_mut(event.series) {
            stream.handle_event(event);
        }
    }

    /// What the detector says of it.
    pub fn handle_finding(&mut self, finding: &Finding) {
        if let Some(stream) = self.stream_mut(finding.series) {
            stream.handle_finding(finding);
        }
    }

    /// Probes of a series sent from `from` to `to`, both included, belong to a fault: nothing is learned from them. A degraded series needs no telling.
    pub fn exclude(&mut self, series: SeriesId, from: Mono, to: Mono) {
        if let Some(stream) = self.stream_mut(series) {
            stream.cells.change(from, to, |cell| cell.troubled = true);
        }
    }

    /// What is known of probes sent from `from` to `to`, rounded outwards: to the second within the last minute, to 15 s before it.
    #[must_use]
    pub fn evidence(&self, series: SeriesId, from: Mono, to: Mono, level: Option<Level>) -> StreamEvidence {
        let stream = self.streams.get(series.index()).and_then(Option::as_deref);
        let known = stream.map(|stream| stream.evidence(from, to));
        StreamEvidence {
            level,
            ..known.unwrap_or_default()
        }
    }

    fn stream_mut(&mut self, series: SeriesId) -> Option<&mut Stream> {
        self.streams.get_mut(series.index())?.as_deref_mut()
    }
}

/// What is kept of one series.
#[derive(Debug)]
struct Stream {
    proto: Proto,
    interval: Duration,
    cells: Cells,
    order: Order,
    runs: Runs,
    errors: Errors,
    minority: Minority,
    usual: Usual,
    reply_ttl: Majority,
    rst_ttl: Majority,
    last_reply: Option<Mono>,
    last_bad: Option<Mono>,
    degraded: bool,
    shift: Option<(Mono, Rtt, Rtt)>,
}

impl Stream {
    fn new(proto: Proto, interval: Duration) -> Self {
        Self {
            proto,
            interval,
            cells: Cells::default(),
            order: Order::default(),
            runs: Runs::default(),
            errors: Errors::default(),
            minority: Minority::default(),
            usual: Usual::default(),
            reply_ttl: Majority::default(),
            rst_ttl: Majority::default(),
            last_reply: None,
            last_bad: None,
            degraded: false,
            shift: None,
        }
    }

    fn handle_event(&mut self, event: &Event) {
        let at = event.sent_at;
        match event.what {
            What::Sent { .. } => self.handle_sent(event),
            What::Answered(answered) => self.handle_answer(event, &answered),
            What::TimedOut | What::Settled(Fate::Late | Fate::Lost) => self.resolve(event, Outcome::Lost),
            What::Settled(Fate::NotSent | Fate::Unjudged(_)) => {
                if self.order.resolve(event.seq, Outcome::Unknown) {
                    self.cells
                        .change(at, at, |cell| cell.sent = cell.sent.saturating_sub(1));
                }
            }
            What::Settled(Fate::Received(_) | Fate::Rejected)
            | What::SendFailed(_)
            | What::Duplicate
            | What::LateAfterClose => {}
        }
        while let Some((at, outcome)) = self.order.poll() {
            self.runs.push(at, outcome);
        }
    }

    fn handle_sent(&mut self, event: &Event) {
        let troubled = self.degraded;
        self.order.sent(event.seq, event.sent_at);
        let ripe = self.cells.count(event.sent_at, |cell| {
            cell.sent = cell.sent.saturating_add(1);
            cell.troubled |= troubled;
        });
        if let Some(counts) = ripe {
            self.usual.learn(&counts);
        }
    }

    fn handle_answer(&mut self, event: &Event, answered: &Answered) {
        let at = event.sent_at;
        if answered.answer == Answer::Reply && is_resent(answered.timing.rtt) {
            self.cells
                .change(at, at, |cell| cell.resent = cell.resent.saturating_add(1));
        }
        if let (Some(ttl), Answer::Reply) = (answered.ttl, answered.answer) {
            self.reply_ttl.push(ttl);
        }
        if let (Some(ttl), Answer::Refused) = (answered.ttl, answered.answer) {
            self.rst_ttl.push(ttl);
        }
        match answered.answer {
            _ if answered.in_time == InTime::Late => self.resolve(event, Outcome::Lost),
            Answer::Reply => {
                self.resolve(event, Outcome::Reply);
                self.last_reply = self.last_reply.max(Some(at));
                let peak = u32::try_from(answered.timing.rtt.as_nanos() / 1_000).unwrap_or(u32::MAX);
                self.cells
                    .change(at, at, |cell| cell.peak_micros = cell.peak_micros.max(peak));
            }
            Answer::Refused | Answer::Reset => self.resolve(event, Outcome::Refused),
            Answer::Unreachable(error) => {
                self.errors.push(at, error);
                self.resolve(event, Outcome::Error);
            }
        }
    }

    fn resolve(&mut self, event: &Event, outcome: Outcome) {
        if !self.order.resolve(event.seq, outcome) {
            return;
        }
        let at = event.sent_at;
        if matches!(outcome, Outcome::Lost | Outcome::Refused | Outcome::Error) {
            self.last_bad = self.last_bad.max(Some(at));
        }
        match outcome {
            Outcome::Lost => self.minority.drop(at),
            Outcome::Reply | Outcome::Refused | Outcome::Error => self.minority.pass(at),
            Outcome::Unknown => {}
        }
        self.cells.change(at, at, |cell| {
            let count = match outcome {
                Outcome::Reply => &mut cell.replied,
                Outcome::Lost => &mut cell.lost,
                Outcome::Refused => &mut cell.refused,
                Outcome::Error => &mut cell.unreachable,
                Outcome::Unknown => return,
            };
            *count = count.saturating_add(1);
        });
    }

    fn handle_finding(&mut self, finding: &Finding) {
        let at = finding.at;
        match finding.found {
            Found::Spiked(_, Symptom::Slow(_)) => {
                self.last_bad = self.last_bad.max(Some(at));
                self.cells
                    .change(at, at, |cell| cell.slow = cell.slow.saturating_add(1));
            }
            Found::LevelShift { from, to } => {
                self.shift = Some((at, from, to));
                self.cells.change(at, END_OF_TIME, |cell| cell.slow = 0);
            }
            Found::Degraded(_) => {
                self.degraded = true;
                self.cells.change(at, END_OF_TIME, |cell| cell.troubled = true);
            }
            Found::Recovered => self.degraded = false,
            Found::Spiked(..)
            | Found::Overdue(_)
            | Found::Withdrawn(_)
            | Found::SpikeStart(_)
            | Found::SpikeEnd(_)
            | Found::Jittery { .. } => {}
        }
    }

    fn evidence(&self, from: Mono, to: Mono) -> StreamEvidence {
        let totals = self.cells.totals(from, to);
        let refusals = self.runs.longest_refusals(from, to);
        let shift = self
            .shift
            .filter(|(at, ..)| at.after(AROUND) >= from && *at <= to.after(AROUND));
        StreamEvidence {
            proto: Some(self.proto),
            interval: self.interval,
            sent: totals.sent,
            replied: totals.replied,
            lost: totals.lost,
            slow: totals.slow,
            refused: totals.refused,
            unreachable: totals.unreachable,
            errors: self.errors.by_kind(from.before(FINEST), to.after(FINEST)),
            peak: (totals.peak_micros > 0).then(|| Rtt::from_nanos(totals.peak_micros * 1_000)),
            ever_replied: self.last_reply.is_some(),
            last_reply: self.last_reply,
            last_bad: self.last_bad,
            lost_in_a_row: self.runs.in_a_row(Outcome::Lost),
            refused_in_a_row: self.runs.in_a_row(Outcome::Refused),
            refusal_run: refusals.map(|run| (run.count, run.began, run.ended)),
            usual_loss: self.usual.loss(),
            usual_slow: self.usual.slow(),
            minority_at: self.minority.times(),
            reply_ttl: self.reply_ttl.value(),
            rst_ttl: self.rst_ttl.value(),
            retransmission_like: totals.resent,
            level: None,
            shift: shift.map(|(_, from, to)| (from, to)),
        }
    }
}

/// Whether a reply took about 1, 2, 3 or 7 s: so long as it takes until a SYN or a SYN-ACK is sent again.
fn is_resent(rtt: Rtt) -> bool {
    let rtt = Duration::from_nanos(rtt.as_nanos());
    RESENT_AFTER
        .into_iter()
        .any(|after| (after..=after.saturating_add(RESENT_SLACK)).contains(&rtt))
}

const END_OF_TIME: Mono = Mono::from_nanos(u64::MAX);

/// Counts are rounded to this at best.
const FINEST: Duration = Duration::from_secs(1);

/// By how much a level shift may lie beside an incident that it belongs to: 32 replies of 5/s take 6.4 s to prove it.
const AROUND: Duration = Duration::from_secs(10);

/// After which time Linux sends a SYN again since its first: tries 1, 2 and 3 of linear timeouts, 1 and 2 and 3 of exponential ones.
const RESENT_AFTER: [Duration; 4] = [
    Duration::from_secs(1),
    Duration::from_secs(2),
    Duration::from_secs(3),
    Duration::from_secs(7),
];

/// Timers of kernels are late by some ms, and the path takes its time; a slow reply rarely falls into so narrow a window.
const RESENT_SLACK: Duration = Duration::from_millis(100);
