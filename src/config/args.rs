//! The command line: syntax only. What the options mean together is decided by [`PingPlan`](super::PingPlan).

use std::ffi::OsString;
use std::num::NonZeroU16;
use std::path::PathBuf;
use std::time::Duration;

use clap::builder::FalseyValueParser;
use clap::{ArgAction, Args, Parser, Subcommand, value_parser};
use clap_complete::Shell;

pub use super::correlate_args::CorrelateArgs;
use super::plan::{EngineChoice, MAX_FLOWS};
pub use super::run_args::{ConfigArgs, RunArgs};
use super::source::SourceSpec;
use super::target::TargetSpec;
use super::threshold::Threshold;
pub use super::trace_args::TraceArgs;
use super::{bytes, duration, help, traffic_class};
use crate::series::{DEFAULT_PAYLOAD_BYTES, MIN_PAYLOAD_BYTES};

/// The whole command line.
#[derive(Debug, Parser)]
#[command(
    name = "pathjitter",
    version,
    about = "Measure latency, jitter and loss of many backends at once, and where on the path they start",
    disable_help_flag = true,
    args_override_self = true,
    propagate_version = true,
    subcommand_required = true,
    arg_required_else_help = true,
    after_help = help::short(&help::ROOT),
    after_long_help = help::long(&help::ROOT)
)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
    #[command(flatten)]
    help: HelpFlag,
}

/// The subcommands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Probe targets and print their round-trip times and losses
    ///
    /// Probes every target at the same moment, each protocol with a pace of its own, and prints one line per reply
    /// and a summary per series. Round-trip times are the difference of two kernel stamps wherever the kernel gives
    /// them.
    ///
    /// A bare host is probed by ICMP echo, a host with a port by ICMP echo and TCP SYN. Names resolve to all their
    /// IPv4 addresses, or to all their IPv6 addresses if they have no IPv4 address; -4 and -6 choose.
    Ping(Box<PingArgs>),
    /// Show the hops to targets, and where loss and jitter start
    ///
    /// Sends probes whose TTL ends at the first router, the second, and so on to the target, cycle after cycle, and says what each
    /// hop answers: the columns of 'mtr --report', an interval for each loss, and a verdict. A hop that answers late or not at all
    /// may only be slow, or not allowed, to answer; the verdict names where what the target suffers starts, and says so where
    /// the counts are too small to tell.
    ///
    /// All probes of a flow look the same to routers, so that they take one path. A bare host is traced by ICMP echo, a host with
    /// a port by ICMP echo and TCP SYN; -T and -u trace by TCP SYN or UDP alone. Each router is probed at most once a second,
    /// however many targets lie behind it, because many routers answer no more; --fast lifts that.
    Trace(Box<TraceArgs>),
    /// Probe targets without end, and say when something is wrong, where, and how sure that is
    ///
    /// Knows what is normal for each target, and flags what is not: spikes, loss, refusals, other paths. When several targets suffer at
    /// the same moment it says how unlikely that is by chance, and which part of the network they share that the others do not
    /// use; when only one does, whether it is the target or the way to it; and when it is this host, that it is this host.
    ///
    /// Figures of each target and protocol come once a window. Targets and settings come from a file, the command line, or both.
    /// SIGHUP has the file read again, SIGUSR1 the log opened anew; SIGTERM and Ctrl-C are a normal end.
    Run(Box<RunArgs>),
    /// Watch a simulated network in which one thing is wrong, and see it explained
    ///
    /// Enters a private network namespace, brings up the simulated network of a story behind a TUN device, and lets the service
    /// that 'pathjitter run' is watch it: the same sockets, the same judgement with the same constants, only more probes a second, so
    /// that it takes less than a minute. Says what is wrong in truth, shows what is found as it is found, and compares the two.
    ///
    /// No packet reaches a real network. Where namespaces or TUN devices are not permitted, the same story is watched in virtual
    /// time, which takes a moment. No privilege is needed for that.
    Demo(DemoArgs),
    /// Judge what was recorded: the incidents of logs, from one host or several
    ///
    /// Reads the NDJSON of 'pathjitter run --each' and finds in it what the live run found: the same incidents with the same members, times and
    /// verdicts, for the same judges see the same probes. Logs of several hosts are judged together: an incident that several of them saw is
    /// one incident, which names them and the part of the network that they share.
    ///
    /// Where only windows were recorded, it names targets that were worse than usual at the same time, and no more. Lines that
    /// make no sense are counted.
    Correlate(CorrelateArgs),
    /// Check a configuration file, or print one with all settings
    Config(ConfigArgs),
    /// Run a command in a simulated network, with real sockets
    ///
    /// Runs a command, or a shell, whose only way out is a network that is simulated as a file describes it: links with
    /// delay, jitter and loss, routers, backends, and faults that come and go. Some such files are built in, as stories with
    /// one thing wrong each. The sockets and stamps are those of this kernel, so any tool can be tried there; no packet
    /// reaches a real network.
    ///
    /// Which addresses there are to probe, --show tells. At the end, one line says how punctual the simulation was. It needs
    /// root, or a system with open user namespaces and a /dev/net/tun for all.
    Lab(LabArgs),
    /// Print a completion script for a shell
    Completions(CompletionsArgs),
    /// Print the manual page in roff
    ///
    /// Print the manual page of pathjitter, or of one of its commands, in roff: 'pathjitter man ping | man -l -'.
    Man(ManArgs),
}

/// `-h` and `--help` are short; `pathjitter help COMMAND` is long.
#[derive(Debug, Default, Args)]
pub(super) struct HelpFlag {
    /// Print this help; 'pathjitter help' with the name of a command says more
    #[arg(short = 'h', long = "help", action = ArgAction::HelpShort)]
    help: Option<bool>,
}

/// Options of `completions`.
#[derive(Debug, Args)]
#[command(disable_help_flag = true)]
pub struct CompletionsArgs {
    /// The shell to complete in
    #[arg(value_enum)]
    pub shell: Shell,
    #[command(flatten)]
    help: HelpFlag,
}

/// Options of `man`.
#[derive(Debug, Args)]
#[command(disable_help_flag = true)]
pub struct ManArgs {
    /// The command whose page to print
    #[arg(value_name = "COMMAND")]
    pub command: Option<String>,
    #[command(flatten)]
    help: HelpFlag,
}

/// Options of `demo`.
#[derive(Debug, Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of the command line")]
#[command(
    disable_help_flag = true,
    args_override_self = true,
    after_help = help::short(&help::DEMO),
    after_long_help = help::long(&help::DEMO)
)]
pub struct DemoArgs {
    /// The story, by its name [default: shared-uplink]
    #[arg(value_name = "NAME")]
    pub story: Option<String>,
    /// List the stories
    #[arg(long)]
    pub list: bool,
    /// Watch for DUR [default: as long as the story takes, less than a minute]
    #[arg(long, value_name = "DUR", value_parser = some_time, allow_hyphen_values = true)]
    pub duration: Option<Duration>,
    /// Print all events as NDJSON, as 'run --json' does, and nothing else
    #[arg(long)]
    pub json: bool,
    /// With --json, also write a 'probe' event for each probe, for 'pathjitter correlate'
    #[arg(long, requires = "json")]
    pub each: bool,
    /// Watch in virtual time, which takes a moment, also where real sockets could be used
    #[arg(long)]
    pub virtual_time: bool,
    /// Draw all randomness of the network from N
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub seed: u64,
    #[command(flatten)]
    help: HelpFlag,
}

/// Options of `lab`.
#[derive(Debug, Args)]
#[command(
    disable_help_flag = true,
    args_override_self = true,
    after_help = help::short(&help::LAB),
    after_long_help = help::long(&help::LAB)
)]
pub struct LabArgs {
    /// The network: a built-in story by its name, or a topology file
    #[arg(value_name = "STORY|FILE", required_unless_present = "list")]
    pub network: Option<PathBuf>,
    /// What to run in it [default: $SHELL]
    #[arg(value_name = "COMMAND", last = true)]
    pub command: Vec<OsString>,
    /// Draw all randomness of the network from N
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub seed: u64,
    /// Write a report to FILE, in JSON: how punctual the simulation was, and what really happened
    #[arg(long, value_name = "FILE")]
    pub report: Option<PathBuf>,
    /// Keep all CPUs awake meanwhile, for punctual packets on machines whose CPUs wake up late
    ///
    /// One thread per CPU spins, and gives way to every other thread. It costs all the processor time that nobody else wants, so not
    /// for a laptop on battery, nor where CPU time of the program inside is measured.
    #[arg(long)]
    pub keep_awake: bool,
    /// List the built-in stories
    #[arg(long)]
    pub list: bool,
    /// Print the story or file, with the addresses in it, and run nothing; a start for a network of one's own
    #[arg(long)]
    pub show: bool,
    #[command(flatten)]
    help: HelpFlag,
}

/// Options of `ping`.
#[derive(Debug, Args)]
#[command(
    disable_help_flag = true,
    args_override_self = true,
    after_help = help::short(&help::PING),
    after_long_help = help::long(&help::PING)
)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of the command line")]
pub struct PingArgs {
    /// What to probe.
    #[arg(value_name = "TARGET", required = true, help = TARGET_HELP, long_help = LONG_TARGET)]
    pub targets: Vec<TargetSpec>,

    /// Also send SYNs to PORT of targets that name no port; alone, it replaces ICMP for them
    #[arg(long, value_name = "PORT", value_parser = parse_port,
          env = "PATHJITTER_TCP", hide_env = true, help_heading = PROTOCOLS)]
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
    /// Probe each target over N flows, which routers may send over N paths [default: 1]
    #[arg(long, value_name = "N", value_parser = value_parser!(u16).range(1..=i64::from(MAX_FLOWS)),
          env = "PATHJITTER_FLOWS", hide_env = true, help_heading = PROTOCOLS)]
    pub flows: Option<u16>,

    /// Stop after N probes per series [default: no end on a terminal, else 10]
    #[arg(short, long, value_name = "N", value_parser = parse_count,
          env = "PATHJITTER_COUNT", hide_env = true, help_heading = PACE)]
    pub count: Option<u64>,
    /// Time between two probes of a series; 0 is as fast as replies come back (root or --flood) [default: 1s]
    ///
    /// Durations are written 200ms, 1.5s or 1m; a bare number is seconds. A series is one target, address, protocol
    /// and flow, and each has this pace by itself.
    #[arg(short, long, value_name = "DUR", value_parser = duration::parse, allow_hyphen_values = true,
          env = "PATHJITTER_INTERVAL", hide_env = true, help_heading = PACE)]
    pub interval: Option<Duration>,
    /// How long to wait for each reply [default: 1s]
    #[arg(short = 'W', long, value_name = "DUR", value_parser = duration::parse, allow_hyphen_values = true,
          env = "PATHJITTER_TIMEOUT", hide_env = true, help_heading = PACE)]
    pub timeout: Option<Duration>,
    /// End the whole run after this time [default: none; 49s with -q --json]
    ///
    /// The last probe is sent one timeout earlier, so that each can be judged: the deadline must be longer than the
    /// timeout. The 49 seconds of -q --json keep runs from cron from overlapping.
    #[arg(short = 'w', long, value_name = "DUR", value_parser = duration::parse, allow_hyphen_values = true,
          env = "PATHJITTER_DEADLINE", hide_env = true, help_heading = PACE)]
    pub deadline: Option<Duration>,
    /// Allow -i 0 without root, and make it the default
    #[arg(long, help_heading = PACE)]
    pub flood: bool,
    /// Let probes that are due within this time leave together: less CPU for many targets; at most 1s [default: 0]
    #[arg(long, value_name = "DURATION", value_parser = duration::parse, env = "PATHJITTER_SLOT", hide_env = true, help_heading = PACE)]
    pub slot: Option<Duration>,
    /// Send at most N SYNs per second in all; 0 lifts the limit [default: 10000]
    #[arg(long, value_name = "N", env = "PATHJITTER_MAX_SYN_RATE", hide_env = true, help_heading = PACE)]
    pub max_syn_rate: Option<u32>,

    /// Bytes of ICMP payload, 24 to 65507; 8 bytes of header come on top [default: 56]
    #[arg(short = 's', long = "size", value_name = "BYTES",
          value_parser = value_parser!(u16).range(i64::from(MIN_PAYLOAD_BYTES)..=MAX_PAYLOAD_BYTES),
          env = "PATHJITTER_SIZE", hide_env = true, help_heading = PACKETS)]
    pub payload_bytes: Option<u16>,
    /// TTL or hop limit, 1 to 255 [default: that of the host]
    #[arg(short, long, value_name = "HOPS", value_parser = value_parser!(u8).range(1..),
          env = "PATHJITTER_TTL", hide_env = true, help_heading = PACKETS)]
    pub ttl: Option<u8>,
    /// Interface or address to send from
    #[arg(short = 'I', long = "source", value_name = "IFACE|ADDR",
          env = "PATHJITTER_SOURCE", hide_env = true, help_heading = PACKETS)]
    pub source: Option<SourceSpec>,
    /// TOS byte or traffic class: 0 to 255, 0xb8, or a name such as ef, af21, cs6, lowdelay [default: 0]
    #[arg(short = 'Q', long = "tos", value_name = "TOS",
          value_parser = traffic_class::parse,
          allow_hyphen_values = true,
          env = "PATHJITTER_TOS", hide_env = true, help_heading = PACKETS)]
    pub traffic_class: Option<u8>,

    /// Print the summary only
    #[arg(short, long, help_heading = OUTPUT)]
    pub quiet: bool,
    /// Print JSON, one object a line (NDJSON)
    #[arg(short, long, value_parser = FalseyValueParser::new(),
          env = "PATHJITTER_JSON", hide_env = true, help_heading = OUTPUT)]
    pub json: bool,
    /// Print each probe; with --json, a 'probe' event for each
    #[arg(long, help_heading = OUTPUT)]
    pub each: bool,
    /// Print addresses only; look up no names for them
    #[arg(short, long, value_parser = FalseyValueParser::new(),
          env = "PATHJITTER_NUMERIC", hide_env = true, help_heading = OUTPUT)]
    pub numeric: bool,
    /// Print the time of day before each line
    #[arg(short = 'D', long, help_heading = OUTPUT)]
    pub print_times: bool,
    /// Say more on standard error
    #[arg(short, long, value_parser = FalseyValueParser::new(),
          env = "PATHJITTER_VERBOSE", hide_env = true, help_heading = OUTPUT)]
    pub verbose: bool,
    /// Exit with 1 if a series crosses a limit: 'loss>5%', 'p99>20ms', 'jitter>=5ms'; repeatable
    ///
    /// Several limits may also be given as a list with commas. The figures are loss and late (percent of the probes
    /// sent), and min, mean, p50, p90, p99, p999, max and jitter (times with a unit; jitter is that of RFC 3550). The
    /// operators are > and >=. A figure that does not exist, such as the p99 of a target that never replied, counts
    /// as crossed.
    #[arg(long, value_name = "EXPR", value_delimiter = ',',
          env = "PATHJITTER_FAIL_IF", hide_env = true, help_heading = OUTPUT)]
    pub fail_if: Vec<Threshold>,

    /// How to send
    #[arg(long, help = ENGINE_HELP, value_name = "ENGINE", value_enum, hide_possible_values = true,
          env = "PATHJITTER_ENGINE", hide_env = true, help_heading = ADVANCED)]
    pub engine: Option<EngineChoice>,
    /// Size of the receive buffers: 4096, 512k, 8m [default: fits the pace]
    #[arg(long, value_name = "BYTES", value_parser = parse_buffer,
          env = "PATHJITTER_RECEIVE_BUFFER", hide_env = true, help_heading = ADVANCED)]
    pub receive_buffer: Option<u32>,

    #[command(flatten)]
    help: HelpFlag,
}

pub(super) fn parse_port(text: &str) -> Result<NonZeroU16, String> {
    text.parse().map_err(|_| "ports are 1 to 65535".to_owned())
}

pub(super) fn parse_count(text: &str) -> Result<u64, String> {
    let count = text.parse().ok().filter(|count| *count > 0);
    count.ok_or_else(|| "a count is a whole number from 1".to_owned())
}

pub(super) fn parse_buffer(text: &str) -> Result<u32, String> {
    match bytes::parse(text) {
        Ok(bytes) if bytes < MIN_RECEIVE_BUFFER_BYTES => Err("too small for a packet; the least is 4k".to_owned()),
        Ok(bytes) => Ok(bytes),
        Err(error) => Err(error.to_string()),
    }
}

/// A duration that is not zero.
fn some_time(text: &str) -> Result<Duration, String> {
    match duration::parse(text) {
        Ok(Duration::ZERO) => Err("it has to take some time".to_owned()),
        Ok(time) => Ok(time),
        Err(error) => Err(error.to_string()),
    }
}

// Not doc comments: rustdoc would take the brackets for links.
pub(super) const TARGET_HELP: &str = "What to probe: [NAME=]HOST[:PORT] or [NAME=][V6]:PORT with V6 in brackets";

pub(super) const LONG_TARGET: &str = "What to probe: [NAME=]HOST[:PORT] or [NAME=][V6]:PORT with V6 in brackets

HOST is a name or an address. NAME is what the reports call it; without one, HOST as typed. An IPv6 address without a \
port needs no brackets. Link-local addresses take their interface behind a percent sign: fe80::1%eth0.";

const ENGINE_HELP: &str =
    "How to send: auto, raw (root or CAP_NET_RAW), unprivileged, or portable (stamps of user space) [default: auto]";

pub(super) const PROTOCOLS: &str = "Protocols";
pub(super) const PACE: &str = "Pace";
pub(super) const PACKETS: &str = "Packets";
pub(super) const OUTPUT: &str = "Output";
pub(super) const ADVANCED: &str = "Advanced";

/// The largest UDP-like payload of one IPv4 packet: 65,535 less 20 bytes of IP and 8 of ICMP header.
pub(super) const MAX_PAYLOAD_BYTES: i64 = 65_507;

/// Below this, the bookkeeping of a single packet (`skb->truesize`) already fills the buffer.
const MIN_RECEIVE_BUFFER_BYTES: u32 = 4_096;

const _: () = assert!(DEFAULT_PAYLOAD_BYTES >= MIN_PAYLOAD_BYTES);
