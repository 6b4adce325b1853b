use super::super::captures::{self, exactly};
use super::*;

fn v4(src: [u8; 4], dst: [u8; 4]) -> AddrPair {
    AddrPair::V4 {
        src: src.into(),
        dst: dst.into(),
    }
}

fn v6(src: &str, dst: &str) -> AddrPair {
    AddrPair::V6 {
        src: src.parse().unwrap(),
        dst: dst.parse().unwrap(),
    }
}

/// An IPv6 packet whose payload is `chain`, beginning with a header of type `next`.
fn v6_packet(next: u8, chain: &[u8]) -> Vec<u8> {
    let mut packet = vec![0; V6_HEADER_LEN];
    let header = IpHeader {
        addrs: v6("2001:db8::1", "2001:db8::2"),
        protocol: next,
        ttl: 9,
        tos: 0,
        flow_label: 0,
    };
    emit(&mut packet, header, chain.len()).unwrap();
    packet.extend(chain);
    packet
}

#[test]
fn a_kernel_echo_request_is_read_field_by_field() {
    let [request, _] = exactly(captures::ECHO4);
    let datagram = parse(&request).unwrap();
    assert_eq!(datagram.addrs, v4([192, 0, 2, 1], [198, 51, 100, 1]));
    assert_eq!((datagram.ttl, datagram.tos, datagram.protocol), (64, 0, ICMP));
    assert_eq!(datagram.fragment, Fragment::Whole);
    assert_eq!(datagram.payload, &request[20..]);
}

#[test]
fn a_kernel_ipv6_echo_request_is_read_field_by_field() {
    let [request, _] = exactly(captures::ECHO6);
    let datagram = parse(&request).unwrap();
    assert_eq!(datagram.addrs, v6("2001:db8:a::1", "2001:db8:b::1"));
    assert_eq!((datagram.ttl, datagram.tos, datagram.protocol), (64, 0, ICMPV6));
    assert_eq!(datagram.payload, &request[40..]);
}

#[test]
fn options_are_part_of_the_header() {
    let [request, _] = exactly(captures::TIME_EXCEEDED4_ECHO_OPTIONS);
    // Record route with nine slots and a no-operation: 40 bytes of options.
    assert_eq!(parse(&request).unwrap().payload, &request[60..]);
}

#[test]
fn padding_of_the_link_is_no_payload() {
    let [request, _] = exactly(captures::ECHO4);
    let mut padded = request.clone();
    padded.extend([0xaa; 6]);
    assert_eq!(parse(&padded).unwrap().payload, &request[20..]);
}

#[test]
fn a_packet_cut_short_is_truncated_whatever_the_cut() {
    let [request, _] = exactly(captures::ECHO4);
    for cut in 20..request.len() {
        assert_eq!(parse(&request[..cut]), Err(Malformed::Truncated), "{cut}");
    }
    for cut in 0..20 {
        assert_eq!(parse(&request[..cut]), Err(Malformed::TooShort), "{cut}");
    }
}

#[test]
fn later_fragments_hold_no_transport_and_first_ones_say_so() {
    for text in [captures::FRAGMENTS4, captures::FRAGMENTS6] {
        let packets = captures::packets(text);
        assert_eq!(parse(&packets[0]).unwrap().fragment, Fragment::First);
        assert_eq!(parse(&packets[1]), Err(Malformed::LaterFragment));
    }
    let [first, ..] = exactly::<4>(captures::FRAGMENTS6);
    let datagram = parse(&first).unwrap();
    assert_eq!((datagram.protocol, datagram.payload), (ICMPV6, &first[48..]));
}

#[test]
fn the_hop_by_hop_header_of_a_listener_report_is_skipped() {
    let [report] = exactly(captures::LISTENER_REPORT6);
    let datagram = parse(&report).unwrap();
    assert_eq!((datagram.protocol, datagram.ttl), (ICMPV6, 1));
    // Type 143, multicast listener report of version 2 (RFC 3810 section 5.2).
    assert_eq!(datagram.payload[0], 143);
}

#[test]
fn a_chain_of_every_extension_is_followed_to_the_transport() {
    let mut chain = vec![0; 0];
    chain.extend([ROUTING, 0, 1, 4, 0, 0, 0, 0]); // hop-by-hop
    chain.extend([DESTINATION_OPTIONS, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]); // routing, 16 bytes
    chain.extend([FRAGMENT, 0, 1, 4, 0, 0, 0, 0]); // destination options
    chain.extend([TCP, 0, 0, 0, 1, 2, 3, 4]); // an atomic fragment (RFC 6946)
    let transport_at = V6_HEADER_LEN + chain.len();
    chain.extend([0x55; 20]);
    let packet = v6_packet(HOP_BY_HOP, &chain);
    let datagram = parse(&packet).unwrap();
    assert_eq!((datagram.protocol, datagram.fragment), (TCP, Fragment::Whole));
    assert_eq!(datagram.payload, &packet[transport_at..]);
}

#[test]
fn a_chain_is_followed_so_far_and_no_farther() {
    let chain_of = |headers: usize| {
        let mut chain = [DESTINATION_OPTIONS, 0, 1, 4, 0, 0, 0, 0].repeat(headers);
        chain[(headers - 1) * 8] = UDP;
        v6_packet(DESTINATION_OPTIONS, &chain)
    };
    assert_eq!(parse(&chain_of(MAX_EXTENSIONS)).unwrap().protocol, UDP);
    assert_eq!(parse(&chain_of(MAX_EXTENSIONS + 1)), Err(Malformed::ExtensionChain));
}

#[test]
fn a_hop_by_hop_header_stands_first_or_not_at_all() {
    let packet = v6_packet(
        DESTINATION_OPTIONS,
        &[HOP_BY_HOP, 0, 1, 4, 0, 0, 0, 0, UDP, 0, 1, 4, 0, 0, 0, 0],
    );
    assert_eq!(parse(&packet), Err(Malformed::ExtensionChain));
}

#[test]
fn an_extension_that_runs_past_the_end_is_malformed() {
    assert_eq!(
        parse(&v6_packet(ROUTING, &[TCP, 200, 0, 0, 0, 0, 0, 0])),
        Err(Malformed::TotalLength)
    );
    assert_eq!(parse(&v6_packet(FRAGMENT, &[TCP, 0, 0])), Err(Malformed::TooShort));
}

#[test]
fn impossible_header_fields_are_named() {
    let [request, _] = exactly(captures::ECHO4);
    let with = |at: usize, value: u8| {
        let mut packet = request.clone();
        packet[at] = value;
        parse(&packet).err()
    };
    assert_eq!(with(0, 0x44), Some(Malformed::HeaderLength));
    assert_eq!(with(0, 0x4f), Some(Malformed::HeaderLength));
    assert_eq!(with(0, 0x55), Some(Malformed::Version));
    assert_eq!(with(3, 19), Some(Malformed::TotalLength));
    assert_eq!(parse(&[]).err(), Some(Malformed::TooShort));
}

#[test]
fn an_ipv4_header_is_the_worked_out_one() {
    let mut buf = [0xee; 24];
    let header = IpHeader {
        addrs: v4([192, 0, 2, 1], [198, 51, 100, 2]),
        protocol: TCP,
        ttl: 3,
        tos: 0xb8,
        flow_label: 0x12345,
    };
    assert_eq!(emit(&mut buf, header, 40), Ok(20));
    // 45b8 + 003c + 0000 + 4000 + 0306 + c000 + 0201 + c633 + 6402 = 27530 -> 7532 -> complement 8acd
    let want = captures::bytes("45b8003c 00004000 03068acd c0000201 c6336402");
    assert_eq!(&buf[..20], want);
    assert_eq!(buf[20..], [0xee; 4]);
}

#[test]
fn an_ipv6_header_is_the_kernel_one() {
    let [request, _] = exactly(captures::ECHO6);
    let header = IpHeader {
        addrs: v6("2001:db8:a::1", "2001:db8:b::1"),
        protocol: ICMPV6,
        ttl: 64,
        tos: 0,
        flow_label: 0x780ef,
    };
    let mut buf = [0xee; 40];
    assert_eq!(emit(&mut buf, header, 32), Ok(40));
    assert_eq!(buf, request[..40]);
}

#[test]
fn the_traffic_class_lies_between_version_and_flow_label() {
    let mut buf = [0; 40];
    let header = IpHeader {
        addrs: v6("::1", "::2"),
        protocol: UDP,
        ttl: 1,
        tos: 0xb8,
        flow_label: 0xfff1_2345,
    };
    emit(&mut buf, header, 0).unwrap();
    assert_eq!(buf[..4], [0x6b, 0x81, 0x23, 0x45]);
    assert_eq!(parse(&buf).unwrap().tos, 0xb8);
}

#[test]
fn too_little_room_and_too_much_payload_are_refused() {
    let header = IpHeader {
        addrs: v4([127, 0, 0, 1], [127, 0, 0, 1]),
        protocol: TCP,
        ttl: 64,
        tos: 0,
        flow_label: 0,
    };
    assert_eq!(emit(&mut [0; 19], header, 0), Err(NoRoom { needed: 20, given: 19 }));
    assert_eq!(emit(&mut [0; 20], header, 65_515), Ok(20));
    assert!(emit(&mut [0; 20], header, 65_516).is_err());
    assert!(emit(&mut [0; 20], header, usize::MAX).is_err());
}
