//! How often a backend stands out by itself.
//!
//! The rate must not learn the fault that it is to reveal: two backends with a shared burst every nine seconds would soon be known as
//! backends that spike every nine seconds, and their coincidences as chance. So it is taken from episodes outside suspected
//! coincidences, corrected for those that chance alone makes suspect, and never above that of all episodes.
//!
//! It errs upwards: by one standard deviation of the count and one episode more than there were, so that a backend which has shown nothing
//! in a minute is not taken for one that never will. The larger of the last day's and the last minutes' counts, since noise comes and goes.

use super::chance::factor;
use super::channel::CHANNELS;

/// Counts of one backend. All fade.
#[derive(Clone, Debug, Default)]
pub(super) struct Habits {
    day: Counts,
    minutes: Counts,
    /// Probes sent since the last turn.
    fresh: u32,
}

#[derive(Clone, Debug, Default)]
struct Counts {
    probes: f64,
    /// Episodes per level, outside suspected coincidences.
    alone: [f64; CHANNELS],
    /// All episodes per level.
    all: [f64; CHANNELS],
}

/// Episodes of a level that are new since the last turn.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Fresh {
    /// Outside suspected coincidences.
    pub(super) alone: usize,
    /// All.
    pub(super) all: usize,
}

impl Habits {
    /// One more probe was sent.
    pub(super) fn sent(&mut self) {
        self.fresh = self.fresh.saturating_add(1);
    }

    /// Takes in what is new since `elapsed` seconds.
    pub(super) fn turn(&mut self, elapsed: f64, fresh: &[Fresh; CHANNELS]) {
        let probes = f64::from(std::mem::take(&mut self.fresh));
        self.day.turn(elapsed / DAY_S, probes, fresh);
        self.minutes.turn(elapsed / MINUTES_S, probes, fresh);
    }

    /// Episodes of this level per probe; `innocent` is the share of them that chance alone makes suspect.
    pub(super) fn rate(&self, channel: usize, innocent: f64) -> f64 {
        let corrected = |counts: &Counts| {
            let alone = counts.alone[channel] / (1.0 - innocent.min(MOST_INNOCENT));
            alone.min(counts.all[channel])
        };
        let cautious = |count: f64| (count + count.sqrt() + 1.0) / (self.day.probes + 1.0);
        let recently = corrected(&self.minutes) / (self.minutes.probes + 1.0);
        cautious(corrected(&self.day)).max(recently).min(1.0)
    }
}

impl Counts {
    fn turn(&mut self, share: f64, probes: f64, fresh: &[Fresh; CHANNELS]) {
        let keep = (-share).exp();
        self.probes = self.probes * keep + probes;
        for (channel, fresh) in fresh.iter().enumerate() {
            self.alone[channel] = self.alone[channel] * keep + factor(fresh.alone);
            self.all[channel] = self.all[channel] * keep + factor(fresh.all);
        }
    }
}

/// What was a day ago counts for 37 %.
const DAY_S: f64 = 86_400.0;

/// Two minutes hold a dozen episodes of a backend that is so noisy that it matters.
const MINUTES_S: f64 = 120.0;

/// Where chance makes most episodes suspect, the rest tells too little to be multiplied.
const MOST_INNOCENT: f64 = 0.5;

#[cfg(test)]
mod tests {
    use super::*;

    fn fed(alone: usize, all: usize) -> Habits {
        let mut habits = Habits::default();
        let mut fresh = [Fresh::default(); CHANNELS];
        fresh[0] = Fresh { alone, all };
        for _ in 0..60 {
            (0..50).for_each(|_| habits.sent());
            habits.turn(10.0, &fresh);
        }
        habits
    }

    #[test]
    fn a_backend_that_never_stood_out_may_do_so_with_the_next_probe() {
        // 3,000 probes, of which the day has forgotten less than 1 %.
        let rate = fed(0, 0).rate(0, 0.0);
        assert!((1.0 / 3_001.0..1.0 / 2_970.0).contains(&rate), "{rate}");
    }

    #[test]
    fn episodes_in_suspected_coincidences_do_not_count() {
        let (with, without) = (fed(1, 6).rate(0, 0.0), fed(1, 1).rate(0, 0.0));
        assert!((with - without).abs() < 1e-12);
        // 60 of 3,000, and one deviation more.
        assert!((0.02..0.024).contains(&with), "{with}");
    }

    #[test]
    fn what_chance_makes_suspect_is_given_back_but_never_more_than_there_was() {
        let plain = fed(2, 3).rate(0, 0.0);
        let corrected = fed(2, 3).rate(0, 0.2);
        assert!((1.2..1.26).contains(&(corrected / plain)), "{}", corrected / plain);
        assert!((fed(2, 3).rate(0, 0.9) - fed(3, 3).rate(0, 0.0)).abs() < 1e-12);
    }

    #[test]
    fn noise_that_began_a_minute_ago_is_not_diluted_by_a_quiet_day() {
        let mut habits = Habits::default();
        let mut fresh = [Fresh::default(); CHANNELS];
        for _ in 0..8_640 {
            (0..50).for_each(|_| habits.sent());
            habits.turn(10.0, &fresh);
        }
        fresh[0] = Fresh { alone: 1, all: 1 };
        for _ in 0..6 {
            (0..50).for_each(|_| habits.sent());
            habits.turn(10.0, &fresh);
        }
        // One of 50 probes for one minute, which is 1 - exp(-1/2) of what two minutes remember.
        let share = habits.rate(0, 0.0) * 50.0;
        assert!((0.38..0.40).contains(&share), "{share}");
    }
}
