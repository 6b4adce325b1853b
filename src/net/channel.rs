//! One way out and back: the sockets of one protocol and family, their batches, and the stamps on their way.

use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

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
}

/// An ICMP error from the error queue of a datagram socket, where no other way leads to it.
pub(super) struct QueuedError<'a> {
    /// `None` where the kernel did not say who sent it.
    pub(super) error: Option<crate::outcome::Unreachable>,
    pub(super) message: &'a [u8],
}

impl Channel {
    /// Takes over opened sockets. Packets of up to `packet_bytes` bytes go out.
    pub(super) fn new(proto: Proto, sender: OwnedFd, receiver: Option<(OwnedFd, Tap)>, packet_bytes: usize) -> Self {
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
        }
    }

    /// The descriptors to wait at: the sender (for stamps), and the receiver where it is another.
    pub(super) fn descriptors(&self) -> (BorrowedFd<'_>, Option<BorrowedFd<'_>>) {
        (self.sender.as_fd(), self.receiver.as_ref().map(|(fd, _)| fd.as_fd()))
    }

    /// Adds the packet of a probe, which `fill` writes, to the next batch. The batch must not be full.
    pub(super) fn push(&mut self, due: Due, to: SocketAddr, fill: impl FnOnce(&mut [u8]) -> usize) {
        if self.outgoing.push(to, fill) == Pushed::Queued {
            self.due.push(due);
        }
    }

    /// Whether the next batch must be sent before another packet fits.
    pub(super) fn is_full(&self) -> bool {
        self.outgoing.is_full()
    }

    /// Sends the batch and tells the prober what became of each packet. `called_at` is a wall time just before this call.
    pub(super) fn flush(
        &mut self,
        called_at: Wall,
        prober: &mut Prober,
        mut queued: impl FnMut(&mut Prober, QueuedError<'_>),
    ) {
        if let Err(error) = self.open_tap() {
            // Answers could not be heard, so the probes are not sent.
            let error = error
                .raw_os_error()
                .map_or(SendError::Denied, sys::send_error_from_errno);
            self.due.drain(..).for_each(|due| prober.handle_send_error(due, error));
            self.outgoing.clear();
        }
        while self.outgoing.unsent() > 0 {
            let first = self.outgoing.cursor();
            let progress = self.outgoing.send(self.sender.as_fd());
            for &due in &self.due[first..first + progress.sent] {
                self.tx_ids.push(due.series, due.seq, called_at);
                prober.handle_sent(due);
            }
            let Some(errno) = progress.failed else { continue };
            // The stamps of what was sent so far must be read under the numbers they were sent with.
            let found = self.read_errors(prober, &mut queued);
            self.tx_ids.restart();
            // It can only fail where setting the same option at the start would have.
            let _ = options::restart_tx_counter(self.sender.as_fd());
            // Where an ICMP error was queued, the failure was its errno and about an earlier packet; reading it has cleared it.
            if found == Found::StampsOnly {
                prober.handle_send_error(self.due[first], sys::send_error_from_errno(errno));
                self.outgoing.skip_one();
            }
        }
        self.outgoing.clear();
        self.due.clear();
    }

    fn open_tap(&mut self) -> io::Result<()> {
        match &mut self.receiver {
            Some((fd, tap)) if self.outgoing.unsent() > 0 => tap.open(fd.as_fd()),
            Some(_) | None => Ok(()),
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
        while let Ok(read @ 1..) = self.errors.recv(self.sender.as_fd(), Queue::Errors) {
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

/// Errors of earlier sends that may be in the way of one receive call.
const MAX_PENDING_ERRORS: usize = 4;
