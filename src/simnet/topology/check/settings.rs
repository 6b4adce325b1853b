//! Settings: numbers within their ranges.
//!
//! The same checks hold for settings of an element and for those that an event lays over them.

mod backend;
mod link;
mod router;

use super::super::Topology;
use super::super::problems::{Place, Problems};
use super::super::{IcmpLimit, Jitter, Limit, Span};
use super::addresses::Addresses;

pub(super) use backend::check as check_backend;
pub(super) use link::check as check_link;
pub(super) use router::check as check_router;

/// Adds what is wrong with the settings of elements.
pub(super) fn check(topology: &Topology, addresses: &Addresses<'_>, problems: &mut Problems<'_>) {
    let links = Place::root("link");
    for (index, link) in topology.links.iter().enumerate() {
        let place = links.item(index);
        for (key, settings) in [
            ("set", &link.set),
            ("forward", &link.forward),
            ("reverse", &link.reverse),
        ] {
            check_link(settings, addresses, &place.key(key), problems);
        }
    }
    let routers = Place::root("router");
    for (index, router) in topology.routers.iter().enumerate() {
        check_router(&router.set, addresses, &routers.item(index).key("set"), problems);
    }
    let backends = Place::root("backend");
    for (index, backend) in topology.backends.iter().enumerate() {
        check_backend(&backend.set, &backends.item(index).key("set"), problems);
    }
}

/// A share lies between 0 and 1.
pub(super) fn check_share(share: Option<f64>, place: &Place<'_>, problems: &mut Problems<'_>) {
    let holds = share.is_none_or(|share| (0.0..=1.0).contains(&share));
    problems.expect(holds, place, || {
        format!("{} is no share; write a number from 0 to 1", share.unwrap_or_default())
    });
}

/// A time that something takes is not nothing.
pub(super) fn check_span(span: Option<Span>, place: &Place<'_>, problems: &mut Problems<'_>) {
    problems.expect(span.is_none_or(|span| !span.0.is_zero()), place, || {
        "no time at all; write a longer one, or leave it out".to_owned()
    });
}

fn check_ttl(ttl: Option<u8>, place: &Place<'_>, problems: &mut Problems<'_>) {
    problems.expect(ttl != Some(0), place, || {
        "a packet of TTL 0 goes nowhere; write 1 to 255".to_owned()
    });
}

fn check_burst(burst: u32, place: &Place<'_>, problems: &mut Problems<'_>) {
    problems.expect((1..=MAX_BURST).contains(&burst), place, || {
        format!("a burst of {burst}; write 1 to {MAX_BURST}")
    });
}

fn check_limit(limit: Option<Limit>, place: &Place<'_>, problems: &mut Problems<'_>) {
    if let Some(limit) = limit {
        check_burst(limit.burst, &place.key("burst"), problems);
    }
}

fn check_icmp_limit(limit: Option<IcmpLimit>, place: &Place<'_>, problems: &mut Problems<'_>) {
    let (key, every, burst) = match limit {
        None | Some(IcmpLimit::None | IcmpLimit::Linux) => return,
        Some(IcmpLimit::EachPeer { every, burst }) => ("each_peer", every, burst),
        Some(IcmpLimit::AllPeers { every, burst }) => ("all_peers", every, burst),
    };
    let place = place.key(key);
    check_span(Some(every), &place.key("every"), problems);
    check_burst(burst, &place.key("burst"), problems);
}

fn check_jitter(jitter: Option<Jitter>, place: &Place<'_>, problems: &mut Problems<'_>) {
    let (kind, spans, numbers): (&str, &[(&str, Span)], &[(&str, f64)]) = match &jitter {
        None | Some(Jitter::None) => return,
        Some(Jitter::Uniform(span)) => return check_span(Some(*span), &place.key("uniform"), problems),
        Some(Jitter::Exponential(span)) => return check_span(Some(*span), &place.key("exponential"), problems),
        Some(Jitter::Normal(span)) => return check_span(Some(*span), &place.key("normal"), problems),
        Some(Jitter::Lognormal { median, sigma }) => ("lognormal", &[("median", *median)], &[("sigma", *sigma)]),
        Some(Jitter::Gamma { mean, shape }) => ("gamma", &[("mean", *mean)], &[("shape", *shape)]),
        Some(Jitter::Pareto { scale, shape, most }) => {
            ("pareto", &[("scale", *scale), ("most", *most)], &[("shape", *shape)])
        }
        Some(Jitter::Bimodal { by, share }) => {
            let place = place.key("bimodal");
            check_share(Some(*share), &place.key("share"), problems);
            return check_span(Some(*by), &place.key("by"), problems);
        }
    };
    let place = place.key(kind);
    for (key, span) in spans {
        check_span(Some(*span), &place.key(key), problems);
    }
    for (key, number) in numbers {
        let holds = (MIN_PARAMETER..=MAX_PARAMETER).contains(number);
        problems.expect(holds, &place.key(key), || {
            format!("{number} is out of range; write a number from {MIN_PARAMETER} to {MAX_PARAMETER}")
        });
    }
}

/// More at once is no limit.
const MAX_BURST: u32 = 1_000_000;

/// Beyond these, shapes and sigmas are so narrow or so wide that no other distribution is meant.
const MIN_PARAMETER: f64 = 0.01;
const MAX_PARAMETER: f64 = 1_000.0;
