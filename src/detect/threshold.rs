//! How slow is too slow: the threshold over the baseline.
//!
//! With the median `m` and upper percentiles of the baseline, the allowed excess is
//! `max(floor, m / 5, spread)`, `spread = max(4 (p90 - m) / 1.2816, 1.5 (p99 - m))`: four standard deviations of a normal distribution with this 90th
//! percentile, and for heavier tails always beyond the 99th, so that whatever the shape less than 1 % of normal replies spike. Standard deviations
//! themselves are ruled by the spikes that are looked for, and median deviations know nothing of a second mode.
//!
//! A fault that lasts becomes part of the percentiles, and each recomputation would then allow 1.5 times more. So `spread` may not exceed
//! twice its lowest of 24 hours: it follows a day that turns busier slowly, a fault never. The excess is bounded, not the sum: a
//! median moves only if half of all replies do, which is news of its own (`shift`), and a slow drift of the median must stay possible.
//! Who starts in the midst of a fault has no low from before it. The first low is therefore no more than twice the four deviations, which know
//! nothing of what hits less than a tenth of all probes. A series whose nature is such a tail spikes for a day, and is called jittery.
//!
//! The first 20 replies have no threshold, then a generous one until there are 300 over 30 s. After a level shift the allowance from before
//! it stands for the time of warm-up, or the four deviations of the new level. So does what the pings of the same backend are allowed, once they are
//! warm: SYNs go the same way at a fifth of the pace, and whoever takes both for alike must judge both alike.

use std::time::Duration;

use super::baseline::{Baseline, Shape};
use super::finding::Severity;
use crate::units::{Mono, Rtt};

/// The threshold of one series.
#[derive(Clone, Debug, Default)]
pub(super) struct Threshold {
    level: Option<Level>,
    lows: Lows,
    warm: bool,
    /// What was allowed before the last level shift, or what others are allowed, in ns.
    inherited: Option<u64>,
}

/// What is normal and what no longer is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Level {
    /// The median.
    pub baseline: Rtt,
    /// RTTs above it spike.
    pub threshold: Rtt,
    /// How far a median must move to be a shift.
    pub(super) shift: Rtt,
}

impl Level {
    /// How much above the threshold an RTT is; `None` where it is not.
    #[must_use]
    pub fn severity(&self, rtt: Rtt) -> Option<Severity> {
        let allowed = self.threshold.as_nanos().saturating_sub(self.baseline.as_nanos());
        let excess = rtt.as_nanos().saturating_sub(self.baseline.as_nanos());
        let exceeds = |factor: u64| excess > allowed.saturating_mul(factor);
        match (exceeds(1), exceeds(3), exceeds(10)) {
            (false, ..) => None,
            (_, _, true) => Some(Severity::Extreme),
            (_, true, _) => Some(Severity::Strong),
            _ => Some(Severity::Over),
        }
    }
}

impl Threshold {
    /// A threshold that was in force before a restart.
    pub(super) fn restored(lows: Lows, warm: bool) -> Self {
        Self {
            lows,
            warm,
            ..Self::default()
        }
    }

    /// The level in force; `None` before 20 replies.
    pub(super) const fn level(&self) -> Option<Level> {
        self.level
    }

    /// The lowest spreads of the last hours.
    pub(super) const fn lows(&self) -> &Lows {
        &self.lows
    }

    /// Whether the warm-up is over.
    pub(super) const fn is_warm(&self) -> bool {
        self.warm
    }

    /// Recomputes the level from a baseline of this shape.
    pub(super) fn update(&mut self, shape: Shape, baseline: &Baseline, floor: Rtt, at: Mono) {
        let replies = baseline.replies();
        self.warm |= replies >= WARM_REPLIES && baseline.span(at) >= WARM_TIME;
        if replies < FIRST_REPLIES && !self.warm {
            return;
        }
        let median = shape.median.as_nanos();
        let least = floor.as_nanos().max(median / 5);
        let excess = match (self.warm, self.inherited) {
            (true, _) => least.max(self.spread(shape, at)),
            (false, Some(before)) => least.max(four_sigma(shape)).max(before),
            (false, None) => floor.as_nanos().max(median.saturating_mul(3)).max(PROVISIONAL_NANOS),
        };
        self.level = Some(Level {
            baseline: shape.median,
            threshold: Rtt::from_nanos(median.saturating_add(excess)),
            shift: Rtt::from_nanos(shift_distance(shape)),
        });
    }

    /// What replies of another kind from the same place are allowed stands until these have warmed up.
    pub(super) fn lend(&mut self, allowed: Rtt) {
        if !self.warm {
            self.inherited.get_or_insert(allowed.as_nanos());
        }
    }

    /// The baseline was replaced: warm up again, with the allowance from before.
    pub(super) fn rebase(&mut self) {
        let before = self
            .level
            .map(|level| level.threshold.as_nanos() - level.baseline.as_nanos());
        *self = Self {
            level: self.level,
            inherited: before,
            ..Self::default()
        };
    }

    /// What the upper half of the baseline suggests to allow, within its bound, in ns.
    fn spread(&mut self, shape: Shape, at: Mono) -> u64 {
        let beyond_p99 = above_median(shape, shape.p99) * 3 / 2;
        let spread = four_sigma(shape).max(beyond_p99).max(LEAST_SPREAD_NANOS);
        let low = self.lows.lowest().unwrap_or_else(|| {
            let first = spread.min(2 * four_sigma(shape).max(LEAST_SPREAD_NANOS));
            self.lows.note(at, first);
            first
        });
        let spread = spread.min(low.saturating_mul(2));
        self.lows.note(at, spread);
        spread
    }
}

/// Four standard deviations of a normal distribution with this 90th percentile, in ns.
fn four_sigma(shape: Shape) -> u64 {
    above_median(shape, shape.p90) * 40_000 / 12_816
}

fn above_median(shape: Shape, quantile: Rtt) -> u64 {
    quantile.as_nanos().saturating_sub(shape.median.as_nanos())
}

/// Three standard deviations, a tenth of the median, and never less than 0.5 ms, in ns.
fn shift_distance(shape: Shape) -> u64 {
    let median = shape.median.as_nanos();
    let three_sigma = above_median(shape, shape.p90) * 30_000 / 12_816;
    three_sigma.max(median / 10).max(LEAST_SHIFT_NANOS)
}

/// The lowest spread of each of the last 24 hours, the present one first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Lows {
    /// In ns; `None` in hours without a judgement.
    hours: [Option<u64>; 24],
    begun: Mono,
}

impl Lows {
    /// Those of a saved state, as if its last hour had just begun.
    pub(super) fn restored(saved: &[Option<u64>], now: Mono) -> Self {
        let mut hours = [None; 24];
        hours.iter_mut().zip(saved).for_each(|(hour, low)| *hour = *low);
        Self { hours, begun: now }
    }

    /// The hours, the present one first, in ns.
    pub(super) fn hours(&self) -> impl Iterator<Item = Option<u64>> {
        self.hours.iter().copied()
    }

    fn lowest(&self) -> Option<u64> {
        self.hours.iter().flatten().min().copied()
    }

    fn note(&mut self, at: Mono, spread: u64) {
        let passed = at.since(self.begun).as_secs() / HOUR.as_secs();
        for _ in 0..passed.min(24) {
            self.hours.rotate_right(1);
            self.hours[0] = None;
        }
        if passed > 0 || self.lowest().is_none() {
            self.begun = at;
        }
        let low = &mut self.hours[0];
        *low = Some(low.map_or(spread, |low| low.min(spread)));
    }
}

const HOUR: Duration = Duration::from_hours(1);

/// Of 20 replies a median is worth something; of 300 the third largest is a 99th percentile, and 30 s outlast most bursts.
const FIRST_REPLIES: u64 = 20;
const WARM_REPLIES: u64 = 300;
const WARM_TIME: Duration = Duration::from_secs(30);

/// Allowed at least while nothing is known of the spread.
const PROVISIONAL_NANOS: u64 = 5_000_000;

/// Below half a millisecond a path may wander without anybody's caring.
const LEAST_SHIFT_NANOS: u64 = 500_000;

/// A series so calm that its spread is nothing must be able to double it: the least floor that is ever used.
const LEAST_SPREAD_NANOS: u64 = 1_000_000;

#[cfg(test)]
mod tests {
    use super::*;

    const MS: u64 = 1_000_000;

    fn shape(median: u64, p90: u64, p99: u64) -> Shape {
        let [median, p90, p99] = [median, p90, p99].map(Rtt::from_nanos);
        Shape { median, p90, p99 }
    }

    /// A threshold after `hours` of these shapes, one a minute, with a baseline that is warm.
    fn after(shapes: impl Iterator<Item = (u64, Shape)>) -> Vec<u64> {
        let calm = vec![Rtt::from_nanos(MS); 300];
        let warm = Baseline::of(calm.into_iter(), Mono::default(), Mono::from_nanos(60_000 * MS));
        let mut threshold = Threshold::default();
        shapes
            .map(|(minute, shape)| {
                let at = Mono::from_nanos((minute + 1) * 60_000 * MS);
                threshold.update(shape, &warm, Rtt::from_nanos(MS), at);
                threshold.level().unwrap().threshold.as_nanos()
            })
            .collect()
    }

    #[test]
    fn the_largest_of_the_four_terms_decides() {
        let one = |s| after([(0, s)].into_iter())[0];
        assert_eq!(one(shape(MS, MS, MS)), 2 * MS, "the floor");
        assert_eq!(one(shape(50 * MS, 50 * MS, 50 * MS)), 60 * MS, "a fifth of the median");
        assert_eq!(
            one(shape(MS, 2 * MS, 5 * MS)),
            7 * MS,
            "1.5 times to the 99th percentile"
        );
        // 4 / 1.2816 * 2 ms, by hand.
        assert_eq!(one(shape(MS, 3 * MS, 4 * MS)), MS + 6_242_197, "four sigma");
    }

    #[test]
    fn a_fault_that_lasts_cannot_raise_the_threshold_beyond_twice_the_low_of_a_day() {
        let calm = (0..10).map(|minute| (minute, shape(MS, MS, 2 * MS)));
        let fault = (10..24 * 60).map(|minute| (minute, shape(MS, MS, 80 * MS)));
        let thresholds = after(calm.chain(fault));
        assert_eq!(thresholds[0], MS + 1_500_000);
        assert!(thresholds[10..].iter().all(|t| *t == MS + 3_000_000));
    }

    #[test]
    fn a_fault_from_the_first_minute_on_is_not_learned_as_normal() {
        // Less than a tenth of the probes: the 90th percentile knows nothing of it.
        let thresholds = after((0..24 * 60 - 1).map(|minute| (minute, shape(20 * MS, 21 * MS, 104 * MS))));
        // Twice 2 * 4 / 1.2816 ms.
        assert!(
            thresholds.iter().all(|t| (32 * MS..33 * MS).contains(t)),
            "{:?}",
            thresholds.last()
        );
    }

    #[test]
    fn after_a_day_of_a_new_normal_the_threshold_follows() {
        let before = (0..60).map(|minute| (minute, shape(MS, MS, 2 * MS)));
        let after_a_day = (60..27 * 60).map(|minute| (minute, shape(MS, MS, 3 * MS)));
        let thresholds = after(before.chain(after_a_day));
        assert_eq!(thresholds.last(), Some(&(MS + 3_000_000)));
        let doubled = after((0..27 * 60).map(|minute| (minute, shape(MS, MS, if minute < 60 { 2 } else { 9 } * MS))));
        assert_eq!(doubled[24 * 60 - 1], MS + 3_000_000, "bounded for a day");
        assert_eq!(doubled.last(), Some(&(MS + 6_000_000)), "and twice as much after it");
    }

    #[test]
    fn severities_are_multiples_of_the_allowed_excess() {
        let level = Level {
            baseline: Rtt::from_nanos(100),
            threshold: Rtt::from_nanos(110),
            shift: Rtt::default(),
        };
        let at = |rtt| level.severity(Rtt::from_nanos(rtt));
        assert_eq!((at(0), at(110), at(111)), (None, None, Some(Severity::Over)));
        assert_eq!((at(130), at(131)), (Some(Severity::Over), Some(Severity::Strong)));
        assert_eq!((at(200), at(201)), (Some(Severity::Strong), Some(Severity::Extreme)));
    }
}
