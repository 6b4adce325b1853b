//! Series that begin and end while a service goes on.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

use super::{Ending, Session};
use crate::app::packets::look;
use crate::app::run::names::Learned;
use crate::app::run::outbox::Worth;
use crate::app::run::roster::{Entry, Key, Purpose};
use crate::app::run::sink::{Expected, RunSink};
use crate::app::run::writer::{Job, Resolved};
use crate::clock::Clock as _;
use crate::net::Command;
use crate::report::{NoticeKind, Severity};

impl Session {
    /// Begins and ends series until what is probed is what is wanted.
    pub(super) async fn settle(&mut self) {
        if self.ending != Ending::NotYet {
            return;
        }
        let changes = self.roster.settle();
        if !changes.retire.is_empty() {
            self.retire(changes.retire).await;
        }
        if !changes.admit.is_empty() {
            self.admit(changes.admit).await;
        }
        self.check_that_there_is_something().await;
    }

    async fn retire(&mut self, keys: Vec<Key>) {
        let now = self.clock.mono();
        let gone = look(&self.remote, move |sink| sink.retire(&keys, now)).await;
        let (ids, pasts): (Vec<_>, Vec<_>) = gone.into_iter().unzip();
        self.remote.send(Command::Retire(ids));
        // For a series that begins anew at once: with another interval, or in another group.
        self.baselines.extend(pasts.into_iter().flatten());
    }

    async fn admit(&mut self, entries: Vec<Entry>) {
        let series = entries.iter().map(|entry| (entry.series.clone(), entry.pace)).collect();
        let expected = entries.into_iter().map(|entry| Expected {
            saved: match entry.purpose() {
                Purpose::Backend => self.baselines.remove(&entry.series),
                Purpose::Path | Purpose::Control => None,
            },
            entry,
        });
        let expected: Vec<_> = expected.collect();
        self.remote
            .send(Command::Inspect(Box::new(move |sink| sink.expect(expected))));
        self.remote.send(Command::Admit(series));
        let missing = look(&self.remote, RunSink::take_missing).await;
        self.tell_missing(&missing);
    }

    /// Says which targets can't be probed here. Why, was said on standard error at the start.
    fn tell_missing(&mut self, missing: &[Entry]) {
        let mut by_target: BTreeMap<&str, Vec<&'static str>> = BTreeMap::new();
        for entry in missing.iter().filter(|entry| entry.purpose() == Purpose::Backend) {
            let protos = by_target.entry(&entry.series.target).or_default();
            protos.push(entry.series.endpoint.proto().as_str());
        }
        for (target, mut protos) in by_target {
            protos.dedup();
            self.refused = true;
            let protos = protos.join(" and ");
            self.say(
                NoticeKind::Error,
                Severity::Error,
                format!("{target} is not probed by {protos}: this process may not open the socket for it"),
            );
        }
    }

    /// Ends a service that can probe nothing, and has nothing to wait for.
    async fn check_that_there_is_something(&mut self) {
        if !self.refused || !self.roster.is_resolved() {
            return;
        }
        let backends = look(&self.remote, |sink| sink.backends()).await;
        if backends == 0 {
            self.stop(Ending::NothingToProbe);
        }
    }

    /// Says what a look-up has changed, for each target of that name.
    pub(super) fn tell_learned(&self, name: &str, learned: &Learned) {
        let (severity, message, addresses) = match learned {
            Learned::Nothing => return,
            Learned::Addresses { now, moved } => {
                let verb = if *moved { "now points" } else { "points" };
                (Severity::Info, format!("{name} {verb} to {}", listed(now)), now.clone())
            }
            Learned::Back { now } => (
                Severity::Info,
                format!("{name} resolves again, to {} as before", listed(now)),
                now.clone(),
            ),
            Learned::Failed { error, kept: true } => (
                Severity::Warning,
                format!("{error}; its last addresses stay in use"),
                Vec::new(),
            ),
            Learned::Failed { error, kept: false } => (
                Severity::Error,
                format!("{error}; it is asked for again and again"),
                Vec::new(),
            ),
        };
        for target in self.roster.targets_at(name) {
            self.outbox.put(
                Worth::Word,
                Job::Resolved(Resolved {
                    severity,
                    message: message.clone(),
                    target: Arc::clone(&target),
                    addresses: addresses.clone(),
                }),
            );
        }
    }
}

fn listed(addresses: &[IpAddr]) -> String {
    let addresses: Vec<_> = addresses.iter().map(IpAddr::to_string).collect();
    addresses.join(", ")
}
