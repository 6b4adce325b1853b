//! The sockets of a run: which there are, and which one a series uses.

use std::collections::BTreeSet;
use std::io;
use std::net::SocketAddr;
use std::os::fd::BorrowedFd;

use super::channel::{Channel, TtlBy};
use super::connect::Connector;
use super::filter::PortBlock;
use super::lack::Lack;
use super::open::{self, OpenError, Settings, StampedSocket};
use super::reserve::Reservation;
use super::tap::Tap;
use crate::outcome::{Proto, SendError};
use crate::series::{DEFAULT_PAYLOAD_BYTES, Endpoint, PacketOptions, Series};
use crate::sys::{Family, Interest};
use crate::units::{Mono, ProbeSeq, SeriesId};
use crate::wire::{icmp, ip, tcp};

/// Where the probes of a series go out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ChannelKind {
    /// Echo requests.
    Icmp(Family, IcmpAccess),
    /// SYNs made here.
    Syn(Family),
    /// UDP datagrams made here.
    Udp(Family),
    /// Connections made by the kernel.
    Connect,
}

/// How this process may use ICMP.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum IcmpAccess {
    /// With `CAP_NET_RAW`.
    Raw,
    /// By `net.ipv4.ping_group_range`.
    Datagram,
}

/// Which sockets a run may use.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Privilege {
    /// Raw where permitted, else unprivileged.
    #[default]
    Auto,
    /// Raw or nothing.
    Raw,
    /// Datagram ICMP and `connect()`, whatever is permitted.
    Unprivileged,
}

/// The sockets of a run, opened as series need them.
pub(super) struct Sockets {
    plan: SocketPlan,
    /// SYN, UDP and ICMP, each over IPv4 and IPv6, in the order in which they are read.
    channels: [Option<(ChannelKind, Channel)>; CHANNELS],
    connector: Option<Connector>,
    /// Why a channel can't be opened, so that it is tried once.
    failures: [Option<String>; CHANNELS],
    buffer_hint: Option<String>,
    lacks: BTreeSet<Lack>,
}

/// How sockets are opened.
pub(super) struct SocketPlan {
    pub(super) privilege: Privilege,
    pub(super) packet: PacketOptions,
    pub(super) receive_buffer: usize,
    pub(super) ident: u16,
    /// Source ports for SYNs and UDP; none where raw sockets are not permitted.
    pub(super) ports: Option<Reservation>,
    /// Whether the run traces: see [`Settings::traces`].
    pub(super) traces: bool,
}

impl Sockets {
    pub(super) fn new(plan: SocketPlan) -> Self {
        Self {
            plan,
            channels: [const { None }; CHANNELS],
            connector: None,
            failures: [const { None }; CHANNELS],
            buffer_hint: None,
            lacks: BTreeSet::new(),
        }
    }

    /// Opens what a series needs, unless it is open; else says why it can't be.
    pub(super) fn open(&mut self, series: &Series) -> Result<ChannelKind, String> {
        self.open_for(series.endpoint.proto(), Family::from(series.address))
    }

    /// Opens what probes of one protocol and family need, unless it is open; else says why it can't be.
    pub(super) fn open_for(&mut self, proto: Proto, family: Family) -> Result<ChannelKind, String> {
        let place = place(proto, family);
        if let Some(why) = &self.failures[place] {
            return Err(why.clone());
        }
        self.try_open(proto, family)
            .map_err(|error| self.failures[place].insert(error.to_string()).clone())
    }

    fn try_open(&mut self, proto: Proto, family: Family) -> Result<ChannelKind, OpenError> {
        if proto == Proto::Tcp && self.plan.ports.is_none() {
            if self.connector.is_none() {
                self.connector = Some(Connector::new(&self.plan.packet).map_err(OpenError::connector)?);
            }
            return Ok(ChannelKind::Connect);
        }
        let place = place(proto, family);
        if let Some((kind, _)) = &self.channels[place] {
            return Ok(*kind);
        }
        let (kind, channel) = match proto {
            Proto::Icmp => self.open_icmp(family)?,
            Proto::Tcp => self.open_syn(family)?,
            Proto::Udp => self.open_udp(family)?,
        };
        self.channels[place] = Some((kind, channel));
        Ok(kind)
    }

    fn open_icmp(&mut self, family: Family) -> Result<(ChannelKind, Channel), OpenError> {
        let settings = self.plan.settings();
        let raw = match self.plan.privilege {
            Privilege::Auto | Privilege::Raw => {
                open::raw_icmp(family, &settings).map(|socket| (socket, IcmpAccess::Raw))
            }
            Privilege::Unprivileged => {
                open::datagram_icmp(family, &settings).map(|socket| (socket, IcmpAccess::Datagram))
            }
        };
        let opened = match (raw, self.plan.privilege) {
            (Err(OpenError::Raw { .. }), Privilege::Auto) => {
                open::datagram_icmp(family, &settings).map(|socket| (socket, IcmpAccess::Datagram))
            }
            (raw, _) => raw,
        };
        match (&opened, self.plan.privilege) {
            (Ok((_, IcmpAccess::Datagram)), Privilege::Auto) => self.lacks.insert(Lack::RawIcmp),
            (Err(OpenError::Icmp { .. }), _) => self.lacks.insert(Lack::AnyIcmp),
            (Ok(_) | Err(_), _) => false,
        };
        let (socket, access) = opened?;
        let bytes = icmp::ECHO_HEADER_LEN + usize::from(self.plan.packet.payload_bytes.max(DEFAULT_PAYLOAD_BYTES));
        self.note_buffer(&socket);
        let ttl_by = match (family, access) {
            (Family::V6, IcmpAccess::Datagram) => TtlBy::Socket(self.plan.packet.ttl),
            (Family::V4 | Family::V6, _) => TtlBy::Message,
        };
        let channel = Channel::new(Proto::Icmp, socket.fd, None, bytes, ttl_by);
        Ok((ChannelKind::Icmp(family, access), channel))
    }

    fn open_syn(&mut self, family: Family) -> Result<(ChannelKind, Channel), OpenError> {
        // Errors about SYNs are ICMP, and arrive there.
        self.try_open(Proto::Icmp, family)?;
        let settings = self.plan.settings();
        let receiver = open::syn_receiver(family, &settings)?;
        let sender = open::packet_sender(family, &settings)?;
        self.note_buffer(&receiver);
        let tap = Tap::new(family);
        let channel = Channel::new(
            Proto::Tcp,
            sender,
            Some((receiver.fd, tap)),
            ip::V6_HEADER_LEN + tcp::SYN_LEN,
            TtlBy::Header,
        );
        Ok((ChannelKind::Syn(family), channel))
    }

    fn open_udp(&mut self, family: Family) -> Result<(ChannelKind, Channel), OpenError> {
        if self.plan.ports.is_none() {
            let program = open::program();
            return Err(OpenError::RawTrace { program });
        }
        // All answers are ICMP, and arrive there.
        self.try_open(Proto::Icmp, family)?;
        let sender = open::packet_sender(family, &self.plan.settings())?;
        let longest_payload = usize::from(self.plan.packet.payload_bytes.max(DEFAULT_PAYLOAD_BYTES));
        let bytes = ip::V6_HEADER_LEN + UDP_HEADER_LEN + longest_payload;
        let channel = Channel::new(Proto::Udp, sender, None, bytes, TtlBy::Header);
        Ok((ChannelKind::Udp(family), channel))
    }

    /// A small receive buffer is only worth a word where it turns out to be too small.
    fn note_buffer(&mut self, socket: &StampedSocket) {
        if !socket.buffer.forced && socket.buffer.bytes < self.plan.receive_buffer {
            self.buffer_hint = Some(format!(
                "it holds {} bytes; to allow more: sudo sysctl -w net.core.rmem_max={} (or grant CAP_NET_ADMIN)",
                socket.buffer.bytes, self.plan.receive_buffer
            ));
        }
    }

    /// What would help if receive buffers prove too small.
    pub(super) fn buffer_hint(&self) -> Option<&str> {
        self.buffer_hint.as_deref()
    }

    /// What permissions were found lacking.
    pub(super) fn lacks(&mut self) -> &mut BTreeSet<Lack> {
        &mut self.lacks
    }

    pub(super) fn channel(&mut self, kind: ChannelKind) -> Option<&mut Channel> {
        let place = match kind {
            ChannelKind::Icmp(family, _) => place(Proto::Icmp, family),
            ChannelKind::Syn(family) => place(Proto::Tcp, family),
            ChannelKind::Udp(family) => place(Proto::Udp, family),
            ChannelKind::Connect => return None,
        };
        self.channels[place].as_mut().map(|(_, channel)| channel)
    }

    /// The open channels.
    pub(super) fn channels(&mut self) -> impl Iterator<Item = (ChannelKind, &mut Channel)> {
        self.channels
            .iter_mut()
            .flatten()
            .map(|(kind, channel)| (*kind, channel))
    }

    pub(super) fn connector(&mut self) -> Option<&mut Connector> {
        self.connector.as_mut()
    }

    /// Starts a connection attempt.
    pub(super) fn connect(&mut self, probe: (SeriesId, ProbeSeq), to: SocketAddr, now: Mono) -> Result<(), SendError> {
        self.connector
            .as_mut()
            .map_or(Err(SendError::NoAddress), |connector| connector.start(probe, to, now))
    }

    /// What to wait for.
    pub(super) fn descriptors(&self) -> impl Iterator<Item = (BorrowedFd<'_>, Interest)> {
        let sockets = self.channels.iter().flatten().flat_map(|(_, channel)| {
            let (sender, receiver) = channel.descriptors();
            let own = if receiver.is_some() {
                Interest::Errors
            } else {
                Interest::Read
            };
            [Some((sender, own)), receiver.map(|receiver| (receiver, Interest::Read))]
        });
        sockets.flatten().chain(
            self.connector
                .as_ref()
                .map(|connector| (connector.fd(), Interest::Read)),
        )
    }
}

impl SocketPlan {
    fn settings(&self) -> Settings<'_> {
        Settings {
            packet: &self.packet,
            receive_buffer: self.receive_buffer,
            ident: self.ident,
            block: self.ports.as_ref().map_or(PortBlock::NONE, |ports| ports.block),
            traces: self.traces,
        }
    }
}

/// Where the channel of a protocol and family is kept, and when its turn is: the send stamp of a SYN or a UDP datagram comes by its own
/// channel, an ICMP error about it by that for ICMP, and must find the stamp read.
const fn place(proto: Proto, family: Family) -> usize {
    match (proto, family) {
        (Proto::Tcp, Family::V4) => 0,
        (Proto::Tcp, Family::V6) => 1,
        (Proto::Udp, Family::V4) => 2,
        (Proto::Udp, Family::V6) => 3,
        (Proto::Icmp, Family::V4) => 4,
        (Proto::Icmp, Family::V6) => 5,
    }
}

/// RFC 768.
const UDP_HEADER_LEN: usize = 8;

/// Three protocols, two families.
const CHANNELS: usize = 6;

/// Why raw sockets can't be used for whole packets, if they can't.
pub(super) fn raw_permission(packet: &PacketOptions) -> Result<(), OpenError> {
    let settings = Settings {
        packet,
        receive_buffer: 0,
        ident: 0,
        block: PortBlock::NONE,
        traces: false,
    };
    open::packet_sender(Family::V4, &settings).map(drop)
}

/// A failure to make an epoll descriptor, in words.
impl OpenError {
    fn connector(source: io::Error) -> Self {
        Self::Socket {
            what: "epoll descriptor",
            source,
        }
    }
}

/// Which protocols the series of a run may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Needs {
    /// Echo.
    pub icmp: bool,
    /// SYN.
    pub tcp: bool,
    /// UDP.
    pub udp: bool,
}

impl Needs {
    /// What a list of endpoints needs.
    #[must_use]
    pub fn of(endpoints: impl Iterator<Item = Endpoint>) -> Self {
        endpoints.fold(
            Self {
                icmp: false,
                tcp: false,
                udp: false,
            },
            |needs, endpoint| match endpoint {
                Endpoint::Icmp => Self { icmp: true, ..needs },
                Endpoint::Tcp(_) => Self { tcp: true, ..needs },
                Endpoint::Udp(_) => Self { udp: true, ..needs },
            },
        )
    }
}
