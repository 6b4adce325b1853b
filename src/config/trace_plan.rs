//! A `trace` run that makes sense: every default filled in, every contradiction refused.
//!
//! Rules that are not obvious from the options:
//! - A bare host is traced by ICMP, a host with a port by ICMP and TCP. `-T` and `-u` trace by one protocol alone: to the port of the
//!   target, else that of `-P`, else the usual one.
//! - What is read by a program ends by itself: the live view alone has no end.
//! - JSON wins over a report, and either over the live view.

use std::time::Duration;

use super::args::TraceArgs;
use super::plan::demand::{FamilyDemand, Source};
use super::plan::targets::{self, Setting};
use super::plan::{Family, PlanError, Target};
use super::surroundings::{Stdout, Surroundings};
use super::target::TargetSpec;
use crate::series::{DEFAULT_PAYLOAD_BYTES, Endpoint, PacketOptions};

/// Everything a `trace` run needs to know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TracePlan {
    /// What to trace; at least one.
    pub targets: Vec<Target>,
    /// Which addresses of a name to trace. Addresses among the targets fit it already.
    pub family: Family,
    /// Flows per endpoint, from 1.
    pub flows: u16,
    /// The TTL that a cycle begins with, from 1.
    pub first_ttl: u8,
    /// The largest TTL, not below the first.
    pub max_ttl: u8,
    /// Cycles; `None` is without end.
    pub cycles: Option<u64>,
    /// Time between two cycles.
    pub interval: Duration,
    /// How long an answer may take.
    pub timeout: Duration,
    /// Whether to probe more often than routers answer.
    pub fast: bool,
    /// The packets.
    pub packet: PacketOptions,
    /// How to send.
    pub engine: TraceEngine,
    /// What to show.
    pub view: TraceView,
    /// No names for addresses.
    pub numeric: bool,
    /// More diagnostics.
    pub verbose: bool,
}

/// What to show of a trace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TraceView {
    /// A table, redrawn in place.
    Live,
    /// A report at the end, with names cut to the width.
    Report,
    /// A report at the end, with names in full.
    WideReport,
    /// NDJSON.
    Json,
}

/// How to send the probes of a trace. (User-space stamps come with a tool that sets no TTL per probe.)
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum TraceEngine {
    /// The best that this process may use.
    #[default]
    Auto,
    /// Raw sockets.
    Raw,
    /// Datagram ICMP sockets.
    Unprivileged,
}

impl TracePlan {
    /// Makes sense of a command line.
    ///
    /// # Errors
    /// Settings that contradict each other, or leave nothing to probe.
    pub fn new(args: &TraceArgs, surroundings: &Surroundings) -> Result<Self, PlanError> {
        let source = Source::new(args.source.as_ref(), surroundings)?;
        let demand = FamilyDemand::new((args.ipv4, args.ipv6), source.address)?;
        let transport = Transport::new(args)?;
        let setting = Setting {
            source: &source,
            demand: &demand,
            surroundings,
        };
        let targets = targets::build(&args.targets, &setting, |spec| Ok(transport.endpoints(spec)))?;
        let (first_ttl, max_ttl) = ttls(args)?;
        let (interval, timeout) = times(args)?;
        let view = view(args, surroundings.stdout);
        Ok(Self {
            targets,
            family: demand.family,
            flows: args.flows.unwrap_or(1),
            first_ttl,
            max_ttl,
            cycles: args.cycles.or((view != TraceView::Live).then_some(DEFAULT_CYCLES)),
            interval,
            timeout,
            fast: args.fast,
            packet: PacketOptions {
                payload_bytes: args.payload_bytes.unwrap_or(DEFAULT_PAYLOAD_BYTES),
                ttl: None,
                traffic_class: args.traffic_class.unwrap_or(0),
                interface: source.interface.map(|(name, _)| name),
                source: source.address,
            },
            engine: args.engine.unwrap_or_default(),
            view,
            numeric: args.numeric,
            verbose: args.verbose,
        })
    }
}

/// What the options say about protocols.
enum Transport {
    /// ICMP, and TCP where a target names a port.
    AsTargetsSay,
    /// TCP alone, to this port where a target names none.
    Tcp(u16),
    /// UDP alone, likewise.
    Udp(u16),
}

impl Transport {
    fn new(args: &TraceArgs) -> Result<Self, PlanError> {
        let port = args.port.map(std::num::NonZeroU16::get);
        match (args.tcp, args.udp, port) {
            (true, true, _) => Err(PlanError::BothTransports),
            (false, false, Some(port)) => Err(PlanError::PortWithoutTransport(port)),
            (false, false, None) => Ok(Self::AsTargetsSay),
            (true, false, port) => Ok(Self::Tcp(port.unwrap_or(DEFAULT_TCP_PORT))),
            (false, true, port) => Ok(Self::Udp(port.unwrap_or(DEFAULT_UDP_PORT))),
        }
    }

    fn endpoints(&self, spec: &TargetSpec) -> Vec<Endpoint> {
        let named = spec.port.map(std::num::NonZeroU16::get);
        match *self {
            Self::AsTargetsSay => std::iter::once(Endpoint::Icmp)
                .chain(named.map(Endpoint::Tcp))
                .collect(),
            Self::Tcp(port) => vec![Endpoint::Tcp(named.unwrap_or(port))],
            Self::Udp(port) => vec![Endpoint::Udp(named.unwrap_or(port))],
        }
    }
}

fn ttls(args: &TraceArgs) -> Result<(u8, u8), PlanError> {
    let first = args.first_ttl.unwrap_or(1);
    // Whoever begins beyond the default must mean to go on from there.
    let max = args.max_ttl.unwrap_or_else(|| first.max(DEFAULT_MAX_TTL));
    if first > max {
        return Err(PlanError::FirstBeyondMax { first, max });
    }
    Ok((first, max))
}

fn times(args: &TraceArgs) -> Result<(Duration, Duration), PlanError> {
    let interval = args.interval.unwrap_or(DEFAULT_INTERVAL);
    if interval < MIN_INTERVAL {
        let least = MIN_INTERVAL;
        return Err(PlanError::CycleTooShort { interval, least });
    }
    let timeout = args.timeout.unwrap_or(DEFAULT_TIMEOUT);
    if timeout.is_zero() {
        return Err(PlanError::ZeroTimeout);
    }
    if timeout > MAX_TIMEOUT {
        let most = MAX_TIMEOUT;
        return Err(PlanError::TimeoutTooLong { timeout, most });
    }
    Ok((interval, timeout))
}

fn view(args: &TraceArgs, stdout: Stdout) -> TraceView {
    match stdout {
        _ if args.json => TraceView::Json,
        _ if args.report_wide => TraceView::WideReport,
        Stdout::Terminal if !args.report => TraceView::Live,
        Stdout::Terminal | Stdout::Journal | Stdout::Elsewhere => TraceView::Report,
    }
}

/// As `mtr --report`.
const DEFAULT_CYCLES: u64 = 10;

/// Routers answer so often, and no more (Linux: `net.ipv4.icmp_ratelimit`).
const DEFAULT_INTERVAL: Duration = Duration::from_secs(1);

/// With 30 hops and the longest timeout, a path has 180,000 probes under way.
const MIN_INTERVAL: Duration = Duration::from_millis(10);

/// Routers answer in their spare time: later than backends do.
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(3);

/// No router takes longer; probes under way cost memory until then.
const MAX_TIMEOUT: Duration = Duration::from_mins(1);

/// As `mtr` and `traceroute`; paths in the internet have about half as many hops.
const DEFAULT_MAX_TTL: u8 = 30;

/// As `mtr -T`: the port that is most often open.
const DEFAULT_TCP_PORT: u16 = 80;

/// The first port that `traceroute` uses: seldom is anything listening there.
const DEFAULT_UDP_PORT: u16 = 33_434;

#[cfg(test)]
mod tests;
