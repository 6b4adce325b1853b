//! The kernel's TCP, by `connect()`: every outcome, retransmission, limits, data.

use serde_json::Value;

use crate::{APP, Ended, Lab, RTT_US, path, simulations_are_possible};

/// Starts `connect.py` with these arguments.
fn connect(network: &str, arguments: &str) -> Lab {
    let program = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/lab_peers/connect.py");
    Lab::start(network, &format!("exec python3 {program} {arguments}"))
}

/// A line for each attempt.
fn attempts(ended: &Ended) -> Vec<Value> {
    assert!(ended.command.status.success(), "{}", ended.command.stderr);
    let lines = ended.command.stdout.iter();
    lines
        .map(|line| serde_json::from_str(line).expect("connect.py writes JSON"))
        .collect()
}

fn outcomes(attempts: &[Value]) -> Vec<&str> {
    attempts
        .iter()
        .map(|attempt| attempt["outcome"].as_str().expect("an outcome"))
        .collect()
}

fn figure(attempt: &Value, key: &str) -> f64 {
    attempt[key].as_f64().unwrap_or_else(|| panic!("no {key} in {attempt}"))
}

/// That an attempt took so long. Python takes the times, and may be preempted in between; what is told apart here lies farther apart.
fn assert_took(attempt: &Value, truth_ms: f64) {
    let took = figure(attempt, "took_ms");
    assert!(
        (truth_ms..truth_ms + 100.0).contains(&took),
        "not {truth_ms} ms: {attempt}"
    );
}

#[test]
fn the_kernel_gives_every_outcome_its_name_and_its_time() {
    if !simulations_are_possible() {
        return;
    }
    let network = path(&[]);
    let off = ["10.10.9.12", "fd00:10:9::12"];
    let labs = [0, 1].map(|family| {
        let (app, off) = (APP[family], off[family]);
        let targets = format!("{app} 8080 {app} 8081 {app} 8083 {app} 8084 {off} 8080 {app} 8082");
        connect(&network, &format!("0.9 0 0 {targets}"))
    });
    // What `tcp_v4_err` and `icmpv6_err_convert` make of administratively prohibited.
    for (lab, prohibited) in labs.into_iter().zip(["EHOSTUNREACH", "EACCES"]) {
        let ended = lab.finish();
        let attempts = attempts(&ended);
        let expected = [
            "connected",
            "ECONNREFUSED",
            "ECONNREFUSED",
            prohibited,
            "EHOSTUNREACH",
            "timeout",
        ];
        assert_eq!(outcomes(&attempts), expected, "{}", ended.text());
        // r3 waits 200 ms for a neighbour that is off, and is 3 ms away.
        for (attempt, truth_ms) in attempts.iter().zip([8.0, 8.0, 8.0, 8.0, 206.0, 900.0]) {
            assert_took(attempt, truth_ms);
        }
        // The kernel's own measurement, of the handshake: nothing of Python is in it. It is one only, so that a machine that takes a
        // CPU away for a while must be borne with.
        let rtt = figure(&attempts[0], "rtt_us");
        assert!((RTT_US..RTT_US + 50_000.0).contains(&rtt), "{}", ended.text());
        assert_eq!(attempts[0]["total_retrans"], 0, "{}", ended.text());
    }
}

#[test]
fn nc_connects_to_the_open_port_and_is_refused_by_the_closed_one() {
    if !simulations_are_possible() {
        return;
    }
    let network = path(&[]);
    for lab in APP.map(|app| {
        Lab::start(
            &network,
            &format!("nc -n -v -z -w 2 {app} 8080; nc -n -v -z -w 2 {app} 8081"),
        )
    }) {
        let ended = lab.finish();
        let said = &ended.command.stderr;
        assert!(said.contains("8080 port [tcp/*] succeeded!"), "{said}");
        assert!(said.contains("port 8081 (tcp) failed: Connection refused"), "{said}");
    }
}

#[test]
fn a_lost_syn_is_repeated_after_a_second() {
    if !simulations_are_possible() {
        return;
    }
    // A bucket with one token, and none to come: the first SYN alone matches.
    let network = path(&[(
        "r1",
        "set.filters = [{ proto = 'tcp', action = 'drop', limit = { rate = '1/day', burst = 1 } }]",
    )]);
    for lab in APP.map(|app| connect(&network, &format!("5 0 0 {app} 8080"))) {
        let ended = lab.finish();
        let attempts = attempts(&ended);
        assert_eq!(outcomes(&attempts), ["connected"]);
        // RFC 6298 section 2: a second; and a jiffy or two.
        assert_took(&attempts[0], 1_008.0);
        assert_eq!(attempts[0]["total_retrans"], 1, "{}", ended.text());
        assert_eq!(ended.dropped("r1", "filtered"), 1);
    }
}

#[test]
fn data_is_acknowledged_and_both_sides_close() {
    if !simulations_are_possible() {
        return;
    }
    let wide = path(&[]);
    let narrow = path(&[("r2-r3", "set.mtu = 1400")]);
    let wide = APP.map(|app| connect(&wide, &format!("10 0 100000 {app} 8080")));
    let narrow = APP.map(|app| connect(&narrow, &format!("10 0 10000 {app} 8080")));
    for lab in wide {
        let ended = lab.finish();
        let attempt = &attempts(&ended)[0];
        for (field, expected) in [("total_retrans", 0), ("lost", 0)] {
            assert_eq!(attempt[field], expected, "{field}: {attempt}");
        }
        assert_closed(attempt, 100_000);
    }
    for lab in narrow {
        let ended = lab.finish();
        assert_closed(&attempts(&ended)[0], 10_000);
        // The kernel began with full segments, was told the MTU of the path, and began again.
        assert!(ended.dropped("r2>r3", "too_big") > 0, "{}", ended.text());
    }
}

/// That so many bytes, the SYN and the FIN have been acknowledged, and that the other side sent nothing but its FIN.
fn assert_closed(attempt: &Value, sent: u64) {
    for (field, expected) in [("bytes_acked", sent + 2), ("unacked", 0), ("received", 0)] {
        assert_eq!(attempt[field], expected, "{field}: {attempt}");
    }
}

#[test]
fn a_port_is_refused_for_as_long_as_its_restart_takes() {
    if !simulations_are_possible() {
        return;
    }
    let restarts = "at = '0s'\nevery = '2s'\nfor = '700ms'\non = ['app']\nbackend.ports = { 8080 = 'closed' }";
    let network = path(&[("events", &format!("[[event]]\n{restarts}"))]);
    // Whenever it starts, more than four seconds, an attempt each 28 ms, see one restart from before to after.
    let labs = APP.map(|app| connect(&network, &format!("1 0.02 0 {}", format!("{app} 8080 ").repeat(160))));
    for lab in labs {
        let ended = lab.finish();
        let attempts = attempts(&ended);
        let runs: Vec<_> = attempts.chunk_by(|a, b| a["outcome"] == b["outcome"]).collect();
        let is_whole = |runs: &&[&[Value]]| {
            outcomes(&[0, 1, 2].map(|n| runs[n][0].clone())) == ["connected", "ECONNREFUSED", "connected"]
        };
        let [before, refused, after] = *runs.windows(3).find(is_whole).expect("a whole restart") else {
            unreachable!("three runs");
        };
        let began = |attempt: Option<&Value>| figure(attempt.expect("a run is not empty"), "began_ms");
        let shortest = began(refused.last()) - began(refused.first());
        let longest = began(after.first()) - began(before.last());
        // An attempt may begin somewhat before its SYN leaves, where Python is preempted.
        assert!(
            shortest < 700.0 + 50.0 && longest > 700.0 - 50.0,
            "{shortest} to {longest} ms"
        );
    }
}

#[test]
fn a_limit_of_syns_lets_the_burst_pass_or_stops_it() {
    if !simulations_are_possible() {
        return;
    }
    // A token comes back after six seconds.
    let limited = |within: &str| {
        path(&[(
            "app",
            &format!("set.syn_limit = {{ rate = '10/min', burst = 5, within = '{within}' }}"),
        )])
    };
    let [accepting, dropping] = ["accepted", "dropped"].map(|within| {
        let network = limited(within);
        APP.map(|app| connect(&network, &format!("0.2 0 0 {}", format!("{app} 8080 ").repeat(7))))
    });
    let five = |first, then| [vec![first; 5], vec![then; 2]].concat();
    for (labs, expected) in [
        (accepting, five("connected", "timeout")),
        (dropping, five("timeout", "connected")),
    ] {
        for lab in labs {
            let ended = lab.finish();
            assert_eq!(outcomes(&attempts(&ended)), expected);
            let dropped = expected.iter().filter(|outcome| **outcome == "timeout").count();
            assert_eq!(ended.dropped("app", "limited"), u64::try_from(dropped).unwrap());
        }
    }
}

#[test]
fn a_full_accept_queue_leaves_connects_hanging() {
    if !simulations_are_possible() {
        return;
    }
    let network = path(&[("app", "set.accept_queue = { backlog = 10, occupied = 11 }")]);
    for lab in APP.map(|app| connect(&network, &format!("1.5 0 0 {app} 8080"))) {
        let ended = lab.finish();
        assert_eq!(outcomes(&attempts(&ended)), ["timeout"]);
        // The SYN and its first repetition, after a second.
        assert_eq!(ended.dropped("app", "listen_overflow"), 2);
    }
}

#[test]
fn a_full_table_of_half_open_connections_leaves_connects_hanging() {
    if !simulations_are_possible() {
        return;
    }
    // With five repetitions of the SYN-ACK, an entry is kept for a minute: longer than Python may need to start once more.
    let network = path(&[("app", "set.half_open = { entries = 3, syn_ack_retries = 5 }")]);
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/lab_peers");
    // The SYN that comes when the table is full is dropped, and so is its first repetition.
    let labs = [(2, "connected", 0), (3, "timeout", 2)].map(|(syns, outcome, dropped)| {
        let app = APP[0];
        let script =
            format!("cd {folder} && python3 syns.py {syns} {app} 8080 && exec python3 connect.py 1.5 0 0 {app} 8080");
        (Lab::start(&network, &script), outcome, dropped)
    });
    for (lab, outcome, dropped) in labs {
        let ended = lab.finish();
        assert_eq!(outcomes(&attempts(&ended)), [outcome]);
        assert_eq!(ended.dropped("app", "listen_overflow"), dropped);
    }
}
