use proptest::prelude::*;

use super::{Ipdv, Jitter};
use crate::units::{ProbeSeq, Rtt};

fn jitter(rtts: &[u64]) -> Jitter {
    let mut jitter = Jitter::default();
    for rtt in rtts {
        jitter.record(Rtt::from_nanos(*rtt));
    }
    jitter
}

/// The closed form of the recursion: each |D| weighs 1/16 and fades by 15/16 with every later one.
#[expect(clippy::cast_precision_loss, reason = "small test values")]
fn closed_form_us(rtts: &[u64]) -> Option<f64> {
    let differences: Vec<f64> = rtts.windows(2).map(|pair| pair[0].abs_diff(pair[1]) as f64).collect();
    let fading = differences.iter().rev().enumerate();
    let sum: f64 = fading
        .map(|(age, d)| d / 16.0 * 0.9375_f64.powi(i32::try_from(age).unwrap()))
        .sum();
    (!differences.is_empty()).then_some(sum / 1e3)
}

fn ipdv(probes: &[(u64, Option<u64>)]) -> Ipdv {
    let mut ipdv = Ipdv::default();
    for (seq, rtt) in probes {
        ipdv.record(ProbeSeq::new(*seq), rtt.map(Rtt::from_nanos));
    }
    ipdv
}

fn cells(ipdv: &Ipdv) -> Vec<(u64, u64)> {
    ipdv.magnitudes().cells().collect()
}

fn same(left: Option<f64>, right: Option<f64>) -> bool {
    match (left, right) {
        (Some(left), Some(right)) => (left - right).abs() <= 1e-9 * right.abs().max(1.0),
        (None, None) => true,
        _ => false,
    }
}

#[test]
fn jitter_starts_at_the_second_reply() {
    assert_eq!(jitter(&[]).micros(), None);
    assert_eq!(jitter(&[5_000]).micros(), None);
    assert_eq!(jitter(&[5_000, 5_000]).micros(), Some(0.0));
    assert_eq!(jitter(&[5_000, 21_000]).micros(), Some(1.0), "a sixteenth of 16 us");
}

#[test]
fn jitter_of_alternating_rtts_tends_to_their_distance() {
    let rtts: Vec<u64> = (0..1_000)
        .map(|i| if i % 2 == 0 { 1_000_000 } else { 1_080_000 })
        .collect();
    assert!(same(jitter(&rtts).micros(), Some(80.0)));
}

#[test]
fn a_loss_breaks_the_pair_on_both_sides() {
    let broken = ipdv(&[(0, Some(100)), (1, None), (2, Some(300)), (3, Some(350))]);
    assert_eq!(cells(&broken), [(50, 1)]);
}

#[test]
fn probes_that_do_not_follow_each_other_make_no_pair() {
    assert_eq!(ipdv(&[(0, Some(100)), (2, Some(300))]).summary(), None);
}

#[test]
fn the_pair_across_two_windows_is_found_by_merging() {
    let mut merged = ipdv(&[(0, Some(100)), (1, Some(110))]);
    merged.merge(&ipdv(&[(2, Some(140))]));
    merged.merge(&ipdv(&[]));
    merged.merge(&ipdv(&[(3, Some(147)), (4, None)]));
    assert_eq!(cells(&merged), [(7, 1), (10, 1), (30, 1)]);
}

proptest! {
    #[test]
    fn jitter_equals_its_closed_form(rtts in prop::collection::vec(0_u64..60_000_000_000, 0..200)) {
        prop_assert!(same(jitter(&rtts).micros(), closed_form_us(&rtts)));
    }

    #[test]
    fn jitter_of_merged_windows_is_that_of_one(rtts in prop::collection::vec(0_u64..1_000_000, 0..60), a in 0_usize..60, b in 0_usize..60) {
        let (a, b) = (a.min(b).min(rtts.len()), a.max(b).min(rtts.len()));
        let mut merged = jitter(&rtts[..a]);
        merged.merge(&jitter(&rtts[a..b]));
        merged.merge(&jitter(&rtts[b..]));
        prop_assert!(same(merged.micros(), jitter(&rtts).micros()));
        prop_assert_eq!(merged.ends, jitter(&rtts).ends);
    }

    #[test]
    fn ipdv_equals_a_search_over_all_pairs(
        probes in prop::collection::btree_map(0_u64..120, prop::option::of(0_u64..2_000), 0..100),
        cut in 0_usize..100,
    ) {
        let mut expected: Vec<u64> = Vec::new();
        for (i, first) in &probes {
            for (j, second) in &probes {
                if let (Some(first), Some(second)) = (first, second) && *j == i + 1 {
                    expected.push(first.abs_diff(*second));
                }
            }
        }
        expected.sort_unstable();
        let probes: Vec<(u64, Option<u64>)> = probes.into_iter().collect();
        let (before, after) = probes.split_at(cut.min(probes.len()));
        let mut merged = ipdv(before);
        merged.merge(&ipdv(after));
        for found in [ipdv(&probes), merged] {
            // Below 2,048 ns a cell is one value.
            let all: Vec<u64> = found.magnitudes().cells().flat_map(|(v, n)| std::iter::repeat_n(v, usize::try_from(n).unwrap())).collect();
            prop_assert_eq!(&all, &expected);
        }
    }
}
