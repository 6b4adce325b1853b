//! How far a path goes, and how it ends.

use std::time::Duration;

use super::network::{Fake, Lab, MS, ip, line, options, target};
use crate::outcome::{SendError, Unreachable};
use crate::series::Endpoint;
use crate::sweep::End;
use crate::units::Mono;

#[test]
fn a_plain_path_is_swept_ten_times_in_about_ten_seconds() {
    let mut lab = Lab::new(options(10), 1, line(8));
    lab.run();
    let report = lab.report(0);
    assert_eq!(
        report.end,
        End::Reached {
            ttl: 8,
            from: target(0)
        }
    );
    assert_eq!(report.cycles, 10);
    assert_eq!(report.hops.len(), 8);
    for (hop, ttl) in report.hops.iter().zip(1..) {
        assert_eq!((hop.ttl, hop.counts.sent, hop.counts.received), (ttl, 10, 10));
        let expected = if ttl == 8 { target(0) } else { ip(0, ttl) };
        assert_eq!(hop.responders[0].address, expected);
        assert_eq!(hop.last.unwrap().as_nanos(), u64::from(ttl) * 1_000_000);
        assert!(!hop.presumed);
    }
    assert!(
        lab.now <= Mono::default().after(Duration::from_secs(12)),
        "{:?}",
        lab.now
    );
    assert!(
        lab.news
            .iter()
            .all(|news| matches!(news, crate::sweep::News::CycleEnded { .. }))
    );
    assert_eq!(lab.news.len(), 10);
}

#[test]
fn a_reply_tells_the_distance_so_that_nothing_else_goes_beyond_the_target() {
    let mut lab = Lab::new(options(3), 1, line(6));
    lab.run();
    let beyond = (7..=30).map(|ttl| lab.sent_to(0, ttl)).sum::<usize>();
    assert_eq!(beyond, 1, "the one that asks for the distance");
}

#[test]
fn a_wrong_distance_is_found_out() {
    for reply_ttl in [1, 50, 61, 64, 65, 120, 255] {
        for length in [1, 2, 7, 30] {
            let network = move |path: u32, ttl: u8, at: Mono| match line(length)(path, ttl, at) {
                Fake::Replies(from, rtt, _) => Fake::Replies(from, rtt, reply_ttl),
                other => other,
            };
            let mut lab = Lab::new(options(3), 1, network);
            lab.run();
            let report = lab.report(0);
            let end = End::Reached {
                ttl: length,
                from: target(0),
            };
            assert_eq!(
                (report.end, report.hops.len()),
                (end, usize::from(length)),
                "reply TTL {reply_ttl}"
            );
            assert_eq!(report.cycles, 3, "length {length}, reply TTL {reply_ttl}");
        }
    }
}

#[test]
fn without_a_distance_a_few_ttls_at_a_time_are_tried() {
    let network = |path: u32, ttl: u8, at: Mono| if ttl == 30 { Fake::Lost } else { line(9)(path, ttl, at) };
    let mut lab = Lab::new(options(3), 1, network);
    lab.run();
    assert_eq!(
        lab.report(0).end,
        End::Reached {
            ttl: 9,
            from: target(0)
        }
    );
    let beyond = (10..=29).map(|ttl| lab.sent_to(0, ttl)).sum::<usize>();
    assert!(beyond <= 3, "{beyond}");
}

#[test]
fn a_silent_tail_shows_one_silent_hop() {
    let network = |path: u32, ttl: u8, at: Mono| if ttl <= 4 { line(30)(path, ttl, at) } else { Fake::Lost };
    let mut lab = Lab::new(options(5), 1, network);
    lab.run();
    let report = lab.report(0);
    assert_eq!(report.end, End::Silent { after_ttl: 4 });
    assert_eq!(report.hops.len(), 5);
    assert_eq!((report.hops[4].counts.sent, report.hops[4].counts.received), (5, 0));
    assert_eq!(
        (10..30).map(|ttl| lab.sent_to(0, ttl)).sum::<usize>(),
        0,
        "5 silent hops end it"
    );
}

#[test]
fn nobody_at_all_is_silent_after_nothing() {
    let mut lab = Lab::new(options(2), 1, |_, _, _| Fake::Lost);
    lab.run();
    let report = lab.report(0);
    assert_eq!(report.end, End::Silent { after_ttl: 0 });
    assert_eq!(report.hops.len(), 1);
}

#[test]
fn silent_hops_within_are_shown_and_passed() {
    let network = |path: u32, ttl: u8, at: Mono| match ttl {
        3..=6 | 30 => Fake::Lost,
        _ => line(9)(path, ttl, at),
    };
    let mut lab = Lab::new(options(4), 1, network);
    lab.run();
    let report = lab.report(0);
    assert_eq!(
        report.end,
        End::Reached {
            ttl: 9,
            from: target(0)
        }
    );
    assert_eq!(report.hops.len(), 9);
    assert!(
        report.hops[2..6]
            .iter()
            .all(|hop| hop.responders.is_empty() && hop.counts.sent == 4)
    );
}

#[test]
fn somebody_who_says_that_the_way_ends_ends_it() {
    for (icmp_type, code, mtu) in [(3, 1, None), (3, 13, None), (3, 4, Some(1400))] {
        let network = move |path: u32, ttl: u8, at: Mono| {
            if ttl <= 3 {
                line(30)(path, ttl, at)
            } else {
                Fake::Errs(ip(0, 3), icmp_type, code, mtu)
            }
        };
        let mut lab = Lab::new(options(3), 1, network);
        lab.run();
        let report = lab.report(0);
        let error = Unreachable {
            from: ip(0, 3),
            icmp_type,
            code,
        };
        assert_eq!(report.end, End::Unreachable { ttl: 4, error, mtu });
        assert_eq!(report.hops.len(), 4);
    }
}

#[test]
fn a_closed_port_is_the_target_for_udp() {
    let network = |path: u32, ttl: u8, at: Mono| {
        if ttl < 5 {
            line(30)(path, ttl, at)
        } else {
            Fake::Errs(ip(9, 9), 3, 3, None)
        }
    };
    let mut lab = Lab::with_endpoint(options(3), 1, Endpoint::Udp(33434), network);
    lab.run();
    assert_eq!(lab.report(0).end, End::Reached { ttl: 5, from: ip(9, 9) });
    let mut lab = Lab::with_endpoint(options(3), 1, Endpoint::Icmp, network);
    lab.run();
    assert!(matches!(lab.report(0).end, End::Unreachable { ttl: 5, .. }));
}

#[test]
fn two_routers_that_send_packets_back_and_forth_are_a_loop() {
    let network = |_: u32, ttl: u8, _: Mono| match ttl {
        1 | 2 => Fake::Expires(ip(0, ttl), MS),
        _ => Fake::Expires(ip(0, 3 + ttl % 2), MS),
    };
    let mut lab = Lab::new(options(3), 1, network);
    lab.run();
    let report = lab.report(0);
    let end = End::Loop {
        first_ttl: 3,
        again_ttl: 5,
        address: ip(0, 4),
    };
    assert_eq!(report.end, end);
    assert_eq!(report.hops.len(), 5);
}

#[test]
fn a_router_that_shows_its_neighbour_twice_is_no_loop() {
    let network = |path: u32, ttl: u8, at: Mono| match ttl {
        4 => Fake::Expires(ip(0, 3), MS * 3),
        _ => line(7)(path, ttl, at),
    };
    let mut lab = Lab::new(options(3), 1, network);
    lab.run();
    assert_eq!(
        lab.report(0).end,
        End::Reached {
            ttl: 7,
            from: target(0)
        }
    );
}

#[test]
fn the_largest_ttl_may_be_too_small() {
    let mut options = options(3);
    options.max_ttl = 6;
    let mut lab = Lab::new(options, 1, line(9));
    lab.run();
    let report = lab.report(0);
    assert_eq!((report.end, report.hops.len()), (End::TooFar, 6));
}

#[test]
fn a_sweep_may_begin_further_away() {
    let mut options = options(3);
    options.first_ttl = 4;
    let mut lab = Lab::new(options, 1, line(9));
    lab.run();
    let report = lab.report(0);
    assert_eq!(
        report.end,
        End::Reached {
            ttl: 9,
            from: target(0)
        }
    );
    assert_eq!(
        report.hops.iter().map(|hop| hop.ttl).collect::<Vec<_>>(),
        [4, 5, 6, 7, 8, 9]
    );
}

#[test]
fn what_does_not_leave_this_host_is_no_loss() {
    let mut lab = Lab::new(options(3), 1, |_, _, _| Fake::Fails(SendError::Denied));
    lab.run();
    let report = lab.report(0);
    assert_eq!(report.end, End::NotSent(SendError::Denied));
    assert!(report.hops.iter().all(|hop| hop.counts.sent == 0));
    assert_eq!(report.hops[0].counts.send_errors, 3);
}
