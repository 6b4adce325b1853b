mod segments;

use std::net::Ipv4Addr;

use proptest::prelude::*;

use super::*;
use crate::simnet::packet::testing::{
    self, HOST4, HOST6, ROUTER4, ROUTER6, TARGET4, TARGET6, assert_checksums, read, without_choices,
};
use crate::wire::icmp::Message;
use crate::wire::{captures, handmade, icmp, quote, tcp};

#[test]
fn errors_are_byte_for_byte_those_of_linux() {
    let cases = [
        (captures::TIME_EXCEEDED4_ECHO, ErrorKind::TimeExceeded),
        (captures::TIME_EXCEEDED4_SYN, ErrorKind::TimeExceeded),
        (captures::TIME_EXCEEDED6_ECHO, ErrorKind::TimeExceeded),
        (captures::TIME_EXCEEDED6_SYN, ErrorKind::TimeExceeded),
        (captures::PROHIBITED4, ErrorKind::Prohibited),
        (captures::PROHIBITED6, ErrorKind::Prohibited),
        (captures::TOO_BIG4, ErrorKind::TooBig { mtu: 1400 }),
        (captures::TOO_BIG6, ErrorKind::TooBig { mtu: 1400 }),
    ];
    for (capture, kind) in cases {
        let [request, theirs] = captures::exactly(capture);
        assert_eq!(
            without_choices(answer(&read(request), kind, &theirs)),
            without_choices(theirs),
            "{kind:?}"
        );
    }
}

#[test]
fn port_unreachable_quotes_the_ttl_that_a_router_left() {
    for capture in [captures::PORT_UNREACHABLE4, captures::PORT_UNREACHABLE6] {
        let [request, theirs] = captures::exactly(capture);
        let mut request = read(request);
        request.set_ttl(request.ttl - 1);
        assert_eq!(
            without_choices(answer(&request, ErrorKind::PortUnreachable, &theirs)),
            without_choices(theirs)
        );
    }
}

#[test]
fn echo_replies_are_byte_for_byte_those_of_linux() {
    for capture in [captures::ECHO4, captures::ECHO6] {
        let [request, theirs] = captures::exactly(capture);
        let mut ours = Vec::new();
        echo_reply(&mut ours, &read(request), read(theirs.clone()).ttl);
        assert_eq!(without_choices(ours), without_choices(theirs));
    }
}

#[test]
fn every_kind_of_error_has_its_type_and_code_in_either_family() {
    // RFC 792, RFC 1812 section 5.2.7.1; RFC 4443 sections 3.1 to 3.3.
    let kinds = [
        (ErrorKind::TimeExceeded, [11, 0], [3, 0]),
        (ErrorKind::NoRoute, [3, 0], [1, 0]),
        (ErrorKind::HostUnreachable, [3, 1], [1, 3]),
        (ErrorKind::PortUnreachable, [3, 3], [1, 4]),
        (ErrorKind::Prohibited, [3, 13], [1, 1]),
        (ErrorKind::TooBig { mtu: 1300 }, [3, 4], [2, 0]),
    ];
    for (kind, v4, v6) in kinds {
        for (probe, expected) in [(echo(Family::V4, 56), v4), (echo(Family::V6, 56), v6)] {
            let packet = read(error(&probe, kind, Quote::Full, &[]));
            assert_eq!(packet.transport()[..2], expected, "{kind:?}");
        }
    }
}

#[test]
fn quotes_are_as_long_as_asked_for_and_never_longer_than_the_packet_or_the_room() {
    // IP header, ICMP header, 1400 bytes.
    let [v4, v6] = [Family::V4, Family::V6].map(|family| echo(family, 1400));
    let length = |probe: &Packet, quote| {
        read(error(probe, ErrorKind::TimeExceeded, quote, &[]))
            .transport()
            .len()
            - 8
    };
    assert_eq!(
        [length(&v4, Quote::Full), length(&v6, Quote::Full)],
        [576 - 28, 1280 - 48]
    );
    assert_eq!([length(&v4, Quote::Short), length(&v6, Quote::Short)], [28, 48]);
    assert_eq!(
        [length(&v4, Quote::Transport(0)), length(&v6, Quote::Transport(24))],
        [20, 64]
    );
    assert_eq!(
        [
            length(&v4, Quote::Transport(u16::MAX)),
            length(&v6, Quote::Transport(u16::MAX))
        ],
        [576 - 28, 1280 - 48]
    );
    let small = echo(Family::V4, 0);
    assert_eq!(
        [length(&small, Quote::Full), length(&small, Quote::Transport(500))],
        [28, 28]
    );
}

#[test]
fn a_short_quote_counts_the_options_of_the_header_as_part_of_it() {
    let probe = read(handmade::ip(
        HOST4,
        TARGET4,
        ip::ICMP,
        &[1; 8],
        &handmade::icmp(8, 0, [0, 7, 0, 1], &[9; 40]),
    ));
    let packet = read(error(&probe, ErrorKind::TimeExceeded, Quote::Short, &[]));
    assert_eq!(packet.transport()[8..], probe.bytes[..36]);
}

#[test]
fn labels_follow_the_padded_quote_in_the_format_of_rfc_4950() {
    let labels = [
        MplsLabel {
            label: 16_001,
            tc: 5,
            ttl: 1,
        },
        MplsLabel {
            label: 24,
            tc: 0,
            ttl: 2,
        },
    ];
    // Version 2 and checksum; 12 bytes of class 1, type 1; 16001 << 12 | 5 << 9 | 1; 24 << 12 | bottom << 8 | 2. The words
    // 2000 + 000c + 0101 + 03e8 + 1a01 + 0001 + 8102 are bff9, whose complement is 4006.
    let structure = captures::bytes("20004006 000c0101 03e81a01 00018102");
    // The length stands in the sixth byte in words of 4, in the fifth in words of 8: RFC 4884 sections 4.1 and 4.4.
    for (family, length_at, words) in [(Family::V4, 5, 32), (Family::V6, 4, 16)] {
        let probe = echo(family, 24);
        let packet = read(error(&probe, ErrorKind::TimeExceeded, Quote::Full, &labels));
        let message = packet.transport();
        let mut quote = probe.bytes.clone();
        quote.resize(128, 0);
        assert_eq!(message[length_at], words);
        assert_eq!(message[8..136], quote);
        assert_eq!(message[136..], structure);
        let Ok(Message::TimeExceeded { body, .. }) = icmp::parse(family, message) else {
            panic!("{message:x?}");
        };
        assert_eq!((body.quote, body.extensions), (&quote[..], &structure[..]));
    }
}

#[test]
fn labels_take_their_room_from_the_quote() {
    let labels = vec![
        MplsLabel {
            label: 9,
            tc: 0,
            ttl: 1
        };
        100
    ];
    for (family, most) in [(Family::V4, 576), (Family::V6, 1280)] {
        let packet = error(&echo(family, 1400), ErrorKind::TimeExceeded, Quote::Full, &labels);
        assert!((most - 7..=most).contains(&packet.len()), "{}", packet.len());
        let packet = read(packet);
        let Ok(Message::TimeExceeded { body, .. }) = icmp::parse(family, packet.transport()) else {
            panic!();
        };
        assert_eq!(body.extensions.len(), 4 + 4 + 4 * MOST_LABELS);
        assert!(quote::parse(body.quote).is_ok());
    }
}

#[test]
fn packet_too_big_of_ipv6_has_no_room_for_labels_and_that_of_ipv4_has() {
    let labels = [MplsLabel {
        label: 9,
        tc: 0,
        ttl: 1,
    }];
    for (family, extended) in [(Family::V4, true), (Family::V6, false)] {
        let packet = read(error(
            &echo(family, 0),
            ErrorKind::TooBig { mtu: 1280 },
            Quote::Full,
            &labels,
        ));
        let body = match icmp::parse(family, packet.transport()) {
            Ok(
                Message::Unreachable {
                    mtu: Some(1280), body, ..
                }
                | Message::PacketTooBig { mtu: 1280, body },
            ) => body,
            other => panic!("{other:?}"),
        };
        assert_eq!(!body.extensions.is_empty(), extended);
    }
}

#[test]
fn errors_over_ipv4_take_over_the_type_of_service_but_not_the_precedence() {
    // RFC 1812 section 4.3.2.5: precedence 6, and the TOS of the packet that caused the error.
    let mut bytes = echo(Family::V4, 0).bytes;
    bytes[1] = 0xb8;
    let packet = error(&read(bytes), ErrorKind::TimeExceeded, Quote::Full, &[]);
    assert_eq!(packet[1], 0xc0 | 0x18);
}

#[test]
fn an_error_from_an_address_of_the_other_family_is_not_written() {
    let mut out = vec![1, 2, 3];
    let about = echo(Family::V6, 0);
    icmp_error(
        &mut out,
        &IcmpError {
            kind: ErrorKind::TimeExceeded,
            from: ROUTER4,
            about: &about,
            quote: Quote::Full,
            mpls: &[],
            ttl: 64,
        },
    );
    assert!(out.is_empty());
}

#[test]
fn no_error_is_sent_about_an_error_or_an_unknown_type() {
    let verdict = |family: Family, icmp_type: u8| {
        let message = handmade::icmp(icmp_type, 0, [0; 4], &[0; 20]);
        may_be_answered(&match family {
            Family::V4 => read(handmade::ip(HOST4, TARGET4, ip::ICMP, &[], &message)),
            Family::V6 => read(handmade::ip(HOST6, TARGET6, ip::ICMPV6, &[], &message)),
        })
    };
    for icmp_type in [3, 4, 5, 11, 12, 19, 200] {
        assert!(!verdict(Family::V4, icmp_type), "ICMP type {icmp_type}");
    }
    for icmp_type in [1, 2, 3, 4, 100, 127] {
        assert!(!verdict(Family::V6, icmp_type), "ICMPv6 type {icmp_type}");
    }
    for (family, icmp_type) in [(Family::V4, 8), (Family::V4, 0), (Family::V6, 128), (Family::V6, 129)] {
        assert!(verdict(family, icmp_type), "type {icmp_type}");
    }
    let empty = [(HOST4, TARGET4, ip::ICMP), (HOST6, TARGET6, ip::ICMPV6)];
    for (src, dst, protocol) in empty {
        assert!(!may_be_answered(&read(handmade::ip(src, dst, protocol, &[], &[]))));
        assert!(may_be_answered(&read(handmade::ip(src, dst, ip::UDP, &[], &[]))));
    }
}

#[test]
fn no_error_is_sent_to_or_about_more_than_one_host() {
    let cases = [
        ("192.0.2.1", "224.0.0.1"),
        ("192.0.2.1", "255.255.255.255"),
        ("0.0.0.0", "198.51.100.1"),
        ("127.0.0.1", "198.51.100.1"),
        ("224.0.0.1", "198.51.100.1"),
        ("255.255.255.255", "198.51.100.1"),
        ("2001:db8::1", "ff02::1"),
        ("::", "2001:db8::2"),
        ("::1", "2001:db8::2"),
        ("ff02::1", "2001:db8::2"),
    ];
    for (src, dst) in cases {
        let packet = handmade::ip(src.parse().unwrap(), dst.parse().unwrap(), ip::UDP, &[], &[0; 8]);
        assert!(!may_be_answered(&read(packet)), "{src} to {dst}");
    }
}

proptest! {
    #[test]
    fn whatever_is_quoted_comes_back_whole_and_with_right_checksums(
        payload in prop::collection::vec(any::<u8>(), 0..1500),
        v6 in any::<bool>(),
        bytes in any::<u16>(),
        labels in prop::collection::vec((0_u32..1 << 20, 0_u8..8, any::<u8>()), 0..5),
    ) {
        let family = if v6 { Family::V6 } else { Family::V4 };
        let labels: Vec<_> = labels.into_iter().map(|(label, tc, ttl)| MplsLabel { label, tc, ttl }).collect();
        let probe = echo_of(family, &payload);
        let packet = error(&probe, ErrorKind::TimeExceeded, Quote::Transport(bytes.max(8)), &labels);
        let most = if v6 { 1280 } else { 576 };
        prop_assert!(packet.len() <= most);
        let packet = read(packet);
        assert_checksums(&packet);
        let Ok(Message::TimeExceeded { body, .. }) = icmp::parse(family, packet.transport()) else {
            panic!("no time exceeded");
        };
        let quote = quote::parse(body.quote).unwrap();
        prop_assert_eq!(quote.addrs, probe.addrs);
        // Where labels follow, zeros may stand between the quote and its end.
        let asked = probe.transport_at + usize::from(bytes.max(8));
        let shared = asked.min(body.quote.len()).min(probe.bytes.len());
        prop_assert_eq!(&body.quote[..shared], &probe.bytes[..shared]);
    }

    #[test]
    fn echo_replies_return_the_payload_with_right_checksums(
        payload in prop::collection::vec(any::<u8>(), 0..1500),
        v6 in any::<bool>(),
    ) {
        let family = if v6 { Family::V6 } else { Family::V4 };
        let probe = echo_of(family, &payload);
        let mut out = Vec::new();
        echo_reply(&mut out, &probe, 61);
        let reply = read(out);
        assert_checksums(&reply);
        prop_assert_eq!((reply.addrs, reply.ttl), (probe.addrs.reversed(), 61));
        let Ok(Message::EchoReply { payload: returned, .. }) = icmp::parse(family, reply.transport()) else {
            panic!("no reply");
        };
        prop_assert_eq!(returned, &payload[..]);
    }
}

/// What the model answers in the place of the captured `theirs`: from its source, with its TTL.
fn answer(about: &Packet, kind: ErrorKind, theirs: &[u8]) -> Vec<u8> {
    let theirs = read(theirs.to_vec());
    let mut out = Vec::new();
    icmp_error(
        &mut out,
        &IcmpError {
            kind,
            from: theirs.addrs.src(),
            about,
            quote: Quote::Full,
            mpls: &[],
            ttl: theirs.ttl,
        },
    );
    out
}

fn error(about: &Packet, kind: ErrorKind, quote: Quote, mpls: &[MplsLabel]) -> Vec<u8> {
    let from = match about.addrs.family() {
        Family::V4 => ROUTER4,
        Family::V6 => ROUTER6,
    };
    let mut out = Vec::new();
    icmp_error(
        &mut out,
        &IcmpError {
            kind,
            from,
            about,
            quote,
            mpls,
            ttl: 64,
        },
    );
    out
}

fn echo(family: Family, payload: usize) -> Packet {
    echo_of(family, &vec![7; payload])
}

fn echo_of(family: Family, payload: &[u8]) -> Packet {
    read(match family {
        Family::V4 => testing::echo(HOST4, TARGET4, payload),
        Family::V6 => testing::echo(HOST6, TARGET6, payload),
    })
}
