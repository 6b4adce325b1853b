use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;

/// The host, routers, and two backends at the end.
const CORE: usize = 6;
const NODES: usize = CORE + 2;

/// The ends of a pipe, and its cost.
type Pipe = (usize, usize, u32);

fn routes(pipes: &[Pipe]) -> Routes {
    let names: Vec<String> = (0..NODES).map(|nth| format!("n{nth}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let ends = pipes
        .iter()
        .map(|(from, to, cost)| ([*from, *to].map(NodeId::new), *cost));
    Routes::new(&names, CORE, ends)
}

fn carries_others(node: usize) -> bool {
    (1..CORE).contains(&node)
}

/// The distance of each node to a destination, by going over all pipes as often as there are nodes (Bellman and Ford).
fn distances(pipes: &[Pipe], to: usize) -> [Option<u64>; NODES] {
    let mut distance = [None; NODES];
    distance[to] = Some(0);
    for _ in 0..NODES {
        for &(from, next, cost) in pipes {
            let rest = distance[next].filter(|_| next == to || carries_others(next));
            let through = rest.map(|rest| rest + u64::from(cost));
            if from != to && through.is_some_and(|through| distance[from].is_none_or(|known| through < known)) {
                distance[from] = through;
            }
        }
    }
    distance
}

/// The first pipes of all shortest ways.
fn first_steps(pipes: &[Pipe], at: usize, to: usize) -> BTreeSet<usize> {
    let distance = distances(pipes, to);
    let is_step = |(from, next, cost): &Pipe| {
        let rest = distance[*next].filter(|_| *next == to || carries_others(*next));
        *from == at && rest.is_some_and(|rest| Some(rest + u64::from(*cost)) == distance[at])
    };
    (0..pipes.len()).filter(|nth| is_step(&pipes[*nth])).collect()
}

/// The pipes that packets take which are balanced one by one.
fn taken(routes: &mut Routes, at: usize, to: usize, count: usize) -> BTreeSet<usize> {
    let mut next = || routes.next(NodeId::new(at), Some(NodeId::new(to)), Choice::NextPacket);
    (0..count).filter_map(|_| next()).map(PipeId::index).collect()
}

fn pipes() -> impl Strategy<Value = Vec<Pipe>> {
    // Few costs, so that ties are many.
    let pipe = (0..NODES, 0..NODES, 1..4_u32).prop_filter("two ends", |(from, to, _)| from != to);
    prop::collection::vec(pipe, 0..30)
}

proptest! {
    #[test]
    fn routers_use_all_shortest_ways_and_no_others(
        pipes in pipes(),
        change in (any::<prop::sample::Index>(), 1..4_u32),
        most_rows in prop::sample::select(vec![0, CORE, usize::MAX]),
    ) {
        let mut pipes = pipes;
        let mut routes = routes(&pipes);
        routes.most_rows = most_rows;
        for round in 0..2 {
            for at in 1..CORE {
                for to in (0..NODES).filter(|to| *to != at) {
                    prop_assert_eq!(
                        taken(&mut routes, at, to, pipes.len()),
                        first_steps(&pipes, at, to),
                        "{} to {}, round {}", at, to, round
                    );
                    prop_assert!(routes.rows <= most_rows.max(CORE));
                }
            }
            if pipes.is_empty() {
                break;
            }
            let nth = change.0.index(pipes.len());
            pipes[nth].2 = change.1;
            routes.set_cost(PipeId::new(nth), change.1);
        }
    }

    #[test]
    fn a_backend_with_several_links_uses_the_shortest_ways_too(pipes in pipes(), flow in any::<u64>()) {
        let at = CORE;
        let links = pipes.iter().filter(|(from, ..)| *from == at).count();
        let mut routes = routes(&pipes);
        for to in (0..NODES).filter(|to| *to != at) {
            let steps = first_steps(&pipes, at, to);
            let found = routes.next(NodeId::new(at), Some(NodeId::new(to)), Choice::Flow(flow)).map(PipeId::index);
            // With one link, or no way at all, it is the default route.
            match found {
                Some(found) if links > 1 && !steps.is_empty() => prop_assert!(steps.contains(&found), "{found}"),
                Some(found) => prop_assert_eq!(pipes[found].0, at),
                None => prop_assert_eq!(links, 0),
            }
        }
    }
}

#[test]
fn a_set_route_replaces_the_shortest_way() {
    // From 1 to the backend 6 directly, or by 2.
    let pipes = [(1, 6, 1), (1, 2, 1), (2, 6, 1)];
    let mut routes = routes(&pipes);
    assert_eq!(taken(&mut routes, 1, 6, 3), [0].into());
    routes.fix(NodeId::new(1), NodeId::new(6), NodeId::new(2));
    assert_eq!(taken(&mut routes, 1, 6, 3), [1].into());
}
