//! traceroute: hops in order, with the sums of delays, and what errors look like to it.

use std::collections::BTreeSet;

use crate::{APP, HOP_RTTS_US, HOPS, Lab, assert_rtt, path, simulations_are_possible};

/// One line of `traceroute -n`.
#[derive(Default)]
pub(crate) struct Hop<'a> {
    /// Who answered, each once.
    pub(crate) addresses: BTreeSet<&'a str>,
    pub(crate) rtts_us: Vec<f64>,
    /// What stands behind RTTs, like `!X`.
    marks: BTreeSet<&'a str>,
    /// MPLS, as it is written.
    labels: Option<&'a str>,
    stars: usize,
}

pub(crate) fn hops(output: &str) -> Vec<Hop<'_>> {
    output.lines().skip(1).map(hop).collect()
}

fn hop(line: &str) -> Hop<'_> {
    let mut hop = Hop::default();
    let mut words = line.split_whitespace().skip(1).peekable();
    while let Some(word) = words.next() {
        match word {
            "*" => hop.stars += 1,
            "ms" => {}
            _ if word.starts_with('!') => drop(hop.marks.insert(word)),
            _ if word.starts_with('<') => hop.labels = Some(word),
            _ if words.peek() == Some(&"ms") => hop.rtts_us.push(word.parse::<f64>().unwrap() * 1e3),
            _ => drop(hop.addresses.insert(word)),
        }
    }
    hop
}

impl Hop<'_> {
    /// Asserts that only `address` answered, after at least so long.
    fn assert(&self, address: &str, rtt_us: f64, output: &str) {
        assert_eq!(self.addresses, BTreeSet::from([address]), "{output}");
        assert_rtt(
            self.rtts_us.iter().copied().fold(f64::INFINITY, f64::min),
            rtt_us,
            output,
        );
    }
}

/// Starts a trace, probe by probe, so that they are not all late for the same reason. By default a router answers six at once.
/// It waits for an answer longer than a busy machine ever stood still.
pub(crate) fn trace(network: &str, arguments: &str) -> Lab {
    Lab::start(network, &format!("traceroute -n -w 5 -N 1 {arguments}"))
}

#[test]
fn every_kind_of_probe_finds_all_hops_in_order_and_the_sums_of_their_delays() {
    if !simulations_are_possible() {
        return;
    }
    let network = path(&[]);
    // UDP, echo requests, and SYNs to an open and to a closed port.
    let kinds = ["-U -p 53", "-I", "-T -p 8080", "-T -p 8081"];
    let labs = kinds.map(|kind| APP.map(|app| trace(&network, &format!("-q 6 -m 4 {kind} {app}"))));
    for both in labs {
        for (lab, addresses) in both.into_iter().zip(HOPS) {
            let output = lab.finish().text();
            let hops = hops(&output);
            assert_eq!(hops.len(), 4, "{output}");
            for ((hop, address), rtt) in hops.iter().zip(addresses).zip(HOP_RTTS_US) {
                hop.assert(address, rtt, &output);
                assert_eq!((hop.rtts_us.len(), hop.marks.len()), (6, 0), "{output}");
            }
        }
    }
}

#[test]
fn a_silent_hop_is_a_row_of_stars_and_a_hidden_one_is_no_hop() {
    if !simulations_are_possible() {
        return;
    }
    let [silent, hidden] = ["set.silent = true", "set.hidden = true"].map(|setting| path(&[("r2", setting)]));
    let silent = APP.map(|app| trace(&silent, &format!("-N 16 -q 3 -m 4 {app}")));
    let hidden = APP.map(|app| trace(&hidden, &format!("-q 3 -m 3 {app}")));
    for (family, lab) in silent.into_iter().enumerate() {
        let output = lab.finish().text();
        let hops = hops(&output);
        assert_eq!((hops.len(), hops[1].stars), (4, 3), "{output}");
        assert!(hops[1].addresses.is_empty(), "{output}");
        for at in [0, 2, 3] {
            hops[at].assert(HOPS[family][at], HOP_RTTS_US[at], &output);
        }
    }
    for (family, lab) in hidden.into_iter().enumerate() {
        let output = lab.finish().text();
        let hops = hops(&output);
        assert_eq!(hops.len(), 3, "{output}");
        for (hop, at) in hops.iter().zip([0, 2, 3]) {
            hop.assert(HOPS[family][at], HOP_RTTS_US[at], &output);
        }
    }
}

#[test]
fn what_errors_say_stands_behind_their_rtt() {
    if !simulations_are_possible() {
        return;
    }
    let network = path(&[]);
    let filters = "set.filters = [{ to = ['10.10.9.11', 'fd00:10:9::11'], action = 'prohibit' }]";
    let fenced = path(&[("r2", filters)]);
    // Arguments, the last hop, who answers there, when, and with what. r3 waits 200 ms for a neighbour that is off.
    let cases = [
        (&network, "10.10.9.12", 4, HOPS[0][2], 206_000.0, "!H"),
        (&network, "fd00:10:9::12", 4, HOPS[1][2], 206_000.0, "!H"),
        (&network, "-I 10.10.9.13", 4, "10.10.9.13", 8_000.0, "!X"),
        (&network, "-I fd00:10:9::13", 4, "fd00:10:9::13", 8_000.0, "!X"),
        (&network, "-T -p 8084 10.10.9.11", 4, APP[0], 8_000.0, "!X"),
        (&network, "-T -p 8084 fd00:10:9::11", 4, APP[1], 8_000.0, "!X"),
        (&network, "10.99.0.1", 2, HOPS[0][0], 1_000.0, "!N"),
        (&network, "fd00:99::1", 2, HOPS[1][0], 1_000.0, "!N"),
        (&fenced, "10.10.9.11", 3, HOPS[0][1], 3_000.0, "!X"),
        (&fenced, "fd00:10:9::11", 3, HOPS[1][1], 3_000.0, "!X"),
    ];
    let labs = cases.map(|case| (trace(case.0, &format!("-q 3 -m {} {}", case.2, case.1)), case));
    for (lab, (_, _, last, address, rtt, mark)) in labs {
        let output = lab.finish().text();
        let hops = hops(&output);
        assert_eq!(hops.len(), last, "{output}");
        hops[last - 1].assert(address, rtt, &output);
        assert_eq!(hops[last - 1].marks, BTreeSet::from([mark]), "{output}");
        assert!(hops[..last - 1].iter().all(|hop| hop.marks.is_empty()), "{output}");
    }
}

#[test]
fn label_stacks_are_read_as_they_are_in_the_file() {
    if !simulations_are_possible() {
        return;
    }
    let targets = ["10.10.40.11", "-I fd00:10:40::11", "-T -p 8080 10.10.40.11"];
    for lab in targets.map(|target| trace("mpls", &format!("-e -q 3 -m 6 {target}"))) {
        let output = lab.finish().text();
        let labels: Vec<_> = hops(&output).iter().map(|hop| hop.labels).collect();
        let p1 = "<MPLS:L=16001,E=0,S=1,T=1>";
        let p2 = "<MPLS:L=16002,E=5,S=0,T=1/L=1048575,E=0,S=1,T=62>";
        assert_eq!(labels, [None, None, Some(p1), Some(p2), None, None], "{output}");
    }
}

#[test]
fn a_router_that_answers_from_another_address_is_seen_under_that() {
    if !simulations_are_possible() {
        return;
    }
    let cases = [
        ("10.10.1.11", "10.10.255.1", "10.10.1.1"),
        ("fd00:10:1::11", "fd00:10:ff::1", "fd00:10:1::1"),
    ];
    let labs = cases.map(|case| {
        let script = format!(
            "traceroute -n -w 5 -q 3 -m 3 {}; ping -n -c 1 -W 1 {} >&2",
            case.0, case.2
        );
        (Lab::start("other-address", &script), case)
    });
    for (lab, (_, address, own)) in labs {
        let ended = lab.finish();
        let output = ended.text();
        // 50 and 100 us there and back.
        hops(&output)[1].assert(address, 300.0, &output);
        // An echo reply comes from where the request went.
        assert!(
            ended
                .command
                .stderr
                .contains(&format!("64 bytes from {own}: icmp_seq=1 ")),
            "{output}"
        );
    }
}

#[test]
fn in_a_loop_two_routers_take_turns() {
    if !simulations_are_possible() {
        return;
    }
    let cases = [
        ("10.10.1.12", ["10.10.0.1", "10.10.1.1"]),
        ("-I fd00:10:1::12", ["fd00:10::1", "fd00:10:1::1"]),
    ];
    for (lab, turns) in cases.map(|(target, turns)| (trace("loop", &format!("-q 3 -m 9 {target}")), turns)) {
        let output = lab.finish().text();
        let hops = hops(&output);
        assert_eq!(hops.len(), 9, "{output}");
        for (at, hop) in (0_u32..).zip(&hops) {
            // 50 us to the first router, 100 us for each step, and the way back: 150 us from the second router, 50 us from the first.
            let back = if at % 2 == 0 { 50.0 } else { 150.0 };
            hop.assert(turns[at as usize % 2], 50.0 + 100.0 * f64::from(at) + back, &output);
        }
    }
}

#[test]
fn a_slow_way_back_raises_rtts_from_the_hop_on_that_uses_it() {
    if !simulations_are_possible() {
        return;
    }
    // There by `out` with 100 us a link, back from agg1 on by `back` with 400 us a link.
    let cases = [
        ("10.10.1.11", ["10.10.0.1", "10.10.50.1", "10.10.1.1", "10.10.1.11"]),
        (
            "-I fd00:10:1::11",
            ["fd00:10::1", "fd00:10:50::1", "fd00:10:1::1", "fd00:10:1::11"],
        ),
    ];
    for (lab, addresses) in cases.map(|(target, all)| (trace("asymmetric-return", &format!("-q 6 -m 4 {target}")), all))
    {
        let output = lab.finish().text();
        let truths = [100.0, 300.0, 1_100.0, 1_200.0];
        for ((hop, address), truth) in hops(&output).iter().zip(addresses).zip(truths) {
            hop.assert(address, truth, &output);
        }
    }
}

#[test]
fn flows_spread_over_equal_paths_and_each_keeps_to_one() {
    if !simulations_are_possible() {
        return;
    }
    // By default each probe of traceroute has a source port of its own, or another checksum of ICMP.
    let spread =
        ["-U -p 53", "-T -p 8080", "-I"].map(|kind| trace("ecmp", &format!("-q 10 -f 2 -m 2 {kind} 10.10.1.11")));
    // With a source port, there is one flow.
    let kept = ["-U -p 53", "-T -p 8080"]
        .map(|kind| trace("ecmp", &format!("-q 4 -f 2 -m 2 --sport=40001 {kind} 10.10.1.11")));
    let spines: BTreeSet<_> = ["10.10.20.1", "10.10.20.2", "10.10.20.3", "10.10.20.4"].into();
    for lab in spread {
        let output = lab.finish().text();
        let hops = hops(&output);
        // That ten flows have the same way happens in 1 of 4^9 runs.
        assert!(hops[0].addresses.len() > 1, "{output}");
        assert!(hops[0].addresses.is_subset(&spines), "{output}");
    }
    for lab in kept {
        let output = lab.finish().text();
        let hops = hops(&output);
        assert_eq!((hops[0].addresses.len(), hops[0].rtts_us.len()), (1, 4), "{output}");
    }
}
