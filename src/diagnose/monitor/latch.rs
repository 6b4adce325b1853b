//! The verdict on an incident, which is judged again and again and is not to flap.

use std::net::IpAddr;
use std::time::Duration;

use crate::diagnose::{Verdict, VerdictCode};
use crate::units::Mono;

/// A verdict that does not flap.
#[derive(Debug, Default)]
pub(super) struct Latch {
    verdict: Option<Verdict>,
    rival: Option<Rival>,
}

/// What would replace a verdict.
#[derive(Clone, Copy, Debug)]
struct Rival {
    code: VerdictCode,
    suspect: Option<IpAddr>,
    /// How often in a row it was found.
    times: u32,
    /// When last.
    at: Mono,
}

impl Latch {
    /// What is made of it.
    pub(super) const fn verdict(&self) -> Option<&Verdict> {
        self.verdict.as_ref()
    }

    /// Whether it names a cause.
    pub(super) fn says_much(&self) -> bool {
        self.verdict
            .as_ref()
            .is_some_and(|verdict| weight(verdict.code) >= MUCH)
    }

    /// Takes a new judgement. It replaces one that says less at once, one that says as much when it is found again, and one that says
    /// more only when it is found again and again, and not for good: what lasts becomes usual, and then nothing is found any more. Where one backend
    /// was found to have something of its own for long, delays on the way to it are another matter.
    pub(super) fn consider(&mut self, verdict: Verdict, may_say_less: bool, now: Mono) {
        let Some(current) = &self.verdict else {
            self.verdict = Some(verdict);
            return;
        };
        let is_same = current.code == verdict.code && address(current) == address(&verdict);
        let (said, says) = (weight(current.code), weight(verdict.code));
        if is_same || says > said {
            self.verdict = Some(verdict);
            self.rival = None;
            return;
        }
        let is_beside_it = current.code.is_of_a_port() && verdict.code.is_of_a_place();
        if (says < said || is_beside_it) && !may_say_less {
            return;
        }
        let (code, suspect) = (verdict.code, address(&verdict));
        let known = self
            .rival
            .filter(|rival| rival.code == code && rival.suspect == suspect);
        let rival = match known {
            Some(rival) if now.since(rival.at) < APART => rival,
            known => Rival {
                code,
                suspect,
                times: known.map_or(0, |rival| rival.times) + 1,
                at: now,
            },
        };
        let needed = if says == said { AGAIN } else { AGAIN_AND_AGAIN };
        if rival.times >= needed {
            self.verdict = Some(verdict);
            self.rival = None;
        } else {
            self.rival = Some(rival);
        }
    }
}

fn address(verdict: &Verdict) -> Option<IpAddr> {
    verdict.suspect.as_ref()?.address
}

/// How much a verdict says.
const fn weight(code: VerdictCode) -> u8 {
    match code {
        VerdictCode::Unknown => 0,
        VerdictCode::CommonCause => 1,
        _ => MUCH,
    }
}

/// The weight of a verdict that names a cause.
const MUCH: u8 = 2;

/// Judgements closer to each other see the same probes.
const APART: Duration = Duration::from_secs(1);

/// So often another verdict of the same weight must be found.
const AGAIN: u32 = 2;

/// So often a verdict must be found that says less.
const AGAIN_AND_AGAIN: u32 = 4;

#[cfg(test)]
mod tests {
    use super::*;

    /// The verdicts after each of these judgements, two seconds apart.
    fn held(codes: &[VerdictCode], may_say_less: bool) -> Vec<VerdictCode> {
        let mut latch = Latch::default();
        let verdict = |code: VerdictCode| Verdict {
            code,
            suspect: None,
            ruled_out: Vec::new(),
            message: String::new(),
        };
        let moments = (0_u64..).map(|n| Mono::from_nanos(n * 2_000_000_000));
        let judge = |(code, at): (&VerdictCode, Mono)| {
            latch.consider(verdict(*code), may_say_less, at);
            latch.verdict().map(|verdict| verdict.code)
        };
        codes.iter().zip(moments).filter_map(judge).collect()
    }

    use VerdictCode::{CommonCause, PrivatePath, SharedPath, SynRateLimited, TargetEdge, Unknown};

    #[test]
    fn a_cause_replaces_none_at_once() {
        assert_eq!(
            held(&[Unknown, CommonCause, SharedPath], true),
            [Unknown, CommonCause, SharedPath]
        );
    }

    #[test]
    fn another_cause_must_be_found_twice_in_a_row() {
        let judged = [TargetEdge, PrivatePath, TargetEdge, PrivatePath, PrivatePath];
        assert_eq!(
            held(&judged, true),
            [TargetEdge, TargetEdge, TargetEdge, TargetEdge, PrivatePath]
        );
    }

    #[test]
    fn no_cause_must_be_found_four_times_in_a_row_and_soon() {
        let judged = [TargetEdge, Unknown, Unknown, Unknown, Unknown];
        assert_eq!(
            held(&judged, true),
            [TargetEdge, TargetEdge, TargetEdge, TargetEdge, Unknown]
        );
        assert_eq!(held(&judged, false), [TargetEdge; 5]);
    }

    #[test]
    fn a_place_replaces_what_a_port_does_only_while_that_is_young() {
        let judged = [SynRateLimited, PrivatePath, PrivatePath];
        assert_eq!(held(&judged, true), [SynRateLimited, SynRateLimited, PrivatePath]);
        assert_eq!(held(&judged, false), [SynRateLimited; 3]);
    }

    #[test]
    fn judgements_of_the_same_second_count_once() {
        let mut latch = Latch::default();
        for (code, millis) in [(TargetEdge, 0), (PrivatePath, 100), (PrivatePath, 900)] {
            let verdict = Verdict {
                code,
                suspect: None,
                ruled_out: Vec::new(),
                message: String::new(),
            };
            latch.consider(verdict, true, Mono::from_nanos(millis * 1_000_000));
        }
        assert_eq!(latch.verdict().map(|verdict| verdict.code), Some(TargetEdge));
    }
}
