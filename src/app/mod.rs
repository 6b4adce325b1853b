//! Assembly: from the words of the command line to an exit code.

use std::ffi::OsString;
use std::io::{self, Write};

use anyhow::Context as _;
use clap::{CommandFactory as _, Parser as _};
use clap_complete::Shell;

#[cfg(feature = "nats")]
mod bus;
mod complaints;
mod correlate;
mod demo;
pub mod exit;
mod lab;
mod man;
mod packets;
pub mod ping;
mod printer;
mod process;
mod run;
mod signals;
mod targets;
pub mod trace;
mod usage;

use crate::config::args::{Cli, Command};
use crate::config::{
    ConfigAction, CorrelatePlan, DEFAULTS_TEXT, DemoPlan, LabPlan, PingPlan, RunPlan, SYSTEM_FILE, Surroundings,
    TracePlan,
};
use crate::sys;
use exit::Exit;

/// Runs the program with the words of its command line, the first of which is its name.
///
/// # Errors
/// All that ends with exit code 2 but wrong usage, which is reported here.
pub fn run(words: impl IntoIterator<Item = OsString>) -> anyhow::Result<Exit> {
    let cli = match Cli::try_parse_from(words) {
        Ok(cli) => cli,
        Err(error) => return usage::report(&error),
    };
    // Who may do nothing more now is told so where it matters.
    let _ = sys::rights::raise();
    match cli.command {
        Command::Ping(args) => ping::run(&PingPlan::new(*args, &Surroundings::of_this_process())?),
        Command::Trace(args) => trace::run(&TracePlan::new(&args, &Surroundings::of_this_process())?),
        Command::Run(args) => run::run(|| Ok(RunPlan::new(&args, &Surroundings::of_this_process())?)),
        Command::Demo(args) => demo::run(&DemoPlan::new(args)),
        Command::Correlate(args) => correlate::run(&CorrelatePlan::new(args)?),
        Command::Config(args) => config(&args.action),
        Command::Lab(args) => lab::run(LabPlan::new(args, std::env::var_os("SHELL"))),
        Command::Completions(args) => completions(args.shell),
        Command::Man(args) => manual(args.command.as_deref()),
    }
}

fn config(action: &ConfigAction) -> anyhow::Result<Exit> {
    match action {
        ConfigAction::Print(_) => print(DEFAULTS_TEXT.as_bytes()),
        ConfigAction::Check(args) => {
            let plan = RunPlan::of_file(args.file.as_deref(), &Surroundings::of_this_process())?;
            let file = plan
                .file
                .as_deref()
                .unwrap_or(std::path::Path::new(SYSTEM_FILE))
                .display();
            print(format!("{file}: good: {}\n", plan.summary()).as_bytes())
        }
    }
}

fn completions(shell: Shell) -> anyhow::Result<Exit> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "pathjitter", &mut script);
    print(&script)
}

fn manual(command: Option<&str>) -> anyhow::Result<Exit> {
    match man::page(command).context("the manual page could not be made")? {
        Some(page) => print(&page),
        None => anyhow::bail!(
            "there is no command '{}'; 'pathjitter help' lists them",
            command.unwrap_or_default()
        ),
    }
}

/// Writes a finished text. A reader that has seen enough (`| head`) is a quiet, normal end.
fn print(text: &[u8]) -> anyhow::Result<Exit> {
    let mut stdout = io::stdout().lock();
    match stdout.write_all(text).and_then(|()| stdout.flush()) {
        Ok(()) => Ok(Exit::Success),
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(Exit::Success),
        Err(error) => Err(error).context("standard output could not be written"),
    }
}
