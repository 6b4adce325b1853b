//! What is said after a session: whether its figures can be believed.

use std::fmt;

use serde::Serialize;

use super::account::{Account, LateMoment};
use super::interface::DeviceLoss;
use crate::stats::Histogram;
use crate::units::micros;

/// How punctual the simulator was, and what got lost between it and the kernel.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// How the simulator's thread was scheduled.
    pub scheduling: Scheduling,
    /// Packets of the kernel that went into the network.
    pub packets_in: u64,
    /// Packets of the network that the kernel took.
    pub packets_out: u64,
    /// Packets of the kernel to groups, which are not simulated.
    pub multicast: u64,
    /// What was lost that nobody simulated. Unless it is 0, losses that a prober sees may be the laboratory's.
    pub unintended_loss: u64,
    /// Packets of the network that the kernel refused.
    pub write_errors: u64,
    /// Packets of the kernel that the simulator's tap had no room for.
    pub unseen: u64,
    /// Packets that the device lost.
    pub device: DeviceLoss,
    /// From when a packet was due to when it was written.
    pub written_late: Option<Quantiles>,
    /// From when a packet left the host to when it was read. No part of any RTT, as long as its answer is due after that.
    pub read_late: Option<Quantiles>,
    /// From when a packet left the host to when the network counts it as sent, of those for which these differ.
    pub taken_late: Option<Quantiles>,
    /// Packets whose moment of sending is not known: they count as sent when they were read.
    pub unstamped: u64,
    /// When the simulator was late: RTTs that overlap these say nothing about a prober.
    pub late_moments: Vec<LateMoment>,
}

/// How a thread is scheduled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Scheduling {
    /// Before all ordinary threads.
    RealTime,
    /// As any thread.
    Ordinary,
}

/// Of a distribution of times, in us.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Quantiles {
    /// How many.
    pub count: u64,
    /// Median.
    pub p50_us: f64,
    /// 99 of 100 are not above this.
    pub p99_us: f64,
    /// The largest.
    pub max_us: f64,
}

impl Quantiles {
    /// Those of a histogram, unless it is empty.
    #[must_use]
    pub fn of(histogram: &Histogram) -> Option<Self> {
        Some(Self {
            count: histogram.count(),
            p50_us: histogram.quantile(0.5)?.as_micros(),
            p99_us: histogram.quantile(0.99)?.as_micros(),
            max_us: micros(histogram.max()?.as_nanos()),
        })
    }
}

impl Report {
    pub(super) fn new(account: Account, scheduling: Scheduling) -> Self {
        let Account {
            packets_in,
            packets_out,
            multicast,
            write_errors,
            device,
            written,
            read,
            taken,
            unstamped,
            unseen,
            late,
        } = account;
        Self {
            scheduling,
            packets_in,
            packets_out,
            multicast,
            // A refused write is an error that the device has counted, too.
            unintended_loss: unseen + device.from_kernel + device.to_kernel.max(write_errors),
            write_errors,
            unseen,
            device,
            written_late: Quantiles::of(&written),
            read_late: Quantiles::of(&read),
            taken_late: Quantiles::of(&taken),
            unstamped,
            late_moments: late.into_vec(),
        }
    }
}

impl fmt::Display for Report {
    /// One line for people.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} packets in, {} out", self.packets_in, self.packets_out)?;
        if let Some(late) = self.written_late {
            let Quantiles {
                p50_us, p99_us, max_us, ..
            } = late;
            write!(
                f,
                ", late by {p50_us:.0} us (p50), {p99_us:.0} us (p99), {max_us:.0} us (max)"
            )?;
        }
        match self.late_moments.len() {
            0 => {}
            1 => f.write_str(", 1 late moment")?,
            n => write!(f, ", {n} late moments")?,
        }
        f.write_str(match self.scheduling {
            Scheduling::RealTime => ", in real time",
            Scheduling::Ordinary => ", without real-time priority",
        })?;
        match self.unintended_loss {
            0 => f.write_str(", no unintended loss"),
            n => write!(f, ", UNINTENDED LOSS: {n} packets"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::units::Rtt;

    #[test]
    fn a_clean_session_says_so_and_a_lossy_one_shouts() {
        let mut account = Account {
            packets_in: 3,
            packets_out: 2,
            ..Account::default()
        };
        account.written.record(Rtt::from_nanos(4_400));
        account.written.record(Rtt::from_nanos(90_000));
        let clean = Report::new(account, Scheduling::RealTime);
        assert_eq!(
            clean.to_string(),
            "3 packets in, 2 out, late by 4 us (p50), 90 us (p99), 90 us (max), in real time, no unintended loss"
        );
        let lossy = Account {
            write_errors: 2,
            unseen: 1,
            device: DeviceLoss {
                to_kernel: 2,
                from_kernel: 5,
            },
            ..Account::default()
        };
        assert_eq!(
            Report::new(lossy, Scheduling::Ordinary).to_string(),
            "0 packets in, 0 out, without real-time priority, UNINTENDED LOSS: 8 packets"
        );
    }
}
