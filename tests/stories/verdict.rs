//! Whether a verdict is true of what the model did: one rule for each code.
//!
//! A rule looks at facts and never at the settings of the file, so that a verdict that was copied from another file, or left behind
//! when the network was changed, is found out. Each rule says which suspect and which members it accepts, and accepts no others:
//! `mutations.rs` tries all of them.

use std::time::Duration;

use pathjitter::simnet::topology::{Code, Verdict};

use super::facts::{Facts, Target};
use super::rules::{self, Claim, must};

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

struct Rule {
    code: Code,
    holds: fn(&Facts, &Claim<'_>) -> Result<(), String>,
}

/// Of codes with members that suffer: before each of these, it is made sure that just the members suffered.
const RULES: [Rule; 18] = [
    // A link that loses or delays, and lets others through. What it is called depends on who is behind it.
    rule(Code::FirstHop, rules::first_hop),
    rule(Code::SharedPath, rules::shared_path),
    rule(Code::PrivatePath, rules::private_path),
    rule(Code::TargetEdge, rules::target_edge),
    // Nothing gets through any more, by any protocol.
    rule(Code::TargetUnreachable, rules::target_unreachable),
    // No link has done anything: the backend has.
    rule(Code::SlowBackend, rules::slow_backend),
    rule(Code::TcpPath, rules::tcp_path),
    rule(Code::Restart, rules::restart),
    rule(Code::NotListening, rules::not_listening),
    rule(Code::SynRateLimited, rules::syn_rate_limited),
    rule(Code::PortDropped, rules::port_dropped),
    rule(Code::ListenOverflow, rules::listen_overflow),
    rule(Code::IcmpOnly, rules::icmp_only),
    rule(Code::IcmpBlocked, rules::icmp_blocked),
    // A router on the way answers instead of the backend.
    rule(Code::Prohibited, rules::prohibited),
    rule(Code::FirewallReject, rules::firewall_reject),
    // Nothing is lost; the way is another.
    rule(Code::RouteChange, rules::route_change),
    // Several backends, each by itself.
    rule(Code::CommonCause, rules::common_cause),
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

fn only_members_suffer(facts: &Facts, claim: &Claim<'_>) -> Result<(), String> {
    let sufferers = facts.sufferers();
    must(sufferers == claim.members, &format!("{sufferers:?} suffer"))
}

/// Far more than a busy machine makes a program wait, and less than a stall of 150 ms every three seconds leaves at the 99th
/// percentile of a probe each 200 ms: that is 3 % of the probes, evenly late by up to 150 ms.
pub(crate) const STALLED: Duration = Duration::from_millis(50);
