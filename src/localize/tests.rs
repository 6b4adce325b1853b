use std::net::IpAddr;

use proptest::prelude::*;

use super::trials::Trials;
use super::{HopEvidence, PathEvidence, PathVerdict, VerdictCode, judge_path};
use crate::stats::Histogram;
use crate::units::Rtt;

/// A hop of a made-up table.
#[derive(Clone, Debug)]
struct Row {
    ttl: u8,
    addresses: Vec<IpAddr>,
    sent: u64,
    rtts: Histogram,
    rounds: Vec<(u64, Option<u64>)>,
}

/// A hop that answered `received` of `sent` probes after about 1 ms per TTL.
fn row(ttl: u8, sent: u64, received: u64) -> Row {
    row_with(ttl, sent, &[(received, f64::from(ttl))])
}

/// A hop with so many answers after so many ms each.
fn row_with(ttl: u8, sent: u64, answers: &[(u64, f64)]) -> Row {
    let mut rtts = Histogram::new();
    for (count, ms) in answers {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "small test values"
        )]
        rtts.record_n(Rtt::from_nanos((ms * 1e6) as u64), *count);
    }
    let addresses = if rtts.is_empty() {
        Vec::new()
    } else {
        vec![IpAddr::from([10, 0, ttl, 1])]
    };
    Row {
        ttl,
        addresses,
        sent,
        rtts,
        rounds: Vec::new(),
    }
}

fn judge(rows: &[Row], reached: bool, dead_end: Option<&str>) -> PathVerdict {
    let hops: Vec<HopEvidence<'_>> = rows
        .iter()
        .map(|row| HopEvidence {
            ttl: row.ttl,
            addresses: &row.addresses,
            sent: row.sent,
            received: row.rtts.count(),
            rtts: &row.rtts,
            rounds: &row.rounds,
        })
        .collect();
    judge_path(&PathEvidence {
        target: IpAddr::from([10, 0, rows.last().map_or(9, |row| row.ttl), 1]),
        hops: &hops,
        reached,
        dead_end,
    })
}

fn reached(rows: &[Row]) -> PathVerdict {
    judge(rows, true, None)
}

/// The ends of the segment where loss starts.
fn loss(verdict: &PathVerdict) -> Option<(u8, u8)> {
    verdict.loss_starts_at.as_ref().map(|s| (s.from_ttl, s.to_ttl))
}

fn jitter(verdict: &PathVerdict) -> Option<(u8, u8)> {
    verdict.jitter_starts_at.as_ref().map(|s| (s.from_ttl, s.to_ttl))
}

#[test]
fn the_exact_test_agrees_with_fractions_worked_by_hand() {
    // 7 of 10 against 2 of 10: C(20,10) = 184756 ways; C(9,7) C(11,3) + C(9,8) C(11,2) + C(9,9) C(11,1) = 36*165 + 9*55 + 11.
    let p = Trials::new(7, 10).worse_than(Trials::new(2, 10));
    assert!((p - 6446.0 / 184_756.0).abs() < 1e-10, "{p}");
    // 2 of 60 against none: both fall on the first, 60*59 / (120*119).
    let p = Trials::new(2, 60).worse_than_none();
    assert!((p - 3540.0 / 14_280.0).abs() < 1e-10, "{p}");
    // What is not impaired is not worse.
    assert!((Trials::new(0, 60).worse_than(Trials::new(3, 60)) - 1.0).abs() < 1e-12);
}

#[test]
fn more_probes_than_are_worth_it_keep_their_proportion() {
    let capped = Trials::new(u64::MAX / 10, u64::MAX).capped();
    assert_eq!((capped.impaired, capped.total), (499, 5_000));
    assert_eq!(Trials::new(9, 3), Trials::new(3, 3), "more than all are all");
}

#[test]
fn the_table_of_sixty_cycles_shows_where_jitter_starts_and_asks_for_more_cycles_about_loss() {
    // Hop 1: 0.5 ms; hops 2 and 3: 2 of 60 lost, best 0.7, mean 12, worst 84 ms.
    let rows = [
        row_with(1, 60, &[(30, 0.4), (29, 0.6), (1, 1.1)]),
        row_with(2, 60, &[(10, 0.7), (28, 0.9), (8, 20.0), (9, 35.0), (3, 84.1)]),
        row_with(3, 60, &[(9, 0.8), (29, 1.1), (9, 19.0), (8, 36.0), (3, 85.2)]),
    ];
    let verdict = reached(&rows);
    assert_eq!(verdict.code, VerdictCode::Jitter);
    assert_eq!((jitter(&verdict), loss(&verdict)), (Some((1, 2)), None));
    // 10.5 impaired probes at 2 in 60 take 315 cycles.
    assert_eq!(verdict.more_cycles, Some(255));
    let segment = verdict.jitter_starts_at.expect("jitter");
    assert!(segment.confidence > 0.8 && segment.addresses == [IpAddr::from([10, 0, 2, 1])]);
    assert_eq!(
        verdict.message,
        "Jitter to 10.0.3.1 starts between hop 1 (10.0.1.1) and hop 2 (10.0.2.1), confidence 89 %: 20 of 58 probes came late \
         (34.5 %, 95 % interval 23.6 to 47.3 %); 2 of 60 probes were lost (3.3 %, 95 % interval 0.9 to 11.4 %), too few to say \
         where loss starts: 255 more cycles are needed"
    );
}

#[test]
fn loss_starts_where_all_that_comes_later_has_it() {
    let verdict = reached(&[
        row(1, 300, 300),
        row(2, 300, 300),
        row(3, 300, 270),
        row(4, 300, 268),
        row(5, 300, 271),
    ]);
    assert_eq!((verdict.code, loss(&verdict)), (VerdictCode::Loss, Some((2, 3))));
    assert_eq!((verdict.jitter_starts_at, verdict.more_cycles), (None, None));
    assert_eq!(verdict.labels, vec![super::HopLabels::default(); 5]);
}

#[test]
fn loss_of_the_first_link_starts_at_this_host() {
    let verdict = reached(&[row(1, 300, 270), row(2, 300, 268), row(3, 300, 271)]);
    assert_eq!(loss(&verdict), Some((0, 1)));
    assert!(
        verdict
            .message
            .starts_with("Loss to 10.0.3.1 starts between this host and hop 1 (10.0.1.1), confidence"),
        "{}",
        verdict.message
    );
}

#[test]
fn silent_hops_stay_inside_the_segment() {
    let verdict = reached(&[
        row(1, 300, 300),
        row(2, 300, 0),
        row(3, 300, 0),
        row(4, 300, 270),
        row(5, 300, 271),
    ]);
    assert_eq!(loss(&verdict), Some((1, 4)));
    assert!(
        verdict
            .message
            .contains("between hop 1 (10.0.1.1) and hop 4 (10.0.4.1) (hops 2 and 3 in between tell nothing)"),
        "{}",
        verdict.message
    );
}

#[test]
fn a_path_of_silence_is_one_segment_to_the_target() {
    let verdict = reached(&[row(1, 300, 0), row(2, 300, 0), row(3, 300, 270)]);
    assert_eq!((verdict.code, loss(&verdict)), (VerdictCode::Loss, Some((0, 3))));
}

#[test]
fn a_limited_hop_inside_the_segment_does_not_narrow_it() {
    let verdict = reached(&[row(1, 300, 300), row(2, 300, 120), row(3, 300, 270), row(4, 300, 271)]);
    assert_eq!(loss(&verdict), Some((1, 3)));
    assert!(verdict.labels[1].rate_limited && !verdict.labels[2].rate_limited);
}

#[test]
fn loss_that_does_not_carry_through_is_a_limit_and_no_loss() {
    let verdict = reached(&[row(1, 300, 300), row(2, 300, 120), row(3, 300, 300)]);
    assert_eq!((verdict.code, loss(&verdict)), (VerdictCode::Clean, None));
    assert!(verdict.labels[1].rate_limited && !verdict.labels[0].rate_limited);
    assert_eq!(
        verdict.message,
        "Neither loss nor jitter on the way to 10.0.3.1: 0 of 300 probes were lost (0.0 %, 95 % interval 0.0 to 1.3 %); \
         hop 2 (10.0.2.1) answers only 40 % of probes but forwards more: rate limited, not loss"
    );
}

#[test]
fn jitter_that_does_not_carry_through_is_a_slow_control_plane() {
    let verdict = reached(&[
        row(1, 300, 300),
        row_with(2, 300, &[(200, 2.0), (100, 40.0)]),
        row(3, 300, 300),
    ]);
    assert_eq!((verdict.code, jitter(&verdict)), (VerdictCode::Clean, None));
    assert!(verdict.labels[1].slow_control_plane && !verdict.labels[1].rate_limited);
    assert!(
        verdict
            .message
            .ends_with("hop 2 (10.0.2.1) answers late but forwards in time: a slow control plane, not jitter"),
        "{}",
        verdict.message
    );
}

#[test]
fn jitter_of_all_probes_is_found_although_it_is_all_there_is() {
    // Evenly from 0 to 30 ms more than 3 ms, as a link with a full queue.
    let queued: Vec<(u64, f64)> = (0..300).map(|n| (1, 3.0 + f64::from(n) / 10.0)).collect();
    let verdict = reached(&[
        row(1, 300, 300),
        row(2, 300, 300),
        row_with(3, 300, &queued),
        row_with(4, 300, &queued),
    ]);
    assert_eq!((verdict.code, jitter(&verdict)), (VerdictCode::Jitter, Some((2, 3))));
}

#[test]
fn loss_and_jitter_have_places_of_their_own() {
    let jittery = [(190, 3.0), (80, 30.0)];
    let verdict = reached(&[
        row(1, 300, 300),
        row(2, 300, 270),
        row_with(3, 300, &jittery),
        row_with(4, 300, &jittery),
    ]);
    assert_eq!(verdict.code, VerdictCode::LossAndJitter);
    assert_eq!((loss(&verdict), jitter(&verdict)), (Some((1, 2)), Some((2, 3))));
}

#[test]
fn too_few_probes_are_said_to_be_too_few() {
    let verdict = reached(&[row(1, 3, 3), row(2, 3, 3)]);
    assert_eq!(
        (verdict.code, verdict.more_cycles),
        (VerdictCode::TooFewProbes, Some(7))
    );
    assert_eq!(
        verdict.message,
        "3 probes to 10.0.2.1 are too few to judge: 7 more cycles are needed"
    );
    // One of twenty: 5 %, and 10.5 / 0.05 = 210.
    let verdict = reached(&[row(1, 20, 20), row(2, 20, 19)]);
    assert_eq!(
        (verdict.code, verdict.more_cycles),
        (VerdictCode::TooFewProbes, Some(190))
    );
}

#[test]
fn loss_that_no_number_of_cycles_would_place_asks_for_a_slower_pace() {
    // Both hops before the target lose more than it does, and may lose what it loses, too.
    let verdict = reached(&[row(1, 300, 150), row(2, 300, 160), row(3, 300, 270)]);
    assert_eq!((verdict.code, loss(&verdict)), (VerdictCode::TooFewProbes, None));
    assert_eq!(verdict.more_cycles, None);
    assert!(
        verdict.message.starts_with(
            "30 of 300 probes to 10.0.3.1 were lost (10.0 %, 95 % interval 7.1 to 13.9 %), and where loss starts can't be told at \
             this pace: hops before the target answer too seldom, or too late; probe less often, and without --fast; hops 1 and 2"
        ),
        "{}",
        verdict.message
    );
}

#[test]
fn hops_that_answer_one_in_six_are_what_hinders_however_many_cycles() {
    // 5 % of loss behind the first of two hops, probed six times as fast as they answer.
    for times in [1, 2, 8] {
        let verdict = reached(&[
            row(1, 200 * times, 32 * times),
            row(2, 200 * times, 31 * times),
            row(3, 200 * times, 190 * times),
        ]);
        assert_eq!(
            (verdict.code, verdict.more_cycles),
            (VerdictCode::TooFewProbes, None),
            "{}",
            verdict.message
        );
        assert!(verdict.message.contains("probe less often"), "{}", verdict.message);
    }
}

#[test]
fn as_many_cycles_as_are_asked_for_find_the_place_where_shares_stay() {
    for (first, second, target) in [
        (60, 58, 58),
        (20, 20, 19),
        (100, 92, 96),
        (400, 384, 390),
        (200, 193, 193),
    ] {
        let sent = first;
        let verdict = reached(&[row(1, sent, first), row(2, sent, second), row(3, sent, target)]);
        let Some(more) = verdict.more_cycles else { continue };
        let all = sent + more;
        // The share of loss rounded up: one lost probe less would be less than was seen.
        let scaled = |received: u64| all - ((sent - received) * all).div_ceil(sent);
        let later = reached(&[
            row(1, all, scaled(first)),
            row(2, all, scaled(second)),
            row(3, all, scaled(target)),
        ]);
        assert!(later.loss_starts_at.is_some(), "{sent}: {more} more: {}", later.message);
    }
}

#[test]
fn what_is_open_is_one_sentence() {
    let of_target = |answers: &[(u64, f64)], sent| {
        let rows = [row(1, sent, sent), row_with(2, sent, answers)];
        reached(&rows).message
    };
    // 10.5 at one in ten take 105.
    assert_eq!(
        of_target(&[(9, 2.0)], 10),
        "1 of 10 probes to 10.0.2.1 was lost (10.0 %, 95 % interval 1.8 to 40.4 %), too few to say where loss starts: 95 more cycles \
         are needed"
    );
    assert_eq!(
        of_target(&[(1, 2.0)], 1),
        "1 probe to 10.0.2.1 is too few to judge: 9 more cycles are needed"
    );
    assert_eq!(
        of_target(&[(7, 2.0)], 9),
        "9 probes to 10.0.2.1 (2 were lost) are too few to judge: 1 more cycle is needed"
    );
    let both = of_target(&[(55, 2.0), (3, 40.0)], 60);
    assert!(
        both.starts_with("3 of 58 probes to 10.0.2.1 came late (5.2 %,")
            && both.contains(") and 2 of 60 probes were lost (3.3 %,")
            && both.ends_with("too few to say where jitter and loss start: 255 more cycles are needed"),
        "{both}"
    );
}

#[test]
fn a_target_that_was_not_reached_is_unreachable_with_the_reason() {
    let rows = [row(1, 10, 10), row(2, 10, 10), row(3, 10, 0)];
    let verdict = judge(&rows, false, Some("10.0.2.1 says that the host is unreachable"));
    assert_eq!((verdict.code, verdict.more_cycles), (VerdictCode::Unreachable, None));
    assert_eq!(
        verdict.message,
        "10.0.3.1 was not reached: 10.0.2.1 says that the host is unreachable"
    );
    assert_eq!(
        judge(&rows, false, None).message,
        "10.0.3.1 was not reached: the last that answers is hop 2 (10.0.2.1)"
    );
    let nothing = judge(&[], false, None);
    assert_eq!(nothing.message, "10.0.9.1 was not reached: nothing on the way answers");
}

#[test]
fn a_bucket_that_drops_as_much_as_is_lost_is_known_by_its_even_distances() {
    // 300 rounds; the target loses 30 in no order, hop 2 drops every tenth: counts alone can't tell them apart.
    let target_lost = [
        3, 4, 17, 25, 26, 31, 58, 60, 61, 62, 90, 99, 104, 130, 133, 134, 150, 178, 180, 181, 203, 204, 209, 230, 233,
        257, 260, 261, 290, 299,
    ];
    let behind_lost = [
        1, 9, 10, 22, 23, 45, 47, 66, 67, 68, 69, 101, 110, 111, 120, 141, 142, 170, 171, 190, 191, 210, 211, 240, 241,
        242, 270, 275, 276, 298,
    ];
    let rounds = |ttl: u64, lost: &dyn Fn(u64) -> bool| -> Vec<(u64, Option<u64>)> {
        (0..300).map(|n| (n, (!lost(n)).then_some(ttl * 1_000_000))).collect()
    };
    let mut rows = vec![row(1, 300, 300), row(2, 300, 270), row(3, 300, 270), row(4, 300, 270)];
    assert_eq!(loss(&reached(&rows)), Some((1, 2)), "by counts alone");
    rows[0].rounds = rounds(1, &|_| false);
    rows[1].rounds = rounds(2, &|n| n % 10 == 0);
    rows[2].rounds = rounds(3, &|n| behind_lost.contains(&n));
    rows[3].rounds = rounds(4, &|n| target_lost.contains(&n));
    assert_eq!(loss(&reached(&rows)), Some((2, 3)));
}

#[test]
fn bursts_that_hit_all_hops_behind_the_fault_tell_a_random_limiter_apart() {
    let burst = |n: u64| n % 60 < 6;
    let limiter = |n: u64| (n.wrapping_mul(2_654_435_761) >> 7).is_multiple_of(10);
    let rounds = |lost: &dyn Fn(u64) -> bool| -> Vec<(u64, Option<u64>)> {
        (0..300).map(|n| (n, (!lost(n)).then_some(1_000_000))).collect()
    };
    let received = 300 - u64::try_from((0..300).filter(|n| limiter(*n)).count()).expect("a small count");
    let mut rows = vec![
        row(1, 300, 300),
        row(2, 300, received),
        row(3, 300, 270),
        row(4, 300, 270),
    ];
    rows[0].rounds = rounds(&|_| false);
    rows[1].rounds = rounds(&limiter);
    rows[2].rounds = rounds(&burst);
    rows[3].rounds = rounds(&burst);
    assert_eq!(loss(&reached(&rows)), Some((2, 3)));
}

#[test]
fn more_of_the_same_makes_more_certain() {
    let confidences = [1, 2, 4, 8].map(|times| {
        let rows = [
            row(1, 60 * times, 60 * times),
            row(2, 60 * times, 53 * times),
            row(3, 60 * times, 53 * times),
        ];
        reached(&rows).loss_starts_at.map_or(0.0, |segment| segment.confidence)
    });
    assert!(confidences.is_sorted(), "{confidences:?}");
    assert!(confidences[3] > 0.95, "{confidences:?}");
}

fn any_row() -> impl Strategy<Value = Row> {
    let count = prop_oneof![0_u64..5, 0_u64..2_000, any::<u64>()];
    let answers = proptest::collection::vec((prop_oneof![0_u64..5, 0_u64..2_000, any::<u64>()], 0.0..1e5), 0..4);
    let rounds = proptest::collection::vec((0_u64..100, proptest::option::of(any::<u64>())), 0..100);
    (any::<u8>(), count, answers, rounds).prop_map(|(ttl, sent, answers, rounds)| Row {
        rounds,
        ..row_with(ttl, sent, &answers)
    })
}

proptest! {
    #[test]
    fn no_counts_bring_it_down(rows in proptest::collection::vec(any_row(), 0..10), reached: bool) {
        let verdict = judge(&rows, reached, None);
        prop_assert_eq!(verdict.labels.len(), rows.len());
        for segment in [&verdict.loss_starts_at, &verdict.jitter_starts_at].into_iter().flatten() {
            prop_assert!((0.0..=1.0).contains(&segment.confidence), "{segment:?}");
        }
        prop_assert!(!verdict.message.is_empty());
    }
}
