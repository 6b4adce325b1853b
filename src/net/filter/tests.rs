//! The filters, run by an interpreter of classic BPF over packets made by hand.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::*;
use crate::wire::handmade::{self, Tcp};

/// Runs a program as the kernel does (`Documentation/networking/filter.rst`): how many bytes of the packet pass.
///
/// A load beyond the end of the packet ends the program and drops the packet. Only the instructions that the filters here are made
/// of are known; any other is a panic, as is a jump out of the program.
fn run(program: &[FilterInstruction], packet: &[u8]) -> u32 {
    let (mut a, mut x, mut at) = (0_u32, 0_u32, 0_usize);
    let mut memory = [0_u32; 16];
    loop {
        let FilterInstruction { code, jt, jf, k } = program[at];
        at += 1;
        match code {
            LD_W_MEM => a = memory[k as usize],
            LD_B_ABS | LD_B_IND | LD_H_ABS | LD_H_IND => {
                let is_indirect = matches!(code, LD_B_IND | LD_H_IND);
                let width = if matches!(code, LD_B_ABS | LD_B_IND) { 1 } else { 2 };
                let place = k as usize + if is_indirect { x as usize } else { 0 };
                let Some(bytes) = packet.get(place..place + width) else {
                    return 0;
                };
                a = bytes.iter().fold(0, |value, byte| value << 8 | u32::from(*byte));
            }
            LDX_MSH => {
                let Some(byte) = packet.get(k as usize) else { return 0 };
                x = u32::from(byte & 0x0f) * 4;
            }
            ST => memory[k as usize] = a,
            TAX => x = a,
            ADD_K => a = a.wrapping_add(k),
            ADD_X => a = a.wrapping_add(x),
            AND_K => a &= k,
            LSH_K => a <<= k,
            JEQ_K => at += usize::from(if a == k { jt } else { jf }),
            RET_K => return k,
            _ => panic!("instruction {code:#06x} at {}", at - 1),
        }
    }
}

// From `linux/bpf_common.h`: class | size or operation | mode or source.
const LD_W_MEM: u16 = 0x60;
const LD_B_ABS: u16 = 0x30;
const LD_B_IND: u16 = 0x50;
const LD_H_ABS: u16 = 0x28;
const LD_H_IND: u16 = 0x48;
const LDX_MSH: u16 = 0xb1;
const ST: u16 = 0x02;
const TAX: u16 = 0x07;
const ADD_K: u16 = 0x04;
const ADD_X: u16 = 0x0c;
const AND_K: u16 = 0x54;
const LSH_K: u16 = 0x64;
const JEQ_K: u16 = 0x15;
const RET_K: u16 = 0x06;

const IDENT: u16 = 0x4a17;
const BLOCK: PortBlock = PortBlock {
    base: 0xa140,
    mask: 0xffc0,
};

const V4: [IpAddr; 3] = [
    IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1)),
    IpAddr::V4(Ipv4Addr::new(198, 51, 100, 7)),
    IpAddr::V4(Ipv4Addr::new(203, 0, 113, 9)),
];
const V6: [IpAddr; 3] = [
    IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1)),
    IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 7, 0, 0, 0, 0, 7)),
    IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 0xff, 0, 0, 0, 0, 9)),
];

/// IPv4 options of every length that a header can have.
fn options() -> impl Iterator<Item = Vec<u8>> {
    (0..=10).map(|words| vec![1; words * 4])
}

fn passes(program: &[FilterInstruction], packet: &[u8]) -> bool {
    let kept = run(program, packet) as usize;
    assert!(kept == 0 || kept >= packet.len(), "nothing is cut off what passes");
    kept > 0
}

/// An echo message, from the ICMP header on.
fn echo(icmp_type: u8, ident: u16) -> Vec<u8> {
    let [high, low] = ident.to_be_bytes();
    handmade::icmp(icmp_type, 0, [high, low, 0, 9], &[0x77; 56])
}

fn segment(src_port: u16, dst_port: u16) -> Vec<u8> {
    Tcp {
        src_port,
        dst_port,
        seq: 1,
        ack: 2,
        flags: 0x12,
    }
    .bytes()
}

/// A UDP header with a payload of 8 bytes.
fn datagram(src_port: u16, dst_port: u16) -> Vec<u8> {
    let ([a, b], [c, d]) = (src_port.to_be_bytes(), dst_port.to_be_bytes());
    [&[a, b, c, d, 0, 16, 0, 0][..], &[0x77; 8]].concat()
}

/// As a raw IPv4 socket sees a packet from the router.
fn v4(protocol: u8, options: &[u8], payload: &[u8]) -> Vec<u8> {
    handmade::ip(V4[2], V4[0], protocol, options, payload)
}

/// An ICMPv4 error about a packet of ours, whose header has `options`.
fn v4_error(protocol: u8, options: &[u8], transport: &[u8]) -> Vec<u8> {
    let quote = handmade::ip(V4[0], V4[1], protocol, options, transport);
    handmade::icmp(11, 0, [0; 4], &quote)
}

fn v6_error(protocol: u8, transport: &[u8]) -> Vec<u8> {
    let quote = handmade::ip(V6[0], V6[1], protocol, &[], transport);
    handmade::icmp(3, 0, [0; 4], &quote)
}

#[test]
fn every_program_is_one_that_the_kernel_accepts() {
    for family in [Family::V4, Family::V6] {
        for program in [
            tcp_answers(family, BLOCK),
            icmp_answers(family, IDENT, BLOCK),
            icmp_answers_of_any_quote(family, IDENT),
        ] {
            assert!(program.len() <= 4096, "BPF_MAXINSNS");
            assert_eq!(program.last().map(|last| last.code), Some(RET_K));
            for (at, instruction) in program.iter().enumerate() {
                if instruction.code == JEQ_K {
                    let furthest = at + 1 + usize::from(instruction.jt.max(instruction.jf));
                    assert!(furthest < program.len(), "jump at {at}");
                }
            }
        }
    }
}

#[test]
fn segments_to_the_block_pass_and_others_do_not() {
    let programs = [Family::V4, Family::V6].map(|family| tcp_answers(family, BLOCK));
    for port in 0..=u16::MAX {
        let expected = (0xa140..0xa180).contains(&port);
        let segment = segment(443, port);
        assert_eq!(passes(&programs[0], &v4(6, &[], &segment)), expected, "port {port}");
        assert_eq!(passes(&programs[1], &segment), expected, "port {port}");
    }
    for options in options() {
        assert!(passes(&programs[0], &v4(6, &options, &segment(443, 0xa141))));
        assert!(!passes(&programs[0], &v4(6, &options, &segment(0xa141, 443))));
    }
}

#[test]
fn without_a_block_no_segment_passes() {
    for family in [Family::V4, Family::V6] {
        let program = tcp_answers(family, PortBlock::NONE);
        let icmp = icmp_answers(family, IDENT, PortBlock::NONE);
        for port in [0, 1, 443, 0xa141, u16::MAX] {
            let answer = segment(443, port);
            let (packet, error) = match family {
                Family::V4 => (v4(6, &[], &answer), v4(1, &[], &v4_error(6, &[], &segment(port, 443)))),
                Family::V6 => (answer, v6_error(6, &segment(port, 443))),
            };
            assert!(!passes(&program, &packet), "port {port}");
            assert!(!passes(&icmp, &error), "port {port}");
        }
    }
}

#[test]
fn our_echo_replies_pass_and_those_of_others_do_not() {
    let program = icmp_answers(Family::V4, IDENT, BLOCK);
    for options in options() {
        assert!(passes(&program, &v4(1, &options, &echo(0, IDENT))));
        for bit in 0..16 {
            assert!(!passes(&program, &v4(1, &options, &echo(0, IDENT ^ 1 << bit))));
        }
    }
    let program = icmp_answers(Family::V6, IDENT, BLOCK);
    assert!(passes(&program, &echo(129, IDENT)));
    for bit in 0..16 {
        assert!(!passes(&program, &echo(129, IDENT ^ 1 << bit)));
    }
}

#[test]
fn errors_about_our_probes_pass_and_those_about_others_do_not() {
    let program = icmp_answers(Family::V4, IDENT, BLOCK);
    for outer in options() {
        for inner in options() {
            let passes =
                |protocol, transport: &[u8]| passes(&program, &v4(1, &outer, &v4_error(protocol, &inner, transport)));
            assert!(passes(1, &echo(8, IDENT)));
            assert!(passes(1, &echo(8, IDENT)[..8]), "eight bytes of RFC 792");
            assert!(!passes(1, &echo(8, IDENT + 1)));
            assert!(passes(6, &segment(0xa17f, 443)));
            assert!(passes(6, &segment(0xa17f, 443)[..8]));
            assert!(!passes(6, &segment(0xa180, 443)));
            assert!(!passes(6, &segment(443, 0xa17f)));
            assert!(passes(17, &datagram(0xa17f, 33_434)));
            assert!(passes(17, &datagram(0xa17f, 33_434)[..8]));
            assert!(!passes(17, &datagram(0xa180, 33_434)));
            assert!(!passes(17, &datagram(33_434, 0xa17f)));
            assert!(!passes(132, &segment(0xa17f, 443)), "SCTP");
            assert!(!passes(50, &echo(8, IDENT)), "ESP");
        }
    }
}

#[test]
fn errors_about_our_probes_over_ipv6_pass_and_those_about_others_do_not() {
    let program = icmp_answers(Family::V6, IDENT, BLOCK);
    let passes = |protocol, transport: &[u8]| passes(&program, &v6_error(protocol, transport));
    assert!(passes(58, &echo(128, IDENT)));
    assert!(passes(58, &echo(128, IDENT)[..8]));
    assert!(!passes(58, &echo(128, IDENT + 1)));
    assert!(passes(6, &segment(0xa140, 443)));
    assert!(passes(6, &segment(0xa140, 443)[..8]));
    assert!(!passes(6, &segment(0xa13f, 443)));
    assert!(!passes(6, &segment(443, 0xa140)));
    assert!(passes(17, &datagram(0xa140, 33_434)));
    assert!(passes(17, &datagram(0xa140, 33_434)[..8]));
    assert!(!passes(17, &datagram(0xa13f, 33_434)));
    assert!(!passes(17, &datagram(33_434, 0xa140)));
    assert!(
        passes(0, &[58; 16]),
        "what stands behind extension headers is the codec's to judge"
    );
}

#[test]
fn for_traces_every_error_passes_and_of_replies_ours_alone() {
    let program = icmp_answers_of_any_quote(Family::V4, IDENT);
    for options in options() {
        let passes = |message: &[u8]| passes(&program, &v4(1, &options, message));
        assert!(passes(&echo(0, IDENT)));
        assert!(!passes(&echo(0, IDENT + 1)));
        assert!(
            passes(&v4_error(1, &options, &echo(8, IDENT + 1))),
            "an identifier that a NAT chose"
        );
        assert!(passes(&v4_error(17, &options, &datagram(9, 33_434))));
    }
    let program = icmp_answers_of_any_quote(Family::V6, IDENT);
    assert!(passes(&program, &echo(129, IDENT)));
    assert!(!passes(&program, &echo(129, IDENT + 1)));
    assert!(passes(&program, &v6_error(58, &echo(128, IDENT + 1))));
    assert!(passes(&program, &v6_error(17, &datagram(9, 33_434))));
}

#[test]
fn a_packet_that_ends_before_what_decides_is_dropped() {
    let tcp = tcp_answers(Family::V4, BLOCK);
    let icmp = icmp_answers(Family::V4, IDENT, BLOCK);
    let options = [1; 8];
    // Each program with a packet that it lets pass, and where the last byte that it looks at ends.
    let cases = [
        (&tcp, v4(6, &options, &segment(443, 0xa140)), 28 + 4),
        (&icmp, v4(1, &options, &echo(0, IDENT)), 28 + 6),
        (
            &icmp,
            v4(1, &options, &v4_error(1, &options, &echo(8, IDENT))),
            28 + 8 + 28 + 6,
        ),
        (
            &icmp,
            v4(1, &options, &v4_error(6, &options, &segment(0xa140, 1))),
            28 + 8 + 28 + 2,
        ),
        (
            &icmp,
            v4(1, &options, &v4_error(17, &options, &datagram(0xa140, 1))),
            28 + 8 + 28 + 2,
        ),
    ];
    for (program, packet, decided_at) in cases {
        for len in 0..packet.len() {
            assert_eq!(passes(program, &packet[..len]), len >= decided_at, "{len} bytes");
        }
    }
    let tcp = tcp_answers(Family::V6, BLOCK);
    let icmp = icmp_answers(Family::V6, IDENT, BLOCK);
    let cases = [
        (&tcp, segment(443, 0xa140), 4),
        (&icmp, echo(129, IDENT), 6),
        (&icmp, v6_error(58, &echo(128, IDENT)), 8 + 40 + 6),
        (&icmp, v6_error(6, &segment(0xa140, 1)), 8 + 40 + 2),
        (&icmp, v6_error(17, &datagram(0xa140, 1)), 8 + 40 + 2),
    ];
    for (program, packet, decided_at) in cases {
        for len in 0..packet.len() {
            assert_eq!(passes(program, &packet[..len]), len >= decided_at, "{len} bytes");
        }
    }
}

#[test]
fn the_types_let_through_are_replies_and_errors() {
    let v4_passes = |icmp_type: u32| icmp_type >= 32 || ICMP_BLOCKED >> icmp_type & 1 == 0;
    // `icmp_filter` looks at types below 32 only; the program drops the rest by what it finds, or does not find, in it.
    assert_eq!(
        (0..32).filter(|icmp_type| v4_passes(*icmp_type)).collect::<Vec<_>>(),
        [0, 3, 11, 12]
    );
    let v6_passes = |icmp_type: usize| ICMP6_BLOCKED[icmp_type / 32] >> (icmp_type % 32) & 1 == 0;
    assert_eq!(
        (0..256).filter(|icmp_type| v6_passes(*icmp_type)).collect::<Vec<_>>(),
        [1, 2, 3, 4, 129]
    );
}
