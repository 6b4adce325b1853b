//! The beginning of a probe: its slot, its departure.

use std::time::Duration;

use super::{Due, Prober};
use crate::clock::ClockEpoch;
use crate::engine::launch::Launch;
use crate::engine::ring::{Entry, State};
use crate::outcome::{Fate, Proto, SendError, What};
use crate::schedule::Slot;
use crate::series::Pace;
use crate::units::{Mono, ProbeSeq, SeriesId};

impl Prober {
    /// The next probe to send at `now`, if any. `isn` gives the initial sequence number of a SYN.
    pub fn poll_due(
        &mut self,
        now: Mono,
        epoch: ClockEpoch,
        isn: impl FnOnce(SeriesId, ProbeSeq) -> u32,
    ) -> Option<Due> {
        let slot = self.poll_slot(now)?;
        let seq = self.begin(slot.series, now, epoch, None, isn)?;
        let progress = &mut self.series[slot.series.index()];
        let Pace { interval, count, .. } = progress.admission.pace;
        if count.is_none_or(|count| progress.spent < count) {
            if interval.is_zero() && progress.in_flight >= progress.admission.window {
                progress.parked = true;
            } else {
                // A series without an interval goes to the end of the queue of now: all such series take turns.
                let next = if interval.is_zero() {
                    now
                } else {
                    slot.due.after(interval)
                };
                self.schedule.push(next, slot.series);
            }
        }
        Some(Due {
            series: slot.series,
            seq,
            late_by: now.since(slot.due),
            ttl: None,
        })
    }

    /// A probe of a series that is only launched, to be sent at `now`. `isn` gives the initial sequence number of a SYN.
    ///
    /// `None` where the series remembers as many unanswered probes as it can ([`Admission::memory`](super::Admission::memory)),
    /// where no further SYN may leave yet, and for series that have a schedule.
    pub fn launch(
        &mut self,
        now: Mono,
        epoch: ClockEpoch,
        launch: Launch,
        isn: impl FnOnce(SeriesId, ProbeSeq) -> u32,
    ) -> Option<Due> {
        let Launch { series, ttl } = launch;
        let progress = self
            .series
            .get(series.index())
            .filter(|progress| progress.is_launched() && !progress.retired)?;
        let occupant = progress.ring.occupant(progress.next_seq).map(|oldest| oldest.state);
        if occupant.is_some_and(State::is_in_flight) {
            return None;
        }
        if progress.admission.proto == Proto::Tcp && !self.syn_pacer.try_take(now) {
            return None;
        }
        self.settle_through(series, self.series[series.index()].oldest_place());
        let seq = self.begin(series, now, epoch, Some(ttl), isn)?;
        Some(Due {
            series,
            seq,
            late_by: Duration::ZERO,
            ttl: Some(ttl),
        })
    }

    /// Enters the next probe of a series into the books.
    fn begin(
        &mut self,
        id: SeriesId,
        now: Mono,
        epoch: ClockEpoch,
        ttl: Option<u8>,
        isn: impl FnOnce(SeriesId, ProbeSeq) -> u32,
    ) -> Option<ProbeSeq> {
        let progress = self.series.get_mut(id.index())?;
        let seq = progress.next_seq;
        progress.next_seq = seq.next();
        progress.spent += 1;
        progress.in_flight += 1;
        self.in_flight[progress.admission.proto as usize] += 1;
        let isn = match progress.admission.proto {
            Proto::Icmp => 0,
            Proto::Tcp | Proto::Udp => isn(id, seq),
        };
        progress.ring.insert(Entry {
            seq,
            sent_at: now,
            isn,
            ttl: ttl.unwrap_or_default(),
            epoch,
            state: State::Sending,
        });
        self.timeouts.push(now, progress.admission.pace.timeout, id, seq);
        Some(seq)
    }

    /// The next slot whose series can send: SYNs as their pacer allows, and never over a probe that may still be answered in time.
    fn poll_slot(&mut self, now: Mono) -> Option<Slot> {
        loop {
            let slot = self.poll_raw_slot(now)?;
            self.counters.slots_skipped += slot.skipped;
            let progress = &mut self.series[slot.series.index()];
            match progress.ring.occupant(progress.next_seq).map(|oldest| oldest.state) {
                Some(state) if state.is_in_flight() => {
                    // More unanswered probes than the ring holds: only where a series outruns the pace it was admitted with.
                    self.counters.slots_skipped += 1;
                    let Pace { interval, timeout, .. } = progress.admission.pace;
                    self.schedule
                        .push(slot.due.after(interval.max(timeout / 16)), slot.series);
                }
                Some(State::Overdue { .. }) => {
                    self.settle_through(slot.series, self.series[slot.series.index()].oldest_place());
                    return Some(slot);
                }
                _ => return Some(slot),
            }
        }
    }

    fn poll_raw_slot(&mut self, now: Mono) -> Option<Slot> {
        if !self.syn_backlog.is_empty() && self.syn_pacer.try_take(now) {
            return self.syn_backlog.pop_front();
        }
        loop {
            let series = &self.series;
            let slot = self
                .schedule
                .poll(now, |id| series[id.index()].admission.pace.interval)?;
            match self.series[slot.series.index()].admission.proto {
                Proto::Icmp | Proto::Udp => return Some(slot),
                Proto::Tcp if self.syn_backlog.is_empty() && self.syn_pacer.try_take(now) => return Some(slot),
                Proto::Tcp => self.syn_backlog.push_back(slot),
            }
        }
    }

    /// The kernel took the probe.
    pub fn handle_sent(&mut self, due: Due) {
        let Some(entry) = self.entry_mut(due.series, due.seq) else {
            return;
        };
        let sent_at = entry.sent_at;
        // Its send stamp may be here already, where the caller reads the error queue first.
        if entry.state == State::Sending {
            entry.state = State::Waiting { tx: None };
        }
        self.emit(due.series, due.seq, sent_at, What::Sent { late_by: due.late_by });
    }

    /// The kernel refused the probe.
    pub fn handle_send_error(&mut self, due: Due, error: SendError) {
        let Some(entry) = self.entry_mut(due.series, due.seq) else {
            return;
        };
        let sent_at = entry.sent_at;
        entry.state = State::Done(Fate::NotSent);
        self.emit(due.series, due.seq, sent_at, What::SendFailed(error));
        self.leave_flight(due.series, sent_at);
    }

    /// Plans no further probes of a series, and launches none; those under way are still awaited. Once they are answered or timed out,
    /// all are settled and forgotten: what comes later is [`What::LateAfterClose`]. A few bytes of a series stay, because ids are not used again.
    pub fn retire(&mut self, id: SeriesId) {
        let Some(progress) = self.series.get_mut(id.index()) else {
            return;
        };
        progress.retired = true;
        progress.parked = false;
        self.schedule.remove(id);
        self.syn_backlog.retain(|slot| slot.series != id);
        self.forget_retired(id);
    }

    /// Plans no further probes; those under way are still awaited.
    pub fn stop_sending(&mut self) {
        self.schedule.clear();
        self.syn_backlog.clear();
        for progress in &mut self.series {
            progress.parked = false;
        }
    }
}
