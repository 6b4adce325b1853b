//! Where on the way to one backend it happens: what likelihood over all paths says, narrowed by what traces along this path saw.
//!
//! Likelihood tells parts from each other only where somebody else uses one and not the other; a backend alone behind a router leaves the router and
//! itself in one class. Traces along the path tell those apart, but know nothing of other paths. So a trace's word counts where healthy backends do not
//! contradict it, and likelihood's where there is none. Where likelihood finds that others suffer by the same segment, both must be right.

use std::net::IpAddr;
use std::sync::Arc;

use super::case::{Case, Seen, somebody};
use super::words;
use crate::diagnose::{Member, Suspect};
use crate::localize::{Blame, Part};
use crate::units::TargetId;

/// A part of the way to one backend: behind `from`, at or before `to`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place<'a> {
    pub(super) from: u8,
    pub(super) to: u8,
    /// The TTL of the last hop before the backend.
    pub(super) last: u8,
    blame: Option<&'a Blame>,
    address: Option<IpAddr>,
}

impl<'a> Place<'a> {
    /// Where it happens to a member; `None` where its path is not known.
    pub(super) fn of(case: &'a Case<'_>, seen: &Seen<'_>) -> Option<Self> {
        let path = seen.member.path.as_ref()?;
        let last = seen.last_ttl()?;
        let cleared = cleared(&path.hops, &case.evidence.healthy).min(last);
        let blame = case.evidence.blames.iter().find(|blame| names(blame, seen.member));
        let traced = path.starts_at.filter(|(from, to)| *to > cleared && from < to);
        let narrowed = blame.and_then(shared_segment).zip(traced).and_then(common_part);
        let (from, to) = match (narrowed.or(traced), blame.map(|blame| &blame.part)) {
            (Some((from, to)), _) => (from.max(cleared.min(to.saturating_sub(1))), to),
            (None, Some(Part::Segment { from_ttl, to_ttl, .. })) => ((*from_ttl).max(cleared.min(*to_ttl)), *to_ttl),
            (None, Some(Part::Target(_)) | None) => (cleared, last.saturating_add(1)),
        };
        let hop = usize::from(to).checked_sub(1).and_then(|at| path.hops.get(at));
        Some(Self {
            from,
            to,
            last,
            blame,
            address: hop.copied().flatten(),
        })
    }

    /// Others who suffer by the same part of the way.
    pub(super) fn others(&self, case: &Case<'_>, seen: &Seen<'_>) -> Vec<Arc<str>> {
        let sharing = self.blame.filter(|blame| shared_segment(blame).is_some());
        let all = sharing.map_or(&[][..], |blame| &blame.shared_by);
        let others: Vec<TargetId> = all
            .iter()
            .copied()
            .filter(|other| *other != seen.member.target)
            .collect();
        case.names(&others)
    }

    /// Whether it is, or may be, the last link or the backend itself.
    pub(super) const fn is_at_target(&self) -> bool {
        self.to > self.last
    }

    /// Whether everything up to the last hop is known to be well.
    pub(super) const fn last_hop_is_clear(&self) -> bool {
        self.from >= self.last
    }

    /// Who is at fault: the hop at its far end.
    pub(super) fn suspect(&self, case: &Case<'_>) -> Suspect {
        Suspect {
            ttl: Some(self.to),
            from_ttl: Some(self.from),
            ..scored(case, self.blame, somebody(self.address))
        }
    }

    /// Who is at fault, where that is the backend.
    pub(super) fn target(&self, case: &Case<'_>, seen: &Seen<'_>) -> Suspect {
        Suspect {
            from_ttl: Some(self.from),
            ..scored(case, self.blame, seen.suspect())
        }
    }
}

/// A segment that several members share, as suspect.
pub(super) fn segment(case: &Case<'_>, blame: &Blame) -> Option<Suspect> {
    let Part::Segment {
        from_ttl,
        to_ttl,
        address,
    } = blame.part
    else {
        return None;
    };
    Some(Suspect {
        ttl: Some(to_ttl),
        from_ttl: Some(from_ttl),
        ..scored(case, Some(blame), somebody(address))
    })
}

/// A suspect with what likelihood says of it.
fn scored(case: &Case<'_>, blame: Option<&Blame>, suspect: Suspect) -> Suspect {
    let Some(blame) = blame else {
        return suspect;
    };
    Suspect {
        score: Some(blame.score),
        runner_up: blame
            .runner_up
            .as_ref()
            .map(|(part, score)| (words::part(case, part), *score)),
        shared_by: case.names(&blame.shared_by),
        cleared_by: case.names(&blame.cleared_by),
        ..suspect
    }
}

/// A segment behind which two suffer or more: it can't be the last link of one of them.
fn shared_segment(blame: &Blame) -> Option<(u8, u8)> {
    match blame.part {
        Part::Segment { from_ttl, to_ttl, .. } if blame.shared_by.len() >= 2 => Some((from_ttl, to_ttl)),
        _ => None,
    }
}

/// What is part of both.
fn common_part((one, other): ((u8, u8), (u8, u8))) -> Option<(u8, u8)> {
    let common = (one.0.max(other.0), one.1.min(other.1));
    (common.0 < common.1).then_some(common)
}

fn names(blame: &Blame, member: &Member) -> bool {
    blame.part == Part::Target(member.target) || blame.shared_by.contains(&member.target)
}

/// The TTL up to which healthy backends use the same hops.
fn cleared(hops: &[Option<IpAddr>], healthy: &[Member]) -> u8 {
    let paths = healthy.iter().filter_map(|member| member.path.as_ref());
    let shared = paths.filter_map(|path| {
        let same = (1..=u8::MAX).zip(hops.iter().zip(&path.hops));
        same.filter(|(_, (ours, theirs))| ours.is_some() && ours == theirs)
            .map(|(ttl, _)| ttl)
            .next_back()
    });
    shared.max().unwrap_or(0)
}
