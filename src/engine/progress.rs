//! One series under way: what it remembers of its probes, and what follows from that.

use std::time::Duration;

use super::prober::Admission;
use super::ring::{Entry, Ring};
use crate::outcome::{Answer, Proto, StampSource, Timing};
use crate::series::Pace;
use crate::units::{ProbeSeq, Rtt};

/// The probes `offset`, `offset + every`, ... of a series: those that share a source port. `offset` is less than `every`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Stride {
    pub(super) offset: u64,
    pub(super) every: u64,
}

/// One series under way.
#[derive(Debug)]
pub(super) struct Progress {
    pub(super) admission: Admission,
    pub(super) ring: Ring,
    pub(super) next_seq: ProbeSeq,
    /// All probes before this one are settled.
    pub(super) settled: ProbeSeq,
    /// Probes that count against the number asked for.
    pub(super) spent: u64,
    pub(super) in_flight: u32,
    /// The highest number answered so far.
    pub(super) newest_answered: Option<ProbeSeq>,
    /// The fastest reply: where a peer's retransmissions are counted from.
    pub(super) fastest: Option<Rtt>,
    /// Sends as fast as answers come, and has a full window.
    pub(super) parked: bool,
    /// Was closed while probes were under way.
    pub(super) cut: bool,
    /// Sends no more, and is forgotten once its probes are judged.
    pub(super) retired: bool,
}

impl Progress {
    /// A series of which nothing has been sent.
    pub(super) fn new(admission: Admission) -> Self {
        let memory = admission.memory.max(outstanding(admission.pace)).max(MIN_MEMORY);
        Self {
            admission,
            ring: Ring::new(memory),
            next_seq: ProbeSeq::default(),
            settled: ProbeSeq::default(),
            spent: 0,
            in_flight: 0,
            newest_answered: None,
            fastest: None,
            parked: false,
            cut: false,
            retired: false,
        }
    }

    /// Whether its probes are launched one by one, and none is scheduled.
    pub(super) fn is_launched(&self) -> bool {
        self.admission.pace.count == Some(0)
    }

    /// Whether the answer to a probe may be an ICMP message, where that is an ordinary answer and not the exception.
    pub(super) fn is_answered_by_icmp(&self) -> bool {
        match self.admission.proto {
            Proto::Icmp | Proto::Udp => true,
            Proto::Tcp => self.is_launched(),
        }
    }

    /// Whether a probe awaits its answer.
    pub(super) fn is_waiting(&self, seq: ProbeSeq) -> bool {
        self.ring.get(seq).is_some_and(|entry| entry.state.is_in_flight())
    }

    /// The newest probe among `candidates` that satisfies `wanted`.
    pub(super) fn find_probe(&self, candidates: Stride, wanted: impl Fn(&Entry) -> bool) -> Option<&Entry> {
        let Stride { offset, every } = candidates;
        let sent = self.next_seq.get();
        let behind = (sent + every - 1 - offset) % every;
        let newest = sent.checked_sub(1 + behind)?;
        let oldest = sent.saturating_sub(self.ring.capacity());
        let step = usize::try_from(every).unwrap_or(usize::MAX);
        let seqs = (oldest..=newest).rev().step_by(step).map(ProbeSeq::new);
        let mut entries = seqs.filter_map(|seq| self.ring.get(seq)).take(MAX_SYN_SEARCH);
        entries.find(|entry| wanted(entry))
    }

    /// The probe after the one whose place the next probe takes.
    pub(super) fn oldest_place(&self) -> ProbeSeq {
        ProbeSeq::new((self.next_seq.get() + 1).saturating_sub(self.ring.capacity()))
    }

    pub(super) fn next_to_settle(&self) -> Option<Entry> {
        if self.settled < self.next_seq {
            self.ring.get(self.settled).copied()
        } else {
            None
        }
    }

    /// Whether a first SYN-ACK comes so long after its SYN, and at such a moment, that it is the peer's retransmission.
    ///
    /// A listener answers a SYN at once, and again 1, 3, 7, 15 and 31 s later (RFC 6298, section 2; `TCP_TIMEOUT_INIT`) while no
    /// ACK or RST arrives. Its timer may run up to an eighth late (the kernel's timer wheel). The first SYN-ACK was lost then:
    /// that is the fact to report, not a round trip of a second that no packet made. Only the kernel's stamps can tell: without
    /// them, a second may have passed between the arrival and its being read.
    pub(super) fn is_retransmission(&self, answer: Answer, timing: Timing) -> bool {
        let is_stamped_syn = self.admission.proto == Proto::Tcp && timing.source == StampSource::Kernel;
        if !is_stamped_syn || answer != Answer::Reply {
            return false;
        }
        // Without a faster one to compare with, this is how long the path takes.
        let Some(fastest) = self.fastest else { return false };
        let since_first = Duration::from_nanos(timing.rtt.as_nanos().saturating_sub(fastest.as_nanos()));
        SYN_ACK_RETRANSMISSIONS
            .iter()
            .any(|&after| since_first >= after && since_first <= after + after / 8 + TIMER_SLACK)
    }
}

/// How many probes of a series can be unanswered within their timeout.
fn outstanding(Pace { interval, timeout, .. }: Pace) -> usize {
    if interval.is_zero() {
        return 0;
    }
    usize::try_from(timeout.as_nanos() / interval.as_nanos() + 2)
        .unwrap_or(usize::MAX)
        .min(MAX_MEMORY)
}

/// Enough to recognise a late answer or a duplicate some probes later.
const MIN_MEMORY: usize = 16;

/// A series never remembers more probes than this (48 MiB); plans that need more are refused before they get here.
const MAX_MEMORY: usize = 1 << 20;

/// How many probes of one source port are compared with a TCP answer.
const MAX_SYN_SEARCH: usize = 256;

/// When a listener repeats its SYN-ACK, counted from the first.
const SYN_ACK_RETRANSMISSIONS: [Duration; 5] = [
    Duration::from_secs(1),
    Duration::from_secs(3),
    Duration::from_secs(7),
    Duration::from_secs(15),
    Duration::from_secs(31),
];

/// What the network may add to a retransmission over the fastest round trip, beside the timer's own lateness.
const TIMER_SLACK: Duration = Duration::from_millis(100);
