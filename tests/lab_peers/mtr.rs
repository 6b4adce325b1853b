//! mtr: hops in all its modes, and hops whose figures are not those of the path.

use serde_json::Value;

use crate::{APP, Ended, HOP_RTTS_US, HOPS, Lab, assert_rtt, path, simulations_are_possible};

/// Starts mtr with so many rounds, ten a second.
pub(crate) fn mtr(network: &str, rounds: u32, arguments: &str) -> Lab {
    Lab::start(network, &format!("mtr -n --json -i 0.1 -G 1 -c {rounds} {arguments}"))
}

/// The hops of a report.
pub(crate) fn hubs(ended: &Ended) -> Vec<Value> {
    let output = ended.text();
    let report: Value = serde_json::from_str(&output).unwrap_or_else(|error| panic!("{error}: {output}"));
    report["report"]["hubs"]
        .as_array()
        .unwrap_or_else(|| panic!("{output}"))
        .clone()
}

pub(crate) fn figure(hub: &Value, key: &str) -> f64 {
    hub[key].as_f64().unwrap_or_else(|| panic!("no {key} in {hub}"))
}

/// How many probes a hop answered, of so many.
pub(crate) fn answered(hub: &Value, rounds: u32) -> u64 {
    let answered = f64::from(rounds) * (1.0 - figure(hub, "Loss%") / 100.0);
    // A whole number that went through a percentage.
    format!("{answered:.0}").parse().expect("a whole number")
}

#[test]
fn every_mode_finds_all_hops_in_order_and_the_sums_of_their_delays() {
    if !simulations_are_possible() {
        return;
    }
    // In the first round mtr sends some probes farther than it has to, and the backend would limit its port unreachables.
    let network = path(&[("app", "set.icmp_limit = 'none'")]);
    let labs = ["", "-u", "-T -P 8080"].map(|mode| APP.map(|app| mtr(&network, 5, &format!("{mode} {app}"))));
    for both in labs {
        for (lab, addresses) in both.into_iter().zip(HOPS) {
            let ended = lab.finish();
            let hubs = hubs(&ended);
            assert_eq!(hubs.len(), 4, "{}", ended.text());
            for ((hub, address), truth) in hubs.iter().zip(addresses).zip(HOP_RTTS_US) {
                assert_eq!(
                    (hub["host"].as_str(), answered(hub, 5)),
                    (Some(address), 5),
                    "{}",
                    ended.text()
                );
                assert_rtt(figure(hub, "Best") * 1e3, truth, &ended.text());
            }
        }
    }
}

#[test]
fn the_limit_of_icmp_errors_looks_like_loss_at_a_hop_and_there_is_none_behind_it() {
    if !simulations_are_possible() {
        return;
    }
    let rounds = 30;
    let network = path(&[]);
    for lab in APP.map(|app| mtr(&network, rounds, app)) {
        let ended = lab.finish();
        let hubs = hubs(&ended);
        // What left a router towards the host, less what it only passed on, is its own errors.
        let links = ["r1>host", "r2>r1", "r3>r2", "app>r3"].map(|link| ended.packets(link));
        for (hub, own) in hubs.iter().zip(links.windows(2).map(|pair| pair[0] - pair[1])) {
            assert_eq!(answered(hub, rounds), own, "{}", ended.text());
            // Linux: six at once, then one a second. Thirty rounds take 2.9 seconds, or a little more.
            assert!((8..=9).contains(&own), "{own} errors: {}", ended.text());
        }
        assert_eq!(answered(&hubs[3], rounds), u64::from(rounds), "{}", ended.text());
    }
}

#[test]
fn a_slow_control_plane_raises_the_rtt_of_its_own_hop_only() {
    if !simulations_are_possible() {
        return;
    }
    // All answers of r2 are late by 20 ms.
    let network = path(&[("r2", "set.icmp_delay = { bimodal = { by = '20ms', share = 1.0 } }")]);
    for lab in APP.map(|app| mtr(&network, 5, app)) {
        let ended = lab.finish();
        let hubs = hubs(&ended);
        let [first, second, third, last] = HOP_RTTS_US;
        for (hub, truth) in hubs.iter().zip([first, second + 20_000.0, third, last]) {
            assert_rtt(figure(hub, "Best") * 1e3, truth, &ended.text());
        }
    }
}

#[test]
fn label_stacks_are_read_as_they_are_in_the_file() {
    if !simulations_are_possible() {
        return;
    }
    let labs = ["10.10.40.11", "fd00:10:40::11"]
        .map(|app| Lab::start("mpls", &format!("mtr -e -n --raw -c 2 -i 0.1 -G 1 {app}")));
    for lab in labs {
        let output = lab.finish().text();
        let mut labels: Vec<_> = output.lines().filter(|line| line.starts_with("m ")).collect();
        labels.sort_unstable();
        labels.dedup();
        // Hop from 0, label, traffic class, bottom of the stack, TTL.
        assert_eq!(
            labels,
            ["m 2 16001 0 1 1", "m 3 1048575 0 1 62", "m 3 16002 5 0 1"],
            "{output}"
        );
    }
}
