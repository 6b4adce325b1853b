//! The evidence, looked at: what every row of the table asks of.

use std::net::IpAddr;
use std::sync::Arc;

use super::look::{Look, State};
use super::share::{Cleaner, FEW, Share};
use crate::correlate::AnomalyKind;
use crate::diagnose::{Evidence, Member, Suspect, VerdictCode};
use crate::units::TargetId;

/// The evidence and what its streams look like.
#[derive(Debug)]
pub(super) struct Case<'a> {
    pub(super) evidence: &'a Evidence,
    pub(super) members: Vec<Seen<'a>>,
}

/// A member and what it looks like.
#[derive(Debug)]
pub(super) struct Seen<'a> {
    pub(super) member: &'a Member,
    pub(super) icmp: Look<'a>,
    pub(super) syn: Look<'a>,
    /// Whether its counts alone prove nothing, and only the moments of what hit it do.
    pub(super) believed: bool,
}

/// What a row makes of a case.
#[derive(Clone, Debug)]
pub(super) struct Ruling {
    pub(super) code: VerdictCode,
    pub(super) suspect: Option<Suspect>,
    /// What is seen, and where, in words that follow the names of the members.
    pub(super) what: String,
    /// What to do.
    pub(super) next: String,
}

impl<'a> Case<'a> {
    pub(super) fn of(evidence: &'a Evidence) -> Self {
        let together = matches!(evidence.kind, AnomalyKind::Coincidence | AnomalyKind::Repeated { .. });
        let members = evidence.members.iter().map(|member| {
            let mut seen = Seen {
                member,
                icmp: Look::of(member.icmp.as_ref(), evidence.began, evidence.last),
                syn: Look::of(member.syn.as_ref(), evidence.began, evidence.last),
                believed: false,
            };
            let is_well = |look: &Look<'_>| matches!(look.state, State::Well | State::Absent);
            let proven = together || member.persistent.is_some();
            if proven && is_well(&seen.icmp) && is_well(&seen.syn) {
                seen.icmp.believe(member.persistent);
                seen.syn.believe(member.persistent);
                seen.believed = member.persistent.is_none();
            }
            seen
        });
        Self {
            evidence,
            members: members.collect(),
        }
    }

    /// Whether it was found by several suffering at once.
    pub(super) fn is_together(&self) -> bool {
        matches!(
            self.evidence.kind,
            AnomalyKind::Coincidence | AnomalyKind::Repeated { .. }
        )
    }

    /// Pings of all members.
    pub(super) fn icmp(&self) -> Share {
        self.members
            .iter()
            .fold(Share::default(), |sum, seen| sum.plus(seen.icmp.bad()))
    }

    /// SYNs of all members.
    pub(super) fn syn(&self) -> Share {
        self.members
            .iter()
            .fold(Share::default(), |sum, seen| sum.plus(seen.syn.bad()))
    }

    /// Whether SYNs suffer less than pings, over all members; refusals and errors contradict it.
    pub(super) fn syn_is_cleaner(&self) -> Cleaner {
        let others = |seen: &Seen<'_>| !matches!(seen.syn.state, State::Well | State::Absent | State::Impaired { .. });
        let suffers = self.members.iter().any(|seen| seen.icmp.is_impaired());
        if !suffers || self.members.iter().any(others) {
            return Cleaner::No;
        }
        self.syn().cleaner_than(self.icmp())
    }

    /// The name of a backend, if it is known.
    pub(super) fn name(&self, target: TargetId) -> Option<Arc<str>> {
        let evidence = self.evidence;
        let mut all = evidence.members.iter().chain(&evidence.healthy).chain(&evidence.ailing);
        all.find(|member| member.target == target)
            .map(|member| Arc::clone(&member.name))
    }

    /// The names of backends.
    pub(super) fn names(&self, targets: &[TargetId]) -> Vec<Arc<str>> {
        targets.iter().filter_map(|target| self.name(*target)).collect()
    }
}

impl Seen<'_> {
    /// Whether pings say that the way to it is well, or say nothing.
    pub(super) fn icmp_is_no_worse(&self) -> bool {
        let suffers = self.icmp.is_impaired() && !self.pings_are_far_better();
        !suffers && !matches!(self.icmp.state, State::Errors(_))
    }

    /// Whether pings are well, and significantly better than SYNs.
    pub(super) fn only_syn_suffers(&self) -> bool {
        let pings_are_well =
            self.icmp.state == State::Well && self.icmp.bad().all >= FEW || self.pings_are_far_better();
        pings_are_well && self.syn.is_impaired() && self.icmp.bad().cleaner_than(self.syn.bad()) != Cleaner::No
    }

    /// Whether pings are hit so much more seldom than SYNs that the way can't be what hits these: what pings lose besides is a habit that is not known yet, or another
    /// matter.
    pub(super) fn pings_are_far_better(&self) -> bool {
        let syns = self.syn.stream.map_or(Share::default(), |syn| {
            Share::new(syn.lost.saturating_add(syn.slow).saturating_add(syn.refused), syn.sent)
        });
        // Who moved to another level did so with his SYNs, which prove it later.
        matches!(self.icmp.state, State::Impaired { .. }) && self.icmp.bad().is_part_of(syns, FAR)
    }

    /// Whether loss or spikes of both, or of what there is, tell of the way and not of a protocol.
    pub(super) fn way_suffers(&self) -> bool {
        let syn_agrees = self.syn.is_impaired()
            || self.syn.tells_nothing()
            || matches!(self.syn.state, State::Well | State::Shifted);
        let icmp = self.icmp.is_impaired() && syn_agrees;
        icmp || self.icmp.tells_nothing() && self.syn.is_impaired()
    }

    /// The backend itself as suspect.
    pub(super) fn suspect(&self) -> Suspect {
        let ttl = self.last_ttl().map(|last| last.saturating_add(1));
        Suspect {
            ttl,
            from_ttl: self.last_ttl(),
            name: Some(Arc::clone(&self.member.name)),
            ..somebody(Some(self.member.address))
        }
    }

    /// Who sent an error, with its place on the path.
    pub(super) fn sender(&self, address: IpAddr) -> Suspect {
        if address == self.member.address {
            return self.suspect();
        }
        let hops = self.member.path.as_ref().map_or(&[][..], |path| &path.hops);
        let ttl = (1..=u8::MAX)
            .zip(hops)
            .find(|(_, hop)| **hop == Some(address))
            .map(|(ttl, _)| ttl);
        Suspect {
            ttl,
            ..somebody(Some(address))
        }
    }

    /// The TTL of the last hop before it, where the path is known to its end.
    pub(super) fn last_ttl(&self) -> Option<u8> {
        let path = self.member.path.as_ref().filter(|path| path.reached)?;
        u8::try_from(path.hops.len()).ok()
    }
}

/// A way that loses a share of all packets loses no fifth of it of others; some firewalls and links tell protocols apart, but not by a little.
const FAR: f64 = 5.0;

/// A suspect of whom only the address is known.
pub(super) const fn somebody(address: Option<IpAddr>) -> Suspect {
    Suspect {
        address,
        ttl: None,
        from_ttl: None,
        name: None,
        score: None,
        runner_up: None,
        shared_by: Vec::new(),
        cleared_by: Vec::new(),
    }
}
