//! When the raw TCP socket listens.
//!
//! A raw TCP socket is handed a copy of every TCP segment that reaches this host, before any filter: beside a load balancer that is
//! what a prober costs. A packet socket costs half of that at best, and sees packets that the firewall of this host would drop
//! (`benches/foreign_traffic.rs` measures both). But a raw socket bound to an interface that a packet does not come from is passed
//! over before the copy, which costs next to nothing. So the socket is bound to an interface that does not exist while no SYN is
//! under way, and unbound before one is sent.

use std::io;
use std::os::fd::BorrowedFd;

use crate::sys::options::bind_to_index;

/// The state of a raw TCP socket.
#[derive(Clone, Copy, Debug)]
pub(super) struct Tap {
    state: State,
    /// The interface to listen at; 0 is any.
    interface: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Open,
    Closed,
    /// It can't be closed here: rebinding needs `CAP_NET_RAW` for good.
    AlwaysOpen,
}

impl Tap {
    /// The tap of a socket that listens at `interface`; 0 is any.
    pub(super) const fn new(interface: u32) -> Self {
        Self {
            state: State::Open,
            interface,
        }
    }

    /// Lets segments in.
    ///
    /// # Errors
    /// The errno of `setsockopt`: `EPERM` where this process has given up the capability since it closed the tap.
    pub(super) fn open(&mut self, fd: BorrowedFd<'_>) -> io::Result<()> {
        if self.state == State::Closed {
            bind_to_index(fd, self.interface)?;
            self.state = State::Open;
        }
        Ok(())
    }

    /// Lets nothing in; what is in the queue stays there.
    pub(super) fn close(&mut self, fd: BorrowedFd<'_>) {
        if self.state == State::Open {
            let closed = bind_to_index(fd, NOWHERE);
            self.state = if closed.is_ok() {
                State::Closed
            } else {
                State::AlwaysOpen
            };
        }
    }
}

/// No interface: the kernel numbers them from 1 up.
const NOWHERE: u32 = i32::MAX.cast_unsigned();

#[cfg(test)]
mod tests {
    use std::io::Read as _;
    use std::net::UdpSocket;
    use std::os::fd::AsFd as _;

    use super::*;

    /// A UDP socket is matched by interface as a raw one is, and needs no privilege to be opened; rebinding it does.
    #[test]
    fn a_closed_tap_lets_nothing_in_and_an_opened_one_does() {
        let receiver = UdpSocket::bind("127.0.0.1:0").unwrap();
        receiver.set_nonblocking(true).unwrap();
        let sender = UdpSocket::bind("127.0.0.1:0").unwrap();
        let to = receiver.local_addr().unwrap();
        let mut tap = Tap::new(0);
        tap.close(receiver.as_fd());
        if !crate::sys::process::has_capability_net_raw() {
            assert!(
                std::env::var_os("PATHJITTER_LAB").is_none_or(|lab| lab != "required"),
                "CAP_NET_RAW is required"
            );
            std::io::Write::write_all(&mut std::io::stderr(), b"not tested: needs CAP_NET_RAW\n").unwrap();
            return;
        }
        sender.send_to(b"closed", to).unwrap();
        tap.open(receiver.as_fd()).unwrap();
        sender.send_to(b"open", to).unwrap();
        let mut file = std::fs::File::from(std::os::fd::OwnedFd::from(receiver));
        let mut buf = [0; 16];
        let read = file.read(&mut buf).unwrap();
        assert_eq!(&buf[..read], b"open");
        assert!(file.read(&mut buf).is_err(), "nothing else");
    }
}
