//! Many datagrams in one `sendmmsg` call.

use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsRawFd, BorrowedFd};
use std::ptr;

use socket2::SockAddr;

use super::control::{self, TtlMessage};

/// A batch of datagrams with room for a fixed number of messages of a fixed size. Nothing is allocated after
/// [`Self::new`].
///
/// Fill it with [`Self::push`], hand it to the kernel with [`Self::send`] until nothing is [`unsent`](Self::unsent),
/// then [`clear`](Self::clear) it:
///
/// ```no_run
/// # use std::os::fd::AsFd;
/// # let socket = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
/// # let to = socket.local_addr().unwrap();
/// use pathjitter::sys::SendBatch;
///
/// let mut batch = SendBatch::new(64, 128);
/// while !batch.is_full() {
///     let _ = batch.push(to, |slot| {
///         slot[..4].copy_from_slice(b"ping");
///         4
///     });
/// }
/// while batch.unsent() > 0 {
///     let progress = batch.send(socket.as_fd());
///     if let Some(errno) = progress.failed {
///         eprintln!("message {} was not sent: errno {errno}", batch.cursor());
///         batch.skip_one();
///     }
/// }
/// batch.clear();
/// ```
#[derive(Debug)]
pub struct SendBatch {
    slot_bytes: usize,
    bytes: Box<[u8]>,
    messages: Vec<Message>,
    capacity: usize,
    cursor: usize,
    tries: u32,
    ttls: Box<[TtlMessage]>,
    iovecs: Box<[libc::iovec]>,
    headers: Box<[libc::mmsghdr]>,
}

/// What is known of one message apart from its bytes.
#[derive(Debug)]
struct Message {
    to: SockAddr,
    len: usize,
    has_ttl: bool,
}

/// Whether a message found room in a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Pushed {
    /// It is the last message of the batch now.
    Queued,
    /// The batch is full, and is as it was.
    Full,
}

/// What one [`SendBatch::send`] achieved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub struct SendProgress {
    /// How many messages this call sent, from the cursor on.
    pub sent: usize,
    /// The errno of the message at the cursor, which was not sent. `sent` is 0 then.
    pub failed: Option<i32>,
    /// How often the kernel has tried the message at the cursor by now, in vain each time: often 2 when it has
    /// `failed`, because the call before stopped there without giving a reason.
    pub tries: u32,
}

// SAFETY: the raw pointers in `iovecs` and `headers` are written by `arm` and read by the kernel within one `send`,
// under one `&mut self`; whatever they hold at any other time is never used. All else in here is `Send`.
unsafe impl Send for SendBatch {}

impl SendBatch {
    /// An empty batch with room for `slots` messages of up to `slot_bytes` bytes each (at least one byte).
    #[must_use]
    pub fn new(slots: usize, slot_bytes: usize) -> Self {
        let slot_bytes = slot_bytes.max(1);
        Self {
            slot_bytes,
            bytes: vec![0; slots.saturating_mul(slot_bytes)].into_boxed_slice(),
            messages: Vec::with_capacity(slots),
            capacity: slots,
            cursor: 0,
            tries: 0,
            ttls: vec![TtlMessage::EMPTY; slots].into_boxed_slice(),
            iovecs: vec![super::EMPTY_IOVEC; slots].into_boxed_slice(),
            headers: vec![super::EMPTY_HEADER; slots].into_boxed_slice(),
        }
    }

    /// Queues one message to `to`: `fill` writes it into the slot it is given and returns its length, of which at most
    /// the length of the slot counts. `fill` is not called where the batch is full.
    ///
    /// The port of `to` means what it means to the socket; on raw sockets it has to be 0.
    pub fn push(&mut self, to: SocketAddr, fill: impl FnOnce(&mut [u8]) -> usize) -> Pushed {
        self.push_with_ttl(to, None, fill)
    }

    /// [`push`](Self::push) with a TTL or hop limit for this message alone; `None` leaves that of the socket.
    ///
    /// A TTL of 0 is `EINVAL` over IPv4, and leaves as 0 over IPv6. Two kinds of socket don't look at it: those whose messages begin
    /// with their IP header, and datagram ICMPv6 sockets before Linux 5.18 (`ping_v6_sendmsg`).
    pub fn push_with_ttl(&mut self, to: SocketAddr, ttl: Option<u8>, fill: impl FnOnce(&mut [u8]) -> usize) -> Pushed {
        let index = self.messages.len();
        if index >= self.capacity {
            return Pushed::Full;
        }
        let start = index * self.slot_bytes;
        let Some(slot) = self.bytes.get_mut(start..start + self.slot_bytes) else {
            return Pushed::Full;
        };
        let len = fill(slot).min(self.slot_bytes);
        if let (Some(ttl), Some(message)) = (ttl, self.ttls.get_mut(index)) {
            *message = TtlMessage::new(to.ip().into(), ttl);
        }
        self.messages.push(Message {
            to: SockAddr::from(to),
            len,
            has_ttl: ttl.is_some(),
        });
        Pushed::Queued
    }

    /// Sends messages from the cursor on with one `sendmmsg` that does not wait, and moves the cursor past those that
    /// were sent.
    ///
    /// The kernel stops at the first message that fails, and tells its errno only if it is the first message of the
    /// call. So after a short count, call again: the same message is tried again, and if it fails again,
    /// [`SendProgress::failed`] says why. The caller then waits, or goes on without it by [`skip_one`](Self::skip_one).
    ///
    /// Three things that a caller has to know:
    /// - Where send stamps are numbered, a message that the kernel drops after it has built the packet uses up a number
    ///   with **each try** ([`uses_tx_number`](super::errno::uses_tx_number): an output rule of the firewall, a full
    ///   queue); one that fails before that uses none. So the next message has the number of the last one sent, plus 1,
    ///   plus [`SendProgress::tries`] in the first case.
    /// - A packet that a full queue of this host drops counts as **sent** on raw and UDP sockets, unless
    ///   [`recv_err`](super::options::recv_err) is on: then it fails with `ENOBUFS`. Either way it gets no stamp.
    /// - Where `recv_err` is on, or the socket is connected, the ICMP error of an *earlier* message can fail the next
    ///   try (`ECONNREFUSED`, `EHOSTUNREACH`, ...); it is gone after that, and the same message can be sent.
    pub fn send(&mut self, fd: BorrowedFd<'_>) -> SendProgress {
        let pending = self.arm();
        if pending == 0 {
            return self.progress(0, None);
        }
        // `as _`: the type of flags differs between C libraries.
        loop {
            // SAFETY: `arm` has just pointed the first `pending` headers at iovecs, addresses, bytes and control messages
            // that `self` owns and that stay put during the call; `pending` is at most the number of headers.
            let returned =
                unsafe { libc::sendmmsg(fd.as_raw_fd(), self.headers.as_mut_ptr(), pending, SEND_FLAGS as _) };
            match super::check(returned) {
                Ok(sent) => {
                    self.move_cursor(sent);
                    if libc::c_uint::try_from(sent).is_ok_and(|sent| sent < pending) {
                        self.tries = 1;
                    }
                    return self.progress(sent, None);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => {
                    self.tries = self.tries.saturating_add(1);
                    return self.progress(0, error.raw_os_error());
                }
            }
        }
    }

    /// Gives up the message at the cursor. Does nothing where all messages are done.
    pub fn skip_one(&mut self) {
        self.move_cursor(1);
    }

    /// Forgets all messages, sent or not.
    pub fn clear(&mut self) {
        self.messages.clear();
        self.cursor = 0;
        self.tries = 0;
    }

    /// How many messages were pushed since the last [`clear`](Self::clear).
    #[must_use]
    pub fn len(&self) -> usize {
        self.messages.len()
    }

    /// Whether no message was pushed since the last [`clear`](Self::clear).
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.messages.is_empty()
    }

    /// Whether there is no room for another message.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.messages.len() >= self.capacity
    }

    /// The index of the message that the next [`send`](Self::send) begins with.
    #[must_use]
    pub const fn cursor(&self) -> usize {
        self.cursor
    }

    /// How many messages are neither sent nor skipped.
    #[must_use]
    pub fn unsent(&self) -> usize {
        self.messages.len() - self.cursor
    }

    fn move_cursor(&mut self, by: usize) {
        self.cursor = self.messages.len().min(self.cursor + by);
        self.tries = 0;
    }

    const fn progress(&self, sent: usize, failed: Option<i32>) -> SendProgress {
        SendProgress {
            sent,
            failed,
            tries: self.tries,
        }
    }

    /// Points the headers at the unsent messages; returns their number, at most what one call takes.
    fn arm(&mut self) -> libc::c_uint {
        let mut armed = 0;
        let slots = self.bytes.chunks_exact_mut(self.slot_bytes).zip(&mut self.ttls);
        let messages = self.messages.iter().zip(slots).skip(self.cursor).take(MAX_PER_CALL);
        for (((message, (slot, ttl)), iovec), header) in messages.zip(&mut self.iovecs).zip(&mut self.headers) {
            iovec.iov_base = slot.as_mut_ptr().cast();
            iovec.iov_len = message.len;
            // The kernel does not write to the address of a message that it sends.
            header.msg_hdr.msg_name = message.to.as_ptr().cast_mut().cast();
            header.msg_hdr.msg_namelen = message.to.len();
            header.msg_hdr.msg_iov = iovec;
            header.msg_hdr.msg_iovlen = 1;
            // `as _`: the type of such lengths differs between C libraries.
            (header.msg_hdr.msg_control, header.msg_hdr.msg_controllen) = if message.has_ttl {
                (ttl.as_mut_ptr(), control::TTL_MESSAGE_BYTES as _)
            } else {
                (ptr::null_mut(), 0)
            };
            armed += 1;
        }
        armed
    }
}

/// `EAGAIN` instead of a wait, and `EPIPE` instead of a signal.
const SEND_FLAGS: libc::c_int = libc::MSG_DONTWAIT | libc::MSG_NOSIGNAL;

/// `UIO_MAXIOV`: the kernel silently takes no more messages than this in one call.
const MAX_PER_CALL: usize = 1024;

#[cfg(test)]
mod tests;
