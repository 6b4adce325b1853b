//! Whether passes or drops come at even distances, as a limiter makes them.
//!
//! Two things must hold of the newest events: their gaps vary little (a coefficient of variation below 0.25: a token bucket makes about 0.12, chance
//! about 1), and chance alone would hardly make them so. Where each probe is lost for itself, all ways to cut the same time into as many gaps are equally
//! probable, whatever the share that is lost; so the share of those ways in which no gap is shorter or longer than those seen is an exact p-value. Eight events a dozen probes
//! apart are proof enough. Eight of every other probe are not: an incident is judged hundreds of times, and chance has as many tries.

use std::time::Duration;

use crate::diagnose::StreamEvidence;
use crate::units::Mono;

/// A rhythm of the rarer outcome.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Rhythm {
    /// The usual distance: the median.
    pub(super) every: Duration,
    /// So many events.
    pub(super) times: usize,
}

/// The rhythm of the newest events, if they have one: 8 of them or more.
pub(super) fn rhythm(stream: &StreamEvidence, last: Mono) -> Option<Rhythm> {
    let times = &stream.minority_at;
    let gaps: Vec<f64> = times
        .windows(2)
        .filter_map(|pair| Some(pair.last()?.since(*pair.first()?).as_secs_f64()))
        .collect();
    let newest = *times.last()?;
    let interval = stream.interval.as_secs_f64();
    let mut longest = (0..gaps.len())
        .map(|from| gaps[from..].to_vec())
        .take_while(|gaps| gaps.len() + 1 >= RHYTHM)
        .find(|gaps| is_even(gaps) && chance(gaps, interval) <= CHANCE)?;
    let times = longest.len() + 1;
    let middle = longest.len() / 2;
    let (_, every, _) = longest.select_nth_unstable_by(middle, f64::total_cmp);
    // Losses in a row are as even as the probes are.
    let is_sparse = *every >= SPARSE * interval;
    let goes_on = last.since(newest).as_secs_f64() <= GAPS_OLD * *every;
    (is_sparse && goes_on).then(|| Rhythm {
        every: Duration::try_from_secs_f64(*every).unwrap_or_default(),
        times,
    })
}

/// Whether gaps are about the same.
fn is_even(gaps: &[f64]) -> bool {
    let Ok(count) = u32::try_from(gaps.len()).map(f64::from) else {
        return false;
    };
    let mean = gaps.iter().sum::<f64>() / count;
    let variance = gaps.iter().map(|gap| (gap - mean).powi(2)).sum::<f64>() / count;
    mean > 0.0 && variance.sqrt() < EVEN * mean
}

/// The probability that gaps of independent events are all within the range of the newest of these, given how many there are and how long they take together.
fn chance(gaps: &[f64], interval: f64) -> f64 {
    let newest = &gaps[gaps.len().saturating_sub(MOST)..];
    let probes: Option<Vec<usize>> = newest.iter().map(|gap| whole(gap / interval)).collect();
    let Some(probes) = probes else {
        return 1.0;
    };
    let (Some(least), Some(most)) = (probes.iter().min(), probes.iter().max()) else {
        return 1.0;
    };
    let total: usize = probes.iter().sum();
    // Ways to make up each sum of so many gaps: those within the range, and all. One gap more with each round.
    let (mut even, mut all) = (vec![0.0; total + 1], vec![0.0; total + 1]);
    (even[0], all[0]) = (1.0, 1.0);
    for _ in &probes {
        even = one_more(&even, *least, *most);
        all = one_more(&all, 1, total);
    }
    even[total] / all[total].max(1.0)
}

/// Ways to make up each sum with one more gap from `least` to `most`.
fn one_more(ways: &[f64], least: usize, most: usize) -> Vec<f64> {
    // Sums of the first so many.
    let sums: Vec<f64> = std::iter::once(0.0)
        .chain(ways.iter().scan(0.0, |sum, ways| {
            *sum += ways;
            Some(*sum)
        }))
        .collect();
    let up_to = |count: usize| sums.get(count).copied().unwrap_or(0.0);
    let of_sum = |sum: usize| match sum.checked_sub(least) {
        Some(longest) => up_to(longest + 1) - up_to(sum.saturating_sub(most)),
        None => 0.0,
    };
    (0..ways.len()).map(of_sum).collect()
}

/// A gap in probes; `None` where it is no such number, or longer than anybody waits for.
fn whole(probes: f64) -> Option<usize> {
    let rounded = Duration::try_from_secs_f64(probes.round()).ok()?.as_secs();
    usize::try_from(rounded)
        .ok()
        .filter(|probes| (1..=LONGEST).contains(probes))
}

const RHYTHM: usize = 8;
const EVEN: f64 = 0.25;

/// An incident of ten minutes is judged a hundred times, each time from a few dozen events on. One in a hundred such incidents of chance is then called a rhythm at most.
const CHANCE: f64 = 2e-6;

/// More gaps than these prove nothing more.
const MOST: usize = 32;

/// In intervals: a limit of one in five minutes, at a SYN a second.
const LONGEST: usize = 300;

/// In intervals.
const SPARSE: f64 = 1.9;

/// After so many gaps without another one it is over.
const GAPS_OLD: f64 = 3.0;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_chance_of_even_gaps_is_that_of_counting_all_ways() {
        // 17 = 2 + 2 + 2 + 2 + 3 + 3 + 3: C(7, 3) orders, of C(16, 6) ways to cut 17 into 7.
        let p = chance(&[2.0, 3.0, 2.0, 2.0, 3.0, 2.0, 3.0], 1.0);
        assert!((p - 35.0 / 8_008.0).abs() < 1e-12, "{p}");
        // 7 gaps of 6: one of C(41, 6).
        let p = chance(&[6.0; 7], 1.0);
        assert!((p * 4_496_388.0 - 1.0).abs() < 1e-9, "{p}");
    }

    #[test]
    fn gaps_that_may_be_anything_prove_nothing() {
        let p = chance(&[1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0], 1.0);
        assert!((p - 1.0).abs() < 1e-12, "there is only one way: {p}");
        assert!((chance(&[f64::NAN; 8], 1.0) - 1.0).abs() < 1e-12);
        assert!((chance(&[1.0; 8], 0.0) - 1.0).abs() < 1e-12);
    }
}
