//! A histogram of times in the two forms that Prometheus knows: classic buckets with fixed bounds, and native ones that grow by 4.4 %.
//!
//! Both are filled from the cells of windows, whose values are known to 1/1024: a value that lies less than that above a bound counts as at
//! the bound.

/// Counts since the start.
#[derive(Clone, Debug)]
pub(super) struct Buckets {
    /// In microseconds, ascending.
    bounds: &'static [u64],
    /// Of each bound, what lies above the bound before it; the last has no bound.
    classic: Vec<u64>,
    /// By ascending index, in schema 4.
    native: Vec<(i32, u64)>,
    /// Values of zero, which no native bucket has a place for.
    zeros: u64,
    sum_seconds: f64,
    count: u64,
}

/// Native buckets as the protocol has them.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Native {
    pub(super) schema: i32,
    pub(super) zeros: u64,
    /// Gap before a run of buckets (for the first, its index), and its length.
    pub(super) spans: Vec<(i32, u32)>,
    /// Of each bucket, its count minus that of the one before.
    pub(super) deltas: Vec<i64>,
}

impl Buckets {
    /// Empty, with these classic bounds in microseconds.
    pub(super) fn new(bounds: &'static [u64]) -> Self {
        Self {
            bounds,
            classic: vec![0; bounds.len() + 1],
            native: Vec::new(),
            zeros: 0,
            sum_seconds: 0.0,
            count: 0,
        }
    }

    /// Adds a window: its cells (lower edge in ns, count), and the exact mean where it is known.
    pub(super) fn add(&mut self, cells: &[(u64, u64)], mean_us: Option<f64>) {
        let (mut count, mut sum_of_edges) = (0_u64, 0.0);
        for &(edge, n) in cells {
            let place = self.bounds.partition_point(|bound| bound * NANOS_PER_MICRO < edge);
            self.classic[place] += n;
            self.add_native(edge, n);
            count += n;
            sum_of_edges += float(edge) * float(n);
        }
        self.count += count;
        self.sum_seconds += mean_us.map_or(sum_of_edges / 1e9, |mean| mean / 1e6 * float(count));
    }

    /// How many values.
    pub(super) const fn count(&self) -> u64 {
        self.count
    }

    /// Their sum.
    pub(super) const fn sum_seconds(&self) -> f64 {
        self.sum_seconds
    }

    /// Bounds in seconds, the last of them infinite, with the count between each and the one before.
    pub(super) fn classic(&self) -> Vec<(f64, u64)> {
        let bounds = self.bounds.iter().map(|us| float(*us) / 1e6);
        bounds
            .chain([f64::INFINITY])
            .zip(self.classic.iter().copied())
            .collect()
    }

    /// In schema 4, or where that needs too many buckets in schema 3, which has half of them.
    pub(super) fn native(&self) -> Native {
        if self.native.len() <= MAX_NATIVE {
            return Native::new(SCHEMA, self.zeros, self.native.iter().copied());
        }
        let mut halved: Vec<(i32, u64)> = Vec::new();
        for &(index, n) in &self.native {
            let index = (index + 1).div_euclid(2);
            match halved.last_mut() {
                Some((last, count)) if *last == index => *count += n,
                _ => halved.push((index, n)),
            }
        }
        Native::new(SCHEMA - 1, self.zeros, halved)
    }

    fn add_native(&mut self, edge: u64, n: u64) {
        if edge == 0 {
            self.zeros += n;
            return;
        }
        let index = native_index(edge);
        match self.native.binary_search_by_key(&index, |(index, _)| *index) {
            Ok(place) => self.native[place].1 += n,
            Err(place) => self.native.insert(place, (index, n)),
        }
    }
}

impl Native {
    fn new(schema: i32, zeros: u64, buckets: impl IntoIterator<Item = (i32, u64)>) -> Self {
        let (mut spans, mut deltas): (Vec<(i32, u32)>, Vec<i64>) = (Vec::new(), Vec::new());
        let (mut next, mut before) = (0, 0);
        for (index, n) in buckets {
            match spans.last_mut() {
                Some((_, length)) if index == next => *length += 1,
                _ => spans.push((index - next, 1)),
            }
            next = index + 1;
            let n = i64::try_from(n).unwrap_or(i64::MAX);
            deltas.push(n - before);
            before = n;
        }
        Self {
            schema,
            zeros,
            spans,
            deltas,
        }
    }
}

/// The native bucket of a time: the smallest `i` with `seconds <= 2^(i/16)`.
#[expect(
    clippy::cast_possible_truncation,
    reason = "from 1 ns to 2^64 ns there are 1024 of them"
)]
fn native_index(nanos: u64) -> i32 {
    ((float(nanos) / 1e9).log2() * f64::from(1 << SCHEMA)).ceil() as i32
}

#[expect(clippy::cast_precision_loss, reason = "counts and times of less than 2^53")]
const fn float(n: u64) -> f64 {
    n as f64
}

/// A bucket is 2^(1/16) times as wide as the one before, 4.4 %: finer than the difference of two paths that a user would act on.
const SCHEMA: i32 = 4;

/// The limit of other systems that take native histograms (Mimir, OpenTelemetry); 160 buckets of schema 4 span a factor of 1024.
const MAX_NATIVE: usize = 160;

const NANOS_PER_MICRO: u64 = 1_000;

/// From 50 us to 13 s in steps of the square root of 2, rounded to microseconds; and the times that load balancers are given as
/// timeouts of a check (0.5, 1, 2 and 3 s), so that the share of answers that would have come too late can be read off.
pub(super) const RTT_BOUNDS_US: [u64; 41] = [
    50, 71, 100, 141, 200, 283, 400, 566, 800, 1_131, 1_600, 2_263, 3_200, 4_525, 6_400, 9_051, 12_800, 18_102, 25_600,
    36_204, 51_200, 72_408, 102_400, 144_815, 204_800, 289_631, 409_600, 500_000, 579_262, 819_200, 1_000_000,
    1_158_524, 1_638_400, 2_000_000, 2_317_048, 3_000_000, 3_276_800, 4_634_095, 6_553_600, 9_268_190, 13_107_200,
];

/// From 10 us to 10 s in steps of 2: jitter is asked for its order of magnitude.
pub(super) const IPDV_BOUNDS_US: [u64; 21] = [
    10, 20, 40, 80, 160, 320, 640, 1_280, 2_560, 5_120, 10_240, 20_480, 40_960, 81_920, 163_840, 327_680, 655_360,
    1_310_720, 2_621_440, 5_242_880, 10_485_760,
];

#[cfg(test)]
#[expect(clippy::float_cmp, reason = "bounds are constants")]
mod tests {
    use std::collections::BTreeMap;
    use std::time::Duration;

    use super::*;
    use crate::stats::Distribution;
    use crate::units::{Rtt, nanos};

    fn filled(times_ns: &[u64]) -> Buckets {
        let mut window = Distribution::default();
        for ns in times_ns {
            window.record(Rtt::from_nanos(*ns));
        }
        let cells: Vec<_> = window.histogram().cells().collect();
        let mut buckets = Buckets::new(&RTT_BOUNDS_US);
        buckets.add(&cells, window.summary().map(|summary| summary.mean_us));
        buckets
    }

    /// Counts by index.
    fn decoded(native: &Native) -> BTreeMap<i32, i64> {
        let (mut index, mut count) = (0, 0);
        let mut deltas = native.deltas.iter();
        let mut all = BTreeMap::new();
        for &(gap, length) in &native.spans {
            index += gap;
            for _ in 0..length {
                count += deltas.next().expect("a delta for each bucket");
                all.insert(index, count);
                index += 1;
            }
        }
        assert_eq!(deltas.next(), None);
        all
    }

    #[test]
    fn the_bounds_are_the_powers_of_the_root_of_two_and_the_timeouts_of_checks() {
        let mut expected: Vec<f64> = (0..=36).map(|k| 50.0 * 2_f64.powf(f64::from(k) / 2.0)).collect();
        expected.extend([500_000.0, 1_000_000.0, 2_000_000.0, 3_000_000.0]);
        expected.sort_by(f64::total_cmp);
        let expected: Vec<f64> = expected.into_iter().map(f64::round).collect();
        let bounds: Vec<f64> = RTT_BOUNDS_US.iter().map(|us| float(*us)).collect();
        assert_eq!(bounds, expected);
    }

    #[test]
    fn a_time_at_a_bound_is_below_it_and_all_are_counted() {
        // 1 ns, the first bound, two cells above it, 0.5 s, and a minute, which is above all bounds.
        let buckets = filled(&[1, 50_000, 50_100, 500_000_000, 60_000_000_000]);
        let classic = buckets.classic();
        assert_eq!(classic[0], (50e-6, 2));
        assert_eq!(classic[1], (71e-6, 1));
        let half = classic.iter().find(|(bound, _)| *bound == 0.5);
        assert_eq!(half, Some(&(0.5, 1)));
        assert_eq!(classic.last(), Some(&(f64::INFINITY, 1)));
        let sum: u64 = classic.iter().map(|(_, n)| n).sum();
        assert_eq!((sum, buckets.count()), (5, 5));
        assert!((buckets.sum_seconds() - 60.500_100_101).abs() < 1e-9);
    }

    #[test]
    fn each_time_lies_in_its_native_bucket() {
        for ns in (0..63).flat_map(|power| [1_u64 << power, (1 << power) + 1, 3 << power >> 1]) {
            let (seconds, index) = (float(ns) / 1e9, f64::from(native_index(ns)));
            let [below, bound] = [index - 1.0, index].map(|index| (index / 16.0).exp2());
            assert!(below < seconds && seconds <= bound, "{ns} ns in {index}");
        }
        // Half a second is a bound itself: 2^(-16/16).
        assert_eq!([native_index(500_000_000), native_index(1_000_000_000)], [-16, 0]);
    }

    #[test]
    fn spans_and_deltas_give_the_counts_back() {
        let mut buckets = filled(&[0, 0, 500_000_000, 1_000_000_000, 1_000_000_000, 1_010_000_000]);
        buckets.add_native(2_000_000_000, 7);
        let native = buckets.native();
        assert_eq!((native.schema, native.zeros), (4, 2));
        // 0.5 s is bucket -16; 1 s is 0 and 1.01 s is 1, 15 buckets after the one behind -16; 2 s is 16.
        assert_eq!(native.spans, [(-16, 1), (15, 2), (14, 1)]);
        assert_eq!(native.deltas, [1, 1, -1, 6]);
        assert_eq!(decoded(&native), BTreeMap::from([(-16, 1), (0, 2), (1, 1), (16, 7)]));
    }

    #[test]
    fn what_spans_too_much_is_told_in_half_as_many_buckets() {
        // Powers of two in ns are edges of cells themselves; from 1 ns to 34 s in steps of 1.5 and of 2.
        let times: Vec<u64> = (0..35).flat_map(|power| [1_u64 << power, 3 << power]).collect();
        let buckets = filled(&[times.as_slice(), times.as_slice(), &[0]].concat());
        assert_eq!(decoded(&buckets.native()).values().sum::<i64>(), 140);
        let mut buckets = buckets;
        for index in -80..80 {
            let near = Duration::from_secs_f64((f64::from(index) / 16.0).exp2());
            buckets.add_native(nanos(near), 1);
        }
        let native = buckets.native();
        assert_eq!((native.schema, native.zeros), (3, 1));
        let in_fine = Native::new(4, 0, buckets.native.iter().copied());
        let mut expected: BTreeMap<i32, i64> = BTreeMap::new();
        for (index, n) in decoded(&in_fine) {
            // The smallest bucket of schema 3 whose bound, 2^(i/8), is not below this one's, 2^(index/16).
            let coarse = (-400..400).find(|i| 2 * i >= index).expect("a bucket");
            *expected.entry(coarse).or_default() += n;
        }
        assert_eq!(decoded(&native), expected);
    }
}
