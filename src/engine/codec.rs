//! Probes to bytes, and bytes to the probe that they answer.
//!
//! Pure: sockets are elsewhere. An answer is believed if it proves itself: an echo reply by the keyed cookie in its payload, a TCP
//! answer by acknowledging the keyed initial sequence number on the right tuple, an ICMP error by what it quotes ([`quoted`]).
//! Everything else is [`Ignored`], and counted.
//!
//! Series that are launched, those of traces, may be answered from elsewhere: a trace shows who answers, so there the cookie alone is
//! the proof. For others an answer of somebody else is none.

mod quoted;

use std::collections::HashMap;
use std::fmt;
use std::net::{IpAddr, SocketAddr, SocketAddrV4, SocketAddrV6};

use super::cookie::CookieKey;
use super::echo::{EchoMark, wire_sequence};
use super::ports::SourcePorts;
use super::prober::{Due, Prober};
use crate::outcome::{Answer, Told, Unreachable};
use crate::series::{Endpoint, PacketOptions, Series};
use crate::units::{Mono, ProbeSeq, SeriesId};
use crate::wire::checksum::FixedChecksum;
use crate::wire::icmp::{self, EchoChecksum, EchoId, ErrorBody, Message};
use crate::wire::ip::IpHeader;
use crate::wire::tcp::{self, Flags, Syn, SynIp};
use crate::wire::{AddrPair, Family, Malformed, extensions, ip, udp};

/// The wire side of all series of a run.
#[derive(Debug)]
pub struct Codec {
    key: CookieKey,
    ident: u16,
    packet: PacketOptions,
    ports: SourcePorts,
    udp_ports: SourcePorts,
    series: Vec<Wire>,
    echoes: HashMap<IpAddr, Vec<SeriesId>>,
    backends: HashMap<(IpAddr, u16, u16), Vec<SeriesId>>,
    datagrams: HashMap<(IpAddr, u16), Vec<SeriesId>>,
}

/// What the wire knows of a series.
#[derive(Clone, Copy, Debug)]
struct Wire {
    address: IpAddr,
    scope_id: u32,
    endpoint: Endpoint,
    flow: u16,
    /// Chosen by flow: echo requests hold their checksum at it, SYNs and datagrams over IPv6 carry it as flow label.
    label: u16,
}

/// Which probe a packet answers, and how.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Match {
    /// Its series.
    pub series: SeriesId,
    /// Its number.
    pub seq: ProbeSeq,
    /// What the packet says.
    pub answer: Answer,
    /// TTL or hop limit, where the packet itself shows it.
    pub ttl: Option<u8>,
    /// Size from the ICMP or TCP header on.
    pub bytes: u32,
    /// Who sent the packet, where that is known.
    pub from: Option<IpAddr>,
    /// What else it tells if it is an ICMP error.
    pub told: Option<Told>,
}

/// Why a received packet answers nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Ignored {
    /// Not a packet of the protocol that was expected.
    Malformed(Malformed),
    /// Its ICMP checksum is wrong.
    Checksum,
    /// None of our business: other types, other processes' probes.
    Foreign,
    /// It looks like an answer to us, but its cookie is not ours: forged, corrupted, or of an earlier run.
    Cookie,
    /// The cookie is right, the sender is not the target.
    Sender,
    /// An ICMP error that the kernel queued without saying who sent it.
    Offender,
}

impl fmt::Display for Ignored {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Malformed(why) => write!(f, "malformed ({why})"),
            Self::Checksum => f.write_str("wrong ICMP checksum"),
            Self::Foreign => f.write_str("meant for others"),
            Self::Cookie => f.write_str("without our cookie (forged, corrupted, or of an earlier run)"),
            Self::Sender => f.write_str("not from the target"),
            Self::Offender => f.write_str("ICMP errors of an unknown sender"),
        }
    }
}

impl Codec {
    /// A codec for echo requests with identifier `ident` and SYNs from `ports`.
    #[must_use]
    pub fn new(key: CookieKey, ident: u16, packet: PacketOptions, ports: SourcePorts) -> Self {
        Self {
            key,
            ident,
            packet,
            ports,
            udp_ports: SourcePorts::default(),
            series: Vec::new(),
            echoes: HashMap::new(),
            backends: HashMap::new(),
            datagrams: HashMap::new(),
        }
    }

    /// The same with source ports for UDP, of which each flow has one.
    #[must_use]
    pub fn with_udp_ports(mut self, ports: SourcePorts) -> Self {
        self.udp_ports = ports;
        self
    }

    /// Adds the series that the prober admits next: both number them alike.
    pub fn admit(&mut self, series: &Series) {
        let id = SeriesId::new(u32::try_from(self.series.len()).unwrap_or(u32::MAX));
        let &Series {
            address,
            scope_id,
            endpoint,
            flow,
            ..
        } = series;
        match endpoint {
            Endpoint::Icmp => self.echoes.entry(address).or_default().push(id),
            Endpoint::Tcp(port) => self.backends.entry((address, port, flow)).or_default().push(id),
            Endpoint::Udp(port) => self.datagrams.entry((address, port)).or_default().push(id),
        }
        self.series.push(Wire {
            address,
            scope_id,
            endpoint,
            flow,
            label: self.key.flow(id, flow),
        });
    }

    /// Where a packet of a series goes, for a raw or datagram ICMP socket: port 0.
    #[must_use]
    pub fn destination(&self, series: SeriesId) -> SocketAddr {
        let Wire { address, scope_id, .. } = self.series[series.index()];
        match address {
            IpAddr::V4(address) => SocketAddr::V4(SocketAddrV4::new(address, 0)),
            IpAddr::V6(address) => SocketAddr::V6(SocketAddrV6::new(address, 0, 0, scope_id)),
        }
    }

    /// The backend of a series: its address and port, 0 where it is probed by echo.
    #[must_use]
    pub fn backend(&self, series: SeriesId) -> SocketAddr {
        let mut to = self.destination(series);
        to.set_port(self.series[series.index()].endpoint.port().unwrap_or(0));
        to
    }

    /// The initial sequence number of a SYN; of a UDP datagram, its checksum.
    #[must_use]
    pub fn isn(&self, series: SeriesId, seq: ProbeSeq) -> u32 {
        match self.series.get(series.index()).map(|wire| wire.endpoint) {
            Some(Endpoint::Udp(_)) => self.key.datagram(series, seq).into(),
            Some(Endpoint::Icmp | Endpoint::Tcp(_)) | None => self.key.isn(series, seq),
        }
    }

    /// Writes an echo request, from its ICMP header on, and returns its length; 0 where `buf` is too short.
    pub fn write_echo(&self, series: SeriesId, seq: ProbeSeq, buf: &mut [u8]) -> usize {
        let wire = self.series[series.index()];
        let len = icmp::ECHO_HEADER_LEN + usize::from(self.packet.payload_bytes);
        let Some(message) = buf.get_mut(..len) else { return 0 };
        EchoMark { series, seq }.write(self.key, message);
        let id = EchoId {
            ident: self.ident,
            sequence: wire_sequence(seq),
        };
        let checksum = EchoChecksum::Held(FixedChecksum::nearest(wire.label));
        icmp::emit_echo_request(message, family(wire.address), id, checksum).map_or(0, |()| len)
    }

    /// Writes a SYN with its IP header and returns the length of the packet; 0 where `buf` is too short, no port is reserved, or
    /// the series or `source` is of another kind.
    pub fn write_syn(&self, due: Due, source: IpAddr, now: Mono, buf: &mut [u8]) -> usize {
        let Due { series, seq, .. } = due;
        let wire = self.series[series.index()];
        let (src_port, addrs) = (
            self.ports.of(wire.flow, series, seq),
            AddrPair::new(source, wire.address),
        );
        let (Endpoint::Tcp(dst_port), Some(src_port), Some(addrs)) = (wire.endpoint, src_port, addrs) else {
            return 0;
        };
        let syn = Syn {
            addrs,
            src_port,
            dst_port,
            seq: self.isn(series, seq),
            mss: tcp::default_mss(addrs.family()),
            ts_val: u32::try_from((now.as_nanos() / NANOS_PER_MILLI) & u64::from(u32::MAX)).unwrap_or_default(),
        };
        let ip = SynIp {
            ttl: self.ttl_of(due),
            tos: self.packet.traffic_class,
            flow_label: wire.label.into(),
        };
        tcp::emit_syn_packet(buf, syn, ip).unwrap_or_default()
    }

    /// Writes a UDP datagram with its IP header and returns the length of the packet; 0 where `buf` is too short, no port is reserved,
    /// or the series or `source` is of another kind. Ports are those of the flow; the payload holds the cookie, and a word that makes the
    /// checksum the keyed one of this probe.
    pub fn write_udp(&self, due: Due, source: IpAddr, buf: &mut [u8]) -> usize {
        let Due { series, seq, .. } = due;
        let wire = self.series[series.index()];
        let (src_port, addrs) = (
            self.udp_ports.of(wire.flow, series, seq),
            AddrPair::new(source, wire.address),
        );
        let (Endpoint::Udp(dst_port), Some(src_port), Some(addrs)) = (wire.endpoint, src_port, addrs) else {
            return 0;
        };
        let header = IpHeader {
            addrs,
            protocol: ip::UDP,
            ttl: self.ttl_of(due),
            tos: self.packet.traffic_class,
            flow_label: wire.label.into(),
        };
        let len = header.header_len() + udp::HEADER_LEN + usize::from(self.packet.payload_bytes);
        let Some(packet) = buf.get_mut(..len) else { return 0 };
        EchoMark { series, seq }.write(self.key, &mut packet[header.header_len()..]);
        let datagram = udp::Datagram {
            src_port,
            dst_port,
            checksum: FixedChecksum::nearest(self.key.datagram(series, seq)),
        };
        udp::emit_packet(packet, datagram, header).unwrap_or_default()
    }

    /// Reads an IPv4 or IPv6 packet as packet sockets and raw IPv4 sockets deliver it, from its IP header on.
    ///
    /// # Errors
    /// Why the packet answers nothing.
    pub fn read_packet(&self, packet: &[u8], prober: &Prober) -> Result<Match, Ignored> {
        let datagram = ip::parse(packet).map_err(Ignored::Malformed)?;
        let from = datagram.addrs.src();
        let ttl = Some(datagram.ttl);
        match (datagram.protocol, datagram.addrs.family()) {
            (ip::ICMP, Family::V4) => {
                if !icmp::checksum_ok(datagram.payload) {
                    return Err(Ignored::Checksum);
                }
                Ok(Match {
                    ttl,
                    ..self.read_icmp(from, datagram.payload, Ident::Ours, prober)?
                })
            }
            (ip::TCP, _) => Ok(Match {
                ttl,
                ..self.read_tcp(from, datagram.payload, prober)?
            }),
            (_, Family::V4 | Family::V6) => Err(Ignored::Foreign),
        }
    }

    /// Reads an ICMP or ICMPv6 message, from its header on.
    ///
    /// # Errors
    /// Why the message answers nothing.
    pub fn read_icmp(&self, from: IpAddr, message: &[u8], ident: Ident, prober: &Prober) -> Result<Match, Ignored> {
        let bytes = u32::try_from(message.len()).unwrap_or(u32::MAX);
        let icmp_type = message.first().copied().unwrap_or_default();
        let error = |code, mtu, body: ErrorBody<'_>| {
            let quoted = self.read_quote(body.quote, ident, prober)?;
            Ok(Match {
                series: quoted.series,
                seq: quoted.seq,
                answer: Answer::Unreachable(Unreachable { from, icmp_type, code }),
                ttl: None,
                bytes,
                from: Some(from),
                told: Some(Told {
                    quoted_ttl: quoted.ttl,
                    mtu,
                    mpls: extensions::label_stack(body.extensions),
                }),
            })
        };
        match icmp::parse(family(from), message).map_err(Ignored::Malformed)? {
            Message::EchoReply { id, payload } => {
                if ident == Ident::Ours && id.ident != self.ident {
                    return Err(Ignored::Foreign);
                }
                let EchoMark { series, seq } = EchoMark::read(self.key, payload).ok_or(Ignored::Cookie)?;
                let wire = self.series.get(series.index()).ok_or(Ignored::Cookie)?;
                let is_elsewhere = wire.address != from && !prober.is_launched(series);
                if is_elsewhere || wire.endpoint != Endpoint::Icmp {
                    return Err(Ignored::Sender);
                }
                Ok(Match {
                    series,
                    seq,
                    answer: Answer::Reply,
                    ttl: None,
                    bytes,
                    from: Some(from),
                    told: None,
                })
            }
            Message::Unreachable { code, mtu, body } => error(code, mtu.map(u32::from), body),
            Message::PacketTooBig { mtu, body } => error(0, Some(mtu).filter(|&mtu| mtu > 0), body),
            Message::TimeExceeded { code, body } | Message::ParameterProblem { code, body, .. } => {
                error(code, None, body)
            }
            Message::EchoRequest { .. } | Message::Other { .. } => Err(Ignored::Foreign),
        }
    }

    /// Reads a TCP segment, from its header on.
    ///
    /// # Errors
    /// Why the segment answers nothing.
    pub fn read_tcp(&self, from: IpAddr, segment: &[u8], prober: &Prober) -> Result<Match, Ignored> {
        let bytes = u32::try_from(segment.len()).unwrap_or(u32::MAX);
        let segment = tcp::parse(segment).map_err(Ignored::Malformed)?;
        let (flow, turn) = self.ports.find(segment.dst_port).ok_or(Ignored::Foreign)?;
        let answer = match segment.flags {
            flags if !flags.has(Flags::ACK) => return Err(Ignored::Foreign),
            flags if flags.has(Flags::RST) => Answer::Refused,
            _ => Answer::Reply,
        };
        let is_bare_ack = answer == Answer::Reply && !segment.flags.has(Flags::SYN);
        let acknowledged = segment.ack.wrapping_sub(1);
        let candidates = self
            .backends
            .get(&(from, segment.src_port, flow))
            .ok_or(Ignored::Foreign)?;
        let found = candidates.iter().find_map(|&series| {
            let turns = self.ports.probes(series, turn);
            // A peer that still holds an older SYN of this tuple acknowledges that one when it sees the newest: the newest is
            // answered, however old the number. Where TTLs differ, it has not seen those that go less far than the old one.
            let seq = if is_bare_ack {
                prober.find_newest_syn(series, turns, acknowledged)?
            } else {
                prober.find_syn(series, turns, acknowledged)?
            };
            Some(Match {
                series,
                seq,
                answer,
                ttl: None,
                bytes,
                from: Some(from),
                told: None,
            })
        });
        found.ok_or(Ignored::Cookie)
    }

    /// Reads an ICMP error that the kernel queued for a datagram ICMP socket: it gives back as much of the message as was quoted, and
    /// names the destination that this had.
    ///
    /// # Errors
    /// Why the error answers nothing.
    pub fn read_queued_error(
        &self,
        error: Unreachable,
        to: Option<IpAddr>,
        message: &[u8],
        prober: &Prober,
    ) -> Result<Match, Ignored> {
        let (series, seq) = self.find_queued_echo(to, message, prober)?;
        Ok(Match {
            series,
            seq,
            answer: Answer::Unreachable(error),
            ttl: None,
            bytes: u32::try_from(message.len()).unwrap_or(u32::MAX),
            from: Some(error.from),
            // The kernel keeps the quote, and what follows it, to itself.
            told: None,
        })
    }

    fn ttl_of(&self, due: Due) -> u8 {
        due.ttl.or(self.packet.ttl).unwrap_or(DEFAULT_TTL)
    }
}

/// Whose identifier an echo reply must carry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ident {
    /// Ours: a raw socket sees every process's replies.
    Ours,
    /// The kernel's: a datagram socket has an identifier that the kernel chose, and sees only its own replies.
    Kernels,
}

const fn family(address: IpAddr) -> Family {
    match address {
        IpAddr::V4(_) => Family::V4,
        IpAddr::V6(_) => Family::V6,
    }
}

/// What Linux sends without being asked (`net.ipv4.ip_default_ttl`, `net.ipv6.conf.*.hop_limit`).
const DEFAULT_TTL: u8 = 64;

const NANOS_PER_MILLI: u64 = 1_000_000;

#[cfg(test)]
mod tests;
