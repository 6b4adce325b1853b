//! When the raw TCP socket listens.
//!
//! A raw TCP socket is handed a copy of every TCP segment that reaches this host, before any filter: beside a load balancer that is
//! what a prober costs. A packet socket costs half of that at best, and sees packets that the firewall of this host would drop
//! (`benches/foreign_traffic.rs` measures both). But a raw socket bound to an address that a packet is not sent to is passed
//! over before the copy, which costs next to nothing. So the socket is bound to an address that nobody has while no SYN is
//! under way, and to any address before one is sent. Binding a raw socket anew needs no privilege (binding it to an interface
//! does), so that this works after a service has given up its own.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::fd::BorrowedFd;

use socket2::{SockAddr, SockRef};

use crate::sys::Family;

/// The state of a raw TCP socket.
#[derive(Clone, Copy, Debug)]
pub(super) struct Tap {
    state: State,
    family: Family,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Open,
    Closed,
    /// It can't be closed here.
    AlwaysOpen,
}

impl Tap {
    /// The tap of a socket of a family that listens.
    pub(super) const fn new(family: Family) -> Self {
        Self {
            state: State::Open,
            family,
        }
    }

    /// Lets segments in.
    ///
    /// # Errors
    /// The errno of `bind`.
    pub(super) fn open(&mut self, fd: BorrowedFd<'_>) -> io::Result<()> {
        if self.state == State::Closed {
            bind(fd, self.anywhere())?;
            self.state = State::Open;
        }
        Ok(())
    }

    /// Lets nothing in; what is in the queue stays there.
    pub(super) fn close(&mut self, fd: BorrowedFd<'_>) {
        if self.state == State::Open {
            let closed = self.allow_nowhere(fd).and_then(|()| bind(fd, self.nowhere()));
            self.state = if closed.is_ok() {
                State::Closed
            } else {
                State::AlwaysOpen
            };
        }
    }

    /// Lets an address be bound that this host does not have.
    fn allow_nowhere(self, fd: BorrowedFd<'_>) -> io::Result<()> {
        let socket = SockRef::from(&fd);
        match self.family {
            Family::V4 => socket.set_freebind_v4(true),
            Family::V6 => socket.set_freebind_v6(true),
        }
    }

    const fn anywhere(self) -> IpAddr {
        match self.family {
            Family::V4 => IpAddr::V4(Ipv4Addr::UNSPECIFIED),
            Family::V6 => IpAddr::V6(Ipv6Addr::UNSPECIFIED),
        }
    }

    const fn nowhere(self) -> IpAddr {
        match self.family {
            Family::V4 => IpAddr::V4(NOWHERE_V4),
            Family::V6 => IpAddr::V6(NOWHERE_V6),
        }
    }
}

fn bind(fd: BorrowedFd<'_>, address: IpAddr) -> io::Result<()> {
    SockRef::from(&fd).bind(&SockAddr::from(SocketAddr::from((address, 0))))
}

/// The dummy address: no packet is sent to it (RFC 7600, section 4.8).
const NOWHERE_V4: Ipv4Addr = Ipv4Addr::new(192, 0, 0, 8);

/// Of the block whose packets are discarded (RFC 6666).
const NOWHERE_V6: Ipv6Addr = Ipv6Addr::new(0x100, 0, 0, 0, 0, 0, 0, 1);

#[cfg(test)]
mod tests {
    use std::io::Read as _;
    use std::net::{TcpListener, TcpStream};
    use std::os::fd::AsFd as _;

    use socket2::{Domain, Protocol, Socket, Type};

    use super::*;
    use crate::sys::testing::without_capabilities;

    /// How many segments a connection to a closed port is: the SYN and the RST.
    const SEGMENTS: usize = 2;

    #[test]
    fn a_closed_tap_lets_nothing_in_and_an_opened_one_does_without_any_privilege() {
        for (family, domain, host) in [
            (Family::V4, Domain::IPV4, IpAddr::V4(Ipv4Addr::LOCALHOST)),
            (Family::V6, Domain::IPV6, IpAddr::V6(Ipv6Addr::LOCALHOST)),
        ] {
            let opened = Socket::new(domain, Type::RAW.nonblocking(), Some(Protocol::TCP));
            let Ok(mut receiver) = opened else {
                assert!(
                    std::env::var_os("PATHJITTER_LAB").is_none_or(|lab| lab != "required"),
                    "CAP_NET_RAW is required"
                );
                std::io::Write::write_all(&mut std::io::stderr(), b"NOT TESTED: needs CAP_NET_RAW\n").unwrap();
                return;
            };
            // Nobody listens there any more, so that the segments are our own.
            let closed = TcpListener::bind((host, 0)).unwrap().local_addr().unwrap();
            without_capabilities(|| {
                let mut tap = Tap::new(family);
                for _ in 0..2 {
                    tap.close(receiver.as_fd());
                    assert_eq!(tap.state, State::Closed);
                    TcpStream::connect(closed).unwrap_err();
                    assert_eq!(count_of_port(&mut receiver, family, closed.port()), 0, "{family:?}");
                    tap.open(receiver.as_fd()).unwrap();
                    TcpStream::connect(closed).unwrap_err();
                    assert_eq!(
                        count_of_port(&mut receiver, family, closed.port()),
                        SEGMENTS,
                        "{family:?}"
                    );
                }
            });
        }
    }

    /// Segments from or to a port that wait.
    fn count_of_port(receiver: &mut Socket, family: Family, port: u16) -> usize {
        let mut buf = [0; 2048];
        let mut count = 0;
        while let Ok(len) = receiver.read(&mut buf) {
            let tcp = match family {
                Family::V4 => usize::from(buf[0] & 0xf) * 4,
                Family::V6 => 0,
            };
            let ports = buf[tcp..len].chunks_exact(2).take(2);
            count += usize::from(ports.into_iter().any(|bytes| bytes == port.to_be_bytes()));
        }
        count
    }
}
