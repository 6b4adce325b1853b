//! Several flows of one target: each keeps to one path, and together they see all that there are.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::process::Command;
use std::time::Duration;

use pathjitter::simnet::Topology;
use pathjitter::simnet::stories;

use super::expected::Expected;
use super::found::read_addresses;
use super::judge::{self, Ring, Tally};
use super::support::{Guest, PATHJITTER, read_lines, simulations_are_possible};
use super::virtual_time::Sweep;

#[test]
fn each_flow_has_one_path_and_enough_of_them_see_all_paths_of_equal_cost() {
    for expected in Expected::by_family(&ecmp()).into_iter().flatten() {
        let flows: Vec<Expected> = (0..FLOWS).map(|flow| expected.flow(flow)).collect();
        let mut sweep = Sweep::new(&ecmp(), &flows, 1, Sweep::DEFAULT);
        sweep.run_until(Duration::from_mins(5));
        let mut tally = Tally::default();
        let mut seen = BTreeSet::new();
        for (flow, found) in flows.iter().zip(sweep.found(&flows)) {
            // That a flow is answered by one address at each TTL is among what is judged.
            let wrong = judge::deviations(flow, &found, Ring::BEHIND_TUN, &mut tally);
            assert!(
                wrong.is_empty() && tally.is_right(),
                "{flow}, flow {}: {wrong:?}",
                flow.series.flow
            );
            // Not even where the target limits its errors, which are its answers to datagrams; but for one while that was not known.
            let unanswered: u64 = found.hops.iter().map(|hop| hop.sent - hop.received).sum();
            assert!(unanswered <= 1, "{flow}, flow {}: {found:?}", flow.series.flow);
            seen.extend(found.hops[SPINES].addresses.iter().copied());
        }
        assert_eq!(seen, expected.hops[SPINES], "{expected}");
    }
}

#[test]
fn the_program_shows_the_path_of_each_flow() {
    if !simulations_are_possible() {
        return;
    }
    let calls = [("", "10.10.1.11"), ("-u", "fd00:10:1::11")].map(|(kind, target)| {
        let mut command = Command::new(PATHJITTER);
        command.args([
            "lab", "ecmp", "--", PATHJITTER, "trace", "--json", "-r", "-n", "--flows", "8", "-c", "4",
        ]);
        command.args(kind.split_whitespace()).arg(target);
        (Guest::start(command), target)
    });
    let spines = Expected::by_family(&ecmp())
        .into_iter()
        .map(|all| all[0].hops[SPINES].clone());
    for ((call, target), spines) in calls.into_iter().zip(spines) {
        let ended = call.finish();
        assert!(ended.status.success(), "{}", ended.stderr);
        let lines = read_lines(&ended.stdout);
        let traces: Vec<_> = lines.iter().filter(|line| line["event"] == "trace").collect();
        let flows: BTreeSet<u64> = traces.iter().filter_map(|trace| trace["flow"].as_u64()).collect();
        assert_eq!((traces.len(), flows), (8, (0..8).collect()), "{target}");
        let at = |trace: &serde_json::Value| -> Vec<IpAddr> {
            read_addresses(&trace["hops"][SPINES]["addresses"])
                .into_iter()
                .flatten()
                .collect()
        };
        let seen: Vec<Vec<IpAddr>> = traces.iter().map(|trace| at(trace)).collect();
        assert!(
            seen.iter().all(|one| one.len() == 1 && spines.contains(&one[0])),
            "{seen:?}"
        );
        // All the same: once in 4^7 runs.
        assert!(seen.iter().collect::<BTreeSet<_>>().len() > 1, "{seen:?}");
    }
}

fn ecmp() -> Topology {
    let story = stories::find("ecmp").expect("a story");
    story.topology().unwrap_or_else(|why| panic!("{why}"))
}

/// That one of four paths is missed by all of these: 4 * (3/4)^40, once in 25,000.
const FLOWS: u16 = 40;

/// The place of the four routers among the hops.
const SPINES: usize = 1;
