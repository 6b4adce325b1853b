//! The link where an impairment starts: Bayes' rule over all links of a path.
//!
//! Suppose the fault is at link `L`, and impairs a share `d` of what crosses it. Then each hop before `L` is impaired by nothing, or by a
//! limit of its own, at any rate; each hop behind `L` by `d`, or by `d` and a limit of its own; the target by `d`. Summed over all `d` that
//! the target's counts allow, these probabilities weigh the links against each other. A silent hop says nothing, a limited one little,
//! so that their links share the weight, and the answer is a segment: the fewest links in a row that together carry enough of it. Hops
//! that happen to be limited at the rate of the fault are weighed as what they are: a coincidence of known probability.
//!
//! The weight of the segment is its confidence. It is right as far as the assumptions are: one fault, and limiters as frequent as
//! assumed; `benches/localization.rs` shows how it compares with the truth.

use std::f64::consts::LN_2;
use std::ops::Range;

use statrs::function::beta::{beta_reg, ln_beta};

use super::pattern::Together;
use super::trials::Trials;

/// What is known of a hop for one kind of impairment.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Seen {
    /// No probes: a silent hop.
    pub(super) trials: Trials,
    /// See [`super::pattern::regular`].
    pub(super) regular: f64,
    /// Rounds that it shares with the target.
    pub(super) together: Together,
}

impl Seen {
    /// What so many times as many probes would show, were shares the same.
    pub(super) fn scaled(&self, times: f64) -> Self {
        Self {
            trials: self.trials.scaled(times),
            regular: self.regular * times,
            together: self.together,
        }
    }
}

/// Where an impairment starts.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Place {
    /// Index of the last hop before it; `None` is this host.
    pub(super) behind: Option<usize>,
    /// Index of the first hop that surely suffers.
    pub(super) until: usize,
    pub(super) probability: f64,
    /// No link is excluded, although hops in between answer.
    pub(super) is_anywhere: bool,
}

/// The place where what the last hop suffers starts; `None` without hops. `background` is the share of probes that is impaired without
/// any fault.
pub(super) fn locate(hops: &[Seen], background: f64) -> Option<Place> {
    let (target, routers) = hops.split_last()?;
    let weights = link_weights(routers, target, background);
    let groups = groups(routers, hops.len());
    let masses: Vec<f64> = groups.iter().map(|links| weights[links.clone()].iter().sum()).collect();
    let (chosen, probability) = narrowest(&masses)?;
    Some(Place {
        behind: groups[chosen.start].start.checked_sub(1),
        until: groups[chosen.end - 1].end - 1,
        probability: probability.min(SUREST),
        is_anywhere: groups.len() > 1 && chosen.len() == groups.len(),
    })
}

/// The probability of each link, the first one first; the last leads into the target.
fn link_weights(routers: &[Seen], target: &Seen, background: f64) -> Vec<f64> {
    let links = routers.len() + 1;
    let before: Vec<f64> = routers.iter().map(|hop| before_fault(hop, background)).collect();
    let bursts = bursts(routers);
    let mut terms = vec![Vec::new(); links];
    for share in shares(target.trials) {
        let behind: Vec<f64> = routers.iter().map(|hop| behind_fault(hop, share)).collect();
        let of_target = ln_binomial_shape(target.trials, share);
        for (prior, bonus) in &bursts {
            let all_behind: f64 = behind.iter().zip(bonus).map(|(ln, bonus)| ln + bonus).sum();
            let mut ln = prior + of_target + all_behind;
            terms[0].push(ln);
            for at in 0..routers.len() {
                ln += before[at] - behind[at] - bonus[at];
                terms[at + 1].push(ln);
            }
        }
    }
    let sums: Vec<f64> = terms.iter().map(|of_link| MODESTY * ln_sum(of_link)).collect();
    let total = ln_sum(&sums);
    sums.iter().map(|ln| (ln - total).exp()).collect()
}

/// Ways in which impairments may come: with the logarithm of the probability, and of how much better each hop's rounds are explained
/// than by independence, were it behind the fault.
fn bursts(routers: &[Seen]) -> Vec<(f64, Vec<f64>)> {
    let mut ways = vec![(-LN_2, vec![0.0; routers.len()])];
    let prior = -LN_2 - f64::from(u32::try_from(COMMON.len()).unwrap_or(u32::MAX)).ln();
    ways.extend(COMMON.map(|common| {
        let bonus = routers.iter().map(|hop| {
            let Together { rounds, ln_independent } = hop.together;
            impaired_behind(rounds, common, 0.0) - ln_independent
        });
        (prior, bonus.collect())
    }));
    ways
}

/// Logarithm of how well a hop before the fault explains its counts.
fn before_fault(hop: &Seen, background: f64) -> f64 {
    let trials = hop.trials.capped();
    let unlimited = UNLIMITED.ln() + ln_binomial_shape(trials, background);
    let limited = (1.0 - UNLIMITED).ln() + ln_any_rate(trials) + ln_pattern(hop.regular);
    ln_sum(&[unlimited, limited])
}

/// The same of a hop behind a fault that impairs `share`.
fn behind_fault(hop: &Seen, share: f64) -> f64 {
    // Where most of what is missing is the fault's, its random order hides whatever a limiter adds.
    let is_limiters = share * hop.trials.total_f64() * 2.0 < hop.trials.impaired_f64();
    let regular = if is_limiters { hop.regular } else { 0.0 };
    impaired_behind(hop.trials, share, ln_pattern(regular))
}

/// Logarithm of how probable these counts are behind a fault that impairs `share`, with or without a limiter that impairs more.
fn impaired_behind(trials: Trials, share: f64, ln_pattern: f64) -> f64 {
    let trials = trials.capped();
    if trials.total == 0 {
        return 0.0;
    }
    let unlimited = UNLIMITED.ln() + ln_binomial_shape(trials, share);
    // Any rate from `share` up is as probable as any other.
    let (a, b) = beta_of(trials);
    let above = beta_reg(b, a, 1.0 - share) / (1.0 - share);
    let limited = (1.0 - UNLIMITED).ln() + ln_any_rate(trials) + above.ln() + ln_pattern;
    ln_sum(&[unlimited, limited])
}

/// Shares that the target's counts allow, evenly spread.
fn shares(target: Trials) -> impl Iterator<Item = f64> {
    let trials = target.capped();
    let total = trials.total_f64() + 2.0;
    let middle = (trials.impaired_f64() + 1.0) / total;
    let deviation = (middle * (1.0 - middle) / total).sqrt();
    (-STEPS..=STEPS)
        .map(move |step| middle + f64::from(step) / f64::from(STEPS) * WIDTH * deviation)
        .filter(|share| *share > 0.0 && *share < 1.0)
}

/// Logarithm of `share^impaired (1 - share)^rest`. The number of orders is the same for all links, and left out.
fn ln_binomial_shape(trials: Trials, share: f64) -> f64 {
    let trials = trials.capped();
    let impaired = trials.impaired_f64();
    impaired * share.ln() + (trials.total_f64() - impaired) * (-share).ln_1p()
}

/// Logarithm of the same, averaged over all shares.
fn ln_any_rate(trials: Trials) -> f64 {
    let (a, b) = beta_of(trials);
    ln_beta(a, b)
}

fn beta_of(trials: Trials) -> (f64, f64) {
    let impaired = trials.impaired_f64();
    (impaired + 1.0, trials.total_f64() - impaired + 1.0)
}

/// A limiter drops evenly or in random order, the one as probably as the other.
fn ln_pattern(regular: f64) -> f64 {
    ln_sum(&[regular, 0.0]) - LN_2
}

/// Logarithm of the sum of what these are logarithms of.
fn ln_sum(logarithms: &[f64]) -> f64 {
    let largest = logarithms.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    if largest.is_infinite() {
        return largest;
    }
    largest + logarithms.iter().map(|ln| (ln - largest).exp()).sum::<f64>().ln()
}

/// Links between one hop that answers and the next: nothing tells them apart.
fn groups(routers: &[Seen], links: usize) -> Vec<Range<usize>> {
    let answering = routers
        .iter()
        .enumerate()
        .filter(|(_, hop)| hop.trials.total > 0)
        .map(|(at, _)| at + 1);
    let mut start = 0;
    let mut found = Vec::new();
    for end in answering.chain([links]) {
        found.push(start..end);
        start = end;
    }
    found
}

/// The shortest run with a sum of at least [`ENOUGH`], and of several the heaviest; with its sum.
fn narrowest(masses: &[f64]) -> Option<(Range<usize>, f64)> {
    (1..=masses.len()).find_map(|length| {
        masses
            .windows(length)
            .enumerate()
            .map(|(start, run)| (start..start + length, run.iter().sum::<f64>()))
            .filter(|(_, sum)| *sum >= ENOUGH || length == masses.len())
            .max_by(|(_, a), (_, b)| a.total_cmp(b))
    })
}

/// How many routers limit their answers noticeably is not known; most don't at one probe a second.
const UNLIMITED: f64 = 0.75;

/// Real impairments vary more than a model of independent probes allows, so evidence counts for less than it seems; by so much that
/// confidence and truth agree in the benchmark.
const MODESTY: f64 = 0.8;

/// A segment is as long as it takes to be right so often.
const ENOUGH: f64 = 0.8;

/// No more is claimed: the model itself may be wrong.
const SUREST: f64 = 0.99;

/// Shares of its bursts that a fault may impair: each is as probable as the others, and together as probable as no bursts.
const COMMON: [f64; 5] = [0.3, 0.5, 0.7, 0.9, 0.98];

/// Shares within so many standard deviations of the target's are tried, in so many steps each way.
const WIDTH: f64 = 4.0;
const STEPS: i32 = 16;
