//! What is odd about a hop and does not carry through: it limits its answers, or is slow to give them.

use super::impairment::Kind;
use super::lateness::margin;
use super::{HopEvidence, HopLabels, PathEvidence};

/// The labels of all hops, in order.
pub(super) fn labels(evidence: &PathEvidence<'_>) -> Vec<HopLabels> {
    // Where the last hop answers nothing, no RTT is late.
    let margin = margin(evidence).unwrap_or(u64::MAX);
    let answering = |hop: &&HopEvidence<'_>| hop.received > 0;
    let of_hop = |(at, hop): (usize, &HopEvidence<'_>)| {
        let later: Vec<_> = evidence.hops[at + 1..].iter().filter(answering).collect();
        HopLabels {
            rate_limited: hop.received > 0 && ends_behind(hop, &later, Kind::Loss, margin),
            slow_control_plane: ends_behind(hop, &later, Kind::Jitter, margin),
        }
    };
    evidence.hops.iter().enumerate().map(of_hop).collect()
}

/// Whether some hop behind is significantly less impaired: what it does not suffer, packets that pass here do not suffer either.
fn ends_behind(hop: &HopEvidence<'_>, later: &[&HopEvidence<'_>], kind: Kind, margin: u64) -> bool {
    let here = kind.trials(hop, margin);
    let tests = f64::from(u32::try_from(later.len()).unwrap_or(u32::MAX));
    later
        .iter()
        .map(|behind| kind.trials(behind, margin))
        .any(|there| here.worse_than(there) * tests < SIGNIFICANT)
}

/// The error that is accepted for a label, over all comparisons of a hop (C. E. Bonferroni).
const SIGNIFICANT: f64 = 0.01;
