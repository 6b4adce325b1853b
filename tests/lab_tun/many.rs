//! Two thousand backends at once.

use crate::inside::probe;
use crate::is_possible;

/// The backends of the story `many-backends` with their open port, in words of the command line.
pub(crate) fn targets() -> String {
    let racks = [10_u8, 20, 30, 40];
    let all = racks.into_iter().flat_map(|rack| {
        // Consecutive from 10.20.rack.10 on.
        (10..510_u16).map(move |place| format!("10.20.{}.{}:8080", u16::from(rack) + place / 256, place % 256))
    });
    all.collect::<Vec<_>>().join(" ")
}

#[test]
fn two_thousand_backends_by_echo_and_by_syn_lose_nothing() {
    if !is_possible() {
        return;
    }
    let run = probe("many-backends", &format!("-c 4 -i 1s -W 900ms --icmp {}", targets()));
    assert_eq!(run.report.windows().len(), 4_000);
    for window in run.report.windows() {
        window.assert_outcomes(&[("sent", 4), ("received", 4)]);
    }
    assert_eq!(run.total("unjudged"), 0);
    // 16,000 requests, and a RST for each SYN-ACK.
    assert_eq!(run.truth.packets_in(), 24_000);
    // Four seconds of probing; the rest is for a loaded machine and a build that is not optimised.
    let lengths = run.report.windows().into_iter().map(|window| window.figure("window_s"));
    let longest = lengths.fold(0.0, f64::max);
    assert!(longest < 20.0, "{longest} s");
}
