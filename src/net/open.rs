//! Opening sockets with what this process may do, and saying what is missing.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use socket2::{Domain, Protocol, SockAddr, Socket, Type};

use super::filter::{self, PortBlock};
use super::lack::grant;
use crate::series::PacketOptions;
use crate::sys::{self, Family, Stamps, options};
use crate::wire;

/// Why a socket could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Neither raw nor datagram ICMP sockets are permitted.
    #[error(
        "no permission for ICMP: raw sockets need CAP_NET_RAW and datagram ICMP needs this group in net.ipv4.ping_group_range; \
         fix: {}, or: sudo sysctl -w net.ipv4.ping_group_range='0 2147483647'",
        grant(program)
    )]
    Icmp {
        /// The path of this program.
        program: String,
    },
    /// `--engine raw` without the capability.
    #[error("no permission for raw sockets (CAP_NET_RAW); fix: {}", grant(program))]
    Raw {
        /// The path of this program.
        program: String,
    },
    /// A trace by TCP or UDP without the capability.
    #[error(
        "traces by TCP and UDP need raw sockets (CAP_NET_RAW); fix: {}, or trace by ICMP",
        grant(program)
    )]
    RawTrace {
        /// The path of this program.
        program: String,
    },
    /// Anything else.
    #[error("cannot open {what}: {source}")]
    Socket {
        /// Which socket.
        what: &'static str,
        /// The errno.
        source: io::Error,
    },
}

impl OpenError {
    /// Whether privileges are what is missing.
    fn new(what: &'static str, source: io::Error) -> Self {
        match source.raw_os_error() {
            Some(libc::EPERM | libc::EACCES) => Self::Raw { program: program() },
            _ => Self::Socket { what, source },
        }
    }
}

/// A socket that receives with stamps.
pub(super) struct StampedSocket {
    pub(super) fd: OwnedFd,
    pub(super) buffer: sys::ReceiveBuffer,
}

/// How sockets are to be opened.
pub(super) struct Settings<'a> {
    pub(super) packet: &'a PacketOptions,
    pub(super) receive_buffer: usize,
    pub(super) ident: u16,
    pub(super) block: PortBlock,
    /// Whether the run traces: ICMP errors about probes of others are let in too, and no probe is cut up.
    pub(super) traces: bool,
}

/// A raw ICMP socket of a family, behind its filters.
pub(super) fn raw_icmp(family: Family, settings: &Settings<'_>) -> Result<StampedSocket, OpenError> {
    let failed = |source| OpenError::new("raw ICMP socket", source);
    let (domain, protocol) = icmp_domain(family);
    let socket = Socket::new(domain, Type::RAW.cloexec().nonblocking(), Some(protocol)).map_err(failed)?;
    let fd = socket.as_fd();
    (|| {
        options::attach_drop_all(fd)?;
        match family {
            Family::V4 => options::set_icmp_filter(fd, filter::ICMP_BLOCKED)?,
            Family::V6 => options::set_icmp6_filter(fd, filter::ICMP6_BLOCKED)?,
        }
        let buffer = prepare_icmp(&socket, family, settings)?;
        ask_for_hop_limit(fd, family)?;
        // Between socket() and the filter anything may have come in: empty the queue before the real filter opens it.
        options::drain(fd)?;
        let filter = if settings.traces {
            filter::icmp_answers_of_any_quote(wire_family(family), settings.ident)
        } else {
            filter::icmp_answers(wire_family(family), settings.ident, settings.block)
        };
        options::attach_filter(fd, &filter)?;
        Ok(buffer)
    })()
    .map(|buffer| StampedSocket {
        fd: OwnedFd::from(socket),
        buffer,
    })
    .map_err(failed)
}

/// A datagram ICMP socket of a family: no privilege needed beyond `net.ipv4.ping_group_range`.
pub(super) fn datagram_icmp(family: Family, settings: &Settings<'_>) -> Result<StampedSocket, OpenError> {
    let failed = |source: io::Error| match source.raw_os_error() {
        Some(libc::EPERM | libc::EACCES) => OpenError::Icmp { program: program() },
        _ => OpenError::Socket {
            what: "datagram ICMP socket",
            source,
        },
    };
    let (domain, protocol) = icmp_domain(family);
    let socket = Socket::new(domain, Type::DGRAM.cloexec().nonblocking(), Some(protocol)).map_err(failed)?;
    let buffer = prepare_icmp(&socket, family, settings).map_err(failed)?;
    options::recv_ttl(socket.as_fd(), family).map_err(failed)?;
    Ok(StampedSocket {
        fd: OwnedFd::from(socket),
        buffer,
    })
}

fn prepare_icmp(socket: &Socket, family: Family, settings: &Settings<'_>) -> io::Result<sys::ReceiveBuffer> {
    let fd = socket.as_fd();
    prepare_sender(socket, family, settings)?;
    if let Some(ttl) = settings.packet.ttl {
        match family {
            Family::V4 => socket.set_ttl_v4(ttl.into())?,
            Family::V6 => socket.set_unicast_hops_v6(ttl.into())?,
        }
    }
    match family {
        Family::V4 => socket.set_tos_v4(settings.packet.traffic_class.into())?,
        Family::V6 => socket.set_tclass_v6(settings.packet.traffic_class.into())?,
    }
    if let Some(source) = settings.packet.source {
        socket.bind(&SockAddr::from(std::net::SocketAddr::from((source, 0))))?;
    }
    options::force_receive_buffer(fd, settings.receive_buffer)
}

/// Raw IPv4 sockets deliver the IP header, with the TTL in it; raw IPv6 sockets don't.
fn ask_for_hop_limit(fd: BorrowedFd<'_>, family: Family) -> io::Result<()> {
    match family {
        Family::V4 => Ok(()),
        Family::V6 => options::recv_ttl(fd, family),
    }
}

/// What every sending socket has: the interface asked for, stamps, and local queue drops as errors instead of silence.
fn prepare_sender(socket: &Socket, family: Family, settings: &Settings<'_>) -> io::Result<()> {
    let fd = socket.as_fd();
    if let Some(interface) = &settings.packet.interface {
        options::bind_to_device(fd, interface)?;
    }
    // The packets that a window holds at the far side of a slow queue; beyond the limit of the system the rest is refused, not lost.
    socket.set_send_buffer_size(SEND_BUFFER)?;
    // Without it the kernel hides ENOBUFS from raw sockets, and a packet dropped by this host's own queue would look lost.
    options::recv_err(fd, family)?;
    if settings.traces {
        // A probe that is cut up here, as the kernel does once a router has said how small packets must be, no longer shows which
        // router it was too large for.
        options::never_fragment(fd, family)?;
    }
    options::enable_timestamping(fd, Stamps::TxRx)
}

/// Sends whole packets of a family, IP header included; receives nothing.
pub(super) fn packet_sender(family: Family, settings: &Settings<'_>) -> Result<OwnedFd, OpenError> {
    let failed = |source| OpenError::new("raw socket for whole packets", source);
    let domain = match family {
        Family::V4 => Domain::IPV4,
        Family::V6 => Domain::IPV6,
    };
    // IPPROTO_RAW: no packet that arrives is of this protocol, so the kernel never copies one for this socket.
    let socket = Socket::new(
        domain,
        Type::RAW.cloexec().nonblocking(),
        Some(Protocol::from(libc::IPPROTO_RAW)),
    )
    .map_err(failed)?;
    options::header_included(socket.as_fd(), family)
        .and_then(|()| prepare_sender(&socket, family, settings))
        .map_err(failed)?;
    Ok(OwnedFd::from(socket))
}

/// Receives TCP segments of a family to the reserved ports: see [`super::tap`] for when.
pub(super) fn syn_receiver(family: Family, settings: &Settings<'_>) -> Result<StampedSocket, OpenError> {
    let failed = |source| OpenError::new("raw socket for answers to SYNs", source);
    let domain = match family {
        Family::V4 => Domain::IPV4,
        Family::V6 => Domain::IPV6,
    };
    let socket = Socket::new(domain, Type::RAW.cloexec().nonblocking(), Some(Protocol::TCP)).map_err(failed)?;
    let fd = socket.as_fd();
    (|| {
        options::attach_drop_all(fd)?;
        if let Some(interface) = &settings.packet.interface {
            options::bind_to_device(fd, interface)?;
        }
        ask_for_hop_limit(fd, family)?;
        options::enable_timestamping(fd, Stamps::RxOnly)?;
        let buffer = options::force_receive_buffer(fd, settings.receive_buffer)?;
        options::drain(fd)?;
        options::attach_filter(fd, &filter::tcp_answers(wire_family(family), settings.block))?;
        Ok(buffer)
    })()
    .map(|buffer| StampedSocket {
        fd: OwnedFd::from(socket),
        buffer,
    })
    .map_err(failed)
}

fn icmp_domain(family: Family) -> (Domain, Protocol) {
    match family {
        Family::V4 => (Domain::IPV4, Protocol::ICMPV4),
        Family::V6 => (Domain::IPV6, Protocol::ICMPV6),
    }
}

const fn wire_family(family: Family) -> wire::Family {
    match family {
        Family::V4 => wire::Family::V4,
        Family::V6 => wire::Family::V6,
    }
}

/// The path of this program, for the commands that fix its permissions.
pub(super) fn program() -> String {
    std::env::current_exe().map_or_else(|_| "pathjitter".to_owned(), |path| path.display().to_string())
}

const SEND_BUFFER: usize = 4 << 20;
