//! The options of `trace`, in the dialect of `mtr`.

use std::num::NonZeroU16;
use std::time::Duration;

use clap::builder::FalseyValueParser;
use clap::{Args, value_parser};

use super::args::{
    ADVANCED, HelpFlag, LONG_TARGET, MAX_PAYLOAD_BYTES, OUTPUT, PACE, PACKETS, PROTOCOLS, TARGET_HELP, parse_count,
    parse_port,
};
use super::plan::MAX_FLOWS;
use super::source::SourceSpec;
use super::target::TargetSpec;
use super::trace_plan::TraceEngine;
use super::{duration, help, traffic_class};
use crate::series::MIN_PAYLOAD_BYTES;

/// Options of `trace`.
#[derive(Debug, Args)]
#[command(
    disable_help_flag = true,
    args_override_self = true,
    after_help = help::short(&help::TRACE),
    after_long_help = help::long(&help::TRACE)
)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of the command line")]
pub struct TraceArgs {
    /// What to trace.
    #[arg(value_name = "TARGET", required = true, help = TARGET_HELP, long_help = LONG_TARGET)]
    pub targets: Vec<TargetSpec>,

    /// Trace by TCP SYN only
    #[arg(short = 'T', long, help_heading = PROTOCOLS)]
    pub tcp: bool,
    /// Trace by UDP only
    #[arg(short, long, help_heading = PROTOCOLS)]
    pub udp: bool,
    /// With -T or -u: the port, for targets that name none [default: 80 for TCP, 33434 for UDP]
    #[arg(short = 'P', long, value_name = "PORT", value_parser = parse_port,
          env = "PATHJITTER_PORT", hide_env = true, help_heading = PROTOCOLS)]
    pub port: Option<NonZeroU16>,
    /// Use IPv4 only
    #[arg(short = '4', long = "ipv4", help_heading = PROTOCOLS)]
    pub ipv4: bool,
    /// Use IPv6 only
    #[arg(short = '6', long = "ipv6", help_heading = PROTOCOLS)]
    pub ipv6: bool,
    /// Trace each target over N flows, which routers may send over N paths [default: 1]
    #[arg(long, value_name = "N", value_parser = value_parser!(u16).range(1..=i64::from(MAX_FLOWS)),
          env = "PATHJITTER_FLOWS", hide_env = true, help_heading = PROTOCOLS)]
    pub flows: Option<u16>,
    /// The TTL to begin with [default: 1]
    #[arg(short, long, value_name = "TTL", value_parser = value_parser!(u8).range(1..),
          env = "PATHJITTER_FIRST_TTL", hide_env = true, help_heading = PROTOCOLS)]
    pub first_ttl: Option<u8>,
    /// The largest TTL to try [default: 30]
    #[arg(short, long, value_name = "TTL", value_parser = value_parser!(u8).range(1..),
          env = "PATHJITTER_MAX_TTL", hide_env = true, help_heading = PROTOCOLS)]
    pub max_ttl: Option<u8>,

    /// Stop after N cycles, each of which probes every hop once [default: no end in the live view, else 10]
    #[arg(short, long, alias = "report-cycles", value_name = "N", value_parser = parse_count,
          env = "PATHJITTER_CYCLES", hide_env = true, help_heading = PACE)]
    pub cycles: Option<u64>,
    /// Time between two cycles, from 10ms [default: 1s]
    ///
    /// Durations are written 200ms, 1.5s or 1m; a bare number is seconds. Each router is still probed only once a second, unless
    /// --fast is given.
    #[arg(short, long, value_name = "DUR", value_parser = duration::parse, allow_hyphen_values = true,
          env = "PATHJITTER_INTERVAL", hide_env = true, help_heading = PACE)]
    pub interval: Option<Duration>,
    /// How long to wait for each answer, up to 1m [default: 3s]
    #[arg(short = 'W', long, value_name = "DUR", value_parser = duration::parse, allow_hyphen_values = true,
          env = "PATHJITTER_TIMEOUT", hide_env = true, help_heading = PACE)]
    pub timeout: Option<Duration>,
    /// Probe each hop as often as -i says, even if that is more than routers answer
    #[arg(long, help_heading = PACE)]
    pub fast: bool,

    /// Bytes of payload, 24 to 65507; headers come on top [default: 56]
    #[arg(short = 's', long = "size", value_name = "BYTES",
          value_parser = value_parser!(u16).range(i64::from(MIN_PAYLOAD_BYTES)..=MAX_PAYLOAD_BYTES),
          env = "PATHJITTER_SIZE", hide_env = true, help_heading = PACKETS)]
    pub payload_bytes: Option<u16>,
    /// Interface or address to send from
    #[arg(short = 'I', long = "source", value_name = "IFACE|ADDR",
          env = "PATHJITTER_SOURCE", hide_env = true, help_heading = PACKETS)]
    pub source: Option<SourceSpec>,
    /// TOS byte or traffic class: 0 to 255, 0xb8, or a name such as ef, af21, cs6, lowdelay [default: 0]
    #[arg(short = 'Q', long = "tos", value_name = "TOS", value_parser = traffic_class::parse, allow_hyphen_values = true,
          env = "PATHJITTER_TOS", hide_env = true, help_heading = PACKETS)]
    pub traffic_class: Option<u8>,

    /// Print a report at the end, and no live view
    #[arg(short, long, help_heading = OUTPUT)]
    pub report: bool,
    /// The same with names in full, however wide the lines become
    #[arg(short = 'w', long, help_heading = OUTPUT)]
    pub report_wide: bool,
    /// Print JSON, one object a line (NDJSON), for each path at the end, and when one changes
    #[arg(short, long, value_parser = FalseyValueParser::new(),
          env = "PATHJITTER_JSON", hide_env = true, help_heading = OUTPUT)]
    pub json: bool,
    /// Print addresses only; look up no names for them
    #[arg(short, long, alias = "no-dns", value_parser = FalseyValueParser::new(),
          env = "PATHJITTER_NUMERIC", hide_env = true, help_heading = OUTPUT)]
    pub numeric: bool,
    /// Say more on standard error
    #[arg(short, long, value_parser = FalseyValueParser::new(),
          env = "PATHJITTER_VERBOSE", hide_env = true, help_heading = OUTPUT)]
    pub verbose: bool,

    /// How to send
    #[arg(long, help = ENGINE_HELP, value_name = "ENGINE", value_enum, hide_possible_values = true,
          env = "PATHJITTER_ENGINE", hide_env = true, help_heading = ADVANCED)]
    pub engine: Option<TraceEngine>,

    #[command(flatten)]
    help: HelpFlag,
}

// Not a doc comment: rustdoc would take the brackets for a link.
const ENGINE_HELP: &str = "How to send: auto, raw (root or CAP_NET_RAW), or unprivileged (ICMP only) [default: auto]";
