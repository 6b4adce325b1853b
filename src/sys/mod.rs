//! Linux, made safe: the only module of this program that contains `unsafe`.
//!
//! Everything here is a thin function over one system call (or one socket option) that the standard library and
//! `socket2` do not cover: batched sends and receives with kernel stamps, error queues, packet filters, polling in
//! nanoseconds, TUN devices, namespaces. Decisions live elsewhere; this module knows the vocabulary ([`crate::units`], [`crate::outcome`]) and
//! nothing else of the program.
//!
//! # Invariants
//!
//! 1. **No function here is `unsafe` to call.** No argument, no packet and no answer of the kernel may lead to
//!    undefined behaviour or to a panic. Whatever the kernel writes is read as bytes, with bounds.
//! 2. **A file descriptor is a `BorrowedFd` on the way in and an `OwnedFd` on the way out**, opened with `CLOEXEC`. Raw
//!    numbers exist only inside the one expression that makes the call, so a call can't hit a descriptor that was
//!    closed and reused.
//! 3. **A pointer lives as long as one call.** [`SendBatch`] and [`RecvBatch`] own their buffers and write fresh
//!    pointers into the message headers right before each call; between calls the headers are dead weight. That is why
//!    both may move, and why both may be sent to another thread although `mmsghdr` may not.
//! 4. **Control messages are decoded without pointers.** `control` walks the buffer as a byte slice with the layout of
//!    `cmsg(3)`: it checks each length against what is left, and ends the walk at the first header that does not fit.
//!    So alignment can't matter when reading. The buffers that the *kernel* fills are aligned like `cmsghdr`; `const`
//!    assertions hold both the alignment and the room for the largest set of messages that the options here can ask
//!    for.
//! 5. **A cut message says so.** `MSG_TRUNC` and `MSG_CTRUNC` both become [`Received::truncated`]. With the buffers
//!    used here the kernel never sets `MSG_CTRUNC`, unless an option is switched on that this module does not know.
//! 6. **Absent is `None`.** No stamp is no stamp: nothing here replaces a missing kernel stamp by a clock reading, and
//!    nothing here reads a clock.
//! 7. **One unsafe operation per block**, each with the reason why it is sound. Lints enforce both.
//!
//! # Errors
//!
//! Functions return [`std::io::Error`] with the errno of the call and add no words: the caller knows the socket, the
//! address and the purpose, and names them. `EINTR` never surfaces: a call that was interrupted is made again, or,
//! where it waits, reports that nothing is ready. [`errno::send_error_from_errno`] turns the errno of a send into the
//! outcome of a probe.
//!
//! # What the kernel promises, and what it doesn't
//!
//! Facts that callers have to live with are stated at the function they concern, and held by tests against the running
//! kernel:
//! - [`SendBatch::send`]: which failed sends use up a number of the send stamp counter, and which drops are silent;
//! - [`RecvBatch::recv`]: an error of an earlier probe can surface at a later receive or send of the same socket;
//! - [`options::enable_timestamping`]: the first packets after the first such call of the whole host may carry no
//!   stamp, and send stamps that find the receive buffer full are lost without a trace but a gap in their numbers.
//!
//! All of this is Linux only, like the engines that need it. The portable engine does not come here.
#![expect(
    unsafe_code,
    reason = "system calls without a safe wrapper; see the invariants above"
)]

use std::net::IpAddr;
use std::{io, mem};

pub mod batch_recv;
pub mod batch_send;
mod control;
pub mod departures;
pub mod epoll;
pub mod errno;
pub mod namespace;
pub mod options;
pub mod poll;
pub mod process;
pub mod rights;
pub mod scheduling;
#[cfg(test)]
pub(crate) mod testing;
pub mod tun;

pub use batch_recv::{Queue, QueuedIcmpError, Received, RecvBatch, TxStamp};
pub use batch_send::{Pushed, SendBatch, SendProgress};
pub use departures::open_departures;
pub use epoll::{Epoll, Ready};
pub use errno::{send_error_from_errno, uses_tx_number};
pub use options::{FilterInstruction, ReceiveBuffer, Stamps, TcpInfo};
pub use poll::{EventFd, Interest, PollFd, poll};
pub use tun::{Tun, TunNode};

/// The IP version of a socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Family {
    /// IPv4.
    V4,
    /// IPv6.
    V6,
}

impl From<IpAddr> for Family {
    fn from(address: IpAddr) -> Self {
        match address {
            IpAddr::V4(_) => Self::V4,
            IpAddr::V6(_) => Self::V6,
        }
    }
}

/// The result of a call that returns -1 and sets errno on failure, and a count or 0 otherwise.
fn check(returned: libc::c_int) -> io::Result<usize> {
    usize::try_from(returned).map_err(|_negative| io::Error::last_os_error())
}

/// The size of `T` as the kernel takes it.
const fn socklen_of<T>() -> libc::socklen_t {
    let size = mem::size_of::<T>();
    assert!(size <= 4096, "option values and addresses are small");
    #[expect(clippy::cast_possible_truncation, reason = "at most 4096, checked above")]
    let size = size as libc::socklen_t;
    size
}

/// An iovec that points nowhere.
const EMPTY_IOVEC: libc::iovec = libc::iovec {
    iov_base: std::ptr::null_mut(),
    iov_len: 0,
};

/// A message header that points nowhere: no address, no buffers, no control data.
const EMPTY_HEADER: libc::mmsghdr = {
    // SAFETY: all fields are integers and raw pointers (and, on some targets, padding fields of integers); zero is a
    // valid value of each.
    unsafe { mem::zeroed() }
};
