//! Packets made by hand in, packets read back out; each test over both families, since they are one path.

mod answers;
mod faults;
mod handshakes;
mod hostile;

use std::net::IpAddr;
use std::time::Duration;

use super::*;
use crate::simnet::packet::Cause;
use crate::simnet::random::stream;
use crate::wire::handmade::{checksum, checksum_with_addresses, ip};
use crate::wire::{self, tcp};

const FIN: u8 = 1;
const SYN: u8 = 2;
const RST: u8 = 4;
const ACK: u8 = 16;

/// A backend with port 80 open, 81 closed, 82 dropping, 83 rejecting, 84 prohibiting, unless a test says otherwise.
struct Bench {
    backend: Backend,
    out: Outbox,
    family: Family,
    serial: u64,
}

/// What came of a packet.
type Outcome = (Taken, Vec<Answer>);

/// A packet that the backend sent.
#[derive(Clone, Debug, PartialEq)]
struct Answer {
    after: Duration,
    serial: u64,
    said: Said,
}

#[derive(Clone, Debug, PartialEq)]
enum Said {
    Segment {
        flags: u8,
        seq: u32,
        ack: u32,
    },
    EchoReply(Vec<u8>),
    /// Type and code.
    Error(u8, u8),
}

/// A segment of the peer, from port 40001 unless said otherwise.
#[derive(Clone, Copy)]
struct Peer<'a> {
    from: u16,
    to: u16,
    flags: u8,
    seq: u32,
    ack: u32,
    options: &'a [u8],
    payload: &'a [u8],
}

const PEER: Peer<'static> = Peer {
    from: 40_001,
    to: 80,
    flags: SYN,
    seq: 1000,
    ack: 0,
    options: &[],
    payload: &[],
};

fn both(test: impl Fn(Family)) {
    test(Family::V4);
    test(Family::V6);
}

fn settings() -> BackendSettings {
    let ports = [
        (80, Port::Open),
        (81, Port::Closed),
        (82, Port::Dropped),
        (83, Port::Rejected),
        (84, Port::Prohibited),
    ];
    BackendSettings {
        ports: Some(ports.into()),
        ..BackendSettings::default()
    }
}

fn at(millis: u64) -> Mono {
    Mono::from_nanos(millis * 1_000_000)
}

fn addresses(family: Family) -> [IpAddr; 2] {
    let [src, dst] = match family {
        Family::V4 => ["10.0.0.1", "10.0.0.2"],
        Family::V6 => ["fd00::1", "fd00::2"],
    };
    [src.parse().unwrap(), dst.parse().unwrap()]
}

impl Bench {
    fn new(family: Family, settings: &BackendSettings) -> Self {
        Self {
            backend: Backend::new(settings, stream(1, "app01"), at(0)),
            out: Outbox::default(),
            family,
            serial: 0,
        }
    }

    /// Hands over a packet and says what came of it. Serials count from 0.
    fn packet(&mut self, millis: u64, protocol: u8, transport: &[u8]) -> Outcome {
        let [src, dst] = addresses(self.family);
        let cause = Cause {
            serial: self.serial,
            sent_at: at(millis),
        };
        self.serial += 1;
        let packet = Packet::read(ip(src, dst, protocol, &[], transport), cause).unwrap();
        let taken = self.backend.handle_packet(at(millis), &packet, &mut self.out);
        (taken, self.answers())
    }

    fn segment(&mut self, millis: u64, peer: Peer<'_>) -> Outcome {
        let transport = segment(self.family, peer);
        self.packet(millis, 6, &transport)
    }

    fn echo(&mut self, millis: u64, payload: &[u8]) -> Outcome {
        let (protocol, message) = echo_request(self.family, payload);
        self.packet(millis, protocol, &message)
    }

    fn reconfigure(&mut self, millis: u64, settings: &BackendSettings) -> Vec<Answer> {
        self.backend.reconfigure(at(millis), settings, &mut self.out);
        self.backend.handle_deadline(at(millis), &mut self.out);
        self.answers()
    }

    /// Runs all timers up to a moment; what they sent, and when.
    fn run_to(&mut self, millis: u64) -> Vec<(Mono, Answer)> {
        let mut sent = Vec::new();
        while let Some(due) = self.backend.next_deadline().filter(|due| *due <= at(millis)) {
            self.backend.handle_deadline(due, &mut self.out);
            assert!(self.backend.next_deadline().is_none_or(|next| next > due));
            sent.extend(self.answers().into_iter().map(|answer| (due, answer)));
        }
        sent
    }

    /// A SYN that must get a SYN-ACK: its sequence number.
    fn open(&mut self, millis: u64, peer: Peer<'_>) -> u32 {
        let (taken, answers) = self.segment(millis, peer);
        assert_eq!(taken, Taken::Consumed);
        let [
            Answer {
                said: Said::Segment { flags, seq, ack },
                ..
            },
        ] = answers[..]
        else {
            panic!("{answers:?} is no SYN-ACK");
        };
        assert_eq!((flags, ack), (SYN | ACK, peer.seq.wrapping_add(1)));
        seq
    }

    fn answers(&mut self) -> Vec<Answer> {
        let family = self.family;
        self.out
            .drain()
            .map(|outgoing| Answer {
                after: outgoing.after,
                serial: outgoing.cause.serial,
                said: read(family, &outgoing.bytes),
            })
            .collect()
    }
}

fn segment(family: Family, peer: Peer<'_>) -> Vec<u8> {
    let words = u8::try_from(5 + peer.options.len() / 4).unwrap();
    let mut bytes = [peer.from.to_be_bytes(), peer.to.to_be_bytes()].concat();
    bytes.extend([peer.seq.to_be_bytes(), peer.ack.to_be_bytes()].concat());
    bytes.extend([words << 4, peer.flags, 0xfa, 0xf0, 0, 0, 0, 0]);
    bytes.extend(peer.options);
    bytes.extend(peer.payload);
    let [src, dst] = addresses(family);
    let sum = checksum_with_addresses(src, dst, 6, &bytes);
    bytes[16..18].copy_from_slice(&sum.to_be_bytes());
    bytes
}

fn echo_request(family: Family, payload: &[u8]) -> (u8, Vec<u8>) {
    let (protocol, icmp_type) = match family {
        Family::V4 => (1, 8),
        Family::V6 => (58, 128),
    };
    let mut message = vec![icmp_type, 0, 0, 0, 0x12, 0x34, 0, 7];
    message.extend(payload);
    let [src, dst] = addresses(family);
    let sum = match family {
        Family::V4 => checksum(&message),
        Family::V6 => checksum_with_addresses(src, dst, 58, &message),
    };
    message[2..4].copy_from_slice(&sum.to_be_bytes());
    (protocol, message)
}

/// Reads an answer: from the backend to the peer, with a TTL of 64 and right checksums.
fn read(family: Family, bytes: &[u8]) -> Said {
    let [peer, backend] = addresses(family);
    let datagram = wire::ip::parse(bytes).unwrap();
    assert_eq!((datagram.addrs.src(), datagram.addrs.dst()), (backend, peer));
    assert_eq!(datagram.ttl, 64);
    let sum = match datagram.protocol {
        1 => checksum(datagram.payload),
        protocol => checksum_with_addresses(backend, peer, protocol, datagram.payload),
    };
    assert_eq!(sum, 0);
    if datagram.protocol == 6 {
        let segment = tcp::parse(datagram.payload).unwrap();
        assert_eq!((segment.src_port, segment.dst_port >= 40_000), (segment.src_port, true));
        return Said::Segment {
            flags: segment.flags.bits(),
            seq: segment.seq,
            ack: segment.ack,
        };
    }
    match datagram.payload {
        [0 | 129, 0, _, _, rest @ ..] => Said::EchoReply(rest.into()),
        [icmp_type, code, ..] => Said::Error(*icmp_type, *code),
        [..] => panic!("no ICMP"),
    }
}

/// One answer at once, to the `serial`-th packet.
fn one(serial: u64, said: Said) -> Vec<Answer> {
    vec![Answer {
        after: Duration::ZERO,
        serial,
        said,
    }]
}

fn by_family<T>(family: Family, v4: T, v6: T) -> T {
    match family {
        Family::V4 => v4,
        Family::V6 => v6,
    }
}
