//! Series and figures that tests write down by hand.

pub(super) mod incidents;
pub(super) mod traces;

use std::net::IpAddr;
use std::time::Duration;

use super::window::{Completeness, HostTrouble, WindowReport};
use crate::outcome::StampSource;
use crate::series::{Endpoint, Series};
use crate::stats::{Counts, IpdvSummary, LatenessSummary, Proportion, RttSummary, Summary};
use crate::units::{Rtt, Wall};

pub(super) fn series(target: &str, address: &str, port: Option<u16>) -> Series {
    Series {
        target: target.into(),
        address: address.parse::<IpAddr>().unwrap(),
        scope_id: 0,
        endpoint: port.map_or(Endpoint::Icmp, Endpoint::Tcp),
        flow: 0,
    }
}

pub(super) fn us(micros: u64) -> Rtt {
    Rtt::from(Duration::from_micros(micros))
}

/// RTTs around `p50` us, with a largest of `max` us.
pub(super) fn rtt(p50: u64, max: u64) -> RttSummary {
    RttSummary {
        min: us(p50 - 23),
        mean_us: 431.25,
        p50: us(p50),
        p90: us(p50 + 70),
        p99: us(max),
        p999: us(max),
        max: us(max),
        stddev_us: 41.5,
        mdev_us: 39.37,
    }
}

/// Nothing measured yet.
pub(super) fn nothing() -> Summary {
    Summary {
        counts: Counts::default(),
        loss: None,
        rtt: None,
        refused_rtt: None,
        user_rtt: None,
        jitter_rfc3550_us: None,
        ipdv: None,
        loss_burst_max: 0,
        stamp: StampSource::Kernel,
        stamps_lost: 0,
        send_late: None,
        rtt_cells: Vec::new(),
        ipdv_cells: Vec::new(),
        send_late_cells: Vec::new(),
    }
}

/// 10 probes, 10 replies.
pub(super) fn healthy() -> Summary {
    Summary {
        counts: Counts {
            sent: 10,
            received: 10,
            ..Counts::default()
        },
        loss: Some(LOST_0_OF_10),
        rtt: Some(rtt(412, 530)),
        user_rtt: Some(rtt(433, 580)),
        jitter_rfc3550_us: Some(21.456),
        ipdv: Some(IpdvSummary {
            p50: us(10),
            p99: us(120),
        }),
        send_late: Some(LatenessSummary {
            p99: Duration::from_micros(61),
            max: Duration::from_micros(80),
        }),
        rtt_cells: vec![(389_120, 2), (412_160, 7), (529_920, 1)],
        ..nothing()
    }
}

/// 10 probes, 2 lost in a row, the rest slow.
pub(super) fn lossy() -> Summary {
    Summary {
        counts: Counts {
            sent: 10,
            received: 8,
            lost: 2,
            ..Counts::default()
        },
        loss: Some(Proportion {
            ratio: 0.2,
            low: 0.056_682,
            high: 0.509_838,
        }),
        rtt: Some(rtt(401, 84_312)),
        jitter_rfc3550_us: Some(5_210.3),
        loss_burst_max: 2,
        ..healthy()
    }
}

/// 10 SYNs, 10 RSTs.
pub(super) fn refused() -> Summary {
    Summary {
        counts: Counts {
            sent: 10,
            refused: 10,
            ..Counts::default()
        },
        loss: Some(LOST_0_OF_10),
        refused_rtt: Some(rtt(380, 455)),
        ..nothing()
    }
}

/// 10 probes, no answer to any.
pub(super) fn silent() -> Summary {
    Summary {
        counts: Counts {
            sent: 10,
            lost: 10,
            ..Counts::default()
        },
        loss: Some(Proportion {
            ratio: 1.0,
            low: 0.722_467,
            high: 1.0,
        }),
        loss_burst_max: 10,
        ..nothing()
    }
}

/// A bit of everything, on a host in trouble.
pub(super) fn troubled() -> Summary {
    Summary {
        counts: Counts {
            sent: 50,
            received: 37,
            lost: 3,
            late: 2,
            late_after_close: 1,
            duplicate: 4,
            reordered: 5,
            refused: 3,
            reset: 1,
            unreachable: 4,
            prohibited: 1,
            send_error: 6,
            unjudged: 7,
        },
        loss: Some(Proportion {
            ratio: 0.06,
            low: 0.020_617,
            high: 0.162_209,
        }),
        refused_rtt: Some(rtt(380, 455)),
        user_rtt: Some(rtt(433, 96_100)),
        loss_burst_max: 1,
        stamps_lost: 8,
        send_late: Some(LatenessSummary {
            p99: Duration::from_millis(12),
            max: Duration::from_millis(45),
        }),
        ..lossy()
    }
}

pub(super) fn report<'a>(series: &'a Series, summary: &'a Summary) -> WindowReport<'a> {
    WindowReport {
        series,
        group: None,
        labels: &[],
        summary,
        start: Wall::from_nanos(1_700_000_000_000_000_000),
        length: Duration::from_millis(9_012),
        completeness: Completeness::Complete,
        host: HostTrouble::default(),
    }
}

/// Wilson score interval at 95 %: z^2 / (n + z^2) with z = 1.96 at its upper end.
pub(super) const LOST_0_OF_10: Proportion = Proportion {
    ratio: 0.0,
    low: 0.0,
    high: 0.277_533,
};
