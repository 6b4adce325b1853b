//! Whether there is a way from the host to everything, and whether set routes name real neighbours.

use std::collections::{HashMap, HashSet};

use super::super::Topology;
use super::super::problems::{Place, Problems};
use super::names::{Kind, Names, unknown};

/// Adds what cannot be reached, and routes that cannot be.
pub(super) fn check(topology: &Topology, names: &Names, problems: &mut Problems<'_>) {
    let reached = reached(topology, names);
    let is_reached = |name: &str| reached.contains(name);
    let all = topology.routers.iter().map(|router| is_reached(&router.name));
    report_islands("router", all, problems);
    let all = topology.backends.iter().map(|backend| {
        is_reached(&backend.name) || backend.is_group() && backend.members().all(|name| is_reached(&name))
    });
    report_islands("backend", all, problems);
    routes(topology, names, problems);
}

fn report_islands(table: &str, are_reached: impl Iterator<Item = bool>, problems: &mut Problems<'_>) {
    let place = Place::root(table);
    for (index, is_reached) in are_reached.enumerate() {
        problems.expect(is_reached, &place.item(index), || {
            "no way from the host leads here; add a [[link]] to a router that the host reaches".to_owned()
        });
    }
}

/// Names of nodes and groups that can be reached from the host. Backends forward nothing.
fn reached<'t>(topology: &'t Topology, names: &Names) -> HashSet<&'t str> {
    let mut neighbours: HashMap<&str, Vec<&str>> = HashMap::new();
    for link in &topology.links {
        let [a, b] = &link.between;
        neighbours.entry(a).or_default().push(b);
        neighbours.entry(b).or_default().push(a);
    }
    let mut reached = HashSet::from(["host"]);
    let mut todo = vec!["host"];
    while let Some(name) = todo.pop() {
        if matches!(names.node(name), Some(Kind::Host | Kind::Router)) {
            let next = neighbours.get(name).into_iter().flatten();
            todo.extend(next.filter(|name| reached.insert(**name)));
        }
    }
    reached
}

fn routes(topology: &Topology, names: &Names, problems: &mut Problems<'_>) {
    let routes = Place::root("route");
    for (index, route) in topology.routes.iter().enumerate() {
        let place = routes.item(index);
        let at = names.node(&route.at);
        let is_destination = route.to.iter().all(|name| *name == route.via);
        let forwards = is_destination || names.node(&route.via) == Some(Kind::Router);
        if !matches!(at, Some(Kind::Host | Kind::Router)) {
            problems.add(
                &place.key("at"),
                &unknown(&route.at, "a router, or host; others forward nothing"),
            );
        } else if !names.are_neighbours(&route.at, &route.via) || !forwards {
            let what = format!(
                "`{}` is no router next to `{}`; name one that a [[link]] joins to it",
                route.via, route.at
            );
            problems.add(&place.key("via"), &what);
        }
        let to_place = place.key("to");
        problems.expect(!route.to.is_empty(), &to_place, || {
            "to nowhere; name destinations".to_owned()
        });
        for (index, name) in route.to.iter().enumerate() {
            let place = to_place.item(index);
            if names.node(name).is_none() {
                problems.add(&place, &unknown(name, "backends, routers or host"));
            }
            problems.expect(*name != route.at, &place, || {
                format!("`{name}` needs no route to itself; leave it out")
            });
        }
    }
}
