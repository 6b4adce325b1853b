//! What this host does to its own measurement: stalls, a slow loopback, queues of its own.
//!
//! A host that gets no CPU sends late and reads late. Late sending alone changes no RTT, since stamps are taken when a packet really leaves; and
//! late reading changes none that the kernel stamped. But a virtual machine that is frozen stamps late as well. So:
//!
//! - A *stall* is a time in which this host did nothing: from the slot of a probe that left more than 20 ms too late until it left, or from the
//!   kernel's stamp of an answer until it was read. It excuses probes that were sent or answered within it, and no others.
//! - A spike is *explained* by this host where it is excused by a stall, or where half of the RTT or more arose between the kernel and us.
//! - Stalls that repeat are news of their own: [`OwnNoise::trouble`].
//!
//! What this cannot see: a hypervisor that delays packets and nothing else. That looks like the first hop, and it nearly is.

mod spikes;
#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::time::Duration;

use self::spikes::{Answers, Spikes};
use super::OwnEvidence;
use super::history::Cells;
use crate::detect::{Finding, Found, Symptom};
use crate::outcome::{Answer, Answered, Event, Fate, SendError, StampLoss, StampSource, Unjudged, What};
use crate::units::{Mono, ProbeSeq, Rtt, SeriesId};

/// A moment at which this host was not itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stall {
    /// From when on.
    pub from: Mono,
    /// Until when.
    pub to: Mono,
    /// How late it was at most.
    pub late_by: Duration,
}

impl Stall {
    fn contains(&self, at: Mono) -> bool {
        (self.from..=self.to.after(AFTERMATH)).contains(&at)
    }

    fn touches(&self, from: Mono, to: Mono) -> bool {
        self.from <= to && self.to >= from
    }
}

/// Watches this host.
#[derive(Debug, Default)]
pub struct OwnNoise {
    slot: Duration,
    loopback: Option<Control>,
    gateway: Option<Control>,
    /// The newest stalls that are over, oldest first.
    stalls: VecDeque<Stall>,
    /// How many of them were not taken yet.
    untaken: usize,
    /// What may still go on.
    current: Option<Stall>,
    answers: Answers,
    spikes: Spikes,
    faults: VecDeque<Mono>,
}

/// A series that is probed to learn about this host.
#[derive(Debug)]
struct Control {
    series: SeriesId,
    cells: Cells,
    /// The newest RTTs, for findings come without.
    answers: VecDeque<(ProbeSeq, Rtt)>,
}

impl OwnNoise {
    /// A watcher that takes lateness up to `slot` for batching, and nothing else.
    #[must_use]
    pub fn new(slot: Duration) -> Self {
        Self {
            slot,
            ..Self::default()
        }
    }

    /// This series probes the loopback.
    pub fn set_loopback(&mut self, series: SeriesId) {
        self.loopback = Some(Control::new(series));
    }

    /// This series probes the gateway.
    pub fn set_gateway(&mut self, series: SeriesId) {
        self.gateway = Some(Control::new(series));
    }

    /// What happened to a probe, of any series.
    pub fn handle_event(&mut self, event: &Event) {
        self.finish(event.sent_at);
        match event.what {
            What::Sent { late_by } => self.handle_sent(event, late_by),
            What::Answered(answered) => self.handle_answer(event, &answered),
            What::SendFailed(error) if is_own(error) => self.fault(event.sent_at),
            What::Settled(Fate::Unjudged(Unjudged::ReceiveOverflow | Unjudged::LocalFailure)) => {
                self.fault(event.sent_at);
            }
            What::SendFailed(_) | What::TimedOut | What::Duplicate | What::LateAfterClose | What::Settled(_) => {}
        }
    }

    /// What the detector says of one of the controls or of any series.
    pub fn handle_finding(&mut self, finding: &Finding) {
        let Found::Spiked(seq, symptom) = finding.found else {
            return;
        };
        for control in self.controls_mut() {
            control.count_hit(finding);
        }
        if matches!(symptom, Symptom::Slow(_)) {
            let answer = self.answers.find(finding.series, seq);
            self.spikes.push(finding.at, answer);
        }
    }

    /// Takes a stall that was recorded by another run.
    pub fn handle_stall(&mut self, stall: Stall) {
        self.finish(stall.from);
        self.stall(stall.from, stall.to, stall.late_by);
    }

    /// Takes a probe of the loopback that was recorded by another run, and whether it spiked.
    pub fn handle_control(&mut self, at: Mono, spiked: bool) {
        if let Some(control) = &mut self.loopback {
            control.cells.count(at, |cell| {
                cell.sent = cell.sent.saturating_add(1);
                cell.slow = cell.slow.saturating_add(u16::from(spiked));
            });
        }
    }

    /// Whether this series probes the loopback.
    #[must_use]
    pub fn is_loopback(&self, series: SeriesId) -> bool {
        self.loopback.as_ref().is_some_and(|control| control.series == series)
    }

    /// The RTT of a probe of the loopback, if it was answered lately.
    #[must_use]
    pub fn loopback_rtt(&self, seq: ProbeSeq) -> Option<Rtt> {
        let answers = &self.loopback.as_ref()?.answers;
        answers
            .iter()
            .find(|(answered, _)| *answered == seq)
            .map(|(_, rtt)| *rtt)
    }

    /// Stalls that are over at `now`, since the last call: probes of then are not to be judged.
    pub fn take_stalls(&mut self, now: Mono) -> Vec<Stall> {
        self.finish(now);
        let taken = self.untaken.min(self.stalls.len());
        self.untaken = 0;
        self.stalls.range(self.stalls.len() - taken..).copied().collect()
    }

    /// What it did between two moments.
    #[must_use]
    pub fn evidence(&self, from: Mono, to: Mono) -> OwnEvidence {
        let stalls = || self.all_stalls().filter(|stall| stall.touches(from, to));
        let excused = |at: Mono| self.all_stalls().any(|stall| stall.contains(at));
        let (explained, spikes) = self.spikes.count(from, to, excused);
        OwnEvidence {
            stalls: count(stalls().count()),
            longest: stalls().map(|stall| stall.late_by).max().unwrap_or_default(),
            loopback: self.loopback.as_ref().map_or((0, 0), |control| control.hits(from, to)),
            spikes,
            own_delay_ratio: ratio(explained, spikes),
            faults: count(self.faults.iter().filter(|at| (from..=to).contains(at)).count()),
            gateway: self.gateway.as_ref().map(|control| control.hits(from, to)),
        }
    }

    /// Whether stalls repeat so that they are an incident of their own at `now`: since when. That is 3 stalls of 50 ms within a minute.
    #[must_use]
    pub fn trouble(&self, now: Mono) -> Option<Mono> {
        let long = |stall: &&Stall| stall.late_by >= LONG && now.since(stall.to) <= TROUBLE_WITHIN;
        let mut stalls = self.all_stalls().filter(long);
        let first = stalls.next()?;
        (stalls.count() + 1 >= TROUBLE_STALLS).then_some(first.from)
    }

    fn handle_sent(&mut self, event: &Event, late_by: Duration) {
        for control in self.controls_mut() {
            control.count_sent(event);
        }
        let late = late_by.saturating_sub(self.slot);
        if late > STALL {
            self.stall(event.sent_at.before(late_by), event.sent_at, late);
        }
    }

    fn handle_answer(&mut self, event: &Event, answered: &Answered) {
        for control in self.controls_mut() {
            control.keep_answer(event, answered.timing.rtt);
        }
        if answered.stamp_loss == Some(StampLoss::ClockStep) {
            self.fault(event.sent_at);
        }
        let (rtt, user) = (answered.timing.rtt.as_nanos(), answered.user_rtt.as_nanos());
        let read_at = event.sent_at.after(Duration::from_nanos(user));
        let own = Duration::from_nanos(user.saturating_sub(rtt));
        let is_stamped = answered.timing.source == StampSource::Kernel;
        if is_stamped && own.saturating_sub(self.slot) > STALL {
            self.stall(read_at.before(own), read_at, own);
        }
        if answered.answer == Answer::Reply {
            let explained = is_stamped && own.as_nanos() >= u128::from(rtt / 2);
            self.answers.push(event.series, event.seq, read_at, explained);
        }
    }

    /// Takes note of a stall; one that touches the last one is the same.
    fn stall(&mut self, from: Mono, to: Mono, late_by: Duration) {
        let stall = Stall { from, to, late_by };
        match &mut self.current {
            Some(current) if from <= current.to.after(AFTERMATH) && to.after(AFTERMATH) >= current.from => {
                current.from = current.from.min(from);
                current.to = current.to.max(to);
                current.late_by = current.late_by.max(late_by);
            }
            current => {
                let over = current.replace(stall);
                self.keep(over);
            }
        }
    }

    /// What ended some time ago is over.
    fn finish(&mut self, now: Mono) {
        if let Some(current) = self.current
            && now > current.to.after(AFTERMATH)
        {
            self.current = None;
            self.keep(Some(current));
        }
    }

    fn keep(&mut self, stall: Option<Stall>) {
        let Some(stall) = stall else {
            return;
        };
        if self.stalls.len() == STALLS_MAX {
            self.stalls.pop_front();
        }
        self.stalls.push_back(stall);
        self.untaken = self.untaken.saturating_add(1);
    }

    fn fault(&mut self, at: Mono) {
        if self.faults.len() == FAULTS_MAX {
            self.faults.pop_front();
        }
        self.faults.push_back(at);
    }

    fn all_stalls(&self) -> impl Iterator<Item = &Stall> {
        self.stalls.iter().chain(&self.current)
    }

    fn controls_mut(&mut self) -> impl Iterator<Item = &mut Control> {
        self.loopback.iter_mut().chain(&mut self.gateway)
    }
}

impl Control {
    fn new(series: SeriesId) -> Self {
        Self {
            series,
            cells: Cells::default(),
            answers: VecDeque::new(),
        }
    }

    fn count_sent(&mut self, event: &Event) {
        if event.series == self.series {
            self.cells
                .count(event.sent_at, |cell| cell.sent = cell.sent.saturating_add(1));
        }
    }

    fn keep_answer(&mut self, event: &Event, rtt: Rtt) {
        if event.series == self.series {
            if self.answers.len() == ANSWERS_MAX {
                self.answers.pop_front();
            }
            self.answers.push_back((event.seq, rtt));
        }
    }

    fn count_hit(&mut self, finding: &Finding) {
        if finding.series == self.series {
            self.cells
                .change(finding.at, finding.at, |cell| cell.slow = cell.slow.saturating_add(1));
        }
    }

    /// Probes that stood out, and all.
    fn hits(&self, from: Mono, to: Mono) -> (u64, u64) {
        let totals = self.cells.totals(from, to);
        (totals.slow, totals.sent)
    }
}

/// Whether an error to send is a matter of what this host has to do, not of how it is set up.
const fn is_own(error: SendError) -> bool {
    matches!(error, SendError::NoBuffer)
}

fn count(items: usize) -> u64 {
    u64::try_from(items).unwrap_or(u64::MAX)
}

fn ratio(part: u64, of: u64) -> f64 {
    crate::stats::Proportion::wilson(part, of).map_or(0.0, |share| share.ratio)
}

/// Schedulers are late by some ms on any busy host; on a host with 8 busy processes on 2 cores hardly one wake-up in a thousand is by this.
const STALL: Duration = Duration::from_millis(20);

/// What waited during a stall is done within this after it.
const AFTERMATH: Duration = Duration::from_millis(10);

/// As long as health checks begin to notice.
const LONG: Duration = Duration::from_millis(50);

/// Three within a minute are no accident.
const TROUBLE_STALLS: usize = 3;
const TROUBLE_WITHIN: Duration = Duration::from_mins(1);

/// More than ten minutes of trouble need.
const STALLS_MAX: usize = 256;

/// What is found of a probe is found within two timeouts, which are ten probes at the usual pace.
const ANSWERS_MAX: usize = 32;

/// Beyond this it does not matter how many.
const FAULTS_MAX: usize = 256;
