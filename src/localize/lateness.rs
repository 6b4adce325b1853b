//! Which answers of a hop are late.
//!
//! Late is what comes more than a margin after the hop's own quiet quarter, the first quartile of its RTTs: the median would already be inside the
//! jitter where that delays more than half of all probes. The margin is the same for all hops of a path, so that they can be compared, and comes
//! from the target: the largest of 1 ms, a tenth of the quiet RTT, and the ordinary spread. That spread is read from the faster half, which
//! spikes leave alone, and counts for at most 3 ms: a path that always varies by more has jitter, and is not used to it.

use std::time::Duration;

use super::pattern::Mark;
use super::trials::Trials;
use super::{HopEvidence, PathEvidence};
use crate::units::nanos;

/// The margin of a path, ns; `None` where the last hop answered nothing.
pub(super) fn margin(evidence: &PathEvidence<'_>) -> Option<u64> {
    let target = evidence.hops.last()?.rtts;
    let quiet = target.quantile(QUIET)?.as_nanos();
    let median = target.quantile(0.5)?.as_nanos();
    let spread = median.saturating_sub(quiet).saturating_mul(SPREADS);
    let ordinary = spread.min(nanos(MOST_ORDINARY));
    Some(nanos(LEAST).max(quiet / 10).max(ordinary))
}

/// How many of the answers of a hop are late.
pub(super) fn late(hop: &HopEvidence<'_>, margin: u64) -> Trials {
    let Some(limit) = limit(hop, margin) else {
        return Trials::default();
    };
    let late = hop.rtts.cells().filter(|(edge, _)| *edge > limit);
    let count = late.fold(0_u64, |sum, (_, n)| sum.saturating_add(n));
    Trials::new(count, hop.rtts.count())
}

/// Which of the remembered rounds were late; lost ones are left out.
pub(super) fn late_marks(hop: &HopEvidence<'_>, margin: u64) -> Vec<Mark> {
    let Some(limit) = limit(hop, margin) else {
        return Vec::new();
    };
    let answered = hop.rounds.iter().filter_map(|(round, rtt)| Some((*round, (*rtt)?)));
    answered.map(|(round, rtt)| (round, rtt > limit)).collect()
}

/// Which of the remembered rounds were lost.
pub(super) fn lost_marks(hop: &HopEvidence<'_>) -> Vec<Mark> {
    hop.rounds.iter().map(|(round, rtt)| (*round, rtt.is_none())).collect()
}

fn limit(hop: &HopEvidence<'_>, margin: u64) -> Option<u64> {
    Some(hop.rtts.quantile(QUIET)?.as_nanos().saturating_add(margin))
}

/// The quiet quarter.
const QUIET: f64 = 0.25;

/// A margin below this would be about the noise of hosts.
const LEAST: Duration = Duration::from_millis(1);

/// Of distances from first quartile to median: 11 standard deviations of a normal distribution, which is one in 900 of an exponential
/// one.
const SPREADS: u64 = 16;

/// See the module's text.
const MOST_ORDINARY: Duration = Duration::from_millis(3);
