//! From what was measured along a path to what it means.

use std::net::IpAddr;

use crate::localize::{HopEvidence, HopLabels, PathEvidence, PathVerdict, VerdictCode, judge_path};
use crate::report::end_words;
use crate::series::Series;
use crate::sweep::{End, Hop, PathReport};

/// What the figures of a path mean.
#[must_use]
pub fn verdict(series: &Series, path: &PathReport) -> PathVerdict {
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
        target: series.address,
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

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;
    use crate::series::Endpoint;
    use crate::sweep::{HopCounts, Responder};

    fn series() -> Series {
        Series {
            target: "app01".into(),
            address: Ipv4Addr::new(192, 0, 2, 9).into(),
            scope_id: 0,
            endpoint: Endpoint::Icmp,
            flow: 0,
        }
    }

    /// A path of one hop, which answers `received` of 40 probes.
    fn path(end: End, received: u64) -> PathReport {
        let answered = Responder {
            address: Ipv4Addr::new(192, 0, 2, 1).into(),
            answers: received,
            mpls: crate::outcome::MplsStack::default(),
        };
        let counts = HopCounts {
            sent: 40,
            received,
            ..HopCounts::default()
        };
        let hop = Hop {
            ttl: 1,
            responders: (received > 0).then_some(answered).into_iter().collect(),
            counts,
            ..Hop::default()
        };
        PathReport {
            hops: vec![hop],
            end,
            cycles: 40,
            changed_at: None,
        }
    }

    #[test]
    fn silence_means_nothing_before_anybody_could_answer() {
        let verdict = verdict(&series(), &path(End::Unknown, 0));
        assert_eq!(verdict.code, VerdictCode::TooFewProbes);
        assert_eq!(verdict.labels.len(), 1);
    }

    #[test]
    fn a_path_that_ends_before_its_target_says_how() {
        let verdict = verdict(&series(), &path(End::Silent { after_ttl: 1 }, 40));
        assert_eq!(verdict.code, VerdictCode::Unreachable);
        assert!(
            verdict.message.contains("nobody answers behind hop 1 (192.0.2.1)"),
            "{}",
            verdict.message
        );
    }
}
