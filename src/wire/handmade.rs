//! Packets put together byte by byte from the RFCs, without the emitters of this crate, for the tests of whatever reads packets.

use std::net::IpAddr;

/// TTL or hop limit of every packet made here.
pub(crate) const TTL: u8 = 57;

/// The Internet checksum of `bytes`, one word after the other as RFC 1071 section 1 describes it.
pub(crate) fn checksum(bytes: &[u8]) -> u16 {
    let mut sum = 0_u32;
    for word in bytes.chunks(2) {
        sum += u32::from(word[0]) << 8 | word.get(1).copied().map_or(0, u32::from);
        sum = (sum & 0xffff) + (sum >> 16);
    }
    !u16::try_from(sum).unwrap()
}

/// The sum over a transport with its pseudo-header (RFC 9293 section 3.1, RFC 8200 section 8.1): 0 where its checksum is right.
pub(crate) fn checksum_with_addresses(src: IpAddr, dst: IpAddr, protocol: u8, transport: &[u8]) -> u16 {
    let length = u32::try_from(transport.len()).unwrap();
    let parts = [
        octets(src),
        octets(dst),
        length.to_be_bytes().into(),
        vec![0, protocol],
        transport.into(),
    ];
    checksum(&parts.concat())
}

pub(crate) fn octets(address: IpAddr) -> Vec<u8> {
    match address {
        IpAddr::V4(address) => address.octets().into(),
        IpAddr::V6(address) => address.octets().into(),
    }
}

/// An IP packet of the family of its addresses. Options are IPv4's, of whole words.
pub(crate) fn ip(src: IpAddr, dst: IpAddr, protocol: u8, options: &[u8], payload: &[u8]) -> Vec<u8> {
    if src.is_ipv4() {
        ipv4(src, dst, protocol, options, payload)
    } else {
        ipv6(src, dst, protocol, payload)
    }
}

fn ipv4(src: IpAddr, dst: IpAddr, protocol: u8, options: &[u8], payload: &[u8]) -> Vec<u8> {
    assert_eq!(options.len() % 4, 0);
    let words = u8::try_from(5 + options.len() / 4).unwrap();
    let [high, low] = u16::try_from(20 + options.len() + payload.len()).unwrap().to_be_bytes();
    let mut packet = vec![0x40 | words, 0, high, low, 0x12, 0x34, 0x40, 0, TTL, protocol, 0, 0];
    packet.extend(octets(src));
    packet.extend(octets(dst));
    packet.extend(options);
    let sum = checksum(&packet);
    packet[10..12].copy_from_slice(&sum.to_be_bytes());
    packet.extend(payload);
    packet
}

fn ipv6(src: IpAddr, dst: IpAddr, protocol: u8, payload: &[u8]) -> Vec<u8> {
    let [high, low] = u16::try_from(payload.len()).unwrap().to_be_bytes();
    let mut packet = vec![0x60, 0, 0, 0, high, low, protocol, TTL];
    packet.extend(octets(src));
    packet.extend(octets(dst));
    packet.extend(payload);
    packet
}

/// An ICMP message with the checksum of ICMPv4; ICMPv6 has another, which the kernel verifies.
pub(crate) fn icmp(icmp_type: u8, code: u8, word: [u8; 4], body: &[u8]) -> Vec<u8> {
    let mut message = vec![icmp_type, code, 0, 0];
    message.extend(word);
    message.extend(body);
    resum(&mut message);
    message
}

/// What a host makes of an echo request: RFC 792, page 14, and RFC 4443 section 4.2.
pub(crate) fn echo_reply(request: &[u8]) -> Vec<u8> {
    let mut reply = request.to_vec();
    reply[0] = match request[0] {
        8 => 0,
        128 => 129,
        other => panic!("{other} is no echo request"),
    };
    resum(&mut reply);
    reply
}

/// Makes the checksum of an ICMPv4 message right.
pub(crate) fn resum(message: &mut [u8]) {
    message[2..4].fill(0);
    let sum = checksum(message);
    message[2..4].copy_from_slice(&sum.to_be_bytes());
}

/// A TCP header.
#[derive(Clone, Copy)]
pub(crate) struct Tcp {
    pub(crate) src_port: u16,
    pub(crate) dst_port: u16,
    pub(crate) seq: u32,
    pub(crate) ack: u32,
    /// FIN 1, SYN 2, RST 4, PSH 8, ACK 16.
    pub(crate) flags: u8,
}

impl Tcp {
    /// The header without options and without checksum, which receivers of this crate leave to the kernel.
    pub(crate) fn bytes(self) -> Vec<u8> {
        let mut segment = Vec::with_capacity(20);
        segment.extend(self.src_port.to_be_bytes());
        segment.extend(self.dst_port.to_be_bytes());
        segment.extend(self.seq.to_be_bytes());
        segment.extend(self.ack.to_be_bytes());
        segment.extend([5 << 4, self.flags, 0xff, 0xff, 0, 0, 0, 0]);
        segment
    }
}
