//! How RTTs change from one probe to the next: RFC 3550 jitter and IPDV.
//!
//! The two differ in what "next" means. RFC 3550, section 6.4.1, takes replies as they *arrive* and smooths; a lost probe in between goes
//! unnoticed. IPDV (RFC 3393 with the selection function "consecutive") takes probes as they were *sent*; a pair exists only where
//! both were received, so loss breaks it.
//!
//! Both are defined on one-way delays. Applied to round trips they say how the round trip varies, and no one-way figure is claimed.

#[cfg(test)]
mod tests;

use super::histogram::Histogram;
use super::summary::IpdvSummary;
use crate::units::{ProbeSeq, Rtt};

/// Interarrival jitter of RFC 3550, section 6.4.1: `J += (|D| - J) / 16` from the second reply on, beginning at 0.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Jitter {
    /// The first and the latest RTT, in order of arrival.
    ends: Option<(Rtt, Rtt)>,
    /// Differences taken so far.
    steps: u64,
    nanos: f64,
}

impl Jitter {
    /// Takes the next reply in order of arrival.
    #[inline]
    pub fn record(&mut self, rtt: Rtt) {
        self.ends = Some(match self.ends {
            None => (rtt, rtt),
            Some((first, last)) => {
                self.step(last, rtt);
                (first, rtt)
            }
        });
    }

    /// Continues with the replies of `later`, all of which arrived after these.
    ///
    /// Exact: the filter is linear, so what was accumulated here fades by 15/16 with each step of `later`.
    pub fn merge(&mut self, later: &Self) {
        let Some((next, last)) = later.ends else {
            return;
        };
        self.record(next);
        let steps = i32::try_from(later.steps).unwrap_or(i32::MAX);
        self.nanos = later.nanos + self.nanos * (1.0 - GAIN).powi(steps);
        self.steps = self.steps.saturating_add(later.steps);
        self.ends = self.ends.map(|(first, _)| (first, last));
    }

    /// The jitter in us; `None` before the second reply.
    #[must_use]
    pub fn micros(&self) -> Option<f64> {
        (self.steps > 0).then_some(self.nanos / 1e3)
    }

    #[inline]
    fn step(&mut self, from: Rtt, to: Rtt) {
        self.nanos += (magnitude(from, to) - self.nanos) * GAIN;
        self.steps = self.steps.saturating_add(1);
    }
}

/// |RTT(i) - RTT(i-1)| over consecutive probes that were both received (RFC 3393: undefined where either was not).
#[derive(Clone, Debug, Default)]
pub struct Ipdv {
    magnitudes: Histogram,
    /// The first and the latest settled probe.
    ends: Option<(Settled, Settled)>,
}

/// A probe with its RTT, if it has one to compare.
#[derive(Clone, Copy, Debug)]
struct Settled {
    seq: ProbeSeq,
    rtt: Option<Rtt>,
}

impl Ipdv {
    /// Takes the next probe in sending order: its RTT if it was received, else `None`.
    #[inline]
    pub fn record(&mut self, seq: ProbeSeq, rtt: Option<Rtt>) {
        let next = Settled { seq, rtt };
        self.ends = Some(match self.ends {
            None => (next, next),
            Some((first, last)) => {
                self.pair(last, next);
                (first, next)
            }
        });
    }

    /// Continues with the probes of `later`, all of which were sent after these.
    pub fn merge(&mut self, later: &Self) {
        let Some((next, last)) = later.ends else {
            return;
        };
        self.record(next.seq, next.rtt);
        self.magnitudes.merge(&later.magnitudes);
        self.ends = self.ends.map(|(first, _)| (first, last));
    }

    /// The distribution of the magnitudes.
    #[must_use]
    pub const fn magnitudes(&self) -> &Histogram {
        &self.magnitudes
    }

    /// Median and 99th percentile; `None` without a pair.
    #[must_use]
    pub fn summary(&self) -> Option<IpdvSummary> {
        Some(IpdvSummary {
            p50: self.magnitudes.quantile(0.5)?,
            p99: self.magnitudes.quantile(0.99)?,
        })
    }

    /// Bytes on the heap.
    #[must_use]
    pub fn heap_bytes(&self) -> usize {
        self.magnitudes.heap_bytes()
    }

    #[inline]
    fn pair(&mut self, earlier: Settled, later: Settled) {
        if let (Some(from), Some(to)) = (earlier.rtt, later.rtt)
            && earlier.seq.next() == later.seq
        {
            self.magnitudes
                .record(Rtt::from_nanos(to.as_nanos().abs_diff(from.as_nanos())));
        }
    }
}

/// |D| in ns. Of two RTTs of one source, the difference of transit times is the difference of the RTTs.
#[expect(clippy::cast_precision_loss, reason = "differences of RTTs are far below 2^53 ns")]
fn magnitude(from: Rtt, to: Rtt) -> f64 {
    to.as_nanos().abs_diff(from.as_nanos()) as f64
}

/// The gain of the filter, fixed by RFC 3550.
const GAIN: f64 = 1.0 / 16.0;
