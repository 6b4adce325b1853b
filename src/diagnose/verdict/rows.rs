//! Rows that ask where it happens, and the order of all rows.

use super::case::{Case, Ruling, Seen};
use super::look::State;
use super::place::{self, Place};
use super::share::{Cleaner, FEW, Share};
use super::{route, service, words};
use crate::diagnose::{Suspect, VerdictCode};
use crate::localize::Part;

/// The first row that matches.
pub(super) fn rule(case: &Case<'_>) -> Ruling {
    own_host(case)
        .or_else(|| pings_only(case))
        .or_else(|| first_hop(case))
        .or_else(|| match case.members.as_slice() {
            [] => None,
            [seen] => alone(case, seen),
            _ => several(case),
        })
        .unwrap_or_else(|| unknown(case))
}

/// Row 1. More loss than usual is not explained by delays of this host; a slow loopback explains everything.
fn own_host(case: &Case<'_>) -> Option<Ruling> {
    let own = &case.evidence.own;
    let (slow, all) = own.loopback;
    let loopback = Share::new(slow, all).exceeds(USUAL_OF_CONTROLS);
    // Who is hit no more often than usual is a member by the moments only, and these are this host's own where it stood still. A probe that chance
    // loses in such a moment is no contradiction.
    let mut proven = case.members.iter().filter(|seen| !seen.believed);
    let lossy = proven.clone().any(|seen| seen.icmp.is_lossy() || seen.syn.is_lossy());
    let delays = own.spikes >= 2 && own.own_delay_ratio >= MOST && !lossy;
    let stalls = own.stalls >= STALLS && !proven.any(Seen::way_suffers);
    (loopback || delays || stalls).then(|| Ruling {
        code: VerdictCode::ProberHost,
        suspect: None,
        what: words::own_host(case),
        next: "look at steal time, CPU limits and softirqs of the host that this prober runs on; health checks that run there stall in the same way".into(),
    })
}

/// Row 8.
fn pings_only(case: &Case<'_>) -> Option<Ruling> {
    // SYNs that are lost more than usual suffer as well, if less.
    let syns_suffer = case.members.iter().any(|seen| seen.syn.is_impaired());
    (case.syn_is_cleaner() == Cleaner::Surely && !syns_suffer).then(|| Ruling {
        code: VerdictCode::IcmpOnly,
        suspect: match case.members.as_slice() {
            [seen] => Some(seen.suspect()),
            _ => case
                .evidence
                .blames
                .first()
                .and_then(|blame| place::segment(case, blame)),
        },
        what: format!("had trouble with pings only ({})", words::counts(case)),
        next: "nobody needs to be called: pings are limited or served last, and checks of services don't use them"
            .into(),
    })
}

/// Row 2.
fn first_hop(case: &Case<'_>) -> Option<Ruling> {
    let evidence = case.evidence;
    let (hit, all) = evidence.own.gateway.unwrap_or_default();
    let gateway = Share::new(hit, all);
    let is_hit = gateway.exceeds(USUAL_OF_CONTROLS) && evidence.healthy.is_empty();
    let blamed = evidence.blames.first().and_then(|blame| place::segment(case, blame));
    let is_blamed = |suspect: &Suspect| suspect.from_ttl == Some(0) && suspect.ttl == Some(1);
    let suffers = case.members.iter().any(Seen::way_suffers);
    let blamed = blamed.filter(is_blamed);
    if !suffers || !is_hit && blamed.is_none() {
        return None;
    }
    let gateway = if is_hit {
        format!(
            "; so did the gateway control, {} of {} probes",
            gateway.bad, gateway.all
        )
    } else {
        String::new()
    };
    let suspect = blamed.unwrap_or_else(|| Suspect {
        ttl: Some(1),
        from_ttl: Some(0),
        ..super::case::somebody(case.members.iter().find_map(first_address))
    });
    Some(Ruling {
        code: VerdictCode::FirstHop,
        what: format!(
            "{}{gateway}; all that is probed lies behind {}",
            words::suffered(case),
            words::hop(&suspect)
        ),
        suspect: Some(suspect),
        next: "look at this host's network card, its cable, and the switch or router port at the other end".into(),
    })
}

fn first_address(seen: &Seen<'_>) -> Option<std::net::IpAddr> {
    seen.member.path.as_ref()?.hops.first().copied().flatten()
}

/// One backend.
fn alone(case: &Case<'_>, seen: &Seen<'_>) -> Option<Ruling> {
    service::rule(case, seen)
        .or_else(|| route::route_change(case))
        .or_else(|| way(case, seen))
}

/// Rows 6 and 7.
fn way(case: &Case<'_>, seen: &Seen<'_>) -> Option<Ruling> {
    if !seen.way_suffers() || pings_look_alone(case) {
        return None;
    }
    let symptoms = words::suffered(case);
    let Some(place) = Place::of(case, seen) else {
        return Some(Ruling {
            code: VerdictCode::TargetEdge,
            suspect: Some(seen.suspect()),
            what: format!("{symptoms}, and the way to it is not known from traces"),
            next: EDGE.into(),
        });
    };
    if !place.is_at_target() {
        return Some(on_the_way(case, seen, &place, &symptoms));
    }
    let lossy = seen.icmp.is_lossy() || seen.syn.is_lossy();
    let syn_agrees = seen.syn.is_slow() || seen.syn.bad().all < FEW;
    if !lossy && syn_agrees && place.last_hop_is_clear() {
        return Some(Ruling {
            code: VerdictCode::SlowBackend,
            suspect: Some(place.target(case, seen)),
            what: format!(
                "{symptoms}: it answers late and loses nothing, and {}",
                words::clear(&place)
            ),
            next: "look at this backend's CPU, its steal time, and its hypervisor".into(),
        });
    }
    let whereabouts = if place.last_hop_is_clear() {
        format!(
            "; {}, so it is the last link or the backend's own network card",
            words::clear(&place)
        )
    } else {
        format!(
            "; it happens behind hop {}: on the last link or at the backend, which can't be told apart",
            place.from
        )
    };
    Some(Ruling {
        code: VerdictCode::TargetEdge,
        suspect: Some(place.target(case, seen)),
        what: format!("{symptoms}{whereabouts}"),
        next: EDGE.into(),
    })
}

/// Row 6, or the beginning of row 3: where others suffer behind the same link, it is not private, whoever's incident this is.
fn on_the_way(case: &Case<'_>, seen: &Seen<'_>, place: &Place<'_>, symptoms: &str) -> Ruling {
    let suspect = place.suspect(case);
    let is_first = place.from == 0 && place.to == 1;
    let others = place.others(case, seen);
    let names: Vec<&str> = others.iter().map(|name| &**name).collect();
    let besides = match names.as_slice() {
        [] => String::new(),
        [name] => format!(", and {name} suffers behind it as well"),
        names => format!(", and {} suffer behind it as well", words::list(names)),
    };
    Ruling {
        code: match (is_first, others.is_empty()) {
            (true, _) => VerdictCode::FirstHop,
            (false, true) => VerdictCode::PrivatePath,
            (false, false) => VerdictCode::SharedPath,
        },
        what: format!("{symptoms}; it starts at or before {}{besides}", words::hop(&suspect)),
        suspect: Some(suspect),
        next: "look at errors, drops and queues of that link; the backend itself is not the cause".into(),
    }
}

/// Several backends.
fn several(case: &Case<'_>) -> Option<Ruling> {
    service::all_alike(case)
        .or_else(|| route::route_change(case))
        .or_else(|| shared(case))
        .or_else(|| common(case))
}

/// Row 3.
fn shared(case: &Case<'_>) -> Option<Ruling> {
    let blame = case.evidence.blames.first()?;
    let suspect = place::segment(case, blame)?;
    let suffering = case.members.iter().filter(|seen| seen.way_suffers());
    let sharing = suffering.filter(|seen| blame.shared_by.contains(&seen.member.target));
    (sharing.count() >= 2).then(|| Ruling {
        code: VerdictCode::SharedPath,
        what: format!(
            "{}, {}; it happens at or before {}, on a part of the way that they share",
            words::suffered(case),
            words::healthy(case),
            words::hop(&suspect)
        ),
        suspect: Some(suspect),
        next: "look at errors, drops and queues of that link; the backends are not the cause, and longer timeouts of checks only hide it".into(),
    })
}

/// Several at once, or one after the other with the same complaint, and nobody knows where.
fn common(case: &Case<'_>) -> Option<Ruling> {
    let suffering = case.members.iter().filter(|seen| seen.way_suffers()).count();
    let lone_parts = case
        .evidence
        .blames
        .iter()
        .all(|blame| matches!(blame.part, Part::Target(_)));
    let place = if case.evidence.blames.is_empty() {
        "; no part of the network that is known explains who suffers and who does not"
    } else if lone_parts {
        "; they share no part of the network that healthy backends don't use as well"
    } else {
        "; no single part of the network explains all of them"
    };
    (suffering >= 2 && suffering == case.members.len()).then(|| Ruling {
        code: VerdictCode::CommonCause,
        suspect: None,
        what: format!("{}, {}{place}", words::suffered(case), words::healthy(case)),
        next:
            "look for what these backends share that no probe sees: a hypervisor, storage, a database, a scheduled job"
                .into(),
    })
}

/// No row fits.
fn unknown(case: &Case<'_>) -> Ruling {
    let why = if pings_look_alone(case) {
        "; only pings seem to suffer, but it takes 50 SYNs to be sure"
    } else if case
        .members
        .iter()
        .any(|seen| matches!(seen.syn.state, State::Refused { .. }) && seen.icmp.is_impaired())
    {
        "; refusals and troubled pings at once fit no single cause"
    } else {
        "; that fits no single cause, or it is too early to tell"
    };
    Ruling {
        code: VerdictCode::Unknown,
        suspect: None,
        what: format!("stood out ({}){why}", words::counts(case)),
        next: "watch on, and look at what changed at that time".into(),
    }
}

/// Whether pings suffer and SYNs perhaps don't.
fn pings_look_alone(case: &Case<'_>) -> bool {
    case.syn_is_cleaner() != Cleaner::No
}

const EDGE: &str = "look at its switch port, cable, network card and hypervisor";

/// Half of what spiked.
const MOST: f64 = 0.5;

/// As many as make an incident of their own.
const STALLS: u64 = 3;

/// The share of spikes that a control may have: its thresholds let up to 0.5 % of ordinary replies through.
const USUAL_OF_CONTROLS: f64 = 0.005;
