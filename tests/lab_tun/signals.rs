//! Whom signals reach, and what is left of the command where the lab is killed.

use std::io::{BufRead as _, BufReader, pipe};
use std::process::{Command, Stdio};

use crate::support::{Guest, PATHJITTER};
use crate::{NETWORK, is_possible};

#[test]
fn signals_to_the_lab_alone_reach_the_command() {
    if !is_possible() {
        return;
    }
    // Far from any terminal, so no key was pressed.
    for (name, number) in [("INT", 2), ("QUIT", 3), ("TERM", 15), ("HUP", 1)] {
        let mut command = Command::new("env");
        // Whoever runs tests in the background may have started them to ignore SIGINT.
        command.args(["--default-signal", PATHJITTER, "lab", NETWORK, "--"]);
        command.args(["bash", "-c", "ulimit -c 0; echo running; exec sleep 1000"]);
        let mut running = Guest::start(command);
        running.wait_for(|line| line == "running");
        running.signal(name);
        let ended = running.finish();
        assert_eq!(ended.code(), 128 + number, "{name}: {}", ended.stderr);
    }
}

#[test]
fn a_lab_that_is_killed_takes_the_command_with_it() {
    if !is_possible() {
        return;
    }
    // Once the lab is gone, the command alone holds the pipe: the end of the one is the end of the other.
    let (reader, writer) = pipe().unwrap();
    let mut lab = Command::new(PATHJITTER)
        .args(["lab", NETWORK, "--", "bash", "-c", "echo running; exec sleep 40"])
        .stdin(Stdio::null())
        .stdout(writer)
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(&reader).read_line(&mut line).unwrap();
    assert_eq!(line, "running\n");
    lab.kill().unwrap();
    lab.wait().unwrap();
    let rest = Command::new("timeout").args(["20", "cat"]).stdin(reader).status();
    assert!(rest.unwrap().success(), "the command runs on without its network");
}

#[test]
fn what_is_ignored_outside_is_ignored_inside() {
    if !is_possible() {
        return;
    }
    let inside = "kill -HUP $PPID $$; echo alive";
    let script = format!("trap '' HUP; exec '{PATHJITTER}' lab '{NETWORK}' -- bash -c '{inside}'");
    let mut command = Command::new("bash");
    command.args(["-c", &script]);
    let ended = Guest::start(command).finish();
    assert_eq!(ended.stdout, ["alive"], "{}", ended.stderr);
    assert_eq!(ended.code(), 0, "{}", ended.stderr);
}
