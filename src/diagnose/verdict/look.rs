//! What one stream of probes looks like, in one word.

use std::time::Duration;

use super::share::Share;
use crate::correlate::Persistence;
use crate::diagnose::StreamEvidence;
use crate::outcome::Unreachable;
use crate::units::Mono;

/// A stream, judged.
#[derive(Clone, Copy, Debug)]
pub(super) struct Look<'a> {
    /// `None` where the backend is not probed by this protocol, or was not just then.
    pub(super) stream: Option<&'a StreamEvidence>,
    pub(super) state: State,
}

/// A stream in one word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// Nothing was sent.
    Absent,
    /// Nothing stands out.
    Well,
    /// It has never been answered.
    Never,
    /// It was answered once and now nothing comes back.
    Gone,
    /// ICMP errors come back, mostly this.
    Errors(Unreachable),
    /// RSTs come back, or did until just now.
    Refused {
        /// Whether they ended.
        over: bool,
    },
    /// RTTs moved to another level.
    Shifted,
    /// More loss, or more spikes, than usual.
    Impaired {
        /// Loss.
        lossy: bool,
        /// Spikes.
        slow: bool,
    },
}

impl<'a> Look<'a> {
    /// Looks at a stream whose incident lasted from `began` to `last`.
    pub(super) fn of(stream: Option<&'a StreamEvidence>, began: Mono, last: Mono) -> Self {
        let stream = stream.filter(|stream| stream.sent > 0);
        Self {
            stream,
            state: stream.map_or(State::Absent, |stream| state(stream, last.since(began), last)),
        }
    }

    /// What is known to persist persists, even where these counts alone don't prove it; so does what chance alone does not do at once in several.
    pub(super) fn believe(&mut self, persistent: Option<Persistence>) {
        let Some(stream) = self.stream.filter(|_| self.state == State::Well) else {
            return;
        };
        let lossy = stream.lost > 0 && persistent != Some(Persistence::Spikes);
        let slow = stream.slow > 0 && persistent != Some(Persistence::Loss);
        if lossy || slow {
            self.state = State::Impaired { lossy, slow };
        }
    }

    pub(super) fn is_impaired(&self) -> bool {
        matches!(self.state, State::Impaired { .. } | State::Gone)
    }

    pub(super) fn is_lossy(&self) -> bool {
        matches!(self.state, State::Impaired { lossy: true, .. } | State::Gone)
    }

    pub(super) fn is_slow(&self) -> bool {
        matches!(self.state, State::Impaired { slow: true, .. })
    }

    /// Whether it says nothing of what goes on now.
    pub(super) fn tells_nothing(&self) -> bool {
        matches!(self.state, State::Absent | State::Never)
    }

    /// Probes that were lost or spiked.
    pub(super) fn bad(&self) -> Share {
        self.share(|stream| stream.lost.saturating_add(stream.slow))
    }

    /// Probes that were lost, of those of which it is known by now what became of them: a probe that is still out is not answered.
    pub(super) fn lost(&self) -> Share {
        self.stream.map_or(Share::default(), |stream| {
            let known = [stream.replied, stream.refused, stream.unreachable, stream.lost];
            let known = known.into_iter().fold(0, u64::saturating_add);
            Share::new(stream.lost, known.min(stream.sent))
        })
    }

    /// Probes that spiked.
    pub(super) fn slow(&self) -> Share {
        self.share(|stream| stream.slow)
    }

    /// Probes that were refused.
    pub(super) fn refused(&self) -> Share {
        self.share(|stream| stream.refused)
    }

    fn share(&self, count: impl Fn(&StreamEvidence) -> u64) -> Share {
        self.stream
            .map_or(Share::default(), |stream| Share::new(count(stream), stream.sent))
    }
}

fn state(stream: &StreamEvidence, span: Duration, last: Mono) -> State {
    let silent_for = silent_for(stream, last);
    let (lossy, slow) = (
        Share::new(stream.lost, stream.sent).exceeds(stream.usual_loss),
        Share::new(stream.slow, stream.sent).exceeds(stream.usual_slow),
    );
    if let Some((error, _)) = stream.errors.first().filter(|_| has_errors(stream)) {
        State::Errors(*error)
    } else if is_refused(stream, span) {
        State::Refused {
            over: stream.refused_in_a_row == 0,
        }
    } else if !stream.ever_replied && stream.replied == 0 && stream.lost >= NEVER {
        State::Never
    } else if stream.lost_in_a_row >= GONE && silent_for >= GONE_FOR {
        State::Gone
    } else if stream.shift.is_some() && !lossy {
        State::Shifted
    } else if lossy || slow {
        State::Impaired { lossy, slow }
    } else {
        State::Well
    }
}

/// For how long nothing has come back: since the last reply, or by the number of probes lost since, where an incident is judged long after it.
pub(super) fn silent_for(stream: &StreamEvidence, last: Mono) -> Duration {
    let probes = u32::try_from(stream.lost_in_a_row).unwrap_or(u32::MAX);
    let by_probes = stream.interval.saturating_mul(probes);
    let by_time = stream.last_reply.map_or(Duration::ZERO, |reply| last.since(reply));
    by_probes.max(by_time)
}

/// Three errors, or all that came back.
fn has_errors(stream: &StreamEvidence) -> bool {
    stream.unreachable >= 3 || stream.unreachable >= 2 && stream.replied == 0
}

/// Two in a row, or three a minute.
fn is_refused(stream: &StreamEvidence, span: Duration) -> bool {
    let in_a_row = stream.refusal_run.map_or(0, |(count, ..)| count);
    let minutes = span.as_secs() / 60;
    in_a_row.max(stream.refused_in_a_row) >= 2 || stream.refused >= 3_u64.saturating_mul(minutes.max(1))
}

/// So many lost before it is said that nothing was ever answered.
const NEVER: u64 = 3;

/// Bursts that lose 60 % for a second lose 5 of 5 probes once in 13 times, but not for 2 s.
const GONE: u64 = 5;
const GONE_FOR: Duration = Duration::from_secs(2);
