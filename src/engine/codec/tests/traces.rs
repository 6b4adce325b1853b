//! Series that are launched: datagrams, errors that say more than their type, and answers that NATs and odd targets have bent.

use std::collections::HashSet;

use super::quotes::{error, expired, header_len, on_the_way};
use super::*;
use crate::outcome::{MplsLabel, Told};

const UDP_PORT: u16 = 33_434;

fn datagrams(addresses: Addresses) -> World {
    World::traced(&[
        (addresses.target, Endpoint::Udp(UDP_PORT), 0),
        (addresses.target, Endpoint::Udp(UDP_PORT), 1),
    ])
}

/// The packet of a probe, from its IP header on, as a router gets it whose turn it is to discard it.
fn packet(world: &World, addresses: Addresses, due: Due) -> Vec<u8> {
    let mut buf = vec![0xa5; 256];
    let udp = world.codec.write_udp(due, addresses.ours, &mut buf);
    let len = if udp > 0 {
        udp
    } else {
        world.codec.write_syn(due, addresses.ours, world.now, &mut buf)
    };
    assert!(len > 0);
    buf.truncate(len);
    buf[if addresses.ours.is_ipv4() { 8 } else { 7 }] = 1;
    buf
}

fn from_router(world: &World, addresses: Addresses, quote: &[u8]) -> Result<u64, Ignored> {
    let read = world.read_icmp(addresses, addresses.router, &expired(addresses, quote));
    read.map(|found| found.seq.get())
}

#[test]
fn a_datagram_keeps_its_ports_and_has_a_checksum_of_its_own_that_is_right() {
    for addresses in [V4, V6] {
        let mut world = datagrams(addresses);
        let mut checksums = HashSet::new();
        for ttl in 1..=64 {
            let due = world.launch(0, ttl);
            let mut buf = [0x5a; 200];
            let len = world.codec.write_udp(due, addresses.ours, &mut buf);
            assert_eq!(len, header_len(addresses) + 8 + 56);
            let (header, segment) = buf[..len].split_at(header_len(addresses));
            let (protocol, hop_limit) = if addresses.ours.is_ipv4() {
                (header[9], header[8])
            } else {
                (header[6], header[7])
            };
            assert_eq!((protocol, hop_limit), (17, ttl));
            // 50000 and 33434.
            assert_eq!(segment[..6], [0xc3, 0x50, 0x82, 0x9a, 0, 64]);
            let sum = handmade::checksum_with_addresses(addresses.ours, addresses.target, 17, segment);
            assert_eq!(sum, 0);
            checksums.insert([segment[6], segment[7]]);
        }
        assert_eq!(checksums.len(), 64);
        assert!(!checksums.contains(&[0, 0]), "which would be none");
        let due = world.launch(1, 1);
        assert_eq!(
            packet(&world, addresses, due)[header_len(addresses)..][..2],
            [0xc3, 0x51]
        );
    }
}

#[test]
fn a_datagram_that_cannot_be_written_is_no_packet() {
    let mut world = datagrams(V4);
    let due = world.launch(0, 1);
    let mut buf = [0; 128];
    assert_eq!(world.codec.write_udp(due, V6.ours, &mut buf), 0, "families");
    assert_eq!(world.codec.write_udp(due, V4.ours, &mut buf[..83]), 0, "room");
    assert_eq!(world.codec.write_udp(due, V4.ours, &mut buf[..84]), 84);
    let echo = World::echo(V4);
    assert_eq!(echo.codec.write_udp(due, V4.ours, &mut buf), 0, "no port");
}

#[test]
fn a_quoted_datagram_is_known_wherever_the_router_stopped_copying() {
    for addresses in [V4, V6] {
        let mut world = datagrams(addresses);
        for index in [0, 1, 0, 1] {
            let due = world.launch(index, 3);
            let packet = packet(&world, addresses, due);
            for len in 0..=packet.len() {
                let message = expired(addresses, &packet[..len]);
                let read = world.read_icmp(addresses, addresses.router, &message);
                if len < header_len(addresses) + 8 {
                    assert!(matches!(read, Err(Ignored::Malformed(_))), "{len} bytes: {read:?}");
                } else {
                    let read = read.map(|found| (found.series, found.seq));
                    assert_eq!(read, Ok((due.series, due.seq)), "{len} bytes");
                }
            }
        }
    }
}

#[test]
fn the_target_says_that_nothing_listens() {
    for (addresses, icmp_type, code) in [(V4, 3, 3), (V6, 1, 4)] {
        let mut world = datagrams(addresses);
        let due = world.launch(0, 9);
        let message = error(icmp_type, code, &packet(&world, addresses, due));
        let found = world.read_icmp(addresses, addresses.target, &message).unwrap();
        assert_eq!(found.answer, unreachable_from(addresses.target, icmp_type, code));
        assert_eq!((found.seq, found.from), (due.seq, Some(addresses.target)));
    }
}

#[test]
fn a_forged_quote_of_a_datagram_is_none() {
    for addresses in [V4, V6] {
        let mut world = datagrams(addresses);
        let due = world.launch(0, 3);
        let whole = packet(&world, addresses, due);
        let at = header_len(addresses);
        for byte in at + 10..at + 30 {
            let mut forged = whole.clone();
            forged[byte] ^= 1;
            assert_eq!(
                from_router(&world, addresses, &forged),
                Err(Ignored::Cookie),
                "byte {byte}"
            );
        }
        let short = |world: &World, place: usize, mask: u8| {
            let mut changed = whole[..at + 8].to_vec();
            changed[at + place] ^= mask;
            from_router(world, addresses, &changed)
        };
        assert_eq!(short(&world, 1, 1), Err(Ignored::Cookie), "of the other flow");
        assert_eq!(short(&world, 3, 1), Err(Ignored::Foreign), "another port of the target");
        assert_eq!(short(&world, 6, 1), Err(Ignored::Cookie), "another checksum");
        assert_eq!(short(&world, 7, 1), Err(Ignored::Cookie), "another checksum");
        assert_eq!(short(&world, 0, 0), Ok(due.seq.get()));
        world.answered(due.series, due.seq);
        assert_eq!(short(&world, 0, 0), Err(Ignored::Cookie), "answered");
        // What other programs send, in great numbers, and we see it on a raw socket.
        let others = handmade::ip(addresses.ours, addresses.target, 17, &[], &[0x77; 60]);
        assert_eq!(from_router(&world, addresses, &others), Err(Ignored::Foreign));
    }
}

#[test]
fn a_nat_may_change_the_ends_of_a_datagram_but_not_its_proof() {
    for addresses in [V4, V6] {
        let mut world = datagrams(addresses);
        let due = world.launch(1, 3);
        let whole = packet(&world, addresses, due);
        let at = header_len(addresses);
        let mut other_port = whole.clone();
        other_port[at] ^= 0x10;
        for len in [at + 8, whole.len()] {
            assert_eq!(from_router(&world, addresses, &other_port[..len]), Ok(due.seq.get()));
        }
        let elsewhere = handmade::ip(addresses.ours, addresses.router, 17, &[], &whole[at..]);
        assert_eq!(from_router(&world, addresses, &elsewhere), Ok(due.seq.get()));
        assert_eq!(
            from_router(&world, addresses, &elsewhere[..at + 8]),
            Err(Ignored::Foreign),
            "16 bits prove no other target"
        );
    }
}

#[test]
fn the_cookie_of_an_echo_of_a_trace_is_proof_whoever_answers() {
    for addresses in [V4, V6] {
        let mut world = World::traced(&[(addresses.target, Endpoint::Icmp, 0)]);
        let due = world.launch(0, 3);
        let request = world.echo_request(due.series, due.seq);
        let reply = handmade::echo_reply(&request);
        let found = world.read_icmp(addresses, addresses.router, &reply).unwrap();
        assert_eq!(
            (found.seq, found.from, found.told),
            (due.seq, Some(addresses.router), None)
        );
        let mut forged = reply;
        forged[12] ^= 1;
        handmade::resum(&mut forged);
        let read = world.read_icmp(addresses, addresses.router, &forged);
        assert_eq!(read, Err(Ignored::Cookie));
        let elsewhere = Addresses {
            target: addresses.router,
            ..addresses
        };
        let mut other_ident = request;
        other_ident[4] ^= 1;
        for quote in [
            on_the_way(elsewhere, &[], &other_ident),
            on_the_way(addresses, &[], &other_ident),
        ] {
            assert_eq!(from_router(&world, addresses, &quote), Ok(due.seq.get()));
        }
        other_ident[12] ^= 1;
        let forged = on_the_way(addresses, &[], &other_ident);
        assert_eq!(from_router(&world, addresses, &forged), Err(Ignored::Foreign));
    }
}

#[test]
fn eight_bytes_of_an_echo_of_a_trace_prove_it_behind_another_identifier() {
    let mut world = World::traced(&[(V4.target, Endpoint::Icmp, 0)]);
    let due = world.launch(0, 3);
    let mut header = world.echo_request(due.series, due.seq)[..8].to_vec();
    header[4] ^= 1;
    let read = |header: &[u8]| from_router(&world, V4, &on_the_way(V4, &OPTIONS, header));
    assert_eq!(read(&header), Ok(due.seq.get()));
    header[2] ^= 1;
    assert_eq!(read(&header), Err(Ignored::Foreign), "another checksum");
}

#[test]
fn syns_of_one_port_are_told_apart_by_their_numbers_and_a_nat_may_change_the_port() {
    for addresses in [V4, V6] {
        let mut world = World::traced(&[(addresses.target, Endpoint::Tcp(BACKEND), 1)]);
        let dues: Vec<Due> = (1..=30).map(|ttl| world.launch(0, ttl)).collect();
        let at = header_len(addresses);
        for due in dues {
            let whole = packet(&world, addresses, due);
            assert_eq!(whole[at..at + 2], 40_001_u16.to_be_bytes(), "the port of the flow");
            let mut other_port = whole.clone();
            other_port[at] ^= 0x10;
            for quote in [
                &whole,
                &whole[..at + 8].to_vec(),
                &other_port,
                &other_port[..at + 8].to_vec(),
            ] {
                assert_eq!(from_router(&world, addresses, quote), Ok(due.seq.get()));
            }
            other_port[at + 4] ^= 1;
            assert_eq!(from_router(&world, addresses, &other_port), Err(Ignored::Foreign));
        }
    }
}

#[test]
fn an_ack_of_an_older_syn_answers_the_newest_that_can_have_got_so_far() {
    for addresses in [V4, V6] {
        let mut world = World::traced(&[(addresses.target, Endpoint::Tcp(BACKEND), 0)]);
        let [old, new, near] = [6, 6, 2].map(|ttl| world.launch(0, ttl));
        let answer = |acknowledged: Due, flags| {
            let segment = Tcp {
                src_port: BACKEND,
                dst_port: 40_000,
                seq: 1,
                ack: world.codec.isn(acknowledged.series, acknowledged.seq).wrapping_add(1),
                flags,
            };
            let read = world.read_tcp(addresses, addresses.target, segment);
            read.map(|found| (found.seq, found.from))
        };
        let from = Some(addresses.target);
        assert_eq!(answer(old, 0x10), Ok((new.seq, from)), "a bare ACK");
        assert_eq!(answer(near, 0x10), Ok((near.seq, from)));
        assert_eq!(answer(old, 0x12), Ok((old.seq, from)), "a SYN-ACK");
        assert_eq!(answer(old, 0x14), Ok((old.seq, from)), "a RST");
    }
}

#[test]
fn an_error_tells_the_ttl_it_found_and_the_labels_it_came_with() {
    // RFC 4884: 128 bytes of quote, then version 2, an object of 8 bytes, class 1, c-type 1 (RFC 4950): label 24005, traffic class
    // 0, bottom of the stack, TTL 1.
    let extensions = [0x20, 0, 0, 0, 0, 8, 1, 1, 0x05, 0xdc, 0x51, 0x01];
    for addresses in [V4, V6] {
        let mut world = datagrams(addresses);
        let due = world.launch(0, 3);
        let mut quote = packet(&world, addresses, due);
        quote.resize(128, 0);
        let body = [&quote[..], &extensions].concat();
        let (icmp_type, word) = if addresses.ours.is_ipv4() {
            (11, [0, 32, 0, 0])
        } else {
            (3, [16, 0, 0, 0])
        };
        let message = handmade::icmp(icmp_type, 0, word, &body);
        let found = world.read_icmp(addresses, addresses.router, &message).unwrap();
        assert_eq!((found.seq, found.from), (due.seq, Some(addresses.router)));
        let told = found.told.unwrap();
        assert_eq!((told.quoted_ttl, told.mtu), (1, None));
        let labels: Vec<MplsLabel> = told.mpls.iter().collect();
        let [label] = labels[..] else { panic!("{labels:?}") };
        assert_eq!((label.label(), label.is_bottom(), label.ttl()), (24_005, true, 1));
    }
}

#[test]
fn an_error_tells_the_mtu() {
    for (addresses, kind, word) in [(V4, (3, 4), [0, 0, 0x05, 0x78]), (V6, (2, 0), [0, 0, 0x05, 0x78])] {
        let mut world = datagrams(addresses);
        let due = world.launch(0, 3);
        let message = handmade::icmp(kind.0, kind.1, word, &packet(&world, addresses, due));
        let found = world.read_icmp(addresses, addresses.router, &message).unwrap();
        let told = Told {
            quoted_ttl: 1,
            mtu: Some(1400),
            ..Told::default()
        };
        assert_eq!(found.told, Some(told));
    }
}
