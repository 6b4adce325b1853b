//! From the targets of a plan to the series that are probed, as their names resolve.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;

use crate::config::{Host, PingPlan, Target};
use crate::net::resolve::{Finished, NameResolver, ResolveError, Resolved};
use crate::series::{Pace, Series};

/// Targets whose names are still being resolved.
pub(super) struct Pending {
    by_name: HashMap<Arc<str>, Vec<Target>>,
    finished: tokio::sync::mpsc::Receiver<Finished>,
}

/// The series of all targets that are given by address, and those still to come.
pub(super) fn start(plan: &PingPlan, resolver: &NameResolver) -> (Vec<(Series, Pace)>, Pending) {
    let mut ready = Vec::new();
    let mut by_name: HashMap<Arc<str>, Vec<Target>> = HashMap::new();
    for target in &plan.targets {
        match &target.host {
            Host::Address(address, scope_id) => ready.extend(series(plan, target, *address, *scope_id)),
            Host::Name(name) => by_name.entry(name.as_str().into()).or_default().push(target.clone()),
        }
    }
    let finished = resolver.resolve_all(by_name.keys().cloned(), plan.family);
    (ready, Pending { by_name, finished })
}

impl Pending {
    /// The series of the next name that is resolved, or why it is not; `None` after the last.
    pub(super) async fn next(&mut self, plan: &PingPlan) -> Option<Result<Vec<(Series, Pace)>, ResolveError>> {
        let Finished { name, result } = self.finished.recv().await?;
        let targets = self.by_name.remove(&name).unwrap_or_default();
        Some(result.map(|resolved| {
            let pairs = targets
                .iter()
                .flat_map(|target| resolved.iter().map(move |found| (target, found)));
            pairs
                .flat_map(|(target, Resolved { address, .. })| series(plan, target, *address, 0))
                .collect()
        }))
    }
}

impl Pending {
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

/// One series for each endpoint and flow of a target at one address.
fn series(plan: &PingPlan, target: &Target, address: IpAddr, scope_id: u32) -> impl Iterator<Item = (Series, Pace)> {
    let name = Arc::clone(&target.name);
    let (flows, pace) = (plan.flows, plan.pace);
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

#[cfg(test)]
mod tests;
