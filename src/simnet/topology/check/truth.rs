//! The verdict and the expectations: whether they speak of this network.

use std::net::IpAddr;

use super::super::problems::{Place, Problems};
use super::super::{AnswerKind, Code, Expectation, Topology};
use super::addresses::Addresses;
use super::names::{Kind, Names, unknown};
use super::settings::check_span;

/// Adds what is wrong with what is said to be true.
pub(super) fn check(topology: &Topology, names: &Names, addresses: &Addresses<'_>, problems: &mut Problems<'_>) {
    check_verdict(topology, names, addresses, problems);
    let expectations = Place::root("expect");
    for (index, expected) in topology.expectations.iter().enumerate() {
        let place = expectations.item(index);
        check_probe(&expected.probe, names, &place.key("probe"), problems);
        check_figures(expected, &place, problems);
    }
}

fn check_verdict(topology: &Topology, names: &Names, addresses: &Addresses<'_>, problems: &mut Problems<'_>) {
    let verdict = Place::root("verdict");
    let suspect = verdict.key("suspect");
    if let Some(address) = topology.verdict.suspect {
        problems.expect(is_address_of(topology, addresses, address), &suspect, || {
            format!("nothing has the address {address}; name an address of the file")
        });
    }
    let members = verdict.key("members");
    for (index, name) in topology.verdict.members.iter().enumerate() {
        if !matches!(names.node(name), Some(Kind::Backend | Kind::Group(_))) {
            problems.add(
                &members.item(index),
                &unknown(name, "a backend, a group or a member of one"),
            );
        }
    }
    let blames_nobody = matches!(topology.verdict.code, Code::Clean);
    problems.expect(!blames_nobody || topology.verdict.suspect.is_none(), &suspect, || {
        "`clean` suspects nobody; leave it out".to_owned()
    });
    problems.expect(!blames_nobody || topology.verdict.members.is_empty(), &members, || {
        "with `clean` nobody suffers; leave them out".to_owned()
    });
}

/// Whether anything has this address, or answers from it.
pub(super) fn is_address_of(topology: &Topology, addresses: &Addresses<'_>, address: IpAddr) -> bool {
    let routers = topology.routers.iter();
    let mut answers = routers.flat_map(|router| router.set.answers_from.iter().flatten());
    addresses.contains(address) || answers.any(|other| *other == address)
}

/// Adds why nothing can be probed by this name.
pub(super) fn check_probe(probe: &str, names: &Names, place: &Place<'_>, problems: &mut Problems<'_>) {
    let (name, port) = match probe.split_once(':') {
        None => (probe, None),
        Some((name, port)) => (name, Some(port)),
    };
    match (names.node(name), port) {
        (Some(Kind::Backend | Kind::Group(_)), _) | (Some(Kind::Router), None) => {}
        (Some(Kind::Router), Some(_)) => problems.add(place, "routers have no ports; probe them by echo, without one"),
        (Some(Kind::Host), _) => problems.add(place, "the host does not probe itself; name a backend"),
        _ => problems.add(
            place,
            &unknown(name, "a backend as in app01 (echo) or app01:8080 (SYN), or a router"),
        ),
    }
    let is_port =
        |port: &str| port.bytes().all(|byte| byte.is_ascii_digit()) && port.parse::<u16>().is_ok_and(|port| port > 0);
    problems.expect(port.is_none_or(is_port), place, || {
        "no port; write 1 to 65535 after the colon, as in app01:8080".to_owned()
    });
}

fn check_figures(expected: &Expectation, place: &Place<'_>, problems: &mut Problems<'_>) {
    check_span(expected.rtt, &place.key("rtt"), problems);
    let ranges = [
        ("loss", expected.loss),
        ("spikes", expected.spikes),
        ("refused", expected.refused.unwrap_or_default()),
    ];
    for (key, [least, most]) in ranges {
        let holds = 0.0 <= least && least <= most && most <= 1.0;
        problems.expect(holds, &place.key(key), || {
            format!("no range of shares: {least} to {most}; write the least and the most, both from 0 to 1")
        });
    }
    if expected.answer == AnswerKind::Nothing {
        problems.expect(expected.rtt.is_none(), &place.key("rtt"), || {
            "nothing has no RTT; leave it out".to_owned()
        });
        problems.expect(expected.loss[1] >= 0.5, &place.key("loss"), || {
            "most probes get no answer, so most are lost; write loss = [1.0, 1.0] or what it is".to_owned()
        });
    }
    let has_spikes = expected.spikes[1] > 0.0;
    problems.expect(!has_spikes || expected.rtt.is_some(), &place.key("spikes"), || {
        "longer than what? Say the `rtt` of most".to_owned()
    });
}
