//! Rows 5 and 10 to 13: somebody answers, and says no.

use std::net::IpAddr;
use std::time::Duration;

use crate::diagnose::verdict::case::{Case, Ruling, Seen};
use crate::diagnose::verdict::look::{Look, State};
use crate::diagnose::verdict::share::FEW;
use crate::diagnose::verdict::words;
use crate::diagnose::{PathEvidence, VerdictCode};
use crate::outcome::Unreachable;

/// Rows 10, 11 and 5: somebody says why.
pub(super) fn error(seen: &Seen<'_>) -> Option<Ruling> {
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
pub(super) fn refusal(case: &Case<'_>, seen: &Seen<'_>) -> Option<Ruling> {
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
            next: if over || lasted > RESTART {
                "start the service, or see why it ended"
            } else {
                "start the service, or see why it ended; if it is back within two minutes it was a restart"
            }
            .into(),
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

/// The hop that is as much nearer as the TTL says, where it answered on this very path.
fn nearer_hop(seen: &Seen<'_>, rst: u8, reply: u8) -> Option<IpAddr> {
    let nearer = distance(reply).checked_sub(distance(rst)).filter(|hops| *hops > 0)?;
    let path = seen.member.path.as_ref().filter(|path| path.reached)?;
    let at = path.hops.len().checked_sub(usize::from(nearer))?;
    let is_presumed = path.presumed_ttls.iter().any(|ttl| usize::from(*ttl) == at + 1);
    path.hops.get(at).copied().flatten().filter(|_| !is_presumed)
}

/// Hops from a sender whose packet arrives with this TTL: they start at 64, 128 or 255.
const fn distance(ttl: u8) -> u8 {
    match ttl {
        0..=64 => 64 - ttl,
        65..=128 => 128 - ttl,
        129.. => 255 - ttl,
    }
}

/// A service that needs longer to come back is down.
const RESTART: Duration = Duration::from_mins(2);
