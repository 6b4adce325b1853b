//! How often chance alone does this.
//!
//! Losses come alone or in runs. Both are habits of a series, and both are needed to say what is unusual: with 0.1 % of independent loss two in
//! a row are 1 in 1,000,000 probes, which is once in 55 hours at 5 probes a second; with bursts of five in the mean they are every day's work. So the model
//! has two numbers (E. N. Gilbert, "Capacity of a burst-noise channel", 1960): how often a run starts, and how often it goes on.

use std::time::Duration;

use statrs::distribution::{Binomial, DiscreteCDF};
use statrs::function::beta::checked_beta_reg;

use super::cells::{Count, Tallied};

/// What a series usually does, in one channel.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Habit {
    sent: f64,
    hits: f64,
    starts: f64,
}

impl Habit {
    /// Counts what happened.
    pub(super) fn add(&mut self, sent: u16, hits: Tallied) {
        self.sent += f64::from(sent);
        self.hits += f64::from(hits.hits);
        self.starts += f64::from(hits.starts);
    }

    /// Forgets as much as ten seconds make one forget.
    pub(super) fn fade(&mut self) {
        self.sent *= FADE;
        self.hits *= FADE;
        self.starts *= FADE;
    }

    /// The probability that a probe starts a run.
    pub(super) fn start(self) -> f64 {
        ((self.starts + 1.0) / (self.sent + UNKNOWN)).clamp(0.0, 1.0)
    }

    /// The probability that a run goes on.
    pub(super) fn goes_on(self) -> f64 {
        let on = (self.hits - self.starts).max(0.0);
        ((on + RUNS_UNKNOWN * GOES_ON) / (self.hits.max(self.starts) + RUNS_UNKNOWN)).clamp(self.start().min(0.5), 1.0)
    }

    /// The share of hits; 0 where nothing is known.
    pub(super) fn rate(self) -> f64 {
        if self.sent > 0.0 {
            (self.hits / self.sent).min(1.0)
        } else {
            0.0
        }
    }

    /// The same habit of a series of which at least this share is hit at present.
    pub(super) fn at_least(self, rate: f64) -> Self {
        let hits = self.hits.max(rate * self.sent.max(UNKNOWN));
        let scale = if self.hits > 0.0 { hits / self.hits } else { 1.0 };
        Self {
            sent: self.sent.max(UNKNOWN),
            hits,
            starts: if self.hits > 0.0 { self.starts * scale } else { hits },
        }
    }
}

/// The newest probes of a channel, as it matters for [`alarms`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Spell {
    /// Runs of hits among the last [`RECENT`] probes, or the run that all of them are part of.
    pub(super) runs: u32,
    /// Tallied that continue a run.
    pub(super) on: u32,
}

/// How often a series with this habit does this or worse in 30 days: an upper bound on the expected number.
///
/// Each of its probes may be the first of such a spell. The other runs among the last probes are binomial, and how often runs go on is negative
/// binomial; the probability that the product of two independent p-values is `x` or less is `x (1 - ln x)` (R. A. Fisher).
pub(super) fn alarms(spell: Spell, habit: Habit, interval: Duration) -> f64 {
    let Some(other_runs) = spell.runs.checked_sub(1) else {
        return f64::INFINITY;
    };
    let (start, goes_on) = (habit.start(), habit.goes_on());
    let runs = at_least(u64::from(other_runs), RECENT - 1, start);
    let length = goes_on_so_often(spell.on, spell.runs, goes_on);
    let both = runs * length;
    let corrected = if spell.on > 0 && other_runs > 0 {
        both * (1.0 - both.max(f64::MIN_POSITIVE).ln())
    } else {
        both
    };
    probes_in_30_days(interval) * start * corrected.min(1.0)
}

/// The probability that at least `hits` of `count.sent` are hit, or more, at this rate, by runs that go on as is usual: so many independent
/// ones as make the same variance.
pub(super) fn chance(count: Count, rate: f64, habit: Habit) -> f64 {
    let goes_on = habit.goes_on();
    let independent = (1.0 - goes_on) / (1.0 + goes_on);
    at_least(scaled(count.hits, independent), scaled(count.sent, independent), rate)
}

/// The probability that at most `count.hits` of `count.sent` are hit at this rate.
pub(super) fn chance_of_so_few(count: Count, rate: f64) -> f64 {
    Binomial::new(rate.clamp(0.0, 1.0), count.sent).map_or(1.0, |b| b.cdf(count.hits))
}

/// Probes of a stream in the time that budgets are for.
pub(super) fn probes_in_30_days(interval: Duration) -> f64 {
    DAYS_30.as_secs_f64() / interval.as_secs_f64().max(1e-6)
}

/// Cells in the time that budgets are for.
pub(super) const CELLS_IN_30_DAYS: f64 = 259_200.0;

/// Probes that one look goes over: as many as make a series degraded.
pub(super) const RECENT: u64 = 20;

fn at_least(hits: u64, sent: u64, rate: f64) -> f64 {
    let Some(fewer) = hits.checked_sub(1) else {
        return 1.0;
    };
    Binomial::new(rate.clamp(0.0, 1.0), sent).map_or(1.0, |b| b.sf(fewer))
}

fn goes_on_so_often(on: u32, runs: u32, goes_on: f64) -> f64 {
    if on == 0 {
        return 1.0;
    }
    checked_beta_reg(f64::from(on), f64::from(runs), goes_on).unwrap_or(1.0)
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "a part of a count of probes"
)]
fn scaled(count: u64, by: f64) -> u64 {
    (count as f64 * by).round() as u64
}

const DAYS_30: Duration = Duration::from_hours(720);

/// Ten seconds of a day.
const FADE: f64 = 1.0 - 10.0 / 86_400.0;

/// Of a series of which nothing is known, one probe of so many starts a run: few networks are worse.
const UNKNOWN: f64 = 100.0;

/// How many runs must be known to be believed as much as the guess below.
const RUNS_UNKNOWN: f64 = 10.0;

/// Most losses come alone until it is known better.
const GOES_ON: f64 = 0.02;
