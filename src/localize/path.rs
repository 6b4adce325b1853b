//! Along one path.

use super::impairment::{Finding, Kind, judge};
use super::labels::labels;
use super::words::message;
use super::{PathEvidence, PathVerdict, Segment, VerdictCode};

/// Says where loss and jitter of a path start.
#[must_use]
pub fn judge_path(evidence: &PathEvidence<'_>) -> PathVerdict {
    let labels = labels(evidence);
    let loss = judge(evidence, Kind::Loss);
    let jitter = judge(evidence, Kind::Jitter);
    let message = message(evidence, &loss, &jitter, &labels);
    PathVerdict {
        code: code(evidence, &loss, &jitter),
        loss_starts_at: segment(evidence, &loss),
        jitter_starts_at: segment(evidence, &jitter),
        labels,
        more_cycles: loss.more_cycles().into_iter().chain(jitter.more_cycles()).max(),
        message,
    }
}

fn code(evidence: &PathEvidence<'_>, loss: &Finding, jitter: &Finding) -> VerdictCode {
    if !evidence.reached {
        return VerdictCode::Unreachable;
    }
    match (loss, jitter) {
        (Finding::Located { .. }, Finding::Located { .. }) => VerdictCode::LossAndJitter,
        (Finding::Located { .. }, _) => VerdictCode::Loss,
        (_, Finding::Located { .. }) => VerdictCode::Jitter,
        (Finding::None, Finding::None) => VerdictCode::Clean,
        _ => VerdictCode::TooFewProbes,
    }
}

fn segment(evidence: &PathEvidence<'_>, finding: &Finding) -> Option<Segment> {
    let Finding::Located { place, .. } = finding else {
        return None;
    };
    let far = evidence.hops.get(place.until)?;
    let near = place.behind.and_then(|at| evidence.hops.get(at));
    Some(Segment {
        from_ttl: near.map_or(0, |hop| hop.ttl),
        to_ttl: far.ttl,
        addresses: far.addresses.to_vec(),
        confidence: place.probability,
    })
}
