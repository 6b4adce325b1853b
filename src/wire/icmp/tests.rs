use super::super::captures::{self, bytes, exactly};
use super::super::ip::parse as parse_ip;
use super::*;

/// The ICMP message of the last packet of a capture, which is the answer.
fn answer(text: &str) -> Vec<u8> {
    let packets = captures::packets(text);
    parse_ip(packets.last().unwrap()).unwrap().payload.to_vec()
}

fn id(ident: u16, sequence: u16) -> EchoId {
    EchoId { ident, sequence }
}

/// An error of `icmp_type` whose quote is `quote`, whose length field says `words` and which ends with `extensions`.
fn extended(icmp_type: u8, length_field_at: usize, words: u8, quote: &[u8], extensions: &[u8]) -> Vec<u8> {
    let mut message = vec![icmp_type, 0, 0, 0, 0, 0, 0, 0];
    message[length_field_at] = words;
    message.extend(quote);
    message.extend(extensions);
    message
}

/// RFC 4884 section 7 and RFC 4950 section 3: version 2, one object of class 1 type 1 with one label stack entry: label 16001,
/// experimental 0, bottom of stack, TTL 1. 2000 + 0008 + 0101 + 03e8 + 1101 = 35f2, complement ca0d.
const MPLS: &str = "2000 ca0d 0008 0101 03e81101";

#[test]
fn an_echo_request_is_the_one_that_ping_sent() {
    for (text, family, ident) in [
        (captures::ECHO4, Family::V4, 17_778),
        (captures::ECHO6, Family::V6, 17_858),
    ] {
        let [packet, _] = exactly(text);
        let datagram = parse_ip(&packet).unwrap();
        let mut message = datagram.payload.to_vec();
        message[..8].fill(0xee);
        emit_echo_request(&mut message, family, id(ident, 1), EchoChecksum::Natural).unwrap();
        if family == Family::V6 {
            assert_eq!(message[2..4], [0, 0], "left to the kernel");
            fill_v6_checksum(&mut message, datagram.addrs);
        }
        assert_eq!(message, datagram.payload);
    }
}

#[test]
fn echo_replies_of_the_kernel_are_read_and_their_checksums_hold() {
    for (text, family, ident) in [
        (captures::ECHO4, Family::V4, 17_778),
        (captures::ECHO6, Family::V6, 17_858),
    ] {
        let [_, packet] = exactly(text);
        let datagram = parse_ip(&packet).unwrap();
        let want = Message::EchoReply {
            id: id(ident, 1),
            payload: &datagram.payload[8..],
        };
        assert_eq!(parse(family, datagram.payload), Ok(want));
        assert!(match family {
            Family::V4 => checksum_ok(datagram.payload),
            Family::V6 => v6_checksum_ok(datagram.payload, datagram.addrs),
        });
    }
}

#[test]
fn a_damaged_reply_fails_its_checksum() {
    let good = answer(captures::ECHO4);
    for bit in 0..good.len() * 8 {
        let mut bad = good.clone();
        bad[bit / 8] ^= 1 << (bit % 8);
        assert!(!checksum_ok(&bad), "bit {bit}");
    }
}

#[test]
fn a_held_checksum_stays_while_sequence_and_payload_change() {
    let [request, _] = exactly(captures::ECHO6);
    let addrs = parse_ip(&request).unwrap().addrs;
    for wanted in [0, 1, 0x1234, 0x8000, 0xfffe] {
        let held = FixedChecksum::new(wanted).unwrap();
        let mut on_the_wire = std::collections::BTreeSet::new();
        for sequence in 0..=u16::MAX {
            let mut message = [0; 29];
            message[10..12].copy_from_slice(&sequence.wrapping_mul(40_503).to_be_bytes());
            message[28] = sequence.to_be_bytes()[1];
            emit_echo_request(&mut message, Family::V4, id(0xbeef, sequence), EchoChecksum::Held(held)).unwrap();
            assert_eq!(be16(&message, 2), Some(wanted));
            assert!(checksum_ok(&message));
            emit_echo_request(&mut message, Family::V6, id(0xbeef, sequence), EchoChecksum::Held(held)).unwrap();
            fill_v6_checksum(&mut message, addrs);
            on_the_wire.insert(be16(&message, 2));
        }
        assert_eq!(on_the_wire.len(), 1, "one value on the wire over IPv6");
    }
}

#[test]
fn the_held_word_is_the_first_of_the_payload_and_nothing_else_is_touched() {
    let mut message = [0xaa; 24];
    let held = EchoChecksum::Held(FixedChecksum::nearest(7));
    emit_echo_request(&mut message, Family::V4, id(1, 2), held).unwrap();
    assert_eq!(message[..8], [8, 0, 0, 7, 0, 1, 0, 2]);
    assert_eq!(message[10..], [0xaa; 14]);
}

#[test]
fn too_little_room_is_refused() {
    let held = EchoChecksum::Held(FixedChecksum::nearest(7));
    let emit = |len: usize, checksum| emit_echo_request(&mut vec![0; len], Family::V4, id(1, 2), checksum);
    assert_eq!(emit(8, EchoChecksum::Natural), Ok(()));
    assert_eq!(emit(7, EchoChecksum::Natural), Err(NoRoom { needed: 8, given: 7 }));
    assert_eq!(emit(10, held), Ok(()));
    assert_eq!(emit(9, held), Err(NoRoom { needed: 10, given: 9 }));
}

#[test]
fn errors_of_the_kernel_are_told_apart() {
    let code_of = |family, text| {
        let message = answer(text);
        match parse(family, &message).unwrap() {
            Message::Unreachable { code, mtu, .. } => ("unreachable", code, mtu.map(u32::from)),
            Message::TimeExceeded { code, .. } => ("exceeded", code, None),
            Message::PacketTooBig { mtu, .. } => ("too big", 0, Some(mtu)),
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(
        code_of(Family::V4, captures::PORT_UNREACHABLE4),
        ("unreachable", 3, None)
    );
    assert_eq!(
        code_of(Family::V6, captures::PORT_UNREACHABLE6),
        ("unreachable", 4, None)
    );
    assert_eq!(code_of(Family::V4, captures::PROHIBITED4), ("unreachable", 13, None));
    // Linux answers a route of type "prohibit" with 1/1 over IPv6 (icmpv6: ICMPV6_ADM_PROHIBITED).
    assert_eq!(code_of(Family::V6, captures::PROHIBITED6), ("unreachable", 1, None));
    assert_eq!(
        code_of(Family::V4, captures::TIME_EXCEEDED4_ECHO),
        ("exceeded", 0, None)
    );
    assert_eq!(code_of(Family::V6, captures::TIME_EXCEEDED6_SYN), ("exceeded", 0, None));
    assert_eq!(code_of(Family::V4, captures::TOO_BIG4), ("unreachable", 4, Some(1400)));
    assert_eq!(code_of(Family::V6, captures::TOO_BIG6), ("too big", 0, Some(1400)));
}

#[test]
fn an_mtu_is_given_by_code_4_alone_and_not_by_routers_that_leave_it_zero() {
    let mtu_of = |code: u8, field: u16| {
        let [high, low] = field.to_be_bytes();
        match parse(Family::V4, &[3, code, 0, 0, 0, 0, high, low]) {
            Ok(Message::Unreachable { mtu, .. }) => mtu,
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(mtu_of(4, 1400), Some(1400));
    assert_eq!(mtu_of(4, 0), None);
    assert_eq!(mtu_of(3, 1400), None);
}

#[test]
fn without_extensions_all_that_follows_is_quote() {
    let message = answer(captures::TOO_BIG4);
    let Ok(Message::Unreachable { body, .. }) = parse(Family::V4, &message) else {
        panic!("no unreachable")
    };
    assert_eq!((body.quote, body.extensions.len()), (&message[8..], 0));
}

#[test]
fn parameter_problems_point_into_the_quote() {
    let message = bytes("0c00 0000 14 00 0000 45000000");
    let Ok(Message::ParameterProblem {
        code: 0,
        pointer: 20,
        body,
    }) = parse(Family::V4, &message)
    else {
        panic!("no parameter problem")
    };
    assert_eq!(body.quote, [0x45, 0, 0, 0]);
    let message = bytes("0401 0000 00000106 60000000");
    assert!(matches!(
        parse(Family::V6, &message),
        Ok(Message::ParameterProblem {
            code: 1,
            pointer: 0x106,
            ..
        })
    ));
}

#[test]
fn types_of_the_other_family_are_other() {
    let message = [8, 0, 0, 0, 0, 0, 0, 0];
    assert_eq!(
        parse(Family::V6, &message),
        Ok(Message::Other { icmp_type: 8, code: 0 })
    );
    assert!(matches!(parse(Family::V4, &message), Ok(Message::EchoRequest { .. })));
    assert_eq!(parse(Family::V4, &message[..7]), Err(Malformed::TooShort));
}

/// What became of `quote` and `extensions`.
fn split(family: Family, message: &[u8]) -> (usize, Vec<u8>) {
    match parse(family, message).unwrap() {
        Message::TimeExceeded { body, .. } => (body.quote.len(), body.extensions.to_vec()),
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_length_field_of_rfc_4884_ends_the_quote() {
    let mpls = bytes(MPLS);
    // 33 words of 4 bytes over IPv4 in byte 5; 17 words of 8 bytes over IPv6 in byte 4.
    assert_eq!(
        split(Family::V4, &extended(11, 5, 33, &[0x45; 132], &mpls)),
        (132, mpls.clone())
    );
    assert_eq!(split(Family::V6, &extended(3, 4, 17, &[0x60; 136], &mpls)), (136, mpls));
}

#[test]
fn extensions_need_no_checksum_where_the_length_is_given() {
    let unchecked = bytes("2000 0000 0008 0101 03e81101");
    assert_eq!(
        split(Family::V4, &extended(11, 5, 32, &[0x45; 128], &unchecked)),
        (128, unchecked.clone())
    );
    assert_eq!(
        split(Family::V4, &extended(11, 5, 0, &[0x45; 128], &unchecked)),
        (140, vec![])
    );
}

#[test]
fn older_routers_append_extensions_after_128_bytes_without_a_length() {
    let mpls = bytes(MPLS);
    assert_eq!(
        split(Family::V4, &extended(11, 5, 0, &[0x45; 128], &mpls)),
        (128, mpls.clone())
    );
    assert_eq!(
        split(Family::V4, &extended(11, 5, 0, &[0x45; 132], &mpls)),
        (144, vec![])
    );
}

#[test]
fn damaged_extensions_are_dropped_but_the_quote_still_ends_there() {
    let mut damaged = bytes(MPLS);
    damaged[9] ^= 1;
    assert_eq!(
        split(Family::V4, &extended(11, 5, 32, &[0x45; 128], &damaged)),
        (128, vec![])
    );
    assert_eq!(
        split(Family::V4, &extended(11, 5, 0, &[0x45; 128], &damaged)),
        (140, vec![])
    );
}

#[test]
fn lengths_that_cannot_be_are_disbelieved() {
    let mpls = bytes(MPLS);
    for words in [1, 31, 36, 255] {
        let message = extended(11, 5, words, &[0x45; 128], &mpls);
        assert_eq!(split(Family::V4, &message), (140, vec![]), "{words}");
    }
}
