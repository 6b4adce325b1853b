//! A service run that makes sense: the file and the command line together, every default filled in, every contradiction refused.
//!
//! Rules that are not obvious from the options:
//! - What the command line says of all targets holds for those of the file too. Otherwise a target's own settings come before those of its
//!   group, and these before the defaults.
//! - Targets of the same name and host are one target with the endpoints of all; they must then be watched in the same way.
//! - Without targets and without `-c`, the file of the system is read.

mod error;
mod file;
mod limits;
mod merge;
mod words;

use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

pub use self::error::RunError;
use self::file::ConfigFile;
pub(super) use self::limits::{false_alarms, floor};
use self::merge::Merge;
pub(super) use self::merge::{DEFAULT_FALSE_ALARMS, DEFAULT_SLOT, checked};
use super::nats::NatsAddress;
use super::plan::{Family, Target};
use super::run_args::RunArgs;
use super::surroundings::{Stdout, Surroundings};
use super::syslog::SyslogAddress;
use crate::series::PacketOptions;

/// Everything a `run` needs to know.
#[derive(Clone, Debug, PartialEq)]
pub struct RunPlan {
    /// What to probe; at least one. Of each name and host there is one.
    pub targets: Vec<WatchedTarget>,
    /// Which addresses of names to probe.
    pub family: Family,
    /// The packets.
    pub packet: PacketOptions,
    /// How to send.
    pub engine: RunEngine,
    /// Probes due within this time of each other may leave together.
    pub slot: Duration,
    /// SYNs per second of the whole process; `None` is without limit.
    pub max_syn_rate: Option<u32>,
    /// Bytes of each socket's receive buffer; `None` leaves it to the engine.
    pub receive_buffer: Option<u32>,
    /// How long a window is.
    pub window: Duration,
    /// When to stop without being asked.
    pub duration: Option<Duration>,
    /// How to judge.
    pub diagnosis: DiagnosisPlan,
    /// What to write, and where.
    pub output: RunOutput,
    /// Where baselines are kept over a restart; `None` keeps none.
    pub state: Option<PathBuf>,
    /// The file that this plan was read from, to be read again on SIGHUP.
    pub file: Option<PathBuf>,
}

/// A target, and how it is watched.
#[derive(Clone, Debug, PartialEq)]
pub struct WatchedTarget {
    /// What and where.
    pub target: Target,
    /// The group it is in.
    pub group: Option<Arc<str>>,
    /// Words of the user's own.
    pub labels: Vec<(String, String)>,
    /// Time between two echoes.
    pub icmp_interval: Duration,
    /// Time between two SYNs to a port.
    pub tcp_interval: Duration,
    /// How long an answer may take.
    pub timeout: Duration,
    /// Loss or spikes below this share of the probes of minutes are nobody's trouble.
    pub floor: f64,
}

/// How a run is judged.
#[derive(Clone, Debug, PartialEq)]
pub struct DiagnosisPlan {
    /// How many false incidents may be expected in 30 days.
    pub false_alarms_per_30_days: f64,
    /// Whether to trace paths, and how often while nothing is wrong: time between two probes of a hop.
    pub trace: Option<Duration>,
    /// A gateway that may be probed as a control.
    pub gateway: Option<IpAddr>,
}

/// What a run writes, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "each is a setting of its own")]
pub struct RunOutput {
    /// What goes to standard output.
    pub view: RunView,
    /// Whether a `probe` event is written for each probe.
    pub each: bool,
    /// NDJSON is appended to this file.
    pub log: Option<PathBuf>,
    /// Histograms are appended to this file, as the tools of HdrHistogram read them.
    pub hlog: Option<PathBuf>,
    /// Metrics, health and status are served over HTTP here.
    pub listen: Option<SocketAddr>,
    /// The metrics of `smokeping_prober` are served too.
    pub smokeping_metrics: bool,
    /// Whether each event goes to systemd's journal.
    pub journal: bool,
    /// Each event goes to this syslog server.
    pub syslog: Option<SyslogAddress>,
    /// Each event is published to this server of NATS.
    pub publish: Option<NatsAddress>,
    /// The name of this place in all lines; the host's where there is none.
    pub vantage: Option<String>,
    /// Whether to say more on standard error.
    pub verbose: bool,
}

/// What goes to standard output.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RunView {
    /// NDJSON.
    Json,
    /// A table that is redrawn, and open incidents.
    Live,
    /// A line per event that a person wants to know of: no windows.
    Lines,
    /// Nothing.
    Quiet,
}

/// How to send and receive. (User-space stamps say too little to judge by.)
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RunEngine {
    /// The best that this process may use.
    #[default]
    Auto,
    /// Raw sockets.
    Raw,
    /// Datagram ICMP and `connect()`.
    Unprivileged,
}

/// Whether events go to systemd's journal as entries with fields.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum JournalUse {
    /// In place of lines for people that would end there.
    #[default]
    Auto,
    /// In any case.
    On,
    /// In no case.
    Off,
}

impl JournalUse {
    /// Whether they go there from a run that is told to be quiet or to write NDJSON, or not.
    fn is_on(self, args: &RunArgs, json: Option<bool>, stdout: Stdout) -> bool {
        let other_output = args.quiet || args.json || json == Some(true);
        match self {
            Self::Auto => stdout == Stdout::Journal && !other_output,
            Self::On => true,
            Self::Off => false,
        }
    }
}

impl RunPlan {
    /// Makes sense of a command line, and of the file that it names.
    ///
    /// # Errors
    /// A file that can't be read or makes no sense, settings that contradict each other, or nothing to probe.
    pub fn new(args: &RunArgs, surroundings: &Surroundings) -> Result<Self, RunError> {
        let path = file_of(args);
        let file = path.as_deref().map(ConfigFile::read).transpose()?.unwrap_or_default();
        Merge::new(args, &file, surroundings)?.plan(path)
    }

    /// What `run -c FILE` would do; without a file, that of the system.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub fn of_file(file: Option<&Path>, surroundings: &Surroundings) -> Result<Self, RunError> {
        let path = file.unwrap_or(Path::new(SYSTEM_FILE));
        let file = ConfigFile::read(path)?;
        let args = RunArgs::default();
        Merge::new(&args, &file, surroundings)?.plan(Some(path.to_owned()))
    }

    /// What `config check` says of a plan.
    #[must_use]
    pub fn summary(&self) -> String {
        let endpoints: usize = self.targets.iter().map(|target| target.target.endpoints.len()).sum();
        let mut groups: Vec<_> = self.targets.iter().filter_map(|target| target.group.as_ref()).collect();
        groups.sort_unstable();
        groups.dedup();
        let [targets, endpoints, groups] = [
            (self.targets.len(), "target"),
            (endpoints, "endpoint"),
            (groups.len(), "group"),
        ]
        .map(|(count, noun)| format!("{count} {noun}{}", if count == 1 { "" } else { "s" }));
        format!("{targets} with {endpoints}, {groups}")
    }
}

/// The settings that hold where nobody says anything, as a commented file: it may be used as it is, with targets added.
pub const DEFAULTS_TEXT: &str = include_str!("run_plan/defaults.toml");

/// The file that is read where neither targets nor a file are given.
pub const SYSTEM_FILE: &str = "/etc/pathjitter/pathjitter.toml";

fn file_of(args: &RunArgs) -> Option<PathBuf> {
    let of_system = || args.targets.is_empty().then(|| Path::new(SYSTEM_FILE).to_owned());
    args.config.clone().or_else(|| of_system().filter(|path| path.exists()))
}

/// What goes to standard output. Where that is the journal, lines for people would stand there beside the events themselves.
fn view(args: &RunArgs, json: Option<bool>, journal: JournalUse, stdout: Stdout) -> RunView {
    match stdout {
        _ if args.quiet => RunView::Quiet,
        _ if args.json || json == Some(true) => RunView::Json,
        Stdout::Terminal => RunView::Live,
        Stdout::Journal if journal != JournalUse::Off => RunView::Quiet,
        Stdout::Elsewhere | Stdout::Journal => RunView::Lines,
    }
}

#[cfg(test)]
mod tests;
