//! Row 4: RTTs moved to another level, and nothing else is wrong.

use super::case::{Case, Ruling, Seen, somebody};
use super::look::{Look, State};
use super::words;
use crate::correlate::AnomalyKind;
use crate::diagnose::{Suspect, VerdictCode};
use crate::units::Rtt;

/// Row 4.
pub(super) fn route_change(case: &Case<'_>) -> Option<Ruling> {
    let moved: Option<Vec<(Rtt, Rtt)>> = case.members.iter().map(|seen| moved(case, seen)).collect();
    let (from, to) = *moved?.first()?;
    let new_hop = case.members.iter().find_map(new_hop);
    let seen_by = match &new_hop {
        Some(suspect) => format!("; traces go over {} now", words::hop(suspect)),
        None => {
            "; no trace shows another path, so it may be a tunnel, another lower layer, or a queue that stays".into()
        }
    };
    Some(Ruling {
        code: VerdictCode::RouteChange,
        suspect: new_hop,
        what: format!(
            "moved from {} to {} and stayed there{seen_by}",
            words::millis(from),
            words::millis(to)
        ),
        next: "nothing is broken: ask whoever runs the network whether this way is meant, and expect the new RTT"
            .into(),
    })
}

/// From where to where the RTTs of a member moved, if nothing else is wrong with it.
fn moved(case: &Case<'_>, seen: &Seen<'_>) -> Option<(Rtt, Rtt)> {
    let of_kind = match case.evidence.kind {
        AnomalyKind::Shifted { from, to } => Some((from, to)),
        _ => None,
    };
    let shift = |look: &Look<'_>| look.stream.and_then(|stream| stream.shift);
    let is_moved = |look: &Look<'_>| look.state == State::Shifted;
    let is_calm = |look: &Look<'_>| {
        let slow_only = look.is_slow() && !look.is_lossy();
        slow_only || matches!(look.state, State::Shifted | State::Well | State::Absent | State::Never)
    };
    // SYN series prove a shift half a minute after pings, at a fifth of the pace; but many that are as fast as ever contradict it.
    let contradicts = seen.syn.state == State::Well && seen.syn.slow().bad == 0 && seen.syn.bad().all >= CONTRADICTION;
    let of_pings = is_moved(&seen.icmp) && !contradicts || of_kind.is_some() && seen.icmp.state != State::Well;
    let of_syns = is_moved(&seen.syn) && seen.icmp.tells_nothing();
    let moves = (of_pings || of_syns) && is_calm(&seen.icmp) && is_calm(&seen.syn);
    let shift = shift(&seen.icmp).or_else(|| shift(&seen.syn)).or(of_kind);
    shift.filter(|_| moves)
}

/// The first hop of the present path that was not part of the former one.
fn new_hop(seen: &Seen<'_>) -> Option<Suspect> {
    let path = seen.member.path.as_ref()?;
    let before = path.before.as_ref()?;
    let (ttl, address) = (1..=u8::MAX)
        .zip(&path.hops)
        .filter_map(|(ttl, hop)| Some((ttl, (*hop)?)))
        .find(|(_, hop)| !before.contains(&Some(*hop)))?;
    Some(Suspect {
        ttl: Some(ttl),
        from_ttl: Some(ttl - 1),
        ..somebody(Some(address))
    })
}

/// As many SYNs as contradict pings elsewhere in the table.
const CONTRADICTION: u64 = 50;
