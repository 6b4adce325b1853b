//! The evidence of one incident, and the incident as it is told.

use std::net::IpAddr;
use std::sync::Arc;

use super::case::Case;
use super::table::{Backend, Table};
use super::tracing::Tracing;
use crate::correlate::AnomalyKind;
use crate::detect::Detector;
use crate::diagnose::{Evidence, History, Incident, IncidentMember, Member, OwnNoise, StreamEvidence, Verdict, decide};
use crate::localize::{Blame, Part, Unit, blame};
use crate::outcome::Proto;
use crate::units::{Mono, TargetId};

/// All that a judgement draws on.
#[derive(Debug)]
pub(super) struct Records<'a> {
    pub(super) table: &'a Table,
    pub(super) detector: &'a Detector,
    pub(super) history: &'a History,
    pub(super) own: &'a OwnNoise,
    pub(super) tracing: &'a Tracing,
}

/// What came of a judgement.
#[derive(Debug)]
pub(super) struct Judgement {
    pub(super) verdict: Verdict,
    pub(super) evidence: Evidence,
}

impl Records<'_> {
    /// Judges an incident by all that is known of it at `now`.
    pub(super) fn judge(&self, case: &Case, now: Mono) -> Judgement {
        let to = case.ended.unwrap_or(now).max(case.last);
        let from = case.began.before(MARGIN).max(to.before(LONGEST));
        let members = case.members_in_order();
        let members: Vec<Member> = members
            .into_iter()
            .take(MAX_JUDGED)
            .filter_map(|(target, part)| {
                Some(Member {
                    first: Some(part.first),
                    persistent: part.persistent,
                    ..self.member(target, case.began, (from, to))?
                })
            })
            .collect();
        let kind = case.kind().unwrap_or(AnomalyKind::Coincidence);
        let (members, bystanders) = part_bystanders(kind, members);
        let others = self.nearest_others(case);
        let others = others
            .into_iter()
            .filter_map(|target| self.member(target, case.began, (from, to)));
        let others: Vec<Member> = others.collect();
        let units: Vec<Unit> = members
            .iter()
            .chain(&bystanders)
            .chain(&others)
            .filter_map(|member| self.unit(member))
            .collect();
        let mut blames = blame(&units);
        for blame in &mut blames {
            narrow(blame, &members);
        }
        let (well, ailing): (Vec<Member>, Vec<Member>) = others.into_iter().partition(is_well);
        let evidence = Evidence {
            kind,
            began: case.began,
            last: last_bad(&members).map_or(case.last, |last| last.min(to).max(case.last)),
            members,
            healthy: bystanders.into_iter().chain(well).collect(),
            ailing,
            blames,
            chance: case.chance,
            onset_skew: case.onset_skew,
            own: self.own.evidence(from, to),
        };
        Judgement {
            verdict: decide(&evidence),
            evidence,
        }
    }

    /// The incident as it was judged last; `None` before.
    pub(super) fn incident(&self, case: &Case) -> Option<Incident> {
        let (verdict, evidence) = (case.verdict()?, case.evidence.as_ref()?);
        let member = |(target, part): (TargetId, super::case::Suffering)| {
            let backend = self.table.backend(target);
            let judged = evidence.members.iter().find(|member| member.target == target);
            let streams = judged.into_iter().flat_map(streams);
            let (sent, lost) = streams.fold((0, 0), |(sent, lost), stream| (sent + stream.sent, lost + stream.lost));
            let name = judged.map(|judged| (Arc::clone(&judged.name), judged.address));
            let (name, address) = name.or_else(|| backend.map(|known| (Arc::clone(&known.name), known.address)))?;
            Some(IncidentMember {
                target,
                name,
                address,
                first: part.first,
                peak: part.peak,
                sent,
                lost,
            })
        };
        Some(Incident {
            number: case.number,
            verdict: verdict.code,
            began: case.began,
            last: evidence.last,
            group: self.table.group_name(case.group).cloned(),
            members: case
                .members_in_order()
                .into_iter()
                .filter(|(target, _)| evidence.healthy.iter().all(|well| well.target != *target))
                .filter_map(member)
                .collect(),
            healthy: evidence.healthy.iter().map(|member| Arc::clone(&member.name)).collect(),
            chance: case.chance,
            onset_skew: case.onset_skew,
            suspect: verdict.suspect.clone(),
            ruled_out: verdict.ruled_out.clone(),
            message: verdict.message.clone(),
        })
    }

    /// What is known of a backend over a time.
    fn member(&self, target: TargetId, began: Mono, (from, to): (Mono, Mono)) -> Option<Member> {
        let backend = self.table.backend(target)?;
        let of = |proto: Proto| {
            let probes = backend.probes.iter().filter(move |(_, probe)| *probe == proto);
            let streams =
                probes.map(|(series, _)| self.history.evidence(*series, from, to, self.detector.level(*series)));
            streams.max_by(|a, b| badness(a).total_cmp(&badness(b)))
        };
        Some(Member {
            target,
            name: Arc::clone(&backend.name),
            address: backend.address,
            first: None,
            persistent: None,
            icmp: of(Proto::Icmp),
            syn: of(Proto::Tcp),
            path: self.tracing.evidence(target, began),
        })
    }

    /// What was counted of members and of those that are well.
    pub(super) fn units(&self, evidence: &Evidence) -> Vec<Unit> {
        let members = evidence.members.iter().chain(&evidence.healthy);
        members.filter_map(|member| self.unit(member)).collect()
    }

    fn unit(&self, member: &Member) -> Option<Unit> {
        let (mut sent, mut hit, mut usual) = (0, 0, 0.0);
        for stream in streams(member) {
            sent += stream.sent;
            hit += stream.lost + stream.slow;
            usual += (stream.usual_loss + stream.usual_slow) * float(stream.sent);
        }
        (sent > 0).then(|| Unit {
            target: member.target,
            address: member.address,
            hops: self.tracing.hops(member.target).to_vec(),
            sent,
            hit: hit.min(sent),
            usual: usual / float(sent),
        })
    }

    /// Backends that are no members: those whose way is longest the same as that of the first member, since they clear most of it.
    fn nearest_others(&self, case: &Case) -> Vec<TargetId> {
        let first = case.members_in_order().first().map(|(target, _)| *target);
        let way = first.map_or(&[][..], |target| self.tracing.hops(target));
        let is_other = |(target, _): &(TargetId, &Backend)| !case.members.contains_key(target);
        let others = self.table.backends().filter(is_other).map(|(target, _)| target);
        let in_common = |target: TargetId| {
            let pairs = way.iter().zip(self.tracing.hops(target));
            pairs.take_while(|(a, b)| a.is_some() && a == b).count()
        };
        let mut others: Vec<(usize, TargetId)> =
            others.map(|target| (usize::MAX - in_common(target), target)).collect();
        others.sort_unstable();
        others.truncate(MAX_JUDGED);
        others.into_iter().map(|(_, target)| target).collect()
    }
}

/// Hops that the same backends use are one segment, by what is counted end to end. Traces of the incident may tell them apart.
fn narrow(blame: &mut Blame, members: &[Member]) {
    let Part::Segment { from_ttl, to_ttl, .. } = blame.part else {
        return;
    };
    let sharing = members.iter().filter(|member| blame.shared_by.contains(&member.target));
    let mut places: Vec<((u8, u8), Option<IpAddr>)> = sharing
        .filter_map(|member| {
            let path = member.path.as_ref()?;
            let (from, to) = path.starts_at.filter(|(from, to)| *from >= from_ttl && *to <= to_ttl)?;
            let hop = usize::from(to).checked_sub(1).and_then(|at| path.hops.get(at));
            Some(((from, to), hop.copied().flatten()))
        })
        .collect();
    places.sort_unstable();
    let longest = places.chunk_by(|a, b| a == b).max_by_key(|same| same.len());
    if let Some(&((from_ttl, to_ttl), address)) = longest.and_then(<[_]>::first) {
        blame.part = Part::Segment {
            from_ttl,
            to_ttl,
            address,
        };
    }
}

/// Who spiked once while others did so again and again was there by chance: it suffers a tenth of what the worst does, or less. Two must be
/// left, since what one suffers alone is no measure for another.
fn part_bystanders(kind: AnomalyKind, members: Vec<Member>) -> (Vec<Member>, Vec<Member>) {
    if !matches!(kind, AnomalyKind::Coincidence | AnomalyKind::Repeated { .. }) {
        return (members, Vec::new());
    }
    let share = |member: &Member| streams(member).map(badness).fold(0.0, f64::max);
    let worst = members.iter().map(share).fold(0.0, f64::max);
    let suffers = |member: &Member| {
        let lasts = member.persistent.is_some() || streams(member).any(|stream| stream.shift.is_some());
        lasts || share(member) > worst / 10.0
    };
    if members.iter().filter(|member| suffers(member)).count() < 2 {
        return (members, Vec::new());
    }
    members.into_iter().partition(suffers)
}

/// The newest probe that was hit: an anomaly that goes on unchanged is not told again by its judge.
fn last_bad(members: &[Member]) -> Option<Mono> {
    let newest = members.iter().flat_map(streams).map(|stream| stream.last_bad);
    newest.max().flatten()
}

fn streams(member: &Member) -> impl Iterator<Item = &StreamEvidence> {
    member.icmp.iter().chain(&member.syn)
}

/// Whether a backend answered as it does on a good day: one probe in fifty may fail, and a single one of few.
fn is_well(member: &Member) -> bool {
    streams(member).all(|stream| bad(stream) <= (stream.sent / WELL_ONE_IN).max(1))
}

const fn bad(stream: &StreamEvidence) -> u64 {
    stream.lost + stream.slow + stream.refused + stream.unreachable
}

fn badness(stream: &StreamEvidence) -> f64 {
    float(bad(stream)) / float(stream.sent.max(1))
}

#[expect(clippy::cast_precision_loss, reason = "counts of probes are far below 2^53")]
const fn float(count: u64) -> f64 {
    count as f64
}

/// Probes that were sent so short before show how it was.
const MARGIN: std::time::Duration = std::time::Duration::from_secs(1);

/// What was longer ago says nothing of what is wrong now.
const LONGEST: std::time::Duration = std::time::Duration::from_mins(10);

/// More members or others than these do not change a judgement, and it is made often.
const MAX_JUDGED: usize = 64;

/// See [`is_well`].
const WELL_ONE_IN: u64 = 50;
