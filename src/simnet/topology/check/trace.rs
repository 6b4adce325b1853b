//! What traces must find: whether it speaks of this network, and does not contradict itself.

use std::net::IpAddr;

use super::super::problems::{Place, Problems};
use super::super::router::Proto;
use super::super::{Answerer, PathCode, PathEnd, Topology, TraceExpectation, TrueSegment};
use super::addresses::Addresses;
use super::names::{Kind, Names, unknown};
use super::truth::{check_probe, is_address_of};

/// Adds what is wrong with what traces must find.
pub(super) fn check(topology: &Topology, names: &Names, addresses: &Addresses<'_>, problems: &mut Problems<'_>) {
    let traces = Place::root("trace");
    for (index, expected) in topology.traces.iter().enumerate() {
        let place = traces.item(index);
        check_target(&expected.probe, names, &place.key("probe"), problems);
        check_proto(expected, &place.key("proto"), problems);
        let courses = [("hops", Some(&expected.hops)), ("before", expected.before.as_ref())];
        for (key, hops) in courses {
            let place = place.key(key);
            for (index, hop) in hops.into_iter().flatten().enumerate() {
                let is_known = |address| is_address_of(topology, addresses, address);
                check_hop(hop, names, is_known, &place.item(index), problems);
            }
        }
        check_length(expected, &place, problems);
        check_end(expected, &place, problems);
        check_segments(expected, &place, problems);
        check_labels(expected, &place, problems);
    }
}

fn check_target(probe: &str, names: &Names, place: &Place<'_>, problems: &mut Problems<'_>) {
    let name = probe.split(':').next().unwrap_or(probe);
    let is_group = matches!(names.node(name), Some(Kind::Group(_)));
    problems.expect(!is_group, place, || {
        format!("`{name}` is a group, and a path ends at one target; name a member")
    });
    check_probe(probe, names, place, problems);
}

fn check_proto(expected: &TraceExpectation, place: &Place<'_>, problems: &mut Problems<'_>) {
    let has_port = expected.probe.contains(':');
    problems.expect(
        matches!(
            (expected.proto, has_port),
            (None, _) | (Some(Proto::Udp | Proto::Tcp), true) | (Some(Proto::Icmp), false)
        ),
        place,
        || "icmp has no port, and the others have one; write `app01` or `app01:8080` as the `probe`".to_owned(),
    );
}

fn check_hop(
    hop: &Answerer,
    names: &Names,
    is_known: impl Fn(IpAddr) -> bool,
    place: &Place<'_>,
    problems: &mut Problems<'_>,
) {
    if matches!(hop, Answerer::OneOf(all) if all.is_empty()) {
        problems.add(place, "no hop; write \"*\" where nobody answers");
    }
    for name in hop.all() {
        match name.parse::<IpAddr>() {
            Ok(address) => problems.expect(is_known(address), place, || {
                format!("nothing has the address {address}; name a node or an address of the file")
            }),
            Err(_) if matches!(names.node(name), Some(Kind::Router | Kind::Backend)) => {}
            Err(_) => problems.add(
                place,
                &unknown(name, "a router, a backend, an address, or \"*\" where nobody answers"),
            ),
        }
    }
}

fn check_length(expected: &TraceExpectation, place: &Place<'_>, problems: &mut Problems<'_>) {
    let fits = |hops: &Vec<Answerer>| (1..=MAX_HOPS).contains(&hops.len());
    let place = if fits(&expected.hops) {
        place.key("before")
    } else {
        place.key("hops")
    };
    let all_fit = fits(&expected.hops) && expected.before.as_ref().is_none_or(fits);
    problems.expect(all_fit, &place, || {
        format!("no path; write 1 to {MAX_HOPS} hops, from TTL 1 on")
    });
}

/// A silent end is one silent hop; the target and whoever says that it is not reached answer.
fn check_end(expected: &TraceExpectation, place: &Place<'_>, problems: &mut Problems<'_>) {
    let ends_silent = expected.hops.last().is_some_and(|hop| hop.all().is_empty());
    problems.expect(
        ends_silent == (expected.end == PathEnd::Silent),
        &place.key("hops"),
        || "the last hop is \"*\" where the `end` is silent, and only there".to_owned(),
    );
    let is_reached = expected.end == PathEnd::Reached;
    problems.expect(
        is_reached != (expected.verdict == PathCode::Unreachable),
        &place.key("verdict"),
        || "`unreachable` is the verdict where the `end` is not `reached`, and only there".to_owned(),
    );
}

fn check_segments(expected: &TraceExpectation, place: &Place<'_>, problems: &mut Problems<'_>) {
    let segments = [
        ("loss_starts_at", expected.loss_starts_at, expected.verdict.has_loss()),
        (
            "jitter_starts_at",
            expected.jitter_starts_at,
            expected.verdict.has_jitter(),
        ),
    ];
    for (key, segment, is_due) in segments {
        let place = place.key(key);
        problems.expect(segment.is_some() == is_due, &place, || {
            format!("where it starts is said where the `verdict` says that there is any; write it, or change `{key}`")
        });
        let holds = |TrueSegment { from_ttl, to_ttl }| from_ttl < to_ttl && usize::from(to_ttl) <= expected.hops.len();
        problems.expect(segment.is_none_or(holds), &place, || {
            "no part of the path; write { from_ttl = 0, to_ttl = 1 } for the way to the first hop".to_owned()
        });
    }
}

fn check_labels(expected: &TraceExpectation, place: &Place<'_>, problems: &mut Problems<'_>) {
    let none = Vec::new();
    let labels = [
        ("rate_limited", &expected.rate_limited),
        (
            "rate_limited_fast",
            expected.rate_limited_fast.as_ref().unwrap_or(&none),
        ),
        ("slow", &expected.slow),
    ];
    for (key, ttls) in labels {
        let place = place.key(key);
        for (index, ttl) in ttls.iter().enumerate() {
            let hop = ttl.checked_sub(1).and_then(|at| expected.hops.get(usize::from(at)));
            problems.expect(hop.is_some_and(|hop| !hop.all().is_empty()), &place.item(index), || {
                format!("nobody answers at TTL {ttl}; write TTLs of hops that answer, from 1 on")
            });
        }
    }
}

/// The largest TTL.
const MAX_HOPS: usize = 255;
