//! Rows that ask what answers say: about the service, its port, and who stands before it.

mod answers;
mod connections;
mod silence;

use super::case::{Case, Ruling, Seen};
use crate::diagnose::{Suspect, VerdictCode};

/// The first row that one backend matches.
pub(super) fn rule(case: &Case<'_>, seen: &Seen<'_>) -> Option<Ruling> {
    answers::error(seen)
        .or_else(|| answers::refusal(case, seen))
        .or_else(|| silence::rule(case, seen))
        .or_else(|| connections::rule(case, seen))
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
