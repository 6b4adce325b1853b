//! Many datagrams, or many entries of an error queue, in one `recvmmsg` call.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::{AsRawFd, BorrowedFd};

use super::control::{self, ControlBuffer, NameBuffer};
use crate::units::Wall;

/// Room for a fixed number of received messages. Nothing is allocated after [`Self::new`].
#[derive(Debug)]
pub struct RecvBatch {
    slot_bytes: usize,
    filled: usize,
    bytes: Box<[u8]>,
    names: Box<[NameBuffer]>,
    controls: Box<[ControlBuffer]>,
    iovecs: Box<[libc::iovec]>,
    headers: Box<[libc::mmsghdr]>,
}

/// Which queue of a socket to read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Queue {
    /// Datagrams from the network.
    Data,
    /// Send stamps, and ICMP errors where [`recv_err`](super::options::recv_err) is on.
    Errors,
}

/// One received message. Which fields are present depends on the queue, on the kind of socket and on its options.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Received<'a> {
    /// From the data queue: the datagram (raw IPv4 sockets give it with its IP header, all others without). From the
    /// error queue: the datagram that an ICMP error is about, from its ICMP or UDP payload on; empty for send stamps.
    pub bytes: &'a [u8],
    /// The sender of a datagram; for an ICMP error, where the datagram in `bytes` was sent to. `None` where the kernel
    /// gave none, and for addresses that are not IP (packet sockets).
    pub from: Option<SocketAddr>,
    /// When the packet arrived at this host, by the kernel's software stamp.
    pub rx_stamp: Option<Wall>,
    /// TTL or hop limit of the received packet, where [`recv_ttl`](super::options::recv_ttl) is on.
    pub ttl: Option<u8>,
    /// Whether bytes of the datagram or of its control data did not fit and are gone.
    pub truncated: bool,
    /// The send stamp of a datagram that left this host.
    pub tx_stamp: Option<TxStamp>,
    /// An ICMP error about a datagram that this socket sent.
    pub icmp_error: Option<QueuedIcmpError>,
}

/// When a datagram was handed to the network interface.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TxStamp {
    /// The number of the datagram: the socket counts from 0 since send stamps were enabled or restarted, wrapping at 32
    /// bits.
    pub id: u32,
    /// When, by the kernel's software stamp.
    pub at: Wall,
}

/// An ICMP error from the error queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QueuedIcmpError {
    /// ICMP or ICMPv6 type, as on the wire.
    pub icmp_type: u8,
    /// ICMP or ICMPv6 code, as on the wire.
    pub code: u8,
    /// Who sent the error.
    pub offender: Option<IpAddr>,
    /// The errno that the kernel makes of it.
    pub errno: i32,
}

// SAFETY: the raw pointers in `iovecs` and `headers` are written by `arm` and used by the kernel within one `recv`,
// under one `&mut self`; whatever they hold at any other time is never used as a pointer. All else in here is `Send`.
unsafe impl Send for RecvBatch {}

impl RecvBatch {
    /// Room for `slots` messages of up to `slot_bytes` bytes each (at least one byte).
    #[must_use]
    pub fn new(slots: usize, slot_bytes: usize) -> Self {
        let slot_bytes = slot_bytes.max(1);
        Self {
            slot_bytes,
            filled: 0,
            bytes: vec![0; slots.saturating_mul(slot_bytes)].into_boxed_slice(),
            names: vec![NameBuffer::EMPTY; slots].into_boxed_slice(),
            controls: vec![ControlBuffer::EMPTY; slots].into_boxed_slice(),
            iovecs: vec![super::EMPTY_IOVEC; slots].into_boxed_slice(),
            headers: vec![super::EMPTY_HEADER; slots].into_boxed_slice(),
        }
    }

    /// Replaces the content of this batch by what waits in a queue of `fd`, with one `recvmmsg` that does not wait.
    /// Returns how many messages there are; 0 where the queue is empty. As many as there are slots means that more may
    /// wait.
    ///
    /// # Errors
    ///
    /// The errno of the call. On the data queue this can be the error of an earlier send of the same socket
    /// (`ECONNREFUSED`, `EHOSTUNREACH`, ...): where ICMP errors are queued, the kernel raises them here or at the next
    /// send as well, once. `ENETDOWN` is said once by a packet socket whose interface goes down. Either way the queue is
    /// still there: call again.
    pub fn recv(&mut self, fd: BorrowedFd<'_>, queue: Queue) -> io::Result<usize> {
        self.filled = 0;
        let slots = self.arm();
        // Nothing else: packet sockets refuse flags that they don't know (packet_recvmsg), MSG_CMSG_CLOEXEC among them.
        let flags = match queue {
            Queue::Data => libc::MSG_DONTWAIT,
            Queue::Errors => libc::MSG_DONTWAIT | libc::MSG_ERRQUEUE,
        };
        // `as _` here and in `arm`: the types of flags and lengths differ between C libraries.
        let no_timeout = std::ptr::null_mut();
        loop {
            // SAFETY: `arm` has just pointed the first `slots` headers at buffers that `self` owns, with their true
            // sizes, and nothing else touches them during the call; a null timeout is allowed.
            let returned =
                unsafe { libc::recvmmsg(fd.as_raw_fd(), self.headers.as_mut_ptr(), slots, flags as _, no_timeout) };
            match super::check(returned) {
                Ok(received) => {
                    self.filled = received.min(self.headers.len());
                    return Ok(self.filled);
                }
                Err(error) => match error.kind() {
                    io::ErrorKind::WouldBlock => return Ok(0),
                    io::ErrorKind::Interrupted => {}
                    _ => return Err(error),
                },
            }
        }
    }

    /// How many messages the last [`recv`](Self::recv) left here.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.filled
    }

    /// Whether the last [`recv`](Self::recv) found nothing.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.filled == 0
    }

    /// The messages in the order in which the kernel queued them.
    pub fn iter(&self) -> impl Iterator<Item = Received<'_>> {
        (0..self.filled).map(|index| self.get(index))
    }

    /// The message at `index`; an empty one where there is none.
    #[must_use]
    pub fn get(&self, index: usize) -> Received<'_> {
        self.try_get(index).unwrap_or_default()
    }

    fn try_get(&self, index: usize) -> Option<Received<'_>> {
        let header = self.headers.get(..self.filled)?.get(index)?;
        let slot = self.bytes.get(index * self.slot_bytes..)?;
        // With MSG_TRUNC among the results the kernel still counts only what it stored.
        let len = usize::try_from(header.msg_len).ok()?.min(self.slot_bytes);
        let name = self.names.get(index)?.filled(header.msg_hdr.msg_namelen);
        let control = self.controls.get(index)?.filled(header.msg_hdr.msg_controllen);
        let control = control::decode(control);
        Some(Received {
            bytes: slot.get(..len)?,
            from: control::decode_address(name),
            rx_stamp: control.rx_stamp(),
            ttl: control.ttl,
            truncated: header.msg_hdr.msg_flags & (libc::MSG_TRUNC | libc::MSG_CTRUNC) != 0,
            tx_stamp: control.tx_stamp(),
            icmp_error: control.icmp_error(),
        })
    }

    /// Points all headers at their buffers and resets what the kernel overwrites; returns their number, at most what
    /// one call takes.
    fn arm(&mut self) -> libc::c_uint {
        let mut armed = 0;
        let slots = self.bytes.chunks_exact_mut(self.slot_bytes).take(MAX_PER_CALL);
        let buffers = slots.zip(&mut self.names).zip(&mut self.controls);
        let headers = self.iovecs.iter_mut().zip(&mut self.headers);
        for (((slot, name), control), (iovec, header)) in buffers.zip(headers) {
            iovec.iov_base = slot.as_mut_ptr().cast();
            iovec.iov_len = slot.len();
            let header = &mut header.msg_hdr;
            header.msg_namelen = super::socklen_of::<NameBuffer>();
            header.msg_name = name.as_mut_ptr();
            header.msg_iov = iovec;
            header.msg_iovlen = 1;
            header.msg_controllen = control::CONTROL_BYTES as _;
            header.msg_control = control.as_mut_ptr();
            armed += 1;
        }
        armed
    }
}

/// `UIO_MAXIOV`: the kernel silently takes no more messages than this in one call.
const MAX_PER_CALL: usize = 1024;

#[cfg(test)]
mod tests;
