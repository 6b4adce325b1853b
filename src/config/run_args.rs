//! The options of `run`, and of `config`. What is also a key of the file has no default here: the file may say it.

use std::net::{IpAddr, SocketAddr};
use std::num::NonZeroU16;
use std::path::PathBuf;
use std::time::Duration;

use clap::builder::FalseyValueParser;
use clap::{Args, Subcommand, value_parser};

use super::args::{
    ADVANCED, HelpFlag, LONG_TARGET, MAX_PAYLOAD_BYTES, OUTPUT, PACE, PACKETS, PROTOCOLS, TARGET_HELP, parse_buffer,
    parse_port,
};
use super::nats::NatsAddress;
use super::run_plan::{JournalUse, RunEngine};
use super::source::SourceSpec;
use super::syslog::SyslogAddress;
use super::target::TargetSpec;
use super::{duration, help, traffic_class};
use crate::series::MIN_PAYLOAD_BYTES;

/// Options of `run`.
#[derive(Debug, Default, Args)]
#[command(
    disable_help_flag = true,
    args_override_self = true,
    after_help = help::short(&help::RUN),
    after_long_help = help::long(&help::RUN)
)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of the command line")]
pub struct RunArgs {
    /// What to probe, beside the targets of the file.
    #[arg(value_name = "TARGET", help = TARGET_HELP, long_help = LONG_TARGET)]
    pub targets: Vec<TargetSpec>,

    /// Read targets and settings from FILE; options here override it
    ///
    /// 'pathjitter config print' prints a file with all settings and their defaults. Without this option and without targets,
    /// /etc/pathjitter/pathjitter.toml is read.
    #[arg(short, long, value_name = "FILE", env = "PATHJITTER_CONFIG", hide_env = true)]
    pub config: Option<PathBuf>,

    /// Also send SYNs to PORT of targets that name no port; alone, it replaces ICMP for them
    #[arg(long, value_name = "PORT", value_parser = parse_port, help_heading = PROTOCOLS)]
    pub tcp: Option<NonZeroU16>,
    /// Probe by ICMP echo too where --tcp would replace it
    #[arg(long, help_heading = PROTOCOLS)]
    pub icmp: bool,
    /// Probe no target by ICMP echo
    #[arg(long, help_heading = PROTOCOLS)]
    pub no_icmp: bool,
    /// Use IPv4 only
    #[arg(short = '4', long = "ipv4", help_heading = PROTOCOLS)]
    pub ipv4: bool,
    /// Use IPv6 only
    #[arg(short = '6', long = "ipv6", help_heading = PROTOCOLS)]
    pub ipv6: bool,

    /// Time between two echoes to a target [default: 200ms]
    #[arg(short, long, value_name = "DUR", value_parser = duration::parse, allow_hyphen_values = true, help_heading = PACE)]
    pub interval: Option<Duration>,
    /// Time between two SYNs to a port [default: 1s]
    #[arg(long, value_name = "DUR", value_parser = duration::parse, allow_hyphen_values = true, help_heading = PACE)]
    pub tcp_interval: Option<Duration>,
    /// How long to wait for each answer, up to 1m [default: 1s]
    #[arg(short = 'W', long, value_name = "DUR", value_parser = duration::parse, allow_hyphen_values = true, help_heading = PACE)]
    pub timeout: Option<Duration>,
    /// Stop after this time [default: no end]
    #[arg(long, value_name = "DUR", value_parser = duration::parse, allow_hyphen_values = true, help_heading = PACE)]
    pub duration: Option<Duration>,
    /// Let probes that are due within this time leave together, at most 1s [default: 10ms]
    #[arg(long, value_name = "DUR", value_parser = duration::parse, help_heading = PACE)]
    pub slot: Option<Duration>,
    /// Send at most N SYNs per second in all; 0 lifts the limit [default: 10000]
    #[arg(long, value_name = "N", help_heading = PACE)]
    pub max_syn_rate: Option<u32>,

    /// Expect N false incidents in 30 days: less finds less, and later [default: 1]
    #[arg(long, value_name = "N", help_heading = DIAGNOSIS)]
    pub false_alarms: Option<f64>,
    /// Time between two probes of a hop while nothing is wrong [default: 10s]
    #[arg(long, value_name = "DUR", value_parser = duration::parse, conflicts_with = "no_trace", help_heading = DIAGNOSIS)]
    pub trace_interval: Option<Duration>,
    /// Trace no paths: incidents are not located then
    #[arg(long, help_heading = DIAGNOSIS)]
    pub no_trace: bool,
    /// Also probe this gateway, to tell the first hop from what lies behind it
    #[arg(long, value_name = "ADDR", help_heading = DIAGNOSIS)]
    pub gateway: Option<IpAddr>,

    /// Bytes of ICMP payload, 24 to 65507; 8 bytes of header come on top [default: 56]
    #[arg(short = 's', long = "size", value_name = "BYTES",
          value_parser = value_parser!(u16).range(i64::from(MIN_PAYLOAD_BYTES)..=MAX_PAYLOAD_BYTES), help_heading = PACKETS)]
    pub payload_bytes: Option<u16>,
    /// Interface or address to send from
    #[arg(short = 'I', long = "source", value_name = "IFACE|ADDR", help_heading = PACKETS)]
    pub source: Option<SourceSpec>,
    /// TOS byte or traffic class: 0 to 255, 0xb8, or a name such as ef, af21, cs6, lowdelay [default: 0]
    #[arg(short = 'Q', long = "tos", value_name = "TOS", value_parser = traffic_class::parse, allow_hyphen_values = true,
          help_heading = PACKETS)]
    pub traffic_class: Option<u8>,

    /// Time that one window of figures covers [default: 10s]
    #[arg(long, value_name = "DUR", value_parser = duration::parse, allow_hyphen_values = true, help_heading = OUTPUT)]
    pub window: Option<Duration>,
    /// Print JSON, one object a line (NDJSON)
    #[arg(short, long, value_parser = FalseyValueParser::new(), env = "PATHJITTER_JSON", hide_env = true, help_heading = OUTPUT)]
    pub json: bool,
    /// With --json or --log, also write a 'probe' event for each probe
    #[arg(long, help_heading = OUTPUT)]
    pub each: bool,
    /// Print nothing to standard output
    #[arg(short, long, conflicts_with = "json", help_heading = OUTPUT)]
    pub quiet: bool,
    /// Append NDJSON to FILE; opened anew on SIGUSR1 and SIGHUP
    #[arg(long, value_name = "FILE", help_heading = OUTPUT)]
    pub log: Option<PathBuf>,
    /// Append the histogram of each window to FILE, as the tools of HdrHistogram read it
    #[arg(long, value_name = "FILE", help_heading = OUTPUT)]
    pub hlog: Option<PathBuf>,
    /// Serve metrics, health and status over HTTP at ADDR, as in 127.0.0.1:9911
    #[arg(long, value_name = "ADDR", value_parser = parse_listen, help_heading = OUTPUT)]
    pub listen: Option<SocketAddr>,
    /// Whether to serve the metrics of another prober too.
    #[arg(long, help = "Also serve what smokeping_prober serves, under its names", help_heading = OUTPUT)]
    pub smokeping_metrics: bool,
    /// Send each event to systemd's journal, with its fields: auto, on or off [default: auto]
    ///
    /// 'auto' does so where standard output is the journal and no NDJSON is asked for, in place of lines for people. '--journal'
    /// alone means 'on'.
    #[arg(long, value_name = "WHEN", value_enum, num_args = 0..=1, require_equals = true, default_missing_value = "on",
          hide_possible_values = true, help_heading = OUTPUT)]
    pub journal: Option<JournalUse>,
    /// Where events go as messages of syslog.
    #[arg(long, help = SYSLOG_HELP, value_name = "ADDR", help_heading = OUTPUT)]
    pub syslog: Option<SyslogAddress>,
    /// Publish each event to NATS JetStream, for a fleet's 'correlate --nats': nats://HOST:PORT or tls://HOST:PORT
    #[arg(long, value_name = "URL", help_heading = OUTPUT)]
    pub publish: Option<NatsAddress>,
    /// What all lines call this place [default: the name of the host]
    #[arg(long, value_name = "NAME", env = "PATHJITTER_VANTAGE", hide_env = true, help_heading = OUTPUT)]
    pub vantage: Option<String>,
    /// Keep in FILE what is normal for each target, over restarts
    #[arg(long, value_name = "FILE", help_heading = OUTPUT)]
    pub state: Option<PathBuf>,
    /// Say more on standard error
    #[arg(short, long, value_parser = FalseyValueParser::new(), env = "PATHJITTER_VERBOSE", hide_env = true, help_heading = OUTPUT)]
    pub verbose: bool,

    /// How to send
    #[arg(long, help = ENGINE_HELP, value_name = "ENGINE", value_enum, hide_possible_values = true, help_heading = ADVANCED)]
    pub engine: Option<RunEngine>,
    /// Size of the receive buffers: 4096, 512k, 8m [default: fits the pace]
    #[arg(long, value_name = "BYTES", value_parser = parse_buffer, help_heading = ADVANCED)]
    pub receive_buffer: Option<u32>,

    #[command(flatten)]
    help: HelpFlag,
}

/// Options of `config`.
#[derive(Debug, Args)]
#[command(disable_help_flag = true)]
pub struct ConfigArgs {
    /// What to do.
    #[command(subcommand)]
    pub action: ConfigAction,
    #[command(flatten)]
    help: HelpFlag,
}

/// What to do with a configuration file.
#[derive(Debug, Subcommand)]
pub enum ConfigAction {
    /// Say whether 'pathjitter run -c FILE' would start, and what it would probe
    #[command(disable_help_flag = true)]
    Check(CheckArgs),
    /// Print a file with all settings and their defaults, as comments
    #[command(disable_help_flag = true)]
    Print(PrintArgs),
}

/// Options of `config check`.
#[derive(Debug, Args)]
pub struct CheckArgs {
    /// The file [default: /etc/pathjitter/pathjitter.toml]
    #[arg(value_name = "FILE", env = "PATHJITTER_CONFIG", hide_env = true)]
    pub file: Option<PathBuf>,
    #[command(flatten)]
    help: HelpFlag,
}

/// Options of `config print`.
#[derive(Debug, Args)]
pub struct PrintArgs {
    #[command(flatten)]
    help: HelpFlag,
}

/// An address with a port; no names, which could mean several addresses or none.
pub(super) fn parse_listen(text: &str) -> Result<SocketAddr, String> {
    text.parse().map_err(|_| {
        "give an address and a port, as in 127.0.0.1:9911, [::1]:9911, or 0.0.0.0:9911 for all of this host".to_owned()
    })
}

pub(super) const DIAGNOSIS: &str = "Diagnosis";

const SYSLOG_HELP: &str = "Send each event to a syslog server: udp://ADDR:PORT, tcp://ADDR:PORT or unix:/PATH";

const ENGINE_HELP: &str = "How to send: auto, raw (root or CAP_NET_RAW), or unprivileged [default: auto]";
