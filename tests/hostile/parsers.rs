//! Every parser of `wire` on any bytes: no panic, no slice from elsewhere, no more work than the packet is worth, and what is
//! written again as it was read is read as the same.

use std::net::Ipv6Addr;
use std::ops::Range;

use pathjitter::wire::icmp::{self, EchoChecksum, ErrorBody, Message};
use pathjitter::wire::ip::{self, Datagram, Fragment, IpHeader};
use pathjitter::wire::quote::{self, Transport};
use pathjitter::wire::tcp::{self, Segment, Syn, SynIp, TcpOption};
use pathjitter::wire::{AddrPair, Family, extensions};

/// Reads `packet` by every parser, from its front and from every payload found.
pub(crate) fn read_every_way(packet: &[u8]) {
    if let Ok(quote) = quote::parse(packet) {
        check_quote(packet, &quote);
    }
    if let Ok(datagram) = ip::parse(packet) {
        check_datagram(packet, &datagram);
        read_transport(datagram.addrs, datagram.payload);
    }
    let addrs = AddrPair::V6 {
        src: Ipv6Addr::LOCALHOST,
        dst: Ipv6Addr::LOCALHOST,
    };
    read_transport(addrs, packet);
}

fn check_datagram(packet: &[u8], datagram: &Datagram<'_>) {
    assert_within(packet, datagram.payload);
    let header = packet.len() - datagram.payload.len();
    match datagram.addrs.family() {
        Family::V4 => assert!(header >= ip::V4_HEADER_LEN),
        // An extension header is at most 8 * 256 bytes, and no more than this many are followed.
        Family::V6 => {
            assert!(header >= ip::V6_HEADER_LEN);
            let start = datagram.payload.as_ptr().addr().saturating_sub(packet.as_ptr().addr());
            assert!(datagram.payload.is_empty() || start <= ip::V6_HEADER_LEN + ip::MAX_EXTENSIONS * 2048);
        }
    }
    // Extension headers are not written by this crate; the rest of a packet is.
    if datagram.fragment == Fragment::Whole && ip_protocol_is_no_extension(datagram.protocol) {
        rewrite_datagram(datagram);
    }
}

fn ip_protocol_is_no_extension(protocol: u8) -> bool {
    !matches!(protocol, 0 | 43 | 44 | 60)
}

fn rewrite_datagram(datagram: &Datagram<'_>) {
    let header = IpHeader {
        addrs: datagram.addrs,
        protocol: datagram.protocol,
        ttl: datagram.ttl,
        tos: datagram.tos,
        flow_label: 0,
    };
    let mut again = vec![0xee; header.header_len()];
    let len = ip::emit(&mut again, header, datagram.payload.len()).unwrap();
    assert_eq!(len, again.len());
    again.extend_from_slice(datagram.payload);
    assert_eq!(ip::parse(&again).as_ref(), Ok(datagram));
}

fn read_transport(addrs: AddrPair, bytes: &[u8]) {
    let _ = (
        icmp::checksum_ok(bytes),
        icmp::v6_checksum_ok(bytes, addrs),
        tcp::checksum_ok(addrs, bytes),
    );
    let ports = tcp::parse_ports(bytes);
    if let Ok(segment) = tcp::parse(bytes) {
        assert_eq!(
            ports.map(|ports| (ports.src_port, ports.dst_port, ports.seq)),
            Ok((segment.src_port, segment.dst_port, segment.seq))
        );
        check_segment(addrs, bytes, &segment);
    }
    for family in [Family::V4, Family::V6] {
        if let Ok(message) = icmp::parse(family, bytes) {
            check_message(family, bytes, &message);
        }
    }
}

fn check_segment(addrs: AddrPair, bytes: &[u8], segment: &Segment<'_>) {
    assert_within(bytes, segment.options);
    assert_within(bytes, segment.payload);
    assert_eq!(
        tcp::HEADER_MIN_LEN + segment.options.len() + segment.payload.len(),
        bytes.len()
    );
    // Each option takes a byte at least, and there is room for 40. A walk without end is cut off here.
    assert!(tcp::options(segment.options).take(41).count() <= 40);
    let mss = tcp::options(segment.options).find_map(|option| match option {
        TcpOption::Mss(mss) => Some(mss),
        _ => None,
    });
    if let (Some(mss), Some(stamps)) = (mss, segment.timestamps()) {
        let syn = Syn {
            addrs,
            src_port: segment.src_port,
            dst_port: segment.dst_port,
            seq: segment.seq,
            mss,
            ts_val: stamps.val,
        };
        rewrite_syn(syn);
    }
}

fn rewrite_syn(syn: Syn) {
    let mut packet = [0xee; 80];
    let ip = SynIp {
        ttl: 9,
        tos: 8,
        flow_label: 7,
    };
    let len = tcp::emit_syn_packet(&mut packet, syn, ip).unwrap();
    let datagram = ip::parse(&packet[..len]).unwrap();
    let read = tcp::parse(datagram.payload).unwrap();
    assert!(tcp::checksum_ok(syn.addrs, datagram.payload));
    assert_eq!(datagram.addrs, syn.addrs);
    assert_eq!(
        (read.src_port, read.dst_port, read.seq),
        (syn.src_port, syn.dst_port, syn.seq)
    );
    assert_eq!(read.timestamps().map(|stamps| stamps.val), Some(syn.ts_val));
    assert_eq!(tcp::options(read.options).next(), Some(TcpOption::Mss(syn.mss)));
}

fn check_message(family: Family, bytes: &[u8], message: &Message<'_>) {
    match *message {
        Message::EchoRequest { id, payload } => {
            assert_within(bytes, payload);
            let mut again = bytes.to_vec();
            icmp::emit_echo_request(&mut again, family, id, EchoChecksum::Natural).unwrap();
            assert_eq!(icmp::parse(family, &again).as_ref(), Ok(message));
            assert!(family == Family::V6 || icmp::checksum_ok(&again));
        }
        Message::EchoReply { payload, .. } => assert_within(bytes, payload),
        Message::Unreachable { body, .. }
        | Message::TimeExceeded { body, .. }
        | Message::PacketTooBig { body, .. }
        | Message::ParameterProblem { body, .. } => check_body(bytes, body),
        Message::Other { .. } => {}
    }
}

fn check_body(bytes: &[u8], body: ErrorBody<'_>) {
    assert_within(bytes, body.quote);
    assert_within(bytes, body.extensions);
    assert!(body.extensions.is_empty() || body.quote.len() >= 128);
    assert!(extensions::label_stack(body.extensions).iter().count() <= body.extensions.len() / 4);
    // What no checksum vouches for is read as well.
    assert!(extensions::label_stack(bytes).iter().count() <= bytes.len() / 4);
    if let Ok(quote) = quote::parse(body.quote) {
        check_quote(body.quote, &quote);
    }
}

fn check_quote(bytes: &[u8], quote: &quote::Quote<'_>) {
    if let Transport::Echo { payload, .. } | Transport::Udp { payload, .. } = quote.transport {
        assert_within(bytes, payload);
    }
}

#[track_caller]
fn assert_within(outer: &[u8], inner: &[u8]) {
    let (outer, inner): (Range<*const u8>, Range<*const u8>) = (outer.as_ptr_range(), inner.as_ptr_range());
    // An empty slice may point anywhere.
    assert!(inner.is_empty() || (outer.start <= inner.start && inner.end <= outer.end));
}
