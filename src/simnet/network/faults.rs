//! What events do to settings: which elements each one concerns, and what holds for an element while some of them last.

use super::super::timeline::Timeline;
use super::super::topology::expand::{Expanded, Kind, NodeId, PipeId};
use super::super::topology::{BackendSettings, Event, HostSettings, LinkSettings, RouterSettings, Topology};
use super::layers::Layer;
use crate::units::Mono;

/// The settings of all elements, with the events that are laid over them.
#[derive(Debug)]
pub(super) struct Faults {
    pub(super) timeline: Timeline,
    events: Vec<Event>,
    /// By event.
    concerns: Vec<Concerns>,
    /// By pipe.
    links: Vec<Layered<LinkSettings>>,
    /// By node; the settings of the other kind are empty.
    routers: Vec<Layered<RouterSettings>>,
    backends: Vec<Layered<BackendSettings>>,
    host: Layered<HostSettings>,
}

/// What an event concerns.
#[derive(Clone, Debug, Default)]
pub(super) struct Concerns {
    pub(super) pipes: Vec<PipeId>,
    pub(super) nodes: Vec<NodeId>,
}

/// Settings of a file, and the events that may change them, in the order of the file.
#[derive(Clone, Debug, Default)]
struct Layered<S> {
    base: S,
    events: Vec<usize>,
}

impl Faults {
    pub(super) fn new(topology: &Topology, expanded: &Expanded<'_>, seed: u64, start: Mono) -> Self {
        let mut faults = Self {
            timeline: Timeline::new(&topology.events, seed, start),
            events: topology.events.clone(),
            concerns: topology
                .events
                .iter()
                .map(|event| Concerns::of(event, expanded))
                .collect(),
            links: base_of_pipes(expanded),
            routers: vec![Layered::default(); expanded.nodes.len()],
            backends: vec![Layered::default(); expanded.nodes.len()],
            host: Layered::default(),
        };
        for (place, node) in expanded.nodes.iter().enumerate() {
            match node.kind {
                Kind::Host => {}
                Kind::Router(router) => faults.routers[place].base = router.set.clone(),
                Kind::Backend(backend) => faults.backends[place].base = backend.set.clone(),
            }
        }
        for (event, concerns) in faults.concerns.iter().enumerate() {
            concerns
                .pipes
                .iter()
                .for_each(|pipe| faults.links[pipe.index()].events.push(event));
            for node in &concerns.nodes {
                faults.routers[node.index()].events.push(event);
                faults.backends[node.index()].events.push(event);
            }
            if concerns.nodes.contains(&NodeId::HOST) {
                faults.host.events.push(event);
            }
        }
        faults
    }

    pub(super) fn events(&self) -> usize {
        self.events.len()
    }

    /// When an event first may begin.
    pub(super) fn begins_after(&self, event: usize) -> std::time::Duration {
        self.events[event].at.0
    }

    pub(super) fn concerns(&self, event: usize) -> &Concerns {
        &self.concerns[event]
    }

    pub(super) fn link(&self, pipe: PipeId) -> LinkSettings {
        self.links[pipe.index()].now(&self.timeline, |event| self.events[event].link.as_ref())
    }

    pub(super) fn router(&self, node: NodeId) -> RouterSettings {
        self.routers[node.index()].now(&self.timeline, |event| self.events[event].router.as_ref())
    }

    pub(super) fn backend(&self, node: NodeId) -> BackendSettings {
        self.backends[node.index()].now(&self.timeline, |event| self.events[event].backend.as_ref())
    }

    pub(super) fn host(&self) -> HostSettings {
        self.host.now(&self.timeline, |event| self.events[event].host.as_ref())
    }
}

impl Concerns {
    fn of(event: &Event, expanded: &Expanded<'_>) -> Self {
        let mut concerns = Self::default();
        for name in &event.on {
            concerns.pipes.extend(expanded.pipes_named(name));
            concerns.nodes.extend(expanded.nodes_named(name));
        }
        concerns.pipes.sort_unstable();
        concerns.pipes.dedup();
        concerns.nodes.sort_unstable();
        concerns.nodes.dedup();
        concerns
    }
}

impl<S: Layer> Layered<S> {
    fn now<'a>(&self, timeline: &Timeline, settings: impl Fn(usize) -> Option<&'a S>) -> S
    where
        S: 'a,
    {
        let mut effective = self.base.clone();
        let active = self.events.iter().filter(|event| timeline.is_active(**event));
        for above in active.filter_map(|event| settings(*event)) {
            effective.lay_over(above);
        }
        effective
    }
}

/// `set` under `forward` or `reverse`.
fn base_of_pipes(expanded: &Expanded<'_>) -> Vec<Layered<LinkSettings>> {
    let directions = expanded
        .wires
        .iter()
        .flat_map(|wire| [(wire.link, &wire.link.forward), (wire.link, &wire.link.reverse)]);
    let base = directions.map(|(link, direction)| {
        let mut base = link.set.clone();
        base.lay_over(direction);
        base
    });
    base.map(|base| Layered {
        base,
        events: Vec::new(),
    })
    .collect()
}
