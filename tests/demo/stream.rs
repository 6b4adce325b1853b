//! Where sockets are not to be had, and readers that leave.

use crate::support::{Guest, PATHJITTER, Report, simulations_are_possible};
use crate::{assert_stream, closed, deviations, truth_of};

/// Runs a shell command, with `DEMO` as the beginning of a demonstration's command line.
fn shell(script: &str) -> Guest {
    let mut command = std::process::Command::new("bash");
    let script = script.replace("DEMO", &format!("'{PATHJITTER}' demo"));
    command.args(["-c", &script]);
    Guest::start(command)
}

#[test]
fn without_a_device_it_says_so_in_a_line_and_tells_the_story_all_the_same() {
    if !simulations_are_possible() {
        return;
    }
    let without_device = "exec unshare --mount bash -c \"mount -t tmpfs tmpfs /dev/net && exec DEMO --json\"";
    let ended = shell(without_device).finish();
    let report = Report::read(&ended);
    assert_eq!(report.code, 0, "{}", report.stderr);
    assert_stream(&report.events);
    assert_eq!(deviations(truth_of("shared-uplink"), &closed(&report.events)), [""; 0]);
    assert_eq!(report.stderr.lines().count(), 1, "{}", report.stderr);
    for part in ["pathjitter: watching in virtual time", "/dev/net/tun"] {
        assert!(report.stderr.contains(part), "{}", report.stderr);
    }
}

#[test]
fn a_reader_that_has_seen_enough_ends_it_quietly() {
    for what in ["", "--json"] {
        let ended = shell(&format!("set -o pipefail; DEMO --virtual-time {what} | head -n 1")).finish();
        assert_eq!((ended.code(), ended.stderr.as_str()), (0, ""), "{what}");
        assert_eq!(ended.stdout.len(), 1);
    }
}
