//! What a run of a story has shown, in figures that do not say who ran it.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

use pathjitter::lab::series_of;
use pathjitter::series::Series;
use pathjitter::simnet::Topology;
use serde::Deserialize;

/// A run of a story.
#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) seen: Vec<Seen>,
    pub(crate) ledger: Ledger,
    /// How much longer RTTs may be than the network makes them, because of what is between it and the prober.
    pub(crate) slack: Duration,
    /// How many answers of a series may take longer still, for reasons that nobody saw.
    pub(crate) strays: usize,
    /// Whether the prober is late only when the story says so: a real host may be busy with other things.
    pub(crate) is_host_modelled: bool,
}

/// What became of the probes of one series.
#[derive(Debug)]
pub(crate) struct Seen {
    pub(crate) series: Series,
    /// By number, which is the order of sending.
    pub(crate) probes: BTreeMap<u64, Probe>,
    /// Probes that say nothing, because the simulator was late when they were under way. Not in `probes`.
    pub(crate) discarded: usize,
    /// Probes that were not sent or not judged. Not in `probes`.
    pub(crate) unsent: usize,
    /// How late probes were sent, 99th percentile.
    pub(crate) sent_late: Duration,
}

/// One probe.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Probe {
    pub(crate) outcome: Outcome,
    /// To the answer that came in time.
    pub(crate) rtt: Option<Duration>,
}

/// What a probe got within a second.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    Reply,
    Refused,
    Unreachable,
    Prohibited,
    Nothing,
}

impl Seen {
    /// Nothing yet.
    pub(crate) const fn nothing_of(series: Series) -> Self {
        Self {
            series,
            probes: BTreeMap::new(),
            discarded: 0,
            unsent: 0,
            sent_late: Duration::ZERO,
        }
    }

    pub(crate) fn count(&self, outcome: Outcome) -> usize {
        self.probes.values().filter(|probe| probe.outcome == outcome).count()
    }

    /// RTTs of the answers of this kind.
    pub(crate) fn rtts(&self, outcome: Outcome) -> impl Iterator<Item = Duration> {
        let like = self.probes.values().filter(move |probe| probe.outcome == outcome);
        like.filter_map(|probe| probe.rtt)
    }

    /// The median RTT of the answers of this kind.
    pub(crate) fn median(&self, outcome: Outcome) -> Option<Duration> {
        let mut rtts: Vec<Duration> = self.rtts(outcome).collect();
        rtts.sort_unstable();
        rtts.get(rtts.len() / 2).copied()
    }
}

/// The ledger as `pathjitter lab --report` writes it: the model's own word on what it did.
#[derive(Debug, Deserialize)]
pub(crate) struct Ledger {
    pub(crate) elements: Vec<Element>,
    /// By backend, then by element.
    pub(crate) targets: BTreeMap<String, BTreeMap<String, Share>>,
}

/// What an element did.
#[derive(Debug, Deserialize)]
pub(crate) struct Element {
    pub(crate) name: String,
    /// Packets, by reason.
    pub(crate) dropped: BTreeMap<String, u64>,
}

/// What an element did to the packets of one backend.
#[derive(Clone, Copy, Debug, Deserialize)]
pub(crate) struct Share {
    pub(crate) dropped: u64,
    pub(crate) delayed: u64,
}

/// All that a story says something about, once each.
pub(crate) fn probed(topology: &Topology) -> Vec<Series> {
    let mut all: Vec<Series> = Vec::new();
    for expected in &topology.expectations {
        all.extend(series_of(topology, &expected.probe).unwrap_or_else(|why| panic!("{why}")));
    }
    all
}

/// How series are told apart.
pub(crate) fn key(series: &Series) -> (IpAddr, Option<u16>) {
    (series.address, series.endpoint.port())
}
