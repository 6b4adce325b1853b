//! An engine without sockets: what it sends, what it reads, and what of it is proven.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

use pathjitter::engine::{Admission, Codec, CookieKey, Due, Ident, Ignored, Match, Prober, SourcePorts};
use pathjitter::outcome::{Answer, StampSource, Unreachable};
use pathjitter::series::{Endpoint, Pace, PacketOptions, Series};
use pathjitter::units::{Mono, ProbeSeq, SeriesId};

use super::handmade;

pub(crate) const IDENT: u16 = 0x4a17;

/// This host and the targets, by family.
pub(crate) const OURS: [&str; 2] = ["192.0.2.1", "2001:db8::1"];
pub(crate) const TARGETS: [&str; 2] = ["198.51.100.7", "2001:db8:7::7"];
/// Somebody on the way, who may send errors and nothing else.
pub(crate) const ROUTERS: [&str; 2] = ["203.0.113.9", "2001:db8:ff::9"];

/// Codec and prober of the same series.
pub(crate) struct Host {
    pub(crate) key: CookieKey,
    pub(crate) codec: Codec,
    pub(crate) prober: Prober,
    pub(crate) series: Vec<Series>,
    /// Those of traces.
    pub(crate) launched: Vec<SeriesId>,
    pub(crate) tally: Tally,
}

/// What became of the packets handed in.
#[derive(Default)]
pub(crate) struct Tally {
    pub(crate) handed: u64,
    pub(crate) matched: u64,
    pub(crate) ignored: BTreeMap<Ignored, u64>,
}

/// How a socket hands over a packet.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Carrier {
    /// From its IP header on.
    Packet,
    /// An ICMP message, from its header on.
    Icmp(Ident),
    /// A TCP segment, from its header on.
    Tcp,
    /// The message of ours that an error is about, from its ICMP header on.
    ErrorQueue,
}

impl Carrier {
    pub(crate) const ALL: [Self; 5] = [
        Self::Packet,
        Self::Icmp(Ident::Ours),
        Self::Icmp(Ident::Kernels),
        Self::Tcp,
        Self::ErrorQueue,
    ];
}

/// A packet that reaches this host.
#[derive(Clone, Debug)]
pub(crate) struct Packet {
    pub(crate) from: IpAddr,
    pub(crate) carrier: Carrier,
    pub(crate) bytes: Vec<u8>,
}

impl Host {
    pub(crate) fn new(key: CookieKey) -> Self {
        let packet = PacketOptions {
            payload_bytes: 56,
            ttl: None,
            traffic_class: 0,
            interface: None,
            source: None,
        };
        let ports = SourcePorts::new((40_000..40_016).collect(), 2);
        let udp_ports = SourcePorts::new(vec![50_000, 50_001], 2);
        Self {
            key,
            codec: Codec::new(key, IDENT, packet, ports).with_udp_ports(udp_ports),
            prober: Prober::new(None),
            series: Vec::new(),
            launched: Vec::new(),
            tally: Tally::default(),
        }
    }

    pub(crate) fn admit(&mut self, now: Mono, address: IpAddr, (endpoint, flow): (Endpoint, u16), pace: Pace) {
        let series = Series {
            target: Arc::from("app01"),
            address,
            scope_id: 0,
            endpoint,
            flow,
        };
        self.codec.admit(&series);
        let is_launched = pace.count == Some(0);
        let id = self.prober.admit(
            now,
            Admission {
                proto: endpoint.proto(),
                pace,
                stamp: StampSource::Kernel,
                memory: 16,
                window: 16,
            },
        );
        self.series.push(series);
        if is_launched {
            self.launched.push(id);
        }
    }

    /// The packet of a probe, from its IP header on.
    pub(crate) fn written(&self, due: Due, now: Mono) -> Vec<u8> {
        let Series { address, endpoint, .. } = self.series[due.series.index()];
        let ours: IpAddr = OURS[usize::from(address.is_ipv6())].parse().unwrap();
        let mut buf = vec![0; 128];
        match endpoint {
            Endpoint::Icmp => {
                let len = self.codec.write_echo(due.series, due.seq, &mut buf);
                let protocol = if ours.is_ipv4() { 1 } else { 58 };
                handmade::ip(ours, address, protocol, &[], &buf[..len])
            }
            Endpoint::Udp(_) => {
                let len = self.codec.write_udp(due, ours, &mut buf);
                buf[..len].to_vec()
            }
            Endpoint::Tcp(_) => {
                let len = self.codec.write_syn(due, ours, now, &mut buf);
                buf[..len].to_vec()
            }
        }
    }

    /// What the codec makes of a packet. Each is counted once: as an answer, or under the reason why it is none.
    pub(crate) fn read(&mut self, packet: &Packet) -> Option<Match> {
        let Packet { from, carrier, bytes } = packet;
        let read = match *carrier {
            Carrier::Packet => self.codec.read_packet(bytes, &self.prober),
            Carrier::Icmp(ident) => self.codec.read_icmp(*from, bytes, ident, &self.prober),
            Carrier::Tcp => self.codec.read_tcp(*from, bytes, &self.prober),
            Carrier::ErrorQueue => {
                let error = Unreachable {
                    from: *from,
                    icmp_type: 3,
                    code: 1,
                };
                self.codec.read_queued_error(error, None, bytes, &self.prober)
            }
        };
        self.tally.handed += 1;
        match read {
            Ok(found) => {
                self.tally.matched += 1;
                assert!(self.is_proven(&found, packet), "{found:?} from {packet:02x?}");
                Some(found)
            }
            Err(why) => {
                *self.tally.ignored.entry(why).or_default() += 1;
                None
            }
        }
    }

    /// Whether a packet holds what nobody can know who has not seen a probe of this series.
    fn is_proven(&self, found: &Match, packet: &Packet) -> bool {
        let holds = |proof: &[u8]| packet.bytes.windows(proof.len()).any(|window| window == proof);
        let Match {
            series, seq, answer, ..
        } = *found;
        let is_error = matches!(answer, Answer::Unreachable(_));
        let is_marked = holds(&self.key.echo(series, seq).to_be_bytes());
        let endpoint = self.series[series.index()].endpoint;
        if endpoint == Endpoint::Icmp {
            // The eight bytes that RFC 792 has routers quote hold identifier, sequence number and a keyed checksum, but no
            // cookie. The identifier of a datagram socket is the kernel's, and a NAT may choose that of a trace.
            let sequence = u16::try_from((seq.get() + 1) & 0xffff).unwrap().to_be_bytes();
            let header = match packet.carrier {
                Carrier::Icmp(Ident::Kernels) => sequence.to_vec(),
                _ if self.launched.contains(&series) => sequence.to_vec(),
                _ => [IDENT.to_be_bytes(), sequence].concat(),
            };
            is_marked || is_error && holds(&header)
        } else if matches!(endpoint, Endpoint::Udp(_)) {
            is_error && (is_marked || holds(&self.key.datagram(series, seq).to_be_bytes()))
        } else if is_error {
            holds(&self.key.isn(series, seq).to_be_bytes())
        } else {
            // A bare ACK of an older SYN of the same port counts for the newest.
            let acknowledged = |older| self.key.isn(series, ProbeSeq::new(older)).wrapping_add(1);
            (seq.get().saturating_sub(REMEMBERED)..=seq.get()).any(|older| holds(&acknowledged(older).to_be_bytes()))
        }
    }
}

impl Tally {
    /// Nothing is dropped in silence, and nothing is counted twice.
    pub(crate) fn check(&self) {
        assert_eq!(self.matched + self.ignored.values().sum::<u64>(), self.handed);
    }

    #[allow(dead_code, reason = "the fuzz targets count nothing over cases")]
    pub(crate) fn add(&mut self, other: &Self) {
        self.handed += other.handed;
        self.matched += other.matched;
        for (why, count) in &other.ignored {
            *self.ignored.entry(*why).or_default() += count;
        }
    }
}

/// More probes than a series remembers at the intervals of these tests.
const REMEMBERED: u64 = 64;
