//! Packets and addresses for the tests of whatever takes packets.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::{Cause, Packet};
use crate::units::Mono;
use crate::wire::{Family, handmade, ip};

pub(crate) const HOST4: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));
pub(crate) const ROUTER4: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 254));
pub(crate) const TARGET4: IpAddr = IpAddr::V4(Ipv4Addr::new(198, 51, 100, 1));
pub(crate) const HOST6: IpAddr = IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 0xa, 0, 0, 0, 0, 1));
pub(crate) const ROUTER6: IpAddr = IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 0xa, 0, 0, 0, 0, 0xfe));
pub(crate) const TARGET6: IpAddr = IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 0xb, 0, 0, 0, 0, 1));

/// A packet that the host sent as its 7th, 1 s in.
pub(crate) fn read(bytes: Vec<u8>) -> Packet {
    Packet::read(bytes, cause()).expect("a packet")
}

pub(crate) fn cause() -> Cause {
    Cause {
        serial: 7,
        sent_at: Mono::from_nanos(1_000_000_000),
    }
}

/// An echo request with right checksums.
pub(crate) fn echo(src: IpAddr, dst: IpAddr, payload: &[u8]) -> Vec<u8> {
    let family = if src.is_ipv4() { Family::V4 } else { Family::V6 };
    let (protocol, icmp_type) = match family {
        Family::V4 => (ip::ICMP, 8),
        Family::V6 => (ip::ICMPV6, 128),
    };
    let mut message = handmade::icmp(icmp_type, 0, [0, 7, 0, 1], payload);
    if family == Family::V6 {
        message[2..4].fill(0);
        fill(&mut message, 2, src, dst, protocol);
    }
    handmade::ip(src, dst, protocol, &[], &message)
}

/// A TCP segment with right checksums.
pub(crate) fn tcp(src: IpAddr, dst: IpAddr, segment: handmade::Tcp) -> Vec<u8> {
    let mut bytes = segment.bytes();
    fill(&mut bytes, 16, src, dst, ip::TCP);
    handmade::ip(src, dst, ip::TCP, &[], &bytes)
}

/// A UDP datagram without a checksum.
pub(crate) fn udp(src: IpAddr, dst: IpAddr, ports: [u16; 2], payload: &[u8]) -> Vec<u8> {
    let len = u16::try_from(8 + payload.len()).expect("a small payload");
    let words = [ports[0], ports[1], len, 0];
    let mut datagram: Vec<u8> = words.iter().flat_map(|word| word.to_be_bytes()).collect();
    datagram.extend(payload);
    handmade::ip(src, dst, ip::UDP, &[], &datagram)
}

/// Verifies both checksums, summed by hand.
pub(crate) fn assert_checksums(packet: &Packet) {
    let (src, dst) = (packet.addrs.src(), packet.addrs.dst());
    if src.is_ipv4() {
        assert_eq!(
            handmade::checksum(&packet.bytes[..packet.transport_at]),
            0,
            "IPv4 header"
        );
    }
    let transport = match packet.protocol {
        ip::ICMP => handmade::checksum(packet.transport()),
        protocol => handmade::checksum_with_addresses(src, dst, protocol, packet.transport()),
    };
    assert_eq!(transport, 0, "transport");
}

/// A packet without what a kernel chooses freely: identification and with it the header checksum over IPv4, flow label over IPv6.
/// Its checksums are verified first.
pub(crate) fn without_choices(bytes: Vec<u8>) -> Vec<u8> {
    let mut packet = read(bytes);
    assert_checksums(&packet);
    if packet.addrs.src().is_ipv4() {
        packet.bytes[4..6].fill(0);
        packet.bytes[10..12].fill(0);
    } else {
        packet.bytes[1] &= 0xf0;
        packet.bytes[2..4].fill(0);
    }
    packet.bytes
}

fn fill(transport: &mut [u8], at: usize, src: IpAddr, dst: IpAddr, protocol: u8) {
    let sum = handmade::checksum_with_addresses(src, dst, protocol, transport);
    transport[at..at + 2].copy_from_slice(&sum.to_be_bytes());
}
