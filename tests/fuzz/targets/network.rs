//! A network of every kind of element, and a host that sends anything: probes, damaged probes, captured packets, no packets at all.
#![no_main]

#[path = "../../hostile/chance.rs"]
#[allow(dead_code, reason = "shared with the tests, which use more of it")]
mod chance;
#[path = "../../../src/wire/handmade.rs"]
#[allow(dead_code, reason = "shared with the tests, which use more of it")]
mod handmade;

use std::net::IpAddr;
use std::sync::LazyLock;
use std::time::Duration;

use chance::Chance;
use pathjitter::simnet::{Network, Topology};
use pathjitter::units::Mono;

static TOPOLOGY: LazyLock<Topology> = LazyLock::new(|| {
    Topology::read(include_str!("../../../src/simnet/topology/tests/whole.toml")).expect("a topology")
});

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let mut now = Mono::from_nanos(0);
    let mut network = Network::new(&TOPOLOGY, 7, now);
    network.handle_packet(now, bytes);
    let mut chance = Chance::taped(bytes);
    while !chance.is_spent() {
        network.handle_packet(now, &packet(&mut chance));
        now = now.after(Duration::from_micros(chance.below(1 << 22)));
        deliver(&mut network, now);
    }
});

/// A probe by hand, mostly with something wrong about it.
fn packet(chance: &mut Chance) -> Vec<u8> {
    let targets = [
        "10.10.1.11",
        "10.10.2.11",
        "10.10.3.11",
        "10.10.2.1",
        "192.0.2.1",
        "fd00:10:1::b",
        "fd00:10:1::1",
    ];
    let to: IpAddr = chance.one_of(&targets).parse().expect("an address");
    let ours: IpAddr = if to.is_ipv4() { "10.10.0.5" } else { "fd00:10::5" }
        .parse()
        .expect("an address");
    let (protocol, transport) = if chance.one_in(2) {
        let flags = *chance.one_of(&[2, 4, 0x10, 0x12]);
        let dst_port = *chance.one_of(&[8080, 8081, 9090]);
        let segment = handmade::Tcp {
            src_port: 40_000,
            dst_port,
            seq: 1,
            ack: 0,
            flags,
        };
        (6, segment.bytes())
    } else {
        let icmp_type = if to.is_ipv4() { 8 } else { 128 };
        (
            if to.is_ipv4() { 1 } else { 58 },
            handmade::icmp(icmp_type, 0, [0, 1, 0, 1], &[0xa5; 56]),
        )
    };
    let mut packet = handmade::ip(ours, to, protocol, &[], &transport);
    if chance.one_in(4) {
        let ttl = if to.is_ipv4() { 8 } else { 7 };
        packet[ttl] = chance.byte();
    }
    if chance.one_in(2) {
        chance.damage(&mut packet);
    }
    packet
}

/// Takes out what has arrived; nothing may be left over, lost without a reason, or longer than IP allows.
fn deliver(network: &mut Network, now: Mono) {
    let mut packet = Vec::new();
    while let Some(delivery) = network.poll_delivery(now, &mut packet) {
        assert!(delivery.due <= now && delivery.cause.sent_at <= delivery.due);
        assert!(packet.len() <= usize::from(u16::MAX));
    }
    assert!(network.next_deadline().is_none_or(|next| next > now));
    let totals = network.ledger().totals();
    assert_eq!(
        totals.sent + totals.made + totals.duplicated,
        totals.delivered + totals.dropped + totals.consumed + totals.in_flight
    );
}
