//! Echo requests and their replies.

use std::collections::HashSet;

use super::*;

#[test]
fn an_echo_reply_answers_its_probe() {
    for addresses in [V4, V6] {
        let mut world = World::echo(addresses);
        world.send();
        let (seq, request) = world.send_echo();
        let reply = handmade::echo_reply(&request);
        let found = world.read_icmp(addresses, addresses.target, &reply).unwrap();
        assert_eq!(verdict(Ok(found)), Ok((0, seq.get(), Answer::Reply)));
        assert_eq!(found.bytes, 64, "from the ICMP header on");
        let shown = addresses.target.is_ipv4().then_some(handmade::TTL);
        assert_eq!(found.ttl, shown, "over IPv6 the kernel tells it apart from the packet");
    }
}

#[test]
fn the_options_of_the_ip_header_are_stepped_over() {
    let mut world = World::echo(V4);
    let (seq, request) = world.send_echo();
    let reply = handmade::echo_reply(&request);
    for words in 0..=10 {
        let options = vec![1; words * 4];
        let packet = handmade::ip(V4.target, V4.ours, 1, &options, &reply);
        let found = world.codec.read_packet(&packet, &world.prober);
        assert_eq!(
            verdict(found),
            Ok((0, seq.get(), Answer::Reply)),
            "{words} words of options"
        );
    }
}

#[test]
fn padding_of_the_link_is_no_part_of_a_reply() {
    let mut world = World::echo(V4);
    let (_, request) = world.send_echo();
    let mut packet = handmade::ip(V4.target, V4.ours, 1, &[], &handmade::echo_reply(&request));
    packet.extend([0xee; 6]);
    assert_eq!(world.codec.read_packet(&packet, &world.prober).unwrap().bytes, 64);
}

#[test]
fn no_bit_of_the_proof_of_a_reply_can_be_changed() {
    for addresses in [V4, V6] {
        let mut world = World::echo(addresses);
        let (_, request) = world.send_echo();
        let reply = handmade::echo_reply(&request);
        for bit in 10 * 8..30 * 8 {
            let mut forged = reply.clone();
            forged[bit / 8] ^= 1 << (bit % 8);
            handmade::resum(&mut forged);
            let read = world.read_icmp(addresses, addresses.target, &forged);
            assert_eq!(read, Err(Ignored::Cookie), "bit {bit}");
        }
    }
}

#[test]
fn a_reply_to_another_run_or_another_process_is_not_ours() {
    for addresses in [V4, V6] {
        let mut world = World::echo(addresses);
        let (_, request) = world.send_echo();
        let mut earlier_run = World::with_key(CookieKey::new([8, 9]), &[(addresses.target, Endpoint::Icmp, 0)]);
        let (_, stale) = earlier_run.send_echo();
        let read = |message: &[u8]| world.read_icmp(addresses, addresses.target, message);
        assert_eq!(read(&handmade::echo_reply(&stale)), Err(Ignored::Cookie));
        let mut others = handmade::echo_reply(&request);
        others[4] ^= 1;
        handmade::resum(&mut others);
        assert_eq!(read(&others), Err(Ignored::Foreign), "another identifier");
        assert_eq!(
            read(&request),
            Err(Ignored::Foreign),
            "our own request, as loopback shows it"
        );
    }
}

#[test]
fn a_datagram_socket_knows_its_replies_by_the_cookie_alone() {
    for addresses in [V4, V6] {
        let mut world = World::echo(addresses);
        let (seq, request) = world.send_echo();
        let mut reply = handmade::echo_reply(&request);
        reply[4..6].copy_from_slice(&[0, 77]);
        let read = |message: &[u8]| {
            let read = world
                .codec
                .read_icmp(addresses.target, message, Ident::Kernels, &world.prober);
            verdict(read)
        };
        assert_eq!(read(&reply), Ok((0, seq.get(), Answer::Reply)));
        reply[20] ^= 1;
        assert_eq!(read(&reply), Err(Ignored::Cookie));
    }
}

#[test]
fn a_reply_must_come_from_the_target() {
    for addresses in [V4, V6] {
        let mut world = World::echo(addresses);
        let (_, request) = world.send_echo();
        let reply = handmade::echo_reply(&request);
        let read = world.read_icmp(addresses, addresses.router, &reply);
        assert_eq!(read, Err(Ignored::Sender));
    }
}

#[test]
fn a_series_of_syns_has_no_echo_replies() {
    let mut world = World::syn(V4);
    let (series, seq) = world.send();
    let reply = handmade::echo_reply(&world.echo_request(series, seq));
    assert_eq!(world.read_icmp(V4, V4.target, &reply), Err(Ignored::Sender));
}

#[test]
fn a_damaged_reply_is_told_by_its_checksum() {
    let mut world = World::echo(V4);
    let (_, request) = world.send_echo();
    let reply = handmade::echo_reply(&request);
    for place in 0..reply.len() {
        let mut damaged = reply.clone();
        damaged[place] ^= 0x10;
        assert_eq!(
            world.read_icmp(V4, V4.target, &damaged),
            Err(Ignored::Checksum),
            "byte {place}"
        );
    }
}

#[test]
fn a_reply_cut_short_is_none() {
    for addresses in [V4, V6] {
        let mut world = World::echo(addresses);
        let (_, request) = world.send_echo();
        let reply = handmade::echo_reply(&request);
        for len in 4..8 + 22 {
            let mut cut = reply[..len].to_vec();
            handmade::resum(&mut cut);
            let expected = if len < 8 {
                Ignored::Malformed(Malformed::TooShort)
            } else {
                Ignored::Cookie
            };
            let read = world.read_icmp(addresses, addresses.target, &cut);
            assert_eq!(read, Err(expected), "{len} bytes");
        }
    }
}

#[test]
fn a_packet_shorter_than_it_claims_is_truncated() {
    let mut world = World::echo(V4);
    let (_, request) = world.send_echo();
    let packet = handmade::ip(V4.target, V4.ours, 1, &OPTIONS, &handmade::echo_reply(&request));
    for len in 0..packet.len() {
        let expected = match len {
            0..20 => Malformed::TooShort,
            20..32 => Malformed::HeaderLength,
            _ => Malformed::Truncated,
        };
        let read = world.codec.read_packet(&packet[..len], &world.prober);
        assert_eq!(read, Err(Ignored::Malformed(expected)), "{len} bytes");
    }
}

#[test]
fn two_series_of_one_address_do_not_share_replies() {
    for addresses in [V4, V6] {
        let series = [
            (addresses.target, Endpoint::Icmp, 0),
            (addresses.target, Endpoint::Icmp, 0),
        ];
        let mut world = World::new(&series);
        for _ in 0..6 {
            let (series, seq) = world.send();
            let reply = handmade::echo_reply(&world.echo_request(series, seq));
            let read = world.read_icmp(addresses, addresses.target, &reply);
            assert_eq!(verdict(read), Ok((series.get(), seq.get(), Answer::Reply)));
        }
    }
}

/// The identifier, the checksum and the type are what routers hash (Augustin et al., IMC 2006): of the first eight bytes only the
/// sequence number may differ. Over IPv6 the kernel adds the pseudo-header, as is done here.
fn checksums_on_the_wire(addresses: Addresses, flow: u16, probes: u64) -> HashSet<u16> {
    let world = World::new(&[
        (addresses.target, Endpoint::Icmp, 0),
        (addresses.target, Endpoint::Icmp, 1),
    ]);
    let (series, mut message) = (SeriesId::new(flow.into()), vec![0; 64]);
    (0..probes)
        .map(|seq| {
            world.codec.write_echo(series, ProbeSeq::new(seq), &mut message);
            assert_eq!(message[4..6], IDENT.to_be_bytes());
            let sent = [message[2], message[3]];
            message[2..4].fill(0);
            let right = match addresses.target {
                IpAddr::V4(_) => handmade::checksum(&message),
                IpAddr::V6(_) => handmade::checksum_with_addresses(addresses.ours, addresses.target, 58, &message),
            };
            if addresses.target.is_ipv4() {
                assert_eq!(u16::from_be_bytes(sent), right, "probe {seq}");
            }
            right
        })
        .collect()
}

#[test]
fn the_checksum_of_a_flow_is_constant_and_flows_differ() {
    for addresses in [V4, V6] {
        let [first, second] = [0, 1].map(|flow| checksums_on_the_wire(addresses, flow, 100_000));
        assert_eq!(
            (first.len(), second.len()),
            (1, 1),
            "one checksum for all probes of a flow"
        );
        assert_ne!(first, second);
    }
}

#[test]
fn a_buffer_too_short_for_a_request_stays_as_it_is() {
    let mut world = World::echo(V4);
    let (series, seq) = world.send();
    let mut buf = [0; 63];
    assert_eq!(world.codec.write_echo(series, seq, &mut buf), 0);
    assert_eq!(buf, [0; 63]);
}

#[test]
fn an_error_from_the_queue_of_a_datagram_socket_gives_back_the_request() {
    for addresses in [V4, V6] {
        let mut world = World::echo(addresses);
        let (seq, mut request) = world.send_echo();
        let error = Unreachable {
            from: addresses.router,
            icmp_type: 11,
            code: 0,
        };
        // The kernel has put its own identifier and checksum into the message.
        request[2..6].copy_from_slice(&[1, 2, 3, 4]);
        let read = |message: &[u8]| verdict(world.codec.read_queued_error(error, None, message, &world.prober));
        assert_eq!(read(&request), Ok((0, seq.get(), Answer::Unreachable(error))));
        for len in 0..8 + 22 {
            assert_eq!(read(&request[..len]), Err(Ignored::Cookie), "{len} bytes");
        }
        request[12] ^= 1;
        assert_eq!(read(&request), Err(Ignored::Cookie));
    }
}

#[test]
fn eight_bytes_from_the_queue_of_a_datagram_socket_are_ours_whatever_identifier_the_kernel_chose() {
    let mut world = World::echo(V4);
    let (seq, request) = world.send_echo();
    let error = Unreachable {
        from: V4.router,
        icmp_type: 11,
        code: 0,
    };
    for ident in [0, 1, 0x00ff, 0x4a17, 0x8000, 0xfffe, 0xffff] {
        // As ping_v4_push_pending_frames does it: the identifier first, then the sum over all.
        let mut sent = request.clone();
        sent[4..6].copy_from_slice(&u16::to_be_bytes(ident));
        sent[2..4].fill(0);
        let sum = crate::wire::handmade::checksum(&sent);
        sent[2..4].copy_from_slice(&sum.to_be_bytes());
        let read = |to, header: &[u8]| {
            let read = world.codec.read_queued_error(error, Some(to), header, &world.prober);
            read.map(|found| (found.seq, found.answer))
        };
        assert_eq!(
            read(V4.target, &sent[..8]),
            Ok((seq, Answer::Unreachable(error))),
            "{ident:#06x}"
        );
        assert_eq!(read(V4.router, &sent[..8]), Err(Ignored::Foreign), "another target");
        for place in [2, 3, 7] {
            sent[place] ^= 1;
            assert_eq!(read(V4.target, &sent[..8]), Err(Ignored::Cookie), "byte {place}");
            sent[place] ^= 1;
        }
    }
}
