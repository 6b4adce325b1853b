//! The `probe` line: one thing that came of one probe.

use std::net::IpAddr;

use serde::Serialize;

use super::{Body, SeriesFields, number};
use crate::outcome::{Answer, Answered, Event, Fate, InTime, SendError, StampLoss, Unjudged, What};
use crate::series::Series;

/// A probe may have several lines: `timeout` and then `late`, or `reply` and then `duplicate`.
#[derive(Serialize)]
pub(super) struct ProbeBody<'a> {
    #[serde(flatten)]
    series: SeriesFields<'a>,
    probe_seq: u64,
    outcome: &'static str,
    rtt_us: Option<f64>,
    user_rtt_us: Option<f64>,
    stamp: Option<&'static str>,
    stamp_loss: Option<&'static str>,
    ttl: Option<u8>,
    reordered: Option<bool>,
    icmp_type: Option<u8>,
    icmp_code: Option<u8>,
    from: Option<IpAddr>,
    error: Option<String>,
}

impl Body for ProbeBody<'_> {
    fn event(&self) -> &'static str {
        "probe"
    }
}

impl<'a> ProbeBody<'a> {
    /// `None` for a probe that has just left, and for a final state that an earlier line has told already.
    pub(super) fn new(series: &'a Series, event: &Event) -> Option<Self> {
        let bare = |outcome| Self::bare(series, event, outcome);
        match event.what {
            What::Answered(answered) => Some(bare(outcome(&answered)).answered(&answered)),
            What::SendFailed(error) => Some(bare("send_error").failed(error)),
            What::TimedOut => Some(bare("timeout")),
            What::Duplicate => Some(bare("duplicate")),
            What::LateAfterClose => Some(bare("late_after_close")),
            What::Settled(Fate::Unjudged(why)) => Some(bare("unjudged").unjudged(why)),
            What::Sent { .. }
            | What::Settled(Fate::Received(_) | Fate::Rejected | Fate::Late | Fate::Lost | Fate::NotSent) => None,
        }
    }

    fn bare(series: &'a Series, event: &Event, outcome: &'static str) -> Self {
        Self {
            series: SeriesFields::new(series),
            probe_seq: event.seq.get(),
            outcome,
            rtt_us: None,
            user_rtt_us: None,
            stamp: None,
            stamp_loss: None,
            ttl: None,
            reordered: None,
            icmp_type: None,
            icmp_code: None,
            from: None,
            error: None,
        }
    }

    fn answered(self, answered: &Answered) -> Self {
        let unreachable = match answered.answer {
            Answer::Unreachable(unreachable) => Some(unreachable),
            Answer::Reply | Answer::Refused | Answer::Reset => None,
        };
        Self {
            rtt_us: Some(number::micros(answered.timing.rtt)),
            user_rtt_us: Some(number::micros(answered.user_rtt)),
            stamp: Some(answered.timing.source.as_str()),
            stamp_loss: answered.stamp_loss.map(|loss| match loss {
                StampLoss::Tx => "tx",
                StampLoss::Rx => "rx",
                StampLoss::ClockStep => "clock_step",
            }),
            ttl: answered.ttl,
            reordered: Some(answered.reordered),
            icmp_type: unreachable.map(|unreachable| unreachable.icmp_type),
            icmp_code: unreachable.map(|unreachable| unreachable.code),
            from: unreachable.map(|unreachable| unreachable.from),
            ..self
        }
    }

    fn failed(self, error: SendError) -> Self {
        Self {
            error: Some(error.to_string()),
            ..self
        }
    }

    fn unjudged(self, why: Unjudged) -> Self {
        let why = match why {
            Unjudged::ReceiveOverflow => "the receive queue of this host overflowed",
            Unjudged::Cut => "the measurement ended before the timeout",
            Unjudged::LocalFailure => "this host failed after it had taken the probe",
        };
        Self {
            error: Some(why.to_owned()),
            ..self
        }
    }
}

/// An answer after the timeout is `late` whatever it says, as in the counts of a window.
fn outcome(answered: &Answered) -> &'static str {
    match (answered.in_time, answered.answer) {
        (InTime::Late, _) => "late",
        (InTime::Yes, Answer::Reply) => "reply",
        (InTime::Yes, Answer::Refused) => "refused",
        (InTime::Yes, Answer::Reset) => "reset",
        (InTime::Yes, Answer::Unreachable(unreachable)) if unreachable.is_prohibited() => "prohibited",
        (InTime::Yes, Answer::Unreachable(_)) => "unreachable",
    }
}
