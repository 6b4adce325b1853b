//! The end of a service, and what is kept of it.

use std::time::Duration;

use super::{Ending, Session};
use crate::app::complaints::{complain, complain_of_refused};
use crate::app::exit::Exit;
use crate::app::packets::{Advice, look};
use crate::app::printer::blocked;
use crate::app::run::sink::RunSink;
use crate::app::run::state;
use crate::app::run::writer::{Job, Said};
use crate::app::signals::{Stop, passed};
use crate::clock::{Clock as _, Reading};
use crate::detect::Saved;
use crate::net::Finished;
use crate::report::{NoticeKind, OutputError, Severity};
use crate::series::Series;
use crate::units::Mono;

impl Session {
    /// Has all that is known written, and waits for that, but not long.
    ///
    /// # Errors
    /// Why the output failed, or that its reader takes nothing.
    pub(in crate::app::run) async fn finish(
        mut self,
        mut finished: Finished<RunSink>,
        advice: &Advice,
    ) -> anyhow::Result<Exit> {
        if self.plan.state.is_some() {
            let (all, _) = finished.sink.baselines(0, usize::MAX);
            self.write_state(all);
        }
        finished.sink.close(finished.ended);
        // Nobody asked for the controls, and runs do without.
        finished
            .refused
            .retain(|refused| !self.roster.is_control(&refused.series));
        complain_of_refused(&finished.refused, &advice.told, self.ending == Ending::NothingToProbe);
        let last = Job::Finish(self.farewell(finished.ended));
        let written = tokio::select! {
            biased;
            written = self.printer.finish(last) => written,
            () = hurried(&mut self.stop) => Err(blocked()),
            () = passed(Some(PATIENCE)) => Err(blocked()),
        };
        match written {
            Ok(()) => Ok(match self.ending {
                Ending::NothingToProbe => Exit::Error,
                Ending::NotYet | Ending::Asked | Ending::TimeUp => Exit::Success,
            }),
            // The reader has seen enough.
            Err(error) if matches!(error.downcast_ref(), Some(OutputError::Closed { .. })) => Ok(Exit::Success),
            Err(error) => Err(error),
        }
    }

    fn farewell(&self, ended: Mono) -> Said {
        let (severity, why) = match self.ending {
            Ending::NothingToProbe => (Severity::Error, "nothing can be probed"),
            Ending::TimeUp => (Severity::Info, "the time is up"),
            Ending::Asked | Ending::NotYet => (Severity::Info, "asked to stop by a signal"),
        };
        let seconds = ended.since(self.began).as_secs();
        Said {
            kind: NoticeKind::Stop,
            severity,
            message: format!("{why} after {seconds} s"),
        }
    }

    /// Keeps what was learned, a few series at a time: packets do not wait for all of them.
    pub(super) async fn save(&self) {
        let (mut all, mut from) = (Vec::new(), 0);
        loop {
            let (some, count) = look(&self.remote, move |sink| sink.baselines(from, SLICE)).await;
            all.extend(some);
            from += SLICE;
            if from >= count {
                break;
            }
        }
        self.write_state(all);
    }

    /// A state file that can't be written is worth a complaint and no more.
    fn write_state(&self, all: Vec<(Series, Saved)>) {
        let Some(path) = &self.plan.state else { return };
        let Reading { wall, .. } = self.clock.read();
        if let Err(error) = state::write(path, wall, all) {
            complain(&format!("the state file {} can't be written: {error}", path.display()));
        }
    }
}

/// Ends soon after another signal.
async fn hurried(stop: &mut Stop) {
    stop.next().await;
    passed(Some(HURRY)).await;
}

/// Who asks twice wants an end, but a second signal may also come while nothing is in the way of one.
const HURRY: Duration = Duration::from_millis(500);

/// How long writing may take once the end was asked for.
const PATIENCE: Duration = Duration::from_secs(8);

/// Series whose past is taken in one turn of the packet thread: well below a millisecond of it.
const SLICE: usize = 32;
