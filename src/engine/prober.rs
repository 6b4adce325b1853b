//! The life of every probe, whatever carries it: due, sent, answered or not, settled.
//!
//! Pure: time is an argument, packets are the caller's. Call order per turn of the caller's loop:
//! [`handle_answer`](Prober::handle_answer) for everything that arrived, then [`handle_deadline`](Prober::handle_deadline) with a
//! moment before which all arrivals have been handled, then [`poll_due`](Prober::poll_due) until `None`, each followed by
//! [`handle_sent`](Prober::handle_sent) or [`handle_send_error`](Prober::handle_send_error), then what somebody wants to
//! [`launch`](Prober::launch), followed by the same; [`poll_event`](Prober::poll_event) at any time. Memory is
//! bounded by series: a ring of the latest probes each.

mod sending;
mod settling;

use std::collections::VecDeque;
use std::time::Duration;

use super::answer::{Arrival, Judged, judge};
use super::overflow::Overflow;
use super::progress::{Progress, Stride};
use super::ring::{Entry, State};
use super::syn_pacer::SynPacer;
use super::timeouts::Timeouts;
use crate::outcome::{Answer, Answered, Event, Fate, InTime, Proto, StampSource, Timing, Unjudged, What};
use crate::schedule::{Schedule, Slot, phase};
use crate::series::Pace;
use crate::units::{Mono, ProbeSeq, Rtt, SeriesId, Wall};

/// The life of every probe of every series.
#[derive(Debug)]
pub struct Prober {
    series: Vec<Progress>,
    schedule: Schedule,
    timeouts: Timeouts,
    syn_pacer: SynPacer,
    /// SYN slots that are due but wait for the pacer.
    syn_backlog: VecDeque<Slot>,
    overflow: [Overflow; Proto::ALL.len()],
    events: VecDeque<Event>,
    /// By protocol.
    in_flight: [u64; Proto::ALL.len()],
    counters: Counters,
}

/// Things that happened to the prober itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Slots that the caller came too late for.
    pub slots_skipped: u64,
    /// SYN-ACKs that their peer sent again because the first, or our reset, was lost. They prove nothing about the probe.
    pub syn_ack_retransmissions: u64,
    /// Answers to probes that this host never sent, although their marks are right.
    pub answers_to_unsent: u64,
}

/// A probe that is to be sent now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Due {
    /// Its series.
    pub series: SeriesId,
    /// Its number within the series.
    pub seq: ProbeSeq,
    /// How long after its slot.
    pub late_by: Duration,
    /// TTL or hop limit where it is not that of all probes.
    pub ttl: Option<u8>,
}

/// What a series needs to be probed.
#[derive(Clone, Copy, Debug)]
pub struct Admission {
    /// Echo, SYN or UDP.
    pub proto: Proto,
    /// Interval, timeout, count. With a count of 0 nothing is scheduled, and probes are [launched](Prober::launch).
    pub pace: Pace,
    /// The source of its RTTs when nothing goes wrong.
    pub stamp: StampSource,
    /// How many probes to remember; raised to what the pace needs. Of a series that is only launched, no more than these can be
    /// under way at a time, and one that times out is settled when the ring comes around to it, so many launches later.
    pub memory: usize,
    /// How many unanswered probes hold back a series that sends as fast as answers come.
    pub window: u32,
}

impl Prober {
    /// A prober of nothing yet. At most `max_syn_rate` SYNs a second leave it, over all series.
    #[must_use]
    pub fn new(max_syn_rate: Option<u32>) -> Self {
        Self {
            series: Vec::new(),
            schedule: Schedule::new(),
            timeouts: Timeouts::default(),
            syn_pacer: SynPacer::new(max_syn_rate),
            syn_backlog: VecDeque::new(),
            overflow: [Overflow::default(); Proto::ALL.len()],
            events: VecDeque::new(),
            in_flight: [0; Proto::ALL.len()],
            counters: Counters::default(),
        }
    }

    /// Starts a series; its first slot lies within one interval of `now`. Ids are dense from 0 in order of admission.
    pub fn admit(&mut self, now: Mono, admission: Admission) -> SeriesId {
        // A caller cannot hold 2^32 series in memory.
        let id = SeriesId::new(u32::try_from(self.series.len()).unwrap_or(u32::MAX));
        let pace = admission.pace;
        self.series.push(Progress::new(admission));
        if pace.count != Some(0) {
            self.schedule.push(now.after(phase(id, pace.interval)), id);
        }
        id
    }

    /// When [`handle_deadline`](Self::handle_deadline) or [`poll_due`](Self::poll_due) next have something to do.
    pub fn next_deadline(&mut self) -> Option<Mono> {
        let due = self.schedule.next_due();
        // A caller that comes later sends no fewer SYNs for it: the pacer saves them up for a second.
        let paced = (!self.syn_backlog.is_empty()).then(|| self.syn_pacer.next_slot());
        [due, paced, self.next_timeout()].into_iter().flatten().min()
    }

    /// When the next probe times out.
    pub fn next_timeout(&mut self) -> Option<Mono> {
        let series = &self.series;
        self.timeouts
            .next_deadline(|probe| is_waiting(series, probe.series, probe.seq))
    }

    /// The kernel's send stamp of a probe.
    pub fn handle_tx_stamp(&mut self, series: SeriesId, seq: ProbeSeq, stamp: Wall) {
        let Some(entry) = self.entry_mut(series, seq) else {
            return;
        };
        match &mut entry.state {
            State::Waiting { tx } | State::Overdue { tx } => *tx = Some(stamp),
            State::Sending => entry.state = State::Waiting { tx: Some(stamp) },
            State::Done(_) => {}
        }
    }

    /// An answer that is proven to be one to the probe `seq` of `series`.
    pub fn handle_answer(&mut self, series: SeriesId, seq: ProbeSeq, answer: Answer, arrival: Arrival) {
        let Some(progress) = self
            .series
            .get_mut(series.index())
            .filter(|progress| seq < progress.next_seq)
        else {
            self.counters.answers_to_unsent += 1;
            return;
        };
        let Some(entry) = progress.ring.get(seq).copied() else {
            return self.emit(series, seq, arrival.at, What::LateAfterClose);
        };
        let was_waiting = entry.state.is_in_flight();
        match entry.state {
            State::Done(fate) => return self.handle_repeat(series, entry, fate),
            State::Sending => {
                self.counters.answers_to_unsent += 1;
                return;
            }
            State::Waiting { .. } | State::Overdue { .. } => {}
        }
        let Judged {
            timing,
            user_rtt,
            stamp_loss,
        } = judge(&entry, &arrival, progress.admission.stamp);
        if progress.is_retransmission(answer, timing) {
            self.counters.syn_ack_retransmissions += 1;
            return;
        }
        let in_time = if timing.rtt <= Rtt::from(progress.admission.pace.timeout) {
            InTime::Yes
        } else {
            InTime::Late
        };
        let reordered = in_time == InTime::Yes && progress.newest_answered > Some(seq);
        let fate = match (in_time, answer) {
            (InTime::Late, _) => Fate::Late,
            (InTime::Yes, Answer::Reply) => Fate::Received(timing),
            (InTime::Yes, Answer::Refused | Answer::Reset | Answer::Unreachable(_)) => Fate::Rejected,
        };
        progress.newest_answered = progress.newest_answered.max(Some(seq));
        if let Fate::Received(Timing { rtt, .. }) = fate {
            progress.fastest = Some(progress.fastest.map_or(rtt, |fastest| fastest.min(rtt)));
        }
        if let Some(entry) = progress.ring.get_mut(seq) {
            entry.state = State::Done(fate);
        }
        if was_waiting && in_time == InTime::Late {
            self.emit(series, seq, entry.sent_at, What::TimedOut);
        }
        let Arrival {
            ttl, bytes, from, told, ..
        } = arrival;
        let timed_out = !was_waiting || in_time == InTime::Late;
        let answered = Answered {
            answer,
            timing,
            user_rtt,
            in_time,
            timed_out,
            reordered,
            ttl,
            bytes,
            stamp_loss,
            from,
            told,
        };
        self.emit(series, seq, entry.sent_at, What::Answered(answered));
        if was_waiting {
            self.leave_flight(series, arrival.at);
        } else {
            self.settle(series);
        }
    }

    /// The probe is lost although something came back: the peer, or this host's own stack, had to send again.
    pub fn handle_retransmitted(&mut self, series: SeriesId, seq: ProbeSeq, now: Mono) {
        self.counters.syn_ack_retransmissions += 1;
        if let Some(entry) = self
            .series
            .get(series.index())
            .and_then(|progress| progress.ring.get(seq))
            && entry.state.is_in_flight()
        {
            let sent_at = entry.sent_at;
            self.time_out(series, seq, sent_at, now);
        }
    }

    /// The probe failed on this host after the kernel had taken it.
    pub fn handle_send_failure(&mut self, series: SeriesId, seq: ProbeSeq) {
        let Some(entry) = self.entry_mut(series, seq).filter(|entry| entry.state.is_in_flight()) else {
            return;
        };
        let sent_at = entry.sent_at;
        entry.state = State::Done(Fate::Unjudged(Unjudged::LocalFailure));
        self.leave_flight(series, sent_at);
    }

    /// `packets` more packets were dropped, unread, from the receive queue of this protocol at some moment before `now`.
    pub fn handle_receive_drops(&mut self, proto: Proto, packets: u32, now: Mono) {
        self.overflow[proto as usize].record(packets, now);
    }

    /// Whether every probe that was asked for has been sent and either answered or timed out.
    #[must_use]
    pub fn is_finished(&self) -> bool {
        self.in_flight == [0; Proto::ALL.len()] && self.schedule.next_due().is_none() && self.syn_backlog.is_empty()
    }

    /// How many probes of a protocol await their answer.
    #[must_use]
    pub const fn in_flight(&self, proto: Proto) -> u64 {
        self.in_flight[proto as usize]
    }

    /// Whether a series has sent as many probes as its pace asks for, and was not closed before they were judged; never so for a
    /// series without end.
    #[must_use]
    pub fn is_complete(&self, series: SeriesId) -> bool {
        let asked = |progress: &Progress| {
            progress
                .admission
                .pace
                .count
                .is_some_and(|count| progress.spent >= count)
        };
        self.series
            .get(series.index())
            .is_some_and(|progress| asked(progress) && !progress.cut)
    }

    /// The next thing that happened.
    pub fn poll_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// Bytes on the heap, up to the overhead of allocations.
    #[must_use]
    pub fn heap_bytes(&self) -> usize {
        let rings: usize = self.series.iter().map(|progress| progress.ring.heap_bytes()).sum();
        rings
            + self.series.capacity() * size_of::<Progress>()
            + self.schedule.heap_bytes()
            + self.timeouts.heap_bytes()
            + self.syn_backlog.capacity() * size_of::<Slot>()
            + self.events.capacity() * size_of::<Event>()
    }

    /// What happened to the prober itself so far.
    #[must_use]
    pub const fn counters(&self) -> Counters {
        self.counters
    }

    /// Whether the probes of a series are launched one by one.
    pub(super) fn is_launched(&self, series: SeriesId) -> bool {
        self.series.get(series.index()).is_some_and(Progress::is_launched)
    }

    /// The newest SYN of a series among those of `candidates` with this initial sequence number.
    pub(super) fn find_syn(&self, series: SeriesId, candidates: Stride, isn: u32) -> Option<ProbeSeq> {
        let progress = self.series.get(series.index())?;
        progress
            .find_probe(candidates, |entry| entry.isn == isn)
            .map(|entry| entry.seq)
    }

    /// The newest SYN among `candidates` that went at least as far as the one with this initial sequence number, if there is such a
    /// one. All that are not launched go equally far.
    pub(super) fn find_newest_syn(&self, series: SeriesId, candidates: Stride, isn: u32) -> Option<ProbeSeq> {
        let progress = self.series.get(series.index())?;
        let ttl = progress.find_probe(candidates, |entry| entry.isn == isn)?.ttl;
        progress
            .find_probe(candidates, |entry| entry.ttl >= ttl)
            .map(|entry| entry.seq)
    }

    /// The newest of `candidates` if it awaits its answer.
    pub(super) fn find_waiting(&self, series: SeriesId, candidates: Stride) -> Option<ProbeSeq> {
        let newest = self.series.get(series.index())?.find_probe(candidates, |_| true)?;
        newest.state.is_in_flight().then_some(newest.seq)
    }

    /// The UDP probe of a series that was sent with this checksum, if it awaits its answer.
    pub(super) fn find_datagram(&self, series: SeriesId, checksum: u16) -> Option<ProbeSeq> {
        let all = Stride { offset: 0, every: 1 };
        let progress = self.series.get(series.index())?;
        let sent = progress.find_probe(all, |entry| entry.isn == u32::from(checksum))?;
        sent.state.is_in_flight().then_some(sent.seq)
    }

    fn handle_repeat(&mut self, series: SeriesId, entry: Entry, fate: Fate) {
        let what = match fate {
            Fate::Received(_) | Fate::Rejected | Fate::Late => What::Duplicate,
            Fate::Lost | Fate::Unjudged(_) => What::LateAfterClose,
            // Somebody guessed a cookie, or the kernel sent what it said it had not.
            Fate::NotSent => {
                self.counters.answers_to_unsent += 1;
                return;
            }
        };
        self.emit(series, entry.seq, entry.sent_at, what);
    }

    fn entry_mut(&mut self, series: SeriesId, seq: ProbeSeq) -> Option<&mut Entry> {
        self.series.get_mut(series.index())?.ring.get_mut(seq)
    }

    fn emit(&mut self, series: SeriesId, seq: ProbeSeq, sent_at: Mono, what: What) {
        self.events.push_back(Event {
            series,
            seq,
            sent_at,
            what,
        });
    }
}

fn is_waiting(series: &[Progress], id: SeriesId, seq: ProbeSeq) -> bool {
    series.get(id.index()).is_some_and(|progress| progress.is_waiting(seq))
}

#[cfg(test)]
mod tests;
