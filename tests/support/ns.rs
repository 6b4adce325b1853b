//! Hosts as network namespaces, joined by veth pairs.
//!
//! A namespace lives as long as a process is in it, so a [`Host`] is a process that holds one and does nothing else: it reads
//! a pipe that nobody writes and that breaks when the test ends, however it ends. Nothing is mounted and nothing is named
//! outside, so tests run side by side, leave nothing behind, and work inside `unshare -Urn` as they do as root.

use std::cell::Cell;
use std::io::{BufRead, BufReader, Write as _};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::thread;
use std::time::Duration;

use super::{Finished, Guest};

/// Programs that the laboratory is made of. What single tests drive beyond these is in `tests/run`.
const TOOLS: [&str; 9] = [
    "unshare", "nsenter", "setpriv", "ip", "tc", "nft", "sysctl", "kill", "bash",
];

/// The right to make namespaces, and the numbers of the links made so far.
pub(crate) struct Lab {
    links: Cell<u8>,
}

impl Lab {
    /// A laboratory, or `None` (said loudly on stderr) where privileges or programs are missing.
    /// Under `PATHJITTER_LAB=required` what is missing is a failure.
    pub(crate) fn new() -> Option<Self> {
        static MISSING: OnceLock<Option<String>> = OnceLock::new();
        let Some(missing) = MISSING.get_or_init(what_is_missing) else {
            return Some(Self { links: Cell::new(0) });
        };
        let test = thread::current().name().unwrap_or("a test").to_owned();
        let advice = format!("lab: NOT TESTED: {test}: {missing}; run `bash tests/run`, or run as root");
        assert!(
            std::env::var_os("PATHJITTER_LAB").is_none_or(|v| v != "required"),
            "{advice}"
        );
        eprintln!("{advice}");
        None
    }

    /// A new host with its loopback up and no other interface.
    pub(crate) fn host(&self, name: &str) -> Host {
        let mut holder = with_path("unshare");
        holder.args(["--net", "bash"]);
        self.host_by(name, holder)
    }

    /// A new host that the calling thread moves into, for good: threads that it starts are there too.
    pub(crate) fn host_of_this_thread(&self, name: &str) -> Host {
        pathjitter::sys::namespace::unshare_network().expect("other hosts could be made");
        self.host_by(name, with_path("bash"))
    }

    #[expect(clippy::unused_self, reason = "who has no laboratory can make no hosts")]
    fn host_by(&self, name: &str, mut holder: Command) -> Host {
        holder.args(["-c", "ip link set lo up && echo ready && exec cat >/dev/null"]);
        holder.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut holder = holder.spawn().expect("unshare was there a moment ago");
        let mut ready = String::new();
        let stdout = holder.stdout.take().expect("stdout is piped");
        BufReader::new(stdout)
            .read_line(&mut ready)
            .expect("the pipe of the holder");
        assert_eq!(ready, "ready\n", "no namespace for host {name}");
        let host = Host {
            name: name.to_owned(),
            holder,
        };
        // Duplicate address detection would keep every new address unusable for a second.
        host.sysctl("net.ipv6.conf.all.accept_dad", "0");
        host.sysctl("net.ipv6.conf.default.accept_dad", "0");
        host
    }

    /// Joins two hosts by a veth pair and returns once both ends pass packets. Interfaces bear the name of the other host.
    pub(crate) fn link(&self, left: &Host, right: &Host) -> Link {
        let n = self.links.get() + 1;
        self.links.set(n);
        let (here, there, pid) = (&right.name, &left.name, right.holder.id());
        left.sh(&format!("ip link add {here} type veth peer name {there} netns {pid}"));
        let end = |host: &Host, dev: &str, last: u8| {
            let v4 = Ipv4Addr::new(10, 77, n, last);
            let v6 = Ipv6Addr::new(0xfd77, u16::from(n), 0, 0, 0, 0, 0, u16::from(last));
            host.sh(&format!(
                "ip addr add {v4}/24 dev {dev} && ip addr add {v6}/64 dev {dev} nodad && ip link set {dev} up"
            ));
            End {
                dev: dev.to_owned(),
                v4,
                v6,
            }
        };
        let link = Link {
            left: end(left, here, 1),
            right: end(right, there, 2),
        };
        left.wait_until_up(here);
        right.wait_until_up(there);
        link
    }
}

/// Both ends of a veth pair.
pub(crate) struct Link {
    pub(crate) left: End,
    pub(crate) right: End,
}

/// One end of a veth pair.
pub(crate) struct End {
    pub(crate) dev: String,
    pub(crate) v4: Ipv4Addr,
    pub(crate) v6: Ipv6Addr,
}

impl End {
    /// Both addresses, IPv4 first.
    pub(crate) fn addresses(&self) -> [IpAddr; 2] {
        [self.v4.into(), self.v6.into()]
    }
}

/// A network namespace of its own.
pub(crate) struct Host {
    name: String,
    holder: Child,
}

impl Host {
    /// `program` as it will run inside this host. It dies with the thread of the test.
    pub(crate) fn command(&self, program: &str) -> Command {
        let mut command = with_path("setpriv");
        let namespace = format!("--net=/proc/{}/ns/net", self.holder.id());
        command.args(["--pdeathsig", "KILL", "nsenter", &namespace, "--", program]);
        command
    }

    /// Runs a shell command that must succeed and returns its stdout.
    pub(crate) fn sh(&self, script: &str) -> String {
        let ended = self.try_sh(script);
        let context = format!("{}: {script}: {}", self.name, ended.stderr);
        assert!(ended.status.success(), "{context}");
        ended.text()
    }

    /// Runs a shell command to its end.
    pub(crate) fn try_sh(&self, script: &str) -> Finished {
        self.spawn_sh(script).finish()
    }

    /// Starts a shell command in the background of this host.
    pub(crate) fn spawn_sh(&self, script: &str) -> Guest {
        let mut command = self.command("bash");
        command.args(["-c", script]);
        Guest::start(command)
    }

    /// Loads an nft ruleset on top of what is there.
    pub(crate) fn nft(&self, ruleset: &str) {
        let mut nft = self.command("nft");
        nft.args(["-f", "-"]).stdin(Stdio::piped()).stderr(Stdio::piped());
        let mut nft = nft.spawn().expect("nft was there a moment ago");
        nft.stdin
            .take()
            .expect("stdin is piped")
            .write_all(ruleset.as_bytes())
            .expect("nft reads its stdin");
        let output = nft.wait_with_output().expect("nft is ours to wait for");
        assert!(
            output.status.success(),
            "{ruleset}\n{}",
            String::from_utf8_lossy(&output.stderr)
        );
    }

    /// Packets that passed the named nft counter.
    pub(crate) fn nft_packets(&self, counter: &str) -> u64 {
        let json: serde_json::Value =
            serde_json::from_str(&self.sh("nft -j list counters")).expect("nft -j writes JSON");
        let objects = json["nftables"].as_array().expect("nft -j writes a list");
        let mut named = objects.iter().map(|o| &o["counter"]).filter(|c| c["name"] == counter);
        let found = named.next().unwrap_or_else(|| panic!("no counter {counter} in {json}"));
        found["packets"].as_u64().expect("packets is a number")
    }

    /// Sets a sysctl of this namespace.
    pub(crate) fn sysctl(&self, key: &str, value: &str) {
        self.sh(&format!("sysctl -qw {key}='{value}'"));
    }

    /// Forwards packets between its links, and reports every undeliverable one.
    pub(crate) fn forward(&self) {
        self.sysctl("net.ipv4.ip_forward", "1");
        self.sysctl("net.ipv6.conf.all.forwarding", "1");
    }

    /// Lifts the kernel's limit on ICMP errors (6 at once, then one a second for each destination).
    pub(crate) fn send_every_icmp_error(&self) {
        self.sysctl("net.ipv4.icmp_ratemask", "0");
        self.sysctl("net.ipv6.icmp.ratelimit", "0");
    }

    /// Sends what it has no other route for to `gateway`.
    pub(crate) fn route_by(&self, gateway: &End) {
        self.sh(&format!(
            "ip route add default via {} && ip -6 route add default via {}",
            gateway.v4, gateway.v6
        ));
    }

    /// Bytes waiting in the queue of an interface.
    pub(crate) fn backlog_bytes(&self, dev: &str) -> u64 {
        let json: serde_json::Value =
            serde_json::from_str(&self.sh(&format!("tc -s -j qdisc show dev {dev} root"))).expect("tc -j writes JSON");
        json[0]["backlog"]
            .as_u64()
            .unwrap_or_else(|| panic!("no backlog in {json}"))
    }

    fn wait_until_up(&self, dev: &str) {
        // The carrier of a veth comes up asynchronously; until then its queue swallows packets.
        for _ in 0..500 {
            if self.sh(&format!("ip -o link show dev {dev}")).contains("state UP") {
                return;
            }
            thread::sleep(Duration::from_millis(5));
        }
        panic!("{}: {dev} does not come up", self.name);
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        let _ = self.holder.kill();
        let _ = self.holder.wait();
    }
}

/// A command that finds the administrator's programs also for users whose PATH lacks them, and speaks English.
fn with_path(program: &str) -> Command {
    let mut command = Command::new(program);
    command.env("PATH", search_path()).env("LC_ALL", "C");
    command
}

fn search_path() -> String {
    format!(
        "{}:/usr/local/sbin:/usr/sbin:/sbin",
        std::env::var("PATH").unwrap_or_default()
    )
}

fn what_is_missing() -> Option<String> {
    let found = |tool: &str| {
        search_path()
            .split(':')
            .any(|dir| std::path::Path::new(dir).join(tool).exists())
    };
    if let Some(tool) = TOOLS.into_iter().find(|tool| !found(tool)) {
        return Some(format!("the program {tool} is not installed"));
    }
    let trials = [
        ("a network namespace (CAP_SYS_ADMIN)", "true"),
        (
            "a veth pair (CAP_NET_ADMIN, kernel module veth)",
            "ip link add left type veth peer name right",
        ),
        (
            "nft rules (CAP_NET_ADMIN, kernel module nf_tables)",
            "nft add table inet trial",
        ),
    ];
    trials.into_iter().find_map(|(what, script)| {
        let output = with_path("unshare")
            .args(["--net", "bash", "-c", script])
            .output()
            .ok()?;
        let why = String::from_utf8_lossy(&output.stderr).trim().to_owned();
        (!output.status.success()).then(|| format!("cannot make {what}: {why}"))
    })
}
