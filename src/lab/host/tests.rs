use super::*;
use crate::series::DEFAULT_PAYLOAD_BYTES;
use crate::wire::handmade::{self, Tcp};
use crate::wire::icmp::Message;

const OURS: [&str; 2] = ["192.0.2.1", "2001:db8::1"];
const TARGETS: [&str; 2] = ["198.51.100.7", "2001:db8:7::7"];

fn addresses(texts: [&str; 2]) -> [IpAddr; 2] {
    texts.map(|text| text.parse().unwrap())
}

fn host(addresses: &[IpAddr]) -> Host {
    let packet = PacketOptions {
        payload_bytes: DEFAULT_PAYLOAD_BYTES,
        ttl: Some(9),
        traffic_class: 0,
        interface: None,
        source: None,
    };
    Host::new(addresses, packet, 16)
}

/// A segment of a peer to port 40000 of this host, by hand.
fn segment(from: IpAddr, to: IpAddr, flags: u8) -> Vec<u8> {
    let mut segment = Tcp {
        src_port: 443,
        dst_port: 40_000,
        seq: 0x1111_2222,
        ack: 0xaabb_ccdd,
        flags,
    }
    .bytes();
    let sum = handmade::checksum_with_addresses(from, to, 6, &segment);
    segment[16..18].copy_from_slice(&sum.to_be_bytes());
    handmade::ip(from, to, 6, &[], &segment)
}

#[test]
fn a_syn_ack_without_a_socket_is_answered_by_the_rst_that_its_sender_accepts() {
    for (ours, target) in addresses(OURS).into_iter().zip(addresses(TARGETS)) {
        let mut reset = Vec::new();
        assert!(write_reset(&segment(target, ours, 0x12), &mut reset));
        let datagram = ip::parse(&reset).unwrap();
        assert_eq!(datagram.addrs, AddrPair::new(ours, target).unwrap());
        assert_eq!(datagram.ttl, 64);
        // RFC 9293, section 3.5.2, group 1: sequence number of the RST is the acknowledgment number of what it answers.
        let sum = handmade::checksum_with_addresses(ours, target, 6, datagram.payload);
        assert_eq!(sum, 0, "the checksum of the RST");
        let read = tcp::parse(datagram.payload).unwrap();
        assert_eq!((read.src_port, read.dst_port), (40_000, 443));
        assert_eq!((read.seq, read.ack, read.flags), (0xaabb_ccdd, 0, Flags::RST));
    }
}

#[test]
fn resets_and_damaged_segments_are_not_answered() {
    for (ours, target) in addresses(OURS).into_iter().zip(addresses(TARGETS)) {
        let mut damaged = segment(target, ours, 0x12);
        *damaged.last_mut().unwrap() ^= 1;
        let reset = segment(target, ours, 0x14);
        let echo = handmade::ip(target, ours, 1, &[], &handmade::icmp(0, 0, [0; 4], &[]));
        for silent in [damaged, reset, echo, Vec::new()] {
            assert!(!write_reset(&silent, &mut Vec::new()), "{silent:02x?}");
        }
    }
}

#[test]
fn echo_requests_leave_with_a_header_of_their_own_and_a_right_checksum() {
    for (ours, target) in addresses(OURS).into_iter().zip(addresses(TARGETS)) {
        let addrs = AddrPair::new(ours, target).unwrap();
        let host = host(&[ours]);
        let mut buf = [0; 128];
        let request = |message: &mut [u8]| {
            let id = icmp::EchoId { ident: 1, sequence: 2 };
            message[8..16].copy_from_slice(b"somebody");
            icmp::emit_echo_request(&mut message[..16], addrs.family(), id, icmp::EchoChecksum::Natural).unwrap();
            16
        };
        let len = host.write_echo(addrs, Some(3), &mut buf, request);
        assert_eq!(ip::parse(&buf[..len]).unwrap().ttl, 3, "of this packet alone");
        let len = host.write_echo(addrs, None, &mut buf, request);
        let datagram = ip::parse(&buf[..len]).unwrap();
        assert_eq!((datagram.addrs, datagram.ttl), (addrs, 9));
        assert_eq!(datagram.payload.len(), 16);
        let sum = match addrs.family() {
            Family::V4 => handmade::checksum(datagram.payload),
            Family::V6 => handmade::checksum_with_addresses(ours, target, 58, datagram.payload),
        };
        assert_eq!(sum, 0);
        let message = icmp::parse(addrs.family(), datagram.payload).unwrap();
        assert!(matches!(message, Message::EchoRequest { .. }), "{message:?}");
    }
}

#[test]
fn the_send_call_fails_without_an_address_of_the_family_over_the_mtu_and_when_told_to() {
    let [v4, v6] = addresses(TARGETS);
    let mut host = host(&addresses(OURS)[..1]);
    assert_eq!(host.source_of(v4), Ok(addresses(OURS)[0]));
    assert_eq!(host.source_of(v6), Err(SendError::NoRoute));
    assert_eq!(host.check_send(1500), Ok(()));
    assert_eq!(host.check_send(1501), Err(SendError::TooBig));
    host.refuse_sends(Some(SendError::Denied));
    assert_eq!(host.check_send(60), Err(SendError::Denied));
    host.refuse_sends(None);
    assert_eq!(host.check_send(60), Ok(()));
}

#[test]
fn a_step_of_the_wall_clock_shows_in_stamps_and_not_in_the_monotonic_clock() {
    let mut host = host(&addresses(OURS));
    let at = Mono::from_nanos(5_000);
    let before = host.read_clock(at);
    host.step_wall(-3_600_000_000_000);
    let after = host.read_clock(at);
    assert_eq!(after.wall.nanos_since(before.wall), -3_600_000_000_000);
    assert_eq!(after.mono, before.mono);
    assert_eq!(host.wall(Mono::from_nanos(6_000)).nanos_since(after.wall), 1_000);
}

#[test]
fn packets_go_to_the_sockets_of_their_protocol() {
    let [v4, v6] = addresses(TARGETS);
    let [own4, own6] = addresses(OURS);
    assert_eq!(receiver(&segment(v4, own4, 0x12)), Some((Proto::Tcp, Family::V4)));
    for (from, own, protocol, family) in [(v4, own4, 1, Family::V4), (v6, own6, 58, Family::V6)] {
        let error = handmade::ip(from, own, protocol, &[], &[0; 8]);
        assert_eq!(receiver(&error), Some((Proto::Icmp, family)));
    }
    assert_eq!(receiver(&handmade::ip(v4, own4, 17, &[], &[0; 8])), None);
    assert_eq!(receiver(&[]), None);
}
