//! The figures of one series over one window, ready to be reported: what every writer reads.

use std::time::Duration;

use crate::outcome::StampSource;
use crate::units::Rtt;

/// All figures of one window of one series.
#[derive(Clone, Debug, PartialEq)]
pub struct Summary {
    /// Outcome counts.
    pub counts: Counts,
    /// `lost` of `sent` with its interval; `None` where nothing was sent.
    pub loss: Option<Proportion>,
    /// Distribution of `received`; `None` where nothing was.
    pub rtt: Option<RttSummary>,
    /// Distribution of refusals, which are timed apart.
    pub refused_rtt: Option<RttSummary>,
    /// RTT as user space saw it, of the same answers as `rtt`.
    pub user_rtt: Option<RttSummary>,
    /// Interarrival jitter of RFC 3550, section 6.4.1, in us, over replies in order of arrival; needs two.
    pub jitter_rfc3550_us: Option<f64>,
    /// IPDV (RFC 3393, selection function "consecutive") as |RTT(i) - RTT(i-1)| of consecutive sent probes, both received.
    pub ipdv: Option<IpdvSummary>,
    /// The longest run of consecutive lost probes.
    pub loss_burst_max: u64,
    /// The source of the RTTs, also where nothing answered.
    pub stamp: StampSource,
    /// Answers whose kernel stamps were missing or unusable; their RTTs are in no histogram.
    pub stamps_lost: u64,
    /// Send lateness against the schedule.
    pub send_late: Option<LatenessSummary>,
    /// Sparse HDR cells of `rtt`: ascending lower cell edges in ns, with counts.
    pub rtt_cells: Vec<(u64, u64)>,
    /// The same of `ipdv`.
    pub ipdv_cells: Vec<(u64, u64)>,
    /// The same of `send_late`, in the coarser cells of [`Lateness`](super::Lateness).
    pub send_late_cells: Vec<(u64, u64)>,
}

/// Outcome counts of one window. `sent = received + refused + reset + unreachable + late + lost`, always.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Probes that left and were judged.
    pub sent: u64,
    /// Replies within the timeout.
    pub received: u64,
    /// Never answered.
    pub lost: u64,
    /// Answered after the timeout, before the window closed.
    pub late: u64,
    /// Answers to settled probes of earlier windows that arrived in this one.
    pub late_after_close: u64,
    /// Further answers to answered probes.
    pub duplicate: u64,
    /// Received replies that a later-sent probe overtook.
    pub reordered: u64,
    /// RST in answer to a SYN.
    pub refused: u64,
    /// Reset after the connection was accepted.
    pub reset: u64,
    /// ICMP destination unreachable.
    pub unreachable: u64,
    /// The part of `unreachable` that a policy caused.
    pub prohibited: u64,
    /// Probes that never left this host; not in `sent`.
    pub send_error: u64,
    /// Probes that left but whose answers this host could not see (own receive overflow, forced end); not in `sent`.
    pub unjudged: u64,
}

impl Counts {
    /// Adds every count. Written out in full, so that a new count can't be forgotten.
    pub fn add(&mut self, more: &Self) {
        let Self {
            sent,
            received,
            lost,
            late,
            late_after_close,
            duplicate,
            reordered,
            refused,
            reset,
            unreachable,
            prohibited,
            send_error,
            unjudged,
        } = more;
        self.sent += sent;
        self.received += received;
        self.lost += lost;
        self.late += late;
        self.late_after_close += late_after_close;
        self.duplicate += duplicate;
        self.reordered += reordered;
        self.refused += refused;
        self.reset += reset;
        self.unreachable += unreachable;
        self.prohibited += prohibited;
        self.send_error += send_error;
        self.unjudged += unjudged;
    }
}

/// A proportion with its Wilson score 95 % interval.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Proportion {
    /// Successes over trials.
    pub ratio: f64,
    /// Lower end of the interval.
    pub low: f64,
    /// Upper end of the interval.
    pub high: f64,
}

/// A distribution of RTTs. `min`, `max`, `mean` and the deviations are exact, quantiles are lower edges of HDR cells (3 digits).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RttSummary {
    /// Smallest.
    pub min: Rtt,
    /// Arithmetic mean, us.
    pub mean_us: f64,
    /// Median.
    pub p50: Rtt,
    /// 90th percentile.
    pub p90: Rtt,
    /// 99th percentile.
    pub p99: Rtt,
    /// 99.9th percentile.
    pub p999: Rtt,
    /// Largest.
    pub max: Rtt,
    /// Sample standard deviation (n - 1), us; 0 for one sample.
    pub stddev_us: f64,
    /// Population standard deviation, as `ping` prints it, us.
    pub mdev_us: f64,
}

/// Quantiles of IPDV.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IpdvSummary {
    /// Median.
    pub p50: Rtt,
    /// 99th percentile.
    pub p99: Rtt,
}

/// Send lateness.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LatenessSummary {
    /// 99th percentile.
    pub p99: Duration,
    /// Largest.
    pub max: Duration,
}
