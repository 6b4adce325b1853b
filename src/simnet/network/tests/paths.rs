//! Which way packets take, and how long they take for it.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::*;
use crate::wire::icmp::{self, Message};
use crate::wire::{Family, ip};

#[test]
fn a_ttl_of_n_is_answered_by_the_nth_router_after_exactly_the_way_there_and_back() {
    for family in [Family::V4, Family::V6] {
        let (to, routers) = match family {
            Family::V4 => ("10.0.9.1", ["10.0.1.1", "10.0.2.1", "10.0.3.1"]),
            Family::V6 => ("fd00:9::1", ["fd00:1::1", "fd00:2::1", "fd00:3::1"]),
        };
        for ((ttl, router), one_way) in (1..).zip(routers).zip([100, 300, 600]) {
            let mut network = network(LINE, 1);
            let cause = network.handle_packet(ms(5), &with_ttl(echo(to, 0), ttl));
            let answers = deliveries(&mut network, ms(1000));
            let [(delivery, packet)] = answers.as_slice() else {
                panic!("{} answers", answers.len())
            };
            assert_eq!(source(packet), address(router));
            assert_eq!(delivery.cause, cause);
            assert_eq!(delivery.due.since(ms(5)), us(2 * one_way));
            let message = icmp::parse(family, ip::parse(packet).expect("IP").payload).expect("ICMP");
            assert!(matches!(message, Message::TimeExceeded { .. }), "{message:?}");
        }
    }
}

#[test]
fn an_echo_reply_takes_the_sum_of_all_delays() {
    let mut network = network(LINE, 1);
    assert_eq!(rtts(&mut network, ms(5), &echo("10.0.9.1", 0)), [us(1300)]);
    assert_eq!(rtts(&mut network, ms(1005), &echo("fd00:9::1", 0)), [us(1300)]);
    assert_eq!(rtts(&mut network, ms(2005), &echo("10.0.2.1", 0)), [us(600)]);
}

#[test]
fn path_and_base_rtt_tell_the_way() {
    let mut network = network(LINE, 1);
    assert_eq!(network.path(address("10.0.9.1"), 0), ["host", "r1", "r2", "r3", "app"]);
    assert_eq!(network.path(address("10.0.2.1"), 0), ["host", "r1", "r2"]);
    assert_eq!(network.path(address("10.0.77.1"), 0), Vec::<&str>::new());
    assert_eq!(network.base_rtt(address("10.0.9.1")), Some(us(1300)));
    assert_eq!(network.base_rtt(address("10.0.77.1")), None);
}

/// Host, r1, then several routers side by side, r9, app. All delays differ, so that an RTT tells the path.
fn side_by_side(count: u64, more: &str) -> String {
    let mut text = r#"
[[router]]
name = "r1"
addresses = ["10.0.1.1"]
MORE
[[router]]
name = "r9"
addresses = ["10.0.2.1"]
[[backend]]
name = "app"
addresses = ["10.0.9.1"]
[[link]]
between = ["host", "r1"]
[[link]]
between = ["r9", "app"]
"#
    .replace("MORE", more);
    for n in 0..count {
        // There it takes 1 ms, 2 ms.. by the router; back it goes by the first alone, since the others cost more that way.
        let cost = if n == 0 { 1 } else { 2 };
        let _ = write!(
            text,
            r#"
[[router]]
name = "mid{n}"
addresses = ["10.1.{n}.1"]
[[link]]
between = ["r1", "mid{n}"]
forward.delay = "{}ms"
[[link]]
between = ["mid{n}", "r9"]
reverse.cost = {cost}
"#,
            n + 1
        );
    }
    text
}

#[test]
fn asymmetric_costs_make_asymmetric_paths() {
    let text = side_by_side(2, "")
        .replace("forward.delay = \"2ms\"", "forward = { delay = \"2ms\", cost = 1 }")
        .replace(
            "forward.delay = \"1ms\"",
            "forward = { delay = \"1ms\", cost = 5 }\nreverse.delay = \"70ms\"",
        );
    let mut network = network(&text, 1);
    assert_eq!(
        network.path(address("10.0.9.1"), 0),
        ["host", "r1", "mid1", "r9", "app"]
    );
    // 2 ms there by mid1, 70 ms back by mid0.
    assert_eq!(rtts(&mut network, ms(5), &echo("10.0.9.1", 0)), [us(72_000)]);
    assert_eq!(network.base_rtt(address("10.0.9.1")), Some(us(72_000)));
}

#[test]
fn flows_spread_evenly_over_equal_paths_and_each_keeps_to_one() {
    let mut network = network(&side_by_side(4, ""), 1);
    let mut by_rtt: BTreeMap<Duration, u32> = BTreeMap::new();
    let flows = 4000;
    for flow in 0..flows {
        let at = ms(u64::from(flow) * 2000);
        let first = rtts(&mut network, at, &echo("10.0.9.1", flow));
        assert_eq!(
            first,
            rtts(&mut network, at.after(us(1_000_000)), &echo("10.0.9.1", flow))
        );
        *by_rtt.entry(first[0]).or_default() += 1;
    }
    assert_eq!(
        by_rtt.keys().copied().collect::<Vec<_>>(),
        [1, 2, 3, 4].map(|n| us(n * 1000))
    );
    // Chi square with 3 degrees of freedom is above 16.3 once in 1000.
    let expected = f64::from(flows) / 4.0;
    let chi_square: f64 = by_rtt
        .values()
        .map(|count| (f64::from(*count) - expected).powi(2) / expected)
        .sum();
    assert!(chi_square < 16.3, "{by_rtt:?}");
}

#[test]
fn successive_routers_choose_independently() {
    // Two stages of two: were their choices the same, two of the four paths would stay empty.
    let text = r#"
[[router]]
name = "r1"
addresses = ["10.0.1.1"]
[[router]]
name = "a0"
addresses = ["10.0.2.1"]
[[router]]
name = "a1"
addresses = ["10.0.2.2"]
[[router]]
name = "b0"
addresses = ["10.0.3.1"]
[[router]]
name = "b1"
addresses = ["10.0.3.2"]
[[backend]]
name = "app"
addresses = ["10.0.9.1"]
"#
    .to_owned()
        + &[
            ("host", "r1"),
            ("r1", "a0"),
            ("r1", "a1"),
            ("a0", "b0"),
            ("a0", "b1"),
            ("a1", "b0"),
            ("a1", "b1"),
            ("b0", "app"),
            ("b1", "app"),
        ]
        .map(|(a, b)| format!("[[link]]\nbetween = [\"{a}\", \"{b}\"]\n"))
        .concat();
    let mut network = network(&text, 1);
    let mut paths: BTreeMap<Vec<String>, u32> = BTreeMap::new();
    for flow in 0..4000_u64 {
        let path = network.path(address("10.0.9.1"), flow.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        *paths
            .entry(path.iter().map(|name| (*name).to_owned()).collect())
            .or_default() += 1;
    }
    let chi_square: f64 = paths
        .values()
        .map(|count| (f64::from(*count) - 1000.0).powi(2) / 1000.0)
        .sum();
    assert_eq!(paths.len(), 4);
    assert!(chi_square < 16.3, "{paths:?}");
}

#[test]
fn a_router_that_balances_packets_alternates() {
    let mut network = network(&side_by_side(2, "set.balance = \"packet\""), 1);
    let seen: Vec<_> = (0..6)
        .flat_map(|n| rtts(&mut network, ms(1000 * n), &echo("10.0.9.1", 7)))
        .collect();
    let mut alternating = [us(1000), us(2000)];
    if seen[0] != alternating[0] {
        alternating.reverse();
    }
    assert_eq!(seen, alternating.repeat(3));
}

#[test]
fn a_loop_of_set_routes_ends_by_ttl() {
    let text = format!("{LINE}[[route]]\nat = \"r2\"\nto = [\"app\"]\nvia = \"r1\"\n");
    let mut network = network(&text, 1);
    let cause = network.handle_packet(ms(0), &with_ttl(echo("10.0.9.1", 0), 64));
    let answers = deliveries(&mut network, ms(10_000));
    // 64 hops: the last is the 64th router, one of r1, r2, r1, r2.. and so r2.
    assert_eq!(answers.len(), 1);
    assert_eq!(source(&answers[0].1), address("10.0.2.1"));
    assert_eq!(answers[0].0.due.since(cause.sent_at), us(100 + 63 * 200 + 300));
}

#[test]
fn a_loop_of_hidden_routers_ends_too() {
    let hidden = LINE.replace("1::1\"]\n[[router]]", "1::1\"]\nset.hidden = true\n[[router]]");
    let hidden = hidden
        .replace("2::1\"]", "2::1\"]\nset.hidden = true")
        .replace("200us", "0us");
    let text = format!("{hidden}[[route]]\nat = \"r2\"\nto = [\"app\"]\nvia = \"r1\"\n");
    let mut network = network(&text, 1);
    network.handle_packet(ms(0), &echo("10.0.9.1", 0));
    assert_eq!(deliveries(&mut network, ms(10_000)).len(), 0);
    assert_eq!(network.ledger().totals().dropped, 1);
    assert_eq!(network.next_deadline(), None);
}

#[test]
fn what_has_no_route_is_refused_by_the_first_router() {
    for to in ["203.0.113.9", "10.0.0.1"] {
        let mut network = network(LINE, 1);
        network.handle_packet(ms(0), &echo(to, 0));
        let answers = deliveries(&mut network, ms(1000));
        assert_eq!(answers.len(), 1, "{to}");
        assert_eq!(source(&answers[0].1), address("10.0.1.1"));
        assert_eq!(answers[0].0.due, ms(0).after(us(200)));
    }
}

#[test]
fn two_thousand_backends_all_answer() {
    let text = LINE.replace(
        "addresses = [\"10.0.9.1\", \"fd00:9::1\"]",
        "addresses = [\"10.9.0.1\", \"fd00:9::1\"]\ncount = 2000",
    );
    let mut network = network(&text, 1);
    for n in 0..2000_u32 {
        let to = IpAddr::from(std::net::Ipv4Addr::from(0x0a09_0001 + n));
        network.handle_packet(ms(1), &testing::echo(host_for(to), to, b"data"));
    }
    let answers = deliveries(&mut network, ms(10));
    assert_eq!(answers.len(), 2000);
    assert!(
        answers
            .iter()
            .all(|(delivery, _)| delivery.due == ms(1).after(us(1300)))
    );
}
