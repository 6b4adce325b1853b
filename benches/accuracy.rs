//! How far from the truth RTTs are, of our prober and of others, in a network whose truth is known.
//!
//! Each prober pings a backend of the simulated network, 600 us there and back, from inside `pathjitter lab`. They run one after the other
//! in rounds, so that none disturbs another and all get the same weather: on an idle machine, on one whose CPUs are kept awake, and beside four
//! busy threads per core. The lab says when it was late itself; probes that were on their way then are discarded for all alike, where a
//! prober tells when it sent. It fails where the simulator lost a packet.
#![expect(unsafe_code, reason = "the cost of a child is read with wait4")]
#![expect(clippy::disallowed_methods, reason = "a bench reads the clock")]
#![expect(clippy::disallowed_macros, reason = "a bench prints")]

#[path = "support/mod.rs"]
#[allow(dead_code, reason = "each bench uses its own part of it")]
mod support;

use std::hint::black_box;
use std::net::IpAddr;
use std::path::Path;
use std::process::{Command, ExitCode};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::Context;
use serde_json::Value;
use support::figures::{quantile, shown, sorted};
use support::lab::{Form, inside_namespace, is_installed, not_measured};
use support::{child, ours, surge};

fn main() -> ExitCode {
    match child::part_of_this_process() {
        Some(part) => surge_child(&part),
        None => inside_namespace(bench),
    }
}

/// One answered probe.
#[derive(Clone, Copy, Debug)]
struct Probe {
    /// When it was sent, in ns since the Unix epoch, where the prober tells.
    sent_ns: Option<f64>,
    rtt_us: f64,
}

/// All that one prober measured by one kind of stamp under one condition.
#[derive(Debug)]
struct Column {
    label: &'static str,
    rtts_us: Vec<f64>,
    discarded: usize,
    late_moments: usize,
    tells_when: bool,
}

/// How to run a prober and to read what it says.
struct Prober {
    program: &'static str,
    command: fn(seconds: u32) -> anyhow::Result<Vec<String>>,
    /// One kind of stamp each: what to call it, and its probes in the output.
    columns: &'static [(&'static str, Reader)],
}

type Reader = fn(&str) -> Vec<Probe>;

const PROBERS: [Prober; 5] = [
    Prober {
        program: "pathjitter",
        command: our_command,
        columns: &[
            ("pathjitter, kernel", |out| our_probes(out, "rtt_us")),
            ("pathjitter, user (same probes)", |out| our_probes(out, "user_rtt_us")),
        ],
    },
    Prober {
        program: "surge-ping",
        command: surge_command,
        columns: &[("surge-ping, user", surge_probes)],
    },
    Prober {
        program: "ping",
        command: |seconds| {
            let count = (seconds * 1_000).to_string();
            Ok(words(&["ping", "-n", "-D", "-i", "0.001", "-c", &count, TARGET]))
        },
        columns: &[("ping, user to kernel", |out| printed_probes(out, "time="))],
    },
    Prober {
        program: "fping",
        command: |seconds| {
            let count = (seconds * 1_000).to_string();
            Ok(words(&[
                "fping", "-D", "-i", "1", "-p", "1", "-t", "1000", "-c", &count, TARGET,
            ]))
        },
        columns: &[("fping, user to kernel", |out| printed_probes(out, "bytes, "))],
    },
    Prober {
        program: "mtr",
        command: |seconds| {
            let count = (seconds * 50).to_string();
            Ok(words(&["mtr", "--raw", "-n", "-i", "0.02", "-c", &count, TARGET]))
        },
        columns: &[("mtr, user", mtr_probes)],
    },
];

/// What the machine does besides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Condition {
    Idle,
    Awake,
    Busy,
}

fn bench(form: Form) -> anyhow::Result<()> {
    if let Err(error) = std::fs::File::options().read(true).write(true).open("/dev/net/tun") {
        return not_measured("accuracy", &format!("/dev/net/tun: {error}"));
    }
    let folder = tempfile::tempdir()?;
    std::fs::write(folder.path().join("network.toml"), TOPOLOGY)?;
    let rounds = form.pick(5, 1);
    let mut lost = 0;
    for condition in asked_for() {
        let seconds = match condition {
            Condition::Busy => form.pick(Seconds { ours: 10, others: 4 }, SMOKE),
            _ => form.pick(Seconds { ours: 3, others: 2 }, SMOKE),
        };
        lost += measure(folder.path(), condition, rounds, seconds)?;
    }
    anyhow::ensure!(
        lost == 0,
        "the simulated network lost {lost} packets that it should not"
    );
    Ok(())
}

/// The conditions that the command line names (`cargo bench --bench accuracy -- busy`), or all.
fn asked_for() -> Vec<Condition> {
    let all = [Condition::Idle, Condition::Awake, Condition::Busy];
    let is_named = |condition: &Condition| {
        let name = format!("{condition:?}");
        std::env::args().any(|word| word.eq_ignore_ascii_case(&name))
    };
    let named: Vec<_> = all.into_iter().filter(is_named).collect();
    if named.is_empty() { all.to_vec() } else { named }
}

/// How long each prober runs in a round.
#[derive(Clone, Copy, Debug)]
struct Seconds {
    ours: u32,
    others: u32,
}

/// All probers under one condition, printed. Returns how many packets the simulator lost.
fn measure(folder: &Path, condition: Condition, rounds: u32, seconds: Seconds) -> anyhow::Result<u64> {
    let threads = match condition {
        Condition::Busy => 4 * std::thread::available_parallelism()?.get(),
        Condition::Idle | Condition::Awake => 0,
    };
    println!("\n{condition:?}: {threads} busy threads; {rounds} rounds; errors against {TRUE_RTT_US} us, in us");
    let mut columns: Vec<Column> = Vec::new();
    let mut lost = 0;
    for _ in 0..rounds {
        for prober in &PROBERS {
            let runs = if prober.program == "pathjitter" {
                seconds.ours
            } else {
                seconds.others
            };
            match under_load(threads, || run(folder, prober, condition, runs)) {
                Ok(round) => {
                    lost += round.lost;
                    add(&mut columns, prober, &round);
                }
                Err(error) => not_measured(prober.program, &format!("{error:#}"))?,
            }
        }
    }
    print(&columns);
    Ok(lost)
}

/// What one prober printed in one run of the lab, and what the lab says of itself.
#[derive(Debug)]
struct Round {
    output: String,
    late: Vec<(f64, f64)>,
    lost: u64,
}

fn run(folder: &Path, prober: &Prober, condition: Condition, seconds: u32) -> anyhow::Result<Round> {
    let of_ours = ["pathjitter", "surge-ping"].contains(&prober.program);
    anyhow::ensure!(of_ours || is_installed(prober.program), "not installed");
    let report = folder.join("report.json");
    let mut lab = Command::new(env!("CARGO_BIN_EXE_pathjitter"));
    lab.arg("lab").arg(folder.join("network.toml"));
    lab.arg("--report").arg(&report);
    if condition == Condition::Awake {
        lab.arg("--keep-awake");
    }
    lab.arg("--").args((prober.command)(seconds)?);
    let finished = child::measure(&mut lab)?;
    let text = std::fs::read_to_string(&report).with_context(|| finished.stderr.trim().to_owned())?;
    let report: Value = serde_json::from_str(&text)?;
    let simulation = &report["simulation"];
    let moments = simulation["late_moments"].as_array().context("no late moments")?;
    let moments = moments
        .iter()
        .filter_map(|moment| Some((moment["from_ns"].as_f64()?, moment["to_ns"].as_f64()?)));
    Ok(Round {
        output: finished.stdout,
        late: moments.collect(),
        lost: simulation["unintended_loss"].as_u64().context("no unintended loss")?,
    })
}

/// Adds a round to the columns of its prober.
fn add(columns: &mut Vec<Column>, prober: &Prober, round: &Round) {
    for (label, read) in prober.columns {
        let index = columns.iter().position(|column| column.label == *label);
        let index = index.unwrap_or_else(|| {
            columns.push(Column {
                label,
                rtts_us: Vec::new(),
                discarded: 0,
                late_moments: 0,
                tells_when: false,
            });
            columns.len() - 1
        });
        let column = &mut columns[index];
        column.late_moments += round.late.len();
        for probe in read(&round.output) {
            column.tells_when |= probe.sent_ns.is_some();
            if was_delayed(probe, &round.late) {
                column.discarded += 1;
            } else {
                column.rtts_us.push(probe.rtt_us);
            }
        }
    }
}

/// Whether the simulator was late while a probe was on its way.
fn was_delayed(probe: Probe, late: &[(f64, f64)]) -> bool {
    let Some(sent) = probe.sent_ns else { return false };
    let returned = sent + probe.rtt_us * 1e3;
    late.iter()
        .any(|&(from, to)| from <= returned + SLACK_NS && to >= sent - SLACK_NS)
}

fn print(columns: &[Column]) {
    println!(
        "{:<30} {:>7} {:>8} {:>8} {:>8} {:>8} {:>9} {:>7} {:>7} {:>9} {:>9}",
        "prober, stamps", "RTTs", "p50", "p99", "p99.9", "max", "discarded", "> 1 ms", "< truth", "least", "p99.9: x"
    );
    let mut our_tail = None;
    for column in columns {
        let rtts = sorted(&column.rtts_us);
        let error = |per_mille| quantile(&rtts, per_mille).map(|rtt| rtt - TRUE_RTT_US);
        let spikes = rtts.iter().filter(|&&rtt| rtt > TRUE_RTT_US + 1_000.0).count();
        // Some print whole microseconds.
        let early = rtts.iter().filter(|&&rtt| rtt < TRUE_RTT_US - 1.0).count();
        let tail = error(999);
        our_tail = our_tail.or(tail);
        let ratio = our_tail.zip(tail).map(|(ours, theirs)| theirs / ours);
        let discarded = if column.tells_when {
            column.discarded.to_string()
        } else {
            format!("?/{}", column.late_moments)
        };
        println!(
            "{:<30} {:>7} {:>8} {:>8} {:>8} {:>8} {discarded:>9} {spikes:>7} {early:>7} {:>9} {:>9}",
            column.label,
            rtts.len(),
            shown(error(500), 1),
            shown(error(990), 1),
            shown(tail, 1),
            shown(error(1_000), 1),
            shown(error(0), 1),
            shown(ratio, 2),
        );
    }
    println!(
        "discarded: probes that were on their way while the simulator was late; ?/n: n late moments, and no times of sending"
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

fn our_command(seconds: u32) -> anyhow::Result<Vec<String>> {
    let count = (seconds * 2_000).to_string();
    let arguments = ["--json", "--each", "-w", "600s", "-i", "500us", "-c", &count];
    let command = ours::ping_command(&arguments, std::iter::once(TARGET.to_owned()));
    words_of(&command)
}

/// Our probes, by one of the two RTTs of each.
fn our_probes(output: &str, field: &str) -> Vec<Probe> {
    let probe = |line: &str| {
        let event: Value = serde_json::from_str(line).ok()?;
        let sent: jiff::Timestamp = event["timestamp"].as_str()?.parse().ok()?;
        let is_stamped = event["event"] == "probe" && event["stamp"] == "kernel";
        Some(Probe {
            sent_ns: format!("{}", sent.as_nanosecond()).parse().ok(),
            rtt_us: event[field].as_f64().filter(|_| is_stamped)?,
        })
    };
    output.lines().filter_map(probe).collect()
}

/// Datagram ICMP sockets, which it is fastest on, are forbidden to everyone in a new namespace.
fn surge_command(seconds: u32) -> anyhow::Result<Vec<String>> {
    let child = child::this_bench_as(&[(seconds * 1_000).to_string()])?;
    let script = "echo 0 0 > /proc/sys/net/ipv4/ping_group_range; exec \"$@\"";
    let mut all = words(&["sh", "-c", script, "sh"]);
    all.extend(words_of(&child)?);
    Ok(all)
}

/// The inside of the surge-ping child: time of sending and RTT, a line each.
fn surge_child(part: &[String]) -> ExitCode {
    let probes = part.first().and_then(|word| word.parse().ok()).unwrap_or(0);
    let target = TARGET.parse().unwrap_or(IpAddr::from([0, 0, 0, 0]));
    match surge::paced(target, probes, Duration::from_millis(1)) {
        Ok(probes) => {
            for (sent, rtt) in probes {
                println!("{sent} {rtt}");
            }
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("{error:#}");
            ExitCode::FAILURE
        }
    }
}

fn surge_probes(output: &str) -> Vec<Probe> {
    let probe = |line: &str| {
        let (sent, rtt) = line.split_once(' ')?;
        Some(Probe {
            sent_ns: sent.parse().ok(),
            rtt_us: rtt.parse().ok()?,
        })
    };
    output.lines().filter_map(probe).collect()
}

/// Lines of ping and fping: `[seconds] ... <before>0.612 ms`, printed when the reply was there.
fn printed_probes(output: &str, before: &str) -> Vec<Probe> {
    let probe = |line: &str| {
        let printed = number_between(line, "[", "]")?;
        let rtt_us = number_between(line, before, " ms")? * 1e3;
        Some(Probe {
            sent_ns: Some(printed * 1e9 - rtt_us * 1e3),
            rtt_us,
        })
    };
    output.lines().filter_map(probe).collect()
}

/// The raw format of mtr: `p <hop> <microseconds> <sequence>`; the backend is behind one router.
fn mtr_probes(output: &str) -> Vec<Probe> {
    let probe = |line: &str| {
        let rtt = line.strip_prefix("p 1 ")?.split(' ').next()?;
        Some(Probe {
            sent_ns: None,
            rtt_us: rtt.parse().ok()?,
        })
    };
    output.lines().filter_map(probe).collect()
}

fn words(words: &[&str]) -> Vec<String> {
    words.iter().map(|&word| word.to_owned()).collect()
}

fn words_of(command: &Command) -> anyhow::Result<Vec<String>> {
    let all = std::iter::once(command.get_program()).chain(command.get_args());
    all.map(|word| Ok(word.to_str().context("not UTF-8")?.to_owned()))
        .collect()
}

fn number_between(line: &str, before: &str, after: &str) -> Option<f64> {
    line.split_once(before)?.1.split_once(after)?.0.parse().ok()
}

const SMOKE: Seconds = Seconds { ours: 1, others: 1 };

/// Times of sending that were reckoned from when a line was printed are this uncertain.
const SLACK_NS: f64 = 100_000.0;

const TARGET: &str = "10.10.1.11";
const TRUE_RTT_US: f64 = 600.0;

/// Two links of 200 us and 100 us, each way.
const TOPOLOGY: &str = r#"
title = "One backend behind one router"
story = "Nothing happens."
duration = "10s"
[host]
addresses = ["10.10.0.5"]
[[router]]
name = "agg"
addresses = ["10.10.1.1"]
[[backend]]
name = "app"
addresses = ["10.10.1.11"]
[[link]]
between = ["host", "agg"]
set.delay = "200us"
[[link]]
between = ["agg", "app"]
set.delay = "100us"
[verdict]
code = "clean"
"#;
