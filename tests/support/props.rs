//! Ready-made topologies, and the programs that play the other side: an open port, a steady queue, a forger.

use std::net::IpAddr;

use super::{Guest, Host, Lab, Link};

/// A prober and a backend on one wire.
pub(crate) struct Pair {
    pub(crate) prober: Host,
    pub(crate) backend: Host,
    pub(crate) link: Link,
}

impl Pair {
    pub(crate) fn new(lab: &Lab) -> Self {
        let (prober, backend) = (lab.host("prober"), lab.host("backend"));
        let link = lab.link(&prober, &backend);
        Self { prober, backend, link }
    }

    /// The backend's addresses, IPv4 first.
    pub(crate) fn targets(&self) -> [IpAddr; 2] {
        self.link.right.addresses()
    }

    /// The backend's IPv4 address.
    pub(crate) fn v4(&self) -> IpAddr {
        self.link.right.v4.into()
    }
}

/// A prober and a backend with a forwarding router between them.
pub(crate) struct Routed {
    pub(crate) prober: Host,
    pub(crate) router: Host,
    pub(crate) backend: Host,
    /// Prober on the left, router on the right.
    pub(crate) near: Link,
    /// Router on the left, backend on the right.
    pub(crate) far: Link,
}

impl Routed {
    pub(crate) fn new(lab: &Lab) -> Self {
        let (prober, router, backend) = (lab.host("prober"), lab.host("router"), lab.host("backend"));
        let (near, far) = (lab.link(&prober, &router), lab.link(&router, &backend));
        router.forward();
        prober.route_by(&near.right);
        backend.route_by(&far.left);
        Self {
            prober,
            router,
            backend,
            near,
            far,
        }
    }
}

/// A TCP port that accepts and counts connections, over IPv4 and IPv6.
pub(crate) struct Listener(Guest);

impl Listener {
    /// Returns when the port is open.
    pub(crate) fn open(host: &Host, port: u16) -> Self {
        Self(play(host, include_str!("listener.py"), &[&port.to_string()]))
    }

    /// Connections that the application has seen. Its own last word makes the count exact: nothing is in flight any more.
    pub(crate) fn accepted(self) -> usize {
        self.0.signal("TERM");
        self.0.finish().stdout.iter().filter(|line| *line == "accepted").count()
    }
}

/// A UDP stream that keeps the queue of its interface filled to a constant level and never overflows it: nothing is sent
/// while a whole socket buffer is in the queue. So a packet behind it waits for a constant time, and none is dropped.
pub(crate) struct Flood(Guest);

impl Flood {
    /// Returns when the queue is full.
    pub(crate) fn start(host: &Host, to: IpAddr, buffer_bytes: u32) -> Self {
        Self(play(
            host,
            include_str!("flood.py"),
            &[&to.to_string(), &buffer_bytes.to_string()],
        ))
    }
}

/// Socket buffer of a flood. With the kernel's overhead that is about 85 ms at 10 Mbit/s: long enough that the flood may lose
/// the processor for a while, on a busy machine, and the queue is still a queue.
const QUEUE_BYTES: u32 = 100_000;

/// Puts a queue of constant length before a backend's answers, and says how long they wait in it, in us.
pub(crate) fn behind_a_queue(pair: &Pair) -> (Flood, f64) {
    /// 10 Mbit/s.
    const BYTES_PER_US: f64 = 1.25;
    pair.backend
        .sh("tc qdisc add dev prober root tbf rate 10mbit burst 3000 limit 10000000");
    let flood = Flood::start(&pair.backend, pair.link.left.v4.into(), QUEUE_BYTES);
    let backlog = u32::try_from(pair.backend.backlog_bytes("prober")).expect("a few packets");
    let delay_us = f64::from(backlog) / BYTES_PER_US;
    assert!(delay_us > 20_000.0, "the queue holds {delay_us} us");
    (flood, delay_us)
}

/// Sends every tenth echo reply (the sixth of each ten) through a queue of about 85 ms that the others pass by.
/// Returns the nft counter of those on the slow road.
pub(crate) fn slow_road_for_every_tenth_reply(pair: &Pair) -> (Flood, &'static str) {
    pair.backend.sh("tc qdisc add dev prober root handle 1: htb default 1 &&
         tc class add dev prober parent 1: classid 1:1 htb rate 1gbit &&
         tc class add dev prober parent 1: classid 1:2 htb rate 10mbit");
    pair.backend.nft(
        "table ip t { counter slow { }; chain c { type filter hook output priority 0;
         udp dport 9 meta priority set \"1:2\";
         icmp type echo-reply numgen inc mod 10 == 5 counter name slow meta priority set \"1:2\"; }; }",
    );
    (
        Flood::start(&pair.backend, pair.link.left.v4.into(), QUEUE_BYTES),
        "slow",
    )
}

/// Answers probes with what a stranger would have to guess: everything right but the secret.
pub(crate) struct Forger(Guest);

impl Forger {
    /// Forges answers to echo requests, from `source`; the payload is spoilt where `spoil` says so.
    pub(crate) fn echo(host: &Host, source: IpAddr, spoil: bool) -> Self {
        let spoil = if spoil { "spoil" } else { "keep" };
        Self(play(
            host,
            include_str!("forger.py"),
            &["echo", &source.to_string(), spoil],
        ))
    }

    /// Answers SYNs to `port` with a SYN-ACK, a RST and an ACK, all of which acknowledge what was never sent.
    pub(crate) fn handshake(host: &Host, dev: &str, port: u16) -> Self {
        Self(play(host, include_str!("forger.py"), &["tcp", dev, &port.to_string()]))
    }

    /// Says of echo requests that leave `host` by `dev`, in the name of `source`, that their TTL is exceeded; what it quotes lacks
    /// their secret.
    pub(crate) fn errors(host: &Host, dev: &str, source: &str) -> Self {
        Self(play(host, include_str!("forger.py"), &["errors", dev, source]))
    }

    /// Forgeries sent.
    pub(crate) fn sent(self) -> usize {
        self.0.signal("TERM");
        self.0.finish().stdout.iter().filter(|line| *line == "forged").count()
    }
}

/// Runs a Python script in the background of `host` until it says that it is ready.
fn play(host: &Host, script: &str, args: &[&str]) -> Guest {
    let mut command = host.command("python3");
    command.args(["-c", script]).args(args);
    let mut guest = Guest::start(command);
    guest.wait_for(|line| line == "ready");
    guest
}
