//! What a `probe` line says came of its probe.

use super::line::{ProbeLine, micros};
use crate::outcome::{Answer, Answered, InTime, SendError, StampLoss, StampSource, Timing, Unjudged, Unreachable};
use crate::units::Rtt;

/// What came of a probe.
#[derive(Clone, Copy, Debug)]
pub(super) enum Outcome {
    Answered(Answered),
    TimedOut,
    Unjudged(Unjudged),
    NotSent(SendError),
    Ignored,
}

pub(super) fn outcome_of(line: &ProbeLine<'_>) -> Option<Outcome> {
    let answer = match line.outcome {
        "timeout" => return Some(Outcome::TimedOut),
        "duplicate" | "late_after_close" => return Some(Outcome::Ignored),
        "send_error" => return Some(Outcome::NotSent(send_error(line.error.as_deref()))),
        "unjudged" => return Some(Outcome::Unjudged(unjudged(line.error.as_deref()))),
        "refused" => Answer::Refused,
        "reset" => Answer::Reset,
        "unreachable" | "prohibited" => Answer::Unreachable(unreachable(line)?),
        // What a late answer said, but for an ICMP error, is not recorded.
        "late" => unreachable(line).map_or(Answer::Reply, Answer::Unreachable),
        "reply" => Answer::Reply,
        _ => return None,
    };
    let rtt = Rtt::from(micros(line.rtt_us?)?);
    let user_rtt = match line.user_rtt_us {
        Some(us) => Rtt::from(micros(us)?),
        None => rtt,
    };
    Some(Outcome::Answered(Answered {
        answer,
        timing: Timing {
            rtt,
            source: stamp(line.stamp),
        },
        user_rtt,
        in_time: if line.outcome == "late" {
            InTime::Late
        } else {
            InTime::Yes
        },
        timed_out: false,
        reordered: line.reordered.unwrap_or(false),
        ttl: line.ttl,
        bytes: 0,
        stamp_loss: match line.stamp_loss {
            Some("tx") => Some(StampLoss::Tx),
            Some("rx") => Some(StampLoss::Rx),
            Some("clock_step") => Some(StampLoss::ClockStep),
            _ => None,
        },
        from: None,
        told: None,
    }))
}

fn unreachable(line: &ProbeLine<'_>) -> Option<Unreachable> {
    Some(Unreachable {
        from: line.from?.parse().ok()?,
        icmp_type: line.icmp_type?,
        code: line.icmp_code?,
    })
}

/// Only whether the host was too busy matters to a judgement.
fn send_error(words: Option<&str>) -> SendError {
    if words == Some(&SendError::NoBuffer.to_string()) {
        SendError::NoBuffer
    } else {
        SendError::Other(0)
    }
}

fn unjudged(words: Option<&str>) -> Unjudged {
    match words {
        Some(words) if words.contains("overflow") => Unjudged::ReceiveOverflow,
        Some(words) if words.contains("ended") => Unjudged::Cut,
        _ => Unjudged::LocalFailure,
    }
}

pub(super) fn stamp(word: Option<&str>) -> StampSource {
    match word {
        Some("tcp_info") => StampSource::TcpInfo,
        Some("user") => StampSource::User,
        _ => StampSource::Kernel,
    }
}
