//! `pathjitter lab` with real sockets: other people's tools and our own prober in a network whose truth is known.

#[path = "../support/mod.rs"]
mod support;

mod exact;
mod inside;
mod life;
mod many;
mod outcomes;
mod own_host;
mod permissions;
mod round_trips;
mod signals;
mod tools;
mod true_loss;

use std::process::{Command, Stdio};

use support::{Finished, Guest, PATHJITTER, simulations_are_possible as is_possible};

/// Two hops, 2 ms there and back.
const NETWORK: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/lab_tun/two_hops.toml");
/// The backend.
const V4: &str = "10.10.1.11";
const V6: &str = "fd00:10:1::b";
/// An open port of it.
const OPEN: u16 = 8080;

/// `pathjitter lab` on [`NETWORK`], with these arguments before the command and this shell command as the command.
fn lab(arguments: &[&str], script: &str) -> Guest {
    let mut command = Command::new(PATHJITTER);
    command.args(["lab", NETWORK]).args(arguments);
    command.args(["--", "bash", "-c", script]).stdin(Stdio::null());
    Guest::start(command)
}

/// The last line of stderr: how the simulation went.
fn summary(ended: &Finished) -> &str {
    let last = ended.stderr.lines().last().unwrap_or_default();
    last.strip_prefix("pathjitter: One backend behind one router: ")
        .unwrap_or_else(|| panic!("no summary: {}", ended.stderr))
}
