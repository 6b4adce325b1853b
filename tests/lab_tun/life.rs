//! From the start of the command to its end, and what is left: nothing.

use std::fs;
use std::process::Command;

use crate::support::{Guest, PATHJITTER};
use crate::{NETWORK, V4, is_possible, lab, summary};

#[test]
fn the_exit_code_is_that_of_the_command() {
    if !is_possible() {
        return;
    }
    for (script, code) in [("exit 0", 0), ("exit 7", 7), ("kill -KILL $$", 128 + 9)] {
        let ended = lab(&[], script).finish();
        assert_eq!(ended.code(), code, "{script}: {}", ended.stderr);
    }
}

#[test]
fn a_command_that_does_not_exist_is_an_error_that_names_it() {
    if !is_possible() {
        return;
    }
    let mut command = Command::new(PATHJITTER);
    command.args(["lab", NETWORK, "--", "/no/such/program"]);
    let ended = Guest::start(command).finish();
    assert_eq!(ended.code(), 2, "{}", ended.stderr);
    assert!(
        ended.stderr.contains("cannot run '/no/such/program': No such file"),
        "{}",
        ended.stderr
    );
}

#[test]
fn the_command_sees_only_its_own_network_and_runs_as_any_other() {
    if !is_possible() {
        return;
    }
    // The scheduling policy is field 41 of stat(5), 0 for ordinary; the device is the only one beside the loopback.
    let script = "cut -d' ' -f41 /proc/self/stat; ip -o link | wc -l; cat /proc/self/timerslack_ns";
    let ended = lab(&[], script).finish();
    let slack = fs::read_to_string("/proc/self/timerslack_ns").unwrap();
    assert_eq!(ended.stdout, ["0", "2", slack.trim()], "{}", ended.stderr);
}

#[test]
fn the_kernel_inside_says_nothing_of_its_own() {
    if !is_possible() {
        return;
    }
    // Router solicitations and multicast reports would come within two seconds.
    let ended = lab(&[], "sleep 2").finish();
    assert!(summary(&ended).starts_with("0 packets in, 0 out"), "{}", ended.stderr);
}

#[test]
fn sigterm_is_passed_on_and_nothing_is_left_behind() {
    if !is_possible() {
        return;
    }
    let mut running = lab(
        &[],
        &format!("ping -n -c 1 {V4} >/dev/null; readlink /proc/self/ns/net; exec sleep 60"),
    );
    let namespace = running.wait_for(|line| line.starts_with("net:")).to_owned();
    assert!(lives(&namespace), "{namespace} is where the command is");
    running.signal("TERM");
    let ended = running.finish();
    assert_eq!(ended.code(), 128 + 15, "{}", ended.stderr);
    assert!(!lives(&namespace), "a process is still in {namespace}");
    let outside = fs::read_to_string("/proc/self/net/dev").unwrap();
    assert!(!outside.contains("lab0:"), "{outside}");
}

/// Whether any process is in this namespace.
fn lives(namespace: &str) -> bool {
    let processes = fs::read_dir("/proc").unwrap().filter_map(Result::ok);
    processes
        .filter_map(|process| fs::read_link(process.path().join("ns/net")).ok())
        .any(|link| link.as_os_str() == namespace)
}
