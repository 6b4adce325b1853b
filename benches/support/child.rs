//! A measured command: its output, its wall time from start to end, and what it used.

use std::io::Read;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::Context;

use super::sys::{self, Usage};

/// One finished command.
#[derive(Debug)]
pub(crate) struct Finished {
    /// From before the start to after the end.
    pub(crate) wall: Duration,
    /// What it used, with the children that it waited for.
    pub(crate) usage: Usage,
    /// Standard output, as far as it is text.
    pub(crate) stdout: String,
    /// Standard error, as far as it is text.
    pub(crate) stderr: String,
    /// Did it exit with 0?
    pub(crate) succeeded: bool,
}

/// Runs a command to its end and measures it.
pub(crate) fn measure(command: &mut Command) -> anyhow::Result<Finished> {
    let name = command.get_program().to_string_lossy().into_owned();
    let start = Instant::now();
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .with_context(|| format!("cannot start {name}"))?;
    // Two pipes: the second is drained on a thread, or a talkative child would block on it.
    let errors = child
        .stderr
        .take()
        .map(|pipe| std::thread::spawn(move || read_text(pipe)));
    let stdout = child.stdout.take().map(read_text).unwrap_or_default();
    let (succeeded, usage) = sys::wait_with_usage(&child).with_context(|| format!("cannot wait for {name}"))?;
    let wall = start.elapsed();
    let stderr = errors.and_then(|reader| reader.join().ok()).unwrap_or_default();
    Ok(Finished {
        wall,
        usage,
        stdout,
        stderr,
        succeeded,
    })
}

/// This bench again, as a child that does one part of the work: so that every contender is a process with its own cost.
pub(crate) fn this_bench_as(part: &[String]) -> anyhow::Result<Command> {
    let mut command = Command::new(std::env::current_exe()?);
    command.arg(PART).args(part);
    Ok(command)
}

/// The words after the part flag, where this process is such a child.
pub(crate) fn part_of_this_process() -> Option<Vec<String>> {
    let mut args = std::env::args().skip(1);
    (args.next()? == PART).then(|| args.collect())
}

fn read_text(mut pipe: impl Read) -> String {
    let mut bytes = Vec::new();
    // A read error ends the text early; the parser of the text then reports what is missing.
    let _ = pipe.read_to_end(&mut bytes);
    String::from_utf8_lossy(&bytes).into_owned()
}

const PART: &str = "--part";
