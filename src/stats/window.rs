//! The statistics of one series over one window.
//!
//! Events belong to the window that their probe was *sent* in; who routes them there decides what a window is. A window is final once every
//! probe of it is settled ([`WindowStats::in_flight`] is 0). Before that, its figures are those of the probes that are decided: a probe in
//! flight is neither sent nor lost yet, since calling it lost would be a guess and calling it sent would dilute the loss. So
//! `sent = received + refused + reset + unreachable + late + lost` holds at every moment, and in a running window the loss lags by one
//! timeout behind the replies.

#[cfg(test)]
mod tests;

use super::distribution::Distribution;
use super::jitter::{Ipdv, Jitter};
use super::lateness::Lateness;
use super::loss::LossRuns;
use super::summary::{Counts, Proportion, Summary};
use crate::outcome::{Answer, Answered, Event, Fate, InTime, StampSource, Timing, Unreachable, What};
use crate::units::ProbeSeq;

/// What a window keeps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WindowOptions {
    /// The source of the series' RTTs. RTTs of any other source are counted in `stamps_lost` and enter no figure.
    pub stamp: StampSource,
    /// Whether to keep the RTTs as user space saw them, next to those of `stamp`.
    pub user_rtt: bool,
}

/// Counts and distributions of one series over one window. A quiet one takes some KiB, an idle one none on the heap.
#[derive(Clone, Debug)]
pub struct WindowStats {
    options: WindowOptions,
    /// Probes that left this host, decided or not.
    left: u64,
    /// Probes whose timeout has passed and that may still be answered late.
    overdue: u64,
    /// All counts but `sent`, which follows from the others.
    counts: Counts,
    stamps_lost: u64,
    rtt: Distribution,
    user_rtt: Option<Box<Distribution>>,
    refused: Option<Box<Refused>>,
    jitter: Jitter,
    ipdv: Ipdv,
    loss: LossRuns,
    lateness: Lateness,
}

/// Times of refusals. Most series never see one, and a refusal may have another source than a reply: `connect()` gets its replies timed
/// by the kernel and its refusals by nobody but us. The first source seen owns the distribution.
#[derive(Clone, Debug)]
struct Refused {
    source: StampSource,
    times: Distribution,
}

impl WindowStats {
    /// An empty window.
    #[must_use]
    pub fn new(options: WindowOptions) -> Self {
        Self {
            options,
            left: 0,
            overdue: 0,
            counts: Counts::default(),
            stamps_lost: 0,
            rtt: Distribution::default(),
            user_rtt: None,
            refused: None,
            jitter: Jitter::default(),
            ipdv: Ipdv::default(),
            loss: LossRuns::default(),
            lateness: Lateness::default(),
        }
    }

    /// Takes one event. Answers come in order of arrival, `Settled` in order of sending.
    #[inline]
    pub fn record(&mut self, event: &Event) {
        match event.what {
            What::Sent { late_by } => {
                self.left += 1;
                self.lateness.record(late_by);
            }
            What::SendFailed(_) => self.counts.send_error += 1,
            What::Answered(answered) => self.answered(&answered),
            What::TimedOut => self.overdue += 1,
            What::Duplicate => self.counts.duplicate += 1,
            What::LateAfterClose => self.counts.late_after_close += 1,
            What::Settled(fate) => self.settled(event.seq, fate),
        }
    }

    /// Continues with `later`, the next window of the same series.
    ///
    /// The result is what one window over both would have held, jitter, IPDV and loss runs over the border included. Two things that do not
    /// happen in a healthy series differ: replies that overtook each other across the border enter the RFC 3550 jitter in another
    /// order, and times of a stamp source that is not this window's own (that of its replies, or that of its refusals) are not merged but counted
    /// in `stamps_lost`.
    pub fn merge(&mut self, later: &Self) {
        self.left += later.left;
        self.overdue += later.overdue;
        self.counts.add(&later.counts);
        self.stamps_lost += later.stamps_lost;
        self.loss.merge(&later.loss);
        self.lateness.merge(&later.lateness);
        if self.options.stamp == later.options.stamp {
            self.rtt.merge(&later.rtt);
            self.jitter.merge(&later.jitter);
            self.ipdv.merge(&later.ipdv);
            if let (true, Some(times)) = (self.options.user_rtt, &later.user_rtt) {
                self.user_rtt.get_or_insert_default().merge(times);
            }
        } else {
            self.stamps_lost += later.rtt.histogram().count();
        }
        if let Some(refused) = &later.refused {
            self.merge_refused(refused);
        }
    }

    /// Probes that left and are not decided yet.
    #[must_use]
    pub fn in_flight(&self) -> u64 {
        self.left
            .saturating_sub(self.decided() + self.overdue + self.counts.unjudged)
    }

    /// What the window was told to keep.
    #[must_use]
    pub const fn options(&self) -> WindowOptions {
        self.options
    }

    /// The RTTs of `received`.
    #[must_use]
    pub const fn rtt(&self) -> &Distribution {
        &self.rtt
    }

    /// The runs of lost probes.
    #[must_use]
    pub const fn loss_runs(&self) -> &LossRuns {
        &self.loss
    }

    /// All figures of the decided probes. Before the end, those whose timeout has passed stand among the lost: an answer that comes
    /// late after all moves them to the late.
    #[must_use]
    pub fn summary(&self) -> Summary {
        let sent = self.decided() + self.overdue;
        let lost = self.counts.lost + self.overdue;
        Summary {
            counts: Counts {
                sent,
                lost,
                ..self.counts
            },
            loss: Proportion::wilson(lost, sent),
            rtt: self.rtt.summary(),
            refused_rtt: self.refused.as_ref().and_then(|refused| refused.times.summary()),
            user_rtt: self.user_rtt.as_ref().and_then(|times| times.summary()),
            jitter_rfc3550_us: self.jitter.micros(),
            ipdv: self.ipdv.summary(),
            loss_burst_max: self.loss.longest(),
            stamp: self.options.stamp,
            stamps_lost: self.stamps_lost,
            send_late: self.lateness.summary(),
            rtt_cells: self.rtt.histogram().cells().collect(),
            ipdv_cells: self.ipdv.magnitudes().cells().collect(),
            send_late_cells: self.lateness.cells().collect(),
        }
    }

    /// Bytes on the heap, up to the overhead of allocations.
    #[must_use]
    pub fn heap_bytes(&self) -> usize {
        let user_rtt = self.user_rtt.as_ref();
        let refused = self.refused.as_ref();
        self.rtt.heap_bytes()
            + user_rtt.map_or(0, |times| size_of::<Distribution>() + times.heap_bytes())
            + refused.map_or(0, |refused| size_of::<Refused>() + refused.times.heap_bytes())
            + self.ipdv.heap_bytes()
            + self.lateness.heap_bytes()
    }

    fn answered(&mut self, answered: &Answered) {
        // Missing stamps are this host's noise, whatever they were missing from.
        if answered.stamp_loss.is_some() {
            self.stamps_lost += 1;
        }
        if answered.timed_out {
            self.overdue = self.overdue.saturating_sub(1);
        }
        match answered.in_time {
            InTime::Late => self.counts.late += 1,
            InTime::Yes => match answered.answer {
                Answer::Reply => self.reply(answered),
                Answer::Refused => self.refusal(answered),
                Answer::Reset => self.counts.reset += 1,
                Answer::Unreachable(unreachable) => self.unreachable(unreachable),
            },
        }
    }

    #[inline]
    fn reply(&mut self, answered: &Answered) {
        self.counts.received += 1;
        if answered.reordered {
            self.counts.reordered += 1;
        }
        if self.is_usable(answered, self.options.stamp) {
            self.rtt.record(answered.timing.rtt);
            self.jitter.record(answered.timing.rtt);
            if self.options.user_rtt {
                self.user_rtt.get_or_insert_default().record(answered.user_rtt);
            }
        }
    }

    fn refusal(&mut self, answered: &Answered) {
        self.counts.refused += 1;
        let owner = self
            .refused
            .as_ref()
            .map_or(answered.timing.source, |refused| refused.source);
        if self.is_usable(answered, owner) {
            let refused = self.refused.get_or_insert_with(|| Box::new(Refused::new(owner)));
            refused.times.record(answered.timing.rtt);
        }
    }

    fn unreachable(&mut self, unreachable: Unreachable) {
        self.counts.unreachable += 1;
        if unreachable.is_prohibited() {
            self.counts.prohibited += 1;
        }
    }

    /// Whether the time of an answer may enter a distribution that `owner` stamps. If it may not, it is counted in `stamps_lost`, once.
    fn is_usable(&mut self, answered: &Answered, owner: StampSource) -> bool {
        if answered.stamp_loss.is_some() {
            return false;
        }
        let usable = answered.timing.source == owner;
        if !usable {
            self.stamps_lost += 1;
        }
        usable
    }

    #[inline]
    fn settled(&mut self, seq: ProbeSeq, fate: Fate) {
        match fate {
            Fate::Received(Timing { rtt, source }) => {
                self.loss.answered();
                self.ipdv.record(seq, (source == self.options.stamp).then_some(rtt));
                return;
            }
            Fate::Rejected | Fate::Late => self.loss.answered(),
            Fate::Lost => {
                self.overdue = self.overdue.saturating_sub(1);
                self.counts.lost += 1;
                self.loss.lost();
            }
            Fate::NotSent => {}
            Fate::Unjudged(_) => self.counts.unjudged += 1,
        }
        self.ipdv.record(seq, None);
    }

    /// Probes whose outcome is known.
    const fn decided(&self) -> u64 {
        let Counts {
            received,
            refused,
            reset,
            unreachable,
            late,
            lost,
            ..
        } = self.counts;
        received + refused + reset + unreachable + late + lost
    }

    fn merge_refused(&mut self, later: &Refused) {
        let own = self.refused.get_or_insert_with(|| Box::new(Refused::new(later.source)));
        if own.source == later.source {
            own.times.merge(&later.times);
        } else {
            self.stamps_lost += later.times.histogram().count();
        }
    }
}

impl Refused {
    fn new(source: StampSource) -> Self {
        Self {
            source,
            times: Distribution::default(),
        }
    }
}
