//! A ledger as a scrape sees it.

use std::fmt;
use std::io::{self, Write};
use std::sync::Arc;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{
    DescriptorEncoder, EncodeCounterValue, EncodeGaugeValue, MetricEncoder, NativeHistogram, NativeHistogramBuckets,
    NoLabelSet, prometheus_protobuf, text,
};
use prometheus_client::registry::Registry;

use super::buckets::Buckets;
use super::families::{self, Family, OUTCOMES};
use super::format::Format;
use super::identity::{Identity, Labelled};
use super::ledger::{Backend, Book, Ledger};
use super::lines::Lines;
use super::smokeping;
use crate::diagnose::VerdictCode;
use crate::units::Wall;

/// What the system knows of this process; what it does not tell is not exposed.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct ProcessFigures {
    /// CPU time used, in seconds.
    pub cpu_seconds: Option<f64>,
    /// Memory occupied.
    pub resident_bytes: Option<u64>,
    /// Seconds since 1970.
    pub start_time_seconds: Option<f64>,
    /// Open file descriptors.
    pub open_fds: Option<u64>,
    /// How many there may be.
    pub max_fds: Option<u64>,
    /// Lines of output that were left out.
    pub lines_dropped: u64,
    /// Updates of a ledger that were left out.
    pub updates_dropped: u64,
}

/// A ledger that could not be encoded.
#[derive(Debug, thiserror::Error)]
pub enum EncodeError {
    /// The encoder gave up.
    #[error("the metrics could not be encoded: {0}")]
    Metrics(String),
    /// They could not be written.
    #[error("the metrics could not be written")]
    Write(#[from] io::Error),
}

impl Ledger {
    /// Writes all metrics in one format, text line by line.
    ///
    /// # Errors
    /// What `to` says; an encoder that writes into memory has none of its own that are known.
    pub fn encode(&self, process: ProcessFigures, format: Format, to: &mut dyn Write) -> Result<(), EncodeError> {
        let mut registry = Registry::default();
        let book = self.shared();
        registry.register_collector(Box::new(Scrape { book, process }));
        let wrong = |error: &dyn fmt::Display| EncodeError::Metrics(error.to_string());
        let mut lines = match format {
            Format::Text => Lines::classic(to),
            Format::OpenMetrics => Lines::open_metrics(to),
            Format::Protobuf => {
                let all = prometheus_protobuf::encode_to_vec(&registry).map_err(|error| wrong(&error))?;
                return Ok(to.write_all(&all)?);
            }
        };
        text::encode(&mut lines, &registry).map_err(|error| match lines.failure.take() {
            Some(failure) => failure.into(),
            None => wrong(&error),
        })
    }
}

/// What is encoded once.
#[derive(Debug)]
struct Scrape {
    book: Arc<Book>,
    process: ProcessFigures,
}

impl Collector for Scrape {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let all = &mut encoder;
        self.histograms(all)?;
        self.probes(all)?;
        self.trouble(all)?;
        self.incidents(all)?;
        self.own_noise(all)?;
        self.program(all)?;
        self.process(all)?;
        if self.book.has_smokeping {
            let series = self.book.backends.iter();
            smokeping::encode(all, series.map(|(identity, kept)| (identity, &kept.counted)))?;
        }
        Ok(())
    }
}

impl Scrape {
    fn histograms(&self, all: &mut DescriptorEncoder<'_>) -> fmt::Result {
        self.histogram(all, families::RTT, |backend| &backend.rtt)?;
        self.histogram(all, families::IPDV, |backend| &backend.ipdv)
    }

    fn probes(&self, all: &mut DescriptorEncoder<'_>) -> fmt::Result {
        self.of_each(all, families::SENT, |backend| backend.counts.sent)?;
        self.of_each(all, families::RECEIVED, |backend| backend.counts.received)?;
        let mut failed = begin(all, families::FAILED)?;
        for (identity, kept) in &self.book.backends {
            for (outcome, count_of) in OUTCOMES {
                let of = labelled(identity, Some(("outcome", outcome)));
                counter(&mut failed.encode_family(&of)?, &count_of(&kept.counted.counts))?;
            }
        }
        self.of_each(all, families::DUPLICATES, |backend| backend.counts.duplicate)?;
        self.of_each(all, families::REORDERED, |backend| backend.counts.reordered)?;
        self.of_each(all, families::LATE_AFTER_CLOSE, |backend| {
            backend.counts.late_after_close
        })?;
        self.of_each(all, families::STAMPS_LOST, |backend| backend.stamps_lost)?;
        self.of_each(all, families::WINDOWS, |backend| backend.windows)?;
        self.of_each(all, families::DISTURBED, |backend| backend.disturbed)
    }

    fn trouble(&self, all: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let mut spikes = begin(all, families::SPIKES)?;
        for (identity, kept) in &self.book.backends {
            for (kind, count) in kept.counted.spikes() {
                let of = labelled(identity, Some(("kind", kind)));
                counter(&mut spikes.encode_family(&of)?, &count)?;
            }
        }
        self.of_each(all, families::LEVEL_SHIFTS, |backend| backend.shifts)?;
        let mut degraded = begin(all, families::DEGRADED)?;
        for (identity, kept) in &self.book.backends {
            let of = labelled(identity, None);
            gauge(&mut degraded.encode_family(&of)?, &u64::from(kept.counted.is_degraded))?;
        }
        let mut changes = begin(all, families::PATH_CHANGES)?;
        for (identity, kept) in &self.book.paths {
            let of = labelled(identity, None);
            counter(&mut changes.encode_family(&of)?, &kept.counted.changes)?;
        }
        let mut hops = begin(all, families::PATH_HOPS)?;
        for (identity, kept) in &self.book.paths {
            let of = labelled(identity, None);
            let count = u64::try_from(kept.counted.hops).unwrap_or(u64::MAX);
            gauge(&mut hops.encode_family(&of)?, &count)?;
        }
        Ok(())
    }

    fn incidents(&self, all: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let mut incidents = begin(all, families::INCIDENTS)?;
        for (verdict, count) in &self.book.incidents {
            counter(&mut incidents.encode_family(&[("verdict", verdict.as_str())])?, count)?;
        }
        counter(
            &mut begin(all, families::INCIDENTS_OPENED)?,
            &self.book.incidents_opened,
        )?;
        let mut open = begin(all, families::INCIDENTS_OPEN)?;
        for verdict in VerdictCode::ALL {
            let count = u64::try_from(self.book.open_incidents(verdict)).unwrap_or(u64::MAX);
            gauge(&mut open.encode_family(&[("verdict", verdict.as_str())])?, &count)?;
        }
        Ok(())
    }

    fn own_noise(&self, all: &mut DescriptorEncoder<'_>) -> fmt::Result {
        distribution(&mut begin(all, families::LATENESS)?, &self.book.lateness)?;
        let noise = &self.book.noise;
        counter(&mut begin(all, families::STALLS)?, &noise.stalls)?;
        counter(&mut begin(all, families::STALLED)?, &noise.stalled.as_secs_f64())?;
        counter(&mut begin(all, families::CONTROL_SPIKES)?, &noise.control_spikes)?;
        counter(&mut begin(all, families::RECEIVE_DROPS)?, &noise.receive_drops)?;
        counter(&mut begin(all, families::CLOCK_STEPS)?, &noise.clock_steps)
    }

    fn program(&self, all: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let book = &self.book;
        counter(&mut begin(all, families::LINES_DROPPED)?, &self.process.lines_dropped)?;
        counter(
            &mut begin(all, families::UPDATES_DROPPED)?,
            &self.process.updates_dropped,
        )?;
        gauge(&mut begin(all, families::WINDOW)?, &book.window.as_secs_f64())?;
        gauge(
            &mut begin(all, families::LAST_WINDOW)?,
            &book.last_window.map_or(0.0, seconds),
        )?;
        let version = [("version", env!("CARGO_PKG_VERSION"))];
        gauge(&mut begin(all, families::BUILD_INFO)?.encode_family(&version)?, &1_u64)?;
        gauge(&mut begin(all, families::RELOAD_GOOD)?, &u64::from(book.reload_is_good))?;
        gauge(&mut begin(all, families::RELOAD_TIME)?, &seconds(book.reloaded))
    }

    fn process(&self, all: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let process = &self.process;
        if let Some(value) = process.cpu_seconds {
            counter(&mut begin(all, families::CPU)?, &value)?;
        }
        if let Some(value) = process.start_time_seconds {
            gauge(&mut begin(all, families::STARTED)?, &value)?;
        }
        let counts = [
            (families::RESIDENT, process.resident_bytes),
            (families::OPEN_FDS, process.open_fds),
            (families::MAX_FDS, process.max_fds),
        ];
        for (family, value) in counts {
            if let Some(value) = value {
                gauge(&mut begin(all, family)?, &value)?;
            }
        }
        Ok(())
    }

    fn of_each(&self, all: &mut DescriptorEncoder<'_>, family: Family, count_of: fn(&Backend) -> u64) -> fmt::Result {
        let mut metrics = begin(all, family)?;
        for (identity, kept) in &self.book.backends {
            let of = labelled(identity, None);
            counter(&mut metrics.encode_family(&of)?, &count_of(&kept.counted))?;
        }
        Ok(())
    }

    fn histogram(
        &self,
        all: &mut DescriptorEncoder<'_>,
        family: Family,
        buckets_of: fn(&Backend) -> &Buckets,
    ) -> fmt::Result {
        let mut metrics = begin(all, family)?;
        for (identity, kept) in &self.book.backends {
            let of = labelled(identity, None);
            distribution(&mut metrics.encode_family(&of)?, buckets_of(&kept.counted))?;
        }
        Ok(())
    }
}

pub(super) fn begin<'s>(all: &'s mut DescriptorEncoder<'_>, family: Family) -> Result<MetricEncoder<'s>, fmt::Error> {
    all.encode_descriptor(family.bare_name(), family.help, None, family.metric_type())
}

const fn labelled<'a>(of: &'a Identity, more: Option<(&'static str, &'static str)>) -> Labelled<'a> {
    Labelled { of, more }
}

fn distribution(metric: &mut MetricEncoder<'_>, buckets: &Buckets) -> fmt::Result {
    distribution_in(metric, buckets, &buckets.classic())
}

/// Buckets, with these classic ones.
pub(super) fn distribution_in(
    metric: &mut MetricEncoder<'_>,
    buckets: &Buckets,
    classic: &[(f64, u64)],
) -> fmt::Result {
    let native = buckets.native();
    let native = NativeHistogram {
        schema: native.schema,
        zero_threshold: ZERO_THRESHOLD,
        zero_count: native.zeros,
        negative: NativeHistogramBuckets {
            spans: &[],
            deltas: &[],
        },
        positive: NativeHistogramBuckets {
            spans: &native.spans,
            deltas: &native.deltas,
        },
        created: None,
    };
    metric.encode_histogram_with_native::<NoLabelSet>(buckets.sum_seconds(), buckets.count(), classic, None, native)
}

pub(super) fn counter(metric: &mut MetricEncoder<'_>, value: &impl EncodeCounterValue) -> fmt::Result {
    metric.encode_counter::<NoLabelSet, _, u64>(value, None)
}

fn gauge(metric: &mut MetricEncoder<'_>, value: &impl EncodeGaugeValue) -> fmt::Result {
    metric.encode_gauge(value)
}

/// Since 1970.
#[expect(clippy::cast_precision_loss, reason = "to a microsecond until the year 2255")]
fn seconds(at: Wall) -> f64 {
    at.as_nanos() as f64 / 1e9
}

/// 2^-128, as client libraries have it: nothing but zero lies below it, and it tells even an empty histogram to be native.
const ZERO_THRESHOLD: f64 = 2.938_735_877_055_719e-39;
