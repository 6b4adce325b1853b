//! TCP probes without privilege: one `connect` per probe, timed by the kernel.
//!
//! The kernel takes the time of a handshake itself, from sending the SYN to handling the SYN-ACK, on its monotonic TCP clock
//! (`tcp_ack_update_rtt`), and tells it by `TCP_INFO`; nothing that user space does is in it.
//!
//! - The application behind the port need not notice. `TCP_QUICKACK` is off, so the kernel delays the ACK of the SYN-ACK
//!   (`tcp_rcv_synsent_state_process`), and closing with a linger time of zero sends a RST in its place: to the listener,
//!   the connection never existed. HAProxy's own layer-4 check does the same. The kernel waits for 200 ms (`TCP_DELACK_MAX`);
//!   where this process gets no CPU for as long, the ACK goes out, and the listener accepts a connection that is reset.
//! - A handshake in which the SYN had to be repeated has no round trip that anyone could tell (Karn's algorithm). What was
//!   lost is the first SYN or its SYN-ACK, and that is what is said: [`How::Retransmitted`].
//! - `ECONNREFUSED` is both a RST and an ICMP port unreachable from a firewall. The error queue tells them apart.
//! - What an output rule of this host drops is invisible here: the kernel drops the SYN, and repeats it in silence.
//!
//! Memory and descriptors are bounded by [`MAX_OPEN`]. All operations take constant time, amortised.

mod slab;

use std::collections::VecDeque;
use std::io;
use std::net::{IpAddr, SocketAddr, SocketAddrV6};
use std::os::fd::{AsFd, BorrowedFd};
use std::time::Duration;

use socket2::{Domain, Protocol, Socket, Type};

use self::slab::{Slab, Token};
use crate::outcome::{SendError, Unreachable};
use crate::series::PacketOptions;
use crate::sys::{self, Epoll, Family, Interest, Queue, Ready, RecvBatch, options};
use crate::units::{Mono, ProbeSeq, Rtt, SeriesId};

/// All connection attempts under way.
#[derive(Debug)]
pub(super) struct Connector {
    packet: PacketOptions,
    epoll: Epoll,
    errors: RecvBatch,
    attempts: Slab<Attempt>,
    /// By age, with those that are over already among them.
    by_age: VecDeque<(Mono, Token)>,
}

/// What became of a connection attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Concluded {
    /// The probe that it was.
    pub(super) probe: (SeriesId, ProbeSeq),
    /// What came of it.
    pub(super) how: How,
}

/// The ways in which an attempt ends by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum How {
    /// A SYN-ACK came for the first SYN, after this time by the kernel's clock.
    Connected(Rtt),
    /// Something came, but only after the SYN had been sent again: the first SYN or its answer was lost.
    Retransmitted,
    /// A RST answered the SYN.
    Refused,
    /// A RST followed the SYN-ACK.
    Reset,
    /// An ICMP error came.
    Unreachable(Unreachable),
    /// This host gave up, and no packet told it to.
    SendFailed(SendError),
}

impl Connector {
    /// Attempts nothing yet.
    ///
    /// # Errors
    /// The errno of `epoll_create1`, or `ENODEV` where the interface to send from does not exist.
    pub(super) fn new(packet: &PacketOptions) -> io::Result<Self> {
        if let Some(interface) = &packet.interface {
            sys::process::interface_index(interface)?;
        }
        Ok(Self {
            packet: packet.clone(),
            epoll: Epoll::new(RESULTS)?,
            errors: RecvBatch::new(ERRORS, QUOTE_BYTES),
            attempts: Slab::default(),
            by_age: VecDeque::new(),
        })
    }

    /// Sends the SYN of a probe.
    ///
    /// # Errors
    /// Why no SYN was sent: this host's reasons, never the network's.
    pub(super) fn start(&mut self, probe: (SeriesId, ProbeSeq), to: SocketAddr, now: Mono) -> Result<(), SendError> {
        if self.attempts.len() >= MAX_OPEN {
            return Err(SendError::NoBuffer);
        }
        let socket = open(&self.packet, to).map_err(|error| send_error(&error))?;
        let answered = begin(&socket, to)?;
        let token = self.attempts.insert(Attempt {
            probe,
            socket,
            answered,
        });
        if let Some(attempt) = self.attempts.get(token)
            && let Err(error) = self.epoll.add(attempt.socket.as_fd(), Interest::Write, token.into())
        {
            self.attempts.remove(token);
            return Err(send_error(&error));
        }
        self.by_age.push_back((now, token));
        self.forget_finished();
        Ok(())
    }

    /// Readable when [`poll`](Self::poll) has something to tell.
    pub(super) fn fd(&self) -> BorrowedFd<'_> {
        self.epoll.as_fd()
    }

    /// Tells `each` attempt that is over by now, and closes its socket. Does not wait.
    ///
    /// # Errors
    /// The errno of `epoll_wait`.
    pub(super) fn poll(&mut self, mut each: impl FnMut(Concluded)) -> io::Result<()> {
        loop {
            let Self {
                epoll,
                errors,
                attempts,
                ..
            } = self;
            let mut ready_count = 0;
            for ready in epoll.wait(Some(Duration::ZERO))? {
                ready_count += 1;
                let token = Token::from(ready.token);
                let Some(attempt) = attempts.get(token) else {
                    continue;
                };
                match attempt.verdict(ready, errors) {
                    Verdict::Over(how) => {
                        let probe = attempt.probe;
                        // Before telling: a RST takes the place of the ACK only if it is sent soon.
                        attempts.remove(token);
                        each(Concluded { probe, how });
                    }
                    Verdict::GivenUp => attempts.remove(token),
                    Verdict::Open => {}
                }
            }
            if ready_count < RESULTS {
                return Ok(());
            }
        }
    }

    /// Gives up attempts that began before `sent`, without a word: their SYNs are not repeated any more.
    pub(super) fn close_before(&mut self, sent: Mono) {
        while let Some(&(began, token)) = self.by_age.front()
            && (began < sent || !self.attempts.contains(token))
        {
            self.attempts.remove(token);
            self.by_age.pop_front();
        }
    }

    /// How many attempts are under way.
    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.attempts.len()
    }

    /// Keeps `by_age` about as long as there are attempts. Each sweep over it is paid for by as many starts before.
    fn forget_finished(&mut self) {
        if self.by_age.len() > 2 * self.attempts.len() + SLACK {
            let attempts = &self.attempts;
            self.by_age.retain(|&(_, token)| attempts.contains(token));
        }
    }
}

/// A TCP socket that is ready to connect to `to`: it does not block, repeats its SYN once at most, and leaves a RST behind.
///
/// # Errors
/// The errno of the call that failed. `EADDRNOTAVAIL` where the source address is of another family than `to`.
pub(super) fn open(packet: &PacketOptions, to: SocketAddr) -> io::Result<Socket> {
    let family = Family::from(to.ip());
    let socket = Socket::new(
        Domain::for_address(to),
        Type::STREAM.nonblocking().cloexec(),
        Some(Protocol::TCP),
    )?;
    let fd = socket.as_fd();
    options::recv_err(fd, family)?;
    options::set_syn_retries(fd, SYN_RETRIES)?;
    options::set_linger_reset(fd)?;
    socket.set_tcp_quickack(false)?;
    let (ttl, traffic_class) = (packet.ttl.map(u32::from), u32::from(packet.traffic_class));
    match family {
        Family::V4 => {
            ttl.map_or(Ok(()), |ttl| socket.set_ttl_v4(ttl))?;
            socket.set_tos_v4(traffic_class)?;
        }
        Family::V6 => {
            ttl.map_or(Ok(()), |ttl| socket.set_unicast_hops_v6(ttl))?;
            socket.set_tclass_v6(traffic_class)?;
        }
    }
    if let Some(interface) = &packet.interface {
        options::bind_to_device(fd, interface)?;
    }
    if let Some(source) = packet.source {
        options::bind_address_only(fd)?;
        socket.bind(&source_address(source, to)?.into())?;
    }
    Ok(socket)
}

/// `source` with the scope of the destination, which link-local addresses need.
fn source_address(source: IpAddr, to: SocketAddr) -> io::Result<SocketAddr> {
    match (source, to) {
        (IpAddr::V4(_), SocketAddr::V4(_)) => Ok(SocketAddr::new(source, 0)),
        (IpAddr::V6(source), SocketAddr::V6(to)) => Ok(SocketAddrV6::new(source, 0, 0, to.scope_id()).into()),
        (IpAddr::V4(_) | IpAddr::V6(_), _) => Err(io::Error::from_raw_os_error(libc::EADDRNOTAVAIL)),
    }
}

/// Sends the SYN. An answer that is here before the call returns is said by it alone, and no more by `SO_ERROR`.
fn begin(socket: &Socket, to: SocketAddr) -> Result<Option<EarlyAnswer>, SendError> {
    let Err(error) = socket.connect(&to.into()) else {
        return Ok(None);
    };
    match error.raw_os_error() {
        // Interrupted, the attempt goes on.
        Some(libc::EINPROGRESS | libc::EINTR) => Ok(None),
        Some(libc::ECONNREFUSED) => Ok(Some(EarlyAnswer::Refused)),
        Some(libc::ECONNRESET) => Ok(Some(EarlyAnswer::Reset)),
        _ => Err(send_error(&error)),
    }
}

/// Why no SYN was sent.
pub(super) fn send_error(error: &io::Error) -> SendError {
    match error.raw_os_error() {
        Some(libc::EMFILE | libc::ENFILE) => SendError::NoBuffer,
        Some(libc::EAFNOSUPPORT) => SendError::NoRoute,
        Some(errno) => sys::send_error_from_errno(errno),
        // Errors of system calls have an errno; one without is none of them.
        None => SendError::Other(libc::EINVAL),
    }
}

/// One connection attempt. Dropping it closes the socket, with a RST where there is a connection.
#[derive(Debug)]
struct Attempt {
    probe: (SeriesId, ProbeSeq),
    socket: Socket,
    answered: Option<EarlyAnswer>,
}

/// What `connect` itself said, not to be heard again.
#[derive(Clone, Copy, Debug)]
enum EarlyAnswer {
    Refused,
    Reset,
}

/// What can be said of an attempt.
enum Verdict {
    /// It has ended.
    Over(How),
    /// The kernel has sent its last SYN and waited for as long as it does. The probe's own timeout will say so.
    GivenUp,
    /// It is under way.
    Open,
}

impl Attempt {
    /// - An ICMP error on the error queue says more than any errno.
    /// - Else, where `SO_ERROR` has no error and the socket is writable, it is connected.
    /// - Else the errno decides.
    ///
    /// An answer after a repeated SYN is no answer to the probe; an ICMP error is one, for it says that none of the SYNs arrived.
    fn verdict(&self, ready: Ready, errors: &mut RecvBatch) -> Verdict {
        if ready.has_errors
            && let Some(unreachable) = self.icmp_error(errors)
        {
            return Verdict::Over(How::Unreachable(unreachable));
        }
        let ended = match (self.answered, self.socket.take_error()) {
            (Some(EarlyAnswer::Refused), _) => How::Refused,
            (Some(EarlyAnswer::Reset), _) => How::Reset,
            (None, Ok(Some(error)) | Err(error)) => match error.raw_os_error() {
                Some(libc::ETIMEDOUT) => return Verdict::GivenUp,
                Some(libc::ECONNREFUSED) => How::Refused,
                Some(libc::ECONNRESET | libc::EPIPE) => How::Reset,
                _ => return Verdict::Over(How::SendFailed(send_error(&error))),
            },
            // A connection that is gone without an error: both ends have closed it, of which this one has not.
            (None, Ok(None)) if ready.hung_up => How::Reset,
            (None, Ok(None)) if ready.writable => return Verdict::Over(self.timed()),
            (None, Ok(None)) => return Verdict::Open,
        };
        Verdict::Over(if self.is_repeated() { How::Retransmitted } else { ended })
    }

    fn timed(&self) -> How {
        match options::tcp_info(self.socket.as_fd()) {
            Ok(info) if info.total_retransmits > 0 => How::Retransmitted,
            // The kernel counts whole microseconds, rounded down; no round trip takes no time.
            Ok(info) => How::Connected(Rtt::from(info.rtt.max(RESOLUTION))),
            Err(error) => How::SendFailed(send_error(&error)),
        }
    }

    fn is_repeated(&self) -> bool {
        options::tcp_info(self.socket.as_fd()).is_ok_and(|info| info.total_retransmits > 0)
    }

    /// The first ICMP error about this attempt.
    fn icmp_error(&self, errors: &mut RecvBatch) -> Option<Unreachable> {
        errors.recv(self.socket.as_fd(), Queue::Errors).ok()?;
        errors.iter().find_map(|message| {
            let error = message.icmp_error?;
            Some(Unreachable {
                from: error.offender?,
                icmp_type: error.icmp_type,
                code: error.code,
            })
        })
    }
}

/// Connection attempts at once: at the most SYNs a second that leave a process unasked (10,000), each may take 1.6 s.
const MAX_OPEN: usize = 16_384;

/// The least that the kernel takes. By then a second has passed, and the answer tells no round trip any more.
const SYN_RETRIES: u8 = 1;

/// Descriptors that one `epoll_wait` reports.
const RESULTS: usize = 256;

/// ICMP errors read at once about one attempt; it causes two at most, one for each SYN.
const ERRORS: usize = 4;

/// Bytes of the quoted SYN that are read. None is needed: the socket says which probe it was.
const QUOTE_BYTES: usize = 64;

/// What `tcpi_rtt` counts in.
const RESOLUTION: Duration = Duration::from_micros(1);

/// `by_age` is not worth a sweep below this length.
const SLACK: usize = 64;

#[cfg(test)]
mod tests;
