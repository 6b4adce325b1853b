//! SYNs and what comes back over TCP.

use std::collections::HashSet;

use super::*;

const SYN_ACK: u8 = 0x12;
const RST_ACK: u8 = 0x14;
const RST: u8 = 0x04;
const ACK: u8 = 0x10;

/// Source port, destination port and sequence number of a SYN.
fn fields(packet: &[u8]) -> (u16, u16, u32) {
    let tcp = &packet[packet.len() - 40..];
    let half = |at: usize| u16::from_be_bytes([tcp[at], tcp[at + 1]]);
    (half(0), half(2), u32::from_be_bytes([tcp[4], tcp[5], tcp[6], tcp[7]]))
}

/// What the backend sends back to a SYN.
fn answer_to(packet: &[u8], flags: u8) -> Tcp {
    let (src_port, dst_port, seq) = fields(packet);
    Tcp {
        src_port: dst_port,
        dst_port: src_port,
        seq: 0x5eed,
        ack: seq.wrapping_add(1),
        flags,
    }
}

#[test]
fn a_syn_is_complete_to_the_checksum() {
    for addresses in [V4, V6] {
        let mut world = World::syn(addresses);
        let (_, packet) = world.send_syn(addresses.ours);
        let (src_port, dst_port, _) = fields(&packet);
        assert!(PORTS.contains(&src_port));
        assert_eq!(dst_port, BACKEND);
        let (header, segment) = packet.split_at(packet.len() - 40);
        assert_eq!(segment[13], 0x02, "SYN and nothing else");
        let sum = handmade::checksum_with_addresses(addresses.ours, addresses.target, 6, segment);
        assert_eq!(sum, 0);
        if addresses.target.is_ipv4() {
            assert_eq!(handmade::checksum(header), 0);
        }
        let hop_limit = if addresses.target.is_ipv4() {
            header[8]
        } else {
            header[7]
        };
        assert_eq!(hop_limit, 64);
    }
}

#[test]
fn a_syn_ack_is_a_reply_and_a_reset_a_refusal() {
    for addresses in [V4, V6] {
        for (flags, answer) in [(SYN_ACK, Answer::Reply), (RST_ACK, Answer::Refused)] {
            let mut world = World::syn(addresses);
            world.send();
            let (seq, packet) = world.send_syn(addresses.ours);
            let segment = answer_to(&packet, flags);
            let read = world.read_tcp(addresses, addresses.target, segment);
            assert_eq!(verdict(read), Ok((0, seq.get(), answer)));
            // A packet socket shows IPv6 headers, and with them the hop limit.
            let whole = handmade::ip(addresses.target, addresses.ours, 6, &[], &segment.bytes());
            let found = world.codec.read_packet(&whole, &world.prober).unwrap();
            assert_eq!((found.seq, found.ttl, found.bytes), (seq, Some(handmade::TTL), 20));
        }
    }
}

#[test]
fn the_options_of_the_ip_header_are_stepped_over() {
    let mut world = World::syn(V4);
    let (seq, packet) = world.send_syn(V4.ours);
    let packet = handmade::ip(V4.target, V4.ours, 6, &OPTIONS, &answer_to(&packet, SYN_ACK).bytes());
    assert_eq!(world.codec.read_packet(&packet, &world.prober).unwrap().seq, seq);
}

#[test]
fn a_segment_with_one_thing_wrong_answers_nothing() {
    for addresses in [V4, V6] {
        for flags in [SYN_ACK, RST_ACK, ACK] {
            let mut world = World::syn(addresses);
            let (_, packet) = world.send_syn(addresses.ours);
            let right = answer_to(&packet, flags);
            let read = |from, segment| world.read_tcp(addresses, from, segment);
            let from_target = |segment| read(addresses.target, segment);
            let ack = |off: i32| Tcp {
                ack: right.ack.wrapping_add_signed(off),
                ..right
            };
            assert!(from_target(right).is_ok());
            for off in [-1, 1, i32::MIN] {
                assert_eq!(
                    from_target(ack(off)),
                    Err(Ignored::Cookie),
                    "acknowledgment off by {off}"
                );
            }
            let src_port = BACKEND + 1;
            assert_eq!(
                from_target(Tcp { src_port, ..right }),
                Err(Ignored::Foreign),
                "another backend"
            );
            let unreserved = Tcp {
                dst_port: PORTS.end,
                ..right
            };
            assert_eq!(
                from_target(unreserved),
                Err(Ignored::Foreign),
                "a port that is not ours"
            );
            let of_another_probe = Tcp {
                dst_port: right.dst_port ^ 1,
                ..right
            };
            assert_eq!(from_target(of_another_probe), Err(Ignored::Cookie));
            assert_eq!(read(addresses.router, right), Err(Ignored::Foreign), "another address");
        }
    }
}

#[test]
fn only_a_segment_that_acknowledges_is_an_answer() {
    for addresses in [V4, V6] {
        let mut world = World::syn(addresses);
        let (_, packet) = world.send_syn(addresses.ours);
        for flags in [0, 0x01, 0x02, RST, RST | 0x02] {
            let read = world.read_tcp(addresses, addresses.target, answer_to(&packet, flags));
            assert_eq!(read, Err(Ignored::Foreign), "flags {flags:#04x}");
        }
    }
}

#[test]
fn a_segment_cut_short_is_malformed() {
    let mut world = World::syn(V6);
    let (_, packet) = world.send_syn(V6.ours);
    let segment = answer_to(&packet, SYN_ACK).bytes();
    for len in 0..20 {
        let read = world.codec.read_tcp(V6.target, &segment[..len], &world.prober);
        assert_eq!(read, Err(Ignored::Malformed(Malformed::TooShort)), "{len} bytes");
    }
    let mut long_header = segment;
    long_header[12] = 0xf0;
    let read = world.codec.read_tcp(V6.target, &long_header, &world.prober);
    assert_eq!(read, Err(Ignored::Malformed(Malformed::HeaderLength)));
}

#[test]
fn an_ack_of_an_older_syn_of_the_port_answers_the_newest() {
    for addresses in [V4, V6] {
        let mut world = World::syn(addresses);
        let sent: Vec<_> = (0..=PORTS_PER_FLOW).map(|_| world.send_syn(addresses.ours)).collect();
        let (oldest, newest) = (&sent[0], &sent[4]);
        assert_eq!(fields(&oldest.1).0, fields(&newest.1).0, "one port");
        let read = |flags| world.read_tcp(addresses, addresses.target, answer_to(&oldest.1, flags));
        assert_eq!(verdict(read(ACK)), Ok((0, newest.0.get(), Answer::Reply)));
        assert_eq!(verdict(read(SYN_ACK)), Ok((0, oldest.0.get(), Answer::Reply)));
        assert_eq!(verdict(read(RST_ACK)), Ok((0, oldest.0.get(), Answer::Refused)));
    }
}

#[test]
fn two_series_of_one_backend_do_not_share_answers() {
    for addresses in [V4, V6] {
        let backend = (addresses.target, Endpoint::Tcp(BACKEND), 0);
        let mut world = World::new(&[backend, backend]);
        for _ in 0..12 {
            let (series, seq) = world.send();
            let packet = world.syn_packet(series, seq, addresses.ours);
            let read = world.read_tcp(addresses, addresses.target, answer_to(&packet, SYN_ACK));
            assert_eq!(verdict(read), Ok((series.get(), seq.get(), Answer::Reply)));
        }
    }
}

#[test]
fn ports_take_turns_within_their_flow() {
    let backend = |flow| (V4.target, Endpoint::Tcp(BACKEND), flow);
    let mut world = World::new(&[backend(0), backend(1), backend(0)]);
    let mut ports = [Vec::new(), Vec::new(), Vec::new()];
    for _ in 0..3 * 2 * PORTS_PER_FLOW {
        let (series, seq) = world.send();
        ports[series.index()].push(fields(&world.syn_packet(series, seq, V4.ours)).0);
    }
    for (series, block) in [(0, 40_000..40_004), (1, 40_004..40_008), (2, 40_000..40_004)] {
        let (first, second) = ports[series].split_at(4);
        let distinct: HashSet<u16> = first.iter().copied().collect();
        assert_eq!(distinct, block.collect(), "series {series}: each port once");
        assert_eq!(first, second, "series {series}: in the same order");
    }
    assert!(
        ports[0].iter().zip(&ports[2]).all(|(one, other)| one != other),
        "never at the same port"
    );
}

#[test]
fn an_answer_at_a_port_of_another_flow_is_not_believed() {
    for addresses in [V4, V6] {
        let backend = |flow| (addresses.target, Endpoint::Tcp(BACKEND), flow);
        let mut world = World::new(&[backend(0), backend(1)]);
        for _ in 0..2 {
            let (series, seq) = world.send();
            let right = answer_to(&world.syn_packet(series, seq, addresses.ours), SYN_ACK);
            let read = world.read_tcp(addresses, addresses.target, right);
            assert_eq!(verdict(read), Ok((series.get(), seq.get(), Answer::Reply)));
            let wrong = Tcp {
                dst_port: right.dst_port ^ 4,
                ..right
            };
            let read = world.read_tcp(addresses, addresses.target, wrong);
            assert_eq!(read, Err(Ignored::Cookie));
        }
    }
}

#[test]
fn a_flow_over_ipv6_keeps_its_label_and_flows_differ() {
    let backend = |flow| (V6.target, Endpoint::Tcp(BACKEND), flow);
    let mut world = World::new(&[backend(0), backend(1)]);
    let mut labels = [HashSet::new(), HashSet::new()];
    let mut sequence_numbers = HashSet::new();
    for _ in 0..40 {
        let (series, seq) = world.send();
        let packet = world.syn_packet(series, seq, V6.ours);
        labels[series.index()].insert([packet[1] & 0x0f, packet[2], packet[3]]);
        sequence_numbers.insert(fields(&packet).2);
    }
    assert_eq!(labels.each_ref().map(HashSet::len), [1, 1]);
    assert_ne!(labels[0], labels[1]);
    assert_eq!(sequence_numbers.len(), 40);
}

#[test]
fn a_syn_that_cannot_be_written_is_no_packet() {
    let mut world = World::syn(V4);
    let (series, seq) = world.send();
    let mut buf = [0; 128];
    assert_eq!(
        world.codec.write_syn(due(series, seq), V6.ours, world.now, &mut buf),
        0,
        "families"
    );
    assert_eq!(
        world
            .codec
            .write_syn(due(series, seq), V4.ours, world.now, &mut buf[..59]),
        0,
        "room"
    );
    let echo = World::echo(V4);
    assert_eq!(
        echo.codec.write_syn(due(series, seq), V4.ours, world.now, &mut buf),
        0,
        "no port"
    );
}
