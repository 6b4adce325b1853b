//! However many targets lie behind a router, no more than one probe a second expires there; the model counts them.

use std::time::Duration;

use pathjitter::lab::series_of;
use pathjitter::simnet::topology::{PathCode, PathEnd};
use pathjitter::simnet::{DropReason, Topology};
use pathjitter::sweep::Budget;

use super::expected::Expected;
use super::judge::{self, Ring, Tally};
use super::virtual_time::Sweep;

/// Twenty targets behind one gateway, ten behind each of two routers. All routers limit as Linux does.
const TWENTY: &str = r#"
title = "Twenty backends behind one gateway"
story = "Nothing happens."
duration = "60s"

[host]
addresses = ["10.10.0.5", "fd00:10::5"]

[[router]]
name = "gw"
addresses = ["10.10.0.1", "fd00:10::1"]

[[router]]
name = "agg1"
addresses = ["10.10.1.1", "fd00:10:1::1"]

[[router]]
name = "agg2"
addresses = ["10.10.2.1", "fd00:10:2::1"]

[[backend]]
name = "one"
addresses = ["10.10.1.11", "fd00:10:1::11"]
count = 10
set.ports = { 8080 = "open" }

[[backend]]
name = "two"
addresses = ["10.10.2.11", "fd00:10:2::11"]
count = 10
set.ports = { 8080 = "open" }

[[link]]
between = ["host", "gw"]
set.delay = "50us"
set.jitter = { normal = "2us" }

[[link]]
between = ["gw", "agg1"]
set.delay = "100us"

[[link]]
between = ["gw", "agg2"]
set.delay = "100us"

[[link]]
between = ["agg1", "one"]
set.delay = "50us"

[[link]]
between = ["agg2", "two"]
set.delay = "50us"

[verdict]
code = "clean"
"#;

const ROUTERS: [&str; 3] = ["gw", "agg1", "agg2"];

#[test]
fn no_router_gets_more_than_one_expiring_probe_a_second_however_many_targets_are_behind_it() {
    let topology = Topology::read(TWENTY).unwrap_or_else(|why| panic!("{why}"));
    for is_v4 in [true, false] {
        let expected = everything(&topology, is_v4);
        let mut sweep = Sweep::new(&topology, &expected, 1, Sweep::DEFAULT);
        let mut counts: Vec<[u64; 3]> = Vec::new();
        for second in 1..=SECONDS {
            sweep.run_until(Duration::from_secs(second));
            counts.push(ROUTERS.map(|router| sweep.dropped(router, DropReason::TtlExpired)));
        }
        for (nth, router) in ROUTERS.into_iter().enumerate() {
            let start = counts[WINDOW - 1][nth];
            assert!(
                start <= WINDOW as u64 + LINUX_BURST,
                "{router}: {start} in the first {WINDOW} s"
            );
            for (second, pair) in counts.windows(WINDOW + 1).enumerate() {
                let during = pair[WINDOW][nth] - pair[0][nth];
                // One at either end of the time.
                assert!(
                    during <= WINDOW as u64 + 1,
                    "{router}: {during} in {WINDOW} s from second {second} on"
                );
            }
            let all = counts[counts.len() - 1][nth];
            assert!(all + 10 >= SECONDS, "{router}: only {all} in {SECONDS} s");
        }
        // What is probed once counts for all: each path has seen each of its hops in nearly every cycle.
        let mut tally = Tally::default();
        for (expected, found) in expected.iter().zip(sweep.found(&expected)) {
            let wrong = judge::deviations(expected, &found, Ring::virtual_time(false), &mut tally);
            assert!(wrong.is_empty() && tally.is_right(), "{expected}: {wrong:?}");
            for hop in &found.hops {
                assert!(
                    hop.sent + 20 >= SECONDS && hop.sent == hop.received,
                    "{expected}: {hop:?}"
                );
            }
        }
    }
}

#[test]
fn a_fast_sweep_asks_routers_more_often() {
    let topology = Topology::read(TWENTY).unwrap_or_else(|why| panic!("{why}"));
    let expected = everything(&topology, true);
    let mut options = Sweep::DEFAULT;
    options.budget = Budget::Fast;
    options.interval = Duration::from_millis(100);
    let mut sweep = Sweep::new(&topology, &expected, 1, options);
    sweep.run_until(Duration::from_secs(SECONDS));
    for router in ROUTERS {
        let expired = sweep.dropped(router, DropReason::TtlExpired);
        assert!(expired >= 9 * SECONDS, "{router}: {expired} in {SECONDS} s");
    }
}

/// A trace to each of the backends, by echo and by SYN in turn.
fn everything(topology: &Topology, is_v4: bool) -> Vec<Expected> {
    let mut all = Vec::new();
    for (group, router) in [("one", "agg1"), ("two", "agg2")] {
        let members = (1..=10).map(|member| format!("{group}{member}"));
        let probes = members
            .enumerate()
            .map(|(nth, name)| if nth % 2 == 0 { name } else { format!("{name}:8080") });
        for probe in probes {
            let series = series_of(topology, &probe).unwrap_or_else(|why| panic!("{why}"));
            let series = series
                .into_iter()
                .find(|series| series.address.is_ipv4() == is_v4)
                .expect("both families");
            let of = |name: &str| {
                let router = topology
                    .routers
                    .iter()
                    .find(|router| router.name == name)
                    .expect("a router");
                router
                    .addresses
                    .iter()
                    .copied()
                    .filter(|address| address.is_ipv4() == is_v4)
                    .collect()
            };
            all.push(Expected {
                hops: vec![of("gw"), of(router), [series.address].into()],
                series,
                before: None,
                end: PathEnd::Reached,
                verdict: PathCode::Clean,
                loss: None,
                jitter: None,
                rate_limited: Vec::new(),
                rate_limited_fast: None,
                slow: Vec::new(),
                mpls: vec![Vec::new(); 3],
            });
        }
    }
    all
}

const SECONDS: u64 = 120;

/// Seconds in which probes are counted.
const WINDOW: usize = 10;

/// So many answers a router has saved up for a host that it has not heard of for a while (`XRLIM_BURST_FACTOR`).
const LINUX_BURST: u64 = 6;
