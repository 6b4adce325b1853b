//! Spikes that belong together: one start and one end, however many probes they hit.
//!
//! Every kind has an episode of its own. It extends while the next spike comes within the gap, and ends with the first probe that was judged
//! and sent after it.

use std::time::Duration;

use super::finding::{Kind, SpikeEnd, Symptom};
use crate::units::{Mono, Rtt};

/// The open episodes of one series.
#[derive(Clone, Debug)]
pub(super) struct Episodes {
    open: [Option<Episode>; KINDS.len()],
    gap: Duration,
}

#[derive(Clone, Copy, Debug)]
struct Episode {
    last: Mono,
    probes: u64,
    peak: Option<Rtt>,
}

impl Episodes {
    /// None yet, for a series with this interval.
    pub(super) fn new(interval: Duration) -> Self {
        Self {
            open: [None; KINDS.len()],
            gap: interval.saturating_mul(3).max(LEAST_GAP),
        }
    }

    /// Adds a spike. Whether it opened an episode.
    pub(super) fn spike(&mut self, at: Mono, symptom: Symptom, rtt: Option<Rtt>) -> bool {
        let slot = &mut self.open[place(symptom.kind())];
        let opened = slot.is_none();
        let episode = slot.get_or_insert(Episode {
            last: at,
            probes: 0,
            peak: None,
        });
        episode.last = episode.last.max(at);
        episode.probes += 1;
        episode.peak = episode.peak.max(rtt);
        opened
    }

    /// The next episode that was over at `now`: its last spike, and what to say of it.
    pub(super) fn poll_ended(&mut self, now: Mono) -> Option<(Mono, SpikeEnd)> {
        let gap = self.gap;
        let kind = KINDS.into_iter().find(|kind| {
            let episode = self.open[place(*kind)];
            episode.is_some_and(|episode| now.since(episode.last) > gap)
        })?;
        self.end(kind, false)
    }

    /// Ends the episode of this kind, if there is one.
    pub(super) fn end(&mut self, kind: Kind, shifted: bool) -> Option<(Mono, SpikeEnd)> {
        let Episode { last, probes, peak } = self.open[place(kind)].take()?;
        let end = SpikeEnd {
            kind,
            probes,
            peak,
            shifted,
        };
        Some((last, end))
    }
}

pub(super) const KINDS: [Kind; 3] = [Kind::Rtt, Kind::Loss, Kind::Refused];

fn place(kind: Kind) -> usize {
    match kind {
        Kind::Rtt => 0,
        Kind::Loss => 1,
        Kind::Refused => 2,
    }
}

/// Bursts with pauses of a second are one story.
const LEAST_GAP: Duration = Duration::from_secs(2);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn consecutive_losses_are_one_episode_and_rtt_another() {
        let mut episodes = Episodes::new(Duration::from_millis(200));
        let at = |ms: u64| Mono::from_nanos(ms * 1_000_000);
        assert!(episodes.spike(at(0), Symptom::Lost, None));
        assert!(episodes.spike(
            at(200),
            Symptom::Slow(super::super::Severity::Over),
            Some(Rtt::from_nanos(7))
        ));
        assert!(!episodes.spike(at(400), Symptom::Lost, None));
        assert!(!episodes.spike(at(2_400), Symptom::Lost, None));
        assert_eq!(episodes.poll_ended(at(2_200)), None);
        let (last, end) = episodes.poll_ended(at(2_201)).unwrap();
        assert_eq!(
            (last, end.kind, end.probes, end.peak),
            (at(200), Kind::Rtt, 1, Some(Rtt::from_nanos(7)))
        );
        assert_eq!(episodes.poll_ended(at(4_400)), None);
        let (last, end) = episodes.poll_ended(at(4_401)).unwrap();
        assert_eq!((last, end.kind, end.probes, end.peak), (at(2_400), Kind::Loss, 3, None));
    }

    #[test]
    fn slow_series_have_gaps_of_three_intervals() {
        let mut episodes = Episodes::new(Duration::from_secs(15));
        episodes.spike(Mono::default(), Symptom::Refused, None);
        let at = |s: u64| Mono::from_nanos(s * 1_000_000_000);
        assert_eq!(episodes.poll_ended(at(45)), None);
        assert!(episodes.poll_ended(at(46)).is_some());
    }
}
