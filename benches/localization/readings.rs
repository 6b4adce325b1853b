//! Other ways to read the same table.

use pathjitter::localize::HopEvidence;
use pathjitter::stats::Proportion;
use statrs::distribution::{DiscreteCDF, Hypergeometric};

use super::Reading;
use super::paths::Kind;

/// The first hop that shows it: 1 % of loss, or a standard deviation of 1 ms.
pub(crate) fn by_eye(hops: &[HopEvidence<'_>], kind: Kind) -> Reading {
    let shows = |hop: &&HopEvidence<'_>| match kind {
        Kind::Loss => hop.received > 0 && (hop.sent - hop.received) * 100 >= hop.sent,
        Kind::Jitter => deviation_ns(hop) >= 1e6,
    };
    hops.iter().find(shows).map(|hop| (hop.ttl - 1, hop.ttl))
}

/// A sequence of exact tests: behind the last hop that is cleaner than the target (p < 0.02 over all hops), up to the first after it that is
/// impaired, but neither more (p < 0.01) nor less (p < 0.05) than the target.
pub(crate) fn by_tests(hops: &[HopEvidence<'_>], kind: Kind) -> Reading {
    let margin = 3_000_000;
    let counts: Vec<(u64, u64)> = hops.iter().map(|hop| kind.counts(hop, margin)).collect();
    let (target, routers) = counts.split_last()?;
    if Proportion::wilson(target.0, target.1)?.low <= kind.tolerated() {
        return None;
    }
    let limit = 0.02 / f64::from(u32::try_from(hops.len()).ok()?);
    let answers = |at: usize| hops[at].received > 0;
    let is_cleaner = |at: &usize| answers(*at) && worse(*target, routers[*at]) < limit;
    let near = (0..routers.len()).rfind(is_cleaner);
    let is_alike = |at: &usize| {
        let hop = routers[*at];
        answers(*at) && hop.0 > 0 && worse(hop, *target) >= 0.01 && worse(*target, hop) >= 0.05
    };
    let first = near.map_or(0, |at| at + 1);
    let far = (first..routers.len()).find(is_alike).unwrap_or(routers.len());
    Some((near.map_or(0, |at| hops[at].ttl), hops[far].ttl))
}

/// One-sided exact test of R. A. Fisher: small where `a` is worse than `b`.
fn worse(a: (u64, u64), b: (u64, u64)) -> f64 {
    let Some(below) = a.0.checked_sub(1) else { return 1.0 };
    Hypergeometric::new(a.1 + b.1, a.0 + b.0, a.1).map_or(1.0, |alike| alike.sf(below))
}

#[expect(clippy::cast_precision_loss, reason = "times far below 2^53 ns")]
fn deviation_ns(hop: &HopEvidence<'_>) -> f64 {
    let (mut n, mut sum, mut squares) = (0.0, 0.0, 0.0);
    for (edge, count) in hop.rtts.cells() {
        let (value, count) = (edge as f64, count as f64);
        n += count;
        sum += count * value;
        squares += count * value * value;
    }
    if n < 1.0 {
        0.0
    } else {
        (squares / n - (sum / n).powi(2)).max(0.0).sqrt()
    }
}
