//! Properties of the whole module: what was written is read back. What bytes that nobody wrote do is tested in `tests/hostile`, and
//! under `tests/fuzz`.

use std::net::{Ipv4Addr, Ipv6Addr};

use proptest::collection::vec;
use proptest::prelude::*;

use super::checksum::FixedChecksum;
use super::icmp::{self, EchoChecksum, EchoId, Message};
use super::ip::{self, IpHeader};
use super::quote::{self, Transport};
use super::tcp::{self, Flags, Syn, SynIp, TcpOption};
use super::{AddrPair, Family};

fn addr_pairs() -> impl Strategy<Value = AddrPair> {
    let v4 = any::<(Ipv4Addr, Ipv4Addr)>().prop_map(|(src, dst)| AddrPair::V4 { src, dst });
    let v6 = any::<(Ipv6Addr, Ipv6Addr)>().prop_map(|(src, dst)| AddrPair::V6 { src, dst });
    prop_oneof![v4, v6]
}

fn syns() -> impl Strategy<Value = Syn> {
    (addr_pairs(), any::<(u16, u16, u32, u16, u32)>()).prop_map(|(addrs, (src_port, dst_port, seq, mss, ts_val))| Syn {
        addrs,
        src_port,
        dst_port,
        seq,
        mss,
        ts_val,
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, ..ProptestConfig::default() })]

    #[test]
    fn an_ip_header_is_read_back_as_it_was_written(
        addrs in addr_pairs(), protocol in 61u8.., ttl: u8, tos: u8, flow_label: u32, payload in vec(any::<u8>(), 0..64),
    ) {
        let header = IpHeader { addrs, protocol, ttl, tos, flow_label };
        let mut packet = vec![0xee; header.header_len()];
        let written = ip::emit(&mut packet, header, payload.len()).unwrap();
        prop_assert_eq!(written, packet.len());
        packet.extend(&payload);
        let read = ip::parse(&packet).unwrap();
        prop_assert_eq!((read.addrs, read.protocol, read.ttl, read.tos), (addrs, protocol, ttl, tos));
        prop_assert_eq!(read.payload, payload.as_slice());
        if addrs.family() == Family::V4 {
            prop_assert!(icmp::checksum_ok(&packet[..20]), "the header checksum");
        }
    }

    #[test]
    fn a_syn_is_read_back_as_it_was_written(syn in syns(), ttl: u8, tos: u8, flow_label: u32) {
        let mut packet = [0xee; 90];
        let len = tcp::emit_syn_packet(&mut packet, syn, SynIp { ttl, tos, flow_label }).unwrap();
        let datagram = ip::parse(&packet[..len]).unwrap();
        prop_assert_eq!((datagram.addrs, datagram.ttl, datagram.protocol), (syn.addrs, ttl, ip::TCP));
        prop_assert!(tcp::checksum_ok(syn.addrs, datagram.payload));
        let read = tcp::parse(datagram.payload).unwrap();
        prop_assert_eq!((read.src_port, read.dst_port), (syn.src_port, syn.dst_port));
        prop_assert_eq!((read.seq, read.ack, read.flags), (syn.seq, 0, Flags::SYN));
        prop_assert_eq!(read.timestamps().map(|stamps| (stamps.val, stamps.echo)), Some((syn.ts_val, 0)));
        prop_assert_eq!(tcp::options(read.options).next(), Some(TcpOption::Mss(syn.mss)));
        prop_assert!(packet[len..].iter().all(|byte| *byte == 0xee));
    }

    #[test]
    fn an_echo_request_is_read_back_as_it_was_written(
        ident: u16, sequence: u16, payload in vec(any::<u8>(), 2..80), held: Option<u16>,
    ) {
        let id = EchoId { ident, sequence };
        let checksum = held.map_or(EchoChecksum::Natural, |value| EchoChecksum::Held(FixedChecksum::nearest(value)));
        let mut message = vec![0xee; icmp::ECHO_HEADER_LEN];
        message.extend(&payload);
        icmp::emit_echo_request(&mut message, Family::V4, id, checksum).unwrap();
        prop_assert!(icmp::checksum_ok(&message));
        let Ok(Message::EchoRequest { id: read, payload: read_payload }) = icmp::parse(Family::V4, &message) else {
            panic!("no echo request")
        };
        prop_assert_eq!(read, id);
        let kept = if held.is_some() { 2.. } else { 0.. };
        prop_assert_eq!(&read_payload[kept.clone()], &payload[kept]);
        if let EchoChecksum::Held(held) = checksum {
            prop_assert_eq!(message[2..4].to_vec(), held.get().to_be_bytes());
        }
    }

    #[test]
    fn a_packet_of_ours_is_recognised_in_a_quote_cut_anywhere(syn in syns(), ttl: u8, cut in 8..=tcp::SYN_LEN) {
        let mut packet = [0; 80];
        tcp::emit_syn_packet(&mut packet, syn, SynIp { ttl, tos: 0, flow_label: 0 }).unwrap();
        let header = match syn.addrs.family() {
            Family::V4 => ip::V4_HEADER_LEN,
            Family::V6 => ip::V6_HEADER_LEN,
        };
        let quote = quote::parse(&packet[..header + cut]).unwrap();
        let want = tcp::Ports { src_port: syn.src_port, dst_port: syn.dst_port, seq: syn.seq };
        prop_assert_eq!((quote.addrs, quote.ttl, quote.transport), (syn.addrs, ttl, Transport::Tcp(want)));
    }
}
