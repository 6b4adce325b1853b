//! What is counted at one hop while the sweep goes on.

use std::collections::VecDeque;
use std::net::IpAddr;

use super::hop::{Hop, HopCounts, Responder, RoundMark};
use crate::outcome::{MplsStack, StampSource, Timing};
use crate::stats::Distribution;
use crate::units::Rtt;

/// One answer.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sample {
    pub(super) round: u64,
    pub(super) from: IpAddr,
    pub(super) timing: Timing,
    pub(super) mpls: MplsStack,
}

/// What is counted at one hop.
#[derive(Clone, Debug, Default)]
pub(super) struct Tally {
    pub(super) counts: HopCounts,
    responders: Vec<Responder>,
    rtts: Distribution,
    /// Where the stamps of all `rtts` come from: that of the first.
    source: Option<StampSource>,
    last: Option<Rtt>,
    /// Sum of the differences of successive RTTs in ns, and how many there are.
    differences: (f64, u32),
    rounds: VecDeque<RoundMark>,
}

impl Tally {
    /// An answer in time to a probe that was not judged before.
    pub(super) fn receive(&mut self, sample: Sample) {
        self.counts.sent += 1;
        self.accept(sample);
    }

    /// No answer in time.
    pub(super) fn lose(&mut self, round: u64) {
        self.counts.sent += 1;
        self.mark(RoundMark { round, rtt: None });
    }

    /// A loss was counted here that belongs elsewhere.
    pub(super) fn take_back(&mut self, round: u64) {
        self.counts.sent = self.counts.sent.saturating_sub(1);
        self.rounds.retain(|mark| mark.round != round || mark.rtt.is_some());
    }

    /// A probe that was judged as lost was answered in time: this host was late to see it.
    pub(super) fn redeem(&mut self, sample: Sample) {
        let is_lost = |mark: &RoundMark| mark.round == sample.round && mark.rtt.is_none();
        if !self.rounds.iter().any(is_lost) {
            // Its loss was taken for that of another router.
            self.counts.sent += 1;
        }
        self.accept(sample);
    }

    /// Whether this address has answered here.
    pub(super) fn knows(&self, address: IpAddr) -> bool {
        self.responders.iter().any(|responder| responder.address == address)
    }

    /// The same counts without probes under way, for a hop that goes on elsewhere.
    pub(super) fn continued(&self) -> Self {
        let mut copy = self.clone();
        copy.counts.in_flight = 0;
        copy
    }

    /// What remains where only losses were counted, and these are not its own: probes under way, and what is no loss.
    pub(super) fn without_losses(&self) -> Self {
        let counts = HopCounts {
            sent: 0,
            received: 0,
            late: 0,
            ..self.counts
        };
        Self {
            counts,
            ..Self::default()
        }
    }

    /// What a report says.
    pub(super) fn snapshot(&self, ttl: u8, presumed: bool) -> Hop {
        let mut responders = self.responders.clone();
        responders.sort_by_key(|responder| std::cmp::Reverse(responder.answers));
        let (sum, steps) = self.differences;
        Hop {
            ttl,
            responders,
            counts: self.counts,
            rtts: self.rtts.clone(),
            last: self.last,
            jitter_us: (steps > 0).then(|| sum / f64::from(steps) / 1e3),
            rounds: self.rounds.iter().copied().collect(),
            presumed,
        }
    }

    /// The same for the rounds from `first` on, as far as they are remembered. Who answered is known of all rounds only.
    pub(super) fn snapshot_since(&self, ttl: u8, presumed: bool, first: u64) -> Hop {
        let from = self.rounds.partition_point(|mark| mark.round < first);
        let mut recent = Self {
            responders: self.responders.clone(),
            ..Self::default()
        };
        for mark in self.rounds.range(from..) {
            recent.counts.sent += 1;
            recent.mark(*mark);
            if let Some(rtt) = mark.rtt {
                recent.counts.received += 1;
                recent.record(rtt);
            }
        }
        recent.counts.in_flight = self.counts.in_flight;
        recent.snapshot(ttl, presumed)
    }

    fn accept(&mut self, sample: Sample) {
        let Sample {
            round,
            from,
            timing: Timing { rtt, source },
            mpls,
        } = sample;
        self.counts.received += 1;
        self.mark(RoundMark { round, rtt: Some(rtt) });
        self.count_responder(from, mpls);
        if *self.source.get_or_insert(source) != source {
            return;
        }
        self.record(rtt);
    }

    /// The next RTT, of the same source as all before.
    fn record(&mut self, rtt: Rtt) {
        if let Some(last) = self.last {
            let (sum, steps) = self.differences;
            let step = Rtt::from_nanos(rtt.as_nanos().abs_diff(last.as_nanos())).as_micros() * 1e3;
            self.differences = (sum + step, steps.saturating_add(1));
        }
        self.last = Some(rtt);
        self.rtts.record(rtt);
    }

    fn count_responder(&mut self, address: IpAddr, mpls: MplsStack) {
        if let Some(known) = self.responders.iter_mut().find(|known| known.address == address) {
            known.answers += 1;
            known.mpls = mpls;
        } else if self.responders.len() < MAX_RESPONDERS {
            self.responders.push(Responder {
                address,
                answers: 1,
                mpls,
            });
        }
    }

    /// Remembers a round in its order. Of two probes of one round, an answer outweighs a loss.
    fn mark(&mut self, mark: RoundMark) {
        let after = self.rounds.iter().rposition(|known| known.round <= mark.round);
        if let Some(at) = after
            && let Some(known) = self.rounds.get_mut(at)
            && known.round == mark.round
        {
            known.rtt = known.rtt.or(mark.rtt);
            return;
        }
        let place = after.map_or(0, |at| at + 1);
        if self.rounds.len() < Hop::ROUNDS {
            self.rounds.insert(place, mark);
        } else if place > 0 {
            self.rounds.pop_front();
            self.rounds.insert(place - 1, mark);
        }
    }
}

/// Routers that balance packet by packet over more next hops than this are not listed in full.
const MAX_RESPONDERS: usize = 16;
