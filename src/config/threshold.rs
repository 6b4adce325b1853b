//! `--fail-if loss>5%`: a figure of a window, and the limit that it must not pass.
//!
//! A figure that is absent fails: where nothing was received there is no p99, and a check that could not be made has
//! not been passed. Loss without a single probe sent is absent too. Shares are compared as counts (`lost * 10^9 >
//! limit * sent`), so that 7 of 1,000 is not above 0.7 %.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use super::decimal;
use super::duration::{self, DurationError};
use crate::stats::{RttSummary, Summary};
use crate::units::Rtt;

/// A limit on one figure.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Threshold {
    limit: Limit,
    /// Whether the limit itself already fails.
    reach: Reach,
    /// As typed, for messages.
    text: String,
}

/// What is limited, with the limit in the unit of the figure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Limit {
    Share(Share, PartsPerBillion),
    Time(Time, Duration),
}

/// Figures that are a share of the probes sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Share {
    Loss,
    Late,
}

/// Figures that are times.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Time {
    Min,
    Mean,
    P50,
    P90,
    P99,
    P999,
    Max,
    Jitter,
}

/// `>` or `>=`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reach {
    Above,
    AtOrAbove,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct PartsPerBillion(u64);

/// What a threshold says about a window.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Judgement {
    /// The figure is within its limit.
    Held,
    /// The figure passed its limit; the sentence names target, figure and limit.
    Crossed(String),
    /// There is no such figure; the sentence says why. Counts as failed.
    NoFigure(String),
}

impl Judgement {
    /// Whether the run should exit with 1 because of this.
    #[must_use]
    pub const fn failed(&self) -> bool {
        match self {
            Self::Held => false,
            Self::Crossed(_) | Self::NoFigure(_) => true,
        }
    }
}

/// Why a text is no threshold.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ThresholdError {
    /// No operator.
    #[error("not a threshold; write FIGURE>LIMIT, as in loss>5%, p99>20ms or jitter>=5ms")]
    Malformed,
    /// Not a figure.
    #[error("unknown figure '{0}'; the figures are loss, late, min, mean, p50, p90, p99, p999, max and jitter")]
    UnknownFigure(String),
    /// `loss>5`, `loss>5ms`.
    #[error("'{0}' is not a share; write a percentage from 0% to 100%")]
    BadShare(String),
    /// A limit that nothing can pass.
    #[error("nothing is above 100%; write >=100% to fail when all is lost")]
    NeverCrossed,
    /// `p99>20`.
    #[error("'{0}' is no limit for a time: {1}")]
    BadTime(String, DurationError),
}

impl FromStr for Threshold {
    type Err = ThresholdError;

    fn from_str(text: &str) -> Result<Self, ThresholdError> {
        let (figure, rest) = text.split_once('>').ok_or(ThresholdError::Malformed)?;
        let (reach, value) = match rest.strip_prefix('=') {
            Some(value) => (Reach::AtOrAbove, value.trim()),
            None => (Reach::Above, rest.trim()),
        };
        let time = |time| {
            let limit = duration::parse_with_unit(value).map_err(|why| ThresholdError::BadTime(shown(value), why))?;
            Ok(Limit::Time(time, limit))
        };
        let limit = match figure.trim().to_ascii_lowercase().as_str() {
            "loss" => Limit::Share(Share::Loss, parse_share(value, reach)?),
            "late" => Limit::Share(Share::Late, parse_share(value, reach)?),
            "min" => time(Time::Min)?,
            "mean" | "avg" => time(Time::Mean)?,
            "p50" | "median" => time(Time::P50)?,
            "p90" => time(Time::P90)?,
            "p99" => time(Time::P99)?,
            "p999" | "p99.9" => time(Time::P999)?,
            "max" => time(Time::Max)?,
            "jitter" => time(Time::Jitter)?,
            other => return Err(ThresholdError::UnknownFigure(shown(other))),
        };
        Ok(Self {
            limit,
            reach,
            text: text.split_whitespace().collect(),
        })
    }
}

impl Threshold {
    /// Judges one window of `subject`, which is how the report calls the series.
    #[must_use]
    pub fn judge(&self, subject: &str, summary: &Summary) -> Judgement {
        match self.limit {
            Limit::Share(share, limit) => self.judge_share(subject, summary, share, limit),
            Limit::Time(time, limit) => self.judge_time(subject, summary, time, limit),
        }
    }

    /// How many probes the figure needs before it exists.
    #[must_use]
    pub const fn probes_needed(&self) -> u64 {
        match self.limit {
            Limit::Time(Time::Jitter, _) => 2,
            Limit::Share(..) | Limit::Time(..) => 1,
        }
    }

    fn judge_share(&self, subject: &str, summary: &Summary, share: Share, limit: PartsPerBillion) -> Judgement {
        let (count, name) = match share {
            Share::Loss => (summary.counts.lost, "loss"),
            Share::Late => (summary.counts.late, "late replies"),
        };
        let sent = summary.counts.sent;
        if sent == 0 {
            return Judgement::NoFigure(format!(
                "{subject}: no probe was sent, so {self} cannot be judged and counts as crossed"
            ));
        }
        let figure = u128::from(count) * u128::from(PartsPerBillion::WHOLE);
        let limit = u128::from(limit.0) * u128::from(sent);
        if !self.reach.is_crossed(&figure, &limit) {
            return Judgement::Held;
        }
        // Shown only: the comparison above is exact.
        let percent = Percent { count, of: sent };
        Judgement::Crossed(format!(
            "{subject}: {name} {percent} ({count} of {sent}) crosses {self}"
        ))
    }

    fn judge_time(&self, subject: &str, summary: &Summary, time: Time, limit: Duration) -> Judgement {
        let limit = Rtt::from(limit);
        let rtt = summary.rtt.as_ref();
        let quantile = |pick: fn(&RttSummary) -> Rtt| {
            rtt.map(pick)
                .map(|figure| (self.reach.is_crossed(&figure, &limit), figure.as_micros()))
        };
        let micros = |figure: f64| (self.reach.is_crossed(&figure, &limit.as_micros()), figure);
        let (name, judged) = match time {
            Time::Min => ("min", quantile(|rtt| rtt.min)),
            Time::Mean => ("mean", rtt.map(|rtt| micros(rtt.mean_us))),
            Time::P50 => ("p50", quantile(|rtt| rtt.p50)),
            Time::P90 => ("p90", quantile(|rtt| rtt.p90)),
            Time::P99 => ("p99", quantile(|rtt| rtt.p99)),
            Time::P999 => ("p99.9", quantile(|rtt| rtt.p999)),
            Time::Max => ("max", quantile(|rtt| rtt.max)),
            Time::Jitter => ("jitter", summary.jitter_rfc3550_us.map(micros)),
        };
        match judged {
            None => {
                let needed = if self.probes_needed() > 1 {
                    "two replies"
                } else {
                    "a reply"
                };
                let counts = summary.counts;
                Judgement::NoFigure(format!(
                    "{subject}: {name} needs {needed} and {} of {} probes got one, so {self} counts as crossed",
                    counts.received, counts.sent
                ))
            }
            Some((false, _)) => Judgement::Held,
            Some((true, us)) => Judgement::Crossed(format!("{subject}: {name} {:.3} ms crosses {self}", us / 1e3)),
        }
    }
}

impl fmt::Display for Threshold {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl Reach {
    fn is_crossed<T: PartialOrd>(self, figure: &T, limit: &T) -> bool {
        match self {
            Self::Above => figure > limit,
            Self::AtOrAbove => figure >= limit,
        }
    }
}

impl PartsPerBillion {
    const WHOLE: u64 = 1_000_000_000;
}

/// A share in percent with enough digits to see why it crossed.
struct Percent {
    count: u64,
    of: u64,
}

impl fmt::Display for Percent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let thousandths = u128::from(self.count) * 100_000 / u128::from(self.of.max(1));
        let (whole, rest) = (thousandths / 1_000, thousandths % 1_000);
        let digits = format!("{whole}.{rest:03}");
        write!(f, "{} %", digits.trim_end_matches('0').trim_end_matches('.'))
    }
}

fn parse_share(value: &str, reach: Reach) -> Result<PartsPerBillion, ThresholdError> {
    let bad = || ThresholdError::BadShare(shown(value));
    let number = match value.strip_suffix('%') {
        Some(number) => number.trim_end(),
        // Zero is zero in every unit; any other bare number could be a percentage or a ratio.
        None if value == "0" => value,
        None => return Err(bad()),
    };
    let parts = decimal::scaled(number, PartsPerBillion::WHOLE / 100).map_err(|_| bad())?;
    match (parts, reach) {
        (PartsPerBillion::WHOLE, Reach::Above) => Err(ThresholdError::NeverCrossed),
        (PartsPerBillion::WHOLE, Reach::AtOrAbove) => Ok(PartsPerBillion(parts)),
        (parts, _) if parts > PartsPerBillion::WHOLE => Err(bad()),
        (parts, _) => Ok(PartsPerBillion(parts)),
    }
}

fn shown(text: &str) -> String {
    text.chars().take(40).flat_map(char::escape_debug).collect()
}

#[cfg(test)]
mod tests;
