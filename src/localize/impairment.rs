//! What can be said of one kind of impairment: there is none, it starts at a place, or the counts are too small.

use super::lateness::{late, late_marks, lost_marks, margin};
use super::locate::{Place, Seen, locate};
use super::pattern::{Mark, Together, regular};
use super::trials::{Trials, ceil, float};
use super::{HopEvidence, PathEvidence};

/// What may be wrong with a probe.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// It is lost.
    Loss,
    /// It is answered, but late.
    Jitter,
}

/// What the counts say.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Finding {
    /// The target does not suffer from it, as far as can be seen.
    None,
    /// It suffers, and this is where it starts.
    Located { place: Place, target: Trials },
    /// It may suffer, but whether or where takes more cycles.
    TooFew { target: Trials, more_cycles: u64 },
    /// It suffers, but the hops leave so many probes unanswered, or answer them so late, that no number of cycles would tell where.
    Hidden { target: Trials },
}

impl Finding {
    pub(super) const fn more_cycles(&self) -> Option<u64> {
        match self {
            Self::TooFew { more_cycles, .. } => Some(*more_cycles),
            Self::None | Self::Located { .. } | Self::Hidden { .. } => None,
        }
    }
}

/// Judges one kind of impairment of a path. Of a target that was not reached there is nothing to say.
pub(super) fn judge(evidence: &PathEvidence<'_>, kind: Kind) -> Finding {
    let Some(last) = evidence.hops.last().filter(|_| evidence.reached) else {
        return Finding::None;
    };
    let margin = margin(evidence).unwrap_or(u64::MAX);
    let target = kind.trials(last, margin);
    if target.total < FEWEST {
        let more_cycles = cycles(last, target, FEWEST - target.total);
        return Finding::TooFew { target, more_cycles };
    }
    let presence = presence(target, kind);
    if presence == Presence::No {
        return Finding::None;
    }
    let seen = seen(evidence, kind, margin);
    match place(&seen, kind) {
        Some(place) if presence == Presence::Yes => Finding::Located { place, target },
        _ => match more_probes(&seen, target, kind) {
            Some(more) => Finding::TooFew {
                target,
                more_cycles: cycles(last, target, more),
            },
            None => Finding::Hidden { target },
        },
    }
}

fn place(seen: &[Seen], kind: Kind) -> Option<Place> {
    locate(seen, kind.background()).filter(|place| !place.is_anywhere)
}

/// So many cycles give so many more probes that can be judged, as far as the target answers as it did.
fn cycles(target: &HopEvidence<'_>, judged: Trials, probes: u64) -> u64 {
    let cycles_each = float(target.sent.max(1)) / float(judged.total.max(1));
    ceil(float(probes) * cycles_each)
}

/// Whether the target suffers at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Presence {
    No,
    Perhaps,
    Yes,
}

fn presence(target: Trials, kind: Kind) -> Presence {
    let Some(share) = target.proportion() else {
        return Presence::No;
    };
    let exceeds = share.low > kind.tolerated();
    if exceeds && target.worse_than_none() < SIGNIFICANT {
        Presence::Yes
    } else if exceeds || kind == Kind::Loss && target.impaired > 0 && share.high > SUSPECT {
        Presence::Perhaps
    } else {
        Presence::No
    }
}

/// So many more probes that a share as now is told from none in nine of ten cases, and that with shares as now the place is found.
/// `None` where even many times as many would not do, because every hop is worse than the target.
fn more_probes(seen: &[Seen], target: Trials, kind: Kind) -> Option<u64> {
    let share = target.impaired_f64() / target.total_f64();
    let least = ceil(IMPAIRED_NEEDED / share).max(target.total.saturating_add(1));
    let finds = |total: &u64| {
        let times = float(*total) / target.total_f64();
        let more: Vec<_> = seen.iter().map(|hop| hop.scaled(times)).collect();
        place(&more, kind).is_some()
    };
    let total = MULTIPLES
        .map(|times| least.saturating_mul(times))
        .into_iter()
        .find(finds);
    let routers = seen.split_last().map_or(&[][..], |(_, routers)| routers);
    let mut answering = routers.iter().filter(|hop| hop.trials.total > 0);
    let is_hidden = total.is_none() && answering.all(|hop| hop.trials.worse_than(target) < SIGNIFICANT);
    (!is_hidden).then(|| total.unwrap_or(target.total.saturating_add(least)) - target.total)
}

fn seen(evidence: &PathEvidence<'_>, kind: Kind, margin: u64) -> Vec<Seen> {
    let marks: Vec<Vec<Mark>> = evidence.hops.iter().map(|hop| kind.marks(hop, margin)).collect();
    let of_target = marks.last().map_or(&[][..], Vec::as_slice);
    // Where the target's own rounds are even, something limits traffic itself, and evenness tells nothing.
    let is_telling = regular(of_target) <= 0.0;
    let hops = evidence.hops.iter().zip(&marks).map(|(hop, marks)| {
        let answers = hop.received > 0;
        Seen {
            trials: if answers {
                kind.trials(hop, margin)
            } else {
                Trials::default()
            },
            regular: if answers && is_telling { regular(marks) } else { 0.0 },
            together: if answers {
                Together::count(marks, of_target)
            } else {
                Together::default()
            },
        }
    });
    hops.collect()
}

impl Kind {
    /// Probes of a hop that could be impaired in this way, and those that were.
    pub(super) fn trials(self, hop: &HopEvidence<'_>, margin: u64) -> Trials {
        match self {
            Self::Loss => Trials::new(hop.sent.saturating_sub(hop.received), hop.sent),
            Self::Jitter => late(hop, margin),
        }
    }

    fn marks(self, hop: &HopEvidence<'_>, margin: u64) -> Vec<Mark> {
        match self {
            Self::Loss => lost_marks(hop),
            Self::Jitter => late_marks(hop, margin),
        }
    }

    /// A share of impaired probes that is nobody's fault.
    const fn tolerated(self) -> f64 {
        match self {
            Self::Loss => 0.002,
            // RTTs have tails, and hosts have other work.
            Self::Jitter => 0.01,
        }
    }

    /// The share that a hop without any fault has.
    const fn background(self) -> f64 {
        match self {
            Self::Loss => 0.000_1,
            Self::Jitter => 0.002,
        }
    }
}

/// With fewer probes, not even "clean" is worth saying; mtr's reports have as many.
pub(super) const FEWEST: u64 = 10;

/// The error that is accepted where a target without any impairment is said to have some.
const SIGNIFICANT: f64 = 0.01;

/// Loss up to this is not worth more cycles, where it can't be told from none.
const SUSPECT: f64 = 0.01;

/// Of the least that is needed; sixteen times as many halve an interval twice.
const MULTIPLES: [u64; 5] = [1, 2, 4, 8, 16];

/// `SIGNIFICANT` takes 7 impaired probes against none; of a Poisson distribution with this mean, nine in ten values are as large.
const IMPAIRED_NEEDED: f64 = 10.5;
