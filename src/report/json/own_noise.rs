//! The `own_noise` line: what this host did to its own measurement.
//!
//! Who judges a log later needs what the live run knew of its host: probes of these moments accuse nobody else.

use std::time::Duration;

use serde::Serialize;

use super::{Body, number, timestamp};
use crate::units::{Rtt, Wall};

/// What this host did between two moments: a stall, or all of a disturbed window. What was not seen is zero.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct HostNoise {
    /// From when on.
    pub from: Wall,
    /// Until when.
    pub to: Wall,
    /// How late it sent, or noticed what it waited for, at most; `None` where it was not late.
    pub late: Option<Duration>,
    /// Packets that its sockets dropped for want of room.
    pub receive_drops: u64,
    /// Answers without usable kernel stamps.
    pub stamps_lost: u64,
    /// Probes that never left.
    pub send_errors: u64,
    /// Whether its wall clock was stepped, or it was suspended.
    pub clock_stepped: bool,
    /// The longest RTT of its loopback control; `None` where that was not disturbed, or there is none.
    pub control_rtt: Option<Rtt>,
}

#[derive(Serialize)]
pub(super) struct OwnNoiseBody {
    from: String,
    to: String,
    late_us: Option<f64>,
    receive_drops: u64,
    stamps_lost: u64,
    send_error: u64,
    clock_stepped: bool,
    control_rtt_us: Option<f64>,
}

impl Body for OwnNoiseBody {
    fn event(&self) -> &'static str {
        "own_noise"
    }
}

impl OwnNoiseBody {
    pub(super) fn new(noise: &HostNoise) -> Self {
        Self {
            from: timestamp(noise.from),
            to: timestamp(noise.to),
            late_us: noise.late.map(number::micros_of_duration),
            receive_drops: noise.receive_drops,
            stamps_lost: noise.stamps_lost,
            send_error: noise.send_errors,
            clock_stepped: noise.clock_stepped,
            control_rtt_us: noise.control_rtt.map(number::micros),
        }
    }
}
