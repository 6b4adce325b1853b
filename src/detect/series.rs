//! One series: every probe of it is judged against the past of all others.

use std::time::Duration;

use super::baseline::Baseline;
use super::cells::Sum;
use super::chronic::Chronic;
use super::condition::{Change, Condition};
use super::detector::Watch;
use super::episode::{Episodes, KINDS};
use super::finding::{Found, Kind, SpikeStart, Symptom};
use super::pending::{Outcome, Pending, Probe};
use super::saved::Saved;
use super::shift::{Recent, Shift};
use super::threshold::{Level, Threshold};
use crate::outcome::{Answer, Answered, Event, Fate, InTime, Timing, What};
use crate::units::{Mono, Rtt};

/// The detector of one series.
#[derive(Clone, Debug)]
pub(super) struct Watched {
    watch: Watch,
    pending: Pending,
    baseline: Baseline,
    threshold: Threshold,
    /// When the threshold is to be recomputed, by send time.
    recompute_at: Mono,
    recent: Recent,
    episodes: Episodes,
    condition: Condition,
    chronic: Chronic,
    /// Whether it ever replied. Until then nothing is judged.
    replied: bool,
}

/// What all series share.
#[derive(Debug)]
pub(super) struct Shared {
    /// Room to sum up baselines.
    pub(super) sum: Sum,
    /// The least excess that is a spike.
    pub(super) floor: Rtt,
    /// Found in the present turn: moments and findings.
    pub(super) found: Vec<(Mono, Found)>,
}

impl Watched {
    /// A series without a past.
    pub(super) fn new(watch: Watch) -> Self {
        Self {
            watch,
            pending: Pending::default(),
            baseline: Baseline::default(),
            threshold: Threshold::default(),
            recompute_at: Mono::default(),
            recent: Recent::default(),
            episodes: Episodes::new(watch.interval),
            condition: Condition::default(),
            chronic: Chronic::default(),
            replied: false,
        }
    }

    /// Takes over a saved past.
    pub(super) fn restore(&mut self, saved: &Saved, now: Mono, shared: &mut Shared) {
        (self.baseline, self.threshold) = saved.revive(now);
        self.replied = self.baseline.replies() > 0;
        self.recompute(now, shared);
    }

    /// Its past.
    pub(super) fn save(&self) -> Saved {
        Saved::of(&self.baseline, &self.threshold)
    }

    /// What replies are allowed over the median, once the warm-up is over.
    pub(super) fn allowance(&self) -> Option<Rtt> {
        let level = self.threshold.level().filter(|_| self.threshold.is_warm())?;
        let allowed = level.threshold.as_nanos().checked_sub(level.baseline.as_nanos())?;
        Some(Rtt::from_nanos(allowed))
    }

    /// Lends it an allowance for its warm-up.
    pub(super) fn lend(&mut self, allowed: Rtt) {
        self.threshold.lend(allowed);
    }

    /// Takes an event of this series.
    pub(super) fn handle(&mut self, event: &Event, shared: &mut Shared) {
        let outcome = match event.what {
            What::Sent { .. } => return self.pending.sent(event.seq, event.sent_at),
            What::TimedOut => Outcome::Lost,
            What::Answered(answered) => self.outcome_of_answer(&answered),
            // Nothing new of most probes; of those that end without an answer or a timeout it is all there is.
            What::Settled(fate) => self.outcome_of(fate),
            What::SendFailed(_) | What::Duplicate | What::LateAfterClose => return,
        };
        let is_pending = self.pending.resolve(event.seq, outcome);
        if !is_pending && is_first_word(&event.what) {
            let probe = Probe {
                seq: event.seq,
                sent_at: event.sent_at,
                overdue: false,
                outcome: Some(outcome),
            };
            self.judge(probe, outcome, shared);
        }
        let patience = self.watch.timeout.saturating_add(SLACK);
        while let Some((probe, outcome)) = self.pending.poll(event.sent_at, patience) {
            self.judge(probe, outcome, shared);
        }
    }

    /// When the next probe is overdue.
    pub(super) fn next_deadline(&self) -> Option<Mono> {
        let probe = self.pending.first_waiting()?;
        Some(probe.sent_at.after(self.allowed()?))
    }

    /// Finds probes that are overdue by `now`.
    pub(super) fn handle_deadline(&mut self, now: Mono, shared: &mut Shared) {
        while let Some(deadline) = self.next_deadline()
            && deadline <= now
            && let Some(probe) = self.pending.mark_overdue()
        {
            shared.found.push((probe.sent_at, Found::Overdue(probe.seq)));
        }
    }

    /// Ends what is open: no more probes will come.
    pub(super) fn close(&mut self, shared: &mut Shared) {
        for kind in KINDS {
            self.end_episode(kind, false, shared);
        }
    }

    /// See [`Baseline::exclude`].
    pub(super) fn exclude(&mut self, from: Mono, to: Mono) {
        self.baseline.exclude(from, to);
    }

    /// Baseline and threshold in force.
    pub(super) const fn level(&self) -> Option<Level> {
        self.threshold.level()
    }

    /// Whether it is degraded.
    pub(super) const fn is_degraded(&self) -> bool {
        self.condition.is_degraded()
    }

    /// Whether it is jittery.
    pub(super) const fn is_jittery(&self) -> bool {
        self.chronic.is_jittery()
    }

    /// Bytes on the heap.
    pub(super) fn heap_bytes(&self) -> usize {
        self.pending.heap_bytes() + self.baseline.heap_bytes() + self.chronic.heap_bytes()
    }

    fn judge(&mut self, probe: Probe, outcome: Outcome, shared: &mut Shared) {
        let Probe { seq, sent_at: at, .. } = probe;
        let (symptom, rtt) = match outcome {
            Outcome::Reply(rtt) => {
                self.replied = true;
                (
                    self.level().and_then(|level| level.severity(rtt)).map(Symptom::Slow),
                    Some(rtt),
                )
            }
            Outcome::UntimedReply => (None, None),
            Outcome::Refused => (Some(Symptom::Refused), None),
            Outcome::Lost => (Some(Symptom::Lost), None),
            Outcome::Unknown => {
                if probe.overdue {
                    shared.found.push((at, Found::Withdrawn(seq)));
                }
                return;
            }
        };
        self.replied |= outcome == Outcome::UntimedReply;
        if !self.replied {
            return;
        }
        while let Some((last, end)) = self.episodes.poll_ended(at) {
            shared.found.push((last, Found::SpikeEnd(end)));
        }
        match symptom {
            Some(symptom) => self.spike(probe, symptom, rtt, shared),
            None if probe.overdue => shared.found.push((at, Found::Withdrawn(seq))),
            None => {}
        }
        if let Some(ratio) = self.chronic.count(at, matches!(symptom, Some(Symptom::Slow(_)))) {
            shared.found.push((at, Found::Jittery { ratio }));
        }
        let change = self.condition.judge(at, symptom.map(Symptom::kind));
        say_change(change, at, shared);
        if let Some(rtt) = rtt {
            self.learn(at, rtt, symptom.is_some(), shared);
        }
    }

    fn spike(&mut self, probe: Probe, symptom: Symptom, rtt: Option<Rtt>, shared: &mut Shared) {
        shared.found.push((probe.sent_at, Found::Spiked(probe.seq, symptom)));
        if self.episodes.spike(probe.sent_at, symptom, rtt) {
            let start = SpikeStart {
                kind: symptom.kind(),
                level: self.level(),
                jittery: self.is_jittery(),
            };
            shared.found.push((probe.sent_at, Found::SpikeStart(start)));
        }
    }

    /// Lets a reply become part of what is normal.
    fn learn(&mut self, at: Mono, rtt: Rtt, spiked: bool, shared: &mut Shared) {
        match self.level().filter(|_| spiked) {
            Some(level) => self.baseline.hold(at, level.threshold),
            None => self.baseline.record(at, rtt),
        }
        if let Some(shift) = self.recent.push(at, rtt, self.level()) {
            self.rebase(&shift, at, shared);
        }
        let is_first = self.level().is_none();
        if at >= self.recompute_at || is_first {
            self.recompute(at, shared);
        }
        if is_first {
            self.clamp();
        }
    }

    fn rebase(&mut self, shift: &Shift, at: Mono, shared: &mut Shared) {
        let from = self.level().map_or(Rtt::default(), |level| level.baseline);
        self.end_episode(Kind::Rtt, true, shared);
        shared.found.push((shift.at, Found::LevelShift { from, to: shift.to }));
        self.chronic.forgive(SHIFTED);
        let change = self.condition.forgive_slowness();
        say_change(change, at, shared);
        self.baseline = Baseline::of(shift.replies.iter().copied(), shift.at, at);
        self.threshold.rebase();
        self.recent.clear();
        self.recompute(at, shared);
        self.clamp();
    }

    /// Replies that had no threshold are held to the first that there is: one spike among twenty would be a 99th percentile for minutes.
    fn clamp(&mut self) {
        if let Some(level) = self.level() {
            self.baseline.clamp(level.threshold);
        }
    }

    fn recompute(&mut self, at: Mono, shared: &mut Shared) {
        self.recompute_at = at.after(RECOMPUTE);
        if let Some(shape) = self.baseline.shape(&mut shared.sum) {
            self.threshold.update(shape, &self.baseline, shared.floor, at);
        }
    }

    fn end_episode(&mut self, kind: Kind, shifted: bool, shared: &mut Shared) {
        if let Some((last, end)) = self.episodes.end(kind, shifted) {
            shared.found.push((last, Found::SpikeEnd(end)));
        }
    }

    fn outcome_of_answer(&self, answered: &Answered) -> Outcome {
        match (answered.in_time, answered.answer) {
            (InTime::Late, _) => Outcome::Lost,
            (InTime::Yes, Answer::Reply) => self.reply(answered.timing),
            (InTime::Yes, Answer::Refused | Answer::Reset | Answer::Unreachable(_)) => Outcome::Refused,
        }
    }

    fn reply(&self, timing: Timing) -> Outcome {
        if timing.source == self.watch.stamp {
            Outcome::Reply(timing.rtt)
        } else {
            Outcome::UntimedReply
        }
    }

    fn outcome_of(&self, fate: Fate) -> Outcome {
        match fate {
            Fate::Received(timing) => self.reply(timing),
            Fate::Rejected => Outcome::Refused,
            Fate::Late | Fate::Lost => Outcome::Lost,
            Fate::NotSent | Fate::Unjudged(_) => Outcome::Unknown,
        }
    }

    /// How long a probe may stay unanswered before it is overdue.
    fn allowed(&self) -> Option<Duration> {
        self.level()
            .map(|level| Duration::from_nanos(level.threshold.as_nanos()))
    }
}

/// Whether nothing was said before of what came of the probe.
fn is_first_word(what: &What) -> bool {
    match what {
        What::Answered(answered) => !answered.timed_out,
        What::TimedOut => true,
        _ => false,
    }
}

fn say_change(change: Option<Change>, at: Mono, shared: &mut Shared) {
    match change {
        Some(Change::Degraded(cause, since)) => shared.found.push((since, Found::Degraded(cause))),
        Some(Change::Recovered) => shared.found.push((at, Found::Recovered)),
        None => {}
    }
}

/// By how much outcomes may come after their timeout before nobody waits for them any more.
const SLACK: Duration = Duration::from_secs(1);

/// Percentiles of ten minutes don't change faster.
const RECOMPUTE: Duration = Duration::from_secs(10);

/// Spikes that a shift can have caused before it is found.
const SHIFTED: u64 = 32;
