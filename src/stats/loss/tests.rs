use proptest::prelude::*;

use super::LossRuns;

/// `x` is a lost probe, anything else an answered one.
fn of(stream: &str) -> LossRuns {
    let mut runs = LossRuns::default();
    for probe in stream.chars() {
        if probe == 'x' { runs.lost() } else { runs.answered() }
    }
    runs
}

/// Longest run, number of runs, and lost probes, by cutting the stream at its answers.
fn naive(stream: &str) -> (u64, u64, u64) {
    let lengths: Vec<u64> = stream
        .split('.')
        .map(|run| u64::try_from(run.len()).unwrap())
        .filter(|n| *n > 0)
        .collect();
    let periods = u64::try_from(lengths.len()).unwrap();
    (
        lengths.iter().copied().max().unwrap_or(0),
        periods,
        lengths.iter().sum(),
    )
}

fn figures(runs: &LossRuns) -> (u64, u64, u64) {
    (runs.longest(), runs.periods(), runs.lost_total())
}

#[test]
fn the_longest_run_is_found_wherever_it_is() {
    assert_eq!(figures(&of("")), (0, 0, 0));
    assert_eq!(figures(&of("....")), (0, 0, 0));
    assert_eq!(figures(&of("xxx.x")), (3, 2, 4));
    assert_eq!(figures(&of("x..xx.xxxx")), (4, 3, 7));
}

#[test]
fn an_outage_over_three_windows_is_one_period() {
    let mut runs = of("..xx");
    runs.merge(&of("xxxx"));
    runs.merge(&of("x..x"));
    assert_eq!(figures(&runs), (7, 2, 8));
}

proptest! {
    #[test]
    fn runs_equal_the_cut_stream_also_when_merged(stream in "[x.]{0,60}", a in 0_usize..60, b in 0_usize..60) {
        let (a, b) = (a.min(b).min(stream.len()), a.max(b).min(stream.len()));
        let mut merged = of(&stream[..a]);
        merged.merge(&of(&stream[a..b]));
        merged.merge(&of(&stream[b..]));
        prop_assert_eq!(figures(&of(&stream)), naive(&stream));
        prop_assert_eq!(merged, of(&stream));
    }
}
