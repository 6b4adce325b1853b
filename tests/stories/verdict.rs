//! Whether a verdict is true of what the model did: one rule for each code.
//!
//! A rule looks at facts and never at the settings of the file, so that a verdict that was copied from another file, or left behind
//! when the network was changed, is found out. Each rule says which suspect and which members it accepts, and accepts no others:
//! `mutations.rs` tries all of them.

use std::collections::BTreeSet;
use std::time::Duration;

use pathjitter::simnet::topology::{Code, Verdict};

use super::facts::{Facts, HOST, Place, Target};

/// What is wrong with a verdict, in words.
pub(crate) fn deviation(facts: &Facts, verdict: &Verdict) -> Option<String> {
    let suspect = match verdict.suspect {
        None => None,
        Some(address) => match facts.nodes.get(&address) {
            None => return Some(format!("nobody has the suspect's address {address}")),
            Some(name) => Some(name.as_str()),
        },
    };
    let claim = Claim {
        suspect,
        members: verdict.members.iter().map(String::as_str).collect(),
    };
    let wrong = judge(verdict.code, facts, &claim).err()?;
    let Claim { suspect, members } = claim;
    Some(format!("{:?} at {suspect:?} with {members:?}: {wrong}", verdict.code))
}

fn judge(code: Code, facts: &Facts, claim: &Claim<'_>) -> Result<(), String> {
    let rule = match code {
        Code::Clean => clean,
        Code::ProberHost => prober_host,
        Code::Unknown => unknown,
        _ => {
            let named = RULES.iter().find(|rule| rule.code == code);
            let Some(rule) = named else {
                return Err("no rule".to_owned());
            };
            must(!claim.members.is_empty(), "somebody suffers")?;
            only_members_suffer(facts, claim)?;
            rule.holds
        }
    };
    rule(facts, claim)
}

/// What a verdict says besides its code.
struct Claim<'a> {
    /// The name of the element.
    suspect: Option<&'a str>,
    members: BTreeSet<&'a str>,
}

impl<'a> Claim<'a> {
    fn members(&self, facts: &'a Facts) -> impl Iterator<Item = (&'a str, &'a Target)> {
        let known = self
            .members
            .iter()
            .filter_map(|name| facts.targets.get_key_value(*name));
        known.map(|(name, target)| (name.as_str(), target))
    }

    /// Whether this holds for all members.
    fn all(&self, facts: &'a Facts, is_so: impl Fn(&Target) -> bool) -> bool {
        self.members(facts).all(|(_, target)| is_so(target))
    }

    /// The only member.
    fn only(&self, facts: &'a Facts) -> Result<(&'a str, &'a Target), String> {
        let mut members = self.members(facts);
        match (members.next(), members.next()) {
            (Some(only), None) => Ok(only),
            _ => Err("it is about one backend".to_owned()),
        }
    }
}

struct Rule {
    code: Code,
    holds: fn(&Facts, &Claim<'_>) -> Result<(), String>,
}

/// Of codes with members that suffer: before each of these, it is made sure that just the members suffered.
const RULES: [Rule; 18] = [
    // A link that loses or delays, and lets others through. What it is called depends on who is behind it.
    rule(Code::FirstHop, first_hop),
    rule(Code::SharedPath, shared_path),
    rule(Code::PrivatePath, private_path),
    rule(Code::TargetEdge, target_edge),
    // Nothing gets through any more, by any protocol.
    rule(Code::TargetUnreachable, target_unreachable),
    // No link has done anything: the backend has.
    rule(Code::SlowBackend, slow_backend),
    rule(Code::TcpPath, tcp_path),
    rule(Code::Restart, restart),
    rule(Code::NotListening, not_listening),
    rule(Code::SynRateLimited, syn_rate_limited),
    rule(Code::PortDropped, port_dropped),
    rule(Code::ListenOverflow, listen_overflow),
    rule(Code::IcmpOnly, icmp_only),
    rule(Code::IcmpBlocked, icmp_blocked),
    // A router on the way answers instead of the backend.
    rule(Code::Prohibited, prohibited),
    rule(Code::FirewallReject, firewall_reject),
    // Nothing is lost; the way is another.
    rule(Code::RouteChange, route_change),
    // Several backends, each by itself.
    rule(Code::CommonCause, common_cause),
];

const fn rule(code: Code, holds: fn(&Facts, &Claim<'_>) -> Result<(), String>) -> Rule {
    Rule { code, holds }
}

/// Nothing happened to anybody. What routers do to packets for themselves is not seen here, and is no harm.
fn clean(facts: &Facts, claim: &Claim<'_>) -> Result<(), String> {
    must(
        claim.suspect.is_none() && claim.members.is_empty(),
        "nobody is to be named",
    )?;
    only_members_suffer(facts, claim)?;
    must(
        facts.sent_late < STALLED || !facts.is_host_modelled,
        "this host sent late",
    )
}

/// The network did nothing and answered everything; this host sent late, for all alike.
fn prober_host(facts: &Facts, claim: &Claim<'_>) -> Result<(), String> {
    must(claim.suspect.is_none(), "no element of the network is suspect")?;
    must(claim.members.len() == facts.targets.len(), "all targets are members")?;
    must(facts.sent_late >= STALLED, "this host sent in time")?;
    let is_innocent =
        |target: &Target| target.harm.is_empty() && target.icmp.is_always_answered() && target.tcp.is_always_answered();
    must(claim.all(facts, is_innocent), "the network did something, too")
}

/// Something happened, and no other code says what.
fn unknown(facts: &Facts, claim: &Claim<'_>) -> Result<(), String> {
    must(claim.suspect.is_none(), "an unknown fault has no place")?;
    must(!claim.members.is_empty(), "somebody suffers")?;
    only_members_suffer(facts, claim)?;
    let suspects = facts.nodes.values().map(|name| Some(name.as_str())).chain([None]);
    for suspect in suspects {
        let other = Claim {
            suspect,
            members: claim.members.clone(),
        };
        let fits = RULES.iter().find(|rule| (rule.holds)(facts, &other).is_ok());
        if let Some(rule) = fits {
            return Err(format!("{:?} at {suspect:?} explains it", rule.code));
        }
    }
    Ok(())
}

fn first_hop(facts: &Facts, claim: &Claim<'_>) -> Result<(), String> {
    let (near, _) = bad_segment(facts, claim)?;
    must(near == HOST, "that is not the first hop")?;
    must(
        claim.members.len() == facts.targets.len(),
        "everybody is behind the first hop",
    )
}

fn shared_path(facts: &Facts, claim: &Claim<'_>) -> Result<(), String> {
    let (near, far) = bad_segment(facts, claim)?;
    must(
        near != HOST && !facts.targets.contains_key(&far),
        "not between two routers",
    )?;
    let behind = facts.behind(&near, &far);
    must(
        behind >= 2 && behind == claim.members.len(),
        "others are behind it than the members",
    )
}

fn private_path(facts: &Facts, claim: &Claim<'_>) -> Result<(), String> {
    let (near, far) = bad_segment(facts, claim)?;
    must(
        near != HOST && !facts.targets.contains_key(&far),
        "not between two routers",
    )?;
    must(facts.behind(&near, &far) == 1, "not one backend alone is behind it")
}

fn target_edge(facts: &Facts, claim: &Claim<'_>) -> Result<(), String> {
    let (_, far) = bad_segment(facts, claim)?;
    let (name, _) = claim.only(facts)?;
    must(far == name, "not the last link")
}

/// The one link that has harmed packets of all members, and nothing else has: from its near to its far end, which is the suspect.
fn bad_segment(facts: &Facts, claim: &Claim<'_>) -> Result<(String, String), String> {
    let places: BTreeSet<Place> = claim.members(facts).flat_map(|(_, target)| target.places()).collect();
    let mut places = places.into_iter();
    let (Some(Place::Link(a, b)), None) = (places.next(), places.next()) else {
        return Err("not one link, and only this, did the harm".to_owned());
    };
    must(
        claim.all(facts, |target| !target.harm.is_empty()),
        "not all members were harmed there",
    )?;
    must(
        claim.all(facts, |target| {
            !target.icmp.is_rejected() && !target.tcp.is_rejected() && !target.icmp.is_gone
        }),
        "links neither refuse nor fall silent",
    )?;
    let (_, first) = claim.members(facts).next().ok_or("nobody is a member")?;
    let step = first
        .before
        .windows(2)
        .find(|two| *two == [&*a, &*b] || *two == [&*b, &*a]);
    let Some([near, far]) = step else {
        return Err(format!("{a}-{b} is not on the way"));
    };
    must(
        claim.suspect == Some(far),
        &format!("the far end of what did the harm is {far}"),
    )?;
    Ok((near.clone(), far.clone()))
}

/// In the end no probe gets an answer, and the suspect is where packets end: a node, or the far end of a link.
fn target_unreachable(facts: &Facts, claim: &Claim<'_>) -> Result<(), String> {
    let (_, target) = claim.only(facts)?;
    must(
        target.icmp.is_gone && target.tcp.is_gone,
        "something still gets through",
    )?;
    let reasons = facts.reasons_of(target.harm.keys());
    let fatal = BTreeSet::from(["link_down", "ttl_expired", "no_route", "backend_down"]);
    must(
        !reasons.is_empty() && reasons.is_subset(&fatal),
        "packets were dropped for other reasons",
    )?;
    let ends: BTreeSet<&str> = target
        .harm
        .keys()
        .map(|element| element.split_once('>').map_or(element.as_str(), |(_, to)| to))
        .collect();
    let suspect = claim.suspect.unwrap_or_default();
    must(ends == BTreeSet::from([suspect]), &format!("packets ended at {ends:?}"))
}

/// Everything that the backend answers takes long, and nothing is lost.
fn slow_backend(facts: &Facts, claim: &Claim<'_>) -> Result<(), String> {
    let target = at_one_backend(facts, claim)?;
    must(target.dropped() == 0, "something was dropped")?;
    must(target.icmp.slow > 0 && target.tcp.slow > 0, "not all of it is slow")
}

/// SYNs are slow, and pings are not.
fn tcp_path(facts: &Facts, claim: &Claim<'_>) -> Result<(), String> {
    let target = at_one_backend(facts, claim)?;
    must(
        target.icmp.is_clean() && target.dropped() == 0,
        "not SYNs alone, or loss",
    )?;
    must(
        target.tcp.slow > 0 && target.tcp.is_always_answered(),
        "SYNs are not slow",
    )
}

/// The kernel refuses for a while, and then no more. One suspect, if there is one member.
fn restart(facts: &Facts, claim: &Claim<'_>) -> Result<(), String> {
    let only = claim.only(facts).ok().map(|(name, _)| name);
    must(claim.suspect == only, "the suspect is the only member")?;
    let is_restart = |target: &Target| {
        let is_refused = target.tcp.refused > 0 && target.tcp.replies > 0 && !target.tcp.is_gone;
        is_refused && target.tcp.nothing == 0 && target.icmp.is_clean() && target.harm.is_empty()
    };
    must(
        claim.all(facts, is_restart),
        "not refused for a while, or not that alone",
    )
}

/// The kernel refuses to the end, and no firewall did it.
fn not_listening(facts: &Facts, claim: &Claim<'_>) -> Result<(), String> {
    let target = at_one_backend(facts, claim)?;
    must(target.icmp.is_clean() && target.harm.is_empty(), "not the port alone")?;
    must(
        target.tcp.refused > 0 && target.tcp.nothing == 0 && target.tcp.is_gone,
        "not refused to the end",
    )
}

/// A limit dropped SYNs, and others passed.
fn syn_rate_limited(facts: &Facts, claim: &Claim<'_>) -> Result<(), String> {
    let target = drops_syns_for(facts, claim, "limited")?;
    must(target.tcp.replies > 0, "nothing passes")
}

/// A filter drops every SYN in the end.
fn port_dropped(facts: &Facts, claim: &Claim<'_>) -> Result<(), String> {
    let target = drops_syns_for(facts, claim, "filtered")?;
    must(target.tcp.is_gone, "SYNs pass in the end")
}

/// A full queue dropped SYNs, and others passed.
fn listen_overflow(facts: &Facts, claim: &Claim<'_>) -> Result<(), String> {
    let target = drops_syns_for(facts, claim, "listen_overflow")?;
    must(target.tcp.replies > 0, "nothing passes")
}

/// Some pings suffer, and no SYN does.
fn icmp_only(facts: &Facts, claim: &Claim<'_>) -> Result<(), String> {
    let target = at_one_backend(facts, claim)?;
    must(target.tcp.is_clean() && !target.icmp.is_clean(), "not pings alone")?;
    must(target.icmp.replies > 0, "no ping is answered at all")
}

/// No ping is ever answered, and every SYN is.
fn icmp_blocked(facts: &Facts, claim: &Claim<'_>) -> Result<(), String> {
    let target = at_one_backend(facts, claim)?;
    must(target.tcp.is_clean(), "SYNs suffer, too")?;
    must(
        target.icmp.replies == 0 && target.icmp.nothing > 0,
        "some pings are answered",
    )
}

/// A filter of the suspect answered SYNs by a prohibition.
fn prohibited(facts: &Facts, claim: &Claim<'_>) -> Result<(), String> {
    let target = filtered_by_suspect(facts, claim)?;
    must(
        target.tcp.prohibited > 0 && target.tcp.refused == 0,
        "nobody says that it is prohibited",
    )
}

/// A filter of the suspect, which is not the backend, answered SYNs by RST.
fn firewall_reject(facts: &Facts, claim: &Claim<'_>) -> Result<(), String> {
    let target = filtered_by_suspect(facts, claim)?;
    must(target.tcp.refused > 0 && target.tcp.prohibited == 0, "nobody refuses")?;
    must(
        claim.suspect.is_some_and(|name| !facts.targets.contains_key(name)),
        "the backend itself refuses",
    )
}

/// No packet was harmed; the paths of the members are others in the end. The suspect is the first new node on them.
fn route_change(facts: &Facts, claim: &Claim<'_>) -> Result<(), String> {
    let is_unharmed =
        |target: &Target| target.harm.is_empty() && target.icmp.is_always_answered() && target.tcp.is_always_answered();
    must(claim.all(facts, is_unharmed), "packets were harmed")?;
    let new = |target: &Target| {
        let mut added = target.after.iter().filter(|node| !target.before.contains(node));
        added.next().cloned()
    };
    must(
        claim.all(facts, |target| new(target).as_deref() == claim.suspect),
        "the suspect is not where the new path begins",
    )?;
    must(
        claim.suspect.is_some() && claim.all(facts, |target| target.before != target.after),
        "no path has changed",
    )
}

/// Several backends harmed their packets themselves, without refusing any: no place in the network is to blame.
fn common_cause(facts: &Facts, claim: &Claim<'_>) -> Result<(), String> {
    must(claim.suspect.is_none(), "nobody knows where")?;
    must(claim.members.len() >= 2, "it takes several")?;
    let mut members = claim.members(facts);
    let is_itself = |(name, target): (&str, &Target)| {
        let is_rejected = target.icmp.is_rejected() || target.tcp.is_rejected();
        target.places() == BTreeSet::from([Place::Node(name.to_owned())]) && !is_rejected
    };
    must(members.all(is_itself), "not each by itself")
}

fn only_members_suffer(facts: &Facts, claim: &Claim<'_>) -> Result<(), String> {
    let sufferers = facts.sufferers();
    must(sufferers == claim.members, &format!("{sufferers:?} suffer"))
}

/// The only member, where nothing but itself harmed its packets and it is the suspect.
fn at_one_backend<'a>(facts: &'a Facts, claim: &Claim<'a>) -> Result<&'a Target, String> {
    let (name, target) = claim.only(facts)?;
    let elsewhere = target.harm.keys().find(|element| *element != name);
    if let Some(elsewhere) = elsewhere {
        return Err(format!("{elsewhere} did it"));
    }
    must(claim.suspect == Some(name), "the suspect is the backend")?;
    must(target.before == target.after, "the path has changed")?;
    Ok(target)
}

/// The only member, where it dropped SYNs in silence, for this reason alone.
fn drops_syns_for<'a>(facts: &'a Facts, claim: &Claim<'a>, reason: &str) -> Result<&'a Target, String> {
    let target = at_one_backend(facts, claim)?;
    must(
        facts.reasons_of(target.harm.keys()) == BTreeSet::from([reason]),
        "SYNs were dropped for other reasons, or none was",
    )?;
    must(
        target.icmp.is_clean() && target.tcp.nothing > 0 && !target.tcp.is_rejected(),
        "not SYNs alone, in silence",
    )?;
    Ok(target)
}

/// The only member, where the suspect alone filtered its packets.
fn filtered_by_suspect<'a>(facts: &'a Facts, claim: &Claim<'a>) -> Result<&'a Target, String> {
    let (_, target) = claim.only(facts)?;
    let suspect = claim.suspect.unwrap_or_default();
    must(
        target.places() == BTreeSet::from([Place::Node(suspect.to_owned())]),
        "not the suspect, or not alone",
    )?;
    must(
        facts.reasons_of(target.harm.keys()) == BTreeSet::from(["filtered"]),
        "no filter did it",
    )?;
    must(target.icmp.is_clean(), "pings suffer, too")?;
    Ok(target)
}

fn must(is_so: bool, otherwise: &str) -> Result<(), String> {
    is_so.then_some(()).ok_or_else(|| otherwise.to_owned())
}

/// Far more than a busy machine makes a program wait, and less than a stall of 150 ms every three seconds leaves at the 99th
/// percentile of a probe each 200 ms: that is 3 % of the probes, evenly late by up to 150 ms.
pub(crate) const STALLED: Duration = Duration::from_millis(50);
