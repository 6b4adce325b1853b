//! The loop between a device and a simulated network: one thread, and no packet in the past of the model.
//!
//! Each round reads some packets, writes some that are due, and waits for what comes first: a packet, the network's next deadline, or the
//! end. Both halves are bounded, so that a flood in one direction can't hold up the other.
//!
//! A packet enters the network at the moment at which it left the host ([`super::departures`]), not at which it was read. So the model
//! moves on only as far as all that was sent is known: to the moment before a read that found everything. As long as a packet is read before
//! its answer is due, that answer is exact, however late the read was.

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::os::fd::AsFd as _;
use std::time::Duration;

use super::account::Account;
use super::departures::{self, Departures};
use super::interface::{Device, DeviceLoss};
use crate::clock::{Clock, SystemClock};
use crate::simnet::Network;
use crate::sys::{EventFd, Interest, PollFd, Tun, poll};
use crate::units::Mono;

/// What answers behind the device.
pub trait Responder {
    /// The host has sent a packet at `sent_at`. Returns the moment that it counts as sent: a later one where the network had moved on.
    fn handle_packet(&mut self, sent_at: Mono, packet: &[u8]) -> Mono;

    /// When [`poll_delivery`](Self::poll_delivery) next has something to do.
    fn next_deadline(&self) -> Option<Mono>;

    /// Takes out the next packet that has reached the host by `now`, into `packet`, and says when it did.
    fn poll_delivery(&mut self, now: Mono, packet: &mut Vec<u8>) -> Option<Mono>;
}

impl Responder for Network {
    fn handle_packet(&mut self, sent_at: Mono, packet: &[u8]) -> Mono {
        Network::handle_packet(self, sent_at, packet).sent_at
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
    departures: Departures,
    responder: R,
    clock: SystemClock,
    account: Account,
    /// All that was sent before this moment has been read.
    known_until: Mono,
    /// Whether the device's ring may have copies of what the tap has shown.
    ring_is_used: bool,
    /// Rounds since the end and the device were last looked at.
    unpolled: u32,
    to_kernel: Vec<u8>,
}

impl<R: Responder> Simulator<R> {
    /// Puts `responder` behind `device`. Its moments are those of `clock`.
    pub(super) fn new(device: Device, responder: R, clock: SystemClock) -> Self {
        Self {
            tun: device.tun,
            departures: device.departures,
            responder,
            known_until: clock.mono(),
            ring_is_used: false,
            unpolled: 0,
            clock,
            account: Account::default(),
            to_kernel: Vec::with_capacity(USUAL_MTU),
        }
    }

    /// Carries packets until `stop` is woken. What is under way then is gone. Returns what was behind the device, and the books.
    ///
    /// # Errors
    /// That of the device, which somebody may have removed, or of waiting.
    pub(super) fn run(mut self, stop: &EventFd) -> io::Result<(R, Account)> {
        loop {
            let has_more_to_read = self.read_some()?;
            let has_more_to_write = self.write_some();
            self.empty_ring()?;
            if self.wait(stop, has_more_to_read || has_more_to_write)? {
                self.account.device = DeviceLoss::read()?;
                self.account.unseen = self.departures.lost()?;
                return Ok((self.responder, self.account));
            }
        }
    }

    /// Reads packets until there are none, or enough for now. Returns whether there may be more.
    fn read_some(&mut self) -> io::Result<bool> {
        let asked_at = self.clock.mono();
        let count = self.departures.read(&self.clock)?;
        let read_at = self.departures.read_at();
        self.ring_is_used |= count > 0;
        let mut last_sent_at = asked_at;
        for index in 0..count {
            let departure = self.departures.get(index);
            if is_multicast(departure.packet) {
                self.account.multicast += 1;
                continue;
            }
            self.account.packets_in += 1;
            let sent_at = departure.sent_at.unwrap_or(read_at);
            last_sent_at = sent_at;
            match departure.sent_at {
                Some(sent_at) => self.account.read(sent_at, read_at),
                None => self.account.unstamped(self.known_until, read_at, &self.clock),
            }
            let taken_at = self.responder.handle_packet(sent_at, departure.packet);
            self.account.taken(sent_at, taken_at, &self.clock);
        }
        let has_more = count >= departures::BATCH;
        // Packets come in the order of their stamps, so of those that still wait none was sent before the last of these.
        self.known_until = if has_more { last_sent_at } else { asked_at }.max(self.known_until);
        Ok(has_more)
    }

    /// Writes packets that are due until there are none, or enough for now. Returns whether there may be more.
    fn write_some(&mut self) -> bool {
        for _ in 0..BATCH {
            let Some(due) = self.responder.poll_delivery(self.known_until, &mut self.to_kernel) else {
                return false;
            };
            self.account.written(due, self.clock.mono(), &self.clock);
            match self.tun.write(&self.to_kernel) {
                Ok(()) => self.account.packets_out += 1,
                Err(_) => self.account.write_errors += 1,
            }
        }
        true
    }

    /// Throws away what the tap has shown already, or has had no room for: a packet is in the ring a moment after it is in the tap.
    fn empty_ring(&mut self) -> io::Result<()> {
        // The rest of a packet that does not fit is thrown away with it.
        let mut start = [0; 1];
        let mut copies = 0;
        while self.ring_is_used && copies < MOST_COPIES {
            self.ring_is_used = self.tun.read(&mut start)?.is_some();
            copies += 1;
        }
        Ok(())
    }

    /// Waits for a packet, for the next deadline, or where `busy` for nothing. Returns whether this is the end.
    fn wait(&mut self, stop: &EventFd, busy: bool) -> io::Result<bool> {
        let timeout = match self.responder.next_deadline() {
            _ if busy => Some(Duration::ZERO),
            deadline => deadline.map(|deadline| deadline.before(SPIN).since(self.clock.mono())),
        };
        if timeout == Some(Duration::ZERO) && self.unpolled < MOST_UNPOLLED {
            self.unpolled += 1;
            return Ok(false);
        }
        self.unpolled = 0;
        // At the ring, not at the tap: to wake a thread takes the sender tens of microseconds where a CPU sleeps, and at the tap that would
        // come between the tap's stamp and the send stamp of a socket.
        let mut fds = [
            PollFd::new(self.tun.as_fd(), Interest::Read),
            PollFd::new(stop.as_fd(), Interest::Read),
        ];
        poll(&mut fds, timeout)?;
        let [device, end] = fds;
        self.ring_is_used |= device.is_readable();
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

/// Packets that are written before others are read: at a few microseconds each, those wait for 100 us at most.
const BATCH: usize = 32;

/// Copies that are thrown away in one round: more than are read in one, so that the ring never fills.
const MOST_COPIES: usize = 2 * departures::BATCH;

/// So long before a deadline the thread no longer sleeps, but looks. It is what a sleeping virtual CPU takes to wake up.
const SPIN: Duration = Duration::from_micros(60);

/// Rounds without a wait take a microsecond or a few; in a hundred of them nobody misses the end.
const MOST_UNPOLLED: u32 = 100;

/// Larger packets make room for themselves.
const USUAL_MTU: usize = 1_500;
