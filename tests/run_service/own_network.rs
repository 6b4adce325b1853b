//! Interfaces, addresses and firewalls of the prober's own host that fail and come back, and the far end's.

use serde_json::Value;

use crate::support::{Guest, Lab, Listener, Pair, Report};
use crate::{OPEN, is, is_whole_window, read, running, sum, windows_of};

/// Something is taken away for some windows while the service runs, and given back.
fn interrupted(pair: &Pair, take: impl FnOnce(), give: impl FnOnce(), is_noticed: impl Fn(&Value) -> bool) -> Report {
    let mut run = watching(pair);
    take();
    run.wait_for_many(4, |line| is_whole_window(line, "app") && is_noticed(&parsed(line)));
    give();
    run.wait_for_many(3, |line| is_whole_window(line, "app") && is_well(&parsed(line)));
    run.signal("TERM");
    read(&run.finish())
}

/// A service that has learned what is normal.
fn watching(pair: &Pair) -> Guest {
    // The neighbour is forgotten with the interface, and a first request for it may fall into a link that is not yet up.
    pair.prober.sysctl("net.ipv4.neigh.backend.retrans_time_ms", "20");
    pair.prober.sysctl("net.ipv4.neigh.backend.mcast_solicit", "100");
    let args = format!(
        "--json --window 1s -i 20ms --tcp-interval 20ms -W 300ms app={}:{OPEN} near=127.0.0.2",
        pair.v4()
    );
    let mut run = running(&pair.prober, &args);
    run.wait_for_many(6, |line| is_whole_window(line, "app"));
    run
}

fn parsed(line: &str) -> Value {
    serde_json::from_str(line).expect("JSON")
}

fn is_well(window: &Value) -> bool {
    window["send_error"] == 0 && window["lost"] == 0 && window["received"] == window["sent"] && window["sent"] != 0
}

fn has_unsent(window: &Value) -> bool {
    window["send_error"].as_u64() > Some(0)
}

/// Probes that never left are counted as such, those that left are answered, and the stream says that this host did it.
fn assert_only_unsent(report: &Report, proto: &str) {
    let windows = windows_of(&report.events, "app", proto);
    let [unsent, lost, sent, received] = ["send_error", "lost", "sent", "received"].map(|key| sum(&windows, key));
    assert!(unsent >= 25, "{proto}: {unsent} not sent in two windows");
    // Only what is under way at that moment falls into a link that goes down, or comes up.
    assert!(lost <= 3 && sent == received + lost, "{proto}: {lost} of {sent} lost");
    for window in windows.iter().filter(|window| has_unsent(window)) {
        assert_eq!(window["self_noise"], true, "{window}");
    }
    let told = report.events.iter().filter(|event| event["event"] == "own_noise");
    let told: u64 = told.map(|noise| noise["send_error"].as_u64().expect("a count")).sum();
    assert!(told >= unsent, "{told} of {unsent} were told");
    let incidents = report.events.iter().filter(|event| event["event"] == "incident_open");
    assert_eq!(incidents.count(), 0, "nobody else is accused");
}

#[test]
fn an_interface_that_is_taken_down_and_up_again_sends_nothing_and_loses_nothing() {
    let Some(lab) = Lab::new() else { return };
    let pair = Pair::new(&lab);
    let _port = Listener::open(&pair.backend, OPEN);
    let down = || drop(pair.prober.sh("ip link set backend down"));
    let up = || drop(pair.prober.sh("ip link set backend up"));
    let report = interrupted(&pair, down, up, has_unsent);
    assert_only_unsent(&report, "icmp");
    assert_only_unsent(&report, "tcp");
}

#[test]
fn an_address_that_is_removed_and_given_back_loses_nothing() {
    let Some(lab) = Lab::new() else { return };
    let pair = Pair::new(&lab);
    let _port = Listener::open(&pair.backend, OPEN);
    let removed = || drop(pair.prober.sh("ip addr flush dev backend"));
    let given = || {
        drop(
            pair.prober
                .sh(&format!("ip addr add {}/24 dev backend", pair.link.left.v4)),
        );
    };
    let report = interrupted(&pair, removed, given, has_unsent);
    assert_only_unsent(&report, "icmp");
    assert_only_unsent(&report, "tcp");
}

#[test]
fn a_connection_table_that_takes_no_new_entry_is_this_hosts_and_no_loss() {
    let Some(lab) = Lab::new() else { return };
    let pair = Pair::new(&lab);
    let _port = Listener::open(&pair.backend, OPEN);
    // The size of the real table is that of the machine and can't be set here. A full one drops what would need a new entry where it
    // is sent, and lets pass what has one: this rule does the same.
    let ruleset = "table inet t { chain c { type filter hook output priority 0;
        tcp flags & (syn | ack) == syn ct state new drop; }; }";
    let full = || pair.prober.nft(ruleset);
    let emptied = || drop(pair.prober.sh("nft flush ruleset"));
    let report = interrupted(&pair, full, emptied, has_unsent);
    assert_only_unsent(&report, "tcp");
    let pings = windows_of(&report.events, "app", "icmp");
    assert_eq!((sum(&pings, "send_error"), sum(&pings, "lost")), (0, 0));
}

#[test]
fn a_backend_whose_interface_is_down_is_an_incident_that_ends_when_it_is_up() {
    let Some(lab) = Lab::new() else { return };
    let pair = Pair::new(&lab);
    let _port = Listener::open(&pair.backend, OPEN);
    let mut run = watching(&pair);
    pair.backend.sh("ip link set prober down");
    run.wait_for(|line| {
        is_whole_window(line, "app") && parsed(line)["proto"] == "icmp" && parsed(line)["lost"].as_u64() > Some(20)
    });
    pair.backend.sh("ip link set prober up");
    run.wait_for(|line| is(line, "degraded", "app") && !parsed(line)["until"].is_null());
    run.wait_for(|line| is_whole_window(line, "app") && is_well(&parsed(line)));
    run.signal("TERM");
    let report = read(&run.finish());
    assert!(sum(&windows_of(&report.events, "app", "icmp"), "lost") > 0);
    assert_eq!(sum(&windows_of(&report.events, "near", "icmp"), "lost"), 0);
    let about: Vec<_> = report
        .events
        .iter()
        .filter(|event| event["event"] == "incident_close")
        .collect();
    assert!(!about.is_empty(), "it is told");
    assert!(
        about.iter().all(|incident| incident["verdict"] != "prober_host"),
        "{about:?}"
    );
}

#[test]
fn a_target_that_flaps_is_told_of_each_time_and_all_that_opens_is_closed() {
    let Some(lab) = Lab::new() else { return };
    let pair = Pair::new(&lab);
    let _port = Listener::open(&pair.backend, OPEN);
    let mut run = watching(&pair);
    for _ in 0..3 {
        pair.backend.sysctl("net.ipv4.icmp_echo_ignore_all", "1");
        run.wait_for(|line| is(line, "degraded", "app") && parsed(line)["until"].is_null());
        pair.backend.sysctl("net.ipv4.icmp_echo_ignore_all", "0");
        run.wait_for(|line| is(line, "degraded", "app") && !parsed(line)["until"].is_null());
    }
    run.signal("TERM");
    let report = read(&run.finish());
    let named = |name: &str| report.events.iter().filter(|event| event["event"] == name).count();
    assert_eq!(named("incident_open"), named("incident_close"));
    assert!(named("incident_open") <= 3, "{} incidents", named("incident_open"));
    assert_eq!(sum(&windows_of(&report.events, "near", "icmp"), "lost"), 0);
}
