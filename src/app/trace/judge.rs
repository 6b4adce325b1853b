//! From what was measured along a path to what it means.

use std::net::IpAddr;

use crate::localize::{HopEvidence, HopLabels, PathEvidence, PathVerdict, VerdictCode, judge_path};
use crate::report::end_words;
use crate::series::Series;
use crate::sweep::{End, Hop, PathReport};

/// What the figures of a path mean.
pub(super) fn verdict(series: &Series, path: &PathReport) -> PathVerdict {
    if path.end == End::Unknown {
        return too_early(path);
    }
    let lists: Vec<Lists> = path.hops.iter().map(Lists::of).collect();
    let hops: Vec<HopEvidence<'_>> = path
        .hops
        .iter()
        .zip(&lists)
        .map(|(hop, lists)| HopEvidence {
            ttl: hop.ttl,
            addresses: &lists.addresses,
            sent: hop.counts.sent,
            received: hop.counts.received,
            rtts: hop.rtts.histogram(),
            rounds: &lists.rounds,
        })
        .collect();
    let reached = matches!(path.end, End::Reached { .. });
    let end = end_words(series, path).filter(|_| !reached);
    judge_path(&PathEvidence {
        hops: &hops,
        reached,
        dead_end: end.as_deref(),
    })
}

/// Before anybody had the time to answer, silence means nothing.
fn too_early(path: &PathReport) -> PathVerdict {
    PathVerdict {
        code: VerdictCode::TooFewProbes,
        loss_starts_at: None,
        jitter_starts_at: None,
        labels: vec![HopLabels::default(); path.hops.len()],
        more_cycles: Some(1),
        message: "It is too early to say anything".to_owned(),
    }
}

/// What a judge reads as lists.
struct Lists {
    addresses: Vec<IpAddr>,
    rounds: Vec<(u64, Option<u64>)>,
}

impl Lists {
    fn of(hop: &Hop) -> Self {
        let rounds = hop.rounds.iter();
        Self {
            addresses: hop.responders.iter().map(|responder| responder.address).collect(),
            rounds: rounds
                .map(|mark| (mark.round, mark.rtt.map(crate::units::Rtt::as_nanos)))
                .collect(),
        }
    }
}
