use super::super::captures::{self, exactly};
use super::super::{Family, icmp::Message};
use super::*;

/// The quote in the last packet of a capture.
fn quote_in(text: &str) -> Vec<u8> {
    let packets = captures::packets(text);
    let datagram = ip::parse(packets.last().unwrap()).unwrap();
    let family: Family = datagram.addrs.family();
    match icmp::parse(family, datagram.payload).unwrap() {
        Message::Unreachable { body, .. } | Message::TimeExceeded { body, .. } | Message::PacketTooBig { body, .. } => {
            body.quote.to_vec()
        }
        other => panic!("{other:?}"),
    }
}

/// The packet before the last, which is the one quoted.
fn sent_in(text: &str) -> Vec<u8> {
    let mut packets = captures::packets(text);
    packets.pop();
    packets.pop().unwrap()
}

#[test]
fn a_quoted_echo_request_is_the_one_that_was_sent() {
    for text in [
        captures::TIME_EXCEEDED4_ECHO,
        captures::TIME_EXCEEDED4_ECHO_OPTIONS,
        captures::TIME_EXCEEDED6_ECHO,
        captures::PROHIBITED4,
        captures::PROHIBITED6,
    ] {
        let (bytes, sent) = (quote_in(text), sent_in(text));
        let (quote, sent) = (parse(&bytes).unwrap(), ip::parse(&sent).unwrap());
        let Ok(Message::EchoRequest {
            id: sent_id,
            payload: sent_payload,
        }) = icmp::parse(sent.addrs.family(), sent.payload)
        else {
            panic!("no echo request was sent")
        };
        let Transport::Echo { id, checksum, payload } = quote.transport else {
            panic!("no echo request was quoted")
        };
        assert_eq!(
            (quote.addrs, quote.ttl, quote.protocol),
            (sent.addrs, sent.ttl, sent.protocol)
        );
        assert_eq!((id, payload), (sent_id, sent_payload));
        assert_eq!(checksum.to_be_bytes(), sent.payload[2..4]);
    }
}

#[test]
fn a_quoted_syn_gives_its_ports_and_sequence() {
    let want = |src_port, seq| {
        Transport::Tcp(tcp::Ports {
            src_port,
            dst_port: 8080,
            seq,
        })
    };
    assert_eq!(
        parse(&quote_in(captures::TIME_EXCEEDED4_SYN)).unwrap().transport,
        want(50_282, 2_964_702_199)
    );
    assert_eq!(
        parse(&quote_in(captures::TIME_EXCEEDED6_SYN)).unwrap().transport,
        want(38_616, 942_862_868)
    );
}

#[test]
fn a_quoted_udp_datagram_gives_its_ports() {
    for (text, port) in [
        (captures::PORT_UNREACHABLE4, 54_050),
        (captures::PORT_UNREACHABLE6, 51_831),
    ] {
        let bytes = quote_in(text);
        let Transport::Udp { src_port, dst_port, .. } = parse(&bytes).unwrap().transport else {
            panic!("no datagram was quoted")
        };
        assert_eq!((src_port, dst_port), (port, 33_434));
    }
}

#[test]
fn a_claim_far_beyond_what_was_quoted_is_normal() {
    // 576 bytes of an IPv4 packet of 1478, and 1240 bytes of ICMPv6 about one of 1488.
    for (text, headers, error_headers) in [(captures::TOO_BIG4, 28, 28), (captures::TOO_BIG6, 48, 48)] {
        let bytes = quote_in(text);
        let Transport::Echo { payload, .. } = parse(&bytes).unwrap().transport else {
            panic!("no echo request was quoted")
        };
        assert_eq!(payload, &bytes[headers..]);
        let all = captures::packets(text).last().unwrap().len();
        assert_eq!(payload.len() + headers + error_headers, all);
    }
}

#[test]
fn eight_bytes_of_transport_are_enough_and_seven_are_too_short() {
    for text in [
        captures::TIME_EXCEEDED4_ECHO,
        captures::TIME_EXCEEDED4_ECHO_OPTIONS,
        captures::TIME_EXCEEDED4_SYN,
        captures::TIME_EXCEEDED6_SYN,
        captures::PORT_UNREACHABLE4,
        captures::PORT_UNREACHABLE6,
    ] {
        let bytes = quote_in(text);
        let header = ip::parse_header(&bytes).unwrap();
        for cut in header.transport_at + 8..=bytes.len() {
            assert!(parse(&bytes[..cut]).is_ok(), "{cut}");
        }
        for cut in header.transport_at..header.transport_at + 8 {
            assert_eq!(parse(&bytes[..cut]), Err(Malformed::TooShort), "{cut}");
        }
        for cut in 0..header.transport_at {
            assert!(parse(&bytes[..cut]).is_err(), "{cut}");
        }
    }
}

#[test]
fn zeros_that_pad_the_quote_to_128_bytes_are_no_payload() {
    let mut bytes = quote_in(captures::TIME_EXCEEDED4_ECHO);
    let sent = bytes.len();
    bytes.resize(128, 0);
    let Transport::Echo { payload, .. } = parse(&bytes).unwrap().transport else {
        panic!("no echo request was quoted")
    };
    assert_eq!(payload, &bytes[28..sent]);
}

#[test]
fn a_length_that_the_router_garbled_does_not_cost_the_match() {
    let intact = quote_in(captures::TIME_EXCEEDED4_SYN);
    let want = parse(&intact).unwrap().transport;
    for garbled in [0u16, 20, 27, 40, 60u16.swap_bytes()] {
        let mut bytes = intact.clone();
        bytes[2..4].copy_from_slice(&garbled.to_be_bytes());
        assert_eq!(parse(&bytes).unwrap().transport, want, "{garbled}");
    }
}

#[test]
fn extension_headers_of_a_quoted_ipv6_packet_are_skipped() {
    let bytes = quote_in(captures::TIME_EXCEEDED6_SYN);
    let mut extended = bytes[..40].to_vec();
    extended[6] = 60; // destination options
    extended.extend([6, 0, 1, 4, 0, 0, 0, 0]);
    extended.extend(&bytes[40..48]);
    assert_eq!(parse(&extended).unwrap().transport, parse(&bytes).unwrap().transport);
    assert_eq!(parse(&extended[..41]), Err(Malformed::TooShort));
}

#[test]
fn a_quoted_reply_or_later_fragment_is_none_of_ours() {
    let [_, reply] = exactly(captures::ECHO4);
    assert_eq!(parse(&reply).unwrap().transport, Transport::Other);
    let [_, later, ..] = exactly::<4>(captures::FRAGMENTS4);
    assert_eq!(parse(&later), Err(Malformed::LaterFragment));
}
