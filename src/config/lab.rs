//! A `lab` run that makes sense.

use std::ffi::OsString;
use std::path::PathBuf;

use super::args::LabArgs;

/// Everything a `lab` run needs to know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LabPlan {
    /// Print what stories there are.
    List,
    /// Print the file of this network.
    Show(PathBuf),
    /// Run a command in a simulated network.
    Run(LabRun),
}

/// A command in a simulated network.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LabRun {
    /// The name of a built-in story, or else a topology file.
    pub network: PathBuf,
    /// What all randomness of the network is drawn from.
    pub seed: u64,
    /// Where to write the report.
    pub report: Option<PathBuf>,
    /// Whether to keep all CPUs from falling asleep.
    pub keep_awake: bool,
    /// The command with its arguments; not empty.
    pub command: Vec<OsString>,
}

impl LabPlan {
    /// What the arguments mean for a user whose shell is `shell` (`$SHELL`).
    #[must_use]
    pub fn new(args: LabArgs, shell: Option<OsString>) -> Self {
        let LabArgs {
            network,
            seed,
            report,
            keep_awake,
            list,
            show,
            mut command,
            ..
        } = args;
        let Some(network) = network.filter(|_| !list) else {
            return Self::List;
        };
        if show {
            return Self::Show(network);
        }
        if command.is_empty() {
            let shell = shell.filter(|shell| !shell.is_empty());
            command.push(shell.unwrap_or_else(|| "/bin/sh".into()));
        }
        Self::Run(LabRun {
            network,
            seed,
            report,
            keep_awake,
            command,
        })
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;
    use crate::config::args::{Cli, Command};

    fn plan(words: &[&str], shell: Option<&str>) -> LabPlan {
        let words = ["pathjitter", "lab"].iter().chain(words);
        match Cli::try_parse_from(words).unwrap().command {
            Command::Lab(args) => LabPlan::new(args, shell.map(Into::into)),
            other => panic!("{other:?}"),
        }
    }

    fn run(words: &[&str], shell: Option<&str>) -> LabRun {
        match plan(words, shell) {
            LabPlan::Run(run) => run,
            other => panic!("{words:?}: {other:?}"),
        }
    }

    #[test]
    fn words_after_the_dashes_are_the_command_whatever_they_look_like() {
        let run = run(
            &["net.toml", "--seed", "7", "--", "ping", "--seed", "-c", "3"],
            Some("/bin/zsh"),
        );
        assert_eq!(run.command, ["ping", "--seed", "-c", "3"]);
        assert_eq!((run.seed, run.network.to_str()), (7, Some("net.toml")));
    }

    #[test]
    fn without_a_command_it_is_the_shell_of_the_user_or_sh() {
        assert_eq!(run(&["x"], Some("/bin/zsh")).command, ["/bin/zsh"]);
        assert_eq!(run(&["x"], Some("")).command, ["/bin/sh"]);
        assert_eq!(run(&["x"], None).command, ["/bin/sh"]);
    }

    #[test]
    fn the_list_needs_no_network() {
        assert_eq!(plan(&["--list"], None), LabPlan::List);
    }

    #[test]
    fn what_is_to_be_shown_is_not_run() {
        assert_eq!(plan(&["x", "--show"], None), LabPlan::Show("x".into()));
    }
}
