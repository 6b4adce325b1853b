//! Which probe a send stamp belongs to.
//!
//! The kernel numbers the datagrams of a socket and returns the number with the stamp; this table counts along. A failed send may or may
//! not use up a number (it depends on where in the stack it failed, and on the kernel), so after each one the kernel's counter is
//! restarted and the table with it. A stamp from before the restart could then pass for a later probe's: it is older than that
//! probe's send call, and refused for it.

use crate::units::{ProbeSeq, SeriesId, Wall};

/// The probes whose send stamps are still to come, by the kernel's number.
#[derive(Debug)]
pub(super) struct TxIds {
    probes: Vec<Option<Sent>>,
    next: u32,
}

#[derive(Clone, Copy, Debug)]
struct Sent {
    id: u32,
    series: SeriesId,
    seq: ProbeSeq,
    /// Wall time just before the send call.
    called_at: Wall,
}

impl TxIds {
    pub(super) fn new() -> Self {
        Self {
            probes: vec![None; CAPACITY],
            next: 0,
        }
    }

    /// The kernel has taken the next datagram: that of this probe.
    pub(super) fn push(&mut self, series: SeriesId, seq: ProbeSeq, called_at: Wall) {
        let id = self.next;
        self.probes[place(id)] = Some(Sent {
            id,
            series,
            seq,
            called_at,
        });
        self.next = id.wrapping_add(1);
    }

    /// The probe that the kernel stamped `stamp` under the number `id`, once.
    pub(super) fn take(&mut self, id: u32, stamp: Wall) -> Option<(SeriesId, ProbeSeq)> {
        let slot = &mut self.probes[place(id)];
        let sent = slot.filter(|sent| sent.id == id && stamp.nanos_since(sent.called_at) >= 0)?;
        *slot = None;
        Some((sent.series, sent.seq))
    }

    /// The kernel's counter has been restarted.
    pub(super) fn restart(&mut self) {
        self.probes.fill(None);
        self.next = 0;
    }
}

const fn place(id: u32) -> usize {
    id as usize % CAPACITY
}

/// More datagrams than a queue of this host holds between the send call and the stamp.
const CAPACITY: usize = 8192;

#[cfg(test)]
mod tests {
    use super::*;

    fn at(nanos: u64) -> Wall {
        Wall::from_nanos(nanos)
    }

    fn probe(n: u64) -> (SeriesId, ProbeSeq) {
        (SeriesId::new(3), ProbeSeq::new(n))
    }

    #[test]
    fn stamps_find_their_probes_in_any_order_and_once() {
        let mut ids = TxIds::new();
        for n in 0..3 {
            ids.push(SeriesId::new(3), ProbeSeq::new(n), at(100 + n));
        }
        assert_eq!(ids.take(2, at(200)), Some(probe(2)));
        assert_eq!(ids.take(0, at(200)), Some(probe(0)));
        assert_eq!(ids.take(0, at(200)), None);
        assert_eq!(ids.take(7, at(200)), None);
    }

    #[test]
    fn a_stamp_from_before_a_restart_is_not_taken_for_a_later_probe() {
        let mut ids = TxIds::new();
        ids.push(SeriesId::new(3), ProbeSeq::new(0), at(100));
        ids.restart();
        ids.push(SeriesId::new(3), ProbeSeq::new(1), at(500));
        assert_eq!(ids.take(0, at(101)), None, "the stamp of probe 0, late");
        assert_eq!(ids.take(0, at(501)), Some(probe(1)));
    }

    #[test]
    fn numbers_wrap_at_32_bits() {
        let mut ids = TxIds::new();
        ids.next = u32::MAX;
        ids.push(SeriesId::new(3), ProbeSeq::new(0), at(1));
        ids.push(SeriesId::new(3), ProbeSeq::new(1), at(1));
        assert_eq!(ids.take(u32::MAX, at(2)), Some(probe(0)));
        assert_eq!(ids.take(0, at(2)), Some(probe(1)));
    }
}
