//! What can be wrong with a service, beyond what can be wrong with single words.

use std::path::PathBuf;
use std::time::Duration;

use crate::config::duration::display;
use crate::config::plan::PlanError;

/// Why there is no plan: what, on what, why, and what to do.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RunError {
    /// The same as for `ping`.
    #[error(transparent)]
    Plan(#[from] PlanError),
    /// `-c /none`.
    #[error("{}: {why}; 'pathjitter config print' prints a file to begin with", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system says.
        why: String,
    },
    /// A file of 20 MB.
    #[error("{}: this is no configuration: it has more than 16 MiB", path.display())]
    TooLarge {
        /// The file.
        path: PathBuf,
    },
    /// `intervall = "1s"`.
    #[error("{}: {why}", path.display())]
    Syntax {
        /// The file.
        path: PathBuf,
        /// What is wrong, with line and column.
        why: String,
    },
    /// No target anywhere.
    #[error("there is nothing to probe: give targets, or a file that has some with -c")]
    NoTargets,
    /// Two groups of one name.
    #[error("group {0}: there are two of this name; give one of them another")]
    TwoGroups(String),
    /// `group = "wbe"`.
    #[error("target {target}: there is no group {group}; add it as [[group]] with this name")]
    NoGroup {
        /// The target.
        target: String,
        /// The group.
        group: String,
    },
    /// The same target twice, watched in two ways.
    #[error(
        "target {0}: it is there twice, with different settings; drop one, or give one another name as in other={0}"
    )]
    TwoTargets(String),
    /// `icmp_interval = "1ms"`.
    #[error("{what}: {} is too short; the least is {}", display(*.value), display(*.least))]
    TooShort {
        /// Which setting.
        what: String,
        /// Its value.
        value: Duration,
        /// The least.
        least: Duration,
    },
    /// `timeout = "10m"`.
    #[error("{what}: {} is too long; the most is {}", display(*.value), display(*.most))]
    TooLong {
        /// Which setting.
        what: String,
        /// Its value.
        value: Duration,
        /// The most.
        most: Duration,
    },
    /// `size = 3`.
    #[error("probe.size: a payload has {least} to {most} bytes, not {value}")]
    Size {
        /// Its value.
        value: u16,
        /// The least.
        least: u16,
        /// The most.
        most: i64,
    },
    /// `false_alarms = 0`.
    #[error("false_alarms: {0} is no number of false incidents to expect in 30 days; it must be above 0, up to 1000")]
    FalseAlarms(String),
    /// `floor = 2`.
    #[error("diagnosis.floor: {0} is no share; it must be from 0 to 1")]
    Floor(String),
    /// `vantage = ""`.
    #[error("vantage: a name is needed")]
    NoVantage,
}
