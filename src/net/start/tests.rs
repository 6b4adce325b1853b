//! What a run is given with and without privileges.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

use super::*;
use crate::clock::Reading;
use crate::net::control::{Command, Finished, control};
use crate::outcome::{Event, Fate, StampSource, What};
use crate::series::{Endpoint, Pace, Series};
use crate::sys::testing::{in_fresh_network, shell, without_capabilities};
use crate::units::SeriesId;

/// Keeps the source of stamps of each series, and what became of its probes.
#[derive(Default)]
struct Stamps {
    expected: Vec<StampSource>,
    fates: Vec<Fate>,
}

impl Sink for Stamps {
    fn admitted(&mut self, _: SeriesId, _: &Series, stamp: StampSource, _: Reading) {
        self.expected.push(stamp);
    }

    fn event(&mut self, event: &Event) {
        if let What::Settled(fate) = event.what {
            self.fates.push(fate);
        }
    }
}

fn options(privilege: Privilege, needs: Needs) -> NativeOptions {
    NativeOptions {
        clock: SystemClock::new(),
        privilege,
        packet: PacketOptions {
            payload_bytes: 56,
            ttl: None,
            traffic_class: 0,
            interface: None,
            source: None,
        },
        needs,
        spare_families: false,
        families: vec![Family::V4, Family::V6],
        flows: 1,
        interval: Duration::from_millis(1),
        source_ports: PortUse::Rotating,
        slot: Duration::ZERO,
        max_syn_rate: None,
        receive_buffer: 1 << 16,
        capacity: Capacity { memory: 16, window: 4 },
    }
}

const BOTH: Needs = Needs {
    icmp: true,
    tcp: true,
    udp: false,
};
const ICMP: Needs = Needs {
    icmp: true,
    tcp: false,
    udp: false,
};

/// What is said at the start, and what becomes of three probes each of both loopback addresses, by both protocols where needed.
fn measure(privilege: Privilege, needs: Needs) -> (Vec<String>, Finished<Stamps>) {
    let listener = std::net::TcpListener::bind((Ipv6Addr::UNSPECIFIED, 0)).unwrap();
    let tcp = needs.tcp.then(|| Endpoint::Tcp(listener.local_addr().unwrap().port()));
    let (remote, inbox) = control().unwrap();
    let prepared = prepare(options(privilege, needs), inbox, Stamps::default()).unwrap();
    let pace = Pace {
        interval: Duration::from_millis(1),
        timeout: Duration::from_mins(1),
        count: Some(3),
    };
    let endpoints = [Some(Endpoint::Icmp), tcp].into_iter().flatten();
    let series = endpoints.flat_map(|endpoint| {
        [IpAddr::V4(Ipv4Addr::LOCALHOST), IpAddr::V6(Ipv6Addr::LOCALHOST)].map(|address| {
            let target = Arc::from("here");
            let series = Series {
                target,
                address,
                scope_id: 0,
                endpoint,
                flow: 0,
            };
            (series, pace)
        })
    });
    remote.send(Command::Admit(series.collect()));
    remote.send(Command::Seal);
    (prepared.notices, prepared.native.run().unwrap())
}

fn open_datagram_icmp_to_all() {
    shell("echo 0 2147483647 > /proc/sys/net/ipv4/ping_group_range");
}

fn received(finished: &Finished<Stamps>) -> Vec<StampSource> {
    let sources = finished.sink.fates.iter().filter_map(|fate| match fate {
        Fate::Received(timing) => Some(timing.source),
        _ => None,
    });
    sources.collect()
}

#[test]
fn with_privileges_raw_sockets_are_taken_and_nothing_is_said() {
    in_fresh_network(|| {
        let (notices, finished) = measure(Privilege::Auto, BOTH);
        assert_eq!(notices, Vec::<String>::new());
        assert_eq!(received(&finished), [StampSource::Kernel; 12]);
    });
}

#[test]
fn without_privileges_auto_measures_by_what_is_left_and_says_what_is_missing_once() {
    in_fresh_network(|| {
        open_datagram_icmp_to_all();
        without_capabilities(|| {
            let (notices, finished) = measure(Privilege::Auto, BOTH);
            assert_eq!(notices.len(), 1, "{notices:?}");
            for part in [
                "TCP goes by connect()",
                "ICMP goes by datagram sockets",
                "fix: sudo setcap cap_net_raw",
            ] {
                assert!(notices[0].contains(part), "{notices:?}");
            }
            let [kernel, handshake] = [StampSource::Kernel, StampSource::TcpInfo];
            assert_eq!(finished.sink.expected, [kernel, kernel, handshake, handshake]);
            let of = |source| received(&finished).iter().filter(|found| **found == source).count();
            assert_eq!((of(kernel), of(handshake)), (6, 6));
        });
    });
}

#[test]
fn unprivileged_sockets_that_were_asked_for_need_no_words() {
    in_fresh_network(|| {
        open_datagram_icmp_to_all();
        let (notices, finished) = measure(Privilege::Unprivileged, BOTH);
        assert_eq!(notices, Vec::<String>::new());
        assert!(
            received(&finished).contains(&StampSource::TcpInfo),
            "although raw sockets are permitted"
        );
        assert_eq!(received(&finished).len(), 12);
    });
}

#[test]
fn raw_sockets_that_are_not_permitted_are_an_error_with_its_fix() {
    in_fresh_network(|| {
        open_datagram_icmp_to_all();
        without_capabilities(|| {
            let (_, inbox) = control().unwrap();
            let error = prepare(options(Privilege::Raw, BOTH), inbox, Stamps::default())
                .err()
                .unwrap();
            assert!(error.to_string().contains("fix: sudo setcap cap_net_raw"), "{error}");
            let (notices, finished) = measure(Privilege::Raw, ICMP);
            assert_eq!(notices.len(), 1, "{notices:?}");
            assert!(finished.refused.iter().all(|refused| refused.why == notices[0]));
            assert_eq!((finished.refused.len(), finished.sink.expected.len()), (2, 0));
        });
    });
}

#[test]
fn traces_by_tcp_and_udp_without_raw_sockets_are_refused_with_the_fix_and_those_by_icmp_are_not() {
    in_fresh_network(|| {
        open_datagram_icmp_to_all();
        without_capabilities(|| {
            for privilege in [Privilege::Auto, Privilege::Raw, Privilege::Unprivileged] {
                let trace = |needs| {
                    let (_, inbox) = control().unwrap();
                    let source_ports = PortUse::Constant;
                    let options = NativeOptions {
                        source_ports,
                        ..options(privilege, needs)
                    };
                    prepare(options, inbox, Stamps::default())
                        .err()
                        .map(|error| error.to_string())
                };
                for (tcp, udp) in [(true, false), (false, true)] {
                    let why = trace(Needs { icmp: false, tcp, udp }).unwrap();
                    assert!(
                        why.contains("TCP and UDP need raw sockets (CAP_NET_RAW); fix: sudo setcap"),
                        "{why}"
                    );
                    assert!(!why.contains('\n'), "{why}");
                }
                assert_eq!(trace(ICMP), None);
            }
        });
    });
}

#[test]
fn where_even_datagram_icmp_is_closed_both_ways_to_open_it_are_named() {
    in_fresh_network(|| {
        shell("echo 1 0 > /proc/sys/net/ipv4/ping_group_range");
        without_capabilities(|| {
            let (notices, finished) = measure(Privilege::Auto, ICMP);
            assert_eq!(notices.len(), 1, "{notices:?}");
            assert!(
                notices[0].contains("setcap") && notices[0].contains("ping_group_range"),
                "{}",
                notices[0]
            );
            assert_eq!(finished.refused.len(), 2);
        });
    });
}
