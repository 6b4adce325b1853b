//! Sleeping until there is something to do.

use std::io;
use std::os::fd::AsFd;
use std::time::Duration;

use super::Native;
use crate::clock::Clock as _;
use crate::net::control::Sink;
use crate::outcome::Proto;
use crate::sys::{self, Interest, PollFd};
use crate::units::{Mono, nanos};

impl<S: Sink> Native<S> {
    /// Sleeps until something is to be done: a deadline has come or, unless they wait for the end of a slot, answers have.
    pub(super) fn wait(&mut self) -> io::Result<Readiness> {
        let now = self.clock.mono();
        let timeout = match self.next_wake(now) {
            // Something is due already: answers are read along the way.
            Some(wake) if wake <= now => return Ok(Readiness::Unknown),
            // Nothing to send and to await is the end of the run, as soon as no more series will come, whatever the sink has planned.
            _ if self.is_over() => return Ok(Readiness::Unknown),
            wake => wake.map(|wake| wake.since(now)),
        };
        let waker = self.inbox.waker();
        let mut fds = [PollFd::new(waker.as_fd(), Interest::Read); MAX_DESCRIPTORS];
        let mut used = 1;
        let sockets = self
            .sockets
            .descriptors()
            .take(if self.slot.is_zero() { MAX_DESCRIPTORS } else { 0 });
        for (slot, (fd, interest)) in fds[1..].iter_mut().zip(sockets) {
            *slot = PollFd::new(fd, interest);
            used += 1;
        }
        let ready = sys::poll(&mut fds[..used], timeout)?;
        if fds[0].is_readable() {
            waker.reset()?;
        }
        let sockets_are_silent = ready == 0 && self.slot.is_zero();
        Ok(if sockets_are_silent {
            Readiness::TimerOnly
        } else {
            Readiness::Unknown
        })
    }

    /// When to wake up without being woken.
    fn next_wake(&mut self, now: Mono) -> Option<Mono> {
        let deadlines = [
            self.prober.next_deadline(),
            self.next_launch(),
            self.sink.next_deadline(),
        ];
        let deadline = deadlines.into_iter().flatten().min();
        if self.slot.is_zero() {
            return deadline;
        }
        // Answers to what is under way are read once a slot; the kernel has stamped them long before.
        let in_flight = Proto::ALL.iter().any(|&proto| self.prober.in_flight(proto) > 0);
        let reading = in_flight.then(|| now.after(Duration::from_nanos(1)));
        let slotted = [deadline, reading].into_iter().flatten().min();
        slotted.map(|at| end_of_slot(at, self.slot))
    }

    /// When the launcher may next ask for a probe.
    fn next_launch(&mut self) -> Option<Mono> {
        let launcher = self.sink.launcher().filter(|_| !self.stopped)?;
        launcher.next_launch().filter(|_| !launcher.is_done())
    }
}

/// What a wait found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Readiness {
    /// No socket has anything.
    TimerOnly,
    /// Some may have.
    Unknown,
}

/// The end of the slot that a moment lies in; the moment itself where it is one.
fn end_of_slot(at: Mono, slot: Duration) -> Mono {
    let slot = nanos(slot).max(1);
    Mono::from_nanos(at.as_nanos().div_ceil(slot).saturating_mul(slot))
}

/// The waker, two sockets for each channel of SYNs, one for each of the other four, and the connector.
const MAX_DESCRIPTORS: usize = 10;
