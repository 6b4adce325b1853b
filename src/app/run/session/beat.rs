//! Telling the service manager how the service goes.

use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::timeout;

use super::{Ending, Session};
use crate::app::packets::look;
use crate::app::run::manager::Manager;
use crate::app::run::options::longest_timeout;
use crate::app::run::outbox::Worth;
use crate::app::run::sink::RunSink;
use crate::app::run::writer::Job;
use crate::clock::Clock as _;

impl Session {
    /// How long until the manager should hear of the service again; `None` where nobody listens.
    pub(super) fn until_beat(&self) -> Option<Duration> {
        let since = self.clock.mono().since(self.beaten_at);
        self.manager.interval().map(|interval| interval.saturating_sub(since))
    }

    /// Asks the other threads how far they are, and tells the manager.
    pub(super) async fn beat(&mut self) {
        self.beaten_at = self.clock.mono();
        if self.ending != Ending::NotYet {
            return;
        }
        let (reply, answer) = oneshot::channel();
        self.outbox.put(Worth::Word, Job::Pulse(reply));
        let asked = look(&self.remote, |sink: &mut RunSink| Some(sink.vitals()));
        let (vitals, written) = tokio::join!(timeout(PATIENCE, asked), timeout(PATIENCE, answer));
        let vitals = vitals.ok().flatten();
        let written = written.ok().and_then(Result::ok);
        let now = self.clock.mono();
        let longest = longest_timeout(&self.plan);
        let checked = self.pulse.check(now, vitals, written.is_some(), longest);
        let (Some(written), Ok(())) = (written, checked) else {
            if let Err(standstill) = checked {
                Manager::stalled(&standstill.to_string());
            }
            return;
        };
        self.manager.alive(&written.summary);
        // A service whose names do not resolve has no window, and is as ready as it can be.
        let is_due = now.since(self.began) > self.plan.window + longest * 2 + LATE;
        if !self.manager.is_ready() && (written.windows > 0 || is_due) {
            self.manager.ready();
        }
    }
}

/// A thread that takes longer to answer is told of as one that does not.
const PATIENCE: Duration = Duration::from_millis(500);

/// A window that was not written so long after its end is not coming.
const LATE: Duration = Duration::from_secs(2);
