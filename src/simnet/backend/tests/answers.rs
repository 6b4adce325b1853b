//! Echo, ports and limits: what a backend answers when nothing is wrong with it.

use super::*;
use crate::simnet::topology::{IcmpLimit, Rate, Span, SynLimit};

/// Flags, sequence number and acknowledgment of an answer, if there is one.
type Expected = Option<(u8, u32, u32)>;

fn prohibited(family: Family) -> Said {
    by_family(family, Said::Error(3, 13), Said::Error(1, 1))
}

fn port_unreachable(family: Family) -> Said {
    by_family(family, Said::Error(3, 3), Said::Error(1, 4))
}

#[test]
fn an_echo_request_gets_its_own_content_back() {
    both(|family| {
        let mut bench = Bench::new(family, &settings());
        let reply = Said::EchoReply([&[0x12, 0x34, 0, 7], &b"payload"[..]].concat());
        assert_eq!(bench.echo(0, b"payload"), (Taken::Consumed, one(0, reply)));
    });
}

#[test]
fn echo_requests_can_be_dropped_or_prohibited() {
    both(|family| {
        let mut settings = settings();
        settings.echo = Some(Echo::Dropped);
        let filtered = Taken::Dropped(DropReason::Filtered);
        assert_eq!(Bench::new(family, &settings).echo(0, b""), (filtered, vec![]));
        settings.echo = Some(Echo::Prohibited);
        let answer = one(0, prohibited(family));
        assert_eq!(Bench::new(family, &settings).echo(0, b""), (filtered, answer));
    });
}

#[test]
fn each_port_answers_a_syn_as_its_rule_says() {
    both(|family| {
        let mut bench = Bench::new(family, &settings());
        bench.open(0, PEER);
        let reset = Said::Segment {
            flags: RST | ACK,
            seq: 0,
            ack: 1001,
        };
        let filtered = Taken::Dropped(DropReason::Filtered);
        let mut syn = |to| bench.segment(0, Peer { to, ..PEER });
        assert_eq!(syn(81), (Taken::Consumed, one(1, reset.clone())));
        assert_eq!(syn(82), (filtered, vec![]));
        assert_eq!(syn(83), (filtered, one(3, port_unreachable(family))));
        assert_eq!(syn(84), (filtered, one(4, prohibited(family))));
        assert_eq!(syn(9999), (Taken::Consumed, one(5, reset)));
    });
}

#[test]
fn other_ports_can_have_another_rule() {
    let mut settings = settings();
    settings.other_ports = Some(Port::Rejected);
    let mut bench = Bench::new(Family::V4, &settings);
    let (_, answers) = bench.segment(0, Peer { to: 9999, ..PEER });
    assert_eq!(answers, one(0, Said::Error(3, 3)));
}

#[test]
fn segments_of_no_connection_are_answered_as_linux_does() {
    // Measured: to an open port, then to a closed one.
    let cases: [(u8, Expected, Expected); 7] = [
        (ACK, Some((RST, 7777, 0)), Some((RST, 7777, 0))),
        (FIN, None, Some((RST | ACK, 0, 5001))),
        (SYN | FIN, None, Some((RST | ACK, 0, 5002))),
        (RST, None, None),
        (SYN | ACK, Some((RST, 7777, 0)), Some((RST, 7777, 0))),
        (0, None, Some((RST | ACK, 0, 5000))),
        (FIN | ACK, Some((RST, 7777, 0)), Some((RST, 7777, 0))),
    ];
    both(|family| {
        let mut bench = Bench::new(family, &settings());
        for (flags, open, closed) in cases {
            for (to, expected) in [(80, open), (81, closed)] {
                let segment = Peer {
                    to,
                    flags,
                    seq: 5000,
                    ack: 7777,
                    ..PEER
                };
                let (taken, answers) = bench.segment(0, segment);
                assert_eq!(taken, Taken::Consumed);
                let said = answers.into_iter().map(|answer| answer.said).collect::<Vec<_>>();
                let expected = expected.map(|(flags, seq, ack)| Said::Segment { flags, seq, ack });
                assert_eq!(said, Vec::from_iter(expected), "{flags:#x} to {to}");
            }
        }
    });
}

#[test]
fn a_syn_with_data_to_a_closed_port_has_it_acknowledged_by_the_reset() {
    let mut bench = Bench::new(Family::V4, &settings());
    let syn = Peer {
        to: 81,
        seq: 5000,
        payload: b"xyz",
        ..PEER
    };
    let reset = Said::Segment {
        flags: RST | ACK,
        seq: 0,
        ack: 5004,
    };
    assert_eq!(bench.segment(0, syn).1, one(0, reset));
}

#[test]
fn errors_are_limited_and_udp_gets_no_more_than_that() {
    both(|family| {
        let mut settings = settings();
        settings.icmp_limit = Some(IcmpLimit::EachPeer {
            every: Span(Duration::from_secs(1)),
            burst: 2,
        });
        let mut bench = Bench::new(family, &settings);
        let udp = [0x9c, 0x41, 0x82, 0x9b, 0, 8, 0, 0];
        assert_eq!(
            bench.packet(0, 17, &udp),
            (Taken::Consumed, one(0, port_unreachable(family)))
        );
        bench.segment(0, Peer { to: 83, ..PEER });
        assert_eq!(bench.packet(0, 17, &udp), (Taken::Dropped(DropReason::Limited), vec![]));
        let rejected = bench.segment(0, Peer { to: 83, ..PEER });
        assert_eq!(rejected, (Taken::Dropped(DropReason::Filtered), vec![]));
        // The same limit given again keeps what is left of it; one second later there is one more.
        bench.reconfigure(0, &settings);
        assert_eq!(bench.packet(0, 17, &udp).1, vec![]);
        assert_eq!(bench.packet(1001, 17, &udp).1.len(), 1);
    });
}

#[test]
fn a_limit_of_syns_comes_before_the_rule_of_the_port_and_is_kept_while_unchanged() {
    let limit = |within, per| SynLimit {
        rate: Rate {
            count: 1,
            per: Duration::from_secs(per),
        },
        burst: 2,
        within,
    };
    let mut settings = settings();
    settings.syn_limit = Some(limit(Within::Accepted, 60));
    let mut bench = Bench::new(Family::V4, &settings);
    let syn = |bench: &mut Bench, to| {
        let from = u16::try_from(40_000 + bench.serial).unwrap();
        bench.segment(0, Peer { from, to, ..PEER }).0
    };
    let limited = Taken::Dropped(DropReason::Limited);
    assert_eq!(syn(&mut bench, 80), Taken::Consumed);
    assert_eq!(syn(&mut bench, 81), Taken::Consumed);
    assert_eq!(syn(&mut bench, 80), limited);
    assert_eq!(syn(&mut bench, 83), limited);
    // Segments other than SYNs do not meet the rule.
    assert_eq!(bench.segment(0, Peer { flags: ACK, ..PEER }).0, Taken::Consumed);

    settings.ttl = Some(64);
    bench.reconfigure(0, &settings);
    assert_eq!(syn(&mut bench, 80), limited);
    // The other way round: what is within is dropped, and nothing is within.
    settings.syn_limit = Some(limit(Within::Dropped, 60));
    bench.reconfigure(0, &settings);
    assert_eq!(syn(&mut bench, 80), Taken::Consumed);
    // Another limit begins with a full bucket of two.
    settings.syn_limit = Some(limit(Within::Dropped, 61));
    bench.reconfigure(0, &settings);
    assert_eq!(
        [80, 80, 80].map(|to| syn(&mut bench, to)),
        [limited, limited, Taken::Consumed]
    );
}

#[test]
fn delays_are_drawn_for_each_protocol_of_its_own() {
    let always = |millis| {
        Some(Jitter::Bimodal {
            by: Span(Duration::from_millis(millis)),
            share: 1.0,
        })
    };
    let mut settings = settings();
    settings.icmp_delay = always(3);
    settings.tcp_delay = always(7);
    let mut bench = Bench::new(Family::V6, &settings);
    let mut delays = vec![bench.echo(0, b"").1[0].after];
    for to in [80, 81, 83] {
        delays.push(bench.segment(0, Peer { to, ..PEER }).1[0].after);
    }
    assert_eq!(delays, [3, 7, 7, 7].map(Duration::from_millis));
}

#[test]
fn the_ttl_is_that_of_the_settings() {
    let mut settings = settings();
    settings.ttl = Some(255);
    let mut bench = Bench::new(Family::V4, &settings);
    let [src, dst] = addresses(Family::V4);
    let (protocol, message) = echo_request(Family::V4, b"");
    let cause = Cause {
        serial: 0,
        sent_at: at(0),
    };
    for (protocol, transport) in [(protocol, message), (6, segment(Family::V4, PEER)), (17, vec![0; 8])] {
        let packet = Packet::read(ip(src, dst, protocol, &[], &transport), cause).unwrap();
        bench.backend.handle_packet(at(0), &packet, &mut bench.out);
    }
    let ttls: Vec<u8> = bench
        .out
        .drain()
        .map(|outgoing| wire::ip::parse(&outgoing.bytes).unwrap().ttl)
        .collect();
    assert_eq!(ttls, [255; 3]);
}

#[test]
fn a_wrong_checksum_is_never_answered() {
    both(|family| {
        let mut bench = Bench::new(family, &settings());
        let malformed = (Taken::Dropped(DropReason::Malformed), vec![]);
        let (protocol, mut message) = echo_request(family, b"payload");
        message[9] ^= 1;
        assert_eq!(bench.packet(0, protocol, &message), malformed);
        let mut syn = segment(family, PEER);
        syn[5] ^= 1;
        assert_eq!(bench.packet(0, 6, &syn), malformed);
    });
}

#[test]
fn other_protocols_and_messages_are_taken_in_silence() {
    both(|family| {
        let mut bench = Bench::new(family, &settings());
        assert_eq!(bench.packet(0, 47, &[0; 8]), (Taken::Consumed, vec![]));
        // ICMP of the other family.
        assert_eq!(
            bench.packet(0, by_family(family, 58, 1), &[8, 0, 0xf7, 0xff, 0, 0, 0, 0]),
            (Taken::Consumed, vec![])
        );
    });
}
