//! What is to be said beside results, on standard error.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write as _;

use super::packets::Advice;
use crate::net::{Noise, Refused};

/// One line on stderr. Where that is closed, there is nobody to tell.
pub(super) fn complain(line: &str) {
    let _ = writeln!(std::io::stderr(), "pathjitter: {line}");
}

/// Says what this host did to its own measurement: packets that it dropped, with what to do about it, and the rest where more is asked for.
pub(super) fn complain_of_noise(noise: &Noise, advice: &Advice, verbose: bool) {
    let drops = noise.icmp_receive_drops + noise.tcp_receive_drops;
    if let (1.., Some(hint)) = (drops, &advice.buffer_hint) {
        complain(&format!(
            "{drops} packets did not fit into the receive queue of this host: {hint}"
        ));
    }
    if verbose {
        noise.sentences().iter().for_each(|sentence| complain(sentence));
    }
}

/// Names what could not be probed at all, by its reason, unless that was said and is all there is to say.
pub(super) fn complain_of_refused(refused: &[Refused], told: &BTreeSet<String>, nothing_else: bool) {
    let mut by_reason: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for Refused { series, why } in refused {
        by_reason.entry(why).or_default().push(&series.target);
    }
    for (why, targets) in by_reason {
        let shown = targets.iter().take(NAMES_SHOWN).copied().collect::<Vec<_>>().join(", ");
        let more = if targets.len() > NAMES_SHOWN { ", ..." } else { "" };
        let count = targets.len();
        match told.contains(why) {
            true if nothing_else => {}
            true => complain(&format!(
                "not measured, for the reason above: {shown}{more} ({count} series)"
            )),
            false => complain(&format!("not measured: {shown}{more} ({count} series): {why}")),
        }
    }
}

/// Names in one message.
const NAMES_SHOWN: usize = 5;
