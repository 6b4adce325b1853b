//! Many targets, and many of us.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::support::{Lab, Listener, Pair};
use crate::{OPEN, is_whole_window, read, running, sum, windows_of};

#[test]
fn a_thousand_targets_are_watched_from_the_start_without_a_loss_and_left_on_request() {
    let Some(lab) = Lab::new() else { return };
    let host = lab.host("alone");
    let targets: Vec<_> = (0..1000)
        .map(|n| format!("127.1.{}.{}", n / 250, n % 250 + 1))
        .collect();
    let args = format!("--json --window 2s -i 1s -W 1s {}", targets.join(" "));
    let mut run = running(&host, &args);
    run.wait_for_many(1000, |line| {
        line.contains("\"window\"") && line.contains("\"complete\":true")
    });
    run.signal("TERM");
    let report = read(&run.finish());
    let mut sent: BTreeMap<&str, u64> = BTreeMap::new();
    for window in report.windows() {
        let counts = ["lost", "late", "send_error"].map(|key| window.count(key));
        assert_eq!(counts, [0, 0, 0], "{}", window.text("target"));
        *sent.entry(window.text("target")).or_default() += window.count("sent");
    }
    assert_eq!(sent.len(), targets.len());
    assert!(sent.values().all(|sent| *sent > 0), "each is probed");
    let time = |name: &str| -> jiff::Timestamp {
        let event = report.events.iter().find(|event| event["event"] == name);
        let text = event.and_then(|event| event["timestamp"].as_str()).expect("a time");
        text.parse().expect("RFC 3339")
    };
    // Ending takes a timeout; the rest is what a debug build on a loaded machine may take.
    let took = time("stop").duration_since(time("start"));
    assert!(
        took < jiff::SignedDuration::try_from(Duration::from_secs(30)).expect("seconds"),
        "{took}"
    );
    let mut incidents = report.events.iter().filter(|event| event["event"] == "incident_open");
    assert!(incidents.all(|incident| incident["verdict"] == "prober_host"));
}

#[test]
fn two_services_on_one_host_do_not_take_each_others_answers() {
    let Some(lab) = Lab::new() else { return };
    let pair = Pair::new(&lab);
    let _port = Listener::open(&pair.backend, OPEN);
    let args = format!(
        "--json --window 1s -i 10ms --tcp-interval 10ms -W 500ms app={}:{OPEN}",
        pair.v4()
    );
    let mut runs = [running(&pair.prober, &args), running(&pair.prober, &args)];
    for run in &mut runs {
        run.wait_for_many(6, |line| is_whole_window(line, "app"));
    }
    for run in runs {
        run.signal("TERM");
        let report = read(&run.finish());
        for proto in ["icmp", "tcp"] {
            let windows = windows_of(&report.events, "app", proto);
            let others = [
                "lost",
                "late",
                "duplicate",
                "refused",
                "reset",
                "unreachable",
                "send_error",
                "unjudged",
            ];
            for outcome in others {
                assert_eq!(sum(&windows, outcome), 0, "{outcome} by {proto}");
            }
            assert_eq!(sum(&windows, "received"), sum(&windows, "sent"), "{proto}");
        }
    }
}
