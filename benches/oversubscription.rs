//! Accuracy while the host is busy: four times as many spinning threads as cores, and every prober pings loopback meanwhile.
//!
//! The true RTT is some ten microseconds, so an RTT above one millisecond is the prober's own invention. All contenders run at
//! the same time under the same load, at a millisecond or two a probe.
#![expect(unsafe_code, reason = "the cost of a child is read with wait4")]
#![expect(clippy::disallowed_methods, reason = "a bench reads the clock")]
#![expect(clippy::disallowed_macros, reason = "a bench prints")]

#[path = "support/mod.rs"]
#[allow(dead_code, reason = "each bench uses its own part of it")]
mod support;

use std::hint::black_box;
use std::process::{Command, ExitCode};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::Context;
use serde_json::Value;
use support::figures::{quantile, shown, sorted};
use support::lab::{Form, inside_namespace, is_installed, not_measured};
use support::{child, ours, surge};

fn main() -> ExitCode {
    if let Some(part) = child::part_of_this_process() {
        return run_surge(&part);
    }
    inside_namespace(bench)
}

/// The RTTs of one prober under one kind of stamp, in microseconds.
struct Column {
    label: &'static str,
    rtts_us: Vec<f64>,
}

type Prober = (&'static str, fn(u32) -> anyhow::Result<Vec<Column>>);

const PROBERS: [Prober; 5] = [
    ("pathjitter", run_ours),
    ("surge-ping", run_surge_child),
    ("ping", run_ping),
    ("fping", run_fping),
    ("mtr", run_mtr),
];

fn bench(form: Form) -> anyhow::Result<()> {
    let probes = form.pick(100_000, 2_000);
    let cores = std::thread::available_parallelism()?.get();
    println!(
        "{} busy threads on {cores} cores; all probers at once; microseconds",
        4 * cores
    );
    let results = under_load(4 * cores, || {
        std::thread::scope(|scope| {
            let running: Vec<_> = PROBERS
                .iter()
                .map(|(_, run)| scope.spawn(move || run(probes)))
                .collect();
            running
                .into_iter()
                .map(|thread| thread.join().unwrap_or_else(|_| Err(anyhow::anyhow!("panicked"))))
                .collect::<Vec<_>>()
        })
    });
    println!(
        "{:<30} {:>8} {:>9} {:>9} {:>9} {:>9} {:>9} {:>9} {:>7} {:>6}",
        "prober, stamps", "RTTs", "min", "p50", "p90", "p99", "p99.9", "max", "> 1 ms", "<= 0"
    );
    for ((name, _), result) in PROBERS.iter().zip(results) {
        match result {
            Ok(columns) => columns.iter().for_each(print_column),
            Err(error) => not_measured(name, &format!("{error:#}"))?,
        }
    }
    Ok(())
}

fn print_column(column: &Column) {
    let rtts = sorted(&column.rtts_us);
    let at = |per_mille| shown(quantile(&rtts, per_mille), 1);
    let spikes = rtts.iter().filter(|&&rtt| rtt > 1_000.0).count();
    let impossible = rtts.iter().filter(|&&rtt| rtt <= 0.0).count();
    println!(
        "{:<30} {:>8} {:>9} {:>9} {:>9} {:>9} {:>9} {:>9} {spikes:>7} {impossible:>6}",
        column.label,
        rtts.len(),
        at(0),
        at(500),
        at(900),
        at(990),
        at(999),
        at(1000)
    );
}

/// Runs `work` while `threads` threads spin.
fn under_load<T>(threads: usize, work: impl FnOnce() -> T) -> T {
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                let mut turns = 0_u64;
                while !stop.load(Ordering::Relaxed) {
                    turns = black_box(turns.wrapping_add(1));
                }
            });
        }
        let result = work();
        stop.store(true, Ordering::Relaxed);
        result
    })
}

/// Ours: the same probes twice, by the kernel's stamps and by those of user space.
fn run_ours(probes: u32) -> anyhow::Result<Vec<Column>> {
    let count = probes.to_string();
    let arguments = ["--json", "--each", "-w", "600", "-i", "1ms", "-c", &count];
    let target = ours::icmp_target([127, 0, 0, 1].into());
    let finished = child::measure(&mut ours::ping_command(&arguments, std::iter::once(target)))?;
    let mut kernel = Column {
        label: "pathjitter, kernel",
        rtts_us: Vec::new(),
    };
    let mut user = Column {
        label: "pathjitter, user (same probes)",
        rtts_us: Vec::new(),
    };
    for line in finished.stdout.lines() {
        let event: Value = serde_json::from_str(line).with_context(|| format!("not JSON: {line}"))?;
        if event["event"] != "probe" || event["stamp"] != "kernel" {
            continue;
        }
        kernel.rtts_us.extend(event["rtt_us"].as_f64());
        user.rtts_us.extend(event["user_rtt_us"].as_f64());
    }
    let last_words = finished.stderr.lines().last().unwrap_or("nothing on stderr");
    anyhow::ensure!(
        !kernel.rtts_us.is_empty(),
        "no kernel-stamped probe event on stdout ({last_words})"
    );
    Ok(vec![kernel, user])
}

fn run_surge_child(probes: u32) -> anyhow::Result<Vec<Column>> {
    let finished = child::measure(&mut child::this_bench_as(&[probes.to_string()])?)?;
    anyhow::ensure!(finished.succeeded, "{}", finished.stderr.trim());
    column(
        "surge-ping, user",
        finished.stdout.lines().filter_map(|line| line.parse().ok()).collect(),
    )
}

/// The inside of the surge-ping child: one RTT a line.
fn run_surge(part: &[String]) -> ExitCode {
    let probes = part.first().and_then(|word| word.parse().ok()).unwrap_or(0);
    match surge::paced(probes, Duration::from_millis(1)) {
        Ok(rtts) => {
            for rtt in rtts {
                println!("{rtt}");
            }
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("{error:#}");
            ExitCode::FAILURE
        }
    }
}

/// ping stamps receives in the kernel and sends in user space; its shortest interval is 2 ms.
fn run_ping(probes: u32) -> anyhow::Result<Vec<Column>> {
    let stdout = run_peer(
        "ping",
        &["-n", "-D", "-i", "0.002", "-c", &(probes / 2).to_string(), TARGET],
    )?;
    let rtts = stdout
        .lines()
        .filter_map(|line| number_between(line, "time=", " ms"))
        .map(|millis| millis * 1e3);
    column("ping, user to kernel", rtts.collect())
}

fn run_fping(probes: u32) -> anyhow::Result<Vec<Column>> {
    let stdout = run_peer(
        "fping",
        &[
            "-D",
            "-i",
            "1",
            "-p",
            "2",
            "-t",
            "1000",
            "-c",
            &(probes / 2).to_string(),
            TARGET,
        ],
    )?;
    let rtts = stdout
        .lines()
        .filter_map(|line| number_between(line, "bytes, ", " ms"))
        .map(|millis| millis * 1e3);
    column("fping", rtts.collect())
}

/// The raw format of mtr: `p <hop> <microseconds> <sequence>`.
fn run_mtr(probes: u32) -> anyhow::Result<Vec<Column>> {
    let stdout = run_peer(
        "mtr",
        &["--raw", "-n", "-i", "0.02", "-c", &(probes / 20).to_string(), TARGET],
    )?;
    let rtts = stdout
        .lines()
        .filter_map(|line| line.strip_prefix("p ")?.split(' ').nth(1)?.parse().ok());
    column("mtr, user", rtts.collect())
}

fn run_peer(program: &str, arguments: &[&str]) -> anyhow::Result<String> {
    anyhow::ensure!(is_installed(program), "not installed");
    Ok(child::measure(Command::new(program).args(arguments))?.stdout)
}

fn column(label: &'static str, rtts_us: Vec<f64>) -> anyhow::Result<Vec<Column>> {
    anyhow::ensure!(!rtts_us.is_empty(), "no RTT in its output");
    Ok(vec![Column { label, rtts_us }])
}

fn number_between(line: &str, before: &str, after: &str) -> Option<f64> {
    line.split_once(before)?.1.split_once(after)?.0.parse().ok()
}

const TARGET: &str = "127.0.0.1";
