//! Which series a service probes: what its plan names, at the addresses that are known by now.
//!
//! The plan and the addresses say what is wanted. [`Roster::settle`] compares that with what is probed, and says what to begin and what to
//! end. A series whose pace or group has changed is ended and begun anew; all others go on as if nothing had happened.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;
use std::time::Duration;

use crate::config::{Family, Host, RunPlan, WatchedTarget};
use crate::diagnose::Role;
use crate::series::{Endpoint, Pace, Series};

/// What makes an entry the same as another one.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(in crate::app) struct Key {
    /// What is probed.
    pub(super) series: Series,
    /// What for.
    pub(super) purpose: Purpose,
}

/// What a series is for. One target may be probed and traced by series that are the same in all else.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(in crate::app) enum Purpose {
    /// It measures a target.
    Backend,
    /// It traces the path to one.
    Path,
    /// It watches this host, or the gateway.
    Control,
}

/// Names and values.
pub(super) type Labels = Arc<[(String, String)]>;

/// A series that is to be probed.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::app) struct Entry {
    /// What.
    pub(in crate::app) series: Series,
    /// How often.
    pub(in crate::app) pace: Pace,
    /// The user's words about its target.
    pub(super) labels: Labels,
    /// A share of lost or slow probes that is nobody's trouble.
    pub(super) floor: f64,
    /// What for.
    pub(in crate::app) role: Role,
}

impl Entry {
    /// What makes it the same as another one.
    pub(super) fn key(&self) -> Key {
        Key {
            series: self.series.clone(),
            purpose: self.purpose(),
        }
    }

    /// What it is for.
    pub(in crate::app) const fn purpose(&self) -> Purpose {
        match self.role {
            Role::Backend { .. } => Purpose::Backend,
            Role::Path => Purpose::Path,
            Role::Loopback | Role::Gateway => Purpose::Control,
        }
    }
}

/// What to begin and what to end.
#[derive(Debug, Default, PartialEq)]
pub(in crate::app) struct Changes {
    /// In the order of the plan.
    pub(in crate::app) admit: Vec<Entry>,
    /// In no order.
    pub(super) retire: Vec<Key>,
}

/// All series of a service.
pub(in crate::app) struct Roster {
    wanted: Wanted,
    /// By name: where it points.
    addresses: BTreeMap<Arc<str>, Vec<IpAddr>>,
    /// What is probed.
    current: HashMap<Key, Entry>,
}

/// What of a plan decides about series.
struct Wanted {
    targets: Vec<WatchedTarget>,
    controls: Vec<Entry>,
    traces: bool,
}

impl Roster {
    /// Nothing is probed yet.
    pub(in crate::app) fn new(plan: &RunPlan) -> Self {
        Self {
            wanted: Wanted::new(plan),
            addresses: BTreeMap::new(),
            current: HashMap::new(),
        }
    }

    /// Follows another plan from now on.
    pub(super) fn replan(&mut self, plan: &RunPlan) {
        self.wanted = Wanted::new(plan);
        let names = self.names();
        self.addresses.retain(|name, _| names.contains(name));
    }

    /// The names that targets have, each once.
    pub(super) fn names(&self) -> BTreeSet<Arc<str>> {
        let of_target = |target: &WatchedTarget| match &target.target.host {
            Host::Name(name) => Some(Arc::from(name.as_str())),
            Host::Address(..) => None,
        };
        self.wanted.targets.iter().filter_map(of_target).collect()
    }

    /// The names of the targets at this name.
    pub(super) fn targets_at(&self, name: &str) -> Vec<Arc<str>> {
        let has_name = |target: &&WatchedTarget| matches!(&target.target.host, Host::Name(host) if host == name);
        let targets = self.wanted.targets.iter().filter(has_name);
        targets.map(|target| Arc::clone(&target.target.name)).collect()
    }

    /// A name points to these addresses from now on.
    pub(super) fn set_addresses(&mut self, name: &Arc<str>, addresses: Vec<IpAddr>) {
        self.addresses.insert(Arc::clone(name), addresses);
    }

    /// How many targets the plan has.
    pub(super) fn target_count(&self) -> usize {
        self.wanted.targets.len()
    }

    /// Whether a series watches this host or its gateway.
    pub(super) fn is_control(&self, series: &Series) -> bool {
        self.wanted.controls.iter().any(|control| control.series == *series)
    }

    /// Whether the addresses of all targets are known.
    pub(super) fn is_resolved(&self) -> bool {
        self.names().iter().all(|name| self.addresses.contains_key(name))
    }

    /// What to begin and what to end, which from now on counts as done.
    pub(in crate::app) fn settle(&mut self) -> Changes {
        let desired = self.desired();
        let keys: HashSet<Key> = desired.iter().map(Entry::key).collect();
        let mut changes = Changes::default();
        self.current.retain(|key, _| {
            let stays = keys.contains(key);
            if !stays {
                changes.retire.push(key.clone());
            }
            stays
        });
        for entry in desired {
            let key = entry.key();
            match self.current.get(&key) {
                Some(current) if *current == entry => continue,
                Some(_) => changes.retire.push(key.clone()),
                None => {}
            }
            self.current.insert(key, entry.clone());
            changes.admit.push(entry);
        }
        changes
    }

    /// All that should be probed by now, each series once.
    fn desired(&self) -> Vec<Entry> {
        let mut seen = HashSet::new();
        let targets = self.wanted.targets.iter();
        let backends = targets.flat_map(|target| {
            let addresses = self.addresses_of(target);
            addresses
                .into_iter()
                .flat_map(|(address, scope_id)| entries(target, address, scope_id, self.wanted.traces))
        });
        let all = self.wanted.controls.iter().cloned().chain(backends);
        // Two names of the same target may point to one address.
        all.filter(|entry| seen.insert(entry.key())).collect()
    }

    fn addresses_of(&self, target: &WatchedTarget) -> Vec<(IpAddr, u32)> {
        match &target.target.host {
            Host::Address(address, scope_id) => vec![(*address, *scope_id)],
            Host::Name(name) => {
                let known = self.addresses.get(name.as_str());
                known.into_iter().flatten().map(|address| (*address, 0)).collect()
            }
        }
    }
}

impl Wanted {
    fn new(plan: &RunPlan) -> Self {
        Self {
            targets: plan.targets.clone(),
            controls: controls(plan),
            traces: plan.diagnosis.trace.is_some(),
        }
    }
}

/// The series of one target at one address: what it is probed by, then its path.
fn entries(target: &WatchedTarget, address: IpAddr, scope_id: u32, traces: bool) -> Vec<Entry> {
    let series = |endpoint| Series {
        target: Arc::clone(&target.target.name),
        address,
        scope_id,
        endpoint,
        flow: 0,
    };
    let labels: Labels = target.labels.clone().into();
    let endpoints = &target.target.endpoints;
    let probes = endpoints.iter().map(|&endpoint| Entry {
        series: series(endpoint),
        pace: Pace {
            interval: interval(target, endpoint),
            timeout: target.timeout,
            count: None,
        },
        labels: Arc::clone(&labels),
        floor: target.floor,
        role: Role::Backend {
            group: target.group.clone(),
        },
    });
    // Echoes are refused by fewer routers and disturb no service.
    let by_icmp = endpoints.iter().find(|endpoint| **endpoint == Endpoint::Icmp);
    let by_what = by_icmp.or(endpoints.first()).filter(|_| traces);
    let path = by_what.map(|&endpoint| Entry {
        series: series(endpoint),
        pace: Pace {
            interval: interval(target, endpoint),
            timeout: target.timeout,
            // The sweeper asks for each probe; the schedule sends none.
            count: Some(0),
        },
        // It has no windows and nobody's troubles: it goes on where these change.
        labels: Arc::default(),
        floor: 0.0,
        role: Role::Path,
    });
    probes.chain(path).collect()
}

const fn interval(target: &WatchedTarget, endpoint: Endpoint) -> Duration {
    match endpoint {
        Endpoint::Icmp => target.icmp_interval,
        Endpoint::Tcp(_) | Endpoint::Udp(_) => target.tcp_interval,
    }
}

/// Series that watch this host and, where that is allowed, its gateway.
fn controls(plan: &RunPlan) -> Vec<Entry> {
    let control = |name: &str, address, role| Entry {
        series: Series {
            target: name.into(),
            address,
            scope_id: 0,
            endpoint: Endpoint::Icmp,
            flow: 0,
        },
        pace: Pace {
            interval: CONTROL_INTERVAL,
            timeout: CONTROL_TIMEOUT,
            count: None,
        },
        labels: Arc::default(),
        floor: 0.0,
        role,
    };
    // A socket that is bound to an interface or to an address of one does not reach the loopback.
    let is_bound = plan.packet.interface.is_some() || plan.packet.source.is_some();
    let localhost = match plan.family {
        Family::Any | Family::V4 => IpAddr::from(Ipv4Addr::LOCALHOST),
        Family::V6 => IpAddr::from(Ipv6Addr::LOCALHOST),
    };
    let loopback = (!is_bound).then(|| control("loopback", localhost, Role::Loopback));
    let gateway = plan.diagnosis.gateway;
    let gateway = gateway.map(|address| control("gateway", address, Role::Gateway));
    loopback.into_iter().chain(gateway).collect()
}

/// As often as targets are probed by default, so that what disturbs them meets a control too.
const CONTROL_INTERVAL: Duration = Duration::from_millis(200);

/// As targets have it by default.
const CONTROL_TIMEOUT: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests;
