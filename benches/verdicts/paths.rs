//! Faults of the way: where it happens is what must be found.

use pathjitter::diagnose::VerdictCode;
use rand::RngExt;

use super::draw::{Bursts, Place, Scenario, any_backend, excess_us, from_then_on, one_of};
use super::network::{Network, push_link, us};

/// Nothing is wrong.
pub(crate) fn clean(seed: u64) -> Scenario {
    let mut network = Network::any(seed);
    network.add_oddities(&[]);
    let lasts = network.random.random_range(120.0..300.0);
    Scenario::clean(network, lasts)
}

/// This host stands still for 100 to 500 ms, again and again: the kernel with it, or the prober alone.
pub(crate) fn prober_host(seed: u64) -> Scenario {
    let mut network = Network::any(seed);
    network.add_oddities(&[]);
    let bursts = Bursts::draw(&mut network).shorter(0.33);
    let what = if network.random.random_bool(0.5) {
        "host = { frozen = true }"
    } else {
        "host = { stalled = true }"
    };
    network.event(&bursts.times(), "\"host\"", what);
    let all: Vec<usize> = (0..network.backends.len()).collect();
    Scenario::of(VerdictCode::ProberHost, network, Place::Nowhere, &all, 90.0)
}

/// The link to the first hop. All ways part right behind it; else only a control of the first hop tells its link from the next.
pub(crate) fn first_hop(seed: u64) -> Scenario {
    let mut network = Network::any(seed);
    network.add_oddities(&[]);
    let on = network.link(0, '-');
    let on = one_way(&mut network, &on);
    let all: Vec<usize> = (0..network.backends.len()).collect();
    let lasts = add_fault(&mut network, &on, &all);
    let gateway = network.random.random_bool(0.3).then(|| network.routers[0].address);
    Scenario {
        gateway,
        ..Scenario::of(VerdictCode::FirstHop, network, Place::Link(1), &all, lasts)
    }
}

/// A link that two backends or more share, and somebody does not.
pub(crate) fn shared_path(seed: u64) -> Scenario {
    let shape = [vec![2, 2], vec![3, 1], vec![2, 1, 2], vec![3, 2, 1]];
    let at = usize::try_from(seed % 4).expect("below 4");
    let mut network = Network::new(seed, &shape[at]);
    let router = any_uplink(&mut network, 2);
    network.add_oddities(&around(&network, router));
    let members = network.behind(router);
    let depth = depth(&network, router);
    let lasts = if network.random.random_bool(0.25) {
        // More traffic than the link carries: its queue fills, then it overflows.
        let queue_ms = excess_us(&mut network, &members) / 1_000.0;
        let queue_kb = (queue_ms * 125.0).ceil();
        network.routers[router].link =
            format!("set.bandwidth = \"1Gbit/s\"\nset.queue = \"{queue_kb}kB\"\nset.cross_traffic = \"200Mbit/s\"\n");
        let bursts = Bursts::draw(&mut network);
        let on = network.link(router, '>');
        network.event(&bursts.times(), &on, "link = { cross_traffic = \"2Gbit/s\" }");
        bursts.long_enough(0.5)
    } else {
        let on = network.link(router, '-');
        let on = one_way(&mut network, &on);
        add_fault(&mut network, &on, &members)
    };
    Scenario::of(VerdictCode::SharedPath, network, Place::Link(depth), &members, lasts)
}

/// A link that one backend alone uses, before its last hop. Its far end answers: it could not be told from the last link else.
pub(crate) fn private_path(seed: u64) -> Scenario {
    let shape = [vec![1, 2], vec![1, 3], vec![1, 2, 1], vec![1, 1, 1]];
    let at = usize::try_from(seed % 4).expect("below 4");
    let mut network = Network::new(seed, &shape[at]);
    let router = any_uplink(&mut network, 1);
    network.add_oddities(&around(&network, router));
    let members = network.behind(router);
    let depth = depth(&network, router);
    let on = network.link(router, '-');
    let on = one_way(&mut network, &on);
    let lasts = add_fault(&mut network, &on, &members);
    Scenario::of(VerdictCode::PrivatePath, network, Place::Link(depth), &members, lasts)
}

/// The last link. The hop before it answers.
pub(crate) fn target_edge(seed: u64) -> Scenario {
    let mut network = Network::any(seed);
    let member = any_backend(&mut network);
    let last = network.backends[member].parent;
    network.add_oddities(&around(&network, last));
    let on = network.last_link(member, '-');
    let on = one_way(&mut network, &on);
    // Late answers of one backend, and nothing lost, is `slow_backend` by definition: so some of these are lost.
    let lasts = add_lossy_fault(&mut network, &on, &[member]);
    let address = network.backends[member].address;
    Scenario::of(
        VerdictCode::TargetEdge,
        network,
        Place::Address(address),
        &[member],
        lasts,
    )
}

/// A backend that answers everything late.
pub(crate) fn slow_backend(seed: u64) -> Scenario {
    let mut network = Network::any(seed);
    let member = any_backend(&mut network);
    let last = network.backends[member].parent;
    network.add_oddities(&around(&network, last));
    let median = us(1.5 * excess_us(&mut network, &[member]));
    let sigma = network.random.random_range(0.2..0.5);
    let delay = format!("{{ lognormal = {{ median = \"{median}\", sigma = {sigma:.2} }} }}");
    let bursts = Bursts::draw(&mut network);
    let on = format!("\"{}\"", network.backends[member].name);
    let what = format!("backend = {{ icmp_delay = {delay}, tcp_delay = {delay} }}");
    network.event(&bursts.times(), &on, &what);
    let address = network.backends[member].address;
    let lasts = bursts.long_enough(1.0);
    Scenario::of(
        VerdictCode::SlowBackend,
        network,
        Place::Address(address),
        &[member],
        lasts,
    )
}

/// Backends on different uplinks that stand still in the same moments, each with a neighbour that does not.
pub(crate) fn common_cause(seed: u64) -> Scenario {
    let shape = [vec![2, 2], vec![3, 2], vec![2, 2, 2], vec![3, 2, 1]];
    let at = usize::try_from(seed % 4).expect("below 4");
    let mut network = Network::new(seed, &shape[at]);
    network.add_oddities(&[]);
    let uplinks: Vec<usize> = (0..network.routers.len())
        .filter(|at| network.routers[*at].name.starts_with("agg") && network.behind(*at).len() >= 2)
        .collect();
    let members: Vec<usize> = uplinks.iter().map(|uplink| network.behind(*uplink)[0]).collect();
    let names: Vec<String> = members
        .iter()
        .map(|at| format!("\"{}\"", network.backends[*at].name))
        .collect();
    let bursts = Bursts::draw(&mut network);
    let what = if network.random.random_bool(0.5) {
        "backend = { stall = \"both\" }".to_owned()
    } else {
        let most = us(3.0 * excess_us(&mut network, &members));
        format!("backend = {{ icmp_delay = {{ uniform = \"{most}\" }}, tcp_delay = {{ uniform = \"{most}\" }} }}")
    };
    network.event(&bursts.times(), &names.join(", "), &what);
    let lasts = bursts.long_enough(1.0);
    Scenario::of(VerdictCode::CommonCause, network, Place::Nowhere, &members, lasts)
}

/// Routing moves an uplink to another way, longer or shorter by at least twice what makes a shift: 0.5 ms or a tenth.
pub(crate) fn route_change(seed: u64) -> Scenario {
    let mut network = Network::any(seed);
    let last = network.backends[0].parent;
    let west = network.routers[last].parent.expect("behind the first hop");
    let members = network.behind(last);
    let largest = members.iter().map(|at| network.rtt_us(*at)).fold(0.0, f64::max);
    let by = network.random.random_range(2.0..10.0) * f64::max(500.0, largest / 10.0);
    // `east` is a second way from the first hop to the last one.
    let east = network.add_router("east", Some(0), (50.0, 51.0));
    let (west_delay, name) = (network.routers[last].delay_us, network.routers[last].name.clone());
    let is_longer = network.random.random_bool(0.6);
    let before = if west == 0 { 0.0 } else { network.routers[west].delay_us };
    // Either way round, the difference of both ways is half of what the round trip moves by.
    if is_longer {
        network.routers[east].delay_us = before + by / 4.0;
    } else {
        network.routers[east].delay_us = 20.0;
        network.routers[last].delay_us = west_delay + by / 2.0 + 40.0;
    }
    let rest = if is_longer { west_delay + by / 4.0 } else { 20.0 };
    push_link(&mut network.extra, "east", &name, rest, "set.cost = 5\n");
    network.routers[east].cost = 5;
    network.add_oddities(&[last, west, east]);
    let times = from_then_on(&mut network);
    let on = network.link(last, '-');
    network.event(&times, &on, "link = { cost = 50 }");
    let address = network.routers[east].address;
    Scenario::of(
        VerdictCode::RouteChange,
        network,
        Place::Address(address),
        &members,
        120.0,
    )
}

/// A router behind the first hop with so many backends behind it, one alone or at least two.
fn any_uplink(network: &mut Network, backends: usize) -> usize {
    let fits = |at: &usize| {
        let count = network.behind(*at).len();
        count == backends || backends > 1 && count > 1
    };
    let all: Vec<usize> = (1..network.routers.len()).filter(fits).collect();
    one_of(network, &all)
}

/// The routers at both ends of the link to a router, and the one behind: they answer without limits.
fn around(network: &Network, router: usize) -> Vec<usize> {
    let behind = (0..network.routers.len()).filter(|at| network.routers[*at].parent == Some(router));
    let parent = network.routers[router].parent;
    behind.chain(parent).chain([router]).collect()
}

fn depth(network: &Network, router: usize) -> u8 {
    let backend = network.behind(router)[0];
    let at = network.way(backend).iter().position(|other| *other == router);
    u8::try_from(at.expect("on its way") + 1).expect("a few hops")
}

/// One direction of a link, or both.
fn one_way(network: &mut Network, link: &str) -> String {
    let (from, to) = link.trim_matches('"').split_once('-').expect("a link of two");
    match network.random.random_range(0..3) {
        0 => format!("\"{from}>{to}\""),
        1 => format!("\"{to}>{from}\""),
        _ => link.to_owned(),
    }
}

/// Bursts of loss, of delay, or of both; or loss all the time. How long it must be watched.
fn add_fault(network: &mut Network, on: &str, members: &[usize]) -> f64 {
    if network.random.random_bool(0.25) {
        let most = us(3.0 * excess_us(network, members));
        let bursts = Bursts::draw(network);
        network.event(
            &bursts.times(),
            on,
            &format!("link = {{ jitter = {{ uniform = \"{most}\" }} }}"),
        );
        // Two in three are above a third of the largest delay.
        return bursts.long_enough(0.6);
    }
    add_lossy_fault(network, on, members)
}

fn add_lossy_fault(network: &mut Network, on: &str, members: &[usize]) -> f64 {
    if network.random.random_bool(0.2) {
        // What lasts is judged by 5 minutes at least.
        let loss = network.random.random_range(0.04..0.15);
        let times = from_then_on(network);
        network.event(&times, on, &format!("link = {{ loss = {loss:.3} }}"));
        return f64::clamp(20.0 + 1.2 * 20.0 / loss, 360.0, 620.0);
    }
    let loss = network.random.random_range(0.3..0.8);
    let bursts = Bursts::draw(network);
    let jitter = if network.random.random_bool(0.5) {
        let most = us(3.0 * excess_us(network, members));
        format!(", jitter = {{ uniform = \"{most}\" }}")
    } else {
        String::new()
    };
    network.event(&bursts.times(), on, &format!("link = {{ loss = {loss:.3}{jitter} }}"));
    bursts.long_enough(loss)
}
