//! What a service manager such as systemd is told (`sd_notify(3)`): that the service is ready, alive, reading its configuration again, or
//! stopping, and in one line how it goes.
//!
//! Where nobody asks to be told (`NOTIFY_SOCKET` is not set), nothing is. A manager that can't be told is no reason to stop measuring: it
//! will draw its own conclusions.

use std::time::Duration;

use sd_notify::{NotifyState, notify, watchdog_enabled};

/// The way to the service manager.
#[derive(Debug)]
pub(super) struct Manager {
    is_there: bool,
    /// It gives up on a service that it has not heard of for so long.
    watchdog: Option<Duration>,
    is_ready: bool,
}

impl Manager {
    /// The manager that has started this process, if one did.
    pub(super) fn of_this_process() -> Self {
        Self {
            is_there: std::env::var_os("NOTIFY_SOCKET").is_some(),
            watchdog: watchdog_enabled(),
            is_ready: false,
        }
    }

    /// How often it should hear of the service; `None` where it does not listen.
    pub(super) fn interval(&self) -> Option<Duration> {
        let often = self.watchdog.map_or(RARELY, |watchdog| (watchdog / 3).min(RARELY));
        self.is_there
            .then(|| if self.is_ready { often } else { often.min(STARTING) })
    }

    /// Whether it was told that the service is ready.
    pub(super) const fn is_ready(&self) -> bool {
        self.is_ready
    }

    /// All threads do their work.
    pub(super) fn alive(&self, status: &str) {
        tell(&[NotifyState::Watchdog, NotifyState::Status(status)]);
        if !self.is_ready {
            tell(&[extension(PATIENCE)]);
        }
    }

    /// Something stands still: whoever watches over the service is not told that it is well.
    pub(super) fn stalled(status: &str) {
        tell(&[NotifyState::Status(status)]);
    }

    /// The service does what it is for.
    pub(super) fn ready(&mut self) {
        self.is_ready = true;
        tell(&[NotifyState::Ready]);
    }

    /// The configuration is read again. Before the service is ready, it goes without saying.
    pub(super) fn reloading(&self) {
        if self.is_ready
            && let Ok(now) = NotifyState::monotonic_usec_now()
        {
            tell(&[NotifyState::Reloading, now]);
        }
    }

    /// The configuration was read.
    pub(super) fn reloaded(&self) {
        if self.is_ready {
            tell(&[NotifyState::Ready]);
        }
    }

    /// The service ends, which may take so long.
    pub(super) fn stopping(within: Duration) {
        tell(&[
            NotifyState::Stopping,
            extension(within),
            NotifyState::Status("waiting for the last answers, and writing what is known"),
        ]);
    }
}

fn tell(states: &[NotifyState<'_>]) {
    // Without a manager it does nothing; one that has gone away is nobody's loss.
    let _ = notify(states);
}

fn extension(within: Duration) -> NotifyState<'static> {
    NotifyState::ExtendTimeoutUsec(u32::try_from(within.as_micros()).unwrap_or(u32::MAX))
}

/// A status line that is older would be news of the past.
const RARELY: Duration = Duration::from_secs(10);

/// While a service starts, others wait for it.
const STARTING: Duration = Duration::from_secs(1);

/// A start takes a window, however long that is; systemd hears every second that it goes on.
const PATIENCE: Duration = Duration::from_secs(30);
