//! Recorded lines, as far as judging needs them.
//!
//! Most lines of a log are `probe` lines: they are read in one pass, with nothing copied. Others are looked at twice, for what they are first.

use std::borrow::Cow;
use std::net::IpAddr;
use std::time::Duration;

use serde::Deserialize;

use super::moment::moment;
use crate::units::Wall;

/// A line that could be read.
#[derive(Debug)]
pub(super) struct Line<'a> {
    pub(super) at: Wall,
    pub(super) vantage: Cow<'a, str>,
    pub(super) run_id: Cow<'a, str>,
    pub(super) record: Record<'a>,
}

/// What a line says.
#[derive(Debug)]
pub(super) enum Record<'a> {
    Probe(Box<ProbeLine<'a>>),
    Window(Box<WindowLine<'a>>),
    Series(Box<SeriesLine<'a>>),
    Path(Box<PathLine<'a>>),
    Trace(Box<TraceLine<'a>>),
    OwnNoise(NoiseLine),
    /// The run is over.
    Stop,
    /// It says what judging does not need, or is going to find out itself.
    Other,
}

/// Why a line can't be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unusable {
    /// It is no JSON, or not what its event should be.
    Malformed,
    /// It is of another schema.
    Foreign,
}

#[derive(Debug, Deserialize)]
struct Head<'a> {
    #[serde(borrow)]
    timestamp: Cow<'a, str>,
    #[serde(borrow)]
    schema: Option<Cow<'a, str>>,
    #[serde(borrow)]
    event: Cow<'a, str>,
    #[serde(borrow)]
    vantage: Cow<'a, str>,
    #[serde(borrow)]
    run_id: Cow<'a, str>,
}

/// A `probe` line.
#[derive(Debug, Deserialize)]
pub(super) struct ProbeLine<'a> {
    timestamp: &'a str,
    schema: &'a str,
    event: &'a str,
    #[serde(borrow)]
    vantage: Cow<'a, str>,
    run_id: &'a str,
    #[serde(borrow)]
    pub(super) target: Cow<'a, str>,
    pub(super) address: &'a str,
    pub(super) port: Option<u16>,
    pub(super) proto: &'a str,
    #[serde(default)]
    pub(super) flow: u16,
    pub(super) probe_seq: u64,
    pub(super) outcome: &'a str,
    pub(super) rtt_us: Option<f64>,
    pub(super) user_rtt_us: Option<f64>,
    pub(super) stamp: Option<&'a str>,
    pub(super) stamp_loss: Option<&'a str>,
    pub(super) ttl: Option<u8>,
    pub(super) reordered: Option<bool>,
    pub(super) icmp_type: Option<u8>,
    pub(super) icmp_code: Option<u8>,
    pub(super) from: Option<&'a str>,
    #[serde(borrow)]
    pub(super) error: Option<Cow<'a, str>>,
}

/// A `window` line.
#[derive(Debug, Deserialize)]
pub(super) struct WindowLine<'a> {
    #[serde(borrow)]
    pub(super) target: Cow<'a, str>,
    pub(super) address: &'a str,
    pub(super) port: Option<u16>,
    pub(super) proto: &'a str,
    window_start: &'a str,
    pub(super) window_s: f64,
    pub(super) sent: u64,
    pub(super) lost: u64,
    pub(super) rtt_p50_us: Option<f64>,
    pub(super) rtt_max_us: Option<f64>,
    #[serde(default)]
    pub(super) self_noise: bool,
}

/// A `series` line.
#[derive(Debug, Deserialize)]
pub(super) struct SeriesLine<'a> {
    #[serde(borrow)]
    pub(super) target: Cow<'a, str>,
    pub(super) address: &'a str,
    pub(super) port: Option<u16>,
    pub(super) proto: &'a str,
    #[serde(default)]
    pub(super) flow: u16,
    pub(super) role: &'a str,
    #[serde(borrow)]
    pub(super) group: Option<Cow<'a, str>>,
    interval_s: f64,
    timeout_s: f64,
    floor_ratio: Option<f64>,
    pub(super) stamp: &'a str,
    since_clock_s: Option<f64>,
    until: Option<&'a str>,
}

/// A `path` line.
#[derive(Debug, Deserialize)]
pub(super) struct PathLine<'a> {
    #[serde(borrow)]
    pub(super) target: Cow<'a, str>,
    pub(super) address: &'a str,
    pub(super) port: Option<u16>,
    pub(super) proto: &'a str,
    #[serde(default)]
    pub(super) flow: u16,
    pub(super) hops: Vec<Option<IpAddr>>,
    #[serde(default)]
    pub(super) presumed_ttls: Vec<u8>,
    pub(super) reached: bool,
    pub(super) starts_from_ttl: Option<u8>,
    pub(super) starts_to_ttl: Option<u8>,
    changed_at: Option<&'a str>,
    pub(super) old: Option<Vec<Option<IpAddr>>>,
}

/// A `trace` line.
#[derive(Debug, Deserialize)]
pub(super) struct TraceLine<'a> {
    #[serde(borrow)]
    pub(super) target: Cow<'a, str>,
    pub(super) address: &'a str,
    pub(super) port: Option<u16>,
    pub(super) proto: &'a str,
    #[serde(default)]
    pub(super) flow: u16,
    pub(super) reached: bool,
    end_ttl: Option<u8>,
    hops: Vec<HopFields>,
    loss_starts_at: Option<SegmentFields>,
    jitter_starts_at: Option<SegmentFields>,
}

#[derive(Debug, Deserialize)]
struct HopFields {
    ttl: u8,
    addresses: Vec<IpAddr>,
    #[serde(default)]
    presumed: bool,
}

#[derive(Debug, Deserialize)]
struct SegmentFields {
    from_ttl: u8,
    to_ttl: u8,
    confidence: Option<f64>,
}

/// An `own_noise` line.
#[derive(Debug, Deserialize)]
struct NoiseFields<'a> {
    from: &'a str,
    to: &'a str,
    late_us: Option<f64>,
    control_rtt_us: Option<f64>,
}

/// What this host did.
#[derive(Clone, Copy, Debug)]
pub(super) struct NoiseLine {
    pub(super) from: Wall,
    pub(super) to: Wall,
    /// It was late.
    pub(super) late: Option<Duration>,
    /// Its loopback spiked.
    pub(super) control: bool,
}

impl<'a> Line<'a> {
    /// Reads a line, without its newline.
    pub(super) fn read(bytes: &'a [u8]) -> Result<Self, Unusable> {
        if contains(&bytes[..bytes.len().min(PREFIX)], b"\"event\":\"probe\"")
            && let Ok(probe) = serde_json::from_slice::<ProbeLine>(bytes)
            && probe.event == "probe"
        {
            return Self::of_probe(probe);
        }
        Self::of_any(bytes)
    }

    fn of_probe(mut probe: ProbeLine<'a>) -> Result<Self, Unusable> {
        if probe.schema != SCHEMA {
            return Err(Unusable::Foreign);
        }
        Ok(Self {
            at: moment(probe.timestamp).ok_or(Unusable::Malformed)?,
            vantage: std::mem::take(&mut probe.vantage),
            run_id: Cow::Borrowed(probe.run_id),
            record: Record::Probe(Box::new(probe)),
        })
    }

    fn of_any(bytes: &'a [u8]) -> Result<Self, Unusable> {
        let head: Head = read(bytes)?;
        if head.schema.as_deref() != Some(SCHEMA) {
            return Err(Unusable::Foreign);
        }
        let record = match &*head.event {
            // The fields of a probe stand in another order, or are escaped more than needed.
            "probe" => Record::Probe(Box::new(read(bytes)?)),
            "window" => Record::Window(Box::new(read(bytes)?)),
            "series" => Record::Series(Box::new(read(bytes)?)),
            "path" => Record::Path(Box::new(read(bytes)?)),
            "trace" => Record::Trace(Box::new(read(bytes)?)),
            "own_noise" => Record::OwnNoise(read::<NoiseFields>(bytes)?.line().ok_or(Unusable::Malformed)?),
            "stop" => Record::Stop,
            _ => Record::Other,
        };
        Ok(Self {
            at: moment(&head.timestamp).ok_or(Unusable::Malformed)?,
            vantage: head.vantage,
            run_id: head.run_id,
            record,
        })
    }
}

impl WindowLine<'_> {
    /// When it began, and how long it lasted.
    pub(super) fn span(&self) -> Option<(Wall, Duration)> {
        let length = Duration::try_from_secs_f64(self.window_s).ok();
        Some((moment(self.window_start)?, length.filter(|length| *length <= LONGEST)?))
    }
}

impl SeriesLine<'_> {
    /// Time between two probes, and how long an answer may take.
    pub(super) fn pace(&self) -> Option<(Duration, Duration)> {
        let of = |seconds: f64| {
            Duration::try_from_secs_f64(seconds)
                .ok()
                .filter(|time| *time <= LONGEST)
        };
        Some((of(self.interval_s)?, of(self.timeout_s)?))
    }

    /// A share of bad probes that is nobody's trouble; `None` where that is not known.
    pub(super) fn floor(&self) -> Option<f64> {
        self.floor_ratio.filter(|share| (0.0..=1.0).contains(share))
    }

    /// When it began by the monotonic clock of the run; `None` where that is not known, or longer ago than any run is old.
    pub(super) fn clock(&self) -> Option<Duration> {
        let clock = Duration::try_from_secs_f64(self.since_clock_s?).ok()?;
        (clock <= OLDEST && !self.is_over()).then_some(clock)
    }

    /// Whether it is probed no more.
    pub(super) const fn is_over(&self) -> bool {
        self.until.is_some()
    }
}

impl PathLine<'_> {
    /// Since when the path takes its present course.
    pub(super) fn changed_at(&self) -> Option<Wall> {
        moment(self.changed_at?)
    }
}

impl TraceLine<'_> {
    /// Who answers at each TTL, without the target.
    pub(super) fn hops(&self) -> Vec<Option<IpAddr>> {
        let end = self.end_ttl.filter(|_| self.reached);
        let hops = self.hops.iter().filter(|hop| end.is_none_or(|end| hop.ttl < end));
        let mut hops: Vec<Option<IpAddr>> = hops.map(|hop| hop.addresses.first().copied()).collect();
        while !self.reached && hops.last().is_some_and(Option::is_none) {
            hops.pop();
        }
        hops
    }

    /// At which of these TTLs somebody is only presumed to answer.
    pub(super) fn presumed_ttls(&self) -> Vec<u8> {
        let presumed = self.hops.iter().filter(|hop| hop.presumed && !hop.addresses.is_empty());
        presumed.map(|hop| hop.ttl).collect()
    }

    /// Where loss, or else jitter, starts, as far as it could be told.
    pub(super) fn starts_at(&self) -> Option<(u8, u8)> {
        let found = self.loss_starts_at.iter().chain(&self.jitter_starts_at);
        let sure = found.filter(|found| found.confidence.is_some_and(|confidence| confidence >= CONFIDENT));
        let best = sure.max_by(|a, b| a.confidence.unwrap_or(0.0).total_cmp(&b.confidence.unwrap_or(0.0)));
        best.map(|found| (found.from_ttl, found.to_ttl))
    }
}

impl NoiseFields<'_> {
    fn line(&self) -> Option<NoiseLine> {
        let late = self.late_us.map(micros);
        if late == Some(None) {
            return None;
        }
        Some(NoiseLine {
            from: moment(self.from)?,
            to: moment(self.to)?,
            late: late.flatten(),
            control: self.control_rtt_us.is_some(),
        })
    }
}

/// A time in us; `None` where it is none that a probe can take.
pub(super) fn micros(us: f64) -> Option<Duration> {
    let time = Duration::try_from_secs_f64(us / 1e6).ok()?;
    (time <= LONGEST).then_some(time)
}

fn read<'a, T: Deserialize<'a>>(bytes: &'a [u8]) -> Result<T, Unusable> {
    serde_json::from_slice(bytes).map_err(|_| Unusable::Malformed)
}

fn contains(bytes: &[u8], word: &[u8]) -> bool {
    bytes.windows(word.len()).any(|part| part == word)
}

/// The schema of all lines that can be judged.
const SCHEMA: &str = "pathjitter/1";

/// The event stands third in our own lines.
const PREFIX: usize = 96;

/// Nothing that is measured takes longer.
const LONGEST: Duration = Duration::from_hours(1);

/// Ten years.
const OLDEST: Duration = Duration::from_hours(24 * 3_653);

/// As the live judgement has it.
const CONFIDENT: f64 = 0.6;
