//! What it costs to write and read one packet: the part of a probe that is neither the kernel's nor the statistics'.

use std::hint::black_box;
use std::net::Ipv4Addr;

use criterion::{Criterion, criterion_group, criterion_main};
use pathjitter::wire::checksum::{FixedChecksum, Sum};
use pathjitter::wire::icmp::{EchoChecksum, EchoId, checksum_ok, emit_echo_request, parse as parse_icmp};
use pathjitter::wire::ip;
use pathjitter::wire::tcp::{Syn, SynIp, emit_syn_packet};
use pathjitter::wire::{AddrPair, Family};

const ADDRS: AddrPair = AddrPair::V4 {
    src: Ipv4Addr::new(192, 0, 2, 1),
    dst: Ipv4Addr::new(198, 51, 100, 1),
};

/// An echo reply over IPv4 with 56 bytes of payload, as a raw socket delivers it.
fn echo_reply() -> [u8; 84] {
    let mut packet = [0x5a; 84];
    let header = ip::IpHeader {
        addrs: ADDRS.reversed(),
        protocol: ip::ICMP,
        ttl: 60,
        tos: 0,
        flow_label: 0,
    };
    ip::emit(&mut packet, header, 64).expect("84 bytes hold the header");
    packet[20..28].copy_from_slice(&[0, 0, 0, 0, 0x12, 0x34, 0, 1]);
    let checksum = Sum::of(&packet[20..]).checksum();
    packet[22..24].copy_from_slice(&checksum.to_be_bytes());
    packet
}

fn wire(criterion: &mut Criterion) {
    let mut message = [0x5a; 64];
    let held = EchoChecksum::Held(FixedChecksum::nearest(0x1234));
    let mut id = EchoId {
        ident: 0xbeef,
        sequence: 0,
    };
    criterion.bench_function("emit echo request, checksum held, 64 bytes", |b| {
        b.iter(|| {
            id.sequence = id.sequence.wrapping_add(1);
            emit_echo_request(black_box(&mut message), Family::V4, id, held)
        });
    });

    let reply = echo_reply();
    assert!(checksum_ok(&reply[20..]));
    criterion.bench_function("parse echo reply from IPv4, checksum verified, 84 bytes", |b| {
        b.iter(|| {
            let datagram = ip::parse(black_box(&reply)).ok()?;
            let message = parse_icmp(Family::V4, datagram.payload).ok()?;
            checksum_ok(datagram.payload).then_some((datagram.ttl, message))
        });
    });

    let mut packet = [0; 60];
    let mut syn = Syn {
        addrs: ADDRS,
        src_port: 40_000,
        dst_port: 443,
        seq: 0,
        mss: 1460,
        ts_val: 1,
    };
    let syn_ip = SynIp {
        ttl: 64,
        tos: 0,
        flow_label: 0,
    };
    criterion.bench_function("emit SYN over IPv4, 60 bytes", |b| {
        b.iter(|| {
            syn.seq = syn.seq.wrapping_add(0x9e37_79b9);
            emit_syn_packet(black_box(&mut packet), syn, syn_ip)
        });
    });

    criterion.bench_function("checksum, 64 bytes", |b| {
        b.iter(|| Sum::of(black_box(&message)).checksum());
    });
}

criterion_group!(benches, wire);
criterion_main!(benches);
