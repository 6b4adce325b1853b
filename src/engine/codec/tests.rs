//! The codec against packets made by hand: what answers a probe, and what only looks as if it did.

mod echo;
mod quotes;
mod syn;
mod traces;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;
use std::time::Duration;

use super::*;
use crate::clock::ClockEpoch;
use crate::engine::answer::{Arrival, Measured};
use crate::engine::launch::Launch;
use crate::engine::prober::{Admission, Due};
use crate::outcome::{SendError, StampSource};
use crate::series::Pace;
use crate::wire::handmade::{self, Tcp};

const V4: Addresses = Addresses {
    ours: IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1)),
    target: IpAddr::V4(Ipv4Addr::new(198, 51, 100, 7)),
    router: IpAddr::V4(Ipv4Addr::new(203, 0, 113, 9)),
};

const V6: Addresses = Addresses {
    ours: IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1)),
    target: IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 7, 0, 0, 0, 0, 7)),
    router: IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 0xff, 0, 0, 0, 0, 9)),
};

/// Who is who, in one family.
#[derive(Clone, Copy, Debug)]
struct Addresses {
    ours: IpAddr,
    target: IpAddr,
    router: IpAddr,
}

const IDENT: u16 = 0x4a17;
const KEY: CookieKey = CookieKey::new([0x0123_4567_89ab_cdef, 0xfedc_ba98_7654_3210]);

/// Source ports: four for each of two flows.
const PORTS: std::ops::Range<u16> = 40_000..40_008;
const PORTS_PER_FLOW: u64 = 4;
const BACKEND: u16 = 443;

/// A record route option (RFC 791, page 20) with room for two addresses, padded to whole words.
const OPTIONS: [u8; 12] = [7, 11, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0];

/// Codec and prober of the same series, as an engine has them.
struct World {
    codec: Codec,
    prober: Prober,
    now: Mono,
}

impl World {
    fn new(series: &[(IpAddr, Endpoint, u16)]) -> Self {
        Self::with_key(KEY, series)
    }

    fn with_key(key: CookieKey, series: &[(IpAddr, Endpoint, u16)]) -> Self {
        let ports = SourcePorts::new(PORTS.collect(), 2);
        Self::of(Codec::new(key, IDENT, packet_options(), ports), series, admission)
    }

    /// Of series that are launched, with one port for each of two flows.
    fn traced(series: &[(IpAddr, Endpoint, u16)]) -> Self {
        let [ports, udp_ports] = [40_000, 50_000].map(|first| SourcePorts::new(vec![first, first + 1], 2));
        let codec = Codec::new(KEY, IDENT, packet_options(), ports).with_udp_ports(udp_ports);
        Self::of(codec, series, |endpoint| {
            let admission = admission(endpoint);
            let pace = Pace {
                count: Some(0),
                ..admission.pace
            };
            Admission { pace, ..admission }
        })
    }

    fn of(mut codec: Codec, series: &[(IpAddr, Endpoint, u16)], admission: impl Fn(Endpoint) -> Admission) -> Self {
        let mut prober = Prober::new(None);
        let now = Mono::from_nanos(1_000_000_000);
        for &(address, endpoint, flow) in series {
            codec.admit(&Series {
                target: Arc::from("app01"),
                address,
                scope_id: 0,
                endpoint,
                flow,
            });
            prober.admit(now, admission(endpoint));
        }
        Self { codec, prober, now }
    }

    fn echo(addresses: Addresses) -> Self {
        Self::new(&[(addresses.target, Endpoint::Icmp, 0)])
    }

    fn syn(addresses: Addresses) -> Self {
        Self::new(&[(addresses.target, Endpoint::Tcp(BACKEND), 0)])
    }

    /// The next probe that is due: all series take turns.
    fn due(&mut self) -> Due {
        self.now = self.now.after(Duration::from_micros(1));
        let Self { codec, prober, now } = self;
        prober
            .poll_due(*now, ClockEpoch::default(), |series, seq| codec.isn(series, seq))
            .unwrap()
    }

    fn send(&mut self) -> (SeriesId, ProbeSeq) {
        let due = self.due();
        self.prober.handle_sent(due);
        (due.series, due.seq)
    }

    /// Sends a probe of a series that is launched.
    fn launch(&mut self, index: u32, ttl: u8) -> Due {
        self.now = self.now.after(Duration::from_micros(1));
        let Self { codec, prober, now } = self;
        let launch = Launch {
            series: SeriesId::new(index),
            ttl,
        };
        let due = prober.launch(*now, ClockEpoch::default(), launch, |series, seq| {
            codec.isn(series, seq)
        });
        let due = due.expect("there is room");
        prober.handle_sent(due);
        due
    }

    /// Sends an echo request and gives its message, from the ICMP header on.
    fn send_echo(&mut self) -> (ProbeSeq, Vec<u8>) {
        let (series, seq) = self.send();
        (seq, self.echo_request(series, seq))
    }

    fn echo_request(&self, series: SeriesId, seq: ProbeSeq) -> Vec<u8> {
        let mut message = vec![0xa5; 64];
        assert_eq!(self.codec.write_echo(series, seq, &mut message), 64);
        message
    }

    /// Sends a SYN and gives its packet, from the IP header on.
    fn send_syn(&mut self, ours: IpAddr) -> (ProbeSeq, Vec<u8>) {
        let (series, seq) = self.send();
        (seq, self.syn_packet(series, seq, ours))
    }

    fn syn_packet(&self, series: SeriesId, seq: ProbeSeq, ours: IpAddr) -> Vec<u8> {
        let mut packet = vec![0xa5; 128];
        let len = self.codec.write_syn(due(series, seq), ours, self.now, &mut packet);
        assert_eq!(len, if ours.is_ipv4() { 60 } else { 80 });
        packet.truncate(len);
        packet
    }

    /// Hands over an ICMP message the way raw sockets of its family do: with IP header, or without it.
    fn read_icmp(&self, to: Addresses, from: IpAddr, message: &[u8]) -> Result<Match, Ignored> {
        if from.is_ipv4() {
            let packet = handmade::ip(from, to.ours, 1, &[], message);
            self.codec.read_packet(&packet, &self.prober)
        } else {
            self.codec.read_icmp(from, message, Ident::Ours, &self.prober)
        }
    }

    /// Hands over a TCP segment the way raw sockets of its family do.
    fn read_tcp(&self, to: Addresses, from: IpAddr, segment: Tcp) -> Result<Match, Ignored> {
        if from.is_ipv4() {
            let packet = handmade::ip(from, to.ours, 6, &[], &segment.bytes());
            self.codec.read_packet(&packet, &self.prober)
        } else {
            self.codec.read_tcp(from, &segment.bytes(), &self.prober)
        }
    }

    /// Lets the prober know of an answer to a probe, so that it is awaited no longer.
    fn answered(&mut self, series: SeriesId, seq: ProbeSeq) {
        let arrival = Arrival {
            at: self.now,
            epoch: ClockEpoch::default(),
            measured: Measured::User,
            ttl: None,
            bytes: 64,
            from: None,
            told: None,
        };
        self.prober.handle_answer(series, seq, Answer::Reply, arrival);
    }
}

fn packet_options() -> PacketOptions {
    PacketOptions {
        payload_bytes: 56,
        ttl: None,
        traffic_class: 0,
        interface: None,
        source: None,
    }
}

/// A probe that is sent with the TTL of all.
fn due(series: SeriesId, seq: ProbeSeq) -> Due {
    Due {
        series,
        seq,
        late_by: Duration::ZERO,
        ttl: None,
    }
}

fn admission(endpoint: Endpoint) -> Admission {
    Admission {
        proto: endpoint.proto(),
        pace: Pace {
            interval: Duration::ZERO,
            timeout: Duration::from_secs(1),
            count: None,
        },
        stamp: StampSource::Kernel,
        memory: 64,
        window: 64,
    }
}

/// The probe that a packet was found to answer, and how.
fn verdict(read: Result<Match, Ignored>) -> Result<(u32, u64, Answer), Ignored> {
    read.map(|found| (found.series.get(), found.seq.get(), found.answer))
}

fn unreachable_from(from: IpAddr, icmp_type: u8, code: u8) -> Answer {
    Answer::Unreachable(Unreachable { from, icmp_type, code })
}
