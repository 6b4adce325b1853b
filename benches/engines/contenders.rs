//! Who runs, with which settings, and how each one's own report is read.

use std::process::{Command, ExitCode};
use std::time::Duration;

use anyhow::Context;

use crate::floor;
use crate::support::child::{self, Finished};
use crate::support::lab::{Form, is_installed, loopback_target};
use crate::support::ours;
use crate::support::surge::{self, Flavor, Flood};

/// One engine at one setting.
#[derive(Clone, Debug)]
pub(crate) enum Contender {
    /// The bare loop.
    Floor { targets: u32, probes: u32, batch: u32 },
    /// `pathjitter ping`.
    Ours { targets: u32, probes: u32 },
    /// surge-ping on a runtime flavor with some pingers at once.
    Surge { flavor: &'static str, flood: Flood },
    /// fping in a burst: it ends when 65,535 sequence numbers are used within 10 s.
    Fping { targets: u32, probes: u32 },
}

/// How many probes a run sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Length {
    /// Enough to tell a good setting from a bad one.
    Trial,
    /// What the figures are taken from.
    Measured,
}

impl Length {
    /// A tenth for a trial, but at least a probe for each target.
    fn probes(self, measured: u32, targets: u32) -> u32 {
        match self {
            Self::Trial => (measured / 10).max(targets),
            Self::Measured => measured,
        }
    }
}

/// One run of a contender.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sample {
    pub(crate) sent: u64,
    pub(crate) received: u64,
    pub(crate) wall: Duration,
    pub(crate) user: Duration,
    pub(crate) system: Duration,
}

/// Everybody, at every setting that is worth trying; the table keeps the best.
pub(crate) fn all(form: Form, targets: u32) -> Vec<Contender> {
    let probes = form.pick(2_000_000, 20_000);
    let mut all = vec![
        Contender::Floor {
            targets,
            probes,
            batch: 32,
        },
        Contender::Floor {
            targets,
            probes,
            batch: 64,
        },
        Contender::Ours { targets, probes },
    ];
    for flavor in Flavor::NAMES {
        for workers in [16, 64, 256] {
            let flood = Flood {
                targets,
                probes: form.pick(100_000, 8_192),
                workers,
            };
            all.push(Contender::Surge { flavor, flood });
        }
    }
    all.push(Contender::Fping {
        targets,
        probes: form.pick(60_000, 20_000),
    });
    all
}

impl Contender {
    pub(crate) fn label(&self) -> String {
        match self {
            Self::Floor { batch, .. } => format!("floor, batch {batch}"),
            Self::Ours { .. } => "pathjitter ping".to_owned(),
            Self::Surge { flavor, flood } => format!("surge-ping {flavor} x{}", flood.workers),
            Self::Fping { .. } => "fping".to_owned(),
        }
    }

    /// Runs it once, in a process of its own.
    pub(crate) fn run(&self, length: Length) -> anyhow::Result<Sample> {
        match self {
            Self::Floor { targets, probes, batch } => {
                run_own_part("floor", &[*targets, length.probes(*probes, *targets), *batch], "")
            }
            Self::Surge { flavor, flood } => {
                let probes = length.probes(flood.probes, flood.targets);
                run_own_part("surge", &[flood.targets, probes, flood.workers], flavor)
            }
            Self::Ours { targets, probes } => run_ours(*targets, length.probes(*probes, *targets)),
            Self::Fping { targets, probes } => run_fping(*targets, length.probes(*probes, *targets)),
        }
    }
}

/// The inside of a child process: floor or surge-ping. Prints "sent received".
pub(crate) fn run_part(part: &[String]) -> ExitCode {
    let result = || -> anyhow::Result<(u64, u64)> {
        let number = |index: usize| -> anyhow::Result<u32> { Ok(part.get(index).context("too few words")?.parse()?) };
        match part.first().map(String::as_str) {
            Some("floor") => floor::run(number(1)?, number(2)?, number(3)?),
            Some("surge") => {
                let flavor = Flavor::from_name(part.get(4).context("no flavor")?)?;
                surge::flood(
                    flavor,
                    Flood {
                        targets: number(1)?,
                        probes: number(2)?,
                        workers: number(3)?,
                    },
                )
            }
            other => anyhow::bail!("no part {other:?}"),
        }
    };
    match result() {
        Ok((sent, received)) => {
            println!("{sent} {received}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("{error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run_own_part(name: &str, numbers: &[u32], flavor: &str) -> anyhow::Result<Sample> {
    let mut part = vec![name.to_owned()];
    part.extend(numbers.iter().map(u32::to_string));
    part.push(flavor.to_owned());
    let finished = child::measure(&mut child::this_bench_as(&part)?)?;
    anyhow::ensure!(finished.succeeded, "{}", finished.stderr.trim());
    let (sent, received) = finished.stdout.trim().split_once(' ').context("no counts on stdout")?;
    Ok(sample(&finished, sent.parse()?, received.parse()?))
}

fn run_ours(targets: u32, probes: u32) -> anyhow::Result<Sample> {
    let count = (probes / targets).to_string();
    let arguments = ["-q", "--json", "-i", "0", "-c", &count, "-w", "600"];
    let addresses = (0..targets).map(|index| ours::icmp_target(loopback_target(index)));
    let (finished, sums) = ours::measure(&mut ours::ping_command(&arguments, addresses))?;
    let asked = u64::from(probes / targets) * u64::from(targets);
    anyhow::ensure!(
        sums.sent == asked,
        "sent {} of {asked} probes ({} send errors)",
        sums.sent,
        sums.send_error
    );
    Ok(sample(&finished, sums.sent, sums.received))
}

fn run_fping(targets: u32, probes: u32) -> anyhow::Result<Sample> {
    anyhow::ensure!(is_installed("fping"), "not installed");
    let mut command = Command::new("fping");
    // The timeout must be said, or it follows the period of 0 and every reply is late.
    command.args([
        "-q",
        "-i",
        "0",
        "-p",
        "0",
        "-t",
        "1000",
        "-c",
        &(probes / targets).to_string(),
    ]);
    command.args((0..targets).map(|index| loopback_target(index).to_string()));
    let finished = child::measure(&mut command)?;
    let (sent, received) = fping_counts(&finished.stderr);
    anyhow::ensure!(
        sent > 0,
        "no summary: {}",
        finished.stderr.lines().last().unwrap_or_default()
    );
    Ok(sample(&finished, sent, received))
}

/// The sums over lines such as `127.1.0.0 : xmt/rcv/%loss = 60/60/0%, min/avg/max = ...`.
fn fping_counts(summary: &str) -> (u64, u64) {
    let counts = summary.lines().filter_map(|line| {
        let mut numbers = line.split_once("%loss = ")?.1.split('/');
        Some((
            numbers.next()?.parse::<u64>().ok()?,
            numbers.next()?.parse::<u64>().ok()?,
        ))
    });
    counts.fold((0, 0), |(sent, received), (xmt, rcv)| (sent + xmt, received + rcv))
}

fn sample(finished: &Finished, sent: u64, received: u64) -> Sample {
    Sample {
        sent,
        received,
        wall: finished.wall,
        user: finished.usage.user,
        system: finished.usage.system,
    }
}
