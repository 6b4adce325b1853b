//! `pathjitter lab`: a command in a simulated network, and what is to be said of it afterwards.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::fs::File;
use std::io::Write as _;
use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;
use std::process::ExitStatus;

use anyhow::Context as _;
use serde::Serialize;

use super::exit::Exit;
use super::print;
use crate::clock::{Clock as _, SystemClock};
use crate::config::{LabPlan, LabRun};
use crate::lab::{Ended, Report, Scheduling, Session, SessionOptions};
use crate::report::{Charset, clean};
use crate::simnet::{Ledger, Network, Topology, stories};

/// Does as planned.
///
/// # Errors
/// A topology that can't be read, missing permissions, a command that can't be started, and I/O errors.
pub(super) fn run(plan: LabPlan) -> anyhow::Result<Exit> {
    match plan {
        LabPlan::List => list(),
        LabPlan::Show(network) => print(read(&network)?.as_bytes()),
        LabPlan::Run(run) => run_command(run),
    }
}

fn list() -> anyhow::Result<Exit> {
    let mut text = String::new();
    for story in stories::all() {
        let title = story.topology().with_context(|| not_a_topology(story.name))?.title;
        // Writing to a String cannot fail.
        let _ = writeln!(text, "{:20}  {title}", story.name);
    }
    print(text.as_bytes())
}

fn run_command(plan: LabRun) -> anyhow::Result<Exit> {
    let topology = read_topology(&plan.network)?;
    if has_host_events(&topology) {
        tell(
            "the topology has events on the host, which is this machine here: only what comes to a frozen host is held back",
        );
    }
    // Now, so that a file that can't be written does not cost a run.
    let report_file = plan.report.as_deref().map(create).transpose()?;
    // No thread may have been started up to here: see `Session::open`.
    let clock = SystemClock::new();
    let options = SessionOptions {
        keep_awake: plan.keep_awake,
    };
    let session = Session::open(&topology.host.addresses, clock.clone(), options)?;
    if session.scheduling() == Scheduling::Ordinary {
        tell("no real-time priority (root, CAP_SYS_NICE or RLIMIT_RTPRIO): the simulation may be late under load");
    }
    let network = Network::new(&topology, plan.seed, clock.mono());
    let ended = session.run(network, plan.command)?;
    tell(&format!("{}: {}", topology.title, ended.report));
    if let (Some(mut file), Some(path)) = (report_file, &plan.report) {
        let text = report(&topology, plan.seed, &ended)?;
        file.write_all(text.as_bytes()).with_context(|| no_report(path))?;
    }
    Ok(exit(ended.status))
}

fn read_topology(network: &Path) -> anyhow::Result<Topology> {
    Topology::read(&read(network)?).with_context(|| not_a_topology(&shown(network)))
}

/// The text of a story, or of a file.
fn read(network: &Path) -> anyhow::Result<Cow<'static, str>> {
    if let Some(story) = network.to_str().and_then(stories::find) {
        return Ok(story.text.into());
    }
    let text = std::fs::read_to_string(network).with_context(|| {
        let shown = shown(network);
        format!("'{shown}' is no story ('pathjitter lab --list'), and can't be read as a file")
    })?;
    Ok(text.into())
}

/// Whether anything would happen to the host itself, which only virtual time can do.
fn has_host_events(topology: &Topology) -> bool {
    topology.events.iter().any(|event| event.host.is_some())
}

fn create(report: &Path) -> anyhow::Result<File> {
    File::create(report).with_context(|| no_report(report))
}

fn no_report(path: &Path) -> String {
    format!("the report could not be written to '{}'", shown(path))
}

/// A path without what a terminal would obey.
fn shown(path: &Path) -> String {
    clean(&path.to_string_lossy(), Charset::Utf8).into_owned()
}

fn not_a_topology(name: &str) -> String {
    format!("'{name}' is no topology")
}

/// What `--report` writes.
#[derive(Serialize)]
struct Document<'a> {
    schema: &'static str,
    title: &'a str,
    seed: u64,
    simulation: &'a Report,
    ledger: &'a Ledger,
}

fn report(topology: &Topology, seed: u64, ended: &Ended<Network>) -> anyhow::Result<String> {
    let document = Document {
        schema: "pathjitter-lab/1",
        title: &topology.title,
        seed,
        simulation: &ended.report,
        ledger: ended.responder.ledger(),
    };
    let mut text = serde_json::to_string_pretty(&document).context("the report can't be written as JSON")?;
    text.push('\n');
    Ok(text)
}

/// As shells do: the code, or 128 and the number of the signal.
fn exit(status: ExitStatus) -> Exit {
    let code = match (status.code(), status.signal()) {
        (Some(code), _) => code,
        (None, Some(signal)) => SIGNAL_BASE.saturating_add(signal),
        (None, None) => return Exit::Error,
    };
    u8::try_from(code).map_or(Exit::Error, Exit::Of)
}

/// Says something beside the output of the command. Where stderr is closed, there is nobody to tell.
fn tell(line: &str) {
    let _ = writeln!(std::io::stderr(), "pathjitter: {}", clean(line, Charset::Utf8));
}

/// What shells add to the number of a signal.
const SIGNAL_BASE: i32 = 128;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exit_codes_are_those_of_a_shell() {
        // Wait statuses of Linux: the code in the second byte, the signal in the first.
        assert_eq!(exit(ExitStatus::from_raw(0)).code(), 0);
        assert_eq!(exit(ExitStatus::from_raw(3 << 8)).code(), 3);
        assert_eq!(exit(ExitStatus::from_raw(255 << 8)).code(), 255);
        assert_eq!(exit(ExitStatus::from_raw(15)).code(), 143);
    }
}
