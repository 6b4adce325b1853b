//! Our own command through its public contract: arguments in, `pathjitter/1` lines out.

use std::net::Ipv4Addr;
use std::process::Command;

use anyhow::Context;
use serde_json::Value;

use super::child::{self, Finished};

/// The sums over all `window` events of a run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Sums {
    /// Windows seen: one per target and protocol.
    pub(crate) windows: u64,
    /// Probes that left.
    pub(crate) sent: u64,
    /// Answered in time.
    pub(crate) received: u64,
    /// Not answered at all.
    pub(crate) lost: u64,
    /// Answered after the timeout.
    pub(crate) late: u64,
    /// Probes that could not be sent.
    pub(crate) send_error: u64,
    /// Windows in which the prober disturbed itself.
    pub(crate) self_noise: u64,
}

/// `pathjitter ping` with the arguments that follow.
pub(crate) fn ping_command(arguments: &[&str], targets: impl Iterator<Item = String>) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_pathjitter"));
    command.arg("ping").args(arguments).args(targets);
    command
}

/// Runs the command; its windows summed, or why there are none.
pub(crate) fn measure(command: &mut Command) -> anyhow::Result<(Finished, Sums)> {
    let finished = child::measure(command)?;
    let sums = sum_windows(&finished.stdout)?;
    let last_words = finished.stderr.lines().last().unwrap_or("nothing on stderr");
    anyhow::ensure!(sums.windows > 0, "no window event on stdout ({last_words})");
    Ok((finished, sums))
}

/// The bare address of a target, probed by ICMP only.
pub(crate) fn icmp_target(address: Ipv4Addr) -> String {
    address.to_string()
}

fn sum_windows(ndjson: &str) -> anyhow::Result<Sums> {
    let mut sums = Sums::default();
    for line in ndjson.lines().filter(|line| !line.is_empty()) {
        let event: Value = serde_json::from_str(line).with_context(|| format!("not JSON: {line}"))?;
        if event["event"] != "window" {
            continue;
        }
        let count = |key: &str| {
            event[key]
                .as_u64()
                .with_context(|| format!("window without {key}: {line}"))
        };
        sums.windows += 1;
        sums.sent += count("sent")?;
        sums.received += count("received")?;
        sums.lost += count("lost")?;
        sums.late += count("late")?;
        sums.send_error += count("send_error")?;
        sums.self_noise += u64::from(event["self_noise"].as_bool().unwrap_or(false));
    }
    Ok(sums)
}
