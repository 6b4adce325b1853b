//! The options of `correlate`, and what they mean together.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use clap::builder::FalseyValueParser;

use super::args::{HelpFlag, OUTPUT};
use super::nats::NatsAddress;
use super::run_args::DIAGNOSIS;
use super::run_plan::{self, DEFAULT_FALSE_ALARMS, DEFAULT_SLOT, checked};
use super::{RunError, duration, help};

/// Options of `correlate`.
#[derive(Debug, Default, Args)]
#[command(
    disable_help_flag = true,
    args_override_self = true,
    after_help = help::short(&help::CORRELATE),
    after_long_help = help::long(&help::CORRELATE)
)]
pub struct CorrelateArgs {
    /// Logs to read, of one or several hosts; '-' is standard input [default: -]
    #[arg(value_name = "FILE")]
    pub files: Vec<PathBuf>,

    /// Read what 'run --publish' has published: nats://HOST:PORT or tls://HOST:PORT
    ///
    /// All that the stream holds now, or, with --follow, what comes as well.
    #[arg(long, value_name = "URL")]
    pub nats: Option<NatsAddress>,
    /// Of --nats, read what was published within this time [default: all that is kept]
    #[arg(long, value_name = "DUR", value_parser = duration::parse, requires = "nats")]
    pub since: Option<Duration>,

    /// By how much the clocks of several hosts may differ [default: 50ms]
    #[arg(long, value_name = "DUR", value_parser = duration::parse, help_heading = DIAGNOSIS)]
    pub skew: Option<Duration>,
    /// Expect N false incidents in 30 days: less finds less, and later [default: 1]
    #[arg(long, value_name = "N", help_heading = DIAGNOSIS)]
    pub false_alarms: Option<f64>,
    /// A share of lost or slow probes that is nobody's trouble, however long it lasts [default: as in the log, or else 0.005]
    #[arg(long, value_name = "SHARE", help_heading = DIAGNOSIS)]
    pub floor: Option<f64>,
    /// The --slot of the run, so that its batching is not taken for a stall [default: 10ms]
    #[arg(long, value_name = "DUR", value_parser = duration::parse, help_heading = DIAGNOSIS)]
    pub slot: Option<Duration>,

    /// Tell incidents as they are found, not when all is read
    ///
    /// For input that has no end. What several hosts saw is then joined only while it lasts.
    #[arg(short, long, help_heading = OUTPUT)]
    pub follow: bool,
    /// Print JSON, one object a line (NDJSON)
    #[arg(short, long, value_parser = FalseyValueParser::new(), env = "PATHJITTER_JSON", hide_env = true, help_heading = OUTPUT)]
    pub json: bool,

    #[command(flatten)]
    help: HelpFlag,
}

/// What to judge, and how.
#[derive(Clone, Debug, PartialEq)]
pub struct CorrelatePlan {
    /// What to read.
    pub inputs: Vec<Input>,
    /// By how much clocks of vantages differ at most.
    pub skew: Duration,
    /// False incidents to expect in 30 days.
    pub false_alarms_per_30_days: f64,
    /// A share of bad probes that is nobody's trouble; `None` is what the run took for that.
    pub floor: Option<f64>,
    /// Lateness of this length is batching.
    pub slot: Duration,
    /// Whether to tell what is found at once.
    pub follow: bool,
    /// Whether to print NDJSON.
    pub json: bool,
}

/// Where lines come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Input {
    /// Standard input.
    Stdin,
    /// A log.
    File(PathBuf),
    /// The stream of a server of NATS.
    Nats {
        /// The server.
        address: NatsAddress,
        /// What was published earlier than this before now is not read; `None` reads everything.
        since: Option<Duration>,
    },
}

impl CorrelatePlan {
    /// What the words mean together.
    ///
    /// # Errors
    /// Numbers that make no sense.
    pub fn new(args: CorrelateArgs) -> Result<Self, RunError> {
        checked("--false-alarms", args.false_alarms, run_plan::false_alarms)?;
        checked("--floor", args.floor, run_plan::floor)?;
        let files = args.files.into_iter().map(|file| match file.to_str() {
            Some("-") => Input::Stdin,
            _ => Input::File(file),
        });
        let nats = args.nats.map(|address| Input::Nats {
            address,
            since: args.since,
        });
        let mut inputs: Vec<Input> = files.chain(nats).collect();
        if inputs.is_empty() {
            inputs.push(Input::Stdin);
        }
        Ok(Self {
            inputs,
            skew: args.skew.unwrap_or(DEFAULT_SKEW),
            false_alarms_per_30_days: args.false_alarms.unwrap_or(DEFAULT_FALSE_ALARMS),
            floor: args.floor,
            slot: args.slot.unwrap_or(DEFAULT_SLOT),
            follow: args.follow,
            json: args.json,
        })
    }
}

/// Clocks that NTP keeps over the Internet agree to within some tens of ms.
const DEFAULT_SKEW: Duration = Duration::from_millis(50);
