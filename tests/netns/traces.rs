//! `pathjitter trace` through real kernels, three routers in a row, which limit their ICMP errors as kernels do by default.

use std::net::IpAddr;
use std::thread;

use serde_json::Value;

use crate::support::{Finished, Forger, Guest, Host, Lab, Link, Listener, PATHJITTER, read_lines};
use crate::{CLOSED, OPEN};

/// A prober, three routers, a target; each link leads to the next.
struct Row {
    prober: Host,
    routers: [Host; 3],
    target: Host,
    links: [Link; 4],
}

impl Row {
    fn new(lab: &Lab) -> Self {
        let prober = lab.host("prober");
        let routers = ["r1", "r2", "r3"].map(|name| lab.host(name));
        let target = lab.host("target");
        let [r1, r2, r3] = &routers;
        let links = [
            lab.link(&prober, r1),
            lab.link(r1, r2),
            lab.link(r2, r3),
            lab.link(r3, &target),
        ];
        prober.route_by(&links[0].right);
        r1.route_by(&links[1].right);
        r2.sh(&format!(
            "ip route add {0}/24 via {1} && ip -6 route add {2}/64 via {3}",
            "10.77.4.0", links[2].right.v4, "fd77:4::", links[2].right.v6
        ));
        r2.route_by(&links[1].left);
        r3.route_by(&links[2].left);
        target.route_by(&links[3].left);
        routers.iter().for_each(Host::forward);
        Self {
            prober,
            routers,
            target,
            links,
        }
    }

    fn targets(&self) -> [IpAddr; 2] {
        self.links[3].right.addresses()
    }

    /// Who answers at each TTL: routers from the side that faces the prober.
    fn hops(&self, target: IpAddr) -> Vec<Vec<IpAddr>> {
        let family = usize::from(target.is_ipv6());
        self.links
            .iter()
            .map(|link| vec![link.right.addresses()[family]])
            .collect()
    }

    fn trace(&self, args: &str) -> Traces {
        Traces::of(self.tracing(args).finish())
    }

    fn tracing(&self, args: &str) -> Guest {
        let mut command = self.prober.command(PATHJITTER);
        command
            .args(["trace", "--json", "-r", "-n"])
            .args(args.split_whitespace());
        Guest::start(command)
    }
}

/// What one run said.
struct Traces {
    code: i32,
    stderr: String,
    lines: Vec<Value>,
}

impl Traces {
    fn of(ended: Finished) -> Self {
        Self {
            code: ended.code(),
            lines: read_lines(&ended.stdout),
            stderr: ended.stderr,
        }
    }

    /// The path to this address.
    fn to(&self, address: IpAddr) -> &Value {
        let mut traces = self.lines.iter().filter(|line| line["event"] == "trace");
        let found = traces.find(|line| line["address"] == address.to_string());
        found.unwrap_or_else(|| panic!("no trace of {address} in {:?}: {}", self.lines, self.stderr))
    }
}

/// Who answered at each TTL.
fn addresses(trace: &Value) -> Vec<Vec<IpAddr>> {
    let parse = |address: &Value| -> IpAddr { address.as_str().expect("a text").parse().expect("an address") };
    let hops = trace["hops"].as_array().expect("hops");
    hops.iter()
        .map(|hop| hop["addresses"].as_array().expect("a list").iter().map(parse).collect())
        .collect()
}

#[test]
fn every_protocol_finds_every_hop_and_no_loss_although_kernels_limit_their_errors() {
    let kinds = [
        String::new(),
        format!("-T -P {OPEN}"),
        format!("-T -P {CLOSED}"),
        "-u".to_owned(),
    ];
    // Each by itself: beside another call, a router would get two probes a second.
    thread::scope(|scope| {
        for kind in &kinds {
            scope.spawn(move || {
                let Some(lab) = Lab::new() else { return };
                let row = Row::new(&lab);
                let _port = Listener::open(&row.target, OPEN);
                let [v4, v6] = row.targets();
                // More than the six that a kernel has saved up.
                let traces = row.trace(&format!("-c 12 {kind} {v4} {v6}"));
                assert_eq!((traces.code, traces.stderr.as_str()), (0, ""), "{kind}");
                for target in [v4, v6] {
                    let trace = traces.to(target);
                    assert_eq!(addresses(trace), row.hops(target), "{kind}: {trace}");
                    assert_eq!(
                        (&trace["reached"], &trace["stamp"]),
                        (&true.into(), &"kernel".into()),
                        "{trace}"
                    );
                    for hop in trace["hops"].as_array().expect("hops") {
                        assert_eq!(
                            (hop["sent"].as_u64(), hop["received"].as_u64()),
                            (Some(12), Some(12)),
                            "{kind}: {trace}"
                        );
                        assert_eq!(hop["rate_limited"], false, "{kind}: {trace}");
                    }
                    assert!(trace["loss_starts_at"].is_null(), "{kind}: {trace}");
                }
            });
        }
    });
}

#[test]
fn kernels_that_limit_their_errors_are_labelled_by_fast_traces_and_nothing_is_blamed() {
    let Some(lab) = Lab::new() else { return };
    let row = Row::new(&lab);
    let [v4, v6] = row.targets();
    // Over IPv6, kernels answer a peer behind a default route 16 times a second.
    let traces = row.trace(&format!("--fast -i 20ms -c 250 {v4} {v6}"));
    assert_eq!(traces.code, 0, "{}", traces.stderr);
    for target in [v4, v6] {
        let trace = traces.to(target);
        assert_eq!(addresses(trace), row.hops(target), "{trace}");
        let labels: Vec<bool> = trace["hops"]
            .as_array()
            .expect("hops")
            .iter()
            .map(|hop| hop["rate_limited"] == true)
            .collect();
        assert_eq!(labels, [true, true, true, false], "{trace}");
        assert!(trace["loss_starts_at"].is_null(), "{trace}");
        // A busy machine may make a packet late, and then this is said.
        let is_quiet = trace["hops"][3]["rtt_max_us"].as_f64().expect("answers") < 1_000.0;
        assert!(!is_quiet || trace["verdict"] == "clean", "{trace}");
    }
}

#[test]
fn a_local_firewall_is_named_and_no_hop_is_blamed() {
    let Some(lab) = Lab::new() else { return };
    let row = Row::new(&lab);
    row.prober.nft(
        "table inet t { chain c { type filter hook output priority 0;
         icmp type echo-request drop; icmpv6 type echo-request drop; }; }",
    );
    for target in row.targets() {
        let traces = row.trace(&format!("-c 2 {target}"));
        assert_said(&traces, target, "not_sent", "firewall");
    }
}

#[test]
fn a_host_without_a_route_says_so() {
    let Some(lab) = Lab::new() else { return };
    let row = Row::new(&lab);
    row.prober.sh("ip route del default; ip -6 route del default");
    for target in row.targets() {
        let traces = row.trace(&format!("-c 2 {target}"));
        assert_said(&traces, target, "not_sent", "route");
    }
}

#[test]
fn the_last_router_says_that_a_host_is_not_there() {
    let Some(lab) = Lab::new() else { return };
    let row = Row::new(&lab);
    let r3 = &row.routers[2];
    // Address resolution gives up after three tries.
    r3.sysctl("net.ipv4.neigh.target.retrans_time_ms", "50");
    r3.sysctl("net.ipv6.neigh.target.retrans_time_ms", "50");
    for target in ["10.77.4.99", "fd77:4::99"] {
        let target: IpAddr = target.parse().expect("an address");
        let traces = row.trace(&format!("-c 4 {target}"));
        assert_said(&traces, target, "unreachable", "unreachable");
        let trace = traces.to(target);
        let router = row.hops(target)[2][0].to_string();
        assert_eq!(trace["unreachable"]["from"], router, "{trace}");
        assert_eq!(addresses(trace)[..3], row.hops(target)[..3], "{trace}");
    }
}

#[test]
fn a_router_that_prohibits_is_named() {
    let Some(lab) = Lab::new() else { return };
    let row = Row::new(&lab);
    row.routers[1].nft(
        "table inet t { chain c { type filter hook forward priority 0;
         icmp type echo-request reject with icmp admin-prohibited;
         icmpv6 type echo-request reject with icmpv6 admin-prohibited; }; }",
    );
    for target in row.targets() {
        let traces = row.trace(&format!("-c 4 {target}"));
        // As ping words these codes.
        let words = if target.is_ipv4() {
            "packet filtered"
        } else {
            "administratively prohibited"
        };
        assert_said(&traces, target, "unreachable", words);
        let trace = traces.to(target);
        let router = row.hops(target)[1][0].to_string();
        assert_eq!(trace["unreachable"]["from"], router, "{trace}");
        assert_eq!(addresses(trace)[..2], row.hops(target)[..2], "{trace}");
    }
}

#[test]
fn a_link_that_is_too_small_for_the_probes_is_no_obstacle_because_they_may_be_cut_up() {
    let Some(lab) = Lab::new() else { return };
    let row = Row::new(&lab);
    for (host, dev) in [(&row.routers[1], "r3"), (&row.routers[2], "r2")] {
        host.sh(&format!("ip link set {dev} mtu 1280"));
    }
    // Over IPv4 the router cuts them up, over IPv6 this host does, once the router has said how small they must be.
    for target in row.targets() {
        let traces = row.trace(&format!("-c 4 -s 1400 {target}"));
        let trace = traces.to(target);
        assert_eq!((traces.code, addresses(trace)), (0, row.hops(target)), "{trace}");
        let hops = trace["hops"].as_array().expect("hops");
        assert!(hops.iter().all(|hop| hop["received"] == hop["sent"]), "{trace}");
        assert_eq!(trace["path_changed"], false, "{trace}");
    }
}

/// That the path ends so, that it is said in these words, and that the exit code says that the target was not reached.
fn assert_said(traces: &Traces, target: IpAddr, end: &str, words: &str) {
    let trace = traces.to(target);
    assert_eq!(
        (&trace["end"], traces.code),
        (&end.into(), 1),
        "{trace} {}",
        traces.stderr
    );
    assert_eq!(
        (&trace["reached"], &trace["verdict"]),
        (&false.into(), &"unreachable".into()),
        "{trace}"
    );
    let message = trace["end_message"].as_str().unwrap_or_default();
    assert!(message.contains(words), "{words} in {message:?}");
    assert!(
        trace["loss_starts_at"].is_null() && trace["jitter_starts_at"].is_null(),
        "{trace}"
    );
}

#[test]
fn forged_errors_change_no_hop_and_are_counted() {
    let Some(lab) = Lab::new() else { return };
    let row = Row::new(&lab);
    let target = row.targets()[0];
    // Errors about each probe that leaves r1 for r2, with one bit of what proves it wrong, from an address that nobody has.
    let forger = Forger::errors(&row.routers[0], "r2", "203.0.113.66");
    let traces = row.trace(&format!("-v -c 5 {target}"));
    // Three probes of each of five cycles get beyond r1, and forgeries of the last may still be under way.
    assert!(forger.sent() >= 10);
    let trace = traces.to(target);
    assert_eq!(traces.code, 0, "{}", traces.stderr);
    assert_eq!(addresses(trace), row.hops(target), "{trace}");
    assert!(
        !traces
            .lines
            .iter()
            .any(|line| line.to_string().contains("203.0.113.66")),
        "{:?}",
        traces.lines
    );
    assert!(
        traces.stderr.contains("cookie") || traces.stderr.contains("forged"),
        "{}",
        traces.stderr
    );
}
