//! Settings that would have no effect: they are slips, and a test that relies on one proves nothing.

use std::collections::HashMap;

use super::super::expand::{Expanded, NodeId, PipeId};
use super::super::problems::{Place, Problems};
use super::super::{LinkSettings, Topology};

/// Adds settings of queues where there never is a bandwidth, and second routes to the same destination. Every name of the topology
/// stands for something.
pub(super) fn check(topology: &Topology, problems: &mut Problems<'_>) {
    let expanded = Expanded::of(topology);
    queues(topology, &expanded, problems);
    second_routes(topology, &expanded, problems);
}

/// A queue, and traffic in it, needs a line that can be busy.
fn queues(topology: &Topology, expanded: &Expanded<'_>, problems: &mut Problems<'_>) {
    let has_bandwidth = with_bandwidth(topology, expanded);
    let is_limited = |pipes: &[PipeId]| pipes.iter().any(|pipe| has_bandwidth[pipe.index()]);
    // By link, there and back. It is enough if an event gives it to one member of a group.
    let mut by_link = vec![[false; 2]; topology.links.len()];
    for (wire, pipes) in expanded.wires.iter().zip(has_bandwidth.chunks(2)) {
        let known = &mut by_link[wire.nth];
        known.iter_mut().zip(pipes).for_each(|(known, has)| *known |= has);
    }
    let links = Place::root("link");
    for (index, (link, [there, back])) in topology.links.iter().zip(by_link).enumerate() {
        let place = links.item(index);
        for (key, settings, has) in [
            ("set", &link.set, there || back),
            ("forward", &link.forward, there),
            ("reverse", &link.reverse, back),
        ] {
            expect_bandwidth(has, settings, &place.key(key), problems);
        }
    }
    let events = Place::root("event");
    for (index, event) in topology.events.iter().enumerate() {
        let pipes = |name: &String| expanded.pipes_named(name);
        let is_good = event
            .on
            .iter()
            .map(pipes)
            .all(|pipes| pipes.is_empty() || is_limited(pipes));
        if let Some(settings) = &event.link {
            expect_bandwidth(is_good, settings, &events.item(index).key("link"), problems);
        }
    }
}

fn expect_bandwidth(has_bandwidth: bool, settings: &LinkSettings, place: &Place<'_>, problems: &mut Problems<'_>) {
    for (key, is_set) in [
        ("queue", settings.queue.is_some()),
        ("cross_traffic", settings.cross_traffic.is_some()),
    ] {
        problems.expect(has_bandwidth || !is_set, &place.key(key), || {
            "has no effect without a `bandwidth`; give the link one, or leave this out".to_owned()
        });
    }
}

/// By pipe: whether its own settings or an event ever give it a bandwidth.
fn with_bandwidth(topology: &Topology, expanded: &Expanded<'_>) -> Vec<bool> {
    let own = expanded.wires.iter().flat_map(|wire| {
        let link = wire.link;
        [&link.forward, &link.reverse].map(|direction| direction.bandwidth.or(link.set.bandwidth).is_some())
    });
    let mut has_bandwidth: Vec<bool> = own.collect();
    let gives = |settings: &LinkSettings| settings.bandwidth.is_some();
    for event in topology
        .events
        .iter()
        .filter(|event| event.link.as_ref().is_some_and(gives))
    {
        for pipe in event.on.iter().flat_map(|name| expanded.pipes_named(name)) {
            has_bandwidth[pipe.index()] = true;
        }
    }
    has_bandwidth
}

/// Of two routes at one node to one destination only one could be meant.
fn second_routes(topology: &Topology, expanded: &Expanded<'_>, problems: &mut Problems<'_>) {
    let routes = Place::root("route");
    let mut first: HashMap<(&str, NodeId), usize> = HashMap::new();
    for (index, route) in topology.routes.iter().enumerate() {
        let place = routes.item(index);
        let to = place.key("to");
        for (nth, name) in route.to.iter().enumerate() {
            let taken = expanded
                .nodes_named(name)
                .iter()
                .any(|node| first.insert((route.at.as_str(), *node), index).is_some());
            problems.expect(!taken, &to.item(nth), || {
                format!("`{}` has a route to `{name}` already; leave one out", route.at)
            });
        }
    }
}
