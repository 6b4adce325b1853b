//! The verdict as one sentence for a ticket: the target, where something starts, figures with their intervals, and what was ruled out. Names
//! are for others to add.

use super::impairment::{FEWEST, Finding};
use super::locate::Place;
use super::trials::{Trials, float};
use super::{HopEvidence, HopLabels, PathEvidence};

/// What is said of a path.
pub(super) fn message(evidence: &PathEvidence<'_>, loss: &Finding, jitter: &Finding, labels: &[HopLabels]) -> String {
    let Some(last) = evidence.hops.last().filter(|_| evidence.reached) else {
        return not_reached(evidence);
    };
    if let Finding::TooFew { target, more_cycles } = *loss
        && target.total < FEWEST
    {
        return too_few(evidence, target, more_cycles);
    }
    let found = [(Of::Jitter, jitter), (Of::Loss, loss)];
    let located = found.iter().filter_map(|(of, finding)| located(evidence, *of, finding));
    let mut parts: Vec<String> = located.collect();
    parts.extend(open(evidence, &found, parts.is_empty()));
    if parts.is_empty() {
        let all = Trials::new(last.sent.saturating_sub(last.received), last.sent);
        let was = if all.impaired == 1 { "was" } else { "were" };
        parts.push(format!(
            "neither loss nor jitter on the way to {}: {} {was} lost {}",
            evidence.target,
            of_probes(all),
            interval(all)
        ));
    }
    parts.extend(ruled_out(evidence, labels));
    capitalised(&parts.join("; "))
}

/// What is spoken of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Of {
    Loss,
    Jitter,
}

impl Of {
    const fn name(self) -> &'static str {
        match self {
            Self::Loss => "loss",
            Self::Jitter => "jitter",
        }
    }

    /// What happened to `n` probes.
    const fn happened(self, n: u64) -> &'static str {
        match (self, n) {
            (Self::Jitter, _) => "came late",
            (Self::Loss, 1) => "was lost",
            (Self::Loss, _) => "were lost",
        }
    }
}

fn too_few(evidence: &PathEvidence<'_>, target: Trials, more: u64) -> String {
    let lost = match target.impaired {
        0 => String::new(),
        n => format!(" ({n} {})", Of::Loss.happened(n)),
    };
    let are = if target.total == 1 { "is" } else { "are" };
    format!(
        "{} to {}{lost} {are} too few to judge: {} needed",
        plural(target.total, "probe"),
        evidence.target,
        cycles(more)
    )
}

/// "loss to 10.0.9.1 starts between hop 2 (10.0.2.1) and hop 3 (10.0.3.1), confidence 95 %: 30 of 300 probes were lost (..)".
fn located(evidence: &PathEvidence<'_>, of: Of, finding: &Finding) -> Option<String> {
    let Finding::Located { place, target } = finding else {
        return None;
    };
    Some(format!(
        "{} to {} starts {}, confidence {}: {} {} {}",
        of.name(),
        evidence.target,
        between(evidence, place),
        percent(place.probability),
        of_probes(*target),
        of.happened(target.impaired),
        interval(*target)
    ))
}

/// What was seen but has no place. `is_alone`: nothing was said of the path before.
fn open(evidence: &PathEvidence<'_>, found: &[(Of, &Finding)], is_alone: bool) -> Vec<String> {
    let mut to = if is_alone {
        format!(" to {}", evidence.target)
    } else {
        String::new()
    };
    let mut parts = Vec::new();
    let (mut open, mut longest) = (Vec::new(), 0);
    for (of, finding) in found {
        match finding {
            Finding::Hidden { target } => parts.push(format!(
                "{}, and where {} starts can't be told at this pace: hops before the target answer too seldom, or too late; \
                 probe less often, and without --fast",
                seen(*of, *target, &std::mem::take(&mut to)),
                of.name()
            )),
            Finding::TooFew { target, more_cycles } if target.impaired > 0 => {
                open.push((*of, seen(*of, *target, &std::mem::take(&mut to))));
                longest = longest.max(*more_cycles);
            }
            Finding::TooFew { target, .. } if !found.iter().any(|(_, other)| is_open(other)) => {
                parts.push(format!("{} are too few to judge {}", plural(target.total, "answer"), of.name()));
            }
            Finding::TooFew { .. } | Finding::None | Finding::Located { .. } => {}
        }
    }
    if !open.is_empty() {
        let (kinds, words): (Vec<&str>, Vec<String>) = open.into_iter().map(|(of, words)| (of.name(), words)).unzip();
        parts.push(format!(
            "{}, too few to say where {} start{}: {} needed",
            words.join(" and "),
            kinds.join(" and "),
            if kinds.len() == 1 { "s" } else { "" },
            cycles(longest)
        ));
    }
    parts
}

/// Whether something was seen that has no place yet.
const fn is_open(finding: &Finding) -> bool {
    matches!(finding, Finding::TooFew { target, .. } | Finding::Hidden { target } if target.impaired > 0)
}

fn seen(of: Of, target: Trials, to: &str) -> String {
    let happened = of.happened(target.impaired);
    format!("{}{to} {happened} {}", of_probes(target), interval(target))
}

/// "between hop 2 (10.0.2.1) and hop 5 (10.0.5.1) (hops 3 and 4 in between tell nothing)".
fn between(evidence: &PathEvidence<'_>, place: &Place) -> String {
    let near = place.behind.and_then(|at| evidence.hops.get(at));
    let near = near.map_or_else(|| "this host".into(), hop_words);
    let far = evidence.hops.get(place.until).map_or_else(String::new, hop_words);
    let first_inside = place.behind.map_or(0, |at| at + 1);
    let inside = evidence.hops.get(first_inside..place.until).unwrap_or(&[]);
    let ttls: Vec<u8> = inside.iter().map(|hop| hop.ttl).collect();
    match ttls.as_slice() {
        [] => format!("between {near} and {far}"),
        [ttl] => format!("between {near} and {far} (hop {ttl} in between tells nothing)"),
        several => format!("between {near} and {far} ({} in between tell nothing)", hops(several)),
    }
}

/// What looks like a fault at some hops, and is none.
fn ruled_out(evidence: &PathEvidence<'_>, labels: &[HopLabels]) -> Vec<String> {
    let of_label = |has: fn(&HopLabels) -> bool| -> Vec<&HopEvidence<'_>> {
        let labelled = evidence.hops.iter().zip(labels);
        labelled.filter(|(_, labels)| has(labels)).map(|(hop, _)| hop).collect()
    };
    let ttls = |several: &[&HopEvidence<'_>]| hops(&several.iter().map(|hop| hop.ttl).collect::<Vec<_>>());
    let both = of_label(|labels| labels.rate_limited && labels.slow_control_plane);
    let limited = of_label(|labels| labels.rate_limited);
    let slow = of_label(|labels| labels.slow_control_plane);
    if let ([hop], [_], [_]) = (both.as_slice(), limited.as_slice(), slow.as_slice()) {
        return vec![format!(
            "{} answers only {} of probes, and late, but forwards more, and in time: rate limited and slow, not at fault",
            hop_words(hop),
            answered(hop)
        )];
    }
    let limited = match limited.as_slice() {
        [] => None,
        [hop] => Some(format!(
            "{} answers only {} of probes but forwards more: rate limited, not loss",
            hop_words(hop),
            answered(hop)
        )),
        several => Some(format!(
            "{} answer fewer probes than they forward: rate limited, not loss",
            ttls(several)
        )),
    };
    let slow = match slow.as_slice() {
        [] => None,
        [hop] => Some(format!(
            "{} answers late but forwards in time: a slow control plane, not jitter",
            hop_words(hop)
        )),
        several => Some(format!(
            "{} answer late but forward in time: slow control planes, not jitter",
            ttls(several)
        )),
    };
    limited.into_iter().chain(slow).collect()
}

fn answered(hop: &HopEvidence<'_>) -> String {
    percent(float(hop.received.min(hop.sent)) / float(hop.sent.max(1)))
}

fn not_reached(evidence: &PathEvidence<'_>) -> String {
    let target = evidence.target;
    if let Some(why) = evidence.dead_end {
        return format!("{target} was not reached: {why}");
    }
    match evidence.hops.iter().rfind(|hop| hop.received > 0) {
        Some(hop) => format!("{target} was not reached: the last that answers is {}", hop_words(hop)),
        None => format!("{target} was not reached: nothing on the way answers"),
    }
}

fn hop_words(hop: &HopEvidence<'_>) -> String {
    match hop.addresses.first() {
        Some(address) => format!("hop {} ({address})", hop.ttl),
        None => format!("hop {}", hop.ttl),
    }
}

/// "hops 2, 3 and 5", of several.
fn hops(ttls: &[u8]) -> String {
    let mut words: Vec<String> = ttls.iter().map(u8::to_string).collect();
    let last = words.pop().unwrap_or_default();
    format!("hops {} and {last}", words.join(", "))
}

/// "2 of 60 probes".
fn of_probes(trials: Trials) -> String {
    format!("{} of {}", trials.impaired, plural(trials.total, "probe"))
}

/// "(3.3 %, 95 % interval 0.9 to 11.4 %)".
fn interval(trials: Trials) -> String {
    let Some(share) = trials.proportion() else {
        return "(no probes)".into();
    };
    let [ratio, low, high] = [share.ratio, share.low, share.high].map(|x| format!("{:.1}", x * 100.0));
    format!("({ratio} %, 95 % interval {low} to {high} %)")
}

/// Sentences begin with a capital; addresses have none that would change.
fn capitalised(words: &str) -> String {
    let mut rest = words.chars();
    let first = rest.next().map(|c| c.to_ascii_uppercase());
    first.into_iter().chain(rest).collect()
}

fn percent(share: f64) -> String {
    format!("{:.0} %", share * 100.0)
}

fn cycles(more: u64) -> String {
    if more == 1 {
        "1 more cycle is".into()
    } else {
        format!("{more} more cycles are")
    }
}

fn plural(n: u64, what: &str) -> String {
    if n == 1 {
        format!("1 {what}")
    } else {
        format!("{n} {what}s")
    }
}
