//! One word for a row of a table: what an operator looks for first.

use crate::stats::{Counts, Summary};

/// A result word, its colour, and its place when the worst come first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Verdict {
    /// Capitals where the target is in trouble: colour is never needed to see it.
    pub(super) word: String,
    pub(super) tone: Tone,
    /// Higher is worse. Says nothing of how many probes were sent, or rows would change places with every probe.
    rank: (Tone, u64),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Tone {
    /// Nothing known.
    Neutral,
    Good,
    /// It answers, but not always or not in time.
    Warning,
    /// It does not answer.
    Bad,
}

impl Verdict {
    /// The first of: nothing to judge, no reply at all (the commonest reason), loss, some rejected, some late, ok.
    pub(super) fn new(summary: &Summary) -> Self {
        let counts = &summary.counts;
        if counts.sent == 0 {
            return match counts.send_error {
                0 => Self::ranked("no data", Tone::Neutral, 0),
                _ => Self::ranked("NOT SENT", Tone::Bad, 0),
            };
        }
        let (rejected, rejection) = commonest_rejection(counts);
        if counts.received == 0 {
            let word = if rejected > counts.lost.max(counts.late) {
                rejection.to_ascii_uppercase()
            } else if counts.late > counts.lost {
                "LATE".to_owned()
            } else {
                "NO ANSWER".to_owned()
            };
            return Self::ranked(word, Tone::Bad, 0);
        }
        if counts.lost > 0 {
            return Self::ranked("LOSS", Tone::Warning, per_million(counts.lost, counts.sent));
        }
        if rejected > 0 {
            return Self::ranked(
                format!("{rejected} {rejection}"),
                Tone::Warning,
                per_million(rejected, counts.sent),
            );
        }
        if counts.late > 0 {
            return Self::ranked(
                format!("{} late", counts.late),
                Tone::Warning,
                per_million(counts.late, counts.sent),
            );
        }
        Self::ranked("ok", Tone::Good, 0)
    }

    /// The key of "worst first".
    pub(super) fn rank(&self) -> (Tone, u64) {
        self.rank
    }

    fn ranked(word: impl Into<String>, tone: Tone, weight: u64) -> Self {
        Self {
            word: word.into(),
            tone,
            rank: (tone, weight),
        }
    }
}

fn commonest_rejection(counts: &Counts) -> (u64, &'static str) {
    let unreachable = counts.unreachable.saturating_sub(counts.prohibited);
    [
        (counts.refused, "refused"),
        (counts.reset, "reset"),
        (counts.prohibited, "prohibited"),
        (unreachable, "unreachable"),
    ]
    .into_iter()
    .max_by_key(|(count, _)| *count)
    .unwrap_or_default()
}

fn per_million(part: u64, whole: u64) -> u64 {
    part.saturating_mul(1_000_000) / whole.max(1)
}
