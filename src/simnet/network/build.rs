//! From a topology to a network at rest.

use std::collections::VecDeque;

use super::super::backend::Backend;
use super::super::ledger::{ElementKind, Ledger};
use super::super::link::Pipe;
use super::super::outbox::Outbox;
use super::super::random::stream;
use super::super::router::Router;
use super::super::routes::Routes;
use super::super::topology::Topology;
use super::super::topology::expand::{Expanded, Kind, NodeId, PipeId};
use super::agenda::{Agenda, What};
use super::faults::Faults;
use super::flights::Flights;
use super::{BackendNode, Network, PipeNode};
use crate::units::Mono;

/// Builds a network. Names that stand for nothing, which the check of a file refuses, are passed over.
pub(super) fn network(topology: &Topology, seed: u64, start: Mono) -> Network {
    let expanded = Expanded::of(topology);
    let faults = Faults::new(topology, &expanded, seed, start);
    let pipes = pipes(&expanded, &faults, seed, start);
    let mut network = Network {
        now: start,
        routers: routers(&expanded, &faults, seed, start),
        backends: backends(&expanded, &faults, seed, start),
        routes: routes(topology, &expanded, &pipes),
        pipes,
        addresses: expanded
            .nodes
            .iter()
            .enumerate()
            .flat_map(|(place, node)| node.addresses.iter().map(move |address| (*address, NodeId::new(place))))
            .collect(),
        host: faults.host(),
        faults,
        agenda: Agenda::default(),
        flights: Flights::default(),
        delivered: VecDeque::new(),
        held: VecDeque::new(),
        outbox: Outbox::default(),
        sending: Vec::new(),
        ledger: ledger(&expanded),
        serial: 0,
    };
    for event in 0..network.faults.events() {
        let at = start.after(network.faults.begins_after(event));
        let first = network.faults.timeline.first(event, at);
        network.agenda.add(first, What::Toggle(event));
    }
    network
}

fn pipes(expanded: &Expanded<'_>, faults: &Faults, seed: u64, start: Mono) -> Vec<PipeNode> {
    let ids = (0..2 * expanded.wires.len()).map(PipeId::new);
    let pipe = |id: PipeId| {
        // Only parallel links need more than the names of their ends, and those have names of their own.
        let link = expanded.wires[id.index() / 2].link.name.as_deref().unwrap_or_default();
        let random = stream(seed, &format!("link {link} {}", expanded.pipe_name(id)));
        let pipe = Pipe::new(&faults.link(id), random, start);
        PipeNode {
            base_delay: pipe.base_delay(),
            pipe,
            to: expanded.pipe_ends(id)[1],
        }
    };
    ids.map(pipe).collect()
}

fn routers(expanded: &Expanded<'_>, faults: &Faults, seed: u64, start: Mono) -> Vec<Router> {
    let nodes = expanded.nodes.iter().enumerate();
    let routers = nodes.filter(|(_, node)| matches!(node.kind, Kind::Router(_)));
    let router = |(place, node): (usize, &super::super::topology::expand::Node<'_>)| {
        let random = stream(seed, &format!("router {}", node.name));
        Router::new(&node.addresses, &faults.router(NodeId::new(place)), random, start)
    };
    routers.map(router).collect()
}

fn backends(expanded: &Expanded<'_>, faults: &Faults, seed: u64, start: Mono) -> Vec<BackendNode> {
    let nodes = expanded.nodes.iter().enumerate();
    let backends = nodes.filter(|(_, node)| matches!(node.kind, Kind::Backend(_)));
    let backend = |(place, node): (usize, &super::super::topology::expand::Node<'_>)| {
        let random = stream(seed, &format!("backend {}", node.name));
        BackendNode {
            backend: Backend::new(&faults.backend(NodeId::new(place)), random, start),
            wakes_at: None,
        }
    };
    backends.map(backend).collect()
}

fn routes(topology: &Topology, expanded: &Expanded<'_>, pipes: &[PipeNode]) -> Routes {
    let names: Vec<&str> = expanded.nodes.iter().map(|node| node.name.as_str()).collect();
    let ends = (0..pipes.len()).map(|pipe| expanded.pipe_ends(PipeId::new(pipe)));
    let costs = pipes.iter().map(|pipe| pipe.pipe.cost());
    let mut routes = Routes::new(&names, 1 + topology.routers.len(), ends.zip(costs));
    for route in &topology.routes {
        let to = || route.to.iter().flat_map(|name| expanded.nodes_named(name));
        for &at in expanded.nodes_named(&route.at) {
            for &via in expanded.nodes_named(&route.via) {
                to().for_each(|to| routes.fix(at, *to, via));
            }
        }
    }
    routes
}

fn ledger(expanded: &Expanded<'_>) -> Ledger {
    let nodes = expanded.nodes.iter().map(|node| {
        let kind = match node.kind {
            Kind::Host => ElementKind::Host,
            Kind::Router(_) => ElementKind::Router,
            Kind::Backend(_) => ElementKind::Backend,
        };
        (node.name.clone(), kind)
    });
    let pipes = (0..2 * expanded.wires.len()).map(|pipe| expanded.unique_pipe_name(PipeId::new(pipe)));
    Ledger::new(nodes, pipes)
}
