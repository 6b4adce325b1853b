//! A `ping` run that makes sense: every default filled in, every contradiction refused.
//!
//! Rules that are not obvious from the options:
//! - A bare host is probed by ICMP, a host with a port by ICMP and TCP. `--tcp` gives its port to targets without one
//!   and, without `--icmp`, takes ICMP from them. `--no-icmp` takes ICMP from all.
//! - Targets of the same name and host are one target with the endpoints of all, so that they share one ICMP series.
//! - Sending stops one timeout before the deadline; a deadline within the timeout would leave no probe to judge. Where only the
//!   deadline is given, half of it is the most that the timeout may be.
//! - Probes under way are bounded per target, since each costs memory until its timeout.

pub(super) mod demand;
mod error;
pub(super) mod targets;

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use self::demand::{FamilyDemand, Source};
use self::targets::Setting;
use super::args::PingArgs;
use super::surroundings::{Stdout, Surroundings, User};
use super::target::TargetSpec;
use super::threshold::Threshold;
use crate::series::{DEFAULT_PAYLOAD_BYTES, Endpoint, Pace, PacketOptions};

pub use error::PlanError;

/// Everything a `ping` run needs to know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PingPlan {
    /// What to probe; at least one.
    pub targets: Vec<Target>,
    /// Which addresses of a name to probe. Addresses among the targets fit it already.
    pub family: Family,
    /// Interval, timeout and count of each series.
    pub pace: Pace,
    /// Flows per endpoint, from 1.
    pub flows: u16,
    /// When the whole run ends; longer than the timeout.
    pub deadline: Option<Duration>,
    /// The packets.
    pub packet: PacketOptions,
    /// How to send.
    pub engine: EngineChoice,
    /// Probes due within this time of each other may leave together; zero sends each on time.
    pub slot: Duration,
    /// SYNs per second of the whole process; `None` is without limit.
    pub max_syn_rate: Option<u32>,
    /// Bytes of each socket's receive buffer; `None` leaves it to the engine.
    pub receive_buffer: Option<u32>,
    /// What to print.
    pub output: OutputOptions,
    /// What makes the run fail.
    pub thresholds: Vec<Threshold>,
}

/// A backend.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// What reports call it.
    pub name: Arc<str>,
    /// Where it is.
    pub host: Host,
    /// What to knock at; at least one, ICMP first.
    pub endpoints: Vec<Endpoint>,
}

/// Where a target is.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Host {
    /// At this address; the number is the interface index of link-local IPv6 addresses, else 0.
    Address(IpAddr, u32),
    /// Wherever this name points.
    Name(String),
}

/// Which addresses of a name to probe.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Family {
    /// All IPv4 addresses if there are any, else all IPv6 addresses.
    Any,
    /// IPv4 only.
    V4,
    /// IPv6 only.
    V6,
}

/// How to send and receive.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum EngineChoice {
    /// The best that this process may use.
    #[default]
    Auto,
    /// Raw sockets, kernel stamps.
    Raw,
    /// Datagram ICMP and `connect()`, kernel stamps.
    Unprivileged,
    /// Portable, stamps of user space.
    Portable,
}

/// What to print.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a flag of the command line, and they combine freely"
)]
pub struct OutputOptions {
    /// The summary only.
    pub quiet: bool,
    /// NDJSON instead of text.
    pub json: bool,
    /// Each probe.
    pub each: bool,
    /// No names for addresses.
    pub numeric: bool,
    /// The time of day before each line.
    pub print_times: bool,
    /// More diagnostics.
    pub verbose: bool,
}

impl PingPlan {
    /// Makes sense of a command line.
    ///
    /// # Errors
    /// Settings that contradict each other, that this user may not use, or that would take unbounded memory.
    pub fn new(args: PingArgs, surroundings: &Surroundings) -> Result<Self, PlanError> {
        if args.icmp && args.no_icmp {
            return Err(PlanError::BothIcmp);
        }
        let source = Source::new(args.source.as_ref(), surroundings)?;
        let demand = FamilyDemand::new((args.ipv4, args.ipv6), source.address)?;
        let pace = pace(&args, surroundings)?;
        let deadline = deadline(&args, pace.timeout)?;
        let setting = Setting {
            source: &source,
            demand: &demand,
            surroundings,
        };
        let targets = targets::build(&args.targets, &setting, |spec| endpoints(spec, &args))?;
        let flows = args.flows.unwrap_or(1);
        for target in &targets {
            bounded(target, flows, &pace)?;
        }
        for threshold in &args.fail_if {
            let needed = threshold.probes_needed();
            if pace.count.is_some_and(|count| count < needed) {
                return Err(PlanError::ThresholdNeedsProbes {
                    threshold: threshold.to_string(),
                    needed,
                });
            }
        }
        Ok(Self {
            targets,
            family: demand.family,
            pace,
            flows,
            deadline,
            packet: PacketOptions {
                payload_bytes: args.payload_bytes.unwrap_or(DEFAULT_PAYLOAD_BYTES),
                ttl: args.ttl,
                traffic_class: args.traffic_class.unwrap_or(0),
                interface: source.interface.map(|(name, _)| name),
                source: source.address,
            },
            engine: args.engine.unwrap_or_default(),
            slot: args.slot.unwrap_or_default().min(MAX_SLOT),
            max_syn_rate: Some(args.max_syn_rate.unwrap_or(DEFAULT_MAX_SYN_RATE)).filter(|rate| *rate != 0),
            receive_buffer: args.receive_buffer,
            output: OutputOptions {
                quiet: args.quiet,
                json: args.json,
                each: args.each,
                numeric: args.numeric,
                print_times: args.print_times,
                verbose: args.verbose,
            },
            thresholds: args.fail_if,
        })
    }
}

impl Family {
    /// Whether an address is of this family.
    #[must_use]
    pub const fn admits(self, address: IpAddr) -> bool {
        match self {
            Self::Any => true,
            Self::V4 => address.is_ipv4(),
            Self::V6 => address.is_ipv6(),
        }
    }

    /// Its name in sentences.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Any => "IPv4 or IPv6",
            Self::V4 => "IPv4",
            Self::V6 => "IPv6",
        }
    }
}

/// What a target of `ping` is probed at.
fn endpoints(spec: &TargetSpec, args: &PingArgs) -> Result<Vec<Endpoint>, PlanError> {
    let port = spec.port.or(args.tcp);
    let replaced_by_tcp = spec.port.is_none() && args.tcp.is_some() && !args.icmp;
    let icmp = (!args.no_icmp && !replaced_by_tcp).then_some(Endpoint::Icmp);
    let endpoints: Vec<Endpoint> = icmp
        .into_iter()
        .chain(port.map(|port| Endpoint::Tcp(port.get())))
        .collect();
    if endpoints.is_empty() {
        Err(PlanError::NothingToProbe(spec.to_string()))
    } else {
        Ok(endpoints)
    }
}

fn pace(args: &PingArgs, surroundings: &Surroundings) -> Result<Pace, PlanError> {
    let default_interval = if args.flood { Duration::ZERO } else { DEFAULT_INTERVAL };
    let interval = args.interval.unwrap_or(default_interval);
    if interval.is_zero() && !args.flood && surroundings.user != User::Root {
        return Err(PlanError::FloodNeedsRoot);
    }
    let timeout = args.timeout.unwrap_or_else(|| {
        args.deadline
            .map_or(DEFAULT_TIMEOUT, |end| DEFAULT_TIMEOUT.min(end / 2))
    });
    match args.deadline {
        Some(deadline) if deadline < MIN_DEADLINE => {
            let timeout = args.timeout.unwrap_or(DEFAULT_TIMEOUT);
            return Err(PlanError::DeadlineTooSmall { deadline, timeout });
        }
        _ if timeout.is_zero() => return Err(PlanError::ZeroTimeout),
        _ => {}
    }
    let default_count = match surroundings.stdout {
        Stdout::Terminal => None,
        Stdout::Elsewhere | Stdout::Journal => Some(DEFAULT_COUNT_OFF_TERMINAL),
    };
    Ok(Pace {
        interval,
        timeout,
        count: args.count.or(default_count),
    })
}

fn deadline(args: &PingArgs, timeout: Duration) -> Result<Option<Duration>, PlanError> {
    match args.deadline {
        Some(deadline) if deadline <= timeout => Err(PlanError::DeadlineTooSmall { deadline, timeout }),
        Some(deadline) => Ok(Some(deadline)),
        None if !(args.quiet && args.json) => Ok(None),
        None if CRON_DEADLINE <= timeout => Err(PlanError::ImpliedDeadlineTooSmall { timeout }),
        None => Ok(Some(CRON_DEADLINE)),
    }
}

/// Refuses paces that keep too many probes under way. An interval of 0 is bounded by the engine: it waits for replies.
fn bounded(target: &Target, flows: u16, pace: &Pace) -> Result<(), PlanError> {
    let (interval, timeout) = (pace.interval, pace.timeout);
    if interval.is_zero() {
        return Ok(());
    }
    let per_series = timeout.as_nanos().div_ceil(interval.as_nanos());
    // A count is a bound too.
    let per_series = pace.count.map_or(per_series, |count| per_series.min(count.into()));
    let series: u128 = target.endpoints.iter().map(|_| u128::from(flows)).sum();
    let probes = per_series * series;
    if probes <= MAX_OUTSTANDING {
        return Ok(());
    }
    Err(PlanError::TooManyOutstanding {
        target: target.name.to_string(),
        timeout,
        interval,
        probes,
    })
}

/// The pace of `ping` since 1983.
const DEFAULT_INTERVAL: Duration = Duration::from_secs(1);

/// Longer than any round trip around the earth, satellites included.
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(1);

/// A program that reads us expects us to end.
const DEFAULT_COUNT_OFF_TERMINAL: u64 = 10;

/// Longer slots would be a schedule of their own.
const MAX_SLOT: Duration = Duration::from_secs(1);

/// Less is no time to send a probe in and hear of it.
const MIN_DEADLINE: Duration = Duration::from_millis(2);

/// Cron starts jobs by the minute; 49 s leave 11 s for names and output before the next one.
const CRON_DEADLINE: Duration = Duration::from_secs(49);

/// Enough to probe 1,000 backends ten times a second; not enough to be taken for a SYN flood by mistake.
const DEFAULT_MAX_SYN_RATE: u32 = 10_000;

/// 2^20 probes under way per target: about 100 MB at 100 bytes each.
const MAX_OUTSTANDING: u128 = 1 << 20;

/// More flows than routers have parallel links; each takes source ports of its own.
pub(super) const MAX_FLOWS: u16 = 256;

#[cfg(test)]
mod tests;
