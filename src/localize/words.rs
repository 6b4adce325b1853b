//! The verdict as one sentence for a ticket: figures with their intervals, and what was ruled out. Names are for others to add.

use std::fmt::Write as _;

use super::impairment::Finding;
use super::locate::Place;
use super::trials::{Trials, float};
use super::{HopEvidence, HopLabels, PathEvidence};

/// What is said of a path.
pub(super) fn message(evidence: &PathEvidence<'_>, loss: &Finding, jitter: &Finding, labels: &[HopLabels]) -> String {
    let Some(last) = evidence.hops.last().filter(|_| evidence.reached) else {
        return not_reached(evidence);
    };
    let target = Target {
        name: address(last).unwrap_or_else(|| "the target".into()),
        sent: Trials::new(last.sent.saturating_sub(last.received), last.sent),
    };
    let mut parts = vec![of_both(evidence, &target, loss, jitter)];
    parts.extend(
        evidence
            .hops
            .iter()
            .zip(labels)
            .filter_map(|(hop, of_hop)| of_label(hop, *of_hop)),
    );
    capitalised(&parts.join("; "))
}

struct Target {
    name: String,
    sent: Trials,
}

fn of_both(evidence: &PathEvidence<'_>, target: &Target, loss: &Finding, jitter: &Finding) -> String {
    let name = &target.name;
    if (*loss, *jitter) == (Finding::None, Finding::None) {
        return format!(
            "neither loss nor jitter on the way to {name}: {} lost",
            counted(target.sent)
        );
    }
    if let Finding::TooFew {
        target: trials,
        more_cycles,
    } = loss
        && trials.impaired == 0
    {
        // Too few probes for any word, of loss and jitter alike.
        let probes = plural(trials.total, "probe");
        return format!(
            "{probes} to {name} are too few to judge: {} needed",
            cycles(*more_cycles)
        );
    }
    let of_loss = finding(
        evidence,
        loss,
        &Words {
            what: "loss",
            verb: "were lost",
            name,
        },
    );
    let of_jitter = finding(
        evidence,
        jitter,
        &Words {
            what: "jitter",
            verb: "came late",
            name,
        },
    );
    let parts: Vec<_> = of_jitter.into_iter().chain(of_loss).collect();
    parts.join("; ")
}

struct Words<'a> {
    what: &'a str,
    verb: &'a str,
    name: &'a str,
}

fn finding(evidence: &PathEvidence<'_>, finding: &Finding, words: &Words<'_>) -> Option<String> {
    let Words { what, verb, name } = words;
    match finding {
        Finding::None => None,
        Finding::Located { place, target } => {
            let counted = counted(*target);
            let sure = percent(place.probability);
            Some(format!(
                "{what} starts {} (confidence {sure}): to {name}, {counted} {verb}",
                between(evidence, place)
            ))
        }
        Finding::TooFew { target, more_cycles } => Some(format!(
            "too few probes to say where {what} starts: to {name}, {} {verb}, and {} needed",
            counted(*target),
            cycles(*more_cycles)
        )),
    }
}

/// "between hop 2 (10.0.2.1) and hop 5 (10.0.5.1), of which hops 3 and 4 tell nothing".
fn between(evidence: &PathEvidence<'_>, place: &Place) -> String {
    let near = place.behind.and_then(|at| evidence.hops.get(at));
    let near = near.map_or_else(|| "this host".into(), hop_words);
    let far = evidence.hops.get(place.until).map_or_else(String::new, hop_words);
    let first_inside = place.behind.map_or(0, |at| at + 1);
    let inside = evidence.hops.get(first_inside..place.until).unwrap_or(&[]);
    let inside: Vec<String> = inside.iter().map(|hop| hop.ttl.to_string()).collect();
    let mut words = format!("between {near} and {far}");
    match inside.as_slice() {
        [] => {}
        [one] => _ = write!(words, ", where hop {one} tells nothing"),
        several => _ = write!(words, ", where hops {} tell nothing", several.join(", ")),
    }
    words
}

fn of_label(hop: &HopEvidence<'_>, labels: HopLabels) -> Option<String> {
    let words = hop_words(hop);
    let answered = percent(float(hop.received.min(hop.sent)) / float(hop.sent.max(1)));
    match (labels.rate_limited, labels.slow_control_plane) {
        (false, false) => None,
        (true, false) => Some(format!(
            "{words} answers only {answered} of probes but forwards more: rate limited, not loss"
        )),
        (false, true) => Some(format!(
            "{words} answers late but does not forward late: a slow control plane, not jitter"
        )),
        (true, true) => Some(format!(
            "{words} answers only {answered} of probes, and late, but forwards more, and in time: rate limited and slow, not at fault"
        )),
    }
}

fn not_reached(evidence: &PathEvidence<'_>) -> String {
    let last = evidence.hops.iter().rfind(|hop| hop.received > 0);
    let silence = match last {
        Some(hop) => format!("the last that answers is {}", hop_words(hop)),
        None => "nothing on the way answers".into(),
    };
    match evidence.dead_end {
        Some(why) => format!("The target was not reached: {why}; {silence}"),
        None => format!("The target was not reached: {silence}"),
    }
}

fn hop_words(hop: &HopEvidence<'_>) -> String {
    match address(hop) {
        Some(address) => format!("hop {} ({address})", hop.ttl),
        None => format!("hop {}", hop.ttl),
    }
}

fn address(hop: &HopEvidence<'_>) -> Option<String> {
    hop.addresses.first().map(ToString::to_string)
}

/// "2 of 60 probes (3.3 %, 95 % interval 0.9 to 11.4 %)".
fn counted(trials: Trials) -> String {
    let Trials { impaired, total } = trials;
    let Some(share) = trials.proportion() else {
        return "no probes".into();
    };
    let [ratio, low, high] = [share.ratio, share.low, share.high].map(|x| format!("{:.1}", x * 100.0));
    format!(
        "{impaired} of {} ({ratio} %, 95 % interval {low} to {high} %)",
        plural(total, "probe")
    )
}

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
