//! One way out and back: the sockets of one protocol and family, their batches, and the stamps on their way.

use std::net::{IpAddr, SocketAddr};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::{io, mem};

use super::tap::Tap;
use super::tx_ids::TxIds;
use crate::engine::{Due, Prober};
use crate::outcome::{Proto, SendError};
use crate::sys::{self, Pushed, Queue, RecvBatch, SendBatch, options};
use crate::units::Wall;

/// The sockets of one protocol and family.
pub(super) struct Channel {
    proto: Proto,
    sender: OwnedFd,
    /// Where answers arrive, unless it is the sender.
    receiver: Option<(OwnedFd, Tap)>,
    outgoing: SendBatch,
    due: Vec<Due>,
    pub(super) incoming: RecvBatch,
    errors: RecvBatch,
    tx_ids: TxIds,
    drops: u32,
    ttl_by: TtlBy,
    /// What a trace has set on the socket, where TTLs are set there.
    socket_ttl: Option<u8>,
}

/// How a probe gets a TTL of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TtlBy {
    /// Packets are sent with their IP header, and have it.
    Header,
    /// By a control message.
    Message,
    /// By an option of the socket, probe by probe: datagram ICMPv6 sockets ignore control messages before Linux 5.18. The TTL is that of
    /// all other probes; `None` is the host's default.
    Socket(Option<u8>),
}

/// An ICMP error from the error queue of a datagram socket, where no other way leads to it.
pub(super) struct QueuedError<'a> {
    /// `None` where the kernel did not say who sent it.
    pub(super) error: Option<crate::outcome::Unreachable>,
    pub(super) message: &'a [u8],
    /// Where the message had been sent to.
    pub(super) to: Option<IpAddr>,
    /// When the error arrived.
    pub(super) rx_stamp: Option<Wall>,
    /// TTL or hop limit that it arrived with.
    pub(super) ttl: Option<u8>,
}

impl Channel {
    /// Takes over opened sockets. Packets of up to `packet_bytes` bytes go out.
    pub(super) fn new(
        proto: Proto,
        sender: OwnedFd,
        receiver: Option<(OwnedFd, Tap)>,
        packet_bytes: usize,
        ttl_by: TtlBy,
    ) -> Self {
        Self {
            proto,
            sender,
            receiver,
            outgoing: SendBatch::new(BATCH, packet_bytes),
            due: Vec::with_capacity(BATCH),
            incoming: RecvBatch::new(BATCH, (packet_bytes + LONGEST_IP_HEADER).max(RECEIVED_BYTES)),
            errors: RecvBatch::new(BATCH, packet_bytes.max(RECEIVED_BYTES)),
            tx_ids: TxIds::new(),
            drops: 0,
            ttl_by,
            socket_ttl: None,
        }
    }

    /// The descriptors to wait at: the sender (for stamps), and the receiver where it is another.
    pub(super) fn descriptors(&self) -> (BorrowedFd<'_>, Option<BorrowedFd<'_>>) {
        (self.sender.as_fd(), self.receiver.as_ref().map(|(fd, _)| fd.as_fd()))
    }

    /// Adds the packet of a probe, which `fill` writes, to the next batch. The batch must not be full.
    pub(super) fn push(&mut self, due: Due, to: SocketAddr, fill: impl FnOnce(&mut [u8]) -> usize) {
        let ttl = due.ttl.filter(|_| self.ttl_by == TtlBy::Message);
        if self.outgoing.push_with_ttl(to, ttl, fill) == Pushed::Queued {
            self.due.push(due);
        }
    }

    /// Whether the next batch must be sent before another packet fits.
    pub(super) fn is_full(&self) -> bool {
        let is_alone = matches!(self.ttl_by, TtlBy::Socket(_)) && self.due.last().is_some_and(|due| due.ttl.is_some());
        self.outgoing.is_full() || is_alone
    }

    /// Sends the batch and tells the prober what became of each packet. `called_at` is a wall time just before this call.
    pub(super) fn flush(
        &mut self,
        called_at: Wall,
        prober: &mut Prober,
        mut queued: impl FnMut(&mut Prober, QueuedError<'_>),
    ) {
        if let Err(error) = self.prepare() {
            // Answers could not be heard or would come from elsewhere, so the probes are not sent.
            let error = error
                .raw_os_error()
                .map_or(SendError::Denied, sys::send_error_from_errno);
            self.due.drain(..).for_each(|due| prober.handle_send_error(due, error));
            self.outgoing.clear();
        }
        let mut doubted = false;
        while self.outgoing.unsent() > 0 {
            let first = self.outgoing.cursor();
            let progress = self.outgoing.send(self.sender.as_fd());
            for &due in &self.due[first..first + progress.sent] {
                self.tx_ids.push(due.series, due.seq, called_at);
                prober.handle_sent(due);
            }
            let Some(errno) = progress.failed else {
                doubted &= progress.sent == 0;
                continue;
            };
            // The stamps of what was sent so far must be read under the numbers they were sent with.
            let found = self.read_errors(prober, &mut queued);
            self.tx_ids.restart();
            // It can only fail where setting the same option at the start would have.
            let _ = options::restart_tx_counter(self.sender.as_fd());
            let is_about_this = match found {
                // The failure was the errno of an ICMP error about an earlier packet; reading it has cleared it.
                Found::IcmpErrors => progress.tries >= MOST_TRIES,
                // It may still be one: the kernel raises an error after it has queued it, and even where the queue had no room for it
                // (ping_err, raw_err). But it raises it only once.
                Found::StampsOnly => sys::uses_tx_number(errno) || mem::replace(&mut doubted, true),
            };
            if is_about_this {
                prober.handle_send_error(self.due[first], sys::send_error_from_errno(errno));
                self.outgoing.skip_one();
                doubted = false;
            }
        }
        self.outgoing.clear();
        self.due.clear();
    }

    /// Makes the sockets ready for the batch.
    fn prepare(&mut self) -> io::Result<()> {
        let Some(first) = self.due.first() else { return Ok(()) };
        if let TtlBy::Socket(default) = self.ttl_by
            && self.socket_ttl != first.ttl
        {
            options::set_hop_limit(self.sender.as_fd(), first.ttl.or(default))?;
            self.socket_ttl = first.ttl;
        }
        match &mut self.receiver {
            Some((fd, tap)) => tap.open(fd.as_fd()),
            None => Ok(()),
        }
    }

    /// Nothing is expected to arrive until the next [`flush`](Self::flush).
    pub(super) fn rest(&mut self) {
        if let Some((fd, tap)) = &mut self.receiver {
            tap.close(fd.as_fd());
        }
    }

    /// Reads one batch of answers into `incoming`; the send stamps of all that they answer are known when this returns.
    pub(super) fn receive(&mut self, prober: &mut Prober, queued: impl FnMut(&mut Prober, QueuedError<'_>)) -> usize {
        let fd = self.receiver.as_ref().map_or(&self.sender, |(fd, _)| fd).as_fd();
        // An error here is one of an earlier send, and the queue is as it was: read on.
        let received = (0..MAX_PENDING_ERRORS)
            .find_map(|_| self.incoming.recv(fd, Queue::Data).ok())
            .unwrap_or(0);
        // The kernel stamps a packet before it leaves: whatever has been answered has its stamp in the error queue by now.
        self.read_errors(prober, queued);
        received
    }

    /// Empties the error queue: send stamps to the prober, ICMP errors to `queued`.
    fn read_errors(&mut self, prober: &mut Prober, mut queued: impl FnMut(&mut Prober, QueuedError<'_>)) -> Found {
        let mut found = Found::StampsOnly;
        for _ in 0..MOST_ROUNDS {
            let Ok(read @ 1..) = self.errors.recv(self.sender.as_fd(), Queue::Errors) else {
                break;
            };
            for message in self.errors.iter() {
                if let Some(stamp) = message.tx_stamp
                    && let Some((series, seq)) = self.tx_ids.take(stamp.id, stamp.at)
                {
                    prober.handle_tx_stamp(series, seq, stamp.at);
                }
                let Some(error) = message.icmp_error else { continue };
                found = Found::IcmpErrors;
                let error = error.offender.map(|from| crate::outcome::Unreachable {
                    from,
                    icmp_type: error.icmp_type,
                    code: error.code,
                });
                queued(
                    prober,
                    QueuedError {
                        error,
                        message: message.bytes,
                        to: message.from.map(|to| to.ip()),
                        rx_stamp: message.rx_stamp,
                        ttl: message.ttl,
                    },
                );
            }
            if read < BATCH {
                break;
            }
        }
        found
    }

    /// How many packets the receive queue has dropped since the last call.
    pub(super) fn take_drops(&mut self) -> io::Result<u32> {
        let total = options::receive_drops(self.receiver.as_ref().map_or(&self.sender, |(fd, _)| fd).as_fd())?;
        let new = total.wrapping_sub(self.drops);
        self.drops = total;
        Ok(new)
    }

    /// The protocol that this is a channel of.
    pub(super) const fn proto(&self) -> Proto {
        self.proto
    }
}

/// What an error queue held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Found {
    StampsOnly,
    IcmpErrors,
}

/// Packets in one system call.
pub(super) const BATCH: usize = 64;

/// Room for an ICMP error with a full quote (RFC 1812: up to 576 bytes), whatever the size of our own packets.
const RECEIVED_BYTES: usize = 1_024;

/// Raw IPv4 sockets deliver the IP header as well: 15 words at most (RFC 791, section 3.1).
const LONGEST_IP_HEADER: usize = 60;

/// Batches that empty any error queue. A flood of errors can't keep this from ending.
const MOST_ROUNDS: usize = 1024;

/// How often a packet is tried while errors about others come in between.
const MOST_TRIES: u32 = 16;

/// Errors of earlier sends that may be in the way of one receive call.
const MAX_PENDING_ERRORS: usize = 4;

#[cfg(test)]
mod tests;
