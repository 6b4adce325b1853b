//! How punctual the simulator was: what a test must know before it blames a prober.
//!
//! Packets carry the kernel's stamp of when they left the host, so a packet that is read late makes no RTT wrong by itself
//! ([`Account::read`] measures it all the same). What makes an RTT wrong is seen for each packet, too:
//!
//! * **Written late.** `due` is known, and the RTT is too long by the time from there to the write: [`Account::written`]. This holds whatever
//!   the reason is: a busy thread, one that was not woken or had no CPU, a machine that stood still, a packet that was read after its answer
//!   was due.
//! * **Taken late.** A packet whose stamp lies in the past of the model counts as sent at the model's present: [`Account::taken`]. That
//!   happens within the microsecond between the stamp of a packet and its way into the tap.
//! * **No stamp**, or one from the other side of a step of the wall clock. The packet counts as sent when it was read; how much later that is
//!   nobody knows, but all that was sent before a certain moment had been read: [`Account::unstamped`].
//!
//! What remains unseen are the microseconds that a write takes until the kernel stamps the arrival.
//!
//! Where any of these exceeds [`LATE`], the time from when it should have happened to when it did is a late moment. An RTT that
//! overlaps none is right within the figures.

use std::time::Duration;

use serde::Serialize;

use super::interface::DeviceLoss;
use crate::clock::Clock;
use crate::stats::Histogram;
use crate::units::{Mono, Wall, nanos};

/// More than this is a late moment. Far above what a healthy machine does, and far below the milliseconds that tests judge by.
pub(super) const LATE: Duration = Duration::from_micros(200);

/// The books of one simulator.
#[derive(Debug, Default)]
pub(super) struct Account {
    /// Packets of the kernel that went into the network.
    pub(super) packets_in: u64,
    /// Packets of the network that the kernel took.
    pub(super) packets_out: u64,
    /// Packets of the kernel to groups, which are its own small talk with neighbours: not simulated.
    pub(super) multicast: u64,
    /// Packets of the network that the kernel refused.
    pub(super) write_errors: u64,
    /// Packets that the device lost.
    pub(super) device: DeviceLoss,
    /// From when a packet was due to when it was written.
    pub(super) written: Histogram,
    /// From when a packet left the host to when it was read.
    pub(super) read: Histogram,
    /// From the stamp of a packet to when it counts as sent, of those for which these differ.
    pub(super) taken: Histogram,
    /// Packets whose moment of sending is not known.
    pub(super) unstamped: u64,
    /// Packets of the kernel that the tap had no room for.
    pub(super) unseen: u64,
    /// Where lateness exceeded [`LATE`], in order of time.
    pub(super) late: LateMoments,
}

impl Account {
    /// A packet that was due at `due` is being written at `now`.
    pub(super) fn written(&mut self, due: Mono, now: Mono, clock: &impl Clock) {
        self.written.record(now.since(due).into());
        self.late.add(due, now, clock);
    }

    /// A packet that left the host at `sent_at` was read at `now`.
    pub(super) fn read(&mut self, sent_at: Mono, now: Mono) {
        self.read.record(now.since(sent_at).into());
    }

    /// A packet that left the host at `sent_at` counts as sent at `taken_at`.
    pub(super) fn taken(&mut self, sent_at: Mono, taken_at: Mono, clock: &impl Clock) {
        if taken_at > sent_at {
            self.taken.record(taken_at.since(sent_at).into());
            self.late.add(sent_at, taken_at, clock);
        }
    }

    /// A packet was read at `now`, and was sent nobody knows when after `known_until`.
    pub(super) fn unstamped(&mut self, known_until: Mono, now: Mono, clock: &impl Clock) {
        self.unstamped += 1;
        self.late.add(known_until, now, clock);
    }
}

/// Stretches of time in which the simulator was late.
#[derive(Clone, Debug, Default)]
pub(super) struct LateMoments {
    moments: Vec<LateMoment>,
}

/// One of them, on the wall clock like the kernel's stamps: ns since the Unix epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct LateMoment {
    /// When something should have happened.
    pub from_ns: u64,
    /// When it did.
    pub to_ns: u64,
}

impl LateMoments {
    /// All of them, in order of time. Where there were too many to keep apart, the last one stands for all later ones.
    pub(super) fn into_vec(self) -> Vec<LateMoment> {
        self.moments
    }

    /// Notes that something was due at `from` and done at `to`, if that is late.
    fn add(&mut self, from: Mono, to: Mono, clock: &impl Clock) {
        if to.since(from) <= LATE {
            return;
        }
        let reading = clock.read();
        let wall = |moment: Mono| {
            Wall::from_nanos(
                reading
                    .wall
                    .as_nanos()
                    .saturating_sub(nanos(reading.mono.since(moment))),
            )
        };
        self.note(wall(from).as_nanos(), wall(to).as_nanos());
    }

    fn note(&mut self, from_ns: u64, to_ns: u64) {
        let is_full = self.moments.len() >= MOST_MOMENTS;
        match self.moments.last_mut() {
            Some(last) if is_full || from_ns <= last.to_ns => {
                last.from_ns = last.from_ns.min(from_ns);
                last.to_ns = last.to_ns.max(to_ns);
            }
            _ => self.moments.push(LateMoment { from_ns, to_ns }),
        }
    }
}

/// Bounds the memory of a run on a hopeless machine: 160 kB.
const MOST_MOMENTS: usize = 10_000;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Reading;
    use crate::units::Rtt;

    /// A clock that stands still at 1 s of its own and 10 s of the wall.
    struct Standing;

    impl Clock for Standing {
        fn read(&self) -> Reading {
            Reading {
                mono: Mono::from_nanos(1_000_000_000),
                wall: Wall::from_nanos(10_000_000_000),
                spread: Duration::ZERO,
            }
        }
    }

    fn at(micros: u64) -> Mono {
        Mono::from_nanos(micros * 1_000)
    }

    fn moments(account: &Account) -> Vec<(u64, u64)> {
        let of = |moment: &LateMoment| (moment.from_ns / 1_000, moment.to_ns / 1_000);
        account.late.moments.iter().map(of).collect()
    }

    #[test]
    fn up_to_the_threshold_nothing_is_late_and_beyond_it_the_moment_is_on_the_wall_clock() {
        let mut account = Account::default();
        account.written(at(500_000), at(500_200), &Standing);
        assert_eq!(moments(&account), []);
        account.written(at(600_000), at(600_201), &Standing);
        // 600 ms of a clock that reads 1 s where the wall reads 10 s.
        assert_eq!(moments(&account), [(9_600_000, 9_600_201)]);
        assert_eq!(account.written.count(), 2);
        assert_eq!(account.written.max(), Some(Rtt::from_nanos(201_000)));
    }

    #[test]
    fn moments_that_overlap_are_one_whatever_was_late() {
        let mut account = Account::default();
        account.unstamped(at(100_000), at(100_300), &Standing);
        account.taken(at(100_290), at(100_900), &Standing);
        account.written(at(99_800), at(100_950), &Standing);
        assert_eq!(moments(&account), [(9_099_800, 9_100_950)]);
        account.written(at(200_000), at(201_000), &Standing);
        assert_eq!(moments(&account).len(), 2);
        assert_eq!((account.unstamped, account.taken.count()), (1, 1));
    }

    #[test]
    fn a_late_read_is_measured_and_harms_nothing() {
        let mut account = Account::default();
        account.read(at(100_000), at(105_000));
        account.taken(at(100_000), at(100_000), &Standing);
        assert_eq!(moments(&account), []);
        assert_eq!(account.read.max(), Some(Rtt::from_nanos(5_000_000)));
        assert_eq!(account.taken.count(), 0);
    }

    #[test]
    fn more_moments_than_are_kept_make_the_last_one_longer() {
        let mut late = LateMoments::default();
        let n = u64::try_from(MOST_MOMENTS).unwrap();
        for second in 0..n + 5 {
            late.note(second * 1_000, second * 1_000 + 300);
        }
        assert_eq!(late.moments.len(), MOST_MOMENTS);
        let last = late.moments.last().unwrap();
        assert_eq!((last.from_ns, last.to_ns), ((n - 1) * 1_000, (n + 4) * 1_000 + 300));
    }
}
