//! Holds what probes have found against the expectations of the file.

use std::time::Duration;

use pathjitter::lab::series_of;
use pathjitter::simnet::Topology;
use pathjitter::simnet::topology::{AnswerKind, Expectation};

use super::run::{Outcome, Run, Seen, key};

/// What probes found otherwise than expected, in words.
pub(crate) fn deviations(topology: &Topology, run: &Run) -> Vec<String> {
    let mut wrong = Vec::new();
    for expected in &topology.expectations {
        for series in series_of(topology, &expected.probe).unwrap_or_else(|why| panic!("{why}")) {
            let seen = run.seen.iter().find(|seen| key(&seen.series) == key(&series));
            let found = seen.map_or_else(
                || Some("was not probed".to_owned()),
                |seen| deviation(expected, seen, run.slack),
            );
            wrong.extend(found.map(|found| format!("{} at {}: {found}", expected.probe, series.address)));
        }
    }
    wrong
}

fn deviation(expected: &Expectation, seen: &Seen, slack: Duration) -> Option<String> {
    let sent = seen.probes.len();
    if seen.unsent > 0 {
        return Some(format!("{} probes were not sent or not judged", seen.unsent));
    }
    // Few discards bend no range; many would let a run pass that has shown nothing.
    if DISCARDED_ONE_IN * seen.discarded > sent {
        return Some(format!(
            "the simulator was late for {} probes and {sent} remain: the machine is too busy",
            seen.discarded
        ));
    }
    let wanted = like(expected.answer);
    if sent == 0 || 2 * seen.count(wanted) < sent {
        return Some(format!("{} of {sent} get {wanted:?}", seen.count(wanted)));
    }
    let unanswered = seen.count(Outcome::Nothing);
    if !is_in(unanswered, sent, expected.loss) {
        return Some(format!("{unanswered} of {sent} lost, not {:?}", expected.loss));
    }
    let rtt = expected.rtt?.0;
    let median = seen.median(wanted).unwrap_or_default();
    if median < rtt - rtt / 20 || median > rtt + rtt / 20 + slack {
        return Some(format!("a median RTT of {median:?}, not {rtt:?}"));
    }
    if wanted != Outcome::Reply {
        return None;
    }
    let received = seen.count(wanted);
    let longer = seen.rtts(wanted).filter(|found| *found > rtt + SPIKE + slack).count();
    let is_right = is_in(longer, received, expected.spikes);
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
