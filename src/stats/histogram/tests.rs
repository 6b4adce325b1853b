use std::sync::LazyLock;

use proptest::prelude::*;

use super::Histogram;
use super::layout::{Cell, HIGHEST_NANOS};
use crate::units::Rtt;

/// The authority on the layout.
static HDR: LazyLock<hdrhistogram::Histogram<u8>> =
    LazyLock::new(|| hdrhistogram::Histogram::new_with_bounds(1, 60_000_000_000, 3).unwrap());

fn of(values: &[u64]) -> Histogram {
    let mut histogram = Histogram::new();
    for value in values {
        histogram.record(Rtt::from_nanos(*value));
    }
    histogram
}

fn cells(histogram: &Histogram) -> Vec<(u64, u64)> {
    histogram.cells().collect()
}

/// The slow oracle: sort, take the value of the rank, and let `hdrhistogram` say the lower edge of its cell.
fn naive_quantile(values: &[u64], per_10k: u32) -> Option<u64> {
    let mut sorted = values.to_vec();
    sorted.sort_unstable();
    let rank = (u64::from(per_10k) * u64::try_from(sorted.len()).unwrap())
        .div_ceil(10_000)
        .max(1);
    let value = sorted.get(usize::try_from(rank - 1).unwrap())?;
    Some(HDR.lowest_equivalent((*value).min(HIGHEST_NANOS)))
}

fn naive_cells(values: &[u64]) -> Vec<(u64, u64)> {
    let mut counts = std::collections::BTreeMap::new();
    for value in values {
        *counts
            .entry(HDR.lowest_equivalent((*value).min(HIGHEST_NANOS)))
            .or_insert(0) += 1;
    }
    counts.into_iter().collect()
}

/// Values at every scale, and beyond both ends of the layout.
fn any_value() -> impl Strategy<Value = u64> {
    prop_oneof![
        8 => (0_u32..36, any::<u64>()).prop_map(|(bits, v)| v >> (63 - bits)),
        4 => 500_000_u64..700_000,
        1 => Just(0),
        1 => Just(HIGHEST_NANOS),
        1 => HIGHEST_NANOS..,
    ]
}

#[test]
fn every_cell_is_where_hdrhistogram_has_it() {
    let highest = Cell::of(Rtt::from_nanos(HIGHEST_NANOS));
    let mut value = 0;
    for index in 0..=highest.index() {
        let cell = Cell::at(index).unwrap();
        assert_eq!(cell.lower_edge(), value, "lower edge of cell {index}");
        assert_eq!(HDR.lowest_equivalent(value), value);
        let upper = HDR.highest_equivalent(value).min(HIGHEST_NANOS);
        assert_eq!(
            Cell::of(Rtt::from_nanos(value)),
            cell,
            "the edge {value} belongs to its cell"
        );
        assert_eq!(
            Cell::of(Rtt::from_nanos(upper)),
            cell,
            "the last value {upper} of a cell belongs to it"
        );
        value = HDR.next_non_equivalent(value);
    }
    assert!(value > HIGHEST_NANOS, "the cells reach the end of the layout");
}

#[test]
fn an_empty_histogram_owns_no_heap_and_has_no_figures() {
    let empty = Histogram::new();
    assert_eq!(empty.heap_bytes(), 0);
    assert_eq!((empty.min(), empty.max(), empty.quantile(0.5)), (None, None, None));
    assert_eq!(empty.cells().count(), 0);
}

#[test]
fn zero_and_more_than_a_minute_are_counted() {
    let histogram = of(&[0, 90_000_000_000]);
    let top = HDR.lowest_equivalent(60_000_000_000);
    assert_eq!(cells(&histogram), [(0, 1), (top, 1)]);
    assert_eq!(histogram.min(), Some(Rtt::from_nanos(0)));
    assert_eq!(
        histogram.max(),
        Some(Rtt::from_nanos(90_000_000_000)),
        "the maximum is exact"
    );
    assert_eq!(histogram.quantile(1.0), Some(Rtt::from_nanos(top)));
}

#[test]
fn a_cell_counts_beyond_32_bits_in_both_forms() {
    let crowded: Vec<u64> = (1_000_000..1_002_000)
        .flat_map(|v| [v, 2 * v, 4 * v, 8 * v])
        .chain(1024..2048)
        .collect();
    for mut histogram in [Histogram::new(), of(&crowded)] {
        let edge = 1_500;
        let before = histogram.cells().find(|(e, _)| *e == edge).map_or(0, |(_, n)| n);
        histogram.record_n(Rtt::from_nanos(edge), u64::from(u32::MAX) - before);
        histogram.record(Rtt::from_nanos(edge));
        let exactly_2_pow_32 = histogram.cells().find(|(e, _)| *e == edge);
        assert_eq!(
            exactly_2_pow_32,
            Some((edge, 1 << 32)),
            "a low half of zero hides no cell"
        );
        let doubled = {
            let mut sum = histogram.clone();
            sum.merge(&histogram);
            sum
        };
        assert!(cells(&doubled).contains(&(edge, 2 << 32)));
        assert_eq!(doubled.count(), 2 * histogram.count());
    }
}

#[test]
fn absurd_counts_saturate_instead_of_overflowing() {
    let mut histogram = Histogram::new();
    histogram.record_n(Rtt::from_nanos(7), u64::MAX);
    histogram.record_n(Rtt::from_nanos(7), u64::MAX);
    histogram.record_n(Rtt::from_nanos(9), 0);
    assert_eq!(histogram.count(), u64::MAX);
    assert_eq!(histogram.quantile(0.999), Some(Rtt::from_nanos(7)));
    assert_eq!(
        histogram.max(),
        Some(Rtt::from_nanos(7)),
        "recorded zero times is not recorded"
    );
}

#[test]
fn a_quiet_series_is_small_and_a_noisy_one_no_larger_than_a_full_array() {
    let mut quiet = Histogram::new();
    for i in 0..100_000_u64 {
        quiet.record(Rtt::from_nanos(600_000 + (i * 7_919) % 150_000));
    }
    // 150 us above 524,288 ns, where a cell is 512 ns wide: 293 or 294 cells.
    assert!((293..=294).contains(&quiet.cells().count()));
    assert!(quiet.heap_bytes() <= 3 * 1024, "{} bytes", quiet.heap_bytes());

    let mut noisy = Histogram::new();
    for i in 0..60_000_u64 {
        noisy.record(Rtt::from_nanos(i * 1_000_000));
        noisy.record(Rtt::from_nanos(i * i));
    }
    assert!(noisy.heap_bytes() <= 27 * 1024 * 4, "{} bytes", noisy.heap_bytes());
}

#[test]
fn a_narrow_crowd_turns_dense_where_that_is_smaller() {
    // One octave of 1,024 cells costs 4 KiB as an array and 6 KiB as a list.
    let one_octave: Vec<u64> = (1 << 20..1 << 21).step_by(1 << 10).collect();
    let histogram = of(&one_octave);
    assert_eq!(histogram.cells().count(), 1_024);
    assert_eq!(histogram.heap_bytes(), 1_024 * 4);
}

proptest! {
    #[test]
    fn cells_and_quantiles_equal_the_sorted_values(
        values in prop::collection::vec(any_value(), 1..400),
        per_10k in 0_u32..=10_000,
    ) {
        let histogram = of(&values);
        prop_assert_eq!(cells(&histogram), naive_cells(&values));
        let expected = naive_quantile(&values, per_10k).map(Rtt::from_nanos);
        prop_assert_eq!(histogram.quantile(f64::from(per_10k) / 10_000.0), expected);
        prop_assert_eq!(histogram.min().map(Rtt::as_nanos), values.iter().copied().min());
        prop_assert_eq!(histogram.max().map(Rtt::as_nanos), values.iter().copied().max());
    }

    #[test]
    fn merging_equals_recording_both(
        left in prop::collection::vec(any_value(), 0..300),
        right in prop::collection::vec(any_value(), 0..300),
        crowd in prop::bool::ANY,
    ) {
        let crowd: Vec<u64> = if crowd { (1 << 16..1 << 17).step_by(64).collect() } else { Vec::new() };
        let left = [left, crowd].concat();
        let mut merged = of(&left);
        merged.merge(&of(&right));
        let both = of(&[left, right].concat());
        prop_assert_eq!(cells(&merged), cells(&both));
        prop_assert_eq!((merged.count(), merged.min(), merged.max()), (both.count(), both.min(), both.max()));
    }

    #[test]
    fn the_hdr_histogram_has_the_same_cells(values in prop::collection::vec(any_value(), 0..200)) {
        let hdr = of(&values).to_hdr();
        let recorded: Vec<(u64, u64)> = hdr
            .iter_recorded()
            .map(|v| (hdr.lowest_equivalent(v.value_iterated_to()), v.count_at_value()))
            .collect();
        prop_assert_eq!(recorded, naive_cells(&values));
    }

    #[test]
    fn cells_rebuild_their_histogram(values in prop::collection::vec(any_value(), 0..200)) {
        let original = of(&values);
        let mut rebuilt = Histogram::new();
        for (edge, n) in original.cells() {
            rebuilt.record_n(Rtt::from_nanos(edge), n);
        }
        prop_assert_eq!(cells(&rebuilt), cells(&original));
        prop_assert_eq!(rebuilt.count(), original.count());
    }
}

proptest! {
    // Each case is long; a few of them cover every octave.
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn thousands_of_cells_in_dense_form_equal_the_naive_counts(seed in any::<u64>(), low in 0_u32..30, span in 1_u32..20) {
        // A full-period generator of 64 bits; only its high bits are used.
        let mut state = seed;
        let values: Vec<u64> = (0..6_000)
            .map(|_| {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                let bits = low + u32::try_from(state >> 40).unwrap() % span;
                (1 << bits.min(35)) | ((state >> 20) & ((1 << bits.min(35)) - 1))
            })
            .collect();
        let histogram = of(&values);
        prop_assert_eq!(cells(&histogram), naive_cells(&values));
        prop_assert_eq!(histogram.quantile(0.99).map(Rtt::as_nanos), naive_quantile(&values, 9_900));
    }
}
