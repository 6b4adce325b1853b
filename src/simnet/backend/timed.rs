//! A bounded table of which each entry has a deadline.
//!
//! Lookups are by hash, deadlines lie in an ordered map beside it: what a packet or a deadline costs does not grow with the table
//! but for a logarithm. Nothing here iterates over the hash map in a way that could show, so its order does not matter.

use std::collections::{BTreeMap, HashMap};

use crate::units::Mono;
use crate::wire::AddrPair;

/// Both ends of a TCP connection, as the packets of the peer name them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Tuple {
    pub(super) addrs: AddrPair,
    pub(super) src_port: u16,
    pub(super) dst_port: u16,
}

/// Entries by tuple, and by when something is to be done about them.
#[derive(Debug)]
pub(super) struct Timed<T> {
    entries: HashMap<Tuple, Slot<T>>,
    deadlines: BTreeMap<Deadline, Tuple>,
    next_serial: u64,
}

/// Entries that are due at the same moment come in the order in which that was decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Deadline {
    at: Mono,
    serial: u64,
}

#[derive(Debug)]
struct Slot<T> {
    entry: T,
    deadline: Deadline,
}

impl<T> Timed<T> {
    pub(super) fn new() -> Self {
        Self {
            entries: HashMap::new(),
            deadlines: BTreeMap::new(),
            next_serial: 0,
        }
    }

    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    pub(super) fn get_mut(&mut self, tuple: &Tuple) -> Option<&mut T> {
        self.entries.get_mut(tuple).map(|slot| &mut slot.entry)
    }

    /// Adds an entry, in place of one of the same tuple.
    pub(super) fn insert(&mut self, tuple: Tuple, entry: T, at: Mono) {
        self.remove(&tuple);
        let deadline = self.schedule(tuple, at);
        self.entries.insert(tuple, Slot { entry, deadline });
    }

    /// Takes out an entry.
    pub(super) fn remove(&mut self, tuple: &Tuple) -> Option<T> {
        let slot = self.entries.remove(tuple)?;
        self.deadlines.remove(&slot.deadline);
        Some(slot.entry)
    }

    /// Gives an entry another deadline.
    pub(super) fn postpone(&mut self, tuple: &Tuple, at: Mono) {
        let deadline = self.schedule(*tuple, at);
        match self.entries.get_mut(tuple) {
            Some(slot) => {
                self.deadlines.remove(&slot.deadline);
                slot.deadline = deadline;
            }
            None => {
                self.deadlines.remove(&deadline);
            }
        }
    }

    /// When the next entry is due.
    pub(super) fn next_deadline(&self) -> Option<Mono> {
        self.deadlines.first_key_value().map(|(deadline, _)| deadline.at)
    }

    /// Takes out the next entry that is due at `now`.
    pub(super) fn take_due(&mut self, now: Mono) -> Option<(Tuple, T)> {
        let first = self.deadlines.first_entry().filter(|first| first.key().at <= now)?;
        let tuple = first.remove();
        let slot = self.entries.remove(&tuple)?;
        Some((tuple, slot.entry))
    }

    /// Keeps only the entries of tuples that `wanted` says so of. Looks at all of them.
    pub(super) fn retain(&mut self, wanted: impl Fn(&Tuple) -> bool) {
        self.entries.retain(|tuple, _| wanted(tuple));
        self.deadlines.retain(|_, tuple| wanted(tuple));
    }

    pub(super) fn values(&self) -> impl Iterator<Item = &T> {
        self.entries.values().map(|slot| &slot.entry)
    }

    fn schedule(&mut self, tuple: Tuple, at: Mono) -> Deadline {
        let deadline = Deadline {
            at,
            serial: self.next_serial,
        };
        self.next_serial = self.next_serial.wrapping_add(1);
        self.deadlines.insert(deadline, tuple);
        deadline
    }

    /// Whether every entry has exactly one deadline, its own.
    #[cfg(test)]
    pub(super) fn is_consistent(&self) -> bool {
        let agree = |(tuple, slot): (&Tuple, &Slot<T>)| self.deadlines.get(&slot.deadline) == Some(tuple);
        self.entries.len() == self.deadlines.len() && self.entries.iter().all(agree)
    }
}
