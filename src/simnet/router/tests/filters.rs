//! What filters match, and what becomes of it.

use super::own::{segment, syn};
use super::*;

#[test]
fn a_tcp_filter_means_syns_only() {
    for [host, target, _] in FAMILIES {
        let mut router = filtering(&[tcp(443, Action::Drop)]);
        assert_eq!(router.forward(syn(host, target, 443)).0, DROPPED);
        assert_eq!(router.forward(syn(host, target, 80)).0, Transit::Forward);
        for flags in [Flags::ACK, Flags::SYN.and(Flags::ACK), Flags::RST] {
            let mut other = segment();
            other.flags = flags.bits();
            assert_eq!(
                router.forward(tcp_packet(host, target, other)).0,
                Transit::Forward,
                "{flags:?}"
            );
        }
        assert_eq!(router.forward(udp(host, target, [1, 443], b"")).0, Transit::Forward);
    }
}

#[test]
fn an_icmp_filter_means_both_families_and_has_no_ports() {
    for [host, target, _] in FAMILIES {
        let icmp = Filter {
            proto: Some(Proto::Icmp),
            ..all(Action::Drop)
        };
        assert_eq!(
            filtering(std::slice::from_ref(&icmp))
                .forward(echo(host, target, b""))
                .0,
            DROPPED
        );
        assert_eq!(
            filtering(std::slice::from_ref(&icmp)).forward(syn(host, target, 1)).0,
            Transit::Forward
        );
        // The bytes where a port would stand are the checksum.
        let bytes = echo(host, target, b"");
        let packet = read(bytes.clone());
        let port = u16::from_be_bytes([packet.transport()[2], packet.transport()[3]]);
        assert_eq!(
            filtering(&[Filter {
                port: Some(port),
                ..icmp
            }])
            .forward(bytes)
            .0,
            Transit::Forward
        );
    }
}

#[test]
fn a_filter_without_protocol_means_all_and_its_port_that_of_tcp_and_udp() {
    for [host, target, _] in FAMILIES {
        let mut router = filtering(&[Filter {
            port: Some(53),
            ..all(Action::Drop)
        }]);
        let mut data = segment();
        (data.dst_port, data.flags) = (53, Flags::ACK.bits());
        assert_eq!(router.forward(udp(host, target, [1, 53], b"")).0, DROPPED);
        assert_eq!(router.forward(tcp_packet(host, target, data)).0, DROPPED);
        assert_eq!(router.forward(udp(host, target, [53, 1], b"")).0, Transit::Forward);
        assert_eq!(
            filtering(&[all(Action::Drop)]).forward(echo(host, target, b"")).0,
            DROPPED
        );
    }
}

#[test]
fn a_filter_means_the_destinations_it_names() {
    let to = Filter {
        to: vec![TARGET4, TARGET6],
        ..all(Action::Drop)
    };
    let mut router = filtering(&[to]);
    assert_eq!(router.forward(echo(HOST4, TARGET4, b"")).0, DROPPED);
    assert_eq!(router.forward(echo(HOST6, TARGET6, b"")).0, DROPPED);
    assert_eq!(router.forward(echo(TARGET4, HOST4, b"")).0, Transit::Forward);
}

#[test]
fn the_first_filter_that_matches_decides() {
    for [host, target, _] in FAMILIES {
        let mut router = filtering(&[tcp(443, Action::Accept), all(Action::Drop)]);
        assert_eq!(router.forward(syn(host, target, 443)).0, Transit::Forward);
        assert_eq!(router.forward(syn(host, target, 80)).0, DROPPED);
        let mut router = filtering(&[all(Action::Drop), tcp(443, Action::Accept)]);
        assert_eq!(router.forward(syn(host, target, 443)).0, DROPPED);
    }
}

#[test]
fn refusals_say_what_they_are_and_quote_the_ttl_after_the_decrement() {
    for [host, target, address] in FAMILIES {
        let expected = if host.is_ipv4() {
            [[3, 3], [3, 13]]
        } else {
            [[1, 4], [1, 1]]
        };
        for (action, expected) in [Action::Reject, Action::Prohibit].into_iter().zip(expected) {
            let mut router = filtering(&[all(action)]);
            let bytes = echo(host, target, b"");
            assert_eq!(router.forward(bytes.clone()).0, DROPPED);
            let answer = router.answer();
            assert_eq!(type_and_code(&answer), expected);
            assert_eq!(quote(&answer), with_ttl(bytes, handmade::TTL - 1));
            assert_eq!(read(answer.bytes).addrs.src(), address);
        }
        let mut router = filtering(&[all(Action::Drop)]);
        router.forward(echo(host, target, b""));
        assert!(router.sent().is_empty());
    }
}

#[test]
fn a_reset_comes_in_the_name_of_the_destination_with_the_ttl_of_the_filter() {
    for [host, target, _] in FAMILIES {
        let mut router = Rig::new(&RouterSettings {
            filters: Some(vec![all(Action::Reset)]),
            ttl: Some(200),
            silent: Some(true),
            ..RouterSettings::default()
        });
        assert_eq!(router.forward(syn(host, target, 443)).0, DROPPED);
        let reset = read(router.answer().bytes);
        assert_checksums(&reset);
        assert_eq!((reset.addrs.src(), reset.addrs.dst(), reset.ttl), (target, host, 200));
        let segment = tcp_segment(&reset);
        assert_eq!(
            (segment.flags, segment.seq, segment.ack),
            (Flags::RST.and(Flags::ACK), 0, 1001)
        );
        assert_eq!((segment.src_port, segment.dst_port, segment.window), (443, 50_000, 0));
        // There is none for what is no TCP.
        assert_eq!(router.forward(echo(host, target, b"")).0, DROPPED);
        assert!(router.sent().is_empty());
    }
}

#[test]
fn the_ttl_runs_out_before_filters_are_asked() {
    let mut router = filtering(&[all(Action::Prohibit)]);
    assert_eq!(
        router.forward(with_ttl(syn(HOST4, TARGET4, 443), 1)).0,
        Transit::Dropped(DropReason::TtlExpired)
    );
    assert_eq!(type_and_code(&router.answer()), [11, 0]);
}

#[test]
fn what_a_limit_does_not_accept_is_dropped_for_the_limit() {
    for [host, target, _] in FAMILIES {
        let mut router = filtering(&[limited(tcp(443, Action::Accept)), all(Action::Drop)]);
        let over = Transit::Dropped(DropReason::Limited);
        // Two at once, then one a second.
        let transits: Vec<_> = (0..4).map(|_| router.forward(syn(host, target, 443)).0).collect();
        assert_eq!(transits, [Transit::Forward, Transit::Forward, over, over]);
        // Other packets take nothing from it, and are dropped for another reason.
        assert_eq!(router.forward(syn(host, target, 80)).0, DROPPED);
        let later = START.after(Duration::from_secs(1));
        assert_eq!(router.forward_at(later, syn(host, target, 443)).0, Transit::Forward);
        assert_eq!(router.forward_at(later, syn(host, target, 443)).0, over);
    }
}

#[test]
fn a_refusal_with_a_limit_lets_the_rest_pass() {
    let mut router = filtering(&[limited(tcp(443, Action::Drop))]);
    let transits: Vec<_> = (0..3).map(|_| router.forward(syn(HOST4, TARGET4, 443)).0).collect();
    assert_eq!(transits, [DROPPED, DROPPED, Transit::Forward]);
}

#[test]
fn a_bucket_outlives_changes_around_it_and_not_a_change_of_its_own_filter() {
    let filter = limited(tcp(443, Action::Accept));
    let mut router = filtering(&[filter.clone(), all(Action::Drop)]);
    let accepted = |router: &mut Rig| {
        let transits = (0..5).map(|_| router.forward(syn(HOST4, TARGET4, 443)).0);
        transits.filter(|transit| *transit == Transit::Forward).count()
    };
    assert_eq!(accepted(&mut router), 2);
    let moved = with_filters(&[tcp(80, Action::Accept), filter.clone(), all(Action::Prohibit)]);
    router.router.reconfigure(START, &moved);
    assert_eq!(accepted(&mut router), 0);
    let mut changed = filter;
    changed.limit = Some(Limit {
        rate: PER_SECOND,
        burst: 4,
    });
    router
        .router
        .reconfigure(START, &with_filters(&[changed, all(Action::Drop)]));
    assert_eq!(accepted(&mut router), 4);
}

/// Settings under which packets to TCP and UDP ports meet every action.
pub(super) fn one_of_each() -> RouterSettings {
    let icmp = Filter {
        proto: Some(Proto::Icmp),
        ..all(Action::Prohibit)
    };
    let udp = Filter {
        proto: Some(Proto::Udp),
        ..all(Action::Reject)
    };
    with_filters(&[
        limited(tcp(443, Action::Accept)),
        tcp(22, Action::Drop),
        icmp,
        udp,
        all(Action::Reset),
    ])
}

fn filtering(filters: &[Filter]) -> Rig {
    Rig::new(&with_filters(filters))
}

fn with_filters(filters: &[Filter]) -> RouterSettings {
    RouterSettings {
        filters: Some(filters.to_vec()),
        ..RouterSettings::default()
    }
}

const fn all(action: Action) -> Filter {
    Filter {
        to: vec![],
        proto: None,
        port: None,
        limit: None,
        action,
    }
}

fn tcp(port: u16, action: Action) -> Filter {
    Filter {
        proto: Some(Proto::Tcp),
        port: Some(port),
        ..all(action)
    }
}

/// Two at once, then one a second.
fn limited(filter: Filter) -> Filter {
    Filter {
        limit: Some(Limit {
            rate: PER_SECOND,
            burst: 2,
        }),
        ..filter
    }
}

fn tcp_segment(packet: &Packet) -> tcp::Segment<'_> {
    tcp::parse(packet.transport()).unwrap()
}

const DROPPED: Transit = Transit::Dropped(DropReason::Filtered);
const PER_SECOND: Rate = Rate {
    count: 1,
    per: Duration::from_secs(1),
};
