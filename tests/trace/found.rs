//! What a trace has found, whoever ran it.

use std::net::IpAddr;

use pathjitter::app::trace::verdict;
use pathjitter::localize::Segment;
use pathjitter::series::Series;
use pathjitter::simnet::topology::{PathCode, PathEnd};
use pathjitter::sweep::{End, Hop, PathReport};
use pathjitter::units::Rtt;
use serde_json::Value;

/// Label, traffic class and TTL of an entry of an MPLS label stack.
pub(crate) type Label = (u32, u8, u8);

/// What a trace has found.
#[derive(Debug)]
pub(crate) struct Found {
    pub(crate) hops: Vec<FoundHop>,
    /// `None` where it is another way to end than files know.
    pub(crate) end: Option<PathEnd>,
    /// Who answered at the end, where it was reached.
    pub(crate) reached_by: Option<IpAddr>,
    /// `None` where there were too few probes.
    pub(crate) verdict: Option<PathCode>,
    pub(crate) loss: Option<(u8, u8)>,
    pub(crate) jitter: Option<(u8, u8)>,
    pub(crate) changes: Vec<Change>,
    pub(crate) message: String,
}

/// What was found at one TTL.
#[derive(Debug)]
pub(crate) struct FoundHop {
    pub(crate) addresses: Vec<IpAddr>,
    pub(crate) sent: u64,
    pub(crate) received: u64,
    /// Answers that took 1 ms longer than the fastest, as far as they are remembered.
    pub(crate) spikes: usize,
    pub(crate) rate_limited: bool,
    pub(crate) slow: bool,
    pub(crate) mpls: Vec<Label>,
}

/// The path before and after a change, as far as it was known.
#[derive(Clone, Debug)]
pub(crate) struct Change {
    pub(crate) old: Vec<Option<IpAddr>>,
    pub(crate) new: Vec<Option<IpAddr>>,
}

impl Found {
    /// What the sweeper reports, and what the judge says of it.
    pub(crate) fn of(series: &Series, path: &PathReport, changes: Vec<Change>) -> Self {
        let verdict = verdict(series, path);
        let hops = path.hops.iter().zip(&verdict.labels);
        let segment = |segment: &Option<Segment>| segment.as_ref().map(|segment| (segment.from_ttl, segment.to_ttl));
        Self {
            hops: hops
                .map(|(hop, labels)| FoundHop {
                    addresses: addresses(hop),
                    sent: hop.counts.sent,
                    received: hop.counts.received,
                    spikes: spikes(hop),
                    rate_limited: labels.rate_limited,
                    slow: labels.slow_control_plane,
                    mpls: mpls(hop),
                })
                .collect(),
            end: match path.end {
                End::Reached { .. } => Some(PathEnd::Reached),
                End::Unreachable { .. } => Some(PathEnd::Unreachable),
                End::Silent { .. } => Some(PathEnd::Silent),
                End::Loop { .. } => Some(PathEnd::Loop),
                End::Unknown | End::TooFar | End::NotSent(_) => None,
            },
            reached_by: match path.end {
                End::Reached { from, .. } => Some(from),
                _ => None,
            },
            verdict: code(verdict.code.as_str()),
            loss: segment(&verdict.loss_starts_at),
            jitter: segment(&verdict.jitter_starts_at),
            changes,
            message: verdict.message,
        }
    }

    /// What the program wrote: a `trace` line, and the `path_change` lines of the same path.
    pub(crate) fn read(trace: &Value, changes: Vec<Change>) -> Self {
        let hops = trace["hops"].as_array().unwrap_or_else(|| panic!("no hops in {trace}"));
        let segment = |value: &Value| {
            let ttl = |key| value[key].as_u64().and_then(|ttl| ttl.try_into().ok());
            Some((ttl("from_ttl")?, ttl("to_ttl")?))
        };
        Self {
            hops: hops.iter().map(read_hop).collect(),
            end: match trace["end"].as_str() {
                Some("reached") => Some(PathEnd::Reached),
                Some("unreachable") => Some(PathEnd::Unreachable),
                Some("silent") => Some(PathEnd::Silent),
                Some("loop") => Some(PathEnd::Loop),
                _ => None,
            },
            reached_by: trace["reached_by"].as_str().and_then(|address| address.parse().ok()),
            verdict: code(
                trace["verdict"]
                    .as_str()
                    .unwrap_or_else(|| panic!("no verdict in {trace}")),
            ),
            loss: segment(&trace["loss_starts_at"]),
            jitter: segment(&trace["jitter_starts_at"]),
            changes,
            message: trace["message"].as_str().unwrap_or_default().to_owned(),
        }
    }
}

fn read_hop(hop: &Value) -> FoundHop {
    let number = |value: &Value| {
        value
            .as_u64()
            .unwrap_or_else(|| panic!("{value} is no number in {hop}"))
    };
    let flag = |key: &str| hop[key].as_bool().unwrap_or_else(|| panic!("no {key} in {hop}"));
    let small = |value: &Value| u8::try_from(number(value)).expect("a small number");
    let entry = |entry: &Value| {
        let label = u32::try_from(number(&entry["label"])).expect("20 bits");
        (label, small(&entry["tc"]), small(&entry["ttl"]))
    };
    FoundHop {
        addresses: read_addresses(&hop["addresses"]).into_iter().flatten().collect(),
        sent: number(&hop["sent"]),
        received: number(&hop["received"]),
        spikes: 0,
        rate_limited: flag("rate_limited"),
        slow: flag("slow_control_plane"),
        mpls: hop["mpls"].as_array().into_iter().flatten().map(entry).collect(),
    }
}

/// A list of addresses, `null` where there is none.
pub(crate) fn read_addresses(list: &Value) -> Vec<Option<IpAddr>> {
    let all = list.as_array().unwrap_or_else(|| panic!("{list} is no list"));
    all.iter()
        .map(|address| address.as_str().map(|address| address.parse().expect("an address")))
        .collect()
}

fn code(name: &str) -> Option<PathCode> {
    Some(match name {
        "clean" => PathCode::Clean,
        "loss" => PathCode::Loss,
        "jitter" => PathCode::Jitter,
        "loss_and_jitter" => PathCode::LossAndJitter,
        "unreachable" => PathCode::Unreachable,
        "too_few_probes" => return None,
        other => panic!("{other} is no verdict of the contract"),
    })
}

fn addresses(hop: &Hop) -> Vec<IpAddr> {
    hop.responders.iter().map(|responder| responder.address).collect()
}

fn spikes(hop: &Hop) -> usize {
    let rtts = || hop.rounds.iter().filter_map(|mark| mark.rtt).map(Rtt::as_nanos);
    let least = rtts().min().unwrap_or_default();
    rtts().filter(|rtt| *rtt > least + SPIKE_NS).count()
}

fn mpls(hop: &Hop) -> Vec<Label> {
    let stacks = hop.responders.iter().flat_map(|responder| responder.mpls.iter());
    stacks
        .map(|entry| (entry.label(), entry.traffic_class(), entry.ttl()))
        .collect()
}

/// 1 ms.
const SPIKE_NS: u64 = 1_000_000;
