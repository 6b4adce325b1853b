//! Traces by the program itself: `pathjitter lab` with `pathjitter trace` in it, with real sockets and in real time.

use std::net::IpAddr;
use std::process::Command;
use std::time::Duration;

use pathjitter::series::Endpoint;
use pathjitter::simnet::Topology;
use pathjitter::simnet::stories::Story;
use pathjitter::simnet::topology::PathEnd;
use serde_json::Value;

use super::expected::Expected;
use super::found::{Change, Found, read_addresses};
use super::judge::{self, Ring, Tally};
use super::support::{Guest, PATHJITTER, read_lines};

/// Traces that one call of the program does, in a lab of their own: of one family, by one protocol, to one port. Another call beside it would
/// take its share of what routers answer.
#[derive(Debug)]
pub(crate) struct Call {
    story: &'static Story,
    expected: Vec<Expected>,
    is_fast: bool,
}

impl Call {
    /// All that a story asks for.
    pub(crate) fn all_of(story: &'static Story, topology: &Topology, is_fast: bool) -> Vec<Self> {
        let mut calls: Vec<Self> = Vec::new();
        for expected in Expected::by_family(topology).into_iter().flatten() {
            let Some(expected) = (if is_fast { expected.fast() } else { Some(expected) }) else {
                continue;
            };
            match calls.iter_mut().find(|call| key(&call.expected[0]) == key(&expected)) {
                Some(call) => call.expected.push(expected),
                None => calls.push(Self {
                    story,
                    expected: vec![expected],
                    is_fast,
                }),
            }
        }
        calls
    }

    /// Runs it. What it found otherwise than expected, in words.
    pub(crate) fn deviations(&self) -> Vec<String> {
        let wrong = match self.run() {
            Ok(lines) => {
                let expected = self.expected.iter();
                expected
                    .flat_map(|expected| self.deviations_of(expected, &lines))
                    .collect()
            }
            Err(why) => vec![why],
        };
        wrong
            .into_iter()
            .map(|what| format!("{}: {what}", self.story.name))
            .collect()
    }

    fn deviations_of(&self, expected: &Expected, lines: &[Value]) -> Vec<String> {
        let Some(found) = read(expected, lines) else {
            return vec![format!("{expected}: no trace line")];
        };
        let mut tally = Tally::default();
        let mut wrong = judge::deviations(expected, &found, Ring::BEHIND_TUN, &mut tally);
        if !tally.is_right() {
            wrong.push(format!("{tally}: {}", found.message));
        }
        if self.is_fast {
            // Nine in ten unanswered of a hundred is plain to see.
            let labels = found.hops.iter().map(|hop| hop.rate_limited);
            let labelled: Vec<u8> = (1..)
                .zip(labels)
                .filter_map(|(ttl, is_said)| is_said.then_some(ttl))
                .collect();
            if labelled != expected.rate_limited {
                wrong.push(format!(
                    "{labelled:?} are labelled, not {:?}: {found:?}",
                    expected.rate_limited
                ));
            }
        }
        wrong.into_iter().map(|what| format!("{expected}: {what}")).collect()
    }

    /// The lines that the program wrote.
    fn run(&self) -> Result<Vec<Value>, String> {
        let folder = tempfile::tempdir().map_err(|why| why.to_string())?;
        let report = folder.path().join("report");
        let mut command = Command::new(PATHJITTER);
        command
            .args(["lab", self.story.name, "--keep-awake", "--report"])
            .arg(&report);
        command.args(["--", PATHJITTER, "trace", "--json", "-r", "-n"]);
        let pace = if self.is_fast {
            "--fast -i 100ms -c 100"
        } else {
            "-c 12"
        };
        command.args(pace.split(' '));
        let port = self.expected[0].series.endpoint.port().map(|port| port.to_string());
        match self.expected[0].series.endpoint {
            Endpoint::Icmp => {}
            Endpoint::Tcp(_) => drop(command.args(["-T", "-P"]).args(port)),
            Endpoint::Udp(_) => drop(command.args(["-u", "-P"]).args(port)),
        }
        let series = self.expected.iter().map(|expected| &expected.series);
        command.args(series.map(|series| format!("{}={}", series.target, series.address)));
        let ended = Guest::start_within(LIMIT, command).finish();
        let all_reached = self.expected.iter().all(|expected| expected.end == PathEnd::Reached);
        if ended.status.code() != Some(i32::from(!all_reached)) {
            return Err(format!("{}: {}", ended.status, ended.stderr));
        }
        let report = std::fs::read_to_string(report).map_err(|why| why.to_string())?;
        let report: Value = serde_json::from_str(&report).map_err(|why| why.to_string())?;
        if report["simulation"]["unintended_loss"] != 0 {
            return Err(format!("the simulator itself lost packets: {}", report["simulation"]));
        }
        Ok(read_lines(&ended.stdout))
    }
}

/// What traces of one call have in common. Those that reach their target are apart from the others, for the exit code.
fn key(expected: &Expected) -> (bool, Endpoint, bool) {
    let series = &expected.series;
    (
        series.address.is_ipv4(),
        series.endpoint,
        expected.end == PathEnd::Reached,
    )
}

/// What the lines say of one path.
fn read(expected: &Expected, lines: &[Value]) -> Option<Found> {
    let is_its = |line: &&Value| {
        let address = line["address"]
            .as_str()
            .and_then(|address| address.parse::<IpAddr>().ok());
        let proto = match expected.series.endpoint {
            Endpoint::Icmp => "icmp",
            Endpoint::Tcp(_) => "tcp",
            Endpoint::Udp(_) => "udp",
        };
        let port = expected.series.endpoint.port().map(u64::from);
        address == Some(expected.series.address) && line["proto"] == proto && line["port"].as_u64() == port
    };
    let its = || lines.iter().filter(is_its);
    let changes = its().filter(|line| line["event"] == "path_change").map(|line| Change {
        old: read_addresses(&line["old"]),
        new: read_addresses(&line["new"]),
    });
    let mut traces = its().filter(|line| line["event"] == "trace");
    let found = Found::read(traces.next()?, changes.collect());
    assert!(traces.next().is_none(), "two trace lines of {expected}");
    Some(found)
}

/// Fourteen cycles, the last answers, and a machine that does a dozen of these at once.
const LIMIT: Duration = Duration::from_secs(100);
