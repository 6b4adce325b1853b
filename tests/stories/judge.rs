//! Holds what probes have found against the expectations of the file.

use std::collections::HashSet;
use std::time::Duration;

use pathjitter::lab::series_of;
use pathjitter::simnet::Topology;
use pathjitter::simnet::topology::{AnswerKind, Expectation};

use super::run::{Outcome, Run, Seen, key};

/// What probes found otherwise than expected, in words.
pub(crate) fn deviations(topology: &Topology, run: &Run) -> Vec<String> {
    let mut wrong: Vec<String> = too_few(run).into_iter().collect();
    for expected in &topology.expectations {
        let series = series_of(topology, &expected.probe).unwrap_or_else(|why| panic!("{why}"));
        let keys: HashSet<_> = series.iter().map(key).collect();
        let seen: Vec<&Seen> = run
            .seen
            .iter()
            .filter(|seen| keys.contains(&key(&seen.series)))
            .collect();
        if seen.is_empty() {
            wrong.push(format!("{} was not probed", expected.probe));
        }
        wrong.extend(seen.into_iter().filter_map(|seen| {
            let found = deviation(expected, seen, run)?;
            Some(format!("{} at {}: {found}", expected.probe, seen.series.address))
        }));
    }
    wrong
}

/// Few discards bend no range; many would let a run pass that has shown nothing.
fn too_few(run: &Run) -> Option<String> {
    let discarded: usize = run.seen.iter().map(|seen| seen.discarded).sum();
    let kept: usize = run.seen.iter().map(|seen| seen.probes.len()).sum();
    (DISCARDED_ONE_IN * discarded > kept).then(|| {
        format!("the simulator was late for {discarded} probes, and {kept} remain: this machine is too busy to tell")
    })
}

fn deviation(expected: &Expectation, seen: &Seen, run: &Run) -> Option<String> {
    let sent = seen.probes.len();
    if seen.unsent > 0 {
        return Some(format!("{} probes were not sent or not judged", seen.unsent));
    }
    let wanted = like(expected.answer);
    if sent == 0 || 2 * seen.count(wanted) < sent {
        return Some(format!("{} of {sent} get {wanted:?}", seen.count(wanted)));
    }
    let unanswered = seen.count(Outcome::Nothing);
    if !is_in(unanswered, sent, expected.loss) {
        return Some(format!("{unanswered} of {sent} lost, not {:?}", expected.loss));
    }
    let refused = seen.count(Outcome::Refused);
    let may_be_refused = expected.refused.unwrap_or(match wanted {
        Outcome::Refused => [0.0, 1.0],
        _ => [0.0, 0.0],
    });
    if !is_in(refused, sent, may_be_refused) {
        return Some(format!("{refused} of {sent} refused, not {may_be_refused:?}"));
    }
    let errors = [Outcome::Unreachable, Outcome::Prohibited];
    if let Some(error) = errors
        .into_iter()
        .find(|error| *error != wanted && seen.count(*error) > 0)
    {
        return Some(format!("{} of {sent} get {error:?}", seen.count(error)));
    }
    timing_deviation(expected, seen, run)
}

fn timing_deviation(expected: &Expectation, seen: &Seen, run: &Run) -> Option<String> {
    let wanted = like(expected.answer);
    let rtt = expected.rtt?.0;
    let median = seen.median(wanted).unwrap_or_default();
    if median < rtt.saturating_sub(rtt / 20) || median > rtt + rtt / 20 + run.slack {
        return Some(format!("a median RTT of {median:?}, not {rtt:?}"));
    }
    if wanted != Outcome::Reply {
        return None;
    }
    let received = seen.count(wanted);
    let longer = seen.rtts(wanted).filter(|found| *found > rtt + SPIKE + run.slack);
    let longer = longer.count();
    let is_right = (longer.saturating_sub(run.strays)..=longer).any(|longer| is_in(longer, received, expected.spikes));
    (!is_right).then(|| format!("{longer} of {received} take longer, not {:?}", expected.spikes))
}

fn like(answer: AnswerKind) -> Outcome {
    match answer {
        AnswerKind::Reply => Outcome::Reply,
        AnswerKind::Refused => Outcome::Refused,
        AnswerKind::Unreachable => Outcome::Unreachable,
        AnswerKind::Prohibited => Outcome::Prohibited,
        AnswerKind::Nothing => Outcome::Nothing,
    }
}

fn is_in(count: usize, all: usize, [least, most]: [f64; 2]) -> bool {
    let share = ratio(count, all);
    (least..=most).contains(&share)
}

#[expect(clippy::cast_precision_loss, reason = "counts of probes are far below 2^52")]
fn ratio(count: usize, all: usize) -> f64 {
    count as f64 / all as f64
}

/// What the files count as longer.
pub(crate) const SPIKE: Duration = Duration::from_millis(1);

/// 5 % may be discarded.
const DISCARDED_ONE_IN: usize = 20;
