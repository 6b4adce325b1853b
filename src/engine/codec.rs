//! Probes to bytes, and bytes to the probe that they answer.
//!
//! Pure: sockets are elsewhere. An answer is believed if it proves itself: an echo reply by the keyed cookie in its payload, a TCP
//! answer by acknowledging the keyed initial sequence number on the right tuple, an ICMP error by either of them in its quote (where a
//! router quotes only the eight bytes of RFC 792, by identifier, sequence and the keyed checksum of an echo that is still
//! awaited). Everything else is [`Ignored`], and counted.

use std::collections::HashMap;
use std::fmt;
use std::net::{IpAddr, SocketAddr, SocketAddrV4, SocketAddrV6};

use super::cookie::CookieKey;
use super::echo::{EchoMark, wire_sequence};
use super::ports::SourcePorts;
use super::prober::Prober;
use super::progress::Stride;
use crate::outcome::{Answer, Unreachable};
use crate::series::{Endpoint, PacketOptions, Series};
use crate::units::{Mono, ProbeSeq, SeriesId};
use crate::wire::checksum::FixedChecksum;
use crate::wire::icmp::{self, EchoChecksum, EchoId, Message};
use crate::wire::tcp::{self, Flags, Syn, SynIp};
use crate::wire::{AddrPair, Family, Malformed, ip, quote};

/// The wire side of all series of a run.
#[derive(Debug)]
pub struct Codec {
    key: CookieKey,
    ident: u16,
    packet: PacketOptions,
    ports: SourcePorts,
    series: Vec<Wire>,
    echoes: HashMap<IpAddr, Vec<SeriesId>>,
    backends: HashMap<(IpAddr, u16, u16), Vec<SeriesId>>,
}

/// What the wire knows of a series.
#[derive(Clone, Copy, Debug)]
struct Wire {
    address: IpAddr,
    scope_id: u32,
    endpoint: Endpoint,
    flow: u16,
    /// Chosen by flow: echo requests hold their checksum at it, SYNs over IPv6 carry it as flow label.
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
            series: Vec::new(),
            echoes: HashMap::new(),
            backends: HashMap::new(),
        }
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
            Endpoint::Udp(_) => {}
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

    /// The initial sequence number of a SYN.
    #[must_use]
    pub fn isn(&self, series: SeriesId, seq: ProbeSeq) -> u32 {
        self.key.isn(series, seq)
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

    /// Writes a SYN with its IP header and returns the length of the packet; 0 where `buf` is too short, no port is reserved or
    /// `source` is of another family.
    pub fn write_syn(&self, series: SeriesId, seq: ProbeSeq, source: IpAddr, now: Mono, buf: &mut [u8]) -> usize {
        let wire = self.series[series.index()];
        let parts = (
            self.ports.of(wire.flow, series, seq),
            wire.endpoint.port(),
            AddrPair::new(source, wire.address),
        );
        let (Some(src_port), Some(dst_port), Some(addrs)) = parts else {
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
            ttl: self.packet.ttl.unwrap_or(DEFAULT_TTL),
            tos: self.packet.traffic_class,
            flow_label: wire.label.into(),
        };
        tcp::emit_syn_packet(buf, syn, ip).unwrap_or_default()
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
        let icmp_type = message.first().copied().unwrap_or_default();
        let unreachable = |code| Answer::Unreachable(Unreachable { from, icmp_type, code });
        let bytes = u32::try_from(message.len()).unwrap_or(u32::MAX);
        let quoted = |code, quote| {
            let (series, seq) = self.read_quote(quote, ident, prober)?;
            Ok(Match {
                series,
                seq,
                answer: unreachable(code),
                ttl: None,
                bytes,
            })
        };
        match icmp::parse(family(from), message).map_err(Ignored::Malformed)? {
            Message::EchoReply { id, payload } => {
                if ident == Ident::Ours && id.ident != self.ident {
                    return Err(Ignored::Foreign);
                }
                let EchoMark { series, seq } = EchoMark::read(self.key, payload).ok_or(Ignored::Cookie)?;
                let wire = self.series.get(series.index()).ok_or(Ignored::Cookie)?;
                if wire.address != from || wire.endpoint != Endpoint::Icmp {
                    return Err(Ignored::Sender);
                }
                Ok(Match {
                    series,
                    seq,
                    answer: Answer::Reply,
                    ttl: None,
                    bytes,
                })
            }
            Message::Unreachable { code, body, .. }
            | Message::TimeExceeded { code, body }
            | Message::ParameterProblem { code, body, .. } => quoted(code, body.quote),
            Message::PacketTooBig { body, .. } => quoted(0, body.quote),
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
            let seq = prober.find_syn(series, turns, |isn| isn == acknowledged)?;
            // A peer that still holds an older SYN of this tuple acknowledges that one when it sees the newest: the newest is
            // answered, however old the number.
            let seq = if is_bare_ack {
                prober.find_syn(series, turns, |_| true)?
            } else {
                seq
            };
            Some(Match {
                series,
                seq,
                answer,
                ttl: None,
                bytes,
            })
        });
        found.ok_or(Ignored::Cookie)
    }

    /// Reads an ICMP error that the kernel queued for a datagram ICMP socket: it names the destination and gives back the message.
    ///
    /// # Errors
    /// Why the error answers nothing.
    pub fn read_queued_error(&self, error: Unreachable, message: &[u8]) -> Result<Match, Ignored> {
        let payload = message.get(icmp::ECHO_HEADER_LEN..).unwrap_or_default();
        let EchoMark { series, seq } = EchoMark::read(self.key, payload).ok_or(Ignored::Cookie)?;
        Ok(Match {
            series,
            seq,
            answer: Answer::Unreachable(error),
            ttl: None,
            bytes: u32::try_from(message.len()).unwrap_or(u32::MAX),
        })
    }

    fn read_quote(&self, bytes: &[u8], ident: Ident, prober: &Prober) -> Result<(SeriesId, ProbeSeq), Ignored> {
        let quote = quote::parse(bytes).map_err(Ignored::Malformed)?;
        let target = quote.addrs.dst();
        match quote.transport {
            quote::Transport::Echo { id, .. } if ident == Ident::Ours && id.ident != self.ident => {
                Err(Ignored::Foreign)
            }
            quote::Transport::Echo { payload, .. } if EchoMark::fits(payload) => {
                let EchoMark { series, seq } = EchoMark::read(self.key, payload).ok_or(Ignored::Cookie)?;
                let wire = self.series.get(series.index()).ok_or(Ignored::Cookie)?;
                if wire.address == target {
                    Ok((series, seq))
                } else {
                    Err(Ignored::Sender)
                }
            }
            quote::Transport::Echo { id, checksum, .. } => self.find_short_quote(target, id, checksum, prober),
            quote::Transport::Tcp(ports) => {
                let (flow, turn) = self.ports.find(ports.src_port).ok_or(Ignored::Foreign)?;
                let candidates = self
                    .backends
                    .get(&(target, ports.dst_port, flow))
                    .ok_or(Ignored::Foreign)?;
                let found = candidates.iter().find_map(|&series| {
                    let seq = prober.find_syn(series, self.ports.probes(series, turn), |isn| isn == ports.seq)?;
                    Some((series, seq))
                });
                found.ok_or(Ignored::Cookie)
            }
            quote::Transport::Udp { .. } | quote::Transport::Other => Err(Ignored::Foreign),
        }
    }

    /// The echo request that a router quoted with no more than its header: of the flow with this checksum, the newest with this
    /// sequence number, if it is still awaited. Over IPv4 the checksum is keyed. Over IPv6 it includes the addresses and proves
    /// nothing, and there a quote holds all that fits into 1280 bytes (RFC 4443, section 2.4): a short one is not believed.
    fn find_short_quote(
        &self,
        target: IpAddr,
        id: EchoId,
        checksum: u16,
        prober: &Prober,
    ) -> Result<(SeriesId, ProbeSeq), Ignored> {
        if target.is_ipv6() {
            return Err(Ignored::Cookie);
        }
        let candidates = self.echoes.get(&target).ok_or(Ignored::Foreign)?;
        let same_sequence = Stride {
            offset: id.sequence.wrapping_sub(1).into(),
            every: 1 << 16,
        };
        let found = candidates.iter().find_map(|&series| {
            let label = self.series.get(series.index())?.label;
            if FixedChecksum::nearest(label).get() != checksum {
                return None;
            }
            Some((series, prober.find_waiting(series, same_sequence)?))
        });
        found.ok_or(Ignored::Cookie)
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
