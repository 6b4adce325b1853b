//! The figures of one window together with what the window was: the input of every writer of figures.

use std::fmt;
use std::time::Duration;

use crate::series::Series;
use crate::stats::Summary;
use crate::units::{Rtt, Wall};

/// One window of one series, ready to be written.
#[derive(Clone, Copy, Debug)]
pub struct WindowReport<'a> {
    /// What was probed.
    pub series: &'a Series,
    /// The user's group of its target, if any.
    pub group: Option<&'a str>,
    /// The user's own words about its target: names and values.
    pub labels: &'a [(String, String)],
    /// The figures.
    pub summary: &'a Summary,
    /// When the window began.
    pub start: Wall,
    /// How long it lasted.
    pub length: Duration,
    /// Whether it lasted as long as it was meant to.
    pub completeness: Completeness,
    /// What this host did to the measurement, beyond what the figures show themselves.
    pub host: HostTrouble,
}

/// Whether a window ran to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Completeness {
    /// All that was planned was probed.
    Complete,
    /// Stopped by a signal, a deadline or the end of the run.
    Cut,
}

/// Disturbances of the prober's own host that no probe of the series can show.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct HostTrouble {
    /// Packets that this host's sockets dropped for want of room (`SO_RXQ_OVFL`).
    pub receive_drops: u64,
    /// The wall clock was stepped, or the machine suspended.
    pub clock_stepped: bool,
    /// The control target on this host was disturbed as well, or the detector says so for another reason.
    pub control_disturbed: bool,
}

impl WindowReport<'_> {
    /// Whether this host disturbed the window, so that it can't raise an alarm: packets dropped here, stamps lost, probes that could
    /// not be sent, a clock step, a disturbed control target.
    #[must_use]
    pub const fn self_noise(&self) -> bool {
        self.host.receive_drops > 0
            || self.host.clock_stepped
            || self.host.control_disturbed
            || self.summary.stamps_lost > 0
            || self.summary.counts.send_error > 0
    }

    /// What this host did, for people; `None` where there is nothing to say.
    pub(super) fn host_noise(&self) -> Option<String> {
        let mut parts = Vec::new();
        let mut count = |n: u64, what: &dyn fmt::Display| {
            if n > 0 {
                parts.push(format!("{n} {what}"));
            }
        };
        count(self.host.receive_drops, &"packets dropped by a full receive queue");
        count(self.summary.counts.send_error, &"probes not sent");
        count(self.summary.stamps_lost, &"answers without usable kernel stamps");
        if self.host.clock_stepped {
            parts.push("its clock was stepped".to_owned());
        }
        if self.host.control_disturbed {
            parts.push("its own control target was disturbed".to_owned());
        }
        if let Some(late) = self.summary.send_late.filter(|late| late.p99 >= LATE_WORTH_SAYING) {
            parts.push(format!(
                "sends late by {} (p99) to {} (max)",
                Rtt::from(late.p99),
                Rtt::from(late.max)
            ));
        }
        if let Some(delay) = self.own_delay() {
            parts.push(format!(
                "answers waited {delay} (p99) for this program, not counted in the RTT"
            ));
        }
        (!parts.is_empty()).then(|| parts.join("; "))
    }

    /// How much later than the kernel user space saw the answers, at p99, where that is worth saying.
    fn own_delay(&self) -> Option<Rtt> {
        let kernel = self.summary.rtt?.p99.as_nanos();
        let user = self.summary.user_rtt?.p99.as_nanos();
        let delay = Duration::from_nanos(user.saturating_sub(kernel));
        (delay >= WORTH_SAYING).then(|| Rtt::from(delay))
    }
}

/// A probe that leaves some milliseconds after its slot measures the same path.
const LATE_WORTH_SAYING: Duration = Duration::from_millis(10);

/// Delays of this host below 1 ms are usual on a busy machine; lateness speaks against a target's spikes only beyond that.
const WORTH_SAYING: Duration = Duration::from_millis(1);
