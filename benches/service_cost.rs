//! What a quiet service costs: many targets over ICMP and TCP, once a second each.
//!
//! Everything is on loopback, so the sender's processor time holds the answering stack's work too: the figure is an upper
//! bound of what a service pays that only sends and receives. Measured with each probe sent on time, as `ping` does by default,
//! and with sends that share slots of 10 ms, as suits a service.
#![expect(unsafe_code, reason = "the cost of a child is read with wait4")]
#![expect(clippy::disallowed_methods, reason = "a bench reads the clock")]
#![expect(clippy::disallowed_macros, reason = "a bench prints")]

#[path = "support/mod.rs"]
#[allow(dead_code, reason = "each bench uses its own part of it")]
mod support;

use std::process::ExitCode;

use support::figures::{float, median, shown};
use support::lab::{Form, inside_namespace, listen, loopback_target, not_measured};
use support::ours::{self, Sums};

fn main() -> ExitCode {
    inside_namespace(bench)
}

fn bench(form: Form) -> anyhow::Result<()> {
    let port = listen()?;
    let sizes: &[u32] = form.pick(&[1_000, 10_000], &[100, 1_000]);
    for slot in ["0", "10ms"] {
        compare(form, sizes, slot, port)?;
    }
    Ok(())
}

/// All sizes with sends that share slots of this length.
fn compare(form: Form, sizes: &[u32], slot: &str, port: u16) -> anyhow::Result<()> {
    let mut costs = vec![Vec::new(); sizes.len()];
    println!("\n--slot {slot}");
    println!(
        "{:>8} {:>8} {:>10} {:>10} {:>8} {:>12} {:>12}",
        "targets", "seconds", "sent", "not recvd", "core %", "us/probe", "max RSS MiB"
    );
    for _ in 0..form.pick(2, 1) {
        for (&targets, costs) in sizes.iter().zip(&mut costs) {
            match measure(targets, form.pick(20, 3), slot, port) {
                Ok(cost) => costs.push(cost),
                Err(error) => return not_measured("pathjitter ping", &format!("{error:#}")),
            }
        }
    }
    let medians: Vec<Option<f64>> = costs.iter().map(|costs| median(costs)).collect();
    for (targets, cost) in sizes.iter().zip(&medians) {
        println!(
            "median, --slot {slot}: {targets} targets x (ICMP + TCP) x 1/s: {} % of a core",
            shown(*cost, 2)
        );
    }
    if let [Some(small), Some(large)] = medians[..] {
        println!(
            "{} x the targets cost {:.2} x the processor",
            sizes[1] / sizes[0],
            large / small
        );
    }
    Ok(())
}

/// One run; prints its line and returns per cent of a core.
fn measure(targets: u32, seconds: u32, slot: &str, port: u16) -> anyhow::Result<f64> {
    let count = seconds.to_string();
    let arguments = ["-q", "--json", "-i", "1", "-c", &count, "-w", "600", "--slot", slot];
    let addresses = (0..targets).map(|index| format!("{}:{port}", loopback_target(index)));
    let (finished, sums) = ours::measure(&mut ours::ping_command(&arguments, addresses))?;
    let share = 100.0 * finished.usage.cpu().as_secs_f64() / finished.wall.as_secs_f64();
    println!(
        "{targets:>8} {seconds:>8} {:>10} {:>10} {share:>8.2} {:>12.2} {:>12.1}",
        sums.sent,
        sums.sent - sums.received,
        finished.usage.cpu().as_secs_f64() * 1e6 / float(sums.sent),
        float(finished.usage.max_rss_kib) / 1024.0,
    );
    check(sums, u64::from(targets), u64::from(seconds))?;
    Ok(share)
}

/// Every target on both protocols, every probe sent and answered.
fn check(sums: Sums, targets: u64, seconds: u64) -> anyhow::Result<()> {
    anyhow::ensure!(
        sums.windows == 2 * targets,
        "{} windows of {targets} targets on two protocols",
        sums.windows
    );
    anyhow::ensure!(
        sums.sent == 2 * targets * seconds,
        "sent {} of {}",
        sums.sent,
        2 * targets * seconds
    );
    anyhow::ensure!(
        sums.received == sums.sent,
        "{} replies missing on loopback",
        sums.sent - sums.received
    );
    Ok(())
}
