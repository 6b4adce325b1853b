//! Runs a story by the program itself: `pathjitter lab` with two `pathjitter ping` in it, with real sockets and in real time.
//!
//! A simulator that was late makes RTTs longer. It says when, and probes that it read or whose answers it wrote in such a moment are
//! discarded and counted. Those that are kept have waited for it no longer than it calls late, but for pauses that it can't see.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::net::IpAddr;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use pathjitter::outcome::Proto;
use pathjitter::series::Series;
use pathjitter::simnet::Topology;
use pathjitter::simnet::stories::Story;
use pathjitter::simnet::topology::Event;
use serde::Deserialize;
use serde_json::Value;

use super::run::{Ledger, Outcome, Probe, Run, Seen, key, probed};
use super::support::{Guest, PATHJITTER, read_lines};
use super::virtual_time::pace;

/// Runs the story for as long as it takes.
///
/// # Errors
/// What kept it from being run, in words.
pub(crate) fn run(story: &Story, topology: &Topology) -> Result<Run, String> {
    let folder = tempfile::tempdir().map_err(|why| why.to_string())?;
    let at = |name: &str| folder.path().join(name);
    let series = sample(probed(topology));
    // In a file, since the targets of a large network are more than an argument may be long.
    std::fs::write(at("script"), script(topology, &series)).map_err(|why| why.to_string())?;
    let mut command = Command::new(PATHJITTER);
    command.args(["lab", story.name, "--keep-awake", "--report", "report"]);
    command.args(["--", "bash", "script"]);
    command.current_dir(folder.path());
    let ended = Guest::start_within(topology.duration.0 + OVERHEAD, command).finish();
    if !ended.status.success() {
        return Err(format!("{}: {}", ended.status, ended.stderr));
    }
    let text = std::fs::read_to_string(at("report")).map_err(|why| why.to_string())?;
    let report: Report = serde_json::from_str(&text).map_err(|why| why.to_string())?;
    if report.simulation.unintended_loss > 0 {
        return Err(format!(
            "the simulator itself lost {} packets",
            report.simulation.unintended_loss
        ));
    }
    let mut seen: Vec<Seen> = series.into_iter().map(Seen::nothing_of).collect();
    for file in PROTOS.map(|(name, _)| at(name)) {
        read(&file, &report.simulation.late_moments, &mut seen)?;
    }
    Ok(Run {
        seen,
        ledger: report.ledger,
        slack: LATE,
        strays: STRAYS,
        is_host_modelled: false,
    })
}

/// What `pathjitter lab --report` writes, as far as it is read here.
#[derive(Deserialize)]
struct Report {
    simulation: Simulation,
    ledger: Ledger,
}

#[derive(Deserialize)]
struct Simulation {
    unintended_loss: u64,
    late_moments: Vec<LateMoment>,
}

#[derive(Deserialize)]
struct LateMoment {
    from_ns: i128,
    to_ns: i128,
}

impl LateMoment {
    const fn overlaps(&self, from: i128, to: i128) -> bool {
        self.from_ns <= to && from <= self.to_ns
    }
}

/// Probes by both protocols at once, and stops the probers when the host stands still.
fn script(topology: &Topology, series: &[Series]) -> String {
    let mut script = String::new();
    let mut pids = String::new();
    for (file, proto) in PROTOS {
        let targets: Vec<String> = series
            .iter()
            .filter(|series| series.endpoint.proto() == proto)
            .map(target)
            .collect();
        let interval = pace(proto).interval;
        let count = topology.duration.0.as_nanos() / interval.as_nanos();
        let no_icmp = if proto == Proto::Tcp { "--no-icmp" } else { "" };
        let _ = writeln!(
            script,
            "'{PATHJITTER}' ping --json --each -n {no_icmp} -i {}ms -c {count} -W 1s {} > {file} & {file}=$!",
            interval.as_millis(),
            targets.join(" "),
        );
        let _ = write!(pids, " ${file}");
    }
    for (pause, lasts) in standstills(topology) {
        let (pause, lasts) = (pause.as_secs_f64(), lasts.as_secs_f64());
        let _ = writeln!(
            script,
            "sleep {pause}; kill -STOP{pids}; sleep {lasts}; kill -CONT{pids}"
        );
    }
    // 1 is that some target gives no reply, as many stories have it.
    for (file, _) in PROTOS {
        let _ = writeln!(script, "wait ${file} || [ $? = 1 ] || exit 9");
    }
    script
}

/// So many of a large network as a machine can simulate in time while it does other things, taken evenly.
fn sample(all: Vec<Series>) -> Vec<Series> {
    // A prime, so that no family or protocol is taken more often than another.
    let step = if all.len() > MOST_SERIES { SAMPLED_ONE_IN } else { 1 };
    all.into_iter().step_by(step).collect()
}

fn target(series: &Series) -> String {
    let Series { target, address, .. } = series;
    match (series.endpoint.port(), address) {
        (None, _) => format!("{target}={address}"),
        (Some(port), IpAddr::V4(_)) => format!("{target}={address}:{port}"),
        (Some(port), IpAddr::V6(_)) => format!("{target}=[{address}]:{port}"),
    }
}

/// When the prober gets no CPU: the pause before, and how long. A frozen host is played like a stalled one: its kernel can't be frozen,
/// but the network holds back what is for it.
fn standstills(topology: &Topology) -> Vec<(Duration, Duration)> {
    let mut all = Vec::new();
    let mut end = Duration::ZERO;
    for event in topology.events.iter().filter(|event| event.host.is_some()) {
        let Event { at, lasts, every, .. } = event;
        let lasts = lasts.expect("a host stands still for a time").0;
        let mut at = at.0;
        while at + lasts < topology.duration.0 {
            all.push((at.saturating_sub(end), lasts));
            end = at + lasts;
            let Some(every) = every else { break };
            at += every.0;
        }
    }
    all
}

/// Adds what one `pathjitter ping` has written.
fn read(file: &Path, late: &[LateMoment], seen: &mut [Seen]) -> Result<(), String> {
    let text = std::fs::read_to_string(file).map_err(|why| why.to_string())?;
    let lines: Vec<String> = text.lines().map(str::to_owned).collect();
    let places: HashMap<_, usize> = seen.iter().map(|seen| key(&seen.series)).zip(0..).collect();
    for line in read_lines(&lines) {
        let place = places.get(&key_of(&line)).ok_or_else(|| format!("whose is {line}?"))?;
        let seen = &mut seen[*place];
        match line["event"].as_str() {
            Some("window") => seen.sent_late = micros(&line["send_late_p99_us"]).unwrap_or_default(),
            Some("probe") => note(&line, late, seen),
            _ => {}
        }
    }
    Ok(())
}

fn key_of(line: &Value) -> (IpAddr, Option<u16>) {
    let address = line["address"].as_str().and_then(|address| address.parse().ok());
    let port = line["port"].as_u64().and_then(|port| port.try_into().ok());
    (address.unwrap_or_else(|| panic!("no address in {line}")), port)
}

fn note(line: &Value, late: &[LateMoment], seen: &mut Seen) {
    let outcome = match line["outcome"].as_str() {
        Some("reply") => Outcome::Reply,
        Some("refused" | "reset") => Outcome::Refused,
        Some("unreachable") => Outcome::Unreachable,
        Some("prohibited") => Outcome::Prohibited,
        Some("timeout" | "late") => Outcome::Nothing,
        Some("duplicate" | "late_after_close") => return,
        _ => {
            seen.unsent += 1;
            return;
        }
    };
    let rtt = micros(&line["rtt_us"]).filter(|_| outcome != Outcome::Nothing);
    let sent = line["timestamp"].as_str().and_then(|at| at.parse().ok());
    let sent = sent.map_or(0, |at: jiff::Timestamp| at.as_nanosecond());
    let back = sent + rtt.map_or(0, |rtt| i128::try_from(rtt.as_nanos()).unwrap_or(i128::MAX));
    let seq = line["probe_seq"].as_u64().unwrap_or_default();
    let margin = i128::try_from(LATE.as_nanos()).unwrap_or(i128::MAX);
    // In between a packet is in the model, where time is counted and nothing waits. And what is less than the jitter that files
    // leave out changes no figure: of answers that all come when a stall ends, the last is written late.
    let disturbs = |moment: &LateMoment| {
        let is_long = JITTER_ONE_IN * (moment.to_ns - moment.from_ns) > back - sent;
        is_long && (moment.overlaps(sent, sent + margin) || moment.overlaps(back - margin, back))
    };
    if late.iter().any(disturbs) {
        seen.discarded += 1;
    } else {
        seen.probes.insert(seq, Probe { outcome, rtt });
    }
}

fn micros(value: &Value) -> Option<Duration> {
    Some(Duration::from_secs_f64(value.as_f64()? / 1e6))
}

/// The files that the two probers write, which are the shell's names for them, too.
const PROTOS: [(&str, Proto); 2] = [("icmp", Proto::Icmp), ("tcp", Proto::Tcp)];

/// Shorter delays are none of the simulator's late moments, so that any RTT may contain one on its way out and one back; half of them
/// will not, so that this is enough for a median.
const LATE: Duration = Duration::from_micros(200);

/// A twentieth.
const JITTER_ONE_IN: i128 = 20;

/// Pauses of the whole machine that the simulator has no way to see, in a minute of one series.
const STRAYS: usize = 1;

/// No story but that of size has as many.
const MOST_SERIES: usize = 100;

/// 8,000 series become 109, which are 300 probes a second.
const SAMPLED_ONE_IN: usize = 73;

/// To start, to await the last answers and to write the report, on a machine that does a dozen of these at once.
const OVERHEAD: Duration = Duration::from_secs(40);
