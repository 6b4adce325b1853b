//! Which probe an ICMP error quotes.
//!
//! A quote proves itself by the cookie in the payload of an echo request or a datagram, or by the initial sequence number of a SYN.
//! Where a router quotes only the eight bytes of RFC 792, an echo request is known by identifier, sequence number and the keyed
//! checksum of its flow, and a datagram by its ports and a keyed checksum of its own; both only while they are awaited, for 16 bits
//! can be guessed.
//!
//! A NAT before the router rewrites what the router then quotes, and not every one of them turns all of it back: the source port or
//! identifier, or the destination. For series that are launched, whose errors come from such routers as a rule, none of these counts
//! where a cookie, a sequence number or a keyed checksum is right. The eight bytes and the SYN must still name the target.

use std::net::IpAddr;

use super::{Codec, Ident, Ignored};
use crate::engine::echo::EchoMark;
use crate::engine::prober::Prober;
use crate::engine::progress::Stride;
use crate::series::Endpoint;
use crate::units::{ProbeSeq, SeriesId};
use crate::wire::checksum::FixedChecksum;
use crate::wire::icmp::{self, EchoId};
use crate::wire::quote::{self, Transport};
use crate::wire::tcp;

/// The probe that was quoted.
#[derive(Clone, Copy, Debug)]
pub(super) struct Quoted {
    pub(super) series: SeriesId,
    pub(super) seq: ProbeSeq,
    /// TTL or hop limit that it arrived with.
    pub(super) ttl: u8,
}

type Found = Result<(SeriesId, ProbeSeq), Ignored>;

impl Codec {
    /// The probe in a quote.
    pub(super) fn read_quote(&self, bytes: &[u8], ident: Ident, prober: &Prober) -> Result<Quoted, Ignored> {
        let quote = quote::parse(bytes).map_err(Ignored::Malformed)?;
        let target = quote.addrs.dst();
        let (series, seq) = match quote.transport {
            Transport::Echo { id, checksum, payload } => {
                let found = if EchoMark::fits(payload) {
                    self.find_marked_echo(target, payload, prober)
                } else {
                    self.find_short_echo(target, id, checksum, prober)
                };
                // Only a trace takes the probe of another identifier for its own.
                let is_foreign = ident == Ident::Ours && id.ident != self.ident;
                match found {
                    Ok(probe) if !is_foreign || prober.is_launched(probe.0) => probe,
                    Err(why) if !is_foreign => return Err(why),
                    Ok(_) | Err(_) => return Err(Ignored::Foreign),
                }
            }
            Transport::Tcp(ports) => self.find_quoted_syn(target, ports, prober)?,
            Transport::Udp {
                src_port,
                dst_port,
                checksum,
                payload,
            } => {
                let found = if EchoMark::fits(payload) {
                    self.find_marked_datagram(payload)
                } else {
                    self.find_short_datagram((target, dst_port), src_port, checksum, prober)
                };
                // Errors about the datagrams of other programs are many.
                let is_foreign = self.udp_ports.find(src_port).is_none();
                found.map_err(|why| if is_foreign { Ignored::Foreign } else { why })?
            }
            Transport::Other => return Err(Ignored::Foreign),
        };
        let ttl = quote.ttl;
        Ok(Quoted { series, seq, ttl })
    }

    fn find_marked_echo(&self, target: IpAddr, payload: &[u8], prober: &Prober) -> Found {
        let EchoMark { series, seq } = EchoMark::read(self.key, payload).ok_or(Ignored::Cookie)?;
        let wire = self.series.get(series.index()).ok_or(Ignored::Cookie)?;
        let is_elsewhere = wire.address != target && !prober.is_launched(series);
        if is_elsewhere || wire.endpoint != Endpoint::Icmp {
            return Err(Ignored::Sender);
        }
        Ok((series, seq))
    }

    /// An echo request of which there is no more than its header: of the flow with this checksum, the newest with this sequence
    /// number. Over IPv4 the checksum is keyed. Over IPv6 it includes the addresses and proves nothing, and there a quote holds all
    /// that fits into 1280 bytes (RFC 4443, section 2.4): a short one is not believed.
    fn find_short_echo(&self, target: IpAddr, id: EchoId, checksum: u16, prober: &Prober) -> Found {
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

    /// An echo request that the kernel sent with an identifier of its own, from its ICMP header on.
    pub(super) fn find_queued_echo(&self, to: Option<IpAddr>, message: &[u8], prober: &Prober) -> Found {
        let (header, payload) = message
            .split_first_chunk::<{ icmp::ECHO_HEADER_LEN }>()
            .ok_or(Ignored::Cookie)?;
        if EchoMark::fits(payload) {
            let EchoMark { series, seq } = EchoMark::read(self.key, payload).ok_or(Ignored::Cookie)?;
            return Ok((series, seq));
        }
        let [_, _, sum_high, sum_low, ident_high, ident_low, seq_high, seq_low] = *header;
        let id = EchoId {
            ident: u16::from_be_bytes([ident_high, ident_low]),
            sequence: u16::from_be_bytes([seq_high, seq_low]),
        };
        // A checksum is the complement of a sum: what another identifier adds to the sum, it takes from the checksum.
        let sent = u16::from_be_bytes([sum_high, sum_low]);
        let with_ours = plus(plus(sent, id.ident), !self.ident);
        self.find_short_echo(
            to.ok_or(Ignored::Cookie)?,
            id,
            FixedChecksum::nearest(with_ours).get(),
            prober,
        )
    }

    fn find_quoted_syn(&self, target: IpAddr, ports: tcp::Ports, prober: &Prober) -> Found {
        let Some((flow, turn)) = self.ports.find(ports.src_port) else {
            return self.find_translated_syn(target, ports, prober);
        };
        let candidates = self
            .backends
            .get(&(target, ports.dst_port, flow))
            .ok_or(Ignored::Foreign)?;
        let found = candidates.iter().find_map(|&series| {
            let seq = prober.find_syn(series, self.ports.probes(series, turn), ports.seq)?;
            Some((series, seq))
        });
        found.ok_or(Ignored::Cookie)
    }

    /// A SYN from a port that is none of ours: of a trace, behind a NAT that chose another.
    fn find_translated_syn(&self, target: IpAddr, ports: tcp::Ports, prober: &Prober) -> Found {
        let flows = 0..self.ports.flows();
        let candidates = flows.filter_map(|flow| self.backends.get(&(target, ports.dst_port, flow)));
        let mut launched = candidates.flatten().filter(|&&series| prober.is_launched(series));
        let all = Stride { offset: 0, every: 1 };
        let found = launched.find_map(|&series| Some((series, prober.find_syn(series, all, ports.seq)?)));
        found.ok_or(Ignored::Foreign)
    }

    fn find_marked_datagram(&self, payload: &[u8]) -> Found {
        let EchoMark { series, seq } = EchoMark::read(self.key, payload).ok_or(Ignored::Cookie)?;
        let wire = self.series.get(series.index()).ok_or(Ignored::Cookie)?;
        match wire.endpoint {
            Endpoint::Udp(_) => Ok((series, seq)),
            Endpoint::Icmp | Endpoint::Tcp(_) => Err(Ignored::Sender),
        }
    }

    /// A datagram of which there is no more than its header. From a port that is none of ours it may be of any flow.
    fn find_short_datagram(&self, to: (IpAddr, u16), src_port: u16, checksum: u16, prober: &Prober) -> Found {
        let candidates = self.datagrams.get(&to).ok_or(Ignored::Foreign)?;
        let flow = self.udp_ports.find(src_port).map(|(flow, _)| flow);
        let found = candidates.iter().find_map(|&series| {
            let wire = self.series.get(series.index())?;
            if flow.is_some_and(|flow| flow != wire.flow) {
                return None;
            }
            Some((series, prober.find_datagram(series, checksum)?))
        });
        found.ok_or(Ignored::Cookie)
    }
}

/// Addition in one's complement (RFC 1071, section 1).
const fn plus(a: u16, b: u16) -> u16 {
    let (sum, carried) = a.overflowing_add(b);
    sum.wrapping_add(if carried { 1 } else { 0 })
}
