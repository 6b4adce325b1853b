//! What must be true of a run for each code that names who suffers. Each rule is called when it is known that just the members did.

use std::collections::BTreeSet;

use super::facts::{Facts, HOST, Place, Target};

/// What a verdict says besides its code.
pub(crate) struct Claim<'a> {
    /// The name of the element.
    pub(crate) suspect: Option<&'a str>,
    pub(crate) members: BTreeSet<&'a str>,
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
    pub(crate) fn all(&self, facts: &'a Facts, is_so: impl Fn(&Target) -> bool) -> bool {
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

pub(crate) fn first_hop(facts: &Facts, claim: &Claim<'_>) -> Result<(), String> {
    let (near, _) = bad_segment(facts, claim)?;
    must(near == HOST, "that is not the first hop")?;
    must(
        claim.members.len() == facts.targets.len(),
        "everybody is behind the first hop",
    )
}

pub(crate) fn shared_path(facts: &Facts, claim: &Claim<'_>) -> Result<(), String> {
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

pub(crate) fn private_path(facts: &Facts, claim: &Claim<'_>) -> Result<(), String> {
    let (near, far) = bad_segment(facts, claim)?;
    must(
        near != HOST && !facts.targets.contains_key(&far),
        "not between two routers",
    )?;
    must(facts.behind(&near, &far) == 1, "not one backend alone is behind it")
}

pub(crate) fn target_edge(facts: &Facts, claim: &Claim<'_>) -> Result<(), String> {
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
pub(crate) fn target_unreachable(facts: &Facts, claim: &Claim<'_>) -> Result<(), String> {
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
pub(crate) fn slow_backend(facts: &Facts, claim: &Claim<'_>) -> Result<(), String> {
    let target = at_one_backend(facts, claim)?;
    must(target.dropped() == 0, "something was dropped")?;
    must(target.icmp.slow > 0 && target.tcp.slow > 0, "not all of it is slow")
}

/// SYNs are slow, and pings are not.
pub(crate) fn tcp_path(facts: &Facts, claim: &Claim<'_>) -> Result<(), String> {
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
pub(crate) fn restart(facts: &Facts, claim: &Claim<'_>) -> Result<(), String> {
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
pub(crate) fn not_listening(facts: &Facts, claim: &Claim<'_>) -> Result<(), String> {
    let target = at_one_backend(facts, claim)?;
    must(target.icmp.is_clean() && target.harm.is_empty(), "not the port alone")?;
    must(
        target.tcp.refused > 0 && target.tcp.nothing == 0 && target.tcp.is_gone,
        "not refused to the end",
    )
}

/// A limit dropped SYNs, and others passed.
pub(crate) fn syn_rate_limited(facts: &Facts, claim: &Claim<'_>) -> Result<(), String> {
    let target = drops_syns_for(facts, claim, "limited")?;
    must(target.tcp.replies > 0, "nothing passes")
}

/// A filter drops every SYN in the end.
pub(crate) fn port_dropped(facts: &Facts, claim: &Claim<'_>) -> Result<(), String> {
    let target = drops_syns_for(facts, claim, "filtered")?;
    must(target.tcp.is_gone, "SYNs pass in the end")
}

/// A full queue dropped SYNs, and others passed.
pub(crate) fn listen_overflow(facts: &Facts, claim: &Claim<'_>) -> Result<(), String> {
    let target = drops_syns_for(facts, claim, "listen_overflow")?;
    must(target.tcp.replies > 0, "nothing passes")
}

/// Some pings suffer, and no SYN does.
pub(crate) fn icmp_only(facts: &Facts, claim: &Claim<'_>) -> Result<(), String> {
    let target = at_one_backend(facts, claim)?;
    must(target.tcp.is_clean() && !target.icmp.is_clean(), "not pings alone")?;
    must(target.icmp.replies > 0, "no ping is answered at all")
}

/// No ping is ever answered, and every SYN is.
pub(crate) fn icmp_blocked(facts: &Facts, claim: &Claim<'_>) -> Result<(), String> {
    let target = at_one_backend(facts, claim)?;
    must(target.tcp.is_clean(), "SYNs suffer, too")?;
    must(
        target.icmp.replies == 0 && target.icmp.nothing > 0,
        "some pings are answered",
    )
}

/// A filter of the suspect answered SYNs by a prohibition.
pub(crate) fn prohibited(facts: &Facts, claim: &Claim<'_>) -> Result<(), String> {
    let target = filtered_by_suspect(facts, claim)?;
    must(
        target.tcp.prohibited > 0 && target.tcp.refused == 0,
        "nobody says that it is prohibited",
    )
}

/// A filter of the suspect, which is not the backend, answered SYNs by RST.
pub(crate) fn firewall_reject(facts: &Facts, claim: &Claim<'_>) -> Result<(), String> {
    let target = filtered_by_suspect(facts, claim)?;
    must(target.tcp.refused > 0 && target.tcp.prohibited == 0, "nobody refuses")?;
    must(
        claim.suspect.is_some_and(|name| !facts.targets.contains_key(name)),
        "the backend itself refuses",
    )
}

/// No packet was harmed; the paths of the members are others in the end. The suspect is the first new node on them.
pub(crate) fn route_change(facts: &Facts, claim: &Claim<'_>) -> Result<(), String> {
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
pub(crate) fn common_cause(facts: &Facts, claim: &Claim<'_>) -> Result<(), String> {
    must(claim.suspect.is_none(), "nobody knows where")?;
    must(claim.members.len() >= 2, "it takes several")?;
    let mut members = claim.members(facts);
    let is_itself = |(name, target): (&str, &Target)| {
        let is_rejected = target.icmp.is_rejected() || target.tcp.is_rejected();
        target.places() == BTreeSet::from([Place::Node(name.to_owned())]) && !is_rejected
    };
    must(members.all(is_itself), "not each by itself")
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

pub(crate) fn must(is_so: bool, otherwise: &str) -> Result<(), String> {
    is_so.then_some(()).ok_or_else(|| otherwise.to_owned())
}
