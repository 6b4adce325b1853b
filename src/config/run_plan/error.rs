//! What can be wrong with a service, beyond what can be wrong with single words.

use std::path::PathBuf;

use super::SYSTEM_FILE;
use crate::config::plan::PlanError;

/// Why there is no plan: what, on what, why, and what to do.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RunError {
    /// The same as for `ping`.
    #[error(transparent)]
    Plan(#[from] PlanError),
    /// `-c /none`.
    #[error("{}: {why}; {next}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system says.
        why: String,
        /// What to do.
        next: &'static str,
    },
    /// A file of 20 MB.
    #[error("{}: this is no configuration: it has more than 16 MiB; name another file", path.display())]
    TooLarge {
        /// The file.
        path: PathBuf,
    },
    /// `intervall = "1s"`, and all else that is wrong at one place of a file.
    #[error("{}: line {line}, column {column}: {why}", path.display())]
    InFile {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// The column, from 1, in characters.
        column: usize,
        /// What is wrong.
        why: String,
    },
    /// `-i 0`.
    #[error("{option}: {why}")]
    Option {
        /// The option of the command line.
        option: &'static str,
        /// What is wrong with its value.
        why: String,
    },
    /// No target anywhere.
    #[error(
        "there is nothing to probe: give targets, or a file that has some with -c; without both, {SYSTEM_FILE} is read"
    )]
    NoTargets,
    /// A file without targets.
    #[error(
        "{}: there is nothing to probe: it has no targets; add them as in targets = [\"HOST:PORT\"] of a [[group]], or as [[target]]",
        path.display()
    )]
    NoTargetsInFile {
        /// The file.
        path: PathBuf,
    },
    /// `log` and `hlog` of one name.
    #[error("{}: this is both {other} and {what}; give one of them another file", path.display())]
    SameFile {
        /// What it is already.
        other: &'static str,
        /// What it is as well.
        what: &'static str,
        /// The file.
        path: PathBuf,
    },
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
}
