use super::*;
use crate::simnet::outbox::Outgoing;
use crate::simnet::packet::testing::{
    HOST4, HOST6, ROUTER4, ROUTER6, TARGET4, TARGET6, assert_checksums, cause, echo, read, tcp as tcp_packet, udp,
    without_choices,
};
use crate::simnet::topology::{Jitter, Limit, MplsLabel, Rate, Span};
use crate::wire::icmp::Message;
use crate::wire::{captures, handmade};

mod filters;
mod hostile;
mod own;
mod shape;

/// Host, target, router.
const FAMILIES: [[IpAddr; 3]; 2] = [[HOST4, TARGET4, ROUTER4], [HOST6, TARGET6, ROUTER6]];

#[test]
fn what_passes_has_one_less_to_live_and_right_checksums() {
    for [host, target, _] in FAMILIES {
        let mut router = Rig::new(&RouterSettings::default());
        let (transit, packet) = router.forward(echo(host, target, b"payload"));
        assert_eq!(transit, Transit::Forward);
        assert_eq!(
            (packet.ttl, packet.bytes[if host.is_ipv4() { 8 } else { 7 }]),
            (handmade::TTL - 1, handmade::TTL - 1)
        );
        assert_checksums(&packet);
        assert!(router.sent().is_empty());
    }
}

#[test]
fn a_ttl_that_runs_out_is_answered_byte_for_byte_as_linux_does() {
    for capture in [
        captures::TIME_EXCEEDED4_ECHO,
        captures::TIME_EXCEEDED6_ECHO,
        captures::TIME_EXCEEDED4_SYN,
        captures::TIME_EXCEEDED6_SYN,
    ] {
        let [request, theirs] = captures::exactly(capture);
        let mut router = Rig::new(&RouterSettings::default());
        let (transit, _) = router.forward(request);
        assert_eq!(transit, Transit::Dropped(DropReason::TtlExpired));
        assert_eq!(without_choices(router.answer().bytes), without_choices(theirs));
    }
}

#[test]
fn packets_too_big_are_answered_byte_for_byte_as_linux_does() {
    for capture in [captures::TOO_BIG4, captures::TOO_BIG6] {
        let [request, theirs] = captures::exactly(capture);
        let mut router = Rig::new(&RouterSettings::default());
        let (transit, packet) = router.forward(request);
        assert_eq!(transit, Transit::Forward);
        assert!(!router.router.handle_too_big(START, &packet, 1400, &mut router.out));
        assert_eq!(without_choices(router.answer().bytes), without_choices(theirs));
    }
}

#[test]
fn only_ipv4_packets_that_may_be_fragmented_go_on_where_they_are_too_big() {
    let mut router = Rig::new(&RouterSettings::default());
    let mut bytes = udp(HOST4, TARGET4, [1, 2], &[0; 1300]);
    bytes[6] = 0;
    assert!(router.router.handle_too_big(START, &read(bytes), 1280, &mut router.out));
    assert!(router.sent().is_empty());
}

#[test]
fn a_ttl_of_zero_or_one_runs_out_and_two_does_not() {
    for [host, target, _] in FAMILIES {
        for (ttl, transit) in [
            (0, Transit::Dropped(DropReason::TtlExpired)),
            (1, Transit::Dropped(DropReason::TtlExpired)),
            (2, Transit::Forward),
        ] {
            let mut router = Rig::new(&RouterSettings::default());
            assert_eq!(
                router.forward(with_ttl(echo(host, target, b""), ttl)).0,
                transit,
                "TTL {ttl}"
            );
        }
    }
}

#[test]
fn an_answer_belongs_to_the_packet_that_caused_it_and_leaves_at_once() {
    for [host, target, address] in FAMILIES {
        let mut router = Rig::new(&RouterSettings::default());
        router.forward(with_ttl(echo(host, target, b""), 1));
        let answer = router.answer();
        assert_eq!((answer.cause, answer.after), (cause(), Duration::ZERO));
        let answer = read(answer.bytes);
        assert_eq!(
            (answer.addrs.src(), answer.addrs.dst(), answer.ttl),
            (address, host, 64)
        );
    }
}

#[test]
fn a_hidden_router_leaves_the_ttl_alone() {
    for [host, target, _] in FAMILIES {
        let hidden = RouterSettings {
            hidden: Some(true),
            ..RouterSettings::default()
        };
        let mut router = Rig::new(&hidden);
        let bytes = with_ttl(echo(host, target, b""), 1);
        let (transit, packet) = router.forward(bytes.clone());
        assert_eq!((transit, packet.bytes), (Transit::Forward, bytes.clone()));
        router
            .router
            .handle_no_route(START, &read(bytes.clone()), &mut router.out);
        assert_eq!(quote(&router.answer()), bytes);
    }
}

#[test]
fn a_silent_router_sends_no_errors_but_replies_to_echo_requests() {
    for [host, target, address] in FAMILIES {
        let silent = RouterSettings {
            silent: Some(true),
            ..RouterSettings::default()
        };
        let mut router = Rig::new(&silent);
        let packet = read(echo(host, target, b""));
        router.forward(with_ttl(packet.bytes.clone(), 1));
        router.forward(udp(host, address, [1, 2], b""));
        router.router.handle_no_route(START, &packet, &mut router.out);
        router.router.handle_dead_neighbour(START, &packet, &mut router.out);
        assert!(!router.router.handle_too_big(START, &packet, 1280, &mut router.out));
        assert!(router.sent().is_empty());
        router.forward(echo(host, address, b""));
        assert_eq!(router.sent().len(), 1);
    }
}

#[test]
fn errors_are_limited_as_linux_does_and_what_mtu_discovery_needs_is_not() {
    for [host, target, _] in FAMILIES {
        let mut router = Rig::new(&RouterSettings::default());
        for _ in 0..10 {
            router.forward(with_ttl(echo(host, target, b""), 1));
        }
        assert_eq!(router.sent().len(), 6);
        for _ in 0..10 {
            assert!(
                !router
                    .router
                    .handle_too_big(START, &read(echo(host, target, b"")), 1280, &mut router.out)
            );
        }
        assert_eq!(router.sent().len(), 10);
    }
}

#[test]
fn a_share_of_its_icmp_is_lost() {
    let lossy = RouterSettings {
        icmp_loss: Some(0.25),
        icmp_limit: Some(IcmpLimit::None),
        ..RouterSettings::default()
    };
    // Binomial: 4,000 tries at 3/4 have a standard deviation of 27.4 around 3,000. The bound is five of those.
    for bytes in [with_ttl(echo(HOST4, TARGET4, b""), 1), echo(HOST6, ROUTER6, b"")] {
        let mut router = Rig::new(&lossy);
        for _ in 0..4000 {
            router.forward(bytes.clone());
        }
        let sent = router.sent().len();
        assert!((2863..=3137).contains(&sent), "{sent}");
    }
}

#[test]
fn its_control_plane_takes_its_time_and_forwarding_does_not() {
    let slow = RouterSettings {
        icmp_delay: Some(Jitter::Bimodal {
            by: Span(Duration::from_millis(5)),
            share: 1.0,
        }),
        ..RouterSettings::default()
    };
    let mut router = Rig::new(&slow);
    router.forward(with_ttl(echo(HOST4, TARGET4, b""), 1));
    router.forward(echo(HOST6, ROUTER6, b""));
    let after: Vec<_> = router.sent().into_iter().map(|sent| sent.after).collect();
    assert_eq!(after, [Duration::from_millis(5); 2]);
}

#[test]
fn a_dead_neighbour_is_given_three_seconds_or_what_the_settings_say() {
    let quick = RouterSettings {
        neighbour_timeout: Some(Span(Duration::from_millis(700))),
        ..RouterSettings::default()
    };
    for (settings, after) in [(RouterSettings::default(), 3000), (quick, 700)] {
        for [host, target, _] in FAMILIES {
            let mut router = Rig::new(&settings);
            let packet = router.forward(echo(host, target, b"")).1;
            router.router.handle_dead_neighbour(START, &packet, &mut router.out);
            let answer = router.answer();
            assert_eq!(answer.after, Duration::from_millis(after));
            assert_eq!(type_and_code(&answer), if host.is_ipv4() { [3, 1] } else { [1, 3] });
            // The neighbour is looked for after the decrement.
            assert_eq!(quote(&answer), packet.bytes);
        }
    }
}

#[test]
fn without_a_route_the_packet_is_quoted_as_it_arrived() {
    for [host, target, _] in FAMILIES {
        let mut router = Rig::new(&RouterSettings::default());
        let bytes = echo(host, target, b"payload");
        let packet = router.forward(bytes.clone()).1;
        router.router.handle_no_route(START, &packet, &mut router.out);
        let answer = router.answer();
        assert_eq!(type_and_code(&answer), if host.is_ipv4() { [3, 0] } else { [1, 0] });
        assert_eq!(quote(&answer), bytes);
    }
}

#[test]
fn nothing_is_said_about_errors_or_to_groups() {
    let mut router = Rig::new(&RouterSettings::default());
    let error = handmade::icmp(11, 0, [0; 4], &echo(TARGET4, HOST4, b""));
    let error = handmade::ip(HOST4, TARGET4, ip::ICMP, &[], &error);
    let group = udp(HOST6, "ff02::2".parse().unwrap(), [1, 2], b"");
    for bytes in [error, group] {
        assert_eq!(
            router.forward(with_ttl(bytes.clone(), 1)).0,
            Transit::Dropped(DropReason::TtlExpired)
        );
        router
            .router
            .handle_no_route(START, &read(bytes.clone()), &mut router.out);
        assert!(!router.router.handle_too_big(START, &read(bytes), 1280, &mut router.out));
    }
    assert!(router.sent().is_empty());
}

#[test]
fn packets_are_balanced_one_by_one_where_the_settings_say_so() {
    let balancing = |balance| {
        let settings = RouterSettings {
            balance,
            ..RouterSettings::default()
        };
        Rig::new(&settings).router.balances_packets()
    };
    assert_eq!(
        [None, Some(Balance::Flow), Some(Balance::Packet)].map(balancing),
        [false, false, true]
    );
}

#[test]
fn the_state_of_the_error_limit_outlives_a_change_of_other_settings() {
    let mut router = Rig::new(&RouterSettings::default());
    let expiring = with_ttl(echo(HOST4, TARGET4, b""), 1);
    let sent_by_ten = |router: &mut Rig| {
        for _ in 0..10 {
            router.forward(expiring.clone());
        }
        router.sent().len()
    };
    assert_eq!(sent_by_ten(&mut router), 6);
    let mut settings = RouterSettings {
        ttl: Some(255),
        icmp_limit: Some(IcmpLimit::Linux),
        ..RouterSettings::default()
    };
    router.router.reconfigure(START, &settings);
    assert_eq!(sent_by_ten(&mut router), 0);
    settings.icmp_limit = Some(IcmpLimit::None);
    router.router.reconfigure(START, &settings);
    assert_eq!(sent_by_ten(&mut router), 10);
}

/// A router with what it sends.
struct Rig {
    router: Router,
    out: Outbox,
}

impl Rig {
    fn new(settings: &RouterSettings) -> Self {
        Self::with_addresses(&[ROUTER4, ROUTER6], settings)
    }

    fn with_addresses(addresses: &[IpAddr], settings: &RouterSettings) -> Self {
        Self {
            router: Router::new(addresses, settings, random::stream(1, "router"), START),
            out: Outbox::default(),
        }
    }

    fn forward(&mut self, bytes: Vec<u8>) -> (Transit, Packet) {
        self.forward_at(START, bytes)
    }

    fn forward_at(&mut self, now: Mono, bytes: Vec<u8>) -> (Transit, Packet) {
        let mut packet = read(bytes);
        (self.router.handle_packet(now, &mut packet, &mut self.out), packet)
    }

    /// All that it has sent since.
    fn sent(&mut self) -> Vec<Outgoing> {
        self.out.drain().collect()
    }

    /// The one packet that it has sent since.
    fn answer(&mut self) -> Outgoing {
        let [answer] = self.sent().try_into().expect("one answer");
        answer
    }
}

fn with_ttl(bytes: Vec<u8>, ttl: u8) -> Vec<u8> {
    let mut packet = read(bytes);
    packet.set_ttl(ttl);
    packet.bytes
}

fn type_and_code(sent: &Outgoing) -> [u8; 2] {
    let packet = read(sent.bytes.clone());
    [packet.transport()[0], packet.transport()[1]]
}

/// What follows the ICMP header.
fn quote(sent: &Outgoing) -> Vec<u8> {
    read(sent.bytes.clone()).transport()[8..].to_vec()
}

/// Length of the extensions.
fn extensions(sent: &Outgoing) -> usize {
    let packet = read(sent.bytes.clone());
    match icmp::parse(packet.addrs.family(), packet.transport()) {
        Ok(Message::TimeExceeded { body, .. } | Message::Unreachable { body, .. }) => body.extensions.len(),
        other => panic!("{other:?}"),
    }
}

const START: Mono = Mono::from_nanos(1_000_000_000);
