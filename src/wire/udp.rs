//! UDP (RFC 768): datagrams with a checksum that is chosen, out.
//!
//! The payload may hold what it likes: its first word makes the checksum what the caller wants it to be. The checksum is one of the
//! few fields that every quote of a datagram contains (RFC 792 promises eight bytes), so it can tell datagrams of one flow apart,
//! where changing a port would change the flow.

use super::checksum::{FixedChecksum, pseudo_header};
use super::ip::{self, IpHeader};
use super::{NoRoom, head};

/// Length of a UDP header.
pub const HEADER_LEN: usize = 8;
/// Length of a datagram with room for the word that holds its checksum.
pub const HELD_MIN_LEN: usize = HEADER_LEN + 2;

/// Both ports, and the checksum to be had.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Datagram {
    /// Source port.
    pub src_port: u16,
    /// Destination port.
    pub dst_port: u16,
    /// The checksum. Zero would say that there is none (RFC 768; RFC 8200, section 8.1 forbids it), so it is sent as its equal,
    /// 0xffff.
    pub checksum: FixedChecksum,
}

/// Makes `packet` a complete IP packet: writes the headers of IP and UDP before the payload, which is in place already, and the word
/// at the front of the payload. Returns the length, which is that of `packet`.
///
/// # Errors
/// [`NoRoom`] where `packet` is shorter than the headers and the word, or longer than the length fields can say.
pub fn emit_packet(packet: &mut [u8], datagram: Datagram, header: IpHeader) -> Result<usize, NoRoom> {
    let given = packet.len();
    let needed = header.header_len() + HELD_MIN_LEN;
    let Some((front, segment)) = packet.split_at_mut_checked(header.header_len()) else {
        return Err(NoRoom { needed, given });
    };
    let len = u16::try_from(segment.len()).map_err(|_| NoRoom { needed: given, given })?;
    let out = head::<HELD_MIN_LEN>(segment).map_err(|_| NoRoom { needed, given })?;
    out[0..2].copy_from_slice(&datagram.src_port.to_be_bytes());
    out[2..4].copy_from_slice(&datagram.dst_port.to_be_bytes());
    out[4..6].copy_from_slice(&len.to_be_bytes());
    out[6..].fill(0);
    let rest = pseudo_header(header.addrs, ip::UDP, segment.len()).and(segment);
    let word = datagram.checksum.word_for(rest);
    let sent = match datagram.checksum.get() {
        0 => 0xffff,
        checksum => checksum,
    };
    let out = head::<HELD_MIN_LEN>(segment)?;
    out[6..8].copy_from_slice(&sent.to_be_bytes());
    out[8..].copy_from_slice(&word.to_be_bytes());
    let payload_len = segment.len();
    ip::emit(front, header, payload_len)?;
    Ok(given)
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use super::*;
    use crate::wire::{AddrPair, handmade};

    const ENDS: [[&str; 2]; 2] = [["192.0.2.1", "198.51.100.7"], ["2001:db8::1", "2001:db8:7::7"]];

    fn packet(texts: [&str; 2], payload: &[u8], checksum: u16) -> Vec<u8> {
        let [src, dst] = texts.map(|text| text.parse::<IpAddr>().unwrap());
        let header = IpHeader {
            addrs: AddrPair::new(src, dst).unwrap(),
            protocol: ip::UDP,
            ttl: 3,
            tos: 0xb8,
            flow_label: 0x1_2345,
        };
        let mut packet = vec![0xa5; header.header_len() + HEADER_LEN];
        packet.extend(payload);
        let datagram = Datagram {
            src_port: 40_000,
            dst_port: 33_434,
            checksum: FixedChecksum::new(checksum).unwrap(),
        };
        assert_eq!(emit_packet(&mut packet, datagram, header), Ok(packet.len()));
        packet
    }

    #[test]
    fn any_checksum_can_be_had_and_is_right() {
        for texts in ENDS {
            let [src, dst] = texts.map(|text| text.parse::<IpAddr>().unwrap());
            let header_len = if src.is_ipv4() { 20 } else { 40 };
            for payload in [&[0xff; 2][..], &[0; 2], &[1, 2, 3], &[0x5a; 56], &[0x77; 1201]] {
                for checksum in [1, 2, 0x1234, 0x8000, 0xfffe] {
                    let packet = packet(texts, payload, checksum);
                    let segment = &packet[header_len..];
                    assert_eq!(segment[6..8], checksum.to_be_bytes());
                    let sum = handmade::checksum_with_addresses(src, dst, 17, segment);
                    assert_eq!(sum, 0, "{texts:?}, {payload:02x?}, {checksum:#x}");
                    assert_eq!(segment[10..], payload[2..], "the rest of the payload is the caller's");
                }
            }
        }
    }

    #[test]
    fn no_checksum_is_sent_as_zero() {
        for texts in ENDS {
            let [src, dst] = texts.map(|text| text.parse::<IpAddr>().unwrap());
            let packet = packet(texts, &[7; 24], 0);
            let segment = &packet[packet.len() - 32..];
            assert_eq!(segment[6..8], [0xff, 0xff]);
            assert_eq!(handmade::checksum_with_addresses(src, dst, 17, segment), 0);
        }
    }

    #[test]
    fn headers_say_what_was_asked_for() {
        let v4 = packet(ENDS[0], &[7; 24], 9);
        assert_eq!(v4[..4], [0x45, 0xb8, 0, 52]);
        assert_eq!((v4[8], v4[9]), (3, 17));
        assert_eq!(v4[20..26], [0x9c, 0x40, 0x82, 0x9a, 0, 32]);
        let v6 = packet(ENDS[1], &[7; 24], 9);
        assert_eq!(v6[..8], [0x6b, 0x81, 0x23, 0x45, 0, 32, 17, 3]);
        assert_eq!(v6[40..46], [0x9c, 0x40, 0x82, 0x9a, 0, 32]);
    }

    #[test]
    fn a_packet_without_room_for_the_word_is_none() {
        let [src, dst] = ENDS[0].map(|text| text.parse::<IpAddr>().unwrap());
        let header = IpHeader {
            addrs: AddrPair::new(src, dst).unwrap(),
            protocol: ip::UDP,
            ttl: 3,
            tos: 0,
            flow_label: 0,
        };
        let datagram = Datagram {
            src_port: 1,
            dst_port: 2,
            checksum: FixedChecksum::default(),
        };
        for len in 0..30 {
            assert!(emit_packet(&mut vec![0; len], datagram, header).is_err(), "{len} bytes");
        }
        assert_eq!(emit_packet(&mut [0; 30], datagram, header), Ok(30));
        assert!(
            emit_packet(&mut vec![0; 70_000], datagram, header).is_err(),
            "longer than IP can say"
        );
    }
}
