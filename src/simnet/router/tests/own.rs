//! Packets for the router itself.

use super::*;

#[test]
fn it_replies_to_echo_requests_from_the_address_asked() {
    for [host, _, address] in FAMILIES {
        let mut router = Rig::new(&RouterSettings::default());
        // A TTL of 1 is enough to arrive.
        let request = with_ttl(echo(host, address, b"payload"), 1);
        assert_eq!(router.forward(request.clone()).0, Transit::Consumed);
        let reply = router.answer();
        assert_eq!((reply.after, reply.cause), (Duration::ZERO, cause()));
        let reply = read(reply.bytes);
        assert_checksums(&reply);
        assert_eq!(reply.addrs, read(request.clone()).addrs.reversed());
        assert_eq!(reply.transport()[4..], read(request).transport()[4..]);
        assert_eq!(reply.ttl, 64);
    }
}

#[test]
fn echo_replies_are_not_limited() {
    let mut router = Rig::new(&RouterSettings::default());
    for _ in 0..200 {
        router.forward(echo(HOST4, ROUTER4, b""));
    }
    assert_eq!(router.sent().len(), 200);
}

#[test]
fn it_refuses_segments_and_datagrams() {
    for [host, _, address] in FAMILIES {
        let mut router = Rig::new(&RouterSettings::default());
        assert_eq!(router.forward(syn(host, address, 179)).0, Transit::Consumed);
        let reset = read(router.answer().bytes);
        assert_checksums(&reset);
        let segment = tcp::parse(reset.transport()).unwrap();
        assert_eq!((segment.src_port, segment.flags), (179, Flags::RST.and(Flags::ACK)));
        assert_eq!(
            router.forward(udp(host, address, [5, 33_434], b"x")).0,
            Transit::Consumed
        );
        assert_eq!(
            type_and_code(&router.answer()),
            if host.is_ipv4() { [3, 3] } else { [1, 4] }
        );
    }
}

#[test]
fn refused_datagrams_count_against_the_limit_and_resets_do_not() {
    let mut router = Rig::new(&RouterSettings::default());
    for _ in 0..10 {
        router.forward(udp(HOST4, ROUTER4, [1, 2], b""));
    }
    assert_eq!(router.sent().len(), 6);
    for _ in 0..10 {
        router.forward(syn(HOST4, ROUTER4, 22));
    }
    assert_eq!(router.sent().len(), 10);
}

#[test]
fn a_damaged_request_is_dropped() {
    for [host, _, address] in FAMILIES {
        let mut router = Rig::new(&RouterSettings::default());
        let mut request = echo(host, address, b"payload");
        *request.last_mut().unwrap() ^= 1;
        assert_eq!(router.forward(request).0, Transit::Dropped(DropReason::Malformed));
        assert!(router.sent().is_empty());
    }
}

#[test]
fn it_has_nothing_to_say_to_replies_resets_fragments_and_strangers() {
    let mut router = Rig::new(&RouterSettings::default());
    let [_, reply] = captures::exactly(captures::ECHO4);
    let reply = handmade::ip(HOST4, ROUTER4, ip::ICMP, &[], read(reply).transport());
    let mut reset = segment();
    reset.flags = Flags::RST.bits();
    let fragment = captures::packets(captures::FRAGMENTS4)[0].clone();
    assert_eq!(read(fragment.clone()).addrs.dst(), ROUTER4);
    let stranger = handmade::ip(HOST4, ROUTER4, 89, &[], &[0; 30]);
    let lost = Transit::Dropped(DropReason::Fragment);
    for (bytes, transit) in [
        (reply, Transit::Consumed),
        (tcp_packet(HOST4, ROUTER4, reset), Transit::Consumed),
        (fragment, lost),
        (stranger, Transit::Consumed),
    ] {
        assert_eq!(router.forward(bytes).0, transit);
        assert!(router.sent().is_empty());
    }
}

#[test]
fn filters_are_for_packets_on_their_way_only() {
    let mut router = Rig::new(&filters::one_of_each());
    assert_eq!(router.forward(echo(HOST4, ROUTER4, b"")).0, Transit::Consumed);
    assert_eq!(router.sent().len(), 1);
}

pub(super) fn syn(src: IpAddr, dst: IpAddr, port: u16) -> Vec<u8> {
    let mut syn = segment();
    syn.dst_port = port;
    tcp_packet(src, dst, syn)
}

pub(super) const fn segment() -> handmade::Tcp {
    handmade::Tcp {
        src_port: 50_000,
        dst_port: 443,
        seq: 1000,
        ack: 0,
        flags: Flags::SYN.bits(),
    }
}
