//! The metrics of `smokeping_prober`, for dashboards and rules that exist: its names, its labels, its buckets.
//!
//! Of series by ICMP alone, which is what it probes. `host` is the name of the target as the user gave it, `ip` its address. Two things differ:
//! requests count once they are judged, together with their answers, so that their difference is loss and never probes under way; and an
//! answer after the timeout is no response here.

use std::fmt;

use prometheus_client::encoding::DescriptorEncoder;

use super::buckets::Buckets;
use super::encode::{begin, counter, distribution_in};
use super::families::Family;
use super::identity::Identity;
use super::ledger::Backend;

/// Writes them for these series.
pub(super) fn encode<'a>(
    all: &mut DescriptorEncoder<'_>,
    series: impl Iterator<Item = (&'a Identity, &'a Backend)> + Clone,
) -> fmt::Result {
    let pinged = series.filter_map(|(identity, backend)| {
        let labels = [("host", identity.get("target")?), ("ip", identity.get("address")?)];
        (identity.get("proto") == Some("icmp")).then_some((labels, backend))
    });
    let mut requests = begin(all, REQUESTS)?;
    for (labels, backend) in pinged.clone() {
        counter(&mut requests.encode_family(&labels)?, &backend.counts.sent)?;
    }
    let mut durations = begin(all, DURATIONS)?;
    for (labels, backend) in pinged.clone() {
        distribution_in(
            &mut durations.encode_family(&labels)?,
            &backend.rtt,
            &coarse(&backend.rtt),
        )?;
    }
    let mut duplicates = begin(all, DUPLICATES)?;
    for (labels, backend) in pinged {
        counter(&mut duplicates.encode_family(&labels)?, &backend.counts.duplicate)?;
    }
    Ok(())
}

/// Every second one of our buckets is one of its: 50 us to 13.1 s in steps of 2. (Its last one, 26.2 s, has what is infinite here.)
fn coarse(buckets: &Buckets) -> Vec<(f64, u64)> {
    let mut coarse = Vec::new();
    let mut count = 0;
    for (bound, n) in buckets.classic() {
        count += n;
        let is_its = BOUNDS_US.iter().any(|us| {
            let its = f64::from(*us) / 1e6;
            (bound - its).abs() < its * f64::EPSILON
        });
        if is_its || bound.is_infinite() {
            coarse.push((bound, std::mem::take(&mut count)));
        }
    }
    coarse
}

const REQUESTS: Family = Family::counter("smokeping_requests", "Number of ping requests sent");
const DURATIONS: Family = Family::histogram(
    "smokeping_response_duration_seconds",
    "A histogram of latencies for ping responses",
);
const DUPLICATES: Family = Family::counter(
    "smokeping_response_duplicates",
    "The number of duplicated response packets",
);

const BOUNDS_US: [u32; 19] = {
    let mut bounds = [50; 19];
    let mut place = 1;
    while place < bounds.len() {
        bounds[place] = bounds[place - 1] * 2;
        place += 1;
    }
    bounds
};

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::buckets::RTT_BOUNDS_US;

    #[test]
    fn each_of_its_bounds_is_one_of_ours_and_the_counts_between_them_add_up() {
        assert_eq!((BOUNDS_US[0], BOUNDS_US[18]), (50, 13_107_200));
        let mut buckets = Buckets::new(&RTT_BOUNDS_US);
        // In ns: at a bound, just above one, between two of ours within one of its, and beyond all.
        buckets.add(&[(50_000, 1), (50_001, 2), (90_000, 4), (20_000_000_000, 8)], None);
        let coarse = coarse(&buckets);
        assert_eq!(coarse.len(), 20);
        let filled: Vec<_> = coarse.into_iter().filter(|(_, n)| *n > 0).collect();
        assert_eq!(filled, [(50e-6, 1), (100e-6, 6), (f64::INFINITY, 8)]);
    }
}
