//! What a file expects of a trace, spelled out for one family: addresses instead of names.

use std::collections::BTreeSet;
use std::fmt;
use std::net::IpAddr;

use pathjitter::lab::series_of;
use pathjitter::series::{Endpoint, Series};
use pathjitter::simnet::Topology;
use pathjitter::simnet::topology::{Answerer, PathCode, PathEnd, Proto, TraceExpectation, TrueSegment};

use super::found::Label;

/// What a trace of one series must find.
#[derive(Clone, Debug)]
pub(crate) struct Expected {
    pub(crate) series: Series,
    /// Who may answer at each TTL; empty where nobody does.
    pub(crate) hops: Vec<BTreeSet<IpAddr>>,
    pub(crate) before: Option<Vec<BTreeSet<IpAddr>>>,
    pub(crate) end: PathEnd,
    pub(crate) verdict: PathCode,
    pub(crate) loss: Option<TrueSegment>,
    pub(crate) jitter: Option<TrueSegment>,
    pub(crate) rate_limited: Vec<u8>,
    /// Whether only fast traces are meant by `rate_limited`.
    pub(crate) rate_limited_fast: Option<Vec<u8>>,
    pub(crate) slow: Vec<u8>,
    /// The labels that each hop shows: those of its router.
    pub(crate) mpls: Vec<Vec<Label>>,
}

impl Expected {
    /// All that a file says of traces, IPv4 and IPv6 apart: they are swept one after the other, since they would share the limits of
    /// routers without sharing addresses.
    pub(crate) fn by_family(topology: &Topology) -> Vec<Vec<Self>> {
        let families = [true, false].map(|is_v4| {
            let traces = topology.traces.iter();
            traces
                .filter_map(|trace| Self::of(topology, trace, is_v4))
                .collect::<Vec<_>>()
        });
        families.into_iter().filter(|all| !all.is_empty()).collect()
    }

    fn of(topology: &Topology, trace: &TraceExpectation, is_v4: bool) -> Option<Self> {
        let series = series_of(topology, &trace.probe).unwrap_or_else(|why| panic!("{why}"));
        let mut series = series.into_iter().find(|series| series.address.is_ipv4() == is_v4)?;
        if let (Some(Proto::Udp), Some(port)) = (trace.proto, series.endpoint.port()) {
            series.endpoint = Endpoint::Udp(port);
        }
        let spell = |hops: &[Answerer]| {
            hops.iter()
                .map(|hop| addresses(topology, hop, is_v4))
                .collect::<Vec<_>>()
        };
        let hops = spell(&trace.hops);
        Some(Self {
            series,
            mpls: hops.iter().map(|hop| labels(topology, hop)).collect(),
            hops,
            before: trace.before.as_deref().map(spell),
            end: trace.end,
            verdict: trace.verdict,
            loss: trace.loss_starts_at,
            jitter: trace.jitter_starts_at,
            rate_limited: trace.rate_limited.clone(),
            rate_limited_fast: trace.rate_limited_fast.clone(),
            slow: trace.slow.clone(),
        })
    }

    /// The same over another flow.
    pub(crate) fn flow(&self, flow: u16) -> Self {
        let mut other = self.clone();
        other.series.flow = flow;
        other
    }

    /// What the same trace must find at ten probes a second, where the file says it.
    pub(crate) fn fast(&self) -> Option<Self> {
        let rate_limited = self.rate_limited_fast.clone()?;
        Some(Self {
            rate_limited,
            ..self.clone()
        })
    }

    /// Whether what is wrong with the path is wrong at this TTL, too.
    pub(crate) fn suffers_at(&self, ttl: u8) -> bool {
        let mut segments = self.loss.into_iter().chain(self.jitter);
        segments.any(|segment| segment.to_ttl <= ttl)
    }

    /// Whether the ends of a segment answer and limit nothing, so that the segment can be told from all others.
    pub(crate) fn is_identifiable(&self, segment: TrueSegment) -> bool {
        let is_plain = |ttl: u8| {
            let answers = |at: u8| self.hops.get(usize::from(at)).is_some_and(|hop| !hop.is_empty());
            ttl.checked_sub(1).is_none_or(answers) && !self.rate_limited.contains(&ttl)
        };
        is_plain(segment.from_ttl) && is_plain(segment.to_ttl)
    }
}

impl fmt::Display for Expected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} by {:?}", self.series.address, self.series.endpoint)
    }
}

fn addresses(topology: &Topology, hop: &Answerer, is_v4: bool) -> BTreeSet<IpAddr> {
    let routers = topology.routers.iter().map(|router| (&router.name, &router.addresses));
    let backends = topology
        .backends
        .iter()
        .map(|backend| (&backend.name, &backend.addresses));
    let nodes: Vec<_> = routers.chain(backends).collect();
    let of = |name: &String| -> Vec<IpAddr> {
        let node = nodes.iter().find(|(node, _)| *node == name);
        let address = name.parse().ok();
        let addresses = node.map(|(_, addresses)| (*addresses).clone());
        addresses.unwrap_or_else(|| address.into_iter().collect())
    };
    let all = hop.all().iter().flat_map(of);
    let all: BTreeSet<IpAddr> = all.filter(|address| address.is_ipv4() == is_v4).collect();
    assert_eq!(
        all.is_empty(),
        hop.all().is_empty(),
        "{hop:?} has no address of this family"
    );
    all
}

/// The labels of the only router that may answer.
fn labels(topology: &Topology, hop: &BTreeSet<IpAddr>) -> Vec<Label> {
    let mut routers = topology.routers.iter();
    let router = routers.find(|router| router.addresses.iter().any(|address| hop.contains(address)));
    let labels = router.and_then(|router| router.set.mpls.as_deref()).unwrap_or_default();
    labels.iter().map(|entry| (entry.label, entry.tc, entry.ttl)).collect()
}
