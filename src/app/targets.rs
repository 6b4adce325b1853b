//! From the targets of a plan to the series that are probed, as their names resolve.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;

use crate::config::{Family, Host, Target};
use crate::net::resolve::{Finished, NameResolver, ResolveError, Resolved};
use crate::series::{Pace, Series};

/// What is to be probed, and how often.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wanted<'a> {
    pub(super) targets: &'a [Target],
    /// Which addresses of a name.
    pub(super) family: Family,
    /// Flows per endpoint.
    pub(super) flows: u16,
    pub(super) pace: Pace,
}

/// Targets whose names are still being resolved.
pub(super) struct Pending<'a> {
    wanted: Wanted<'a>,
    by_name: HashMap<Arc<str>, Vec<Target>>,
    finished: tokio::sync::mpsc::Receiver<Finished>,
}

/// The series of all targets that are given by address, and those still to come.
pub(super) fn start<'a>(wanted: Wanted<'a>, resolver: &NameResolver) -> (Vec<(Series, Pace)>, Pending<'a>) {
    let mut ready = Vec::new();
    let mut by_name: HashMap<Arc<str>, Vec<Target>> = HashMap::new();
    for target in wanted.targets {
        match &target.host {
            Host::Address(address, scope_id) => ready.extend(wanted.series(target, *address, *scope_id)),
            Host::Name(name) => by_name.entry(name.as_str().into()).or_default().push(target.clone()),
        }
    }
    let finished = resolver.resolve_all(by_name.keys().cloned(), wanted.family);
    (
        ready,
        Pending {
            wanted,
            by_name,
            finished,
        },
    )
}

impl Pending<'_> {
    /// The series of the next name that is resolved, or why it is not; `None` after the last.
    pub(super) async fn next(&mut self) -> Option<Result<Vec<(Series, Pace)>, ResolveError>> {
        let Finished { name, result } = self.finished.recv().await?;
        let targets = self.by_name.remove(&name).unwrap_or_default();
        Some(result.map(|resolved| {
            let pairs = targets
                .iter()
                .flat_map(|target| resolved.iter().map(move |found| (target, found)));
            pairs
                .flat_map(|(target, Resolved { address, .. })| self.wanted.series(target, *address, 0))
                .collect()
        }))
    }

    /// Complains of every name that was not resolved when the run ended; returns how many there are.
    pub(super) fn give_up(self, complain: impl Fn(&str)) -> usize {
        for name in self.by_name.keys() {
            complain(&format!(
                "{name}: not resolved before the run ended; give it more time with -w, or give its address"
            ));
        }
        self.by_name.len()
    }
}

impl Wanted<'_> {
    /// One series for each endpoint and flow of a target at one address.
    fn series(&self, target: &Target, address: IpAddr, scope_id: u32) -> impl Iterator<Item = (Series, Pace)> + use<> {
        let name = Arc::clone(&target.name);
        let (flows, pace) = (self.flows, self.pace);
        target.endpoints.clone().into_iter().flat_map(move |endpoint| {
            let name = Arc::clone(&name);
            (0..flows).map(move |flow| {
                (
                    Series {
                        target: Arc::clone(&name),
                        address,
                        scope_id,
                        endpoint,
                        flow,
                    },
                    pace,
                )
            })
        })
    }
}

#[cfg(test)]
mod tests;
