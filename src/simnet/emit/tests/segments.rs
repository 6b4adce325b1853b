//! TCP segments: SYN-ACKs and resets.

use super::*;

#[test]
fn syn_acks_and_resets_are_byte_for_byte_those_of_linux() {
    let captured = [
        &captures::packets(captures::SYN4_OPEN)[1],
        &captures::packets(captures::SYN6_OPEN)[1],
        &captures::packets(captures::SYN4_CLOSED)[1],
        &captures::packets(captures::SYN6_CLOSED)[1],
    ];
    for theirs in captured {
        let packet = read(theirs.clone());
        let read = tcp::parse(packet.transport()).unwrap();
        let mut ours = Vec::new();
        segment(
            &mut ours,
            &Reply {
                addrs: packet.addrs,
                src_port: read.src_port,
                dst_port: read.dst_port,
                seq: read.seq,
                ack: read.ack,
                flags: read.flags,
                window: read.window,
                syn_ack_options: offered(&read),
                ttl: packet.ttl,
            },
        );
        assert_eq!(without_choices(ours), without_choices(theirs.clone()));
    }
}

/// What the options of a captured segment say, if it is a SYN-ACK.
fn offered(segment: &tcp::Segment<'_>) -> Option<SynAckOptions> {
    let mut offered = SynAckOptions {
        mss: 0,
        timestamps: None,
        sack_permitted: false,
        window_scale: None,
    };
    for option in tcp::options(segment.options) {
        match option {
            tcp::TcpOption::Mss(mss) => offered.mss = mss,
            tcp::TcpOption::SackPermitted => offered.sack_permitted = true,
            tcp::TcpOption::Timestamps(stamps) => offered.timestamps = Some((stamps.val, stamps.echo)),
            tcp::TcpOption::WindowScale(shift) => offered.window_scale = Some(shift),
            tcp::TcpOption::Nop => {}
            tcp::TcpOption::Other { kind } => panic!("option {kind}"),
        }
    }
    segment.flags.has(Flags::SYN).then_some(offered)
}

#[test]
fn every_mix_of_options_has_the_layout_of_tcp_options_write() {
    // MSS 1460; 0x11223344 and 0x55667788 as stamps; shift 7.
    let cases = [
        (None, false, None, "020405b4"),
        (None, true, None, "020405b4 01010402"),
        (None, false, Some(7), "020405b4 01030307"),
        (None, true, Some(7), "020405b4 01010402 01030307"),
        (Some(()), false, None, "020405b4 0101080a 11223344 55667788"),
        (Some(()), true, None, "020405b4 0402080a 11223344 55667788"),
        (Some(()), false, Some(7), "020405b4 0101080a 11223344 55667788 01030307"),
        (Some(()), true, Some(7), "020405b4 0402080a 11223344 55667788 01030307"),
    ];
    for (stamps, sack_permitted, window_scale, expected) in cases {
        let options = SynAckOptions {
            mss: 1460,
            timestamps: stamps.map(|()| (0x1122_3344, 0x5566_7788)),
            sack_permitted,
            window_scale,
        };
        let mut packet = Vec::new();
        segment(&mut packet, &syn_ack(Some(options)));
        let packet = read(packet);
        let read = tcp::parse(packet.transport()).unwrap();
        assert_eq!(read.options, captures::bytes(expected));
        assert!(tcp::checksum_ok(packet.addrs, packet.transport()));
    }
}

fn syn_ack(syn_ack_options: Option<SynAckOptions>) -> Reply {
    Reply {
        addrs: AddrPair::V4 {
            src: Ipv4Addr::new(198, 51, 100, 1),
            dst: Ipv4Addr::new(192, 0, 2, 1),
        },
        src_port: 443,
        dst_port: 50_000,
        seq: 1,
        ack: 2,
        flags: Flags::SYN.and(Flags::ACK),
        window: 65_160,
        syn_ack_options,
        ttl: 64,
    }
}

#[test]
fn resets_follow_rfc_9293() {
    // Section 3.10.7.1: to a segment with ACK, <SEQ=SEG.ACK><CTL=RST>; to another, <SEQ=0><ACK=SEG.SEQ+SEG.LEN><CTL=RST,ACK>, where
    // SYN and FIN count as one each. To a reset, nothing.
    let cases = [
        (Flags::SYN, Some((0, 0x1001, Flags::RST.and(Flags::ACK)))),
        (Flags::FIN, Some((0, 0x1001, Flags::RST.and(Flags::ACK)))),
        (
            Flags::SYN.and(Flags::FIN),
            Some((0, 0x1002, Flags::RST.and(Flags::ACK))),
        ),
        (Flags::ACK, Some((0x2000, 0, Flags::RST))),
        (Flags::FIN.and(Flags::ACK), Some((0x2000, 0, Flags::RST))),
        (Flags::RST, None),
        (Flags::RST.and(Flags::ACK), None),
    ];
    for (flags, expected) in cases {
        for (src, dst) in [(HOST4, TARGET4), (HOST6, TARGET6)] {
            let segment = read(testing::tcp(src, dst, segment_with(flags.bits())));
            let reset = reset_for(&segment, 61);
            assert_eq!(
                reset.map(|reset| (reset.seq, reset.ack, reset.flags)),
                expected,
                "{flags:?}"
            );
            if let Some(reset) = reset {
                assert_eq!((reset.addrs, reset.ttl), (segment.addrs.reversed(), 61));
                assert_eq!((reset.src_port, reset.dst_port), (81, 50_000));
            }
        }
    }
}

#[test]
fn damaged_segments_are_not_reset() {
    let mut bytes = testing::tcp(HOST4, TARGET4, segment_with(Flags::SYN.bits()));
    bytes[24] ^= 1;
    assert!(reset_for(&read(bytes), 64).is_none());
}

fn segment_with(flags: u8) -> handmade::Tcp {
    handmade::Tcp {
        src_port: 50_000,
        dst_port: 81,
        seq: 0x1000,
        ack: 0x2000,
        flags,
    }
}
