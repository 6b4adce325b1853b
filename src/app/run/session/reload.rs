//! SIGHUP: the log is opened again, and the configuration is read again.

use super::Session;
use crate::app::run::ReadPlan;
use crate::app::run::http::Told;
use crate::app::run::outbox::Worth;
use crate::app::run::writer::Job;
use crate::config::RunPlan;
use crate::net::resolve::{Limits, NameResolver};
use crate::report::{NoticeKind, Severity};

impl Session {
    /// Follows the configuration as it is now. A mistake in it changes nothing.
    pub(super) async fn reload(&mut self, read_plan: &impl ReadPlan) {
        self.outbox.put(Worth::Word, Job::Reopen);
        let read = read_plan();
        if let Some(exhibit) = &self.exhibit {
            exhibit.put(Worth::Word, Told::Reloaded(read.is_ok()));
        }
        let next = match read {
            Ok(next) => next,
            Err(error) => {
                let message = format!("nothing was changed: {error:#}");
                self.say(NoticeKind::ConfigReload, Severity::Error, message);
                return;
            }
        };
        let ignored = fixed_differences(&self.plan, &next);
        self.roster.replan(&next);
        self.plan.targets = next.targets;
        // The hosts file is read again as well.
        let resolver = NameResolver::of_this_system(Limits::default());
        self.names.want(&self.roster.names(), Some(resolver));
        let count = self.roster.target_count();
        let noun = if count == 1 { "target" } else { "targets" };
        let (severity, message) = if ignored.is_empty() {
            (Severity::Info, format!("{count} {noun} from now on"))
        } else {
            let settings = ignored.join(", ");
            let message =
                format!("{count} {noun} from now on; what is new of {settings} counts from the next start on");
            (Severity::Warning, message)
        };
        self.say(NoticeKind::ConfigReload, severity, message);
        self.settle().await;
    }
}

/// Settings that differ and that a running service does not change.
fn fixed_differences(now: &RunPlan, next: &RunPlan) -> Vec<&'static str> {
    let settings = [
        (now.family == next.family, "the address family"),
        (now.packet == next.packet, "the packets"),
        (
            (now.engine, now.slot, now.max_syn_rate, now.receive_buffer)
                == (next.engine, next.slot, next.max_syn_rate, next.receive_buffer),
            "the engine",
        ),
        (now.window == next.window, "the window"),
        (now.duration == next.duration, "the duration"),
        (now.diagnosis == next.diagnosis, "the diagnosis"),
        (now.output == next.output, "the outputs"),
        (now.state == next.state, "the state file"),
    ];
    let differ = settings.into_iter().filter(|(is_same, _)| !is_same);
    differ.map(|(_, name)| name).collect()
}
