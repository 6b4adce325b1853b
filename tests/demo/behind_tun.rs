//! Stories behind a TUN device, with real sockets and in real time.

use crate::support::{Lab, PATHJITTER, Pair, Report, simulations_are_possible};
use crate::{assert_stream, closed, demo, deviations, named, truth_of};

#[test]
fn stories_are_found_for_what_they_are_by_real_sockets() {
    if !simulations_are_possible() {
        return;
    }
    // One after another: two at a time would disturb each other.
    for (story, duration) in [
        ("shared-uplink", "40s"),
        ("sick-backend", "25s"),
        ("rate-limited-hop", "20s"),
    ] {
        let report = Report::read(&demo(&format!("--json --duration {duration} {story}")).finish());
        assert_eq!((report.code, report.stderr.as_str()), (0, ""), "{story}");
        assert_stream(&report.events);
        assert!(named(&report.events, "window").count() > 0, "{story}");
        // A machine that stands still makes incidents of its own, which are about it or can't be told.
        let stalls = named(&report.events, "own_noise").count();
        let mut incidents = closed(&report.events);
        if stalls > 0 {
            eprintln!("{story}: this machine stood still {stalls} times");
            incidents.retain(|incident| incident["verdict"] != "prober_host" && incident["verdict"] != "unknown");
        }
        let wrong = deviations(truth_of(story), &incidents);
        assert!(wrong.is_empty(), "{story}, {stalls} stalls: {}", wrong.join("\n"));
    }
}

#[test]
fn a_prober_that_stands_still_blames_itself() {
    if !simulations_are_possible() {
        return;
    }
    let report = Report::read(&demo("--json --duration 15s busy-host").finish());
    assert_stream(&report.events);
    let incidents = closed(&report.events);
    assert!(incidents.iter().any(|incident| incident["verdict"] == "prober_host"));
    // At 2 s, 5.1 s, 8.2 s, 11.3 s and 14.4 s, less one for a machine that begins late.
    let stalls = named(&report.events, "own_noise");
    let long = stalls.filter(|stall| stall["late_us"].as_f64().is_some_and(|late| late > 100_000.0));
    assert!(long.count() >= 4);
}

#[test]
fn a_signal_is_a_normal_end() {
    if !simulations_are_possible() {
        return;
    }
    for signal in ["INT", "TERM"] {
        let mut run = demo("--json");
        run.wait_for(|line| line.contains("\"start\""));
        run.signal(signal);
        let report = Report::read(&run.finish());
        assert_eq!((report.code, report.stderr.as_str()), (0, ""), "SIG{signal}");
        assert_stream(&report.events);
        let stop = report.events.last().expect("a last line");
        assert!(
            stop["message"].as_str().is_some_and(|why| why.contains("signal")),
            "{stop}"
        );
    }
}

#[test]
fn no_packet_leaves_the_namespace() {
    if !simulations_are_possible() {
        return;
    }
    let Some(lab) = Lab::new() else { return };
    let pair = Pair::new(&lab);
    // There is a way for whatever goes astray.
    pair.prober.sh(&format!("ip route add 10.10.0.0/16 via {}", pair.v4()));
    pair.prober.nft(
        "table inet t { counter astray {}; chain c { type filter hook output priority 0; ip daddr 10.10.0.0/16 counter name astray; }; }",
    );
    for way in ["", "--virtual-time"] {
        let ended = pair.prober.try_sh(&format!("'{PATHJITTER}' demo --duration 2s {way}"));
        assert_eq!(ended.code(), 0, "{}", ended.stderr);
    }
    assert_eq!(pair.prober.nft_packets("astray"), 0);
    pair.prober.try_sh("ping -c 1 -W 0.1 10.10.1.11");
    assert_eq!(pair.prober.nft_packets("astray"), 1, "what goes astray is counted");
}
