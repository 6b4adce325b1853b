//! Words for people who never read how any of this works.

use std::net::IpAddr;
use std::time::Duration;

use super::case::{Case, Ruling, Seen};
use super::look::{Look, State};
use super::place::Place;
use super::share::{FEW, Share};
use crate::correlate::AnomalyKind;
use crate::diagnose::{Suspect, VerdictCode};
use crate::localize::Part;
use crate::units::Rtt;

/// The sentence for a ticket: what, who, how sure, what it is not, what to do.
pub(super) fn sentence(case: &Case<'_>, ruling: &Ruling, ruled_out: &[String]) -> String {
    let names: Vec<&str> = case.evidence.members.iter().map(|member| &*member.name).collect();
    let who = if names.is_empty() {
        "no backend".to_owned()
    } else {
        list(&names)
    };
    let sure = sure(case, ruling);
    let not = if ruled_out.is_empty() {
        String::new()
    } else {
        format!("; it is not {}", ruled_out.join(", nor "))
    };
    let sentence = format!(
        "{}: {who} {}{sure}{not}; next: {}.",
        title(ruling.code),
        ruling.what,
        ruling.next
    );
    // Names are the user's, and a ticket has one line.
    sentence.replace(|c: char| c.is_control(), " ")
}

/// What was ruled out, and why.
pub(super) fn ruled_out(case: &Case<'_>, ruling: &Ruling) -> Vec<String> {
    let own = &case.evidence.own;
    let mut all = Vec::new();
    if ruling.code == VerdictCode::ProberHost {
        return all;
    }
    match own.loopback {
        (0, probes) if probes >= FEW => all.push(format!("this host (its loopback control: 0 of {probes} slow)")),
        _ if own.stalls == 0 && own.own_delay_ratio == 0.0 => all.push("this host (it sent and read in time)".into()),
        _ => {}
    }
    if let Some((0, probes)) = own.gateway
        && probes >= FEW
        && ruling.code != VerdictCode::FirstHop
    {
        all.push(format!("the first hop (gateway control: 0 of {probes} hit)"));
    }
    if let Some(suspect) = &ruling.suspect
        && let Some(cleared @ 1..) = suspect.from_ttl
        && !suspect.cleared_by.is_empty()
    {
        let hops = if cleared == 1 {
            "hop 1".to_owned()
        } else {
            format!("hops 1 to {cleared}")
        };
        let users: Vec<&str> = suspect.cleared_by.iter().map(|name| &**name).collect();
        let verb = if users.len() == 1 { "uses" } else { "use" };
        let what = if cleared == 1 { "it" } else { "them" };
        all.push(format!("{hops} ({} {verb} {what} and suffered nothing)", list(&users)));
    }
    if is_about_the_service(ruling.code)
        && let pings = case.icmp()
        && pings.all >= FEW
        && case.members.iter().all(|seen| seen.icmp.state == State::Well)
    {
        all.push(format!(
            "the way to it (pings: {} of {} lost or slow)",
            pings.bad, pings.all
        ));
    }
    all
}

const fn is_about_the_service(code: VerdictCode) -> bool {
    matches!(
        code,
        VerdictCode::Restart
            | VerdictCode::NotListening
            | VerdictCode::SynRateLimited
            | VerdictCode::PortDropped
            | VerdictCode::ListenOverflow
            | VerdictCode::TcpPath
            | VerdictCode::FirewallReject
    )
}

/// How sure it is.
fn sure(case: &Case<'_>, ruling: &Ruling) -> String {
    let words = chance(case);
    let Some((suspect, score)) = ruling
        .suspect
        .as_ref()
        .and_then(|suspect| Some((suspect, suspect.score?)))
    else {
        return words;
    };
    let (rival, lead) = match &suspect.runner_up {
        Some((rival, second)) => (Some(rival), score - second),
        None => (None, score),
    };
    let confidence = match (lead, rival) {
        (HIGH.., _) => "high".to_owned(),
        (MEDIUM.., Some(rival)) => format!("medium, the next best being {rival}"),
        (MEDIUM.., None) => "medium".to_owned(),
        (_, Some(rival)) => format!("low, {rival} explains it almost as well"),
        (_, None) => "low, for few probes were hit".to_owned(),
    };
    words + &format!("; confidence in the place: {confidence}")
}

/// How little chance explains it. What was computed when one backend's trouble began says nothing of it as it is much later.
fn chance(case: &Case<'_>) -> String {
    let evidence = case.evidence;
    let Some(chance) = evidence.chance.filter(|chance| chance.is_finite()) else {
        return String::new();
    };
    match evidence.kind {
        AnomalyKind::Alone(_) if evidence.last.since(evidence.began) > LONG_AGO => String::new(),
        // The number of such alarms that chance makes in 30 days.
        AnomalyKind::Alone(_) => format!("; chance alone does that once in {}", time_between(chance)),
        _ => format!("; the odds that this is chance: {}", odds(chance)),
    }
}

/// The time between two of which so many are expected in 30 days.
fn time_between(expected: f64) -> String {
    let days = 30.0 / expected.max(f64::MIN_POSITIVE);
    match days {
        ..60.0 => format!("{days:.0} days"),
        60.0..730.0 => format!("{:.0} months", days / 30.4),
        730.0..36_525.0 => format!("{:.0} years", days / 365.25),
        _ => "more than 100 years".to_owned(),
    }
}

/// A probability as people say it.
fn odds(chance: f64) -> String {
    let one_in = (1.0 / chance.max(f64::MIN_POSITIVE)).round();
    match one_in {
        ..10.0 => format!("{:.0} %", chance * 1e2),
        10.0..1e3 => format!("1 in {one_in}"),
        1e3..1e6 => format!("1 in {:.0} thousand", one_in / 1e3),
        1e6..1e9 => format!("1 in {:.0} million", one_in / 1e6),
        1e9..1e12 => format!("1 in {:.0} billion", one_in / 1e9),
        _ => "below 1 in a trillion".to_owned(),
    }
}

/// When it was, and how much at once.
fn when(case: &Case<'_>) -> String {
    let evidence = case.evidence;
    let lasted = evidence.last.since(evidence.began);
    if lasted < INSTANT {
        return "for a moment".into();
    }
    let lasted = seconds(lasted);
    if !case.is_together() || evidence.members.len() < 2 {
        return format!("for {lasted}");
    }
    // Who joins later does so at moments that others suffer from as well, but did not begin with them.
    let skew = if evidence.onset_skew <= SAME_MOMENT {
        format!(" within {} of each other,", seconds(evidence.onset_skew.max(TENTH)))
    } else {
        String::new()
    };
    format!("at the same moments,{skew} over {lasted}")
}

/// What was counted, of all members.
pub(super) fn counts(case: &Case<'_>) -> String {
    let pings = one_protocol(case, "pings", |seen| &seen.icmp);
    let syns = one_protocol(case, "SYNs", |seen| &seen.syn);
    let peak = case
        .members
        .iter()
        .flat_map(|seen| [&seen.icmp, &seen.syn])
        .filter_map(peak)
        .max();
    let peak = peak.map(|(peak, usual)| format!("up to {} instead of {}", millis(peak), millis(usual)));
    let all: Vec<String> = [pings, syns, peak].into_iter().flatten().collect();
    if all.is_empty() {
        return "no probes were counted".into();
    }
    let is_long = case.evidence.last.since(case.evidence.began) > COUNTED;
    let when = if is_long { "in the last 10 min " } else { "" };
    format!("{when}{}", all.join("; "))
}

fn one_protocol<'a>(case: &'a Case<'_>, name: &str, look: impl Fn(&'a Seen<'a>) -> &'a Look<'a>) -> Option<String> {
    let sum = |share: fn(&Look<'a>) -> Share| {
        let shares = case.members.iter().map(|seen| share(look(seen)));
        shares.fold(Share::default(), Share::plus)
    };
    let (lost, slow, refused) = (sum(Look::lost), sum(Look::slow), sum(Look::refused));
    let interval = lost.interval()?;
    let interval = if lost.bad == 0 {
        String::new()
    } else {
        format!(" ({})", range(interval.low, interval.high))
    };
    let refused = if refused.bad == 0 {
        String::new()
    } else {
        format!(", {} refused", refused.bad)
    };
    Some(format!(
        "{} of {} {name} lost{interval}, {} slow{refused}",
        lost.bad, lost.all, slow.bad
    ))
}

/// What they suffered from, and when.
pub(super) fn suffered(case: &Case<'_>) -> String {
    let looks = || case.members.iter().flat_map(|seen| [&seen.icmp, &seen.syn]);
    let from = match (looks().any(Look::is_lossy), looks().any(Look::is_slow)) {
        (true, true) => "lost and delayed packets",
        (true, false) => "lost packets",
        (false, _) => "delayed packets",
    };
    format!("{from} {} ({})", when(case), counts(case))
}

/// The longest RTT and what is usual, where that was too long.
fn peak(look: &Look<'_>) -> Option<(Rtt, Rtt)> {
    let stream = look.stream?;
    let (peak, level) = (stream.peak?, stream.level?);
    (peak > level.threshold).then_some((peak, level.baseline))
}

/// What this host did.
pub(super) fn own_host(case: &Case<'_>) -> String {
    let own = &case.evidence.own;
    let (slow, all) = own.loopback;
    let mut signs = Vec::new();
    if own.stalls > 0 {
        signs.push(format!(
            "it stood still {} times, for up to {}",
            own.stalls,
            seconds(own.longest)
        ));
    }
    if own.spikes > 0 && own.own_delay_ratio > 0.0 {
        signs.push(format!(
            "{:.0} % of {} spikes arose in it",
            own.own_delay_ratio * 1e2,
            own.spikes
        ));
    }
    if slow > 0 {
        signs.push(format!("{slow} of {all} probes to its own loopback were slow"));
    }
    format!(
        "may look bad {}, but it is the host that measures: {}",
        when(case),
        signs.join(", ")
    )
}

/// That all before the last hop is well.
pub(super) fn clear(place: &Place<'_>) -> String {
    match place.last {
        0 => "nothing lies between".into(),
        1 => "hop 1 before it is clear".into(),
        last => format!("hops 1 to {last} before it are clear"),
    }
}

/// Who does not suffer.
pub(super) fn healthy(case: &Case<'_>) -> String {
    let names: Vec<&str> = case.evidence.healthy.iter().map(|member| &*member.name).collect();
    match names.as_slice() {
        [] => "and nothing else is probed that is well".into(),
        [one] => format!("while {one} is well"),
        many => format!("while {} are well", list(many)),
    }
}

/// A hop or a backend.
pub(super) fn hop(suspect: &Suspect) -> String {
    let address = suspect
        .address
        .map_or("a router that does not answer".to_owned(), |address| {
            address.to_string()
        });
    match (suspect.from_ttl, suspect.ttl) {
        (Some(from), Some(to)) if to > from.saturating_add(1) => {
            format!("{address} (behind hop {from}, up to hop {to})")
        }
        (_, Some(ttl)) => format!("{address} (hop {ttl})"),
        _ => address,
    }
}

/// The sender of an error.
pub(super) fn sender(seen: &Seen<'_>, address: IpAddr) -> String {
    if address == seen.member.address {
        "its own host".into()
    } else {
        hop(&seen.sender(address))
    }
}

/// A part of the network.
pub(super) fn part(case: &Case<'_>, part: &Part) -> String {
    match part {
        Part::Segment {
            from_ttl,
            to_ttl,
            address,
        } => {
            let address = address.map_or(String::new(), |address| format!("{address}, "));
            if *to_ttl > from_ttl.saturating_add(1) && *from_ttl == 0 {
                format!("{address}up to hop {to_ttl}")
            } else if *to_ttl > from_ttl.saturating_add(1) {
                format!("{address}behind hop {from_ttl} up to hop {to_ttl}")
            } else {
                format!("{address}hop {to_ttl}")
            }
        }
        Part::Target(target) => case
            .name(*target)
            .map_or("a backend itself".into(), |name| format!("{name} itself")),
    }
}

/// A length of time.
pub(super) fn seconds(duration: Duration) -> String {
    match duration.as_secs_f64() {
        0.0..1.0 => format!("{:.0} ms", duration.as_secs_f64() * 1e3),
        1.0..120.0 => format!("{:.1} s", duration.as_secs_f64()),
        120.0..7200.0 => format!("{:.0} min", duration.as_secs_f64() / 60.0),
        seconds => format!("{:.0} h", seconds / 3600.0),
    }
}

/// An RTT, with as many digits as anybody compares.
pub(super) fn millis(rtt: Rtt) -> String {
    let ms = rtt.as_micros() / 1e3;
    match ms {
        ..1.0 => format!("{ms:.2} ms"),
        1.0..100.0 => format!("{ms:.1} ms"),
        _ => format!("{ms:.0} ms"),
    }
}

/// The interval that a share is in with 95 %.
fn range(low: f64, high: f64) -> String {
    let (low, high) = (low * 1e2, high * 1e2);
    if high < 1.0 {
        format!("{low:.2} to {high:.2} %")
    } else if high < 10.0 {
        format!("{low:.1} to {high:.1} %")
    } else {
        format!("{low:.0} to {high:.0} %")
    }
}

/// Names with commas; of many the first.
pub(super) fn list(names: &[&str]) -> String {
    match names {
        [] => String::new(),
        [one] => (*one).to_owned(),
        [first @ .., last] if names.len() <= NAMES_MAX => format!("{} and {last}", first.join(", ")),
        _ => format!("{} and {} more", names[..NAMES_MAX].join(", "), names.len() - NAMES_MAX),
    }
}

/// The verdict in words.
const fn title(code: VerdictCode) -> &'static str {
    match code {
        VerdictCode::ProberHost => "this host stalls",
        VerdictCode::FirstHop => "first hop",
        VerdictCode::SharedPath => "shared path",
        VerdictCode::PrivatePath => "private path",
        VerdictCode::TargetEdge => "edge of the target",
        VerdictCode::SlowBackend => "slow backend",
        VerdictCode::Restart => "restart",
        VerdictCode::NotListening => "not listening",
        VerdictCode::SynRateLimited => "SYN rate limit",
        VerdictCode::Prohibited => "prohibited",
        VerdictCode::FirewallReject => "rejected by a firewall",
        VerdictCode::PortDropped => "port dropped",
        VerdictCode::ListenOverflow => "listen queue overflows",
        VerdictCode::TcpPath => "TCP is slow and ICMP is not",
        VerdictCode::IcmpOnly => "only ICMP suffers",
        VerdictCode::IcmpBlocked => "ICMP is blocked",
        VerdictCode::RouteChange => "route change",
        VerdictCode::TargetUnreachable => "target unreachable",
        VerdictCode::CommonCause => "common cause",
        VerdictCode::Unknown => "unknown cause",
    }
}

/// Nobody calls it the same moment beyond.
const SAME_MOMENT: Duration = Duration::from_secs(2);

/// Skews below the pace of probes mean nothing.
const TENTH: Duration = Duration::from_millis(100);

/// Counts of what was longer ago are not kept.
const COUNTED: Duration = Duration::from_mins(10);

/// By then there is much that the first chance does not know of.
const LONG_AGO: Duration = Duration::from_mins(1);

/// Shorter than this it was a single probe.
const INSTANT: Duration = Duration::from_millis(1);

/// A ticket is read by people.
const NAMES_MAX: usize = 5;

/// Logs of likelihood ratios: 1,100 to 1, and 20 to 1.
const HIGH: f64 = 7.0;
const MEDIUM: f64 = 3.0;
