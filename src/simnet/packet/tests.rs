use std::net::IpAddr;

use proptest::prelude::*;

use super::testing::{HOST4, HOST6, ROUTER4, ROUTER6, TARGET4, TARGET6, cause, read, udp};
use super::*;
use crate::wire::{captures, handmade, icmp};

#[test]
fn the_end_is_where_the_header_claims_it() {
    for bytes in [
        udp(HOST4, TARGET4, [1, 2], &[5; 9]),
        udp(HOST6, TARGET6, [1, 2], &[5; 9]),
    ] {
        let mut padded = bytes.clone();
        padded.extend([0xee; 13]);
        assert_eq!(read(padded).bytes, bytes);
    }
}

#[test]
fn what_cannot_be_read_gives_its_bytes_back() {
    let later = captures::packets(captures::FRAGMENTS4)[1].clone();
    let (why, bytes) = Packet::read(later.clone(), cause()).unwrap_err();
    assert_eq!((why, bytes), (Malformed::LaterFragment, later));
}

#[test]
fn first_fragments_are_not_whole() {
    for (capture, whole) in [
        (captures::FRAGMENTS4, false),
        (captures::FRAGMENTS6, false),
        (captures::ECHO4, true),
        (captures::ECHO6, true),
    ] {
        assert_eq!(read(captures::packets(capture)[0].clone()).is_whole(), whole);
    }
}

#[test]
fn only_ipv4_without_the_bit_may_be_fragmented() {
    let may = |bytes| read(bytes).may_be_fragmented();
    // A ping without DF; handmade IPv4 has it.
    let mut free = udp(HOST4, TARGET4, [1, 2], &[]);
    free[6] = 0;
    assert!(may(free));
    assert!(!may(udp(HOST4, TARGET4, [1, 2], &[])));
    assert!(!may(udp(HOST6, TARGET6, [1, 2], &[])));
}

#[test]
fn a_router_decrements_the_ttl_as_linux_does() {
    // The reply of a target one router away is captured behind that router, its TTL 63. Before it, TTL and checksum were one more
    // in the word that they are summed in: 0x40 and a checksum of 0xe484 instead of 0x3f and 0xe584.
    let [_, after] = captures::exactly(captures::ECHO4);
    let mut before = after.clone();
    before[8] = 0x40;
    before[10..12].copy_from_slice(&[0xe4, 0x84]);
    let mut packet = read(before);
    packet.set_ttl(packet.ttl - 1);
    assert_eq!((packet.bytes, packet.ttl), (after, 63));
}

proptest! {
    #[test]
    fn the_checksum_stays_right_after_a_decrement(
        src in any::<u32>(),
        dst in any::<u32>(),
        tos in any::<u8>(),
        id in any::<u16>(),
        ttl in 1..=255_u8,
        protocol in any::<u8>(),
    ) {
        let mut bytes = handmade::ip(IpAddr::V4(src.into()), IpAddr::V4(dst.into()), protocol, &[1; 4], &[0; 8]);
        bytes[1] = tos;
        bytes[4..6].copy_from_slice(&id.to_be_bytes());
        bytes[8] = ttl;
        bytes[10..12].fill(0);
        let sum = handmade::checksum(&bytes[..24]);
        bytes[10..12].copy_from_slice(&sum.to_be_bytes());
        let mut packet = read(bytes);
        packet.set_ttl(packet.ttl - 1);
        prop_assert_eq!((packet.ttl, packet.bytes[8]), (ttl - 1, ttl - 1));
        prop_assert_eq!(handmade::checksum(&packet.bytes[..24]), 0);
    }

    #[test]
    fn reading_and_decrementing_anything_never_panics(bytes in prop::collection::vec(any::<u8>(), 0..120), version in 4..=6_u8) {
        let mut bytes = bytes;
        if let Some(first) = bytes.first_mut() {
            *first = version << 4 | *first & 0x0f;
        }
        if let Ok(mut packet) = Packet::read(bytes, cause()) {
            let ttl = packet.ttl;
            packet.set_ttl(ttl.wrapping_sub(1));
            prop_assert_eq!(packet.ttl, ttl.wrapping_sub(1));
            let again = Packet::read(packet.bytes.clone(), cause()).unwrap();
            prop_assert_eq!((again.ttl, again.flow, again.transport_at), (packet.ttl, packet.flow, packet.transport_at));
            let _ = (packet.is_whole(), packet.may_be_fragmented(), packet.traffic_class());
        }
    }
}

#[test]
fn a_flow_keeps_its_hash_whatever_else_changes() {
    for (src, dst) in [(HOST4, TARGET4), (HOST6, TARGET6)] {
        let one = read(udp(src, dst, [1000, 53], b"one"));
        let mut other = read(udp(src, dst, [1000, 53], b"another"));
        other.set_ttl(other.ttl - 1);
        let other = read(other.bytes);
        assert_eq!(one.flow, other.flow);
    }
}

#[test]
fn each_part_of_a_flow_changes_the_hash() {
    for (src, dst, other) in [(HOST4, TARGET4, ROUTER4), (HOST6, TARGET6, ROUTER6)] {
        let flow = read(udp(src, dst, [1000, 53], b"")).flow;
        let mut as_tcp = udp(src, dst, [1000, 53], b"");
        as_tcp[if src.is_ipv4() { 9 } else { 6 }] = ip::TCP;
        let others = [
            udp(other, dst, [1000, 53], b""),
            udp(src, other, [1000, 53], b""),
            udp(src, dst, [1001, 53], b""),
            udp(src, dst, [1000, 54], b""),
            as_tcp,
        ];
        for bytes in others {
            assert_ne!(read(bytes).flow, flow);
        }
    }
}

#[test]
fn the_ipv6_flow_label_is_part_of_the_flow_and_the_traffic_class_is_not() {
    let plain = udp(HOST6, TARGET6, [1000, 53], b"");
    let flow = read(plain.clone()).flow;
    for at in 1..4 {
        let mut labelled = plain.clone();
        labelled[at] |= 0x01;
        assert_ne!(read(labelled).flow, flow, "byte {at}");
    }
    let mut marked = plain;
    marked[0] |= 0x0b;
    marked[1] |= 0x80;
    assert_eq!(read(marked).flow, flow);
}

#[test]
fn plain_pings_are_many_flows_and_those_of_one_checksum_are_one() {
    let held = icmp::EchoChecksum::Held(crate::wire::checksum::FixedChecksum::nearest(0xbeef));
    for (checksum, flows) in [(icmp::EchoChecksum::Natural, 100), (held, 1)] {
        let hashes: std::collections::BTreeSet<u64> = (0..100).map(|sequence| ping(sequence, checksum).flow).collect();
        assert_eq!(hashes.len(), flows);
    }
}

#[test]
fn errors_about_one_target_are_one_flow_whatever_they_quote_and_those_about_another_are_another() {
    for [host, target, router] in [[HOST4, TARGET4, ROUTER4], [HOST6, TARGET6, ROUTER6]] {
        let flow_of_error = |target, ports| error(router, &udp(host, target, ports, b"data")).flow;
        let flow = flow_of_error(target, [1000, 53]);
        assert_eq!(flow_of_error(target, [1001, 54]), flow);
        assert_ne!(flow_of_error(router, [1000, 53]), flow);
        // A quote that is too short to name anybody: the error is hashed as any other packet, by its checksum too.
        let [short, other] = [0, 1].map(|class| {
            let mut quote = udp(host, target, [1000, 53], b"");
            quote[1] = class;
            error(router, &quote[..quote.len() - 9]).flow
        });
        assert_ne!(short, other);
    }
}

/// A time exceeded about the packet quoted, to its sender.
fn error(from: std::net::IpAddr, quote: &[u8]) -> Packet {
    let host = if from.is_ipv4() { HOST4 } else { HOST6 };
    let (protocol, icmp_type) = if from.is_ipv4() {
        (ip::ICMP, 11)
    } else {
        (ip::ICMPV6, 3)
    };
    read(handmade::ip(
        from,
        host,
        protocol,
        &[],
        &handmade::icmp(icmp_type, 0, [0; 4], quote),
    ))
}

#[test]
fn hashes_are_the_same_on_every_platform() {
    // SipHash-1-3 of these bytes under this key, from an implementation written down separately below.
    let packet = read(udp(HOST4, TARGET4, [1000, 53], b""));
    let bytes = [&[192, 0, 2, 1, 198, 51, 100, 1, ip::UDP][..], &[0x03, 0xe8, 0, 53]].concat();
    assert_eq!(packet.flow, sip13(FLOW_KEY, &bytes));
}

/// `SipHash` with one round a block and three at the end, from its paper (Aumasson and Bernstein, 2012, section 2).
fn sip13([k0, k1]: [u64; 2], bytes: &[u8]) -> u64 {
    fn round(v: &mut [u64; 4]) {
        v[0] = v[0].wrapping_add(v[1]);
        v[2] = v[2].wrapping_add(v[3]);
        v[1] = v[1].rotate_left(13) ^ v[0];
        v[3] = v[3].rotate_left(16) ^ v[2];
        v[0] = v[0].rotate_left(32);
        v[2] = v[2].wrapping_add(v[1]);
        v[0] = v[0].wrapping_add(v[3]);
        v[1] = v[1].rotate_left(17) ^ v[2];
        v[3] = v[3].rotate_left(21) ^ v[0];
        v[2] = v[2].rotate_left(32);
    }
    let mut v = [
        k0 ^ 0x736f_6d65_7073_6575,
        k1 ^ 0x646f_7261_6e64_6f6d,
        k0 ^ 0x6c79_6765_6e65_7261,
        k1 ^ 0x7465_6462_7974_6573,
    ];
    let (words, rest) = bytes.as_chunks::<8>();
    let mut last = [0; 8];
    last[..rest.len()].copy_from_slice(rest);
    last[7] = u8::try_from(bytes.len() % 256).unwrap();
    for word in words.iter().chain([&last]) {
        let word = u64::from_le_bytes(*word);
        v[3] ^= word;
        round(&mut v);
        v[0] ^= word;
    }
    v[2] ^= 0xff;
    (0..3).for_each(|_| round(&mut v));
    v[0] ^ v[1] ^ v[2] ^ v[3]
}

#[test]
fn flows_spread_evenly() {
    // 4,000 flows over four paths: binomial with a standard deviation of sqrt(4000 * 1/4 * 3/4) = 27.4; the bound is five.
    let mut paths = [0_u32; 4];
    for port in 0..4000_u16 {
        let flow = read(udp(HOST4, TARGET4, [10_000 + port, 53], b"")).flow;
        paths[usize::try_from(flow % 4).unwrap()] += 1;
    }
    assert!(paths.iter().all(|count| (863..=1137).contains(count)), "{paths:?}");
}

fn ping(sequence: u16, checksum: icmp::EchoChecksum) -> Packet {
    let mut message = [0; 32];
    let id = icmp::EchoId { ident: 7, sequence };
    icmp::emit_echo_request(&mut message, crate::wire::Family::V4, id, checksum).unwrap();
    read(handmade::ip(HOST4, TARGET4, ip::ICMP, &[], &message))
}
