//! What is known about a run of a story besides its verdict: who suffered, how, and which elements did it.
//!
//! Three sources, none of which is the verdict: the ledger of the model, what probes found, and the paths before and after.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::time::Duration;

use pathjitter::series::Endpoint;
use pathjitter::simnet::{Network, Topology};
use pathjitter::units::Mono;

use super::judge::SPIKE;
use super::run::{Outcome, Run, Seen, Share};

/// All that rules may look at.
#[derive(Debug)]
pub(crate) struct Facts {
    /// Backends by name.
    pub(crate) targets: BTreeMap<String, Target>,
    /// Names of nodes by address.
    pub(crate) nodes: BTreeMap<IpAddr, String>,
    /// How late this host sent, 99th percentile of the worst series.
    pub(crate) sent_late: Duration,
    /// Whether it is only late when the story says so.
    pub(crate) is_host_modelled: bool,
    /// Why elements dropped packets.
    reasons: BTreeMap<String, BTreeSet<String>>,
}

/// What one backend has been through.
#[derive(Debug, Default)]
pub(crate) struct Target {
    pub(crate) icmp: Shown,
    pub(crate) tcp: Shown,
    /// By element of the network: what it did to this backend's packets, where that was any harm.
    pub(crate) harm: BTreeMap<String, Share>,
    /// The nodes of its path, from the host on: at the beginning, and at the end.
    pub(crate) before: Vec<String>,
    pub(crate) after: Vec<String>,
}

/// What probes of one protocol got.
#[derive(Debug, Default)]
pub(crate) struct Shown {
    pub(crate) replies: usize,
    /// Of `replies`: those that took 1 ms longer than the path takes when nothing is wrong.
    pub(crate) slow: usize,
    pub(crate) refused: usize,
    pub(crate) unreachable: usize,
    pub(crate) prohibited: usize,
    pub(crate) nothing: usize,
    /// Whether the last third of the probes of any series, and that is how it ended, got no reply.
    pub(crate) is_gone: bool,
}

/// A place where packets were harmed.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Place {
    /// A router or a backend.
    Node(String),
    /// A link, in any direction: its ends.
    Link(String, String),
}

impl Facts {
    pub(crate) fn new(topology: &Topology, run: &Run) -> Self {
        let mut network = Network::new(topology, 0, Mono::default());
        let mut targets = BTreeMap::new();
        for seen in &run.seen {
            let is_backend = run.ledger.targets.contains_key(&*seen.series.target);
            if is_backend {
                let target: &mut Target = targets.entry(seen.series.target.to_string()).or_default();
                target.before = path(&mut network, seen.series.address);
                let usual = network.base_rtt(seen.series.address).unwrap_or_default();
                let slow = seen.rtts(Outcome::Reply).filter(|rtt| *rtt > usual + SPIKE + run.slack);
                let slow = slow.count().saturating_sub(run.strays);
                target.shown_mut(seen.series.endpoint).add(seen, slow);
            }
        }
        // No packet is in there; time alone passes.
        let _ = network.poll_delivery(Mono::default().after(topology.duration.0), &mut Vec::new());
        for seen in &run.seen {
            if let Some(target) = targets.get_mut(&*seen.series.target) {
                target.after = path(&mut network, seen.series.address);
            }
        }
        for (name, target) in &mut targets {
            let shares = run.ledger.targets.get(name).into_iter().flatten();
            // What the host holds up for itself is no harm of the network.
            let harm = shares.filter(|(element, share)| *element != HOST && share.dropped + share.delayed > 0);
            target.harm = harm.map(|(element, share)| (element.clone(), *share)).collect();
        }
        let elements = run.ledger.elements.iter();
        Self {
            targets,
            nodes: nodes(topology),
            is_host_modelled: run.is_host_modelled,
            sent_late: run.seen.iter().map(|seen| seen.sent_late).max().unwrap_or_default(),
            reasons: elements
                .map(|element| (element.name.clone(), element.dropped.keys().cloned().collect()))
                .collect(),
        }
    }

    /// The names of all backends that anything happened to.
    pub(crate) fn sufferers(&self) -> BTreeSet<&str> {
        let suffering = self.targets.iter().filter(|(_, target)| target.suffers());
        suffering.map(|(name, _)| name.as_str()).collect()
    }

    /// Why these elements dropped packets.
    pub(crate) fn reasons_of<'a>(&self, elements: impl Iterator<Item = &'a String>) -> BTreeSet<&str> {
        let reasons = elements.filter_map(|element| self.reasons.get(element)).flatten();
        reasons.map(String::as_str).collect()
    }

    /// How many backends lie behind the link from one node to the next.
    pub(crate) fn behind(&self, near: &str, far: &str) -> usize {
        let paths = self.targets.values().map(|target| &target.before);
        paths
            .filter(|path| path.windows(2).any(|two| two == [near, far]))
            .count()
    }
}

impl Target {
    /// Whether anything happened to its packets or its path.
    pub(crate) fn suffers(&self) -> bool {
        !self.harm.is_empty() || self.before != self.after || !self.icmp.is_clean() || !self.tcp.is_clean()
    }

    /// Where its packets were harmed.
    pub(crate) fn places(&self) -> BTreeSet<Place> {
        self.harm.keys().map(|element| place(element)).collect()
    }

    /// Packets that the network dropped.
    pub(crate) fn dropped(&self) -> u64 {
        self.harm.values().map(|share| share.dropped).sum()
    }

    const fn shown_mut(&mut self, endpoint: Endpoint) -> &mut Shown {
        match endpoint {
            Endpoint::Icmp => &mut self.icmp,
            Endpoint::Tcp(_) | Endpoint::Udp(_) => &mut self.tcp,
        }
    }
}

impl Shown {
    /// Whether all probes were answered by replies in time.
    pub(crate) const fn is_clean(&self) -> bool {
        self.slow == 0 && self.is_always_answered()
    }

    /// Whether all probes were answered by replies, in time or not.
    pub(crate) const fn is_always_answered(&self) -> bool {
        self.nothing == 0 && !self.is_rejected()
    }

    /// Whether some were answered by anything but a reply.
    pub(crate) const fn is_rejected(&self) -> bool {
        self.refused + self.unreachable + self.prohibited > 0
    }

    fn add(&mut self, seen: &Seen, slow: usize) {
        self.replies += seen.count(Outcome::Reply);
        self.slow += slow;
        self.refused += seen.count(Outcome::Refused);
        self.unreachable += seen.count(Outcome::Unreachable);
        self.prohibited += seen.count(Outcome::Prohibited);
        self.nothing += seen.count(Outcome::Nothing);
        let mut last = seen.probes.values().skip(seen.probes.len() * 2 / 3);
        self.is_gone |= last.all(|probe| probe.outcome != Outcome::Reply);
    }
}

fn place(element: &str) -> Place {
    match element.split_once('>') {
        None => Place::Node(element.to_owned()),
        Some((from, to)) => Place::Link(from.min(to).to_owned(), from.max(to).to_owned()),
    }
}

fn path(network: &mut Network, to: IpAddr) -> Vec<String> {
    network.path(to, 0).into_iter().map(str::to_owned).collect()
}

fn nodes(topology: &Topology) -> BTreeMap<IpAddr, String> {
    let routers = topology.routers.iter().map(|router| (&router.name, &router.addresses));
    let backends = topology
        .backends
        .iter()
        .map(|backend| (&backend.name, &backend.addresses));
    let named = routers.chain(backends).flat_map(|(name, addresses)| {
        let each = addresses.iter();
        each.map(|address| (*address, name.clone()))
    });
    named.collect()
}

/// The prober's host, as topologies call it.
pub(crate) const HOST: &str = "host";
