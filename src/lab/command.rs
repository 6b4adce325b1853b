//! The command inside: started, told of signals, waited for.
//!
//! It is in the process group of this program, so the keys of a terminal (Ctrl-C, Ctrl-\) reach it without help; this program only waits
//! for what it makes of them. Signals that someone sends to this program alone are passed on. Where this program was started to ignore a
//! signal, as by `nohup`, both ignore it. Should this program be killed, the kernel kills the command: without its network, nothing it
//! does has any meaning.

use std::ffi::OsString;
use std::fs::File;
use std::io;
use std::process::ExitStatus;

use rustix::process::{Pid, Signal, getpgrp, kill_process};
use rustix::termios::tcgetpgrp;
use tokio::process::{Child, Command};
use tokio::signal::unix::{self, SignalKind};
use tokio::sync::oneshot;

use crate::sys::process::{ignores_signal, kill_with_parent};

/// Runs a command to its end, in the namespaces of the calling thread, which must stay until then. When `network_failed` says so, the
/// command is ended by SIGTERM.
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
    let mut interrupt = Handler::of(SignalKind::interrupt())?;
    let mut quit = Handler::of(SignalKind::quit())?;
    let mut terminate = Handler::of(SignalKind::terminate())?;
    let mut hang_up = Handler::of(SignalKind::hangup())?;
    let mut command = Command::new(program);
    command.args(arguments);
    kill_with_parent(command.as_std_mut());
    let mut child = command.spawn()?;
    loop {
        tokio::select! {
            status = child.wait() => return status,
            () = interrupt.next() => pass_on_unless_typed(&child, Signal::INT),
            () = quit.next() => pass_on_unless_typed(&child, Signal::QUIT),
            () = terminate.next() => pass_on(&child, Signal::TERM),
            () = hang_up.next() => pass_on(&child, Signal::HUP),
            Ok(()) = &mut network_failed => pass_on(&child, Signal::TERM),
        }
    }
}

/// Takes a signal, unless it is to be ignored: a handler would be reset to the default for the command.
struct Handler(Option<unix::Signal>);

impl Handler {
    fn of(kind: SignalKind) -> io::Result<Self> {
        if ignores_signal(kind.as_raw_value()) {
            return Ok(Self(None));
        }
        unix::signal(kind).map(|signal| Self(Some(signal)))
    }

    async fn next(&mut self) {
        match &mut self.0 {
            // `None` would mean that no more can come.
            Some(signal) => drop(signal.recv().await),
            None => std::future::pending().await,
        }
    }
}

/// The keys of a terminal reach all of its foreground group; who is not in that was told by someone else.
fn pass_on_unless_typed(child: &Child, signal: Signal) {
    let terminal = File::open("/dev/tty").ok();
    let foreground = terminal.and_then(|terminal| tcgetpgrp(terminal).ok());
    if foreground != Some(getpgrp()) {
        pass_on(child, signal);
    }
}

fn pass_on(child: &Child, signal: Signal) {
    let pid = child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw);
    if let Some(pid) = pid {
        // It fails where the command has just ended, and then there is nothing to tell it.
        let _ = kill_process(pid, signal);
    }
}
