//! What the host sends, each packet with the moment at which it left the host's stack.
//!
//! A thread that simulates reads a packet some microseconds after it was sent, and at times, where its CPU slept, some milliseconds.
//! So that this is no part of any RTT, packets are taken from a tap that the kernel stamps right before the driver gets them
//! ([`crate::sys::departures`]), and not from the device itself. Stamps are of the wall clock. They are brought to the monotonic one by a reading
//! of both, taken right after the packets were read. Where the wall clock was stepped since the reading before, no stamp of that batch
//! can be placed; those packets count as sent when they were read, and are counted.

use std::io;
use std::os::fd::{AsFd as _, OwnedFd};
use std::time::Duration;

use crate::clock::{Clock, ClockEpoch, Reading, StepGuard};
use crate::sys::options::receive_drops;
use crate::sys::{Queue, RecvBatch, open_departures};
use crate::units::{Mono, Wall};

/// The tap, and the packets last read from it.
#[derive(Debug)]
pub(super) struct Departures {
    socket: OwnedFd,
    batch: RecvBatch,
    guard: StepGuard,
    read_at: ReadAt,
}

/// A packet of the host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Departure<'a> {
    /// From its IP header on.
    pub(super) packet: &'a [u8],
    /// When it left the host's stack, unless that is not known.
    pub(super) sent_at: Option<Mono>,
}

/// Both clocks right after packets were read.
#[derive(Clone, Copy, Debug)]
struct ReadAt {
    reading: Reading,
    /// Whether the wall clock has run on without a step since the reading before.
    is_steady: bool,
}

impl Departures {
    /// Taps the interface with this index, in the network namespace of this thread.
    ///
    /// # Errors
    /// `EPERM` without `CAP_NET_RAW` there.
    pub(super) fn open(interface: u32, clock: &impl Clock) -> io::Result<Self> {
        // Where privilege is lacking the buffer is smaller; if it is ever too small, that shows in `lost`.
        let (socket, _buffer) = open_departures(interface, BUFFER_BYTES)?;
        let mut guard = StepGuard::default();
        let reading = clock.read();
        guard.observe(reading);
        Ok(Self {
            socket,
            batch: RecvBatch::new(BATCH, LARGEST_PACKET),
            guard,
            read_at: ReadAt {
                reading,
                is_steady: true,
            },
        })
    }

    /// Reads packets that wait, as many as there are or [`BATCH`]. Returns how many: fewer means that no other had been sent when this was
    /// called.
    ///
    /// # Errors
    /// Those of the socket, but not that its interface went down: that may come up again.
    pub(super) fn read(&mut self, clock: &impl Clock) -> io::Result<usize> {
        let count = match self.batch.recv(self.socket.as_fd(), Queue::Data) {
            Err(error) if error.kind() == io::ErrorKind::NetworkDown => 0,
            other => other?,
        };
        if count > 0 {
            let before: ClockEpoch = self.guard.epoch();
            let reading = sharp_reading(clock);
            let is_steady = self.guard.observe(reading) == before;
            self.read_at = ReadAt { reading, is_steady };
        }
        Ok(count)
    }

    /// One of the packets that the last [`read`](Self::read) found.
    pub(super) fn get(&self, index: usize) -> Departure<'_> {
        let received = self.batch.get(index);
        Departure {
            packet: received.bytes,
            sent_at: received.rx_stamp.and_then(|stamp| self.read_at.moment_of(stamp)),
        }
    }

    /// When the last packets had been read.
    pub(super) fn read_at(&self) -> Mono {
        self.read_at.reading.mono
    }

    /// Packets that found no room in the buffer of the tap.
    ///
    /// # Errors
    /// That of `getsockopt`.
    pub(super) fn lost(&self) -> io::Result<u64> {
        receive_drops(self.socket.as_fd()).map(u64::from)
    }
}

impl ReadAt {
    /// The monotonic time of a stamp that was made before; `None` where the clock was stepped between the two.
    fn moment_of(self, stamp: Wall) -> Option<Mono> {
        // A stamp from the future has a step behind it that the guard can't see, such as one that was taken back.
        let age = u64::try_from(self.reading.wall.nanos_since(stamp)).ok()?;
        // The wall clock was read at some moment of `spread`; the middle is wrong by half of it at most.
        let wall_read_at = self.reading.mono.after(self.reading.spread / 2);
        self.is_steady.then(|| wall_read_at.before(Duration::from_nanos(age)))
    }
}

/// A reading that was not interrupted between its halves, if one of a few is such.
fn sharp_reading(clock: &impl Clock) -> Reading {
    let mut sharpest = clock.read();
    for _ in 1..MOST_READINGS {
        if sharpest.spread <= SHARP {
            break;
        }
        let reading = clock.read();
        if reading.spread < sharpest.spread {
            sharpest = reading;
        }
    }
    sharpest
}

/// Packets of one read. More would cost less each in a flood, but most reads find nothing, right before an answer is due, and those
/// prepare room for all.
pub(super) const BATCH: usize = 8;

/// Of IP, larger than any MTU.
const LARGEST_PACKET: usize = 65_535;

/// Room for bursts while the thread does not run: at 2 kB a packet by the kernel's account, 100 ms of 160,000 packets a second.
const BUFFER_BYTES: usize = 32 << 20;

/// Two clocks are read in some 50 ns; twenty times that is no interruption yet.
const SHARP: Duration = Duration::from_micros(1);

/// Enough, unless the machine is hopeless.
const MOST_READINGS: usize = 4;

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use super::*;

    const SECOND: u64 = 1_000_000_000;

    fn reading(mono: u64, wall: u64, spread: u64) -> Reading {
        Reading {
            mono: Mono::from_nanos(mono),
            wall: Wall::from_nanos(wall),
            spread: Duration::from_nanos(spread),
        }
    }

    /// A clock that reads what it is told, from last to first.
    struct Told(RefCell<Vec<Reading>>);

    impl Clock for Told {
        fn read(&self) -> Reading {
            self.0.borrow_mut().pop().expect("a reading")
        }
    }

    #[test]
    fn a_stamp_is_as_long_ago_on_the_one_clock_as_on_the_other() {
        let read_at = ReadAt {
            reading: reading(SECOND, 50 * SECOND, 40),
            is_steady: true,
        };
        let stamp = Wall::from_nanos(50 * SECOND - 7_000);
        assert_eq!(read_at.moment_of(stamp), Some(Mono::from_nanos(SECOND + 20 - 7_000)));
    }

    #[test]
    fn stamps_around_a_step_have_no_moment() {
        let stepped = ReadAt {
            reading: reading(SECOND, 50 * SECOND, 40),
            is_steady: false,
        };
        assert_eq!(stepped.moment_of(Wall::from_nanos(50 * SECOND - 7_000)), None);
        let steady = ReadAt {
            is_steady: true,
            ..stepped
        };
        assert_eq!(steady.moment_of(Wall::from_nanos(50 * SECOND + 1)), None);
    }

    #[test]
    fn an_interrupted_reading_is_taken_again_and_the_sharpest_wins() {
        let blurred = |spread| reading(SECOND, 50 * SECOND, spread);
        let told = |spreads: &[u64]| Told(RefCell::new(spreads.iter().rev().map(|s| blurred(*s)).collect()));
        assert_eq!(sharp_reading(&told(&[90_000, 60])).spread, Duration::from_nanos(60));
        let hopeless = told(&[9_000, 5_000, 7_000, 6_000]);
        assert_eq!(sharp_reading(&hopeless).spread, Duration::from_micros(5));
    }
}
