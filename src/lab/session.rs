//! A command, or a part of this program, in a simulated network, from an empty namespace to the report.
//!
//! Two threads. The calling one becomes the simulator: it asks for real-time priority while its rights still count, and does nothing but
//! carry packets from then on. The other waits for the command and its signals, or is what measures itself. Neither inherits the priority
//! or the exact timers, so that all is measured as it would be outside.

use std::ffi::OsString;
use std::io;
use std::net::IpAddr;
use std::process::ExitStatus;
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use tokio::sync::oneshot;

use super::awake::Awake;
use super::error::LabError;
use super::interface::{self, Device};
use super::namespace;
use super::report::{Report, Scheduling};
use super::simulator::{Responder, Simulator};
use crate::clock::SystemClock;
use crate::sys::{EventFd, process, scheduling};

/// A namespace with its device, and a thread that is ready to simulate.
#[derive(Debug)]
pub struct Session {
    device: Device,
    clock: SystemClock,
    keep_awake: bool,
    scheduling: Scheduling,
    timer_slack: Duration,
}

/// What a session is like.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SessionOptions {
    /// Keep all CPUs from falling asleep while the command runs, at the price of all processor time that nobody else wants.
    pub keep_awake: bool,
}

/// How a session went.
#[derive(Debug)]
pub struct Ended<R> {
    /// How the command ended.
    pub status: ExitStatus,
    /// What was behind the device.
    pub responder: R,
    /// How punctual it was, and what got lost that should not.
    pub report: Report,
}

/// How something went that was done in a session.
#[derive(Debug)]
pub struct Hosted<R, T> {
    /// What it returned.
    pub returned: T,
    /// What was behind the device.
    pub responder: R,
    /// How punctual it was, and what got lost that should not.
    pub report: Report,
}

impl Session {
    /// Moves this process into a network namespace whose host has `addresses`. Moments are those of `clock`. Must be called before a second thread is started.
    ///
    /// # Errors
    /// What is missing for it, and how to get it.
    pub fn open(addresses: &[IpAddr], clock: SystemClock, options: SessionOptions) -> Result<Self, LabError> {
        let exact_timers = |error| LabError::new(NO_EXACT_TIMERS, error);
        let timer_slack = process::timer_slack().map_err(exact_timers)?;
        let scheduling = match scheduling::run_in_real_time(PRIORITY) {
            Ok(()) => Scheduling::RealTime,
            Err(_not_permitted) => Scheduling::Ordinary,
        };
        namespace::enter()?;
        let device = interface::open(addresses, &clock)?;
        process::set_timer_slack(Duration::ZERO).map_err(exact_timers)?;
        Ok(Self {
            device,
            clock,
            keep_awake: options.keep_awake,
            scheduling,
            timer_slack,
        })
    }

    /// How the simulator is scheduled.
    #[must_use]
    pub const fn scheduling(&self) -> Scheduling {
        self.scheduling
    }

    /// Runs a command, with `responder` as the network around it, whose moments are those of the session's clock.
    ///
    /// # Errors
    /// A command that can't be started, a device that fails.
    pub fn run<R: Responder>(self, responder: R, command: Vec<OsString>) -> Result<Ended<R>, LabError> {
        let (network_failed, failure) = oneshot::channel();
        let name = command.first().map(|program| program.to_string_lossy().into_owned());
        let failed = move |error| LabError::new(format!("cannot run '{}'", name.unwrap_or_default()), error);
        let inside = move || super::command::run(&command, failure);
        let Hosted {
            returned,
            responder,
            report,
        } = self.host_until(responder, inside, network_failed)?;
        Ok(Ended {
            status: returned.map_err(failed)?,
            responder,
            report,
        })
    }

    /// Does something on another thread, with `responder` as the network around it, whose moments are those of the session's clock. Threads
    /// that it starts are in that network as well. Where the device fails, that is known when it has come to its end.
    ///
    /// # Errors
    /// A thread that can't be started, a device that fails.
    pub fn host<R: Responder, T: Send + 'static>(
        self,
        responder: R,
        inside: impl FnOnce() -> T + Send + 'static,
    ) -> Result<Hosted<R, T>, LabError> {
        let (network_failed, _failure) = oneshot::channel();
        self.host_until(responder, inside, network_failed)
    }

    fn host_until<R: Responder, T: Send + 'static>(
        self,
        responder: R,
        inside: impl FnOnce() -> T + Send + 'static,
        network_failed: oneshot::Sender<()>,
    ) -> Result<Hosted<R, T>, LabError> {
        let no_thread = |error| LabError::new(NO_THREAD, error);
        let awake = self.keep_awake.then(Awake::start).transpose().map_err(no_thread)?;
        let stop = Arc::new(EventFd::new().map_err(|error| LabError::new("an eventfd could not be made", error))?);
        let guest = start_guest(inside, self.timer_slack, Arc::clone(&stop))?;
        let ran = Simulator::new(self.device, responder, self.clock).run(&stop);
        drop(awake);
        if ran.is_err() {
            // Where nobody listens, it ends by itself.
            let _ = network_failed.send(());
        }
        let panicked = |_| {
            LabError::new(
                "the simulated network was left",
                io::Error::other("its thread panicked"),
            )
        };
        let returned = guest.join().map_err(panicked)?;
        let returned = returned.map_err(|error| LabError::new(NO_EXACT_TIMERS, error))?;
        let (responder, account) = ran.map_err(|error| LabError::new("the simulated network failed", error))?;
        Ok(Hosted {
            returned,
            responder,
            report: Report::new(account, self.scheduling),
        })
    }
}

type Guest<T> = JoinHandle<io::Result<T>>;

fn start_guest<T: Send + 'static>(
    inside: impl FnOnce() -> T + Send + 'static,
    timer_slack: Duration,
    stop: Arc<EventFd>,
) -> Result<Guest<T>, LabError> {
    let live = move || {
        let _stop = StopAtEnd(stop);
        // Threads and processes inherit the exact timers of the simulator, but not what they were before.
        process::set_timer_slack(timer_slack)?;
        Ok(inside())
    };
    let thread = thread::Builder::new().name("command".to_owned());
    thread.spawn(live).map_err(|error| LabError::new(NO_THREAD, error))
}

/// Stops the simulator however its guest ends.
struct StopAtEnd(Arc<EventFd>);

impl Drop for StopAtEnd {
    fn drop(&mut self) {
        // An eventfd that can't be written to is none; nobody could be told then.
        let _ = self.0.wake();
    }
}

const NO_THREAD: &str = "a thread could not be started";
const NO_EXACT_TIMERS: &str = "the precision of timers could not be set";

/// The lowest that is above all ordinary threads would do; some room is left below for others.
const PRIORITY: u8 = 10;
