//! A service run that makes sense: the file and the command line together, every default filled in, every contradiction refused.

use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use super::plan::{EngineChoice, Family, Target};
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
    /// How to send; `Portable` is refused.
    pub engine: EngineChoice,
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
}

/// How a run is judged.
#[derive(Clone, Debug, PartialEq)]
pub struct DiagnosisPlan {
    /// How many false incidents may be expected in 30 days.
    pub false_alarms_per_30_days: f64,
    /// Loss or spikes below this share of the probes of minutes are nobody's trouble.
    pub floor: f64,
    /// Whether to trace paths, and how often while nothing is wrong: time between two probes of a hop.
    pub trace: Option<Duration>,
    /// A gateway that may be probed as a control.
    pub gateway: Option<IpAddr>,
}

/// What a run writes, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunOutput {
    /// What goes to standard output.
    pub view: RunView,
    /// Whether a `probe` event is written for each probe.
    pub each: bool,
    /// NDJSON is appended to this file.
    pub log: Option<PathBuf>,
    /// Histograms are appended to this file, as the tools of HdrHistogram read them.
    pub hlog: Option<PathBuf>,
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
