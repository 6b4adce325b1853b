//! Every kind of packet that answers a probe, and what the codec makes of them when they are damaged.

use std::net::IpAddr;
use std::time::Duration;

use pathjitter::clock::ClockEpoch;
use pathjitter::engine::{CookieKey, Ident, Launch};
use pathjitter::series::{Endpoint, Pace};
use pathjitter::units::Mono;

use super::chance::Chance;
use super::handmade::{self, Tcp};
use super::host::{Carrier, Host, OURS, Packet, ROUTERS, TARGETS};

/// A host with echo and SYN probes under way in both families, and every kind of packet that answers one of them.
pub(crate) fn busy_host() -> (Host, Vec<Packet>) {
    let mut host = Host::new(CookieKey::new([0x0123_4567_89ab_cdef, 0xfedc_ba98_7654_3210]));
    let mut now = Mono::from_nanos(1_000_000_000);
    let pace = Pace {
        interval: Duration::ZERO,
        timeout: Duration::from_secs(1),
        count: None,
    };
    for target in TARGETS {
        for probed in [(Endpoint::Icmp, 0), (Endpoint::Tcp(443), 0), (Endpoint::Tcp(443), 1)] {
            host.admit(now, target.parse().unwrap(), probed, pace);
        }
    }
    let mut answers = datagram_answers(&mut host, now, pace);
    for _ in 0..12 {
        now = now.after(Duration::from_micros(1));
        let Host { codec, prober, .. } = &mut host;
        let due = prober.poll_due(now, ClockEpoch::default(), |series, seq| codec.isn(series, seq));
        let due = due.expect("series without an interval are always due");
        host.prober.handle_sent(due);
        let probe = host.written(due, now);
        let family = usize::from(host.series[due.series.index()].address.is_ipv6());
        if host.series[due.series.index()].endpoint == Endpoint::Icmp {
            answers.extend(echo_answers(family, &probe));
        } else {
            answers.extend(syn_answers(family, &probe));
        }
    }
    (host, answers)
}

/// Admits and launches a datagram to each target; what answers it.
fn datagram_answers(host: &mut Host, now: Mono, pace: Pace) -> Vec<Packet> {
    let pace = Pace { count: Some(0), ..pace };
    let mut packets = Vec::new();
    for (family, target) in TARGETS.into_iter().enumerate() {
        host.admit(now, target.parse().unwrap(), (Endpoint::Udp(33_434), 1), pace);
        let Host {
            codec,
            prober,
            launched,
            ..
        } = &mut *host;
        let launch = Launch {
            series: *launched.last().unwrap(),
            ttl: 5,
        };
        let due = prober.launch(now, ClockEpoch::default(), launch, |series, seq| codec.isn(series, seq));
        let due = due.expect("there is room");
        prober.handle_sent(due);
        let probe = host.written(due, now);
        let (time_exceeded, header) = if family == 0 { (11, 20) } else { (3, 40) };
        for quote in [&probe[..], &probe[..header + 8]] {
            packets.push(Packet {
                from: ROUTERS[family].parse().unwrap(),
                carrier: Carrier::Icmp(Ident::Ours),
                bytes: handmade::icmp(time_exceeded, 0, [0; 4], quote),
            });
        }
        // The labels of RFC 4950 after 128 bytes of quote.
        let mut body = probe;
        body.resize(128, 0);
        body.extend([0x20, 0, 0, 0, 0, 12, 1, 1, 0, 1, 0x0a, 1, 0xff, 0xff, 0xf1, 0xfe]);
        packets.push(Packet {
            from: ROUTERS[family].parse().unwrap(),
            carrier: Carrier::Icmp(Ident::Ours),
            bytes: handmade::icmp(
                time_exceeded,
                0,
                if family == 0 { [0, 32, 0, 0] } else { [16, 0, 0, 0] },
                &body,
            ),
        });
    }
    packets
}

/// One of `answers` with some damage, by any carrier and from anybody, or something that is no packet at all.
pub(crate) fn hostile_packet(chance: &mut Chance, answers: &[Packet]) -> Packet {
    let mut packet = chance.one_of(answers).clone();
    if chance.one_in(16) {
        packet.bytes = chance.bytes(120);
    } else {
        chance.damage(&mut packet.bytes);
    }
    if chance.one_in(10) {
        packet.carrier = *chance.one_of(&Carrier::ALL);
    }
    if chance.one_in(10) {
        packet.from = chance.one_of(&[TARGETS, ROUTERS].concat()).parse().unwrap();
    }
    // A forger gets the checksum right.
    let bytes = &mut packet.bytes;
    if chance.one_in(2) && bytes.len() >= 24 && bytes[0] == 0x45 && bytes[9] == 1 {
        handmade::resum(&mut bytes[20..]);
    }
    packet
}

fn address(of: [&str; 2], family: usize) -> IpAddr {
    of[family].parse().unwrap()
}

fn echo_answers(family: usize, probe: &[u8]) -> Vec<Packet> {
    let [ours, target, router] = [OURS, TARGETS, ROUTERS].map(|of| address(of, family));
    let is_v4 = ours.is_ipv4();
    let header = if is_v4 { 20 } else { 40 };
    let request = &probe[header..];
    let error = |quote: &[u8]| handmade::icmp(if is_v4 { 11 } else { 3 }, 0, [0; 4], quote);
    // Over IPv6 a quote is never as short as eight bytes, and not believed where it is.
    let shortest = if is_v4 { &probe[..header + 8] } else { probe };
    let messages = [
        (target, handmade::echo_reply(request)),
        (router, error(probe)),
        (router, error(shortest)),
    ];
    let mut packets = vec![Packet {
        from: router,
        carrier: Carrier::ErrorQueue,
        bytes: request.to_vec(),
    }];
    for (from, message) in messages {
        if is_v4 {
            packets.push(Packet {
                from,
                carrier: Carrier::Packet,
                bytes: handmade::ip(from, ours, 1, &[], &message),
            });
        }
        packets.extend([Ident::Ours, Ident::Kernels].map(|ident| Packet {
            from,
            carrier: Carrier::Icmp(ident),
            bytes: message.clone(),
        }));
    }
    packets
}

fn syn_answers(family: usize, probe: &[u8]) -> Vec<Packet> {
    let [ours, target, router] = [OURS, TARGETS, ROUTERS].map(|of| address(of, family));
    let tcp = &probe[probe.len() - 40..];
    let word = |at: usize| u32::from_be_bytes([tcp[at], tcp[at + 1], tcp[at + 2], tcp[at + 3]]);
    let half = |at: usize| u16::from_be_bytes([tcp[at], tcp[at + 1]]);
    let mut packets = vec![Packet {
        from: router,
        carrier: Carrier::Icmp(Ident::Ours),
        bytes: handmade::icmp(if ours.is_ipv4() { 3 } else { 1 }, 1, [0; 4], probe),
    }];
    for flags in [0x12, 0x14, 0x10] {
        let bytes = Tcp {
            src_port: half(2),
            dst_port: half(0),
            seq: 1,
            ack: word(4).wrapping_add(1),
            flags,
        }
        .bytes();
        packets.push(Packet {
            from: target,
            carrier: Carrier::Packet,
            bytes: handmade::ip(target, ours, 6, &[], &bytes),
        });
        packets.push(Packet {
            from: target,
            carrier: Carrier::Tcp,
            bytes,
        });
    }
    packets
}
