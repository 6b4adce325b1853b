//! The latest probes of one series, by sequence number: O(1) to find, bounded for ever.
//!
//! A probe keeps its place from the moment it is sent until the ring comes around to it, so that late and duplicate answers are
//! still recognised long after its timeout. The owner settles a probe before its place is reused.

use crate::clock::ClockEpoch;
use crate::outcome::Fate;
use crate::units::{Mono, ProbeSeq, Wall};

/// What is remembered of one probe.
#[derive(Clone, Copy, Debug)]
pub(super) struct Entry {
    pub(super) seq: ProbeSeq,
    /// Just before the send call.
    pub(super) sent_at: Mono,
    /// Initial sequence number of a SYN, checksum of a UDP datagram; zero for echo.
    pub(super) isn: u32,
    /// TTL or hop limit of a launched probe, else 0.
    pub(super) ttl: u8,
    /// The clock epoch of `sent_at`.
    pub(super) epoch: ClockEpoch,
    pub(super) state: State,
}

/// Where a probe stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// Handed to the kernel, which has not taken it yet.
    Sending,
    /// On its way; the kernel's send stamp, once it is here.
    Waiting { tx: Option<Wall> },
    /// Its timeout has passed; an answer would be late.
    Overdue { tx: Option<Wall> },
    /// Nothing but duplicates can follow.
    Done(Fate),
}

impl State {
    /// Whether the probe still holds back the end of the run.
    pub(super) const fn is_in_flight(self) -> bool {
        matches!(self, Self::Sending | Self::Waiting { .. })
    }
}

/// Probes by sequence number; `capacity` is a power of two.
#[derive(Clone, Debug)]
pub(super) struct Ring {
    entries: Vec<Option<Entry>>,
    mask: u64,
}

impl Ring {
    /// A ring for at least `capacity` probes.
    pub(super) fn new(capacity: usize) -> Self {
        let capacity = capacity.next_power_of_two();
        Self {
            entries: vec![None; capacity],
            mask: capacity as u64 - 1,
        }
    }

    /// How many probes it remembers.
    pub(super) const fn capacity(&self) -> u64 {
        self.mask + 1
    }

    /// Bytes on the heap.
    pub(super) const fn heap_bytes(&self) -> usize {
        self.entries.capacity() * size_of::<Option<Entry>>()
    }

    /// The probe `seq`, if it is still remembered.
    pub(super) fn get(&self, seq: ProbeSeq) -> Option<&Entry> {
        self.entries[self.place(seq)].as_ref().filter(|entry| entry.seq == seq)
    }

    /// The probe `seq`, if it is still remembered.
    pub(super) fn get_mut(&mut self, seq: ProbeSeq) -> Option<&mut Entry> {
        let place = self.place(seq);
        self.entries[place].as_mut().filter(|entry| entry.seq == seq)
    }

    /// The probe whose place `seq` would take.
    pub(super) fn occupant(&self, seq: ProbeSeq) -> Option<&Entry> {
        self.entries[self.place(seq)].as_ref()
    }

    /// Remembers a probe in place of the one that was sent `capacity` probes before it.
    pub(super) fn insert(&mut self, entry: Entry) {
        let place = self.place(entry.seq);
        self.entries[place] = Some(entry);
    }

    /// Masked with `capacity - 1`, so always a valid index.
    #[expect(
        clippy::cast_possible_truncation,
        reason = "the mask is below a length, which is a usize"
    )]
    const fn place(&self, seq: ProbeSeq) -> usize {
        (seq.get() & self.mask) as usize
    }
}
