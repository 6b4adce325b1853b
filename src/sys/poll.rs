//! Waiting for a few descriptors at once, in ns, and waking such a wait from another thread.

use std::fs::File;
use std::io::{self, Read as _, Write as _};
use std::marker::PhantomData;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd as _, OwnedFd};
use std::time::Duration;

use super::check;

/// What to wait for at a descriptor. Errors, a non-empty error queue among them, and hang-ups are always waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Interest {
    /// Nothing but errors: send stamps, for example.
    Errors,
    /// Something can be read, too.
    Read,
    /// Something can be written, or a connection attempt is over, too.
    Write,
    /// Both.
    ReadWrite,
}

/// A descriptor to wait for, and what the last wait found.
#[derive(Clone, Copy, Debug)]
#[repr(transparent)]
pub struct PollFd<'fd> {
    raw: libc::pollfd,
    fd: PhantomData<BorrowedFd<'fd>>,
}

impl<'fd> PollFd<'fd> {
    /// Waits for `interest` at `fd`.
    #[must_use]
    pub fn new(fd: BorrowedFd<'fd>, interest: Interest) -> Self {
        let events = match interest {
            Interest::Errors => 0,
            Interest::Read => libc::POLLIN,
            Interest::Write => libc::POLLOUT,
            Interest::ReadWrite => libc::POLLIN | libc::POLLOUT,
        };
        let raw = libc::pollfd {
            fd: fd.as_raw_fd(),
            events,
            revents: 0,
        };
        Self { raw, fd: PhantomData }
    }

    /// Whether something can be read.
    #[must_use]
    pub const fn is_readable(&self) -> bool {
        self.raw.revents & libc::POLLIN != 0
    }

    /// Whether something can be written.
    #[must_use]
    pub const fn is_writable(&self) -> bool {
        self.raw.revents & libc::POLLOUT != 0
    }

    /// Whether the error queue has something, or the socket an error.
    #[must_use]
    pub const fn has_errors(&self) -> bool {
        self.raw.revents & libc::POLLERR != 0
    }

    /// Whether the other end is gone.
    #[must_use]
    pub const fn is_hung_up(&self) -> bool {
        self.raw.revents & libc::POLLHUP != 0
    }
}

/// Waits until something is ready at one of `fds`, or `timeout` has passed (`None`: as long as it takes). Returns how
/// many are ready; 0 also where a signal ended the wait.
///
/// # Errors
///
/// The errno of `ppoll`.
pub fn poll(fds: &mut [PollFd<'_>], timeout: Option<Duration>) -> io::Result<usize> {
    let count = libc::nfds_t::try_from(fds.len()).map_err(|_| io::Error::from_raw_os_error(libc::EINVAL))?;
    let timeout = timeout.map(|timeout| libc::timespec {
        tv_sec: libc::time_t::try_from(timeout.as_secs()).unwrap_or(libc::time_t::MAX),
        tv_nsec: timeout.subsec_nanos().into(),
    });
    let timeout = timeout.as_ref().map_or(std::ptr::null(), std::ptr::from_ref);
    let first = fds.as_mut_ptr().cast::<libc::pollfd>();
    // SAFETY: `first` and `count` describe `fds`, whose elements have the layout of `pollfd` (`repr(transparent)`);
    // `timeout` is null or points at a local that outlives the call; a null signal mask leaves it as it is.
    let returned = unsafe { libc::ppoll(first, count, timeout, std::ptr::null()) };
    match check(returned) {
        Ok(ready) => Ok(ready),
        Err(error) if error.kind() == io::ErrorKind::Interrupted => {
            // The kernel has not written to `fds`: don't leave the results of the wait before.
            for fd in fds {
                fd.raw.revents = 0;
            }
            Ok(0)
        }
        Err(error) => Err(error),
    }
}

/// A descriptor that becomes readable when another thread says so.
#[derive(Debug)]
pub struct EventFd(File);

impl EventFd {
    /// Not woken yet.
    ///
    /// # Errors
    ///
    /// The errno of `eventfd`.
    pub fn new() -> io::Result<Self> {
        // SAFETY: no pointers are involved.
        let returned = unsafe { libc::eventfd(0, libc::EFD_CLOEXEC | libc::EFD_NONBLOCK) };
        check(returned)?;
        // SAFETY: the call succeeded, so this is a new descriptor that nobody else knows.
        let fd = unsafe { OwnedFd::from_raw_fd(returned) };
        Ok(Self(fd.into()))
    }

    /// Makes it readable. Waking twice is waking once.
    ///
    /// # Errors
    ///
    /// The errno of `write`; a full counter is none, because that is as awake as can be.
    pub fn wake(&self) -> io::Result<()> {
        match (&self.0).write(&1_u64.to_ne_bytes()) {
            Err(error) if error.kind() != io::ErrorKind::WouldBlock => Err(error),
            _ => Ok(()),
        }
    }

    /// Makes it unreadable again.
    ///
    /// # Errors
    ///
    /// The errno of `read`; that it was not readable is none.
    pub fn reset(&self) -> io::Result<()> {
        match (&self.0).read(&mut [0; 8]) {
            Err(error) if error.kind() != io::ErrorKind::WouldBlock => Err(error),
            _ => Ok(()),
        }
    }
}

impl AsFd for EventFd {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

#[cfg(test)]
mod tests;
