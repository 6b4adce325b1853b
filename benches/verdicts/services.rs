//! Faults of a service, its port, and those who stand before it: what answers say, and which probes suffer.

use std::net::IpAddr;

use pathjitter::diagnose::VerdictCode;
use rand::RngExt;

use super::draw::{Bursts, Place, Scenario, WARM_UP_OF_SYNS, any_backend, excess_us, from_then_on, once, one_of};
use super::network::{Network, us};

/// One backend after the other refuses SYNs for 3.5 to 110 s: at least 3 refusals, and less than two minutes.
pub(crate) fn restart(seed: u64) -> Scenario {
    let mut network = plain(seed);
    let most = network.backends.len().min(3);
    let count = network.random.random_range(1..=most);
    let members: Vec<usize> = (0..count).collect();
    let mut at = network.random.random_range(2.0..8.0);
    for member in &members {
        let lasts = network.log_uniform(3.5, 110.0);
        let on = name(&network, *member);
        network.event(&once(at, lasts), &on, "backend.ports = { 8080 = \"closed\" }");
        at += lasts + network.random.random_range(4.0..20.0);
    }
    // The suspect is a member, and with several there is none.
    let place = match members.as_slice() {
        [member] => Place::Address(network.backends[*member].address),
        _ => Place::Nowhere,
    };
    Scenario::of(VerdictCode::Restart, network, place, &members, at + 40.0)
}

/// A backend refuses SYNs to the end, or from the start, or for more than two minutes.
pub(crate) fn not_listening(seed: u64) -> Scenario {
    let mut network = plain(seed);
    let member = any_backend(&mut network);
    let (times, lasts) = match network.random.random_range(0..4) {
        0 => {
            set(&mut network, member, "set.ports = { 8080 = \"closed\" }");
            return of(VerdictCode::NotListening, network, member, 60.0);
        }
        1 => {
            let lasts = network.random.random_range(130.0..180.0);
            (once(5.0, lasts), lasts + 45.0)
        }
        _ => (from_then_on(&mut network), network.random.random_range(30.0..180.0)),
    };
    let on = name(&network, member);
    network.event(&times, &on, "backend.ports = { 8080 = \"closed\" }");
    of(VerdictCode::NotListening, network, member, lasts)
}

/// A limiter that drops, 10 to 50 SYNs a minute of 60, within its limit or beyond it: at least 3 of any 20 SYNs are lost then, so that it is one incident from
/// the first on, and the rarer outcome is known to be regular after 8, which is 48 s. Slower ones are for `limits`.
pub(crate) fn syn_rate_limited(seed: u64) -> Scenario {
    let mut network = plain(seed);
    let member = any_backend(&mut network);
    let rate = network.random.random_range(10..=50);
    let burst = network.random.random_range(1..=10);
    let within = ["accepted", "dropped"][network.random.random_range(0..2)];
    let limit = format!("{{ rate = \"{rate}/min\", burst = {burst}, within = \"{within}\" }}");
    if network.random.random_bool(0.5) {
        set(&mut network, member, &format!("set.syn_limit = {limit}"));
    } else {
        let (times, on) = (from_then_on(&mut network), name(&network, member));
        network.event(&times, &on, &format!("backend.syn_limit = {limit}"));
    }
    of(VerdictCode::SynRateLimited, network, member, 200.0)
}

/// A router on the way, or the backend itself, says that it is forbidden.
pub(crate) fn prohibited(seed: u64) -> Scenario {
    filtered(
        seed,
        VerdictCode::Prohibited,
        &["\"prohibit\""],
        "backend.ports = { 8080 = \"prohibited\" }",
    )
}

/// A router on the way rejects or resets; or the backend's own firewall rejects.
pub(crate) fn firewall_reject(seed: u64) -> Scenario {
    filtered(
        seed,
        VerdictCode::FirewallReject,
        &["\"reject\"", "\"reset\""],
        "backend.ports = { 8080 = \"rejected\" }",
    )
}

/// A port that falls silent, at the backend or on the way.
pub(crate) fn port_dropped(seed: u64) -> Scenario {
    let mut network = plain(seed);
    let member = any_backend(&mut network);
    let times = from_then_on(&mut network);
    if network.random.random_bool(0.5) {
        let on = name(&network, member);
        network.event(&times, &on, "backend.ports = { 8080 = \"dropped\" }");
    } else {
        let router = router_before(&mut network, member);
        let to = network.backends[member].address;
        let on = format!("\"{}\"", network.routers[router].name);
        let filter =
            format!("router.filters = [{{ to = [\"{to}\"], proto = \"tcp\", port = 8080, action = \"drop\" }}]");
        network.event(&times, &on, &filter);
    }
    let lasts = network.random.random_range(30.0..120.0);
    of(VerdictCode::PortDropped, network, member, lasts)
}

/// SYNs are dropped for 1.2 to 4.5 s, at uneven distances: nothing that lasts 5 s, which no full queue does, and no rhythm.
pub(crate) fn listen_overflow(seed: u64) -> Scenario {
    let mut network = plain(seed);
    let member = any_backend(&mut network);
    let on = name(&network, member);
    let mut at = network.random.random_range(2.0..6.0);
    for _ in 0..10 {
        let lasts = network.random.random_range(1.2..4.5);
        let what = "backend.accept_queue = { backlog = 10, occupied = 20 }";
        network.event(&once(at, lasts), &on, what);
        at += lasts + network.log_uniform(1.5, 12.0);
    }
    of(VerdictCode::ListenOverflow, network, member, at)
}

/// SYNs are answered late, pings in time, nothing is lost. Only SYNs show it: their thresholds are final, and there is time for what is judged over 5 or
/// 10 minutes, since bursts may hit too few of any 20 SYNs to be sudden.
pub(crate) fn tcp_path(seed: u64) -> Scenario {
    let mut network = plain(seed);
    let member = any_backend(&mut network);
    let bursts = Bursts::draw(&mut network);
    let most = us(3.0 * excess_us(&mut network, &[member]));
    let on = name(&network, member);
    let what = format!("backend.tcp_delay = {{ uniform = \"{most}\" }}");
    network.event(&bursts.times(), &on, &what);
    Scenario {
        warm_up: WARM_UP_OF_SYNS,
        ..of(VerdictCode::TcpPath, network, member, 400.0)
    }
}

/// Pings are dropped, delayed or limited, SYNs are not: 50 of them are sent in the same windows.
pub(crate) fn icmp_only(seed: u64) -> Scenario {
    let mut network = plain(seed);
    let member = any_backend(&mut network);
    let on = name(&network, member);
    let bursts = Bursts::draw(&mut network);
    match network.random.random_range(0..3) {
        0 => network.event(&bursts.times(), &on, "backend.echo = \"dropped\""),
        1 => {
            let most = us(3.0 * excess_us(&mut network, &[member]));
            let what = format!("backend.icmp_delay = {{ uniform = \"{most}\" }}");
            network.event(&bursts.times(), &on, &what);
        }
        _ => {
            let router = router_before(&mut network, member);
            let to = network.backends[member].address;
            let rate = network.random.random_range(2..=4);
            let within = format!(
                "{{ to = [\"{to}\"], proto = \"icmp\", action = \"accept\", limit = {{ rate = \"{rate}/s\", burst = 5 }} }}"
            );
            let beyond = format!("{{ to = [\"{to}\"], proto = \"icmp\", action = \"drop\" }}");
            let on = format!("\"{}\"", network.routers[router].name);
            let times = from_then_on(&mut network);
            network.event(&times, &on, &format!("router.filters = [{within}, {beyond}]"));
            let member = &network.backends[member];
            // Who limits is on the way, and who it is can't be seen from the host: the backend stands for it.
            let place = Place::Address(member.address);
            let at = network.backends.iter().position(|other| other.name == member.name);
            return Scenario::of(VerdictCode::IcmpOnly, network, place, &[at.unwrap_or(0)], 150.0);
        }
    }
    of(VerdictCode::IcmpOnly, network, member, 150.0)
}

/// Pings have never been answered.
pub(crate) fn icmp_blocked(seed: u64) -> Scenario {
    let mut network = plain(seed);
    let member = any_backend(&mut network);
    if network.random.random_bool(0.5) {
        set(&mut network, member, "set.echo = \"dropped\"");
    } else {
        let router = router_before(&mut network, member);
        let to = network.backends[member].address;
        let filter = format!("set.filters = [{{ to = [\"{to}\"], proto = \"icmp\", action = \"drop\" }}]\n");
        network.routers[router].set.push_str(&filter);
    }
    of(VerdictCode::IcmpBlocked, network, member, 60.0)
}

/// Nothing comes back any more, or the router before it says so.
pub(crate) fn target_unreachable(seed: u64) -> Scenario {
    let mut network = plain(seed);
    let member = any_backend(&mut network);
    let times = from_then_on(&mut network);
    if network.random.random_bool(0.5) {
        let on = network.last_link(member, '-');
        network.event(&times, &on, "link = { down = true }");
    } else {
        let on = name(&network, member);
        network.event(&times, &on, "backend.off = true");
    }
    let lasts = network.random.random_range(30.0..120.0);
    of(VerdictCode::TargetUnreachable, network, member, lasts)
}

/// A filter on the way, or at the backend, from the start or from a moment on.
fn filtered(seed: u64, code: VerdictCode, actions: &[&str], own: &str) -> Scenario {
    let mut network = Network::any(seed);
    let member = any_backend(&mut network);
    // Who is silent says nothing of what it filters.
    let way = network.way(member);
    network.add_oddities(&way);
    let (on, what, who): (String, String, IpAddr) = if network.random.random_bool(0.3) {
        let backend = &network.backends[member];
        (name(&network, member), own.to_owned(), backend.address)
    } else {
        let router = router_before(&mut network, member);
        let to = network.backends[member].address;
        let action = actions[network.random.random_range(0..actions.len())];
        let filter = format!("{{ to = [\"{to}\"], proto = \"tcp\", port = 8080, action = {action} }}");
        let router = &network.routers[router];
        (
            format!("\"{}\"", router.name),
            format!("router.filters = [{filter}]"),
            router.address,
        )
    };
    // What holds from the start holds from before the warm-up on.
    if network.random.random_bool(0.5) {
        let times = from_then_on(&mut network);
        network.event(&times, &on, &what);
    } else if who == network.backends[member].address {
        set(&mut network, member, &what.replacen("backend.", "set.", 1));
    } else {
        let router = network.routers.iter_mut().find(|router| router.address == who);
        let set = format!("{}\n", what.replacen("router.", "set.", 1));
        router.expect("it is one of ours").set.push_str(&set);
    }
    Scenario::of(code, network, Place::Address(who), &[member], 60.0)
}

/// A network in which some routers are odd.
fn plain(seed: u64) -> Network {
    let mut network = Network::any(seed);
    network.add_oddities(&[]);
    network
}

fn of(code: VerdictCode, network: Network, member: usize, lasts: f64) -> Scenario {
    let place = Place::Address(network.backends[member].address);
    Scenario::of(code, network, place, &[member], lasts)
}

fn name(network: &Network, member: usize) -> String {
    format!("\"{}\"", network.backends[member].name)
}

/// Replaces or adds a setting of a backend.
fn set(network: &mut Network, member: usize, line: &str) {
    let backend = &mut network.backends[member];
    let key = line.split('=').next().unwrap_or(line);
    let kept: Vec<&str> = backend.set.lines().filter(|other| !other.starts_with(key)).collect();
    backend.set = format!("{}\n{line}\n", kept.join("\n"));
}

/// One of the routers on the way.
fn router_before(network: &mut Network, member: usize) -> usize {
    let way = network.way(member);
    one_of(network, &way)
}
