//! Holds what a trace has found against what is expected.
//!
//! A verdict may say less than the truth where there were few probes, and never anything else. With all probes it says all of it.

use std::collections::BTreeSet;
use std::fmt;
use std::net::IpAddr;

use pathjitter::simnet::topology::{PathCode, PathEnd, TrueSegment};
use statrs::distribution::{Binomial, DiscreteCDF as _};

use super::expected::Expected;
use super::found::{Change, Found};

/// What can be asked of a run.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ring {
    /// Whether there were probes enough to see all.
    pub(crate) is_all_seen: bool,
    /// Whether a path that is fine must be called so: a busy machine delays some probes, and a cautious judge then wants more.
    pub(crate) is_exact: bool,
}

impl Ring {
    pub(crate) const fn virtual_time(is_all_seen: bool) -> Self {
        Self {
            is_all_seen,
            is_exact: true,
        }
    }

    pub(crate) const BEHIND_TUN: Self = Self {
        is_all_seen: false,
        is_exact: false,
    };
}

/// Claims about where something starts, over many runs.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    /// Paths with a fault, judged when all was seen.
    faulty: u64,
    /// Claims that name a segment.
    claims: u64,
    /// Of these: those whose segment has the truth in it.
    right: u64,
    /// Claims where the segment can be told from all others, and all was seen.
    identifiable: u64,
    /// Of these: those that name just this one.
    exact: u64,
    /// Judgements of paths without any fault.
    clean: u64,
    /// Of these: those that found one.
    false_alarms: u64,
    /// Hops that suffer from what is wrong with the path, and nothing else.
    suffering: u64,
    /// Of these: those that are said to be odd themselves.
    mislabelled: u64,
    /// Each claim that was wrong, in words.
    pub(crate) told: Vec<String>,
}

impl Tally {
    /// As the bars say: 93 % right, 90 % exact, no more than 0.15 % false alarms. Each bound is the one that a judge right at its bar
    /// breaks once in 1,000 runs of this test. A label is wrong in 1 % of such hops; but paths share hops, and are judged three times
    /// each, so that one such chance counts for up to nine.
    pub(crate) fn assert_within_bars(&self) {
        let least = |of: u64, share: f64| Binomial::new(share, of).expect("a share").inverse_cdf(1e-3);
        assert!(
            self.claims > 0 && self.identifiable > 0 && self.clean > 0,
            "nothing was judged: {self}"
        );
        assert!(self.right >= least(self.claims, 0.93), "{self}");
        assert!(self.exact >= least(self.identifiable, 0.90), "{self}");
        let most = Binomial::new(0.0015, self.clean)
            .expect("a share")
            .inverse_cdf(1.0 - 1e-3);
        assert!(self.false_alarms <= most, "{self}");
        assert!(20 * self.mislabelled <= self.suffering, "{self}");
    }
}

impl Tally {
    pub(crate) fn add(&mut self, other: Self) {
        self.faulty += other.faulty;
        self.claims += other.claims;
        self.right += other.right;
        self.identifiable += other.identifiable;
        self.exact += other.exact;
        self.clean += other.clean;
        self.false_alarms += other.false_alarms;
        self.suffering += other.suffering;
        self.mislabelled += other.mislabelled;
        self.told.extend(other.told);
    }

    /// Whether no claim left out the truth, and nothing was an alarm without a fault.
    pub(crate) const fn is_right(&self) -> bool {
        self.right == self.claims && self.false_alarms == 0
    }

    /// Whether every fault was found just where it is, too.
    pub(crate) const fn is_flawless(&self) -> bool {
        self.is_right() && self.exact == self.identifiable
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            claims,
            right,
            exact,
            identifiable,
            clean,
            false_alarms,
            faulty,
            suffering,
            mislabelled,
            told: _,
        } = self;
        write!(
            f,
            "{faulty} faults, {claims} segments claimed, {right} with the truth in them; {exact} of {identifiable} exact; \
             {false_alarms} false alarms in {clean} paths without a fault; {mislabelled} labels at {suffering} hops that only suffer"
        )
    }
}

/// What is wrong with what a trace has found, in words.
pub(crate) fn deviations(expected: &Expected, found: &Found, ring: Ring, tally: &mut Tally) -> Vec<String> {
    let mut wrong = Vec::new();
    wrong.extend(wrong_hops(expected, found));
    wrong.extend(wrong_end(expected, found));
    wrong.extend(wrong_change(expected, found));
    wrong.extend(wrong_labels(expected, found, ring, tally));
    wrong.extend(wrong_verdict(expected, found, ring, tally));
    wrong.extend(wrong_segments(expected, found, ring, tally));
    wrong
}

fn wrong_hops(expected: &Expected, found: &Found) -> Option<String> {
    let is_right = |(allowed, answered): (&BTreeSet<IpAddr>, &Vec<IpAddr>)| match answered[..] {
        // A flow has one path.
        [one] => allowed.contains(&one),
        [] => allowed.is_empty(),
        _ => false,
    };
    let addresses: Vec<_> = found.hops.iter().map(|hop| hop.addresses.clone()).collect();
    let is_all_right = addresses.len() == expected.hops.len() && expected.hops.iter().zip(&addresses).all(is_right);
    if !is_all_right {
        return Some(format!("hops are {addresses:?}, not {:?}", expected.hops));
    }
    let labels: Vec<_> = found.hops.iter().map(|hop| hop.mpls.clone()).collect();
    (labels != expected.mpls).then(|| format!("labels are {labels:?}, not {:?}", expected.mpls))
}

fn wrong_end(expected: &Expected, found: &Found) -> Option<String> {
    if found.end != Some(expected.end) {
        return Some(format!("it ends {:?}, not {:?}", found.end, expected.end));
    }
    let by = (expected.end == PathEnd::Reached).then_some(expected.series.address);
    (found.reached_by != by).then(|| format!("reached by {:?}, not {by:?}", found.reached_by))
}

fn wrong_change(expected: &Expected, found: &Found) -> Option<String> {
    match (&expected.before, &found.changes[..]) {
        (None, []) => None,
        (Some(before), [only]) if is_change(only, before, &expected.hops) => None,
        (before, found) => Some(format!("changes are {found:?}, and the path before was {before:?}")),
    }
}

/// Whether a change is from one course to the other, and says in what they differ.
fn is_change(change: &Change, before: &[BTreeSet<IpAddr>], after: &[BTreeSet<IpAddr>]) -> bool {
    let is_known = |seen: &[Option<IpAddr>], course: &[BTreeSet<IpAddr>]| {
        let known =
            |(seen, allowed): (&Option<IpAddr>, &BTreeSet<IpAddr>)| seen.is_none_or(|seen| allowed.contains(&seen));
        seen.len() <= course.len() && seen.iter().zip(course).all(known)
    };
    let differs = before.iter().zip(after).position(|(old, new)| old != new);
    let is_told = |seen: &[Option<IpAddr>]| differs.is_some_and(|at| seen.get(at).is_some_and(Option::is_some));
    is_known(&change.old, before) && is_known(&change.new, after) && is_told(&change.old) && is_told(&change.new)
}

fn wrong_labels(expected: &Expected, found: &Found, ring: Ring, tally: &mut Tally) -> Vec<String> {
    let mut wrong = Vec::new();
    for (ttl, hop) in (1_u8..).zip(&found.hops) {
        let labels = [
            ("rate limited", hop.rate_limited, expected.rate_limited.contains(&ttl)),
            ("slow", hop.slow, expected.slow.contains(&ttl)),
        ];
        for (name, is_said, is_true) in labels {
            if expected.suffers_at(ttl) && !is_true {
                tally.suffering += 1;
                tally.mislabelled += u64::from(is_said);
            } else if is_said && !is_true || is_true && !is_said && ring.is_all_seen {
                wrong.push(format!(
                    "hop {ttl}: {name} is {is_said}, with {} of {} answered",
                    hop.received, hop.sent
                ));
            }
        }
    }
    wrong
}

fn wrong_verdict(expected: &Expected, found: &Found, ring: Ring, tally: &mut Tally) -> Option<String> {
    let says_less = match (expected.verdict, found.verdict) {
        (truth, Some(said)) if truth == said => false,
        (PathCode::Clean, None) => !ring.is_exact,
        (PathCode::Clean, Some(_)) if ring.is_exact => {
            // Counted below.
            return None;
        }
        (PathCode::Clean | PathCode::Unreachable, _) | (_, Some(PathCode::Unreachable)) => false,
        (_, None) => true,
        (_, Some(PathCode::Clean)) => seems_clean(found) || !ring.is_exact,
        (truth, Some(said)) => (truth.has_loss() || !said.has_loss()) && (truth.has_jitter() || !said.has_jitter()),
    };
    tally.faulty += u64::from(ring.is_all_seen && (expected.loss.is_some() || expected.jitter.is_some()));
    if found.verdict == Some(expected.verdict) || says_less && !ring.is_all_seen {
        return None;
    }
    Some(format!(
        "the verdict is {:?}, not {:?}: {}",
        found.verdict, expected.verdict, found.message
    ))
}

/// Hardly a probe met anything.
fn seems_clean(found: &Found) -> bool {
    let last = found.hops.last();
    last.is_some_and(|last| last.sent - last.received <= FEW && last.spikes <= FEW_SPIKES)
}

fn wrong_segments(expected: &Expected, found: &Found, ring: Ring, tally: &mut Tally) -> Vec<String> {
    if expected.verdict == PathCode::Clean && ring.is_exact {
        let is_alarm = found.loss.is_some() || found.jitter.is_some() || found.verdict != Some(PathCode::Clean);
        tally.clean += 1;
        tally.false_alarms += u64::from(is_alarm);
        if is_alarm {
            tally.told.push(format!(
                "{expected}: a false alarm: {:?}: {}",
                found.verdict, found.message
            ));
        }
        return Vec::new();
    }
    let segments = [
        ("loss", expected.loss, found.loss),
        ("jitter", expected.jitter, found.jitter),
    ];
    let mut wrong = Vec::new();
    for (name, truth, said) in segments {
        let Some((from, to)) = said else { continue };
        let Some(truth) = truth else {
            wrong.push(format!("{name} is said to start behind {from}: {}", found.message));
            continue;
        };
        let TrueSegment { from_ttl, to_ttl } = truth;
        let is_right = from <= from_ttl && to_ttl <= to;
        tally.claims += 1;
        tally.right += u64::from(is_right);
        if ring.is_all_seen && expected.is_identifiable(truth) {
            tally.identifiable += 1;
            tally.exact += u64::from((from, to) == (from_ttl, to_ttl));
        }
        if !is_right {
            tally.told.push(format!(
                "{expected}: {name} is said to start in {from}-{to}, not {from_ttl}-{to_ttl}: {}",
                found.message
            ));
        }
    }
    wrong
}

/// So few of some hundred probes may be lost, and a judge may still call it nothing: less than 1 %.
const FEW: u64 = 2;
const FEW_SPIKES: usize = 2;
