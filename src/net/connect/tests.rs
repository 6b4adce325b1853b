//! Tests against the kernel, on loopback and in networks of their own.

use std::collections::HashSet;
use std::net::{Ipv4Addr, Ipv6Addr, TcpListener};

use super::*;
use crate::clock::{Clock as _, SystemClock};
use crate::sys::testing::{LONG, in_fresh_network, shell};
use crate::sys::{PollFd, poll};

const PACKET: PacketOptions = PacketOptions {
    payload_bytes: 56,
    ttl: None,
    traffic_class: 0,
    interface: None,
    source: None,
};

fn connector() -> Connector {
    Connector::new(&PACKET).unwrap()
}

/// A listener at a port that the kernel chose, which does not wait in `accept`.
fn listener(at: impl Into<IpAddr>) -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind((at.into(), 0)).unwrap();
    listener.set_nonblocking(true).unwrap();
    let address = listener.local_addr().unwrap();
    (listener, address)
}

/// A socket that holds a port at which nobody listens.
fn closed_port(at: IpAddr) -> (Socket, SocketAddr) {
    let address = SocketAddr::new(at, 0);
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP)).unwrap();
    socket.bind(&address.into()).unwrap();
    let address = socket.local_addr().unwrap().as_socket().unwrap();
    (socket, address)
}

fn probe(seq: u64) -> (SeriesId, ProbeSeq) {
    (SeriesId::new(3), ProbeSeq::new(seq))
}

/// Waits until `count` attempts are over.
fn conclude(connector: &mut Connector, count: usize) -> Vec<Concluded> {
    let mut concluded = Vec::new();
    while concluded.len() < count {
        let ready = poll(&mut [PollFd::new(connector.fd(), Interest::Read)], Some(LONG)).unwrap();
        assert_eq!(ready, 1, "{} of {count} attempts over within {LONG:?}", concluded.len());
        connector.poll(|one| concluded.push(one)).unwrap();
    }
    concluded
}

/// What becomes of one attempt.
fn outcome(to: SocketAddr) -> How {
    let mut connector = connector();
    connector.start(probe(7), to, Mono::default()).unwrap();
    let concluded = conclude(&mut connector, 1);
    assert_eq!(concluded[0].probe, probe(7));
    assert_eq!((concluded.len(), connector.len()), (1, 0));
    concluded[0].how
}

#[test]
fn an_open_port_is_connected_in_less_than_user_space_measures_and_more_than_nothing() {
    for at in [IpAddr::V4(Ipv4Addr::LOCALHOST), IpAddr::V6(Ipv6Addr::LOCALHOST)] {
        let (_listener, to) = listener(at);
        let clock = SystemClock::new();
        let before = clock.mono();
        let how = outcome(to);
        let user_rtt = Rtt::from(clock.mono().since(before));
        let How::Connected(rtt) = how else {
            panic!("{to}: {how:?}")
        };
        assert!(
            rtt > Rtt::default() && rtt <= user_rtt,
            "{to}: {rtt} of the kernel, {user_rtt} of user space"
        );
    }
}

#[test]
fn a_closed_port_is_refused() {
    for at in [IpAddr::V4(Ipv4Addr::LOCALHOST), IpAddr::V6(Ipv6Addr::LOCALHOST)] {
        let (_socket, to) = closed_port(at);
        assert_eq!(outcome(to), How::Refused, "{to}");
    }
}

#[test]
fn the_listener_accepts_nothing_of_many_probes_and_everything_of_a_plain_client() {
    let (listener, to) = listener(Ipv4Addr::LOCALHOST);
    let mut connector = connector();
    for seq in 0..200 {
        connector.start(probe(seq), to, Mono::default()).unwrap();
        let how = conclude(&mut connector, 1)[0].how;
        assert!(matches!(how, How::Connected(_)), "{how:?}");
    }
    // Loopback delivers within the call that sends: what the listener has not got by now, it never gets.
    assert_eq!(listener.accept().unwrap_err().kind(), io::ErrorKind::WouldBlock);
    let _client = std::net::TcpStream::connect(to).unwrap();
    listener.accept().unwrap();
}

#[test]
fn five_hundred_attempts_at_once_each_end_once() {
    let (listener, open) = listener(Ipv4Addr::LOCALHOST);
    let (_socket, closed) = closed_port(Ipv4Addr::LOCALHOST.into());
    let mut connector = connector();
    for seq in 0..500 {
        let to = if seq % 5 == 0 { closed } else { open };
        connector.start(probe(seq), to, Mono::default()).unwrap();
    }
    assert_eq!(connector.len(), 500);
    let concluded = conclude(&mut connector, 500);
    let mut seen = HashSet::new();
    for Concluded { probe: (_, seq), how } in concluded {
        assert!(seen.insert(seq), "{seq:?} ended twice");
        match how {
            How::Refused => assert_eq!(seq.get() % 5, 0, "{seq:?}"),
            // The backlog of a listener holds fewer half-open connections than these; the others have to be repeated.
            How::Connected(_) | How::Retransmitted => assert_ne!(seq.get() % 5, 0, "{seq:?}"),
            other => panic!("{seq:?}: {other:?}"),
        }
    }
    assert_eq!(connector.len(), 0);
    drop(listener);
}

#[test]
fn an_icmp_error_is_no_refusal_and_names_its_sender() {
    in_fresh_network(|| {
        shell("nft add table ip t && nft 'add chain ip t in { type filter hook input priority 0; }'");
        for (reject, code) in [
            ("icmp type port-unreachable", 3),
            ("icmp type host-unreachable", 1),
            ("icmp type admin-prohibited", 13),
        ] {
            shell(&format!(
                "nft flush chain ip t in && nft add rule ip t in tcp flags syn reject with {reject}"
            ));
            let (_listener, to) = listener(Ipv4Addr::LOCALHOST);
            let from = Ipv4Addr::LOCALHOST.into();
            let expected = How::Unreachable(Unreachable {
                from,
                icmp_type: 3,
                code,
            });
            assert_eq!(outcome(to), expected, "{reject}");
        }
        shell("nft flush chain ip t in && nft add rule ip t in tcp flags syn reject with tcp reset");
        let (_listener, to) = listener(Ipv4Addr::LOCALHOST);
        assert_eq!(outcome(to), How::Refused);
    });
}

#[test]
fn an_icmpv6_error_is_no_refusal_either() {
    in_fresh_network(|| {
        shell("nft add table ip6 t && nft 'add chain ip6 t in { type filter hook input priority 0; }'");
        shell("nft add rule ip6 t in tcp flags syn reject with icmpv6 type admin-prohibited");
        let (_listener, to) = listener(Ipv6Addr::LOCALHOST);
        let expected = How::Unreachable(Unreachable {
            from: Ipv6Addr::LOCALHOST.into(),
            icmp_type: 1,
            code: 1,
        });
        assert_eq!(outcome(to), expected);
    });
}

#[test]
fn a_syn_ack_that_is_lost_once_makes_no_round_trip() {
    in_fresh_network(|| {
        let (_listener, to) = listener(Ipv4Addr::LOCALHOST);
        shell("nft add table ip t && nft 'add chain ip t in { type filter hook input priority 0; }'");
        // The first SYN, and no other.
        shell("nft 'add rule ip t in tcp flags & (syn | ack) == syn limit rate 1/day burst 1 packets drop'");
        assert_eq!(outcome(to), How::Retransmitted);
    });
}

#[test]
fn without_a_route_nothing_is_sent() {
    in_fresh_network(|| {
        let to = SocketAddr::from((Ipv4Addr::new(192, 0, 2, 1), 80));
        let mut connector = connector();
        assert_eq!(connector.start(probe(0), to, Mono::default()), Err(SendError::NoRoute));
        assert_eq!(connector.len(), 0);
    });
}

#[test]
fn probes_leave_with_the_source_and_the_ttl_that_were_asked_for() {
    let source = IpAddr::from(Ipv4Addr::new(127, 3, 2, 1));
    let packet = PacketOptions {
        source: Some(source),
        ttl: Some(9),
        traffic_class: 0x48,
        ..PACKET
    };
    let (listener, to) = listener(Ipv4Addr::LOCALHOST);
    let socket = open(&packet, to).unwrap();
    assert_eq!(begin(&socket, to).map(|early| early.is_some()), Ok(false));
    assert_eq!(socket.local_addr().unwrap().as_socket().unwrap().ip(), source);
    assert_eq!((socket.ttl_v4().unwrap(), socket.tos_v4().unwrap()), (9, 0x48));
    drop(listener);

    let to_v6 = SocketAddr::from((Ipv6Addr::LOCALHOST, 80));
    let refused = Connector::new(&packet).unwrap().start(probe(0), to_v6, Mono::default());
    assert_eq!(refused, Err(SendError::NoAddress), "a source of the other family");
    let nowhere = PacketOptions {
        interface: Some("no-such-if".to_owned()),
        ..PACKET
    };
    assert_eq!(Connector::new(&nowhere).unwrap_err().raw_os_error(), Some(libc::ENODEV));
}

#[test]
fn attempts_that_are_too_old_are_closed_without_a_word_and_their_places_serve_others() {
    in_fresh_network(|| {
        let (_listener, to) = listener(Ipv4Addr::LOCALHOST);
        shell("nft add table ip t && nft 'add chain ip t in { type filter hook input priority 0; }'");
        shell("nft 'add rule ip t in tcp flags & (syn | ack) == syn drop'");
        let mut connector = connector();
        for seq in 0..10 {
            connector.start(probe(seq), to, Mono::from_nanos(100 + seq)).unwrap();
        }
        connector.close_before(Mono::from_nanos(104));
        assert_eq!(connector.len(), 6);
        let concluded = {
            shell("nft flush chain ip t in");
            for seq in 10..14 {
                connector.start(probe(seq), to, Mono::from_nanos(100 + seq)).unwrap();
            }
            assert_eq!(connector.attempts.places.len(), 10, "freed places are used again");
            conclude(&mut connector, 10)
        };
        for Concluded { probe: (_, seq), how } in concluded {
            match how {
                How::Connected(_) => assert!(seq.get() >= 10, "{seq:?}"),
                How::Retransmitted => assert!((4..10).contains(&seq.get()), "{seq:?}"),
                other => panic!("{seq:?}: {other:?}"),
            }
        }
        connector.close_before(Mono::from_nanos(u64::MAX));
        assert_eq!((connector.len(), connector.by_age.len()), (0, 0));
    });
}

#[test]
fn a_token_of_an_earlier_attempt_finds_nothing_in_its_place() {
    let (_listener, to) = listener(Ipv4Addr::LOCALHOST);
    let mut slab = Slab::default();
    let attempt = |seq| Attempt {
        probe: probe(seq),
        socket: open(&PACKET, to).unwrap(),
        answered: None,
    };
    let first = slab.insert(attempt(1));
    slab.remove(first);
    let second = slab.insert(attempt(2));
    assert_eq!(first.place, second.place);
    assert!(slab.get(first).is_none());
    assert_eq!(slab.get(second).unwrap().probe, probe(2));
    slab.remove(first);
    assert!(slab.contains(second), "closing the first leaves the second alone");
    assert_eq!(slab.len(), 1);
    assert_eq!(Token::from(u64::from(second)), second);
}

#[test]
fn the_order_of_age_does_not_grow_with_the_number_of_probes() {
    let (_listener, to) = listener(Ipv4Addr::LOCALHOST);
    let (_socket, closed) = closed_port(Ipv4Addr::LOCALHOST.into());
    let mut connector = connector();
    for seq in 0..1_000 {
        connector.start(probe(seq), closed, Mono::from_nanos(seq)).unwrap();
        conclude(&mut connector, 1);
    }
    assert!(connector.by_age.len() <= SLACK + 2, "{}", connector.by_age.len());
    connector.start(probe(1_000), to, Mono::from_nanos(1_000)).unwrap();
    assert_eq!(connector.len(), 1);
}
