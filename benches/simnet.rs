//! How many packets a second the simulated network carries, in virtual time: echo requests over six hops and their replies.
//!
//! The bar is 500,000 packets/s on one core, so that a minute of 2,000 backends at 10 probes/s takes seconds.

use std::fmt::Write as _;
use std::hint::black_box;
use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use pathjitter::simnet::{Network, Topology};
use pathjitter::units::Mono;
use pathjitter::wire::checksum::Sum;
use pathjitter::wire::{AddrPair, ip};

/// Packets per round.
const PACKETS: u32 = 10_000;
/// Members of the group.
const BACKENDS: u32 = 2_000;
const HOST: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 1);
const FIRST: Ipv4Addr = Ipv4Addr::new(10, 9, 0, 1);

/// Host, five routers in a line, and backends behind the last: six links each way.
fn line(settings: &str) -> Topology {
    let mut text = format!(
        "title = \"A line\"\nstory = \"Six hops.\"\nduration = \"60s\"\nhost.addresses = [\"{HOST}\"]\nverdict.code = \"clean\"\n\
         [[backend]]\nname = \"app\"\naddresses = [\"{FIRST}\"]\ncount = {BACKENDS}\n"
    );
    let nodes = ["host", "r1", "r2", "r3", "r4", "r5", "app"];
    for (n, router) in nodes[1..6].iter().enumerate() {
        let _ = write!(text, "[[router]]\nname = \"{router}\"\naddresses = [\"10.0.1.{}\"]\n", n + 1);
    }
    for ends in nodes.windows(2) {
        let _ = write!(text, "[[link]]\nbetween = [\"{}\", \"{}\"]\n{settings}\n", ends[0], ends[1]);
    }
    Topology::read(&text).expect("a topology")
}

/// An echo request with 32 bytes of payload.
fn echo(to: Ipv4Addr) -> Vec<u8> {
    let mut packet = vec![0; 60];
    let header = ip::IpHeader {
        addrs: AddrPair::new(IpAddr::V4(HOST), IpAddr::V4(to)).expect("one family"),
        protocol: ip::ICMP,
        ttl: 64,
        tos: 0,
        flow_label: 0,
    };
    ip::emit(&mut packet, header, 40).expect("60 bytes hold the header");
    packet[20] = 8;
    let checksum = Sum::of(&packet[20..]).checksum();
    packet[22..24].copy_from_slice(&checksum.to_be_bytes());
    packet
}

fn carry(c: &mut Criterion) {
    let mut group = c.benchmark_group("simnet");
    group.throughput(Throughput::Elements(u64::from(PACKETS)));
    let packets: Vec<Vec<u8>> = (0..BACKENDS).map(|n| echo(Ipv4Addr::from(u32::from(FIRST) + n))).collect();
    for (name, settings) in [
        ("plain", "set.delay = \"100us\""),
        (
            "with jitter, loss and a queue",
            "set = { delay = \"100us\", jitter = { exponential = \"20us\" }, loss = 0.0001, bandwidth = \"1Gbit/s\" }",
        ),
    ] {
        let mut network = Network::new(&line(settings), 1, Mono::default());
        let mut now = Mono::default();
        let mut buffer = Vec::new();
        group.bench_function(format!("echo and reply over 6 hops, {name}"), |b| {
            b.iter(|| {
                for packet in packets.iter().cycle().take(PACKETS as usize) {
                    now = now.after(Duration::from_micros(2));
                    network.handle_packet(now, black_box(packet));
                    while network.poll_delivery(now, &mut buffer).is_some() {}
                }
            });
        });
        assert!(network.ledger().totals().delivered > 0, "nothing came back");
    }
    group.finish();
}

fn build(c: &mut Criterion) {
    let topology = line("set.delay = \"100us\"");
    c.bench_function("simnet/build 2,000 backends", |b| {
        b.iter(|| Network::new(black_box(&topology), 1, Mono::default()));
    });
}

criterion_group!(benches, carry, build);
criterion_main!(benches);
