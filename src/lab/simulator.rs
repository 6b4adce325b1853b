//! The loop between a TUN device and a simulated network: one thread, two clocks' worth of moments, nothing early.
//!
//! Each round reads some packets, writes some that are due, and waits for what comes first: a packet, the network's next deadline, or the
//! end. Both halves are bounded, so that a flood in one direction can't hold up the other. A packet enters the network at the moment at
//! which it was read, which is later than its kernel stamp by what [`super::account`] bounds.

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::os::fd::AsFd as _;
use std::time::Duration;

use super::account::{Account, RunDelay};
use super::interface::DeviceLoss;
use crate::clock::{Clock, SystemClock};
use crate::simnet::Network;
use crate::sys::{EventFd, Interest, PollFd, Tun, poll};
use crate::units::Mono;

/// What answers behind the device.
pub trait Responder {
    /// The host sends a packet.
    fn handle_packet(&mut self, now: Mono, packet: &[u8]);

    /// When [`poll_delivery`](Self::poll_delivery) next has something to do.
    fn next_deadline(&self) -> Option<Mono>;

    /// Takes out the next packet that has reached the host by `now`, into `packet`, and says when it did.
    fn poll_delivery(&mut self, now: Mono, packet: &mut Vec<u8>) -> Option<Mono>;
}

impl Responder for Network {
    fn handle_packet(&mut self, now: Mono, packet: &[u8]) {
        Network::handle_packet(self, now, packet);
    }

    fn next_deadline(&self) -> Option<Mono> {
        Network::next_deadline(self)
    }

    fn poll_delivery(&mut self, now: Mono, packet: &mut Vec<u8>) -> Option<Mono> {
        Network::poll_delivery(self, now, packet).map(|delivery| delivery.due)
    }
}

/// A network behind a TUN device.
#[derive(Debug)]
pub(super) struct Simulator<R> {
    tun: Tun,
    responder: R,
    clock: SystemClock,
    account: Account,
    /// When the device was last seen empty, or the thread woken: what is read now has come later.
    attended: Mono,
    /// When the thread last woke up, until that has been looked into.
    woke: Option<Mono>,
    from_kernel: Box<[u8]>,
    to_kernel: Vec<u8>,
}

impl<R: Responder> Simulator<R> {
    /// Puts `responder` behind `tun`. Its moments are those of `clock`.
    pub(super) fn new(tun: Tun, responder: R, clock: SystemClock) -> Self {
        Self {
            tun,
            responder,
            attended: clock.mono(),
            woke: None,
            clock,
            account: Account::default(),
            from_kernel: vec![0; LARGEST_PACKET].into_boxed_slice(),
            to_kernel: Vec::with_capacity(LARGEST_PACKET),
        }
    }

    /// Carries packets until `stop` is woken. What is under way then is gone. Returns what was behind the device, and the books.
    ///
    /// # Errors
    /// That of the device, which somebody may have removed, or of waiting.
    pub(super) fn run(mut self, stop: &EventFd) -> io::Result<(R, Account)> {
        let mut run_delay = RunDelay::of_this_thread();
        loop {
            let has_more_to_read = self.read_some()?;
            let has_more_to_write = self.write_some();
            // Not right after waking up, when packets wait.
            if let (Some(delay), Some(woke)) = (&mut run_delay, self.woke.take()) {
                self.account.starved(delay.since_last(), woke, &self.clock);
            }
            if self.wait(stop, has_more_to_read || has_more_to_write)? {
                self.account.device = DeviceLoss::read()?;
                return Ok((self.responder, self.account));
            }
        }
    }

    /// Reads packets until there are none, or enough for now. Returns whether there may be more.
    fn read_some(&mut self) -> io::Result<bool> {
        for _ in 0..BATCH {
            let Some(packet) = self.tun.read(&mut self.from_kernel)? else {
                self.attended = self.clock.mono();
                return Ok(false);
            };
            let now = self.clock.mono();
            if is_multicast(packet) {
                self.account.multicast += 1;
                continue;
            }
            self.account.packets_in += 1;
            self.account.read(self.attended, now, &self.clock);
            self.responder.handle_packet(now, packet);
        }
        Ok(true)
    }

    /// Writes packets that are due until there are none, or enough for now. Returns whether there may be more.
    fn write_some(&mut self) -> bool {
        for _ in 0..BATCH {
            let now = self.clock.mono();
            let Some(due) = self.responder.poll_delivery(now, &mut self.to_kernel) else {
                return false;
            };
            self.account.written(due, now, &self.clock);
            match self.tun.write(&self.to_kernel) {
                Ok(()) => self.account.packets_out += 1,
                Err(_) => self.account.write_errors += 1,
            }
        }
        true
    }

    /// Waits for a packet, for the next deadline, or where `busy` for nothing. Returns whether this is the end.
    fn wait(&mut self, stop: &EventFd, busy: bool) -> io::Result<bool> {
        let mut fds = [
            PollFd::new(self.tun.as_fd(), Interest::Read),
            PollFd::new(stop.as_fd(), Interest::Read),
        ];
        let deadline = self.responder.next_deadline();
        let now = self.clock.mono();
        let timeout = match deadline {
            _ if busy => Some(Duration::ZERO),
            deadline => deadline.map(|deadline| deadline.before(SPIN).since(now)),
        };
        let ready = poll(&mut fds, timeout)?;
        let [device, end] = fds;
        let woke = self.clock.mono();
        // A wait that was none: the packet may have come while others were written.
        if woke.since(now) > GLANCE {
            self.attended = woke;
            self.woke = Some(woke);
        }
        let wanted = deadline.map(|deadline| deadline.before(SPIN));
        if let Some(wanted) = wanted.filter(|wanted| ready == 0 && (now..=woke).contains(wanted)) {
            self.account.woken(wanted, woke, &self.clock);
        }
        if device.has_errors() {
            return Err(io::Error::new(io::ErrorKind::NotConnected, "the device was removed"));
        }
        Ok(end.is_readable())
    }
}

/// Whether a packet is for a group, or for all.
fn is_multicast(packet: &[u8]) -> bool {
    match packet.first().map(|byte| byte >> 4) {
        Some(4) => packet
            .get(16..20)
            .and_then(|to| <[u8; 4]>::try_from(to).ok())
            .map(Ipv4Addr::from)
            .is_some_and(|to| to.is_multicast() || to.is_broadcast()),
        Some(6) => packet
            .get(24..40)
            .and_then(|to| <[u8; 16]>::try_from(to).ok())
            .map(Ipv6Addr::from)
            .is_some_and(|to| to.is_multicast()),
        _ => false,
    }
}

/// Packets of one direction before the other gets its turn: at a few microseconds each, the other waits 100 us at most.
const BATCH: usize = 16;

/// A wait that is shorter may not have slept at all.
const GLANCE: Duration = Duration::from_micros(10);

/// So long before a deadline the thread no longer sleeps, but looks. It is what a sleeping virtual CPU takes to wake up.
const SPIN: Duration = Duration::from_micros(60);

/// Of IP, larger than any MTU.
const LARGEST_PACKET: usize = 65_535;
