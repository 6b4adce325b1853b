use super::super::captures::{self, exactly};
use super::*;

/// The SYN that reproduces a captured one, and its IP part.
fn syn_like(packet: &[u8], ts_val: u32) -> (Syn, SynIp) {
    let datagram = ip::parse(packet).unwrap();
    let ports = parse_ports(datagram.payload).unwrap();
    let syn = Syn {
        addrs: datagram.addrs,
        src_port: ports.src_port,
        dst_port: ports.dst_port,
        seq: ports.seq,
        mss: default_mss(datagram.addrs.family()),
        ts_val,
    };
    let flow_label = be32(packet, 0).unwrap() & 0xf_ffff;
    (
        syn,
        SynIp {
            ttl: datagram.ttl,
            tos: datagram.tos,
            flow_label,
        },
    )
}

#[test]
fn a_syn_over_ipv4_is_the_one_that_connect_sends() {
    let [mut kernel, ..] = exactly::<5>(captures::SYN4_OPEN);
    let mut packet = [0; 60];
    let (syn, ip) = syn_like(&kernel, 3_105_710_051);
    assert_eq!(emit_syn_packet(&mut packet, syn, ip), Ok(60));
    assert_eq!(packet[20..], kernel[20..], "the segment, checksum included");
    // The IP header differs in the identification, which raw sockets leave to the kernel, and so in the checksum.
    kernel[4..6].fill(0);
    kernel[10..12].copy_from_slice(&packet[10..12]);
    assert_eq!(packet[..20], kernel[..20]);
}

#[test]
fn a_syn_over_ipv6_is_the_one_that_connect_sends() {
    let [kernel, ..] = exactly::<5>(captures::SYN6_OPEN);
    let mut packet = [0; 80];
    let (syn, ip) = syn_like(&kernel, 8_632_960);
    assert_eq!(emit_syn_packet(&mut packet, syn, ip), Ok(80));
    assert_eq!(packet[..], kernel);
}

#[test]
fn a_syn_ack_of_the_kernel_is_read_field_by_field() {
    let [_, kernel, ..] = exactly::<5>(captures::SYN4_OPEN);
    let datagram = ip::parse(&kernel).unwrap();
    let segment = parse(datagram.payload).unwrap();
    assert_eq!((segment.src_port, segment.dst_port), (8080, 56_184));
    assert_eq!((segment.seq, segment.ack), (1_858_807_689, 3_116_809_782));
    assert_eq!(segment.flags, Flags::SYN.and(Flags::ACK));
    assert_eq!(segment.window, 64_704);
    assert!(segment.payload.is_empty());
    let timestamps = Timestamps {
        val: 776_424_372,
        echo: 3_105_710_051,
    };
    let want = [
        TcpOption::Mss(1360),
        TcpOption::SackPermitted,
        TcpOption::Timestamps(timestamps),
        TcpOption::Nop,
        TcpOption::WindowScale(10),
    ];
    assert!(options(segment.options).eq(want));
    assert_eq!(segment.timestamps(), Some(timestamps));
    assert!(checksum_ok(datagram.addrs, datagram.payload));
}

#[test]
fn a_refusal_is_a_reset_that_acknowledges_the_syn() {
    for text in [captures::SYN4_CLOSED, captures::SYN6_CLOSED] {
        let [syn, reset] = exactly(text);
        let syn = parse(ip::parse(&syn).unwrap().payload).unwrap().seq;
        let datagram = ip::parse(&reset).unwrap();
        let segment = parse(datagram.payload).unwrap();
        assert!(segment.flags.has(Flags::RST) && !segment.flags.has(Flags::SYN));
        assert_eq!((segment.ack, segment.window), (syn.wrapping_add(1), 0));
        assert!(segment.options.is_empty() && segment.timestamps().is_none());
        assert!(checksum_ok(datagram.addrs, datagram.payload));
    }
}

#[test]
fn one_flipped_bit_anywhere_breaks_the_checksum() {
    let [_, kernel, ..] = exactly::<5>(captures::SYN6_OPEN);
    let datagram = ip::parse(&kernel).unwrap();
    for at in 0..datagram.payload.len() * 8 {
        let mut segment = datagram.payload.to_vec();
        segment[at / 8] ^= 1 << (at % 8);
        assert!(!checksum_ok(datagram.addrs, &segment), "bit {at}");
    }
}

#[test]
fn the_window_is_the_largest_multiple_of_the_mss() {
    assert_eq!(initial_window(1460), 44 * 1460);
    assert_eq!(initial_window(1440), 45 * 1440);
    assert_eq!(initial_window(65_495), 65_495); // loopback
    assert_eq!(initial_window(0), 65_535);
}

#[test]
fn a_data_offset_within_the_fixed_header_or_past_the_end_is_malformed() {
    let [_, kernel, ..] = exactly::<5>(captures::SYN4_OPEN);
    let segment = ip::parse(&kernel).unwrap().payload;
    let with_offset = |words: u8| {
        let mut bytes = segment.to_vec();
        bytes[12] = words << 4;
        parse(&bytes).map(|segment| segment.options.len())
    };
    assert_eq!(with_offset(4), Err(Malformed::HeaderLength));
    assert_eq!(with_offset(5), Ok(0));
    assert_eq!(with_offset(10), Ok(20));
    assert_eq!(with_offset(11), Err(Malformed::HeaderLength));
    assert_eq!(parse(&segment[..19]).err(), Some(Malformed::TooShort));
}

#[test]
fn eight_bytes_are_enough_for_ports_and_sequence() {
    let bytes = [0x1f, 0x90, 0xdb, 0x78, 0x01, 0x02, 0x03, 0x04];
    let want = Ports {
        src_port: 8080,
        dst_port: 56_184,
        seq: 0x0102_0304,
    };
    assert_eq!(parse_ports(&bytes), Ok(want));
    assert_eq!(parse_ports(&bytes[..7]), Err(Malformed::TooShort));
}

#[test]
fn options_end_at_the_mark_and_at_the_first_damaged_one() {
    let kinds = |bytes: &[u8]| options(bytes).collect::<Vec<_>>();
    assert_eq!(kinds(&[1, 0, 4, 2]), [TcpOption::Nop]);
    assert_eq!(kinds(&[4, 2, 8, 10, 1]), [TcpOption::SackPermitted]);
    assert_eq!(kinds(&[1, 2, 0]), [TcpOption::Nop]);
    assert_eq!(kinds(&[1, 2, 1]), [TcpOption::Nop]);
    assert_eq!(
        kinds(&[2, 3, 9, 30, 2]),
        [TcpOption::Other { kind: 2 }, TcpOption::Other { kind: 30 }]
    );
}

#[test]
fn too_little_room_is_refused() {
    let [kernel, ..] = exactly::<5>(captures::SYN4_OPEN);
    let (syn, ip) = syn_like(&kernel, 0);
    assert_eq!(emit_syn(&mut [0; 39], syn), Err(NoRoom { needed: 40, given: 39 }));
    for given in 0..60 {
        assert_eq!(
            emit_syn_packet(&mut vec![0; given], syn, ip),
            Err(NoRoom { needed: 60, given })
        );
    }
}
