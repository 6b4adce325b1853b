//! Traces by the program itself: `pathjitter lab` with `pathjitter trace` in it, with real sockets and in real time.

use std::fmt::Write as _;
use std::net::IpAddr;
use std::process::Command;
use std::time::Duration;

use pathjitter::series::{Endpoint, Series};
use pathjitter::simnet::Topology;
use pathjitter::simnet::stories::Story;
use pathjitter::simnet::topology::PathEnd;
use serde_json::Value;

use super::expected::Expected;
use super::found::{Change, Found, read_addresses};
use super::judge::{self, Ring, Tally};
use super::support::{Guest, PATHJITTER, read_lines};

/// Runs the traces of a story, all at once. What they found otherwise than expected, in words.
pub(crate) fn deviations(story: &Story, topology: &Topology, is_fast: bool) -> Vec<String> {
    let expected: Vec<Expected> = Expected::by_family(topology).into_iter().flatten().collect();
    let expected: Vec<Expected> = match is_fast {
        true => expected.iter().filter_map(Expected::fast).collect(),
        false => expected,
    };
    let lines = match run(story, &expected, is_fast) {
        Ok(lines) => lines,
        Err(why) => return vec![why],
    };
    let mut wrong = Vec::new();
    for expected in &expected {
        let Some(found) = read(expected, &lines) else {
            wrong.push(format!("{expected}: no trace line"));
            continue;
        };
        let mut tally = Tally::default();
        let found_wrong = judge::deviations(expected, &found, Ring::BEHIND_TUN, &mut tally);
        wrong.extend(found_wrong.into_iter().map(|what| format!("{expected}: {what}")));
        if !tally.is_right() {
            wrong.push(format!("{expected}: {tally}: {}", found.message));
        }
        if is_fast {
            wrong.extend(missing_labels(expected, &found));
        }
    }
    wrong
}

/// Nine in ten unanswered of some hundred is plain to see.
fn missing_labels(expected: &Expected, found: &Found) -> Vec<String> {
    let hop = |ttl: &u8| &found.hops[usize::from(*ttl) - 1];
    let missing = expected.rate_limited.iter().filter(|ttl| !hop(ttl).rate_limited);
    missing
        .map(|ttl| format!("{expected}: hop {ttl} is not labelled: {:?}", hop(ttl)))
        .collect()
}

/// The lines of all traces of a story.
fn run(story: &Story, expected: &[Expected], is_fast: bool) -> Result<Vec<Value>, String> {
    let folder = tempfile::tempdir().map_err(|why| why.to_string())?;
    std::fs::write(folder.path().join("script"), script(expected, is_fast)).map_err(|why| why.to_string())?;
    let mut command = Command::new(PATHJITTER);
    command.args(["lab", story.name, "--keep-awake", "--report", "report"]);
    command.args(["--", "bash", "script"]);
    command.current_dir(folder.path());
    let ended = Guest::start_within(LIMIT, command).finish();
    if !ended.status.success() {
        return Err(format!("{}: {}", ended.status, ended.stderr));
    }
    let report = std::fs::read_to_string(folder.path().join("report")).map_err(|why| why.to_string())?;
    let report: Value = serde_json::from_str(&report).map_err(|why| why.to_string())?;
    if report["simulation"]["unintended_loss"] != 0 {
        return Err(format!("the simulator itself lost packets: {}", report["simulation"]));
    }
    let mut lines = Vec::new();
    for nth in 0..groups(expected).len() {
        let text = std::fs::read_to_string(folder.path().join(nth.to_string())).map_err(|why| why.to_string())?;
        let text: Vec<String> = text.lines().map(str::to_owned).collect();
        lines.extend(read_lines(&text));
    }
    Ok(lines)
}

/// Traces that one call of the program can do: of one family, by one protocol, to one port.
fn groups(expected: &[Expected]) -> Vec<Vec<&Expected>> {
    let mut groups: Vec<Vec<&Expected>> = Vec::new();
    for one in expected {
        let key = |expected: &Expected| {
            (
                expected.series.address.is_ipv4(),
                expected.series.endpoint,
                expected.end == PathEnd::Reached,
            )
        };
        match groups.iter_mut().find(|group| key(group[0]) == key(one)) {
            Some(group) => group.push(one),
            None => groups.push(vec![one]),
        }
    }
    groups
}

/// Runs all at once, each with its exit code checked: 0 where all targets are reached, 1 where not.
fn script(expected: &[Expected], is_fast: bool) -> String {
    let mut script = String::new();
    let mut waits = String::new();
    let pace = if is_fast { "--fast -i 100ms -c 100" } else { "-c 14" };
    for (nth, group) in groups(expected).iter().enumerate() {
        let how = match group[0].series.endpoint {
            Endpoint::Icmp => String::new(),
            Endpoint::Tcp(port) => format!("-T -P {port}"),
            Endpoint::Udp(port) => format!("-u -P {port}"),
        };
        let targets: Vec<String> = group.iter().map(|expected| target(&expected.series)).collect();
        let _ = writeln!(
            script,
            "'{PATHJITTER}' trace --json -r -n {pace} {how} {} > {nth} & pid{nth}=$!",
            targets.join(" ")
        );
        let code = u8::from(group[0].end != PathEnd::Reached);
        let _ = writeln!(
            waits,
            "wait $pid{nth}; code=$?; [ $code = {code} ] || {{ echo \"{how} {} exits $code\" >&2; exit 9; }}",
            targets.join(" ")
        );
    }
    script + &waits
}

fn target(series: &Series) -> String {
    format!("{}={}", series.target, series.address)
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
