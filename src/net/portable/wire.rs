//! The only file that knows `surge-ping`: probes that are sent by libraries, and what is made of what these hear.

use std::collections::HashMap;
use std::future::Future;
use std::net::{IpAddr, SocketAddr, SocketAddrV4, SocketAddrV6};
use std::pin::Pin;
use std::time::Duration;
use std::{io, mem};

use surge_ping::{Client, Config, ICMP, IcmpPacket, PingIdentifier, PingSequence, SurgeError};
use tokio::net::TcpSocket;

use super::PortableError;
use crate::clock::{Clock as _, SystemClock};
use crate::engine::Due;
use crate::net::connect;
use crate::outcome::{Answer, SendError, Unreachable};
use crate::series::{Endpoint, PacketOptions, Series};
use crate::units::Mono;

/// What a probe heard.
#[derive(Debug)]
pub(super) struct Heard {
    pub(super) due: Due,
    pub(super) at: Mono,
    pub(super) what: What,
}

#[derive(Debug)]
pub(super) enum What {
    Answer {
        answer: Answer,
        ttl: Option<u8>,
        bytes: u32,
    },
    /// An ICMP message that is no answer took the place of one that may have followed.
    Displaced,
    /// Nothing, for as long as it was worth waiting.
    Nothing,
    /// The send call failed.
    Failed(SendError),
    /// A connection attempt failed: within the call for a reason of this host, later for one that an ICMP error gave, which
    /// was not kept.
    Unreached(SendError),
}

/// A probe from its send call to what it hears.
pub(super) type Probe = Pin<Box<dyn Future<Output = Heard> + Send>>;

/// How probes are sent.
pub(super) struct Wire {
    packet: PacketOptions,
    payload: Vec<u8>,
    ident: PingIdentifier,
    clients: [Option<Client>; 2],
    targets: Vec<Target>,
    /// By address, because that and a sequence number is all that tells echoes apart on a datagram socket.
    next_sequence: HashMap<IpAddr, u16>,
}

#[derive(Clone, Copy, Debug)]
struct Target {
    address: IpAddr,
    scope_id: u32,
    endpoint: Endpoint,
    timeout: Duration,
}

impl Wire {
    pub(super) fn new(packet: PacketOptions) -> Self {
        // Without random numbers, the low half of the process id: raw sockets show each other's replies.
        let ident = getrandom::u32().unwrap_or_else(|_| std::process::id());
        Self {
            payload: vec![0; usize::from(packet.payload_bytes)],
            packet,
            ident: PingIdentifier(u16::try_from(ident & u32::from(u16::MAX)).unwrap_or_default()),
            clients: [None, None],
            targets: Vec::new(),
            next_sequence: HashMap::new(),
        }
    }

    pub(super) fn admit(&mut self, series: &Series, timeout: Duration) -> Result<(), PortableError> {
        let &Series {
            address,
            scope_id,
            endpoint,
            ..
        } = series;
        if endpoint == Endpoint::Icmp {
            self.open(address)?;
        }
        self.targets.push(Target {
            address,
            scope_id,
            endpoint,
            timeout,
        });
        Ok(())
    }

    /// Opens the echo socket that an address needs, unless it is open.
    fn open(&mut self, address: IpAddr) -> Result<(), PortableError> {
        if self.packet.traffic_class != 0 {
            return Err(PortableError::TrafficClass);
        }
        let client = &mut self.clients[usize::from(address.is_ipv6())];
        if client.is_some() {
            return Ok(());
        }
        let (kind, family) = match address {
            IpAddr::V4(_) => (ICMP::V4, "ICMP"),
            IpAddr::V6(_) => (ICMP::V6, "ICMPv6"),
        };
        let mut config = Config::builder().kind(kind);
        if let Some(ttl) = self.packet.ttl {
            config = config.ttl(ttl.into());
        }
        if let Some(interface) = &self.packet.interface {
            config = config.interface(interface);
        }
        if let Some(source) = self
            .packet
            .source
            .filter(|source| source.is_ipv4() == address.is_ipv4())
        {
            config = config.bind(SocketAddr::new(source, 0));
        }
        let opened = Client::new(&config.build()).map_err(|source| PortableError::Echo { family, source })?;
        *client = Some(opened);
        Ok(())
    }

    /// A probe that is ready to be sent.
    pub(super) async fn probe(&mut self, due: Due, clock: SystemClock) -> Result<Probe, SendError> {
        let target = self.targets[due.series.index()];
        match target.endpoint {
            Endpoint::Icmp => self.echo(due, target, clock).await,
            Endpoint::Tcp(port) => self.syn(due, target.at(port), patience(target.timeout).min(INITIAL_RTO), clock),
            // Only traces send UDP, and they need the kernel's stamps.
            Endpoint::Udp(_) => Err(SendError::NoAddress),
        }
    }

    async fn echo(&mut self, due: Due, target: Target, clock: SystemClock) -> Result<Probe, SendError> {
        // Admission opened it; without it there would be no such series.
        let client = self.clients[usize::from(target.address.is_ipv6())]
            .as_ref()
            .ok_or(SendError::NoAddress)?;
        let mut pinger = client.pinger(target.address, self.ident).await;
        pinger.scope_id(target.scope_id).timeout(patience(target.timeout));
        let next = self.next_sequence.entry(target.address).or_default();
        let sequence = PingSequence(mem::replace(next, next.wrapping_add(1)));
        let payload = self.payload.clone();
        Ok(Box::pin(async move {
            let heard = pinger.ping(sequence, &payload).await;
            let at = clock.mono();
            let what = heard.map_or_else(|error| echo_error(&error), |(packet, _)| echo_answer(&packet));
            Heard { due, at, what }
        }))
    }

    fn syn(&self, due: Due, to: SocketAddr, patience: Duration, clock: SystemClock) -> Result<Probe, SendError> {
        let socket = connect::open(&self.packet, to).map_err(|error| connect::send_error(&error))?;
        let socket = TcpSocket::from_std_stream(socket.into());
        Ok(Box::pin(async move {
            let began = clock.mono();
            let connected = tokio::time::timeout(patience, socket.connect(to)).await;
            let at = clock.mono();
            // Closed by now, or soon enough that the listener has not noticed: see `connect`.
            let what = match connected {
                Err(_elapsed) => What::Nothing,
                Ok(_) if at.since(began) >= INITIAL_RTO => What::Nothing,
                Ok(Ok(_stream)) => tcp_answer(Answer::Reply),
                Ok(Err(error)) => tcp_error(&error),
            };
            Heard { due, at, what }
        }))
    }
}

/// Whether an IPv4 echo socket can be opened, on the event loop that this is called from.
pub(super) fn try_open() -> Result<(), PortableError> {
    Client::new(&Config::default())
        .map(drop)
        .map_err(|source| PortableError::Echo { family: "ICMP", source })
}

impl Target {
    fn at(self, port: u16) -> SocketAddr {
        match self.address {
            IpAddr::V4(address) => SocketAddrV4::new(address, port).into(),
            IpAddr::V6(address) => SocketAddrV6::new(address, port, 0, self.scope_id).into(),
        }
    }
}

fn echo_answer(packet: &IcmpPacket) -> What {
    let (from, icmp_type, code) = match packet {
        IcmpPacket::V4(packet) => (
            IpAddr::V4(packet.get_source()),
            packet.get_icmp_type().0,
            packet.get_icmp_code().0,
        ),
        IcmpPacket::V6(packet) => (
            IpAddr::V6(packet.get_source()),
            packet.get_icmpv6_type().0,
            packet.get_icmpv6_code().0,
        ),
    };
    let (ttl, size) = match packet {
        IcmpPacket::V4(packet) => (packet.get_ttl(), packet.get_size()),
        // The hop limit that the library gives is always zero.
        IcmpPacket::V6(packet) => (None, packet.get_size()),
    };
    match (from, icmp_type) {
        (IpAddr::V4(_), 0) | (IpAddr::V6(_), 129) => What::Answer {
            answer: Answer::Reply,
            ttl,
            bytes: u32::try_from(size).unwrap_or(u32::MAX),
        },
        (IpAddr::V4(_), 3 | 11 | 12) | (IpAddr::V6(_), 1..=4) => What::Answer {
            answer: Answer::Unreachable(Unreachable { from, icmp_type, code }),
            ttl,
            // The library gives no size of errors.
            bytes: 0,
        },
        (IpAddr::V4(_) | IpAddr::V6(_), _) => What::Displaced,
    }
}

fn echo_error(error: &SurgeError) -> What {
    match error {
        SurgeError::Timeout { .. } => What::Nothing,
        SurgeError::IOError(error) => What::Failed(connect::send_error(error)),
        // All 65,536 sequence numbers of this address are waited for.
        SurgeError::IdenticalRequests { .. } => What::Failed(SendError::NoBuffer),
        // Not said of requests that are well formed, to a client that is alive.
        SurgeError::IncorrectBufferSize
        | SurgeError::MalformedPacket(_)
        | SurgeError::EchoRequestPacket
        | SurgeError::NetworkError
        | SurgeError::ClientDestroyed => What::Failed(SendError::Other(libc::EIO)),
    }
}

const fn tcp_answer(answer: Answer) -> What {
    What::Answer {
        answer,
        ttl: None,
        bytes: 0,
    }
}

fn tcp_error(error: &io::Error) -> What {
    match error.kind() {
        io::ErrorKind::ConnectionRefused => tcp_answer(Answer::Refused),
        io::ErrorKind::ConnectionReset => tcp_answer(Answer::Reset),
        _ => What::Unreached(connect::send_error(error)),
    }
}

/// Answers are awaited for as long again as their timeout, so that late ones are seen.
const fn patience(timeout: Duration) -> Duration {
    timeout.saturating_mul(2)
}

/// When a SYN is sent again (RFC 6298, section 2.1); there is no round trip that takes longer and can be told.
const INITIAL_RTO: Duration = Duration::from_secs(1);
