//! The options of `correlate`, and what they mean together.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use clap::builder::FalseyValueParser;

use super::args::{HelpFlag, OUTPUT};
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
    /// What to read; `None` is standard input.
    pub inputs: Vec<Option<PathBuf>>,
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

impl CorrelatePlan {
    /// What the words mean together.
    ///
    /// # Errors
    /// Numbers that make no sense.
    pub fn new(args: CorrelateArgs) -> Result<Self, RunError> {
        checked("--false-alarms", args.false_alarms, run_plan::false_alarms)?;
        checked("--floor", args.floor, run_plan::floor)?;
        let inputs = args.files.into_iter();
        let mut inputs: Vec<Option<PathBuf>> = inputs
            .map(|file| Some(file).filter(|file| file.as_os_str() != "-"))
            .collect();
        if inputs.is_empty() {
            inputs.push(None);
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
