//! Which spikes this host explains.
//!
//! A spike is found after its answer, and the stall that excuses it is known later still: so the newest answers are kept until somebody asks for
//! them, and the newest spikes until the question comes.

use std::collections::VecDeque;

use crate::units::{Mono, ProbeSeq, SeriesId};

/// The newest answers of all series.
#[derive(Debug, Default)]
pub(super) struct Answers {
    newest: VecDeque<Known>,
}

/// What must be known of an answer.
#[derive(Clone, Copy, Debug)]
struct Known {
    series: SeriesId,
    seq: ProbeSeq,
    read_at: Mono,
    /// Half of its RTT or more arose between the kernel and us.
    explained: bool,
}

impl Answers {
    pub(super) fn push(&mut self, series: SeriesId, seq: ProbeSeq, read_at: Mono, explained: bool) {
        if self.newest.len() == ANSWERS_MAX {
            self.newest.pop_front();
        }
        self.newest.push_back(Known {
            series,
            seq,
            read_at,
            explained,
        });
    }

    /// When the answer was read, and whether this host explains it; `None` where it is too long ago.
    pub(super) fn find(&self, series: SeriesId, seq: ProbeSeq) -> Option<(Mono, bool)> {
        let is_it = |known: &&Known| known.seq == seq && known.series == series;
        let known = self.newest.iter().rev().find(is_it)?;
        Some((known.read_at, known.explained))
    }
}

/// The newest spikes of all series.
#[derive(Debug, Default)]
pub(super) struct Spikes {
    newest: VecDeque<Spike>,
}

#[derive(Clone, Copy, Debug)]
struct Spike {
    sent_at: Mono,
    read_at: Mono,
    explained: bool,
}

impl Spikes {
    /// One more; of some the answer is forgotten, and then only its sending counts.
    pub(super) fn push(&mut self, sent_at: Mono, answer: Option<(Mono, bool)>) {
        if self.newest.len() == SPIKES_MAX {
            self.newest.pop_front();
        }
        let (read_at, explained) = answer.unwrap_or((sent_at, false));
        self.newest.push_back(Spike {
            sent_at,
            read_at,
            explained,
        });
    }

    /// How many of those sent between two moments this host explains, and how many there are.
    pub(super) fn count(&self, from: Mono, to: Mono, is_excused: impl Fn(Mono) -> bool) -> (u64, u64) {
        let among = self.newest.iter().filter(|spike| (from..=to).contains(&spike.sent_at));
        among.fold((0, 0), |(explained, all), spike| {
            let own = spike.explained || is_excused(spike.sent_at) || is_excused(spike.read_at);
            (explained + u64::from(own), all + 1)
        })
    }
}

/// A fifth of a second of 5,000 answers/s; a spike is found with its answer, or a timeout later where others before it were lost.
const ANSWERS_MAX: usize = 1_024;

/// As many as settle a share.
const SPIKES_MAX: usize = 256;
