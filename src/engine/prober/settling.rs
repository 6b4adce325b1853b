//! The end of a probe: its timeout, and its fate in order of sending.

use super::{Prober, is_waiting};
use crate::engine::ring::{Entry, Ring, State};
use crate::outcome::{Fate, Proto, Unjudged, What};
use crate::units::{Mono, ProbeSeq, SeriesId};

impl Prober {
    /// Times out probes. Everything that arrived before `now` must have been handled, or a stalled caller would call it lost.
    pub fn handle_deadline(&mut self, now: Mono) {
        loop {
            let series = &self.series;
            let Some(probe) = self
                .timeouts
                .pop_expired(now, |probe| is_waiting(series, probe.series, probe.seq))
            else {
                return;
            };
            if let Some(sent_at) = self.entry_mut(probe.series, probe.seq).map(|entry| entry.sent_at) {
                self.time_out(probe.series, probe.seq, sent_at, now);
            }
        }
    }

    pub(super) fn time_out(&mut self, id: SeriesId, seq: ProbeSeq, sent_at: Mono, now: Mono) {
        let excused = self.is_excused(id, sent_at);
        let Some(entry) = self.entry_mut(id, seq) else { return };
        match entry.state {
            _ if excused => entry.state = State::Done(Fate::Unjudged(Unjudged::ReceiveOverflow)),
            State::Waiting { tx } => entry.state = State::Overdue { tx },
            State::Sending => entry.state = State::Overdue { tx: None },
            State::Overdue { .. } | State::Done(_) => return,
        }
        if !excused {
            self.emit(id, seq, sent_at, What::TimedOut);
        }
        self.leave_flight(id, now);
    }

    /// Whether this host may have dropped the answer to a probe itself, at a socket that it may have come by: answers to SYNs and
    /// datagrams that die on the way come by that of ICMP.
    fn is_excused(&mut self, id: SeriesId, sent_at: Mono) -> bool {
        let progress = &self.series[id.index()];
        let (proto, by_icmp) = (progress.admission.proto, progress.is_answered_by_icmp());
        self.overflow[proto as usize].excuses(sent_at)
            || by_icmp && proto != Proto::Icmp && self.overflow[Proto::Icmp as usize].excuses(sent_at)
    }

    /// Closes the window of every series: what is not answered by now is lost, or, where its timeout has not passed, unjudged.
    pub fn close(&mut self) {
        self.stop_sending();
        for index in 0..self.series.len() {
            let id = SeriesId::new(u32::try_from(index).unwrap_or(u32::MAX));
            self.settle_through(id, self.series[index].next_seq);
            self.series[index].cut |= self.series[index].in_flight > 0;
            self.series[index].in_flight = 0;
        }
        self.in_flight = [0; Proto::ALL.len()];
    }

    /// A probe is answered, timed out or was never sent: its series may go on, from `now`, and the end of the run comes closer.
    pub(super) fn leave_flight(&mut self, id: SeriesId, now: Mono) {
        let progress = &mut self.series[id.index()];
        progress.in_flight = progress.in_flight.saturating_sub(1);
        let in_flight = &mut self.in_flight[progress.admission.proto as usize];
        *in_flight = in_flight.saturating_sub(1);
        if progress.parked {
            progress.parked = false;
            self.schedule.push(now, id);
        }
        self.settle(id);
        self.forget_retired(id);
    }

    /// Gives up the memory of a series that is retired, once none of its probes is under way.
    pub(super) fn forget_retired(&mut self, id: SeriesId) {
        let progress = &self.series[id.index()];
        if progress.retired && progress.in_flight == 0 {
            self.settle_through(id, progress.next_seq);
            self.series[id.index()].ring = Ring::new(0);
        }
    }

    /// Settles, in order of sending, all probes of a series whose fate is known.
    pub(super) fn settle(&mut self, id: SeriesId) {
        while let Some(entry) = self.series[id.index()].next_to_settle() {
            let State::Done(fate) = entry.state else { return };
            self.settle_one(id, entry, fate);
        }
    }

    /// Settles all probes before `end`; what is unanswered is lost.
    pub(super) fn settle_through(&mut self, id: SeriesId, end: ProbeSeq) {
        while self.series[id.index()].settled < end {
            let Some(entry) = self.series[id.index()].next_to_settle() else {
                break;
            };
            let fate = match entry.state {
                State::Done(fate) => fate,
                State::Overdue { .. } => Fate::Lost,
                State::Sending | State::Waiting { .. } => Fate::Unjudged(Unjudged::Cut),
            };
            self.settle_one(id, entry, fate);
        }
        self.settle(id);
    }

    fn settle_one(&mut self, id: SeriesId, entry: Entry, fate: Fate) {
        let progress = &mut self.series[id.index()];
        progress.settled = entry.seq.next();
        if let Some(entry) = progress.ring.get_mut(entry.seq) {
            entry.state = State::Done(fate);
        }
        self.emit(id, entry.seq, entry.sent_at, What::Settled(fate));
    }
}
