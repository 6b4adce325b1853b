//! `pathjitter lab` with real sockets: other people's tools and our own prober in a network whose truth is known.

#[path = "../support/mod.rs"]
mod support;

mod exact;
mod life;
mod permissions;
mod tools;

use std::process::{Command, Stdio};

use support::{Finished, Guest, Lab, PATHJITTER};

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

/// Whether this can be tested here; if not, that is said loudly, or a failure where it is required.
fn is_possible() -> bool {
    if Lab::new().is_none() {
        return false;
    }
    let node = std::fs::File::options().read(true).write(true).open("/dev/net/tun");
    let Err(error) = node else { return true };
    let advice = format!("lab: NOT TESTED: /dev/net/tun: {error}; run as root");
    assert!(
        std::env::var_os("PATHJITTER_LAB").is_none_or(|v| v != "required"),
        "{advice}"
    );
    eprintln!("{advice}");
    false
}

/// The last line of stderr: how the simulation went.
fn summary(ended: &Finished) -> &str {
    let last = ended.stderr.lines().last().unwrap_or_default();
    last.strip_prefix("pathjitter: One backend behind one router: ")
        .unwrap_or_else(|| panic!("no summary: {}", ended.stderr))
}
