//! Interfaces, addresses and firewalls of the prober's own host that fail and come back.

use serde_json::Value;

use crate::support::{Lab, Pair, Report};
use crate::{is_whole_window, read, running, sum, windows_of};

/// Something is taken away for some windows while the service runs, and given back.
fn interrupted(pair: &Pair, take: impl FnOnce(), give: impl FnOnce(), is_noticed: impl Fn(&Value) -> bool) -> Report {
    // The neighbour is forgotten with the interface, and a first request for it may fall into a link that is not yet up.
    pair.prober.sysctl("net.ipv4.neigh.backend.retrans_time_ms", "20");
    pair.prober.sysctl("net.ipv4.neigh.backend.mcast_solicit", "100");
    let args = format!("--json --window 1s -i 20ms -W 300ms app={} near=127.0.0.2", pair.v4());
    let mut run = running(&pair.prober, &args);
    run.wait_for_many(4, |line| is_whole_window(line, "app"));
    take();
    run.wait_for_many(2, |line| is_whole_window(line, "app") && is_noticed(&parsed(line)));
    give();
    run.wait_for_many(3, |line| is_whole_window(line, "app") && is_well(&parsed(line)));
    run.signal("TERM");
    read(&run.finish())
}

fn parsed(line: &str) -> Value {
    serde_json::from_str(line).expect("JSON")
}

fn is_well(window: &Value) -> bool {
    window["send_error"] == 0 && window["lost"] == 0 && window["received"] == window["sent"] && window["sent"] != 0
}

#[test]
fn an_interface_that_is_taken_down_and_up_again_sends_nothing_and_loses_nothing() {
    let Some(lab) = Lab::new() else { return };
    let pair = Pair::new(&lab);
    let down = || drop(pair.prober.sh("ip link set backend down"));
    let up = || drop(pair.prober.sh("ip link set backend up"));
    let report = interrupted(&pair, down, up, |window| window["send_error"].as_u64() > Some(0));
    show(&report);
}

#[test]
fn an_address_that_is_removed_and_given_back() {
    let Some(lab) = Lab::new() else { return };
    let pair = Pair::new(&lab);
    let removed = || drop(pair.prober.sh("ip addr flush dev backend"));
    let given = || drop(pair.prober.sh(&format!("ip addr add {}/24 dev backend", pair.link.left.v4)));
    let report = interrupted(&pair, removed, given, |window| window["send_error"].as_u64() > Some(0));
    show(&report);
}

#[test]
fn a_backend_whose_interface_is_down_is_lost() {
    let Some(lab) = Lab::new() else { return };
    let pair = Pair::new(&lab);
    let down = || drop(pair.backend.sh("ip link set prober down"));
    let up = || drop(pair.backend.sh("ip link set prober up"));
    let report = interrupted(&pair, down, up, |window| !is_well(window));
    show(&report);
}

#[test]
fn a_full_connection_table_is_this_hosts_and_no_loss() {
    let Some(lab) = Lab::new() else { return };
    let pair = Pair::new(&lab);
    // The size of the table of a namespace is that of the machine, so a limit in its place refuses new entries as a full one does.
    let full = || pair.prober.nft(
        "table inet t { set few { type ipv4_addr; size 65535; flags dynamic; };
         chain c { type filter hook output priority 0; ip daddr 10.0.0.0/8 ct state new add @few { ip saddr ct count over 2 } drop; }; }");
    let emptied = || drop(pair.prober.sh("nft flush ruleset"));
    let report = interrupted(&pair, full, emptied, |window| window["send_error"].as_u64() > Some(0));
    show(&report);
}

fn show(report: &Report) {
    for event in &report.events {
        let name = event["event"].as_str().unwrap();
        if name == "series" { continue; }
        if name == "window" {
            let c = |k: &str| event[k].to_string();
            eprintln!("W {} {} sent {} recv {} lost {} unre {} se {} unj {} sn {}", c("target"), c("window_start"), c("sent"), c("received"), c("lost"), c("unreachable"), c("send_error"), c("unjudged"), c("self_noise"));
        } else {
            let mut e = event.clone();
            let o = e.as_object_mut().unwrap();
            for k in ["schema","vantage","run_id","seq","members"] { o.remove(k); }
            eprintln!("{e}");
        }
    }
}
