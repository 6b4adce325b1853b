//! The network as a whole, in virtual time. Expected moments are sums of the delays that the topologies say.

mod accounts;
mod faults;
mod paths;

use std::net::IpAddr;
use std::time::Duration;

use super::{Delivery, Network};
use crate::simnet::packet::testing;
use crate::simnet::topology::Topology;
use crate::units::Mono;
use crate::wire::handmade;

/// A topology with its parts that no test here looks at.
fn topology(parts: &str) -> Topology {
    let text = format!(
        r#"
title = "A test"
story = "What the test says."
duration = "60s"
[host]
addresses = ["10.0.0.1", "fd00::1"]
{parts}
[verdict]
code = "clean"
"#
    );
    Topology::read(&text).expect("a topology")
}

fn network(parts: &str, seed: u64) -> Network {
    Network::new(&topology(parts), seed, Mono::default())
}

/// Host, r1, r2, r3, app in a line: 100 us, 200 us, 300 us and 50 us one way.
const LINE: &str = r#"
[[router]]
name = "r1"
addresses = ["10.0.1.1", "fd00:1::1"]
[[router]]
name = "r2"
addresses = ["10.0.2.1", "fd00:2::1"]
[[router]]
name = "r3"
addresses = ["10.0.3.1", "fd00:3::1"]
[[backend]]
name = "app"
addresses = ["10.0.9.1", "fd00:9::1"]
set.ports = { 80 = "open" }
[[link]]
between = ["host", "r1"]
set.delay = "100us"
[[link]]
between = ["r1", "r2"]
set.delay = "200us"
[[link]]
between = ["r2", "r3"]
set.delay = "300us"
[[link]]
between = ["r3", "app"]
set.delay = "50us"
"#;

fn ms(ms: u64) -> Mono {
    Mono::from_nanos(ms * 1_000_000)
}

fn us(us: u64) -> Duration {
    Duration::from_micros(us)
}

fn address(text: &str) -> IpAddr {
    text.parse().expect("an address")
}

/// The host of [`topology`], in the family of `to`.
fn host_for(to: IpAddr) -> IpAddr {
    address(if to.is_ipv4() { "10.0.0.1" } else { "fd00::1" })
}

/// An echo request of the host. `flow` stands in the payload, and so in the checksum that flows are told apart by.
fn echo(to: &str, flow: u16) -> Vec<u8> {
    let to = address(to);
    let [high, low] = flow.to_be_bytes();
    testing::echo(host_for(to), to, &[high, low, 0, 0])
}

/// The same with a TTL.
fn with_ttl(mut packet: Vec<u8>, ttl: u8) -> Vec<u8> {
    if packet[0] >> 4 == 4 {
        packet[8] = ttl;
        packet[10..12].fill(0);
        let sum = handmade::checksum(&packet[..20]);
        packet[10..12].copy_from_slice(&sum.to_be_bytes());
    } else {
        packet[7] = ttl;
    }
    packet
}

/// All that reaches the host by `until`.
fn deliveries(network: &mut Network, until: Mono) -> Vec<(Delivery, Vec<u8>)> {
    let mut packet = Vec::new();
    let mut all = Vec::new();
    while let Some(delivery) = network.poll_delivery(until, &mut packet) {
        all.push((delivery, packet.clone()));
    }
    all
}

/// The source of a packet.
fn source(packet: &[u8]) -> IpAddr {
    crate::wire::ip::parse(packet).expect("a packet").addrs.src()
}

/// Sends at `at` and returns the RTTs of what comes back within a second.
fn rtts(network: &mut Network, at: Mono, packet: &[u8]) -> Vec<Duration> {
    let cause = network.handle_packet(at, packet);
    let answers = deliveries(network, at.after(Duration::from_secs(1)));
    assert!(answers.iter().all(|(delivery, _)| delivery.cause == cause));
    answers.iter().map(|(delivery, _)| delivery.due.since(at)).collect()
}
