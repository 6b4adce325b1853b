//! Rows that ask what answers say: about the service, its port, and who stands before it.

use std::net::IpAddr;
use std::time::Duration;

use super::case::{Case, Ruling, Seen};
use super::look::{Look, State, rhythm};
use super::share::FEW;
use super::words;
use crate::correlate::AnomalyKind;
use crate::diagnose::{PathEvidence, Suspect, VerdictCode};
use crate::outcome::Unreachable;
use crate::units::Rtt;

/// The first row that one backend matches.
pub(super) fn rule(case: &Case<'_>, seen: &Seen<'_>) -> Option<Ruling> {
    error(seen)
        .or_else(|| refusal(case, seen))
        .or_else(|| silence(case, seen))
        .or_else(|| connections(case, seen))
}

/// Several backends that match the same row each.
pub(super) fn all_alike(case: &Case<'_>) -> Option<Ruling> {
    let mut rulings = case.members.iter().map(|seen| rule(case, seen));
    let first = rulings.next()??;
    let mut suspect = first.suspect.clone();
    for ruling in rulings {
        let ruling = ruling.filter(|ruling| ruling.code == first.code)?;
        let is_same = |one: &Suspect| {
            ruling
                .suspect
                .as_ref()
                .is_some_and(|other| one.address == other.address)
        };
        suspect = suspect.filter(is_same);
    }
    // What happens to all at the same moment is a matter of where.
    if first.code == VerdictCode::TargetUnreachable && case.is_together() {
        return None;
    }
    let rolling = if first.code == VerdictCode::Restart && !overlap(case) {
        "one after the other, as in a rolling deployment: "
    } else {
        ""
    };
    Some(Ruling {
        suspect,
        what: format!("all alike, {rolling}the first of them {}", first.what),
        ..first
    })
}

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
        what: format!("moved from {from} to {to} and stayed there{seen_by}"),
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
    let (ttl, address) = (1_u8..)
        .zip(&path.hops)
        .filter_map(|(ttl, hop)| Some((ttl, (*hop)?)))
        .find(|(_, hop)| !before.contains(&Some(*hop)))?;
    Some(Suspect {
        ttl: Some(ttl),
        from_ttl: Some(ttl - 1),
        ..super::case::somebody(Some(address))
    })
}

/// Rows 10, 11 and 5: somebody says why.
fn error(seen: &Seen<'_>) -> Option<Ruling> {
    let (error, is_syn) = match (seen.syn.state, seen.icmp.state) {
        (State::Errors(error), _) => (error, true),
        (_, State::Errors(error)) if seen.syn.bad().all < FEW || seen.syn.is_impaired() => (error, false),
        _ => return None,
    };
    let who = words::sender(seen, error.from);
    let said = format!(
        "{who} answered {} with \"{}\"",
        if is_syn { "SYNs" } else { "pings" },
        error.describe()
    );
    let pings_pass = seen.icmp_is_no_worse() && !seen.icmp.tells_nothing();
    let ruling = |code, suspect, what: String, next: &str| {
        let next = next.to_owned();
        Some(Ruling {
            code,
            suspect: Some(suspect),
            what,
            next,
        })
    };
    match kind(error) {
        Says::Forbidden => ruling(
            VerdictCode::Prohibited,
            seen.sender(error.from),
            format!("got no further: {said}"),
            "ask who runs that firewall or router for a rule that lets these probes, and health checks from this host, pass",
        ),
        Says::Rejected => ruling(
            VerdictCode::FirewallReject,
            seen.sender(error.from),
            format!("was rejected: {said}"),
            "look for a REJECT rule there; the service behind it may be well",
        ),
        Says::Unreachable if is_syn && pings_pass => ruling(
            VerdictCode::FirewallReject,
            seen.sender(error.from),
            format!("was rejected: {said}, and pings are answered"),
            "look for a REJECT rule there; the service behind it may be well",
        ),
        Says::Unreachable => ruling(
            VerdictCode::TargetUnreachable,
            seen.suspect(),
            format!("could not be reached: {said}"),
            "see whether the backend is up and its cable in; if it is, look at the routes of the one who says so",
        ),
        Says::Loop => {
            let suspect = looping(seen.member.path.as_ref()).unwrap_or(error.from);
            ruling(
                VerdictCode::TargetUnreachable,
                seen.sender(suspect),
                format!("could not be reached: {said}, so packets go round in a loop until they expire"),
                "look at the routes of that router and of its neighbour",
            )
        }
        Says::Other => None,
    }
}

/// What an ICMP error comes down to.
enum Says {
    Forbidden,
    Rejected,
    Unreachable,
    Loop,
    Other,
}

fn kind(error: Unreachable) -> Says {
    match (error.from, error.icmp_type, error.code) {
        _ if error.is_prohibited() => Says::Forbidden,
        (IpAddr::V4(_), 3, 2 | 3) | (IpAddr::V6(_), 1, 4) => Says::Rejected,
        (IpAddr::V4(_), 3, 0 | 1 | 6 | 7 | 11 | 12) | (IpAddr::V6(_), 1, 0 | 2 | 3) => Says::Unreachable,
        (IpAddr::V4(_), 11, 0) | (IpAddr::V6(_), 3, 0) => Says::Loop,
        _ => Says::Other,
    }
}

/// The router that sends packets back: the last one before a trace meets one again.
fn looping(path: Option<&PathEvidence>) -> Option<IpAddr> {
    let hops = &path?.hops;
    let met = |at: usize| hops[at].is_some() && hops[..at].contains(&hops[at]);
    let again = (0..hops.len()).find(|at| met(*at))?;
    hops[..again].iter().rev().find_map(|hop| *hop)
}

/// Rows 11 to 13.
fn refusal(case: &Case<'_>, seen: &Seen<'_>) -> Option<Ruling> {
    let (State::Refused { over }, Some(syn)) = (seen.syn.state, seen.syn.stream) else {
        return None;
    };
    if !seen.icmp_is_no_worse() {
        return None;
    }
    let refused = seen.syn.refused();
    let counts = format!("{} of {} SYNs refused", refused.bad, refused.all);
    if let Some(ruling) = foreign_rst(seen, &counts) {
        return Some(ruling);
    }
    let lasted = syn.refusal_run.map_or(Duration::ZERO, |(_, began, ended)| {
        ended.unwrap_or(case.evidence.last).since(began)
    });
    let suspect = Some(seen.suspect());
    Some(if over && lasted <= RESTART {
        Ruling {
            code: VerdictCode::Restart,
            suspect,
            what: format!("closed its port for {} and opened it again ({counts})", words::seconds(lasted)),
            next: "if nobody deployed or restarted it just then, see why the service ended; else drain a backend before its restart".into(),
        }
    } else {
        let until = if over { ", and now listens again" } else { "" };
        Ruling {
            code: VerdictCode::NotListening,
            suspect,
            what: format!(
                "answered SYNs with RST for {} ({counts}){until}: its host is up and nothing listens on the port",
                words::seconds(lasted)
            ),
            next: "start the service, or see why it ended; if it is back within two minutes it was a restart".into(),
        }
    })
}

/// Row 11: a RST that has come another way than the backend's replies.
fn foreign_rst(seen: &Seen<'_>, counts: &str) -> Option<Ruling> {
    let ttl_of_replies = |look: &Look<'_>| look.stream.and_then(|stream| stream.reply_ttl);
    let rst = seen.syn.stream?.rst_ttl?;
    let reply = ttl_of_replies(&seen.syn).or_else(|| ttl_of_replies(&seen.icmp))?;
    if rst == reply {
        return None;
    }
    let suspect = nearer_hop(seen, rst, reply).map(|address| seen.sender(address));
    let whose = suspect.as_ref().map_or("somebody on the way".to_owned(), words::hop);
    Some(Ruling {
        code: VerdictCode::FirewallReject,
        suspect,
        what: format!(
            "was refused in its name ({counts}): the RSTs have TTL {rst} and its own replies {reply}, so they come from {whose}"
        ),
        next: "look for a rule there that rejects with a TCP reset; the service behind it may be well".into(),
    })
}

/// The hop that is as much nearer as the TTL says.
fn nearer_hop(seen: &Seen<'_>, rst: u8, reply: u8) -> Option<IpAddr> {
    let nearer = distance(reply).checked_sub(distance(rst)).filter(|hops| *hops > 0)?;
    let hops = &seen.member.path.as_ref().filter(|path| path.reached)?.hops;
    let at = hops.len().checked_sub(usize::from(nearer))?;
    hops.get(at).copied().flatten()
}

/// Hops from a sender whose packet arrives with this TTL: they start at 64, 128 or 255.
const fn distance(ttl: u8) -> u8 {
    match ttl {
        0..=64 => 64 - ttl,
        65..=128 => 128 - ttl,
        129.. => 255 - ttl,
    }
}

/// Rows 5, 9 and 15: nothing comes back.
fn silence(case: &Case<'_>, seen: &Seen<'_>) -> Option<Ruling> {
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
    let in_a_row = |stream: &crate::diagnose::StreamEvidence| stream.lost_in_a_row >= 2;
    matches!(seen.syn.state, State::Absent | State::Gone | State::Never) || seen.syn.stream.is_some_and(in_a_row)
}

fn gone(case: &Case<'_>, seen: &Seen<'_>) -> Ruling {
    let last_reply = [&seen.icmp, &seen.syn]
        .into_iter()
        .filter_map(|look| look.stream?.last_reply)
        .max();
    let silent = last_reply.map_or(Duration::ZERO, |reply| case.evidence.last.since(reply));
    let what = format!("has answered nothing any more for {}", words::seconds(silent));
    unreachable(case, seen, &what)
}

fn unreachable(case: &Case<'_>, seen: &Seen<'_>, what: &str) -> Ruling {
    let hops = seen.member.path.as_ref().map_or(&[][..], |path| &path.hops);
    let last = (1_u8..).zip(hops).filter_map(|(ttl, hop)| Some((ttl, (*hop)?))).last();
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

fn dropped(case: &Case<'_>, seen: &Seen<'_>, what: &str) -> Ruling {
    Ruling {
        code: VerdictCode::PortDropped,
        suspect: Some(seen.suspect()),
        what: format!("answers pings {what} ({})", words::counts(case)),
        next:
            "look for a firewall or security group rule that drops this port; a service that is only down would refuse"
                .into(),
    }
}

/// Rows 14 to 17: SYNs suffer and pings do not.
fn connections(case: &Case<'_>, seen: &Seen<'_>) -> Option<Ruling> {
    let syn = seen.syn.stream?;
    let suspect = Some(seen.suspect());
    if let Some(ruling) = limited(case, seen) {
        return Some(ruling);
    }
    if !seen.only_syn_suffers() {
        return None;
    }
    let last = case.evidence.last;
    let silent = syn.last_reply.map_or(Duration::ZERO, |reply| last.since(reply));
    if seen.syn.state == State::Gone && silent >= DROPPED_FOR {
        let what = format!("but no SYN for {}", words::seconds(silent));
        return Some(dropped(case, seen, &what));
    }
    let comes_back = syn.lost_in_a_row < syn.lost || syn.retransmission_like > 0;
    if seen.syn.is_lossy() {
        return comes_back.then(|| Ruling {
            code: VerdictCode::ListenOverflow,
            suspect,
            what: format!("leaves SYNs unanswered now and then, in no rhythm, and answers pings ({})", words::counts(case)),
            next: "look on the backend at `nstat -az TcpExtListenOverflows TcpExtListenDrops` and at its connection tracking; the service accepts too slowly".into(),
        });
    }
    Some(Ruling {
        code: VerdictCode::TcpPath,
        suspect,
        what: format!(
            "answers SYNs late, loses none, and answers pings in time ({})",
            words::counts(case)
        ),
        next: "look at what handles connections before it: a stateful firewall, connection tracking, a SYN proxy"
            .into(),
    })
}

/// Row 14.
fn limited(case: &Case<'_>, seen: &Seen<'_>) -> Option<Ruling> {
    let syn = seen.syn.stream.filter(|stream| stream.lost > 0)?;
    let rhythm = rhythm(syn, case.evidence.last)?;
    let pings_are_well = matches!(seen.icmp.state, State::Well | State::Shifted) || seen.icmp.tells_nothing();
    let outcome = if syn.lost <= syn.replied { "dropped" } else { "passed" };
    let a_minute = 60.0 / rhythm.every.as_secs_f64().max(f64::MIN_POSITIVE);
    pings_are_well.then(|| Ruling {
        code: VerdictCode::SynRateLimited,
        suspect: Some(seen.suspect()),
        what: format!(
            "had SYNs {outcome} like clockwork: one each {}, the last {} at even distances ({})",
            words::seconds(rhythm.every),
            rhythm.times,
            words::counts(case)
        ),
        next: format!("look for a firewall rule that limits new connections to about {a_minute:.0} a minute, and exempt health checks from it"),
    })
}

/// Whether refusals of two members were at the same time.
fn overlap(case: &Case<'_>) -> bool {
    let runs: Vec<_> = case
        .members
        .iter()
        .filter_map(|seen| seen.syn.stream?.refusal_run)
        .map(|(_, began, ended)| (began, ended.unwrap_or(case.evidence.last)))
        .collect();
    let meets = |(at, one): (usize, &(_, _))| runs[at + 1..].iter().any(|other| one.0 < other.1 && other.0 < one.1);
    runs.iter().enumerate().any(meets)
}

/// A service that needs longer to come back is down.
const RESTART: Duration = Duration::from_mins(2);

/// A full listen queue drops for seconds; a rule drops for good.
const DROPPED_FOR: Duration = Duration::from_secs(5);

/// As many SYNs as contradict pings elsewhere in the table.
const CONTRADICTION: u64 = 50;
