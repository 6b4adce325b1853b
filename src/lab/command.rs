//! The command inside: started, told of signals, waited for.

use std::ffi::OsString;
use std::io;
use std::process::ExitStatus;

use tokio::process::{Child, Command};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::oneshot;

use rustix::process::{Pid, Signal, kill_process};

/// Runs a command to its end, in the namespaces of the calling thread.
///
/// It is in the process group of this program, so Ctrl-C and Ctrl-\ reach it without help; this program waits for what it makes of them.
/// SIGTERM and SIGHUP are passed on. When `network_failed` says so, it is ended by SIGTERM: nothing it does has any meaning then.
///
/// # Errors
/// What kept it from being started or waited for.
pub(super) fn run(command: &[OsString], network_failed: oneshot::Receiver<()>) -> io::Result<ExitStatus> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(attend(command, network_failed))
}

async fn attend(command: &[OsString], mut network_failed: oneshot::Receiver<()>) -> io::Result<ExitStatus> {
    let (program, arguments) = command.split_first().ok_or(io::ErrorKind::InvalidInput)?;
    // Before the command exists, so that no signal finds this program without a handler and leaves the command behind.
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut quit = signal(SignalKind::quit())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let mut hang_up = signal(SignalKind::hangup())?;
    let mut child = Command::new(program).args(arguments).spawn()?;
    loop {
        tokio::select! {
            status = child.wait() => return status,
            _ = interrupt.recv() => {}
            _ = quit.recv() => {}
            _ = terminate.recv() => pass_on(&child, Signal::TERM),
            _ = hang_up.recv() => pass_on(&child, Signal::HUP),
            Ok(()) = &mut network_failed => pass_on(&child, Signal::TERM),
        }
    }
}

fn pass_on(child: &Child, signal: Signal) {
    let pid = child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw);
    if let Some(pid) = pid {
        // It fails where the command has just ended, and then there is nothing to tell it.
        let _ = kill_process(pid, signal);
    }
}
