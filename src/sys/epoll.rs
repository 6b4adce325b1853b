//! Waiting for thousands of descriptors.

use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd as _, OwnedFd};
use std::time::Duration;

use super::{Interest, check};

/// An epoll instance with room for a fixed number of results per wait.
///
/// It is itself a descriptor that is readable when something is ready, so that [`poll`](super::poll()) can wait for it
/// among others, in ns.
#[derive(Debug)]
pub struct Epoll {
    fd: OwnedFd,
    events: Box<[libc::epoll_event]>,
}

/// What is ready at one descriptor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "four independent facts, as the kernel reports them"
)]
pub struct Ready {
    /// The token that the descriptor was added with.
    pub token: u64,
    /// Something can be read.
    pub readable: bool,
    /// Something can be written, or a connection attempt is over.
    pub writable: bool,
    /// The error queue has something, or the socket an error.
    pub has_errors: bool,
    /// The other end is gone.
    pub hung_up: bool,
}

impl Epoll {
    /// Waits for nothing yet; each wait reports at most `results` descriptors (at least one).
    ///
    /// # Errors
    ///
    /// The errno of `epoll_create1`.
    pub fn new(results: usize) -> io::Result<Self> {
        // SAFETY: no pointers are involved.
        let returned = unsafe { libc::epoll_create1(libc::EPOLL_CLOEXEC) };
        check(returned)?;
        // SAFETY: the call succeeded, so this is a new descriptor that nobody else knows.
        let fd = unsafe { OwnedFd::from_raw_fd(returned) };
        let events = vec![libc::epoll_event { events: 0, u64: 0 }; results.max(1)].into_boxed_slice();
        Ok(Self { fd, events })
    }

    /// Waits for `interest` at `fd`, to be reported with `token` as long as it lasts. The kernel forgets a descriptor
    /// when it is closed.
    ///
    /// # Errors
    ///
    /// The errno of `epoll_ctl`.
    pub fn add(&self, fd: BorrowedFd<'_>, interest: Interest, token: u64) -> io::Result<()> {
        self.control(libc::EPOLL_CTL_ADD, fd, interest, token)
    }

    /// Changes what is waited for at `fd`, and its token.
    ///
    /// # Errors
    ///
    /// The errno of `epoll_ctl`.
    pub fn modify(&self, fd: BorrowedFd<'_>, interest: Interest, token: u64) -> io::Result<()> {
        self.control(libc::EPOLL_CTL_MOD, fd, interest, token)
    }

    /// Waits for `fd` no longer.
    ///
    /// # Errors
    ///
    /// The errno of `epoll_ctl`.
    pub fn delete(&self, fd: BorrowedFd<'_>) -> io::Result<()> {
        self.control(libc::EPOLL_CTL_DEL, fd, Interest::Errors, 0)
    }

    /// Waits until something is ready or `timeout` has passed (`None`: as long as it takes; rounded up to ms). Nothing
    /// also where a signal ended the wait.
    ///
    /// # Errors
    ///
    /// The errno of `epoll_wait`.
    pub fn wait(&mut self, timeout: Option<Duration>) -> io::Result<impl Iterator<Item = Ready>> {
        let timeout = timeout.map_or(-1, |timeout| {
            i32::try_from(timeout.as_nanos().div_ceil(1_000_000)).unwrap_or(i32::MAX)
        });
        let room = i32::try_from(self.events.len()).unwrap_or(i32::MAX);
        // SAFETY: the pointer and `room` describe `events`, which only the kernel touches during the call.
        let returned = unsafe { libc::epoll_wait(self.fd.as_raw_fd(), self.events.as_mut_ptr(), room, timeout) };
        let ready = match check(returned) {
            Ok(ready) => ready,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => 0,
            Err(error) => return Err(error),
        };
        Ok(self.events.iter().take(ready).map(|event| decode(*event)))
    }

    fn control(&self, operation: libc::c_int, fd: BorrowedFd<'_>, interest: Interest, token: u64) -> io::Result<()> {
        let events = match interest {
            Interest::Errors => 0,
            Interest::Read => IN,
            Interest::Write => OUT,
            Interest::ReadWrite => IN | OUT,
        };
        let mut event = libc::epoll_event { events, u64: token };
        // SAFETY: the pointer is to a local of the right type, which outlives the call.
        let returned = unsafe { libc::epoll_ctl(self.fd.as_raw_fd(), operation, fd.as_raw_fd(), &raw mut event) };
        check(returned).map(drop)
    }
}

impl AsFd for Epoll {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

fn decode(event: libc::epoll_event) -> Ready {
    let events = event.events;
    Ready {
        token: event.u64,
        readable: events & IN != 0,
        writable: events & OUT != 0,
        has_errors: events & ERR != 0,
        hung_up: events & HUP != 0,
    }
}

const IN: u32 = libc::EPOLLIN.cast_unsigned();
const OUT: u32 = libc::EPOLLOUT.cast_unsigned();
const ERR: u32 = libc::EPOLLERR.cast_unsigned();
const HUP: u32 = libc::EPOLLHUP.cast_unsigned();

#[cfg(test)]
mod tests;
