//! Rows 5, 9 and 15: nothing comes back.

use crate::diagnose::verdict::case::{Case, Ruling, Seen};
use crate::diagnose::verdict::look::{State, silent_for};
use crate::diagnose::verdict::words;
use crate::diagnose::{StreamEvidence, VerdictCode};

/// Rows 5, 9 and 15: nothing comes back.
pub(super) fn rule(case: &Case<'_>, seen: &Seen<'_>) -> Option<Ruling> {
    let (icmp, syn) = (seen.icmp.state, seen.syn.state);
    let syns_answered = seen.syn.stream.is_some_and(|stream| stream.replied >= 3);
    match (icmp, syn) {
        (State::Never, _) if syns_answered && !seen.syn.is_impaired() => Some(Ruling {
            code: VerdictCode::IcmpBlocked,
            suspect: Some(seen.suspect()),
            what: format!("never answered a ping and answers SYNs ({})", words::counts(case)),
            next: "judge it by SYNs only, or let its administrator allow echo requests; nothing is down".into(),
        }),
        (State::Never | State::Absent, State::Never) | (State::Never, State::Absent) => Some(unreachable(
            case,
            seen,
            "has never answered anything since it is probed",
        )),
        (State::Well | State::Shifted, State::Never) => Some(dropped(case, seen, "and has never answered a SYN")),
        (State::Gone, _) if syn_is_silent(seen) => Some(gone(case, seen)),
        (State::Never | State::Absent, State::Gone) => Some(gone(case, seen)),
        _ => None,
    }
}

/// Whether SYNs are silent as well as pings: the newest are lost, or too few were sent to say.
fn syn_is_silent(seen: &Seen<'_>) -> bool {
    let in_a_row = |stream: &StreamEvidence| stream.lost_in_a_row >= 2;
    matches!(seen.syn.state, State::Absent | State::Gone | State::Never) || seen.syn.stream.is_some_and(in_a_row)
}

fn gone(case: &Case<'_>, seen: &Seen<'_>) -> Ruling {
    let silent = [&seen.icmp, &seen.syn]
        .into_iter()
        .filter_map(|look| Some(silent_for(look.stream?, case.evidence.last)))
        .min()
        .unwrap_or_default();
    let what = format!("has answered nothing any more for {}", words::seconds(silent));
    unreachable(case, seen, &what)
}

fn unreachable(case: &Case<'_>, seen: &Seen<'_>, what: &str) -> Ruling {
    let hops = seen.member.path.as_ref().map_or(&[][..], |path| &path.hops);
    let last = (1..=u8::MAX)
        .zip(hops)
        .filter_map(|(ttl, hop)| Some((ttl, (*hop)?)))
        .next_back();
    let sign = last.map_or(String::new(), |(ttl, address)| {
        format!(", and the last sign of life on the way to it is {address} (hop {ttl})")
    });
    Ruling {
        code: VerdictCode::TargetUnreachable,
        suspect: Some(seen.suspect()),
        what: format!("{what} ({}){sign}", words::counts(case)),
        next: "see whether the backend is up and its cable in, and whether a firewall drops everything".into(),
    }
}

pub(super) fn dropped(case: &Case<'_>, seen: &Seen<'_>, what: &str) -> Ruling {
    Ruling {
        code: VerdictCode::PortDropped,
        suspect: Some(seen.suspect()),
        what: format!("answers pings {what} ({})", words::counts(case)),
        next:
            "look for a firewall or security group rule that drops this port; a service that is only down would refuse"
                .into(),
    }
}
