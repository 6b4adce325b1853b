//! The judgements can tell: every other expectation than that of the file is refused.

use std::collections::BTreeSet;
use std::net::IpAddr;

use pathjitter::simnet::topology::{PathCode, PathEnd, TrueSegment};

use super::expected::Expected;
use super::found::Found;
use super::judge::{self, Ring, Tally};

/// The wrong expectations that nothing would have found wrong, in words.
pub(crate) fn undetected(truth: &Expected, found: &Found) -> Vec<String> {
    let mut wrong = other_hops(truth);
    wrong.extend(other_ends(truth));
    wrong.extend(other_verdicts(truth));
    wrong.extend(other_segments(truth));
    wrong.extend(other_labels(truth));
    wrong.extend(other_changes(truth));
    let is_refused = |wrong: &Expected| {
        let mut tally = Tally::default();
        let deviations = judge::deviations(wrong, found, Ring::virtual_time(true), &mut tally);
        !deviations.is_empty() || !tally.is_flawless()
    };
    let passed = wrong.into_iter().filter(|(_, wrong)| !is_refused(wrong));
    passed.map(|(what, _)| format!("{truth}: {what}")).collect()
}

type Wrong = (String, Expected);

/// Each hop somebody else, or nobody; one hop more, and one less.
fn other_hops(truth: &Expected) -> Vec<Wrong> {
    let nobody = BTreeSet::new();
    let stranger: BTreeSet<IpAddr> = BTreeSet::from([IpAddr::from([192, 0, 2, 99])]);
    let mut wrong = Vec::new();
    for at in 0..truth.hops.len() {
        let mut other = truth.clone();
        let is_silent = other.hops[at].is_empty();
        other.hops[at] = if is_silent { stranger.clone() } else { nobody.clone() };
        wrong.push((format!("hop {} is another", at + 1), other));
    }
    let mut longer = truth.clone();
    longer.hops.push(stranger);
    longer.mpls.push(Vec::new());
    wrong.push(("one hop more".to_owned(), longer));
    let mut shorter = truth.clone();
    shorter.hops.pop();
    shorter.mpls.pop();
    wrong.push(("one hop less".to_owned(), shorter));
    wrong
}

fn other_ends(truth: &Expected) -> Vec<Wrong> {
    let ends = [PathEnd::Reached, PathEnd::Unreachable, PathEnd::Silent, PathEnd::Loop];
    let others = ends.into_iter().filter(|end| *end != truth.end);
    others
        .map(|end| (format!("it ends {end:?}"), Expected { end, ..truth.clone() }))
        .collect()
}

fn other_verdicts(truth: &Expected) -> Vec<Wrong> {
    let codes = [
        PathCode::Clean,
        PathCode::Loss,
        PathCode::Jitter,
        PathCode::LossAndJitter,
        PathCode::Unreachable,
    ];
    let others = codes.into_iter().filter(|code| *code != truth.verdict);
    others
        .map(|verdict| {
            (
                format!("{verdict:?}"),
                Expected {
                    verdict,
                    ..truth.clone()
                },
            )
        })
        .collect()
}

/// Where something starts: in every other step of the path.
fn other_segments(truth: &Expected) -> Vec<Wrong> {
    let hops = u8::try_from(truth.hops.len()).expect("a short path");
    let steps = || {
        (0..hops).map(|from_ttl| TrueSegment {
            from_ttl,
            to_ttl: from_ttl + 1,
        })
    };
    let mut wrong = Vec::new();
    if let Some(loss) = truth.loss.filter(|loss| truth.is_identifiable(*loss)) {
        let others = steps().filter(|step| *step != loss);
        wrong.extend(others.map(|step| {
            (
                format!("loss in {step:?}"),
                Expected {
                    loss: Some(step),
                    ..truth.clone()
                },
            )
        }));
    }
    if let Some(jitter) = truth.jitter.filter(|jitter| truth.is_identifiable(*jitter)) {
        let others = steps().filter(|step| *step != jitter);
        wrong.extend(others.map(|step| {
            (
                format!("jitter in {step:?}"),
                Expected {
                    jitter: Some(step),
                    ..truth.clone()
                },
            )
        }));
    }
    wrong
}

/// Each label where it is not, and not where it is.
fn other_labels(truth: &Expected) -> Vec<Wrong> {
    let mut wrong = Vec::new();
    for ttl in 1..=u8::try_from(truth.hops.len()).expect("a short path") {
        // What suffers may get a label by chance.
        if !truth.suffers_at(ttl) {
            let mut other = truth.clone();
            toggle(&mut other.rate_limited, ttl);
            wrong.push((format!("rate limited at {ttl} or not"), other));
            let mut other = truth.clone();
            toggle(&mut other.slow, ttl);
            wrong.push((format!("slow at {ttl} or not"), other));
        }
        let mut other = truth.clone();
        other.mpls[usize::from(ttl) - 1].push((17, 0, 1));
        wrong.push((format!("another label stack at {ttl}"), other));
    }
    wrong
}

fn toggle(ttls: &mut Vec<u8>, ttl: u8) {
    match ttls.iter().position(|known| *known == ttl) {
        Some(at) => drop(ttls.remove(at)),
        None => ttls.push(ttl),
    }
}

/// A change where there is none, none where there is one, and one the other way round.
fn other_changes(truth: &Expected) -> Vec<Wrong> {
    let with = |before| Expected {
        before,
        ..truth.clone()
    };
    match &truth.before {
        None => vec![("the path changed".to_owned(), with(Some(truth.hops.clone())))],
        Some(_) => vec![
            ("the path did not change".to_owned(), with(None)),
            (
                "the path was the same before".to_owned(),
                with(Some(truth.hops.clone())),
            ),
        ],
    }
}
