use std::net::{IpAddr, UdpSocket};
use std::os::fd::OwnedFd;

use rand::{Rng as _, RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;

use super::*;
use crate::engine::{CookieKey, SourcePorts};
use crate::net::channel::TtlBy;
use crate::outcome::Proto;
use crate::series::PacketOptions;
use crate::wire::handmade;

/// A codec of no series: whatever arrives answers nothing.
fn codec() -> Codec {
    let packet = PacketOptions {
        payload_bytes: 56,
        ttl: None,
        traffic_class: 0,
        interface: None,
        source: None,
    };
    let ports = SourcePorts::new((40_000..40_008).collect(), 1);
    Codec::new(CookieKey::new([1, 2]), 0x4a17, packet, ports)
}

/// A packet with bits flipped and its end cut off: half of them readable, some of them empty.
fn hostile_packet(random: &mut ChaCha8Rng) -> Vec<u8> {
    let [from, to]: [IpAddr; 2] = ["198.51.100.7", "192.0.2.1"].map(|text| text.parse().unwrap());
    let mut payload = vec![0; random.random_range(0..80)];
    random.fill_bytes(&mut payload);
    let protocol = if random.random() { 1 } else { 6 };
    let mut packet = handmade::ip(from, to, protocol, &[], &payload);
    if random.random() {
        let place = random.random_range(0..packet.len());
        packet[place] ^= random.random::<u8>();
        packet.truncate(random.random_range(0..=packet.len()));
    }
    packet
}

#[test]
fn every_packet_that_answers_nothing_is_counted_once_whatever_it_is_and_whichever_socket_had_it() {
    let ours = UdpSocket::bind("127.0.0.1:0").unwrap();
    let theirs = UdpSocket::bind("127.0.0.1:0").unwrap();
    theirs.connect(ours.local_addr().unwrap()).unwrap();
    ours.set_nonblocking(true).unwrap();
    let mut channel = Channel::new(Proto::Icmp, OwnedFd::from(ours), None, 128, TtlBy::Message);
    let (codec, mut noise) = (codec(), Noise::default());
    let (clock, mut guard, mut prober) = (SystemClock::new(), StepGuard::default(), Prober::new(None));
    let mut random = ChaCha8Rng::seed_from_u64(7);
    let kinds = [
        ChannelKind::Icmp(Family::V4, IcmpAccess::Raw),
        ChannelKind::Icmp(Family::V6, IcmpAccess::Raw),
        ChannelKind::Icmp(Family::V4, IcmpAccess::Datagram),
        ChannelKind::Syn(Family::V4),
        ChannelKind::Syn(Family::V6),
        ChannelKind::Connect,
    ];
    let mut handed = 0;
    for kind in kinds.into_iter().cycle().take(120) {
        // Loopback delivers before `send` returns, and the queue of a socket holds many times as many.
        for _ in 0..16 {
            theirs.send(&hostile_packet(&mut random)).unwrap();
            handed += 1;
        }
        assert_eq!(channel.receive(&mut prober, |_, _| {}), 16);
        let mut answers = Answers {
            codec: &codec,
            noise: &mut noise,
            clock: &clock,
            guard: &mut guard,
        };
        answers.handle_batch(kind, &channel, &mut prober);
        assert_eq!(noise.ignored.values().sum::<u64>(), handed, "{kind:?}");
    }
    assert!(noise.ignored.len() >= 5, "{:?}", noise.ignored);
    assert_eq!(prober.poll_event(), None);
}

#[test]
fn a_queued_error_that_names_no_sender_is_counted_where_it_is_the_only_way_to_the_error() {
    let (codec, mut noise) = (codec(), Noise::default());
    let (clock, mut guard, mut prober) = (SystemClock::new(), StepGuard::default(), Prober::new(None));
    let mut answers = Answers {
        codec: &codec,
        noise: &mut noise,
        clock: &clock,
        guard: &mut guard,
    };
    let nameless = QueuedError {
        error: None,
        message: &[],
        to: None,
        rx_stamp: None,
        ttl: None,
    };
    // A raw socket gets every error as a packet too, and counts it there.
    for access in [IcmpAccess::Datagram, IcmpAccess::Raw] {
        answers.queued_error(ChannelKind::Icmp(Family::V4, access), &nameless, &mut prober);
    }
    assert_eq!(noise.ignored.into_iter().collect::<Vec<_>>(), [(Ignored::Offender, 1)]);
    assert_eq!(prober.poll_event(), None);
}
