use std::time::Duration;

use proptest::prelude::*;

use super::{Lateness, cell_of, lower_edge};

fn of(micros: &[u64]) -> Lateness {
    let mut lateness = Lateness::default();
    for micros in micros {
        lateness.record(Duration::from_micros(*micros));
    }
    lateness
}

#[test]
fn nothing_sent_is_not_late_and_costs_nothing() {
    assert_eq!(Lateness::default().summary(), None);
    assert_eq!(Lateness::default().heap_bytes(), 0);
}

#[test]
fn a_second_of_lateness_in_a_hundred_sends_is_the_maximum_and_not_p99() {
    let mut lateness = Lateness::default();
    for _ in 0..99 {
        lateness.record(Duration::from_nanos(5_900));
    }
    lateness.record(Duration::from_nanos(1_000_000_001));
    let summary = lateness.summary().unwrap();
    assert_eq!(summary.p99, Duration::from_micros(5));
    assert_eq!(summary.max, Duration::from_nanos(1_000_000_001), "exact");
}

#[test]
fn cells_ascend_without_a_gap_and_a_value_belongs_to_the_cell_of_its_edge() {
    let last = cell_of(Duration::MAX);
    assert_eq!(last, 367);
    for cell in 0..=last {
        assert_eq!(cell_of(lower_edge(cell)), cell);
        let just_below_the_next = lower_edge(cell + 1).saturating_sub(Duration::from_nanos(1));
        assert_eq!(cell_of(just_below_the_next), cell);
    }
}

#[test]
fn every_value_is_in_the_cell_below_it() {
    let lateness = of(&[0, 7, 7, 1_000]);
    // 1 ms lies in the octave from 512 us, whose cells are 32 us wide.
    let cells: Vec<_> = lateness.cells().collect();
    assert_eq!(cells, [(0, 1), (7_000, 2), (992_000, 1)]);
}

#[test]
fn memory_stays_fixed_whatever_comes() {
    let mut lateness = of(&[u64::MAX, 0, 1 << 40]);
    assert!(lateness.heap_bytes() <= 368 * 8);
    lateness.record(Duration::MAX);
    assert_eq!(lateness.count(), 4);
    assert!(of(&[0, 3, 40, 900]).heap_bytes() <= 1024, "a punctual series is small");
}

proptest! {
    #[test]
    fn p99_is_within_a_sixteenth_below_the_true_value(micros in prop::collection::vec(0_u64..60_000_000, 1..300)) {
        let mut sorted = micros.clone();
        sorted.sort_unstable();
        let rank = (sorted.len() * 99).div_ceil(100);
        let truth = sorted[rank - 1];
        let p99 = u64::try_from(of(&micros).summary().unwrap().p99.as_micros()).unwrap();
        prop_assert!(p99 <= truth && truth - p99 <= truth / 16, "{p99} for {truth}");
    }

    #[test]
    fn merging_equals_recording_both(left in prop::collection::vec(0_u64..1 << 30, 0..50), right in prop::collection::vec(0_u64..1 << 30, 0..50)) {
        let mut merged = of(&left);
        merged.merge(&of(&right));
        prop_assert_eq!(merged, of(&[left, right].concat()));
    }
}
