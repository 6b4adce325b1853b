//! The simulated network, measured by programs that are not ours: ping, fping, traceroute, mtr, nc, tcpdump, and the kernel's TCP; and
//! our traces beside theirs.
//!
//! What they must find is derived from the topology by hand. Each lab is a network namespace of its own, and most of its time is
//! waiting, so that a test starts all of its labs before it asks the first for its result.

#[path = "../support/mod.rs"]
mod support;

mod captures;
mod connects;
mod mtr;
mod pings;
mod refusals;
mod traceroutes;
mod traces;

use std::process::Command;

use serde_json::Value;
use statrs::distribution::{Binomial, DiscreteCDF as _};
use support::{Finished, Guest, PATHJITTER, simulations_are_possible};
use tempfile::TempDir;

/// The backend behind three routers.
const APP: [&str; 2] = ["10.10.9.11", "fd00:10:9::11"];
/// The routers on the way, and the backend: hop by hop.
const HOPS: [[&str; 4]; 2] = [
    ["10.10.1.1", "10.10.2.1", "10.10.3.1", "10.10.9.11"],
    ["fd00:10:1::1", "fd00:10:2::1", "fd00:10:3::1", "fd00:10:9::11"],
];
/// RTTs of these hops in us: twice the sums of 500, 1000, 1500 and 1000 us.
const HOP_RTTS_US: [f64; 4] = [1_000.0, 3_000.0, 6_000.0, 8_000.0];
/// Of [`APP`].
const RTT_US: f64 = HOP_RTTS_US[3];
/// How much above the truth the smallest of several RTTs may be. Tools take their stamps of sending in user space, before two wake-ups
/// and some system calls: some tens of us on an idle machine, more where all CPUs are busy. It is less than any difference between
/// hops that a test is about.
const OVER_US: f64 = 1_500.0;

/// `path.toml` with lines in the place of its comments.
fn path(settings: &[(&str, &str)]) -> String {
    let put = |text: String, (place, lines): &(&str, &str)| {
        let comment = format!("# {place}\n");
        assert!(text.contains(&comment), "no {comment}");
        text.replace(&comment, &format!("{lines}\n"))
    };
    settings.iter().fold(include_str!("path.toml").to_owned(), put)
}

/// A command in a simulated network, on its way.
struct Lab {
    guest: Guest,
    folder: TempDir,
}

/// What a lab left behind.
struct Ended {
    command: Finished,
    /// What really happened.
    report: Value,
}

impl Lab {
    /// Starts a shell command in a network: the text of a topology, or the name of a story.
    fn start(network: &str, script: &str) -> Self {
        let folder = tempfile::tempdir().expect("a folder for a topology and a report");
        let mut file = network.into();
        if network.contains('\n') {
            file = folder.path().join("network.toml");
            std::fs::write(&file, network).expect("a new file");
        }
        let mut command = Command::new(PATHJITTER);
        command
            .arg("lab")
            .arg(file)
            .arg("--report")
            .arg(folder.path().join("report.json"));
        command.args(["--", "bash", "-c", script]);
        let guest = Guest::start(command);
        Self { guest, folder }
    }

    /// Waits for the end. Nothing may have been lost but what the network lost: tests count.
    fn finish(self) -> Ended {
        let command = self.guest.finish();
        let report = std::fs::read_to_string(self.folder.path().join("report.json"));
        let report = report.unwrap_or_else(|error| panic!("{error}: {}", command.stderr));
        let report: Value = serde_json::from_str(&report).expect("the report is JSON");
        assert_eq!(report["simulation"]["unintended_loss"], 0, "{}", command.stderr);
        Ended { command, report }
    }
}

impl Ended {
    fn text(&self) -> String {
        self.command.text()
    }

    /// How many packets came to an element.
    fn packets(&self, element: &str) -> u64 {
        self.element(element)["packets"].as_u64().expect("a number")
    }

    /// How many packets an element dropped for a reason.
    fn dropped(&self, element: &str, reason: &str) -> u64 {
        self.element(element)["dropped"][reason].as_u64().unwrap_or(0)
    }

    fn duplicated(&self) -> u64 {
        self.report["ledger"]["totals"]["duplicated"]
            .as_u64()
            .expect("a number")
    }

    fn element(&self, name: &str) -> &Value {
        let mut elements = self.report["ledger"]["elements"].as_array().expect("a list").iter();
        let found = elements.find(|element| element["name"] == name);
        found.unwrap_or_else(|| panic!("no {name} in {:#}", self.report))
    }
}

/// That an RTT, the smallest of several, is the true one.
fn assert_rtt(rtt_us: f64, truth_us: f64, context: &str) {
    // Tools print whole us at best; and a stamp may be taken a little after the simulator has read the packet.
    assert!(
        (truth_us - 100.0..truth_us + OVER_US).contains(&rtt_us),
        "{rtt_us} us instead of {truth_us} us\n{context}"
    );
}

/// That `hits` of `of` agrees with a probability. A right one fails once in 500,000 times.
fn assert_share(hits: u64, of: u64, probability: f64) {
    let count = Binomial::new(probability, of).expect("a probability");
    let range = count.inverse_cdf(1e-6)..=count.inverse_cdf(1.0 - 1e-6);
    assert!(range.contains(&hits), "{hits} of {of} is not within {range:?}");
}
