//! ICMP errors: the probe that they quote.

use super::*;

/// An ICMP error that quotes `packet` from its IP header on.
pub(super) fn error(icmp_type: u8, code: u8, packet: &[u8]) -> Vec<u8> {
    handmade::icmp(icmp_type, code, [0; 4], packet)
}

/// Time exceeded in transit.
pub(super) fn expired(addresses: Addresses, packet: &[u8]) -> Vec<u8> {
    error(if addresses.target.is_ipv4() { 11 } else { 3 }, 0, packet)
}

/// Our own packet around an ICMP message, as a router on the way sees it.
pub(super) fn on_the_way(addresses: Addresses, options: &[u8], message: &[u8]) -> Vec<u8> {
    let protocol = if addresses.target.is_ipv4() { 1 } else { 58 };
    handmade::ip(addresses.ours, addresses.target, protocol, options, message)
}

pub(super) fn header_len(addresses: Addresses) -> usize {
    if addresses.target.is_ipv4() { 20 } else { 40 }
}

#[test]
fn every_error_says_who_sent_it_and_why() {
    let of_v4 = [(3, 0), (3, 1), (3, 3), (3, 4), (3, 13), (11, 0), (11, 1), (12, 0)];
    let of_v6 = [(1, 0), (1, 1), (1, 4), (2, 0), (3, 0), (3, 1), (4, 1)];
    for (addresses, kinds) in [(V4, &of_v4[..]), (V6, &of_v6[..])] {
        for &(icmp_type, code) in kinds {
            let mut world = World::echo(addresses);
            let (seq, request) = world.send_echo();
            let message = error(icmp_type, code, &on_the_way(addresses, &[], &request));
            let found = world.read_icmp(addresses, addresses.router, &message).unwrap();
            let expected = unreachable_from(addresses.router, icmp_type, code);
            assert_eq!(verdict(Ok(found)), Ok((0, seq.get(), expected)));
            assert_eq!(found.bytes as usize, 8 + header_len(addresses) + 64);
        }
    }
}

#[test]
fn a_quote_is_known_wherever_the_router_stopped_copying() {
    for addresses in [V4, V6] {
        let mut world = World::echo(addresses);
        let (seq, request) = world.send_echo();
        let packet = on_the_way(addresses, &[], &request);
        for len in 0..=packet.len() {
            let message = expired(addresses, &packet[..len]);
            let read = world
                .read_icmp(addresses, addresses.router, &message)
                .map(|found| found.seq);
            if len < header_len(addresses) + 8 {
                assert!(matches!(read, Err(Ignored::Malformed(_))), "{len} bytes: {read:?}");
            } else if addresses.target.is_ipv6() && len < header_len(addresses) + 8 + 22 {
                assert_eq!(read, Err(Ignored::Cookie), "{len} bytes: the mark is not whole");
            } else {
                assert_eq!(read, Ok(seq), "{len} bytes");
            }
        }
    }
}

#[test]
fn the_options_of_a_quoted_header_are_stepped_over() {
    let mut world = World::echo(V4);
    let (seq, request) = world.send_echo();
    for words in 0..=10 {
        let packet = on_the_way(V4, &vec![1; words * 4], &request);
        for len in [packet.len(), 20 + words * 4 + 8] {
            let read = world.read_icmp(V4, V4.router, &expired(V4, &packet[..len]));
            assert_eq!(read.map(|found| found.seq), Ok(seq), "{words} words of options");
        }
    }
}

#[test]
fn what_routers_and_nats_rewrite_does_not_matter_while_the_cookie_is_quoted() {
    let mut world = World::echo(V4);
    let (seq, request) = world.send_echo();
    let packet = on_the_way(V4, &[], &request);
    // TOS, total length, identification, flags, TTL, IP checksum, our own address (SNAT), ICMP checksum.
    for place in [1, 2, 3, 4, 5, 6, 8, 10, 11, 12, 15, 22, 23] {
        let mut rewritten = packet.clone();
        rewritten[place] ^= 0x40;
        let read = world.read_icmp(V4, V4.router, &expired(V4, &rewritten));
        assert_eq!(read.map(|found| found.seq), Ok(seq), "byte {place}");
    }
    let mut world = World::echo(V6);
    let (seq, request) = world.send_echo();
    let packet = on_the_way(V6, &[], &request);
    // Traffic class, flow label, hop limit, our own address, ICMPv6 checksum.
    for place in [1, 2, 3, 7, 8, 23, 42, 43] {
        let mut rewritten = packet.clone();
        rewritten[place] ^= 0x40;
        let read = world.read_icmp(V6, V6.router, &expired(V6, &rewritten));
        assert_eq!(read.map(|found| found.seq), Ok(seq), "byte {place}");
    }
}

#[test]
fn a_quoted_cookie_must_be_ours_and_the_packet_have_gone_to_the_target() {
    for addresses in [V4, V6] {
        let mut world = World::echo(addresses);
        let (_, request) = world.send_echo();
        let read = |packet: &[u8]| world.read_icmp(addresses, addresses.router, &expired(addresses, packet));
        for byte in 10..30 {
            let mut forged = request.clone();
            forged[byte] ^= 1;
            assert_eq!(
                read(&on_the_way(addresses, &[], &forged)),
                Err(Ignored::Cookie),
                "byte {byte}"
            );
        }
        let elsewhere = Addresses {
            target: addresses.router,
            ..addresses
        };
        assert_eq!(read(&on_the_way(elsewhere, &[], &request)), Err(Ignored::Sender));
    }
}

#[test]
fn eight_quoted_bytes_answer_a_probe_only_while_it_is_awaited() {
    {
        let addresses = V4;
        let mut world = World::echo(addresses);
        let (seq, request) = world.send_echo();
        let short = expired(
            addresses,
            &on_the_way(addresses, &[], &request)[..header_len(addresses) + 8],
        );
        let read = |world: &World| {
            world
                .read_icmp(addresses, addresses.router, &short)
                .map(|found| found.seq)
        };
        assert_eq!(read(&world), Ok(seq));
        world.answered(SeriesId::new(0), seq);
        assert_eq!(read(&world), Err(Ignored::Cookie), "answered");
        let (_, request) = world.send_echo();
        let short = expired(
            addresses,
            &on_the_way(addresses, &[], &request)[..header_len(addresses) + 8],
        );
        world.prober.handle_deadline(world.now.after(Duration::from_secs(1)));
        let read = world.read_icmp(addresses, addresses.router, &short);
        assert_eq!(read, Err(Ignored::Cookie), "timed out");
    }
}

#[test]
fn eight_quoted_bytes_must_all_be_ours() {
    {
        let addresses = V4;
        let mut world = World::echo(addresses);
        let (seq, request) = world.send_echo();
        let read = |header: &[u8], target| {
            let packet = on_the_way(Addresses { target, ..addresses }, &[], header);
            let read = world.read_icmp(addresses, addresses.router, &expired(addresses, &packet));
            read.map(|found| found.seq)
        };
        let changed = |place: usize| {
            let mut header = request[..8].to_vec();
            header[place] ^= 1;
            header
        };
        assert_eq!(read(&request[..8], addresses.target), Ok(seq));
        assert_eq!(
            read(&request[..8], addresses.router),
            Err(Ignored::Foreign),
            "another target"
        );
        assert_eq!(
            read(&changed(0), addresses.target),
            Err(Ignored::Foreign),
            "no echo request"
        );
        assert_eq!(
            read(&changed(5), addresses.target),
            Err(Ignored::Foreign),
            "another identifier"
        );
        assert_eq!(
            read(&changed(7), addresses.target),
            Err(Ignored::Cookie),
            "another sequence number"
        );
        assert_eq!(
            read(&changed(2), addresses.target),
            Err(Ignored::Cookie),
            "another checksum"
        );
    }
}

#[test]
fn eight_quoted_bytes_tell_the_flows_of_a_target_apart() {
    let series = [(V4.target, Endpoint::Icmp, 0), (V4.target, Endpoint::Icmp, 1)];
    let mut world = World::new(&series);
    for _ in 0..4 {
        let (series, seq) = world.send();
        let packet = on_the_way(V4, &[], &world.echo_request(series, seq)[..8]);
        let read = world.read_icmp(V4, V4.router, &expired(V4, &packet));
        assert_eq!(read.map(|found| (found.series, found.seq)), Ok((series, seq)));
    }
}

#[test]
fn eight_quoted_bytes_mean_the_newest_probe_of_their_sequence_number() {
    let mut world = World::echo(V4);
    for _ in 0..1 << 16 {
        let due = world.due();
        world.prober.handle_send_error(due, SendError::NoBuffer);
    }
    let (seq, request) = world.send_echo();
    assert_eq!((seq.get(), &request[6..8]), (1 << 16, &[0, 1][..]));
    let packet = on_the_way(V4, &[], &request[..8]);
    let read = world.read_icmp(V4, V4.router, &expired(V4, &packet));
    assert_eq!(read.map(|found| found.seq), Ok(seq));
}

#[test]
fn quotes_of_others_are_ignored() {
    for addresses in [V4, V6] {
        let mut world = World::echo(addresses);
        let (_, request) = world.send_echo();
        let read = |protocol: u8, transport: &[u8]| {
            let packet = handmade::ip(addresses.ours, addresses.target, protocol, &[], transport);
            world.read_icmp(addresses, addresses.router, &expired(addresses, &packet))
        };
        let icmp = if addresses.target.is_ipv4() { 1 } else { 58 };
        let mut others = request.clone();
        others[4] ^= 1;
        assert_eq!(read(icmp, &others), Err(Ignored::Foreign), "an echo of another process");
        assert_eq!(
            read(icmp, &handmade::echo_reply(&request)),
            Err(Ignored::Foreign),
            "a reply"
        );
        let udp = [0x9c, 0x40, 0x82, 0x9a, 0, 8, 0, 0];
        assert_eq!(read(17, &udp), Err(Ignored::Foreign), "UDP");
        assert_eq!(read(132, &request), Err(Ignored::Foreign), "SCTP");
        let other_family = if addresses.target.is_ipv4() { 58 } else { 1 };
        assert_eq!(read(other_family, &request), Err(Ignored::Foreign));
    }
}

#[test]
fn a_quoted_syn_is_known_by_its_ports_and_sequence_number() {
    for addresses in [V4, V6] {
        let mut world = World::syn(addresses);
        world.send();
        let (seq, packet) = world.send_syn(addresses.ours);
        let expected = unreachable_from(addresses.router, if addresses.target.is_ipv4() { 11 } else { 3 }, 0);
        for len in [packet.len(), header_len(addresses) + 8] {
            let read = world.read_icmp(addresses, addresses.router, &expired(addresses, &packet[..len]));
            assert_eq!(verdict(read), Ok((0, seq.get(), expected)), "{len} bytes");
        }
        let read = |place: usize| {
            let mut changed = packet[..header_len(addresses) + 8].to_vec();
            changed[header_len(addresses) + place] ^= 1;
            world.read_icmp(addresses, addresses.router, &expired(addresses, &changed))
        };
        assert_eq!(read(0), Err(Ignored::Foreign), "a port that is not ours");
        assert_eq!(read(1), Err(Ignored::Cookie), "a port of ours, not of this probe");
        assert_eq!(read(3), Err(Ignored::Foreign), "another backend");
        for byte in 4..8 {
            assert_eq!(read(byte), Err(Ignored::Cookie), "another sequence number");
        }
    }
}

#[test]
fn a_quoted_syn_keeps_its_options() {
    let mut world = World::syn(V4);
    let (seq, packet) = world.send_syn(V4.ours);
    let with_options = handmade::ip(V4.ours, V4.target, 6, &OPTIONS, &packet[20..28]);
    let read = world.read_icmp(V4, V4.router, &expired(V4, &with_options));
    assert_eq!(read.map(|found| found.seq), Ok(seq));
}
