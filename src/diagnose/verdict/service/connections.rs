//! Rows 14 to 17: SYNs suffer and pings do not.

use std::time::Duration;

use super::silence::dropped;
use crate::diagnose::VerdictCode;
use crate::diagnose::verdict::case::{Case, Ruling, Seen};
use crate::diagnose::verdict::look::{State, silent_for};
use crate::diagnose::verdict::rhythm::rhythm;
use crate::diagnose::verdict::words;

/// Rows 14 to 17: SYNs suffer and pings do not.
pub(super) fn rule(case: &Case<'_>, seen: &Seen<'_>) -> Option<Ruling> {
    let syn = seen.syn.stream?;
    let suspect = Some(seen.suspect());
    if let Some(ruling) = limited(case, seen) {
        return Some(ruling);
    }
    if !seen.only_syn_suffers() {
        return None;
    }
    let silent = silent_for(syn, case.evidence.last);
    if seen.syn.state == State::Gone && silent >= DROPPED_FOR {
        let what = format!("but no SYN for {}", words::seconds(silent));
        return Some(dropped(case, seen, &what));
    }
    let comes_back = syn.lost_in_a_row < syn.lost || syn.retransmission_like > 0;
    // A full queue drops and never delays, but for as long as it takes to send again. Who is late more often than silent is slow, and loses some besides.
    let mostly_late = syn.slow.saturating_sub(syn.retransmission_like) > syn.lost;
    if seen.syn.is_lossy() && !mostly_late {
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
            "answers SYNs late, loses {}, and answers pings in time ({})",
            if syn.lost == 0 { "none" } else { "fewer" },
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
    let pings_are_well = matches!(seen.icmp.state, State::Well | State::Shifted)
        || seen.icmp.tells_nothing()
        || seen.pings_are_far_better();
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

/// A full listen queue drops for seconds; a rule drops for good.
const DROPPED_FOR: Duration = Duration::from_secs(5);
