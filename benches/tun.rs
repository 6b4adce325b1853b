//! How many packets a second the simulated network carries behind its TUN device, and how late it is then.
//!
//! Our own prober sends to eight backends at a steady pace from inside `pathjitter lab`, by ICMP echo. Packets are counted at both
//! ends: by the prober, and by the simulator with the device's own counters. A rate counts only where nothing was lost that the
//! topology does not lose. Each echo request and each reply is a packet through the simulator.
#![expect(clippy::disallowed_macros, reason = "a bench prints")]
#![expect(unsafe_code, reason = "the cost of a child is read with wait4")]
#![expect(clippy::disallowed_methods, reason = "a bench reads the clock")]

#[path = "support/mod.rs"]
#[allow(dead_code, reason = "each bench uses its own part of it")]
mod support;

use std::fmt::Write as _;
use std::process::{Command, ExitCode};

use anyhow::Context;
use serde_json::Value;
use support::figures::float;
use support::lab::{Form, inside_namespace, not_measured};
use support::ours;

fn main() -> ExitCode {
    inside_namespace(bench)
}

fn bench(form: Form) -> anyhow::Result<()> {
    if let Err(error) = std::fs::File::options().read(true).write(true).open("/dev/net/tun") {
        return not_measured("TUN", &format!("/dev/net/tun: {error}"));
    }
    let folder = tempfile::tempdir()?;
    let network = folder.path().join("network.toml");
    std::fs::write(&network, topology())?;
    println!("offered and carried: packets/s, both directions; late: us from due to written, p50/p99/max");
    for offered in [25_000, 50_000, 100_000, 150_000, 200_000] {
        let seconds = form.pick(5, 1);
        let line = measure(folder.path(), offered, seconds)?;
        println!("{offered:>8} offered: {line}");
    }
    Ok(())
}

/// Offers `offered` packets/s for some seconds: half of them requests, over all backends.
fn measure(folder: &std::path::Path, offered: u32, seconds: u32) -> anyhow::Result<String> {
    let requests = offered / 2 / BACKENDS;
    let interval = format!("{}us", 1_000_000 / requests);
    let count = (requests * seconds).to_string();
    let (network, report) = (folder.join("network.toml"), folder.join("report.json"));
    let ping = ours::ping_command(
        &["--json", "-q", "-c", &count, "-i", &interval, "-W", "1s"],
        (0..BACKENDS).map(|n| format!("10.10.1.{}", 11 + n)),
    );
    let mut lab = Command::new(env!("CARGO_BIN_EXE_pathjitter"));
    lab.arg("lab").arg(&network).arg("--report").arg(&report);
    lab.arg("--").arg(ping.get_program()).args(ping.get_args());
    let (finished, sums) = ours::measure(&mut lab)?;
    let report: Value = serde_json::from_str(&std::fs::read_to_string(&report)?)?;
    let simulation = &report["simulation"];
    let number = |field: &str| simulation[field].as_u64().with_context(|| format!("no {field}"));
    let carried = number("packets_in")? + number("packets_out")?;
    // The prober waits for the last reply and starts and ends; that is part of the time.
    let rate = float(carried) / finished.wall.as_secs_f64();
    let late = &simulation["written_late"];
    Ok(format!(
        "{rate:>8.0} carried; sent {}, received {}, not sent {}; unintended loss {}; late {:.0}/{:.0}/{:.0}; {} late moments",
        sums.sent,
        sums.received,
        sums.send_error,
        number("unintended_loss")?,
        late["p50_us"].as_f64().unwrap_or_default(),
        late["p99_us"].as_f64().unwrap_or_default(),
        late["max_us"].as_f64().unwrap_or_default(),
        simulation["late_moments"].as_array().map_or(0, Vec::len),
    ))
}

/// Backends behind one router, 2 ms there and back.
fn topology() -> String {
    let mut text = "title = \"Eight backends\"\nstory = \"Nothing happens.\"\nduration = \"10s\"\n\
        [host]\naddresses = [\"10.10.0.5\"]\n\
        [[router]]\nname = \"agg\"\naddresses = [\"10.10.1.1\"]\n\
        [[link]]\nbetween = [\"host\", \"agg\"]\nset.delay = \"600us\"\n\
        [verdict]\ncode = \"clean\"\n"
        .to_owned();
    for n in 0..BACKENDS {
        // Writing to a String cannot fail.
        let _ = write!(
            text,
            "[[backend]]\nname = \"app{n}\"\naddresses = [\"10.10.1.{}\"]\n\
             [[link]]\nbetween = [\"agg\", \"app{n}\"]\nset.delay = \"400us\"\n",
            11 + n
        );
    }
    text
}

const BACKENDS: u32 = 8;
