//! A run of our prober inside the laboratory, with what it said and what really happened.

use std::fmt::Write as _;
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::support::{Finished, Guest, PATHJITTER, Report, Window};

/// What the prober said, and the truth.
pub(crate) struct Run {
    pub(crate) report: Report,
    pub(crate) truth: Truth,
}

/// The report of the laboratory.
pub(crate) struct Truth(Value);

/// Host, router `gw` and backend `app` (10.10.1.11, `fd00:10:1::b`) in a row, 100 us a link. What is given is added to the tables of the
/// router, the backend and the link between them; `more` is added at the end.
#[derive(Default)]
pub(crate) struct Line<'a> {
    pub(crate) gw: &'a str,
    pub(crate) app: &'a str,
    pub(crate) link: &'a str,
    pub(crate) more: &'a str,
}

/// Runs `pathjitter ping --json` with these arguments in a network: a story by its name, or the text of a topology.
pub(crate) fn probe(network: &str, arguments: &str) -> Run {
    script(network, &format!("exec {PATHJITTER} ping --json {arguments}"))
}

/// Runs a shell command whose stdout is that of one prober.
pub(crate) fn script(network: &str, script: &str) -> Run {
    let (ended, truth) = lab(network, script);
    truth.assert_nothing_else_was_lost(&ended);
    Run {
        report: Report::read(&ended),
        truth,
    }
}

/// As [`script`]; what is under way when the device goes down is lost by the device and by no element of the network.
pub(crate) fn script_that_breaks_the_device(network: &str, script: &str) -> Run {
    let (ended, truth) = lab(network, script);
    Run {
        report: Report::read(&ended),
        truth,
    }
}

fn lab(network: &str, script: &str) -> (Finished, Truth) {
    let folder = tempfile::tempdir().unwrap();
    let [topology, report] = ["network.toml", "report.json"].map(|name| folder.path().join(name));
    let mut command = Command::new(PATHJITTER);
    command.arg("lab");
    if network.contains('\n') {
        std::fs::write(&topology, network).unwrap();
        command.arg(&topology);
    } else {
        command.arg(network);
    }
    // A machine that does nothing else lets its CPUs sleep, and each packet then waits for one to wake up.
    command.arg("--keep-awake").arg("--report").arg(&report);
    command.args(["--", "bash", "-c", script]).stdin(Stdio::null());
    let ended = Guest::start(command).finish();
    let text = std::fs::read_to_string(&report).unwrap_or_else(|error| panic!("no report ({error}): {}", ended.stderr));
    (ended, Truth(serde_json::from_str(&text).unwrap()))
}

impl Run {
    /// The window of a target and protocol over IPv4 (4) or IPv6 (6).
    pub(crate) fn window(&self, target: &str, proto: &str, family: u8) -> Window<'_> {
        let family = format!("ipv{family}");
        let wanted = [("target", target), ("proto", proto), ("family", &family)];
        let found = self.report.windows().into_iter();
        let found: Vec<_> = found
            .filter(|window| wanted.iter().all(|(key, value)| window.text(key) == *value))
            .collect();
        match found[..] {
            [window] => window,
            ref other => panic!("{} windows of {wanted:?}: {}", other.len(), self.report.stderr),
        }
    }

    /// A count, summed over all windows.
    pub(crate) fn total(&self, key: &str) -> u64 {
        self.report.windows().iter().map(|window| window.count(key)).sum()
    }
}

impl Truth {
    /// One of the totals of the ledger.
    pub(crate) fn total(&self, key: &str) -> u64 {
        self.0["ledger"]["totals"][key]
            .as_u64()
            .unwrap_or_else(|| panic!("no {key} in {}", self.0["ledger"]["totals"]))
    }

    /// Packets that an element dropped for a reason.
    pub(crate) fn dropped(&self, element: &str, reason: &str) -> u64 {
        let elements = self.0["ledger"]["elements"].as_array().unwrap();
        let found = elements.iter().find(|found| found["name"] == element);
        let found = found.unwrap_or_else(|| panic!("no {element} in {}", self.0["ledger"]));
        found["dropped"].get(reason).map_or(0, |count| count.as_u64().unwrap())
    }

    /// What an element did to the packets of a target: `packets`, `dropped` or `delayed`.
    pub(crate) fn share(&self, target: &str, element: &str, key: &str) -> u64 {
        let shares = &self.0["ledger"]["targets"][target];
        shares.get(element).map_or(0, |share| share[key].as_u64().unwrap())
    }

    /// Whether the simulator was on time from `from_us` to `to_us` after the epoch: round trips at other times are its own fault.
    pub(crate) fn is_punctual(&self, from_us: f64, to_us: f64) -> bool {
        let moments = self.0["simulation"]["late_moments"].as_array().unwrap();
        let us = |moment: &Value, key: &str| moment[key].as_f64().unwrap() / 1e3;
        moments
            .iter()
            .all(|moment| us(moment, "to_ns") < from_us || us(moment, "from_ns") > to_us)
    }

    /// Packets that the kernel gave to the network.
    pub(crate) fn packets_in(&self) -> u64 {
        self.0["simulation"]["packets_in"].as_u64().unwrap()
    }

    fn assert_nothing_else_was_lost(&self, ended: &Finished) {
        assert_eq!(self.0["simulation"]["unintended_loss"], 0, "{}", ended.stderr);
        assert_eq!(self.total("malformed"), 0, "{}", ended.stderr);
    }
}

impl Line<'_> {
    pub(crate) fn text(&self) -> String {
        let Self { gw, app, link, more } = self;
        let mut text =
            String::from("title = \"A line\"\nstory = \"Host, router and backend in a row.\"\nduration = \"60s\"\n");
        // Writing to a String cannot fail.
        let _ = write!(
            text,
            r#"
[host]
addresses = ["10.10.0.5", "fd00:10::5"]

[[router]]
name = "gw"
addresses = ["10.10.0.1", "fd00:10::1"]
set.icmp_limit = "none"
{gw}

[[backend]]
name = "app"
addresses = ["10.10.1.11", "fd00:10:1::b"]
set.icmp_limit = "none"
{app}

[[link]]
between = ["host", "gw"]
set.delay = "100us"

[[link]]
between = ["gw", "app"]
set.delay = "100us"
{link}

{more}

[verdict]
code = "unknown"
"#
        );
        text
    }
}

/// When a probe was sent, in us after the epoch, and its RTT in us; `None` where nothing came back.
pub(crate) fn trip(probe: &Value) -> Option<(f64, f64)> {
    let sent: jiff::Timestamp = probe["timestamp"].as_str()?.parse().ok()?;
    let rtt = probe["rtt_us"].as_f64()?;
    let whole = u32::try_from(sent.as_second()).ok()?;
    Some((f64::from(whole) * 1e6 + f64::from(sent.subsec_nanosecond()) / 1e3, rtt))
}

/// As floating point; all counts here are small.
pub(crate) fn float(count: u64) -> f64 {
    f64::from(u32::try_from(count).unwrap())
}
