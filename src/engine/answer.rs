//! What an arrival says about the round trip of its probe.

use std::net::IpAddr;

use crate::clock::ClockEpoch;
use crate::outcome::{StampLoss, StampSource, Timing, Told};
use crate::units::{Mono, Rtt, Wall};

use super::ring::{Entry, State};

/// How and when an answer reached this host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Arrival {
    /// When user space had it.
    pub at: Mono,
    /// The clock epoch of `at`.
    pub epoch: ClockEpoch,
    /// Who measured.
    pub measured: Measured,
    /// TTL or hop limit of the answer.
    pub ttl: Option<u8>,
    /// Its size from the ICMP or TCP header on.
    pub bytes: u32,
    /// Its sender, where the packet shows it.
    pub from: Option<IpAddr>,
    /// What else it tells if it is an ICMP error.
    pub told: Option<Told>,
}

/// Who measured the round trip.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Measured {
    /// The kernel stamps packets; this is the receive stamp, if the packet carried one.
    Stamps {
        /// Receive stamp.
        rx: Option<Wall>,
    },
    /// The kernel timed the handshake.
    TcpInfo(Rtt),
    /// Nobody but user space.
    User,
}

/// The round trip as it will be reported.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Judged {
    pub(super) timing: Timing,
    pub(super) user_rtt: Rtt,
    pub(super) stamp_loss: Option<StampLoss>,
}

/// Chooses the best source that this answer has. A series that expects kernel stamps and gets none says why.
pub(super) fn judge(entry: &Entry, arrival: &Arrival, expected: StampSource) -> Judged {
    let user_rtt = Rtt::from(arrival.at.since(entry.sent_at));
    let by_user = Timing {
        rtt: user_rtt,
        source: StampSource::User,
    };
    match arrival.measured {
        Measured::TcpInfo(rtt) => Judged {
            timing: Timing {
                rtt,
                source: StampSource::TcpInfo,
            },
            user_rtt,
            stamp_loss: None,
        },
        Measured::User => Judged {
            timing: by_user,
            user_rtt,
            stamp_loss: None,
        },
        Measured::Stamps { rx } => match kernel_rtt(entry, arrival, rx, user_rtt) {
            Ok(rtt) => Judged {
                timing: Timing {
                    rtt,
                    source: StampSource::Kernel,
                },
                user_rtt,
                stamp_loss: None,
            },
            Err(loss) => {
                let stamp_loss = (expected == StampSource::Kernel).then_some(loss);
                Judged {
                    timing: by_user,
                    user_rtt,
                    stamp_loss,
                }
            }
        },
    }
}

fn kernel_rtt(entry: &Entry, arrival: &Arrival, rx: Option<Wall>, user_rtt: Rtt) -> Result<Rtt, StampLoss> {
    let (State::Waiting { tx: Some(tx) } | State::Overdue { tx: Some(tx) }) = entry.state else {
        return Err(StampLoss::Tx);
    };
    let rx = rx.ok_or(StampLoss::Rx)?;
    if entry.epoch != arrival.epoch {
        return Err(StampLoss::ClockStep);
    }
    // User space took its times around the kernel's. A kernel RTT outside of them was measured over a step of the clock.
    let rtt = u64::try_from(rx.nanos_since(tx)).map_err(|_| StampLoss::ClockStep)?;
    if rtt > user_rtt.as_nanos() + CLOCK_ROUNDING_NS {
        return Err(StampLoss::ClockStep);
    }
    Ok(Rtt::from_nanos(rtt))
}

/// The two clocks round differently.
const CLOCK_ROUNDING_NS: u64 = 1_000;
