use std::net::{Ipv4Addr, Ipv6Addr};

use super::*;

/// Word by word in network order, as RFC 1071 section 1 states it.
fn oracle(bytes: &[u8]) -> u16 {
    let mut sum: u64 = 0;
    for pair in bytes.chunks(2) {
        sum += u64::from(pair[0]) << 8 | u64::from(*pair.get(1).unwrap_or(&0));
    }
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    !u16::try_from(sum).unwrap()
}

#[test]
fn the_worked_example_of_rfc_1071_section_3_sums_to_ddf2() {
    let data = [0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7];
    assert_eq!(Sum::of(&data).folded(), 0xddf2);
    assert_eq!(Sum::of(&data).checksum(), !0xddf2);
}

#[test]
fn every_split_of_every_length_sums_as_the_whole_does() {
    let data: Vec<u8> = (0..41u8).map(|i| i.wrapping_mul(151).wrapping_add(67)).collect();
    for end in 0..=data.len() {
        let want = oracle(&data[..end]);
        for first in 0..=end {
            for second in first..=end {
                let parts = Sum::of(&data[..first])
                    .and(&data[first..second])
                    .and(&data[second..end]);
                assert_eq!(parts.checksum(), want, "{first} {second} {end}");
            }
        }
    }
}

#[test]
fn many_words_of_all_ones_lose_no_carry() {
    let data = vec![0xff; 65_535];
    assert_eq!(Sum::of(&data).checksum(), oracle(&data));
}

#[test]
fn the_two_zeros_are_told_apart() {
    assert_eq!(Sum::of(&[0; 8]).checksum(), 0xffff);
    assert_eq!(Sum::of(&[0xff, 0xff]).checksum(), 0);
    assert_eq!(Sum::of(&[0x80, 0x00, 0x7f, 0xff]).checksum(), 0);
    assert_eq!(Sum::ZERO.checksum(), 0xffff);
}

#[test]
fn every_possible_checksum_is_reached_exactly_whatever_the_rest() {
    // Sums around both zeros and a few others, as one or two words, so that every carry is met.
    let rests = [
        [0x0000, 0x0000],
        [0x0000, 0x0001],
        [0x0000, 0x7fff],
        [0x0000, 0x8000],
        [0x0000, 0xfffe],
        [0x0000, 0xffff],
        [0x0001, 0xfffe],
        [0x0001, 0xffff],
        [0xffff, 0xffff],
        [0x1234, 0xabcd],
    ];
    for rest in rests {
        let sum = Sum::ZERO.and_u16(rest[0]).and_u16(rest[1]);
        for wanted in 0..=0xfffe {
            let held = FixedChecksum::new(wanted).unwrap();
            let word = held.word_for(sum);
            assert_eq!(sum.and_u16(word).checksum(), wanted, "{rest:04x?} {word:04x}");
        }
    }
}

#[test]
fn one_checksum_is_reached_exactly_for_every_sum_of_the_rest() {
    for wanted in [0x0000, 0x0001, 0x7fff, 0x8000, 0xfffe] {
        let held = FixedChecksum::new(wanted).unwrap();
        for rest in 0..=u16::MAX {
            let sum = Sum::ZERO.and_u16(rest);
            assert_eq!(sum.and_u16(held.word_for(sum)).checksum(), wanted, "{rest:04x}");
        }
    }
}

#[test]
fn the_checksum_of_all_zero_data_cannot_be_held() {
    assert_eq!(FixedChecksum::new(0xffff), None);
    assert_eq!(FixedChecksum::nearest(0xffff).get(), 0);
    assert_eq!(FixedChecksum::nearest(0xfffe).get(), 0xfffe);
}

#[test]
fn the_pseudo_header_over_ipv4_is_that_of_rfc_9293() {
    let addrs = AddrPair::V4 {
        src: Ipv4Addr::new(192, 0, 2, 1),
        dst: Ipv4Addr::new(198, 51, 100, 7),
    };
    // Source, destination, zero, protocol, 16-bit length.
    let bytes = [192, 0, 2, 1, 198, 51, 100, 7, 0, 6, 0x12, 0x34];
    assert_eq!(pseudo_header(addrs, 6, 0x1234).checksum(), oracle(&bytes));
}

#[test]
fn the_pseudo_header_over_ipv6_is_that_of_rfc_8200() {
    let addrs = AddrPair::V6 {
        src: Ipv6Addr::new(0x2001, 0xdb8, 1, 2, 3, 4, 5, 6),
        dst: Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 0xffff),
    };
    let mut bytes = Vec::new();
    for word in [0x2001u16, 0xdb8, 1, 2, 3, 4, 5, 6, 0x2001, 0xdb8, 0, 0, 0, 0, 0, 0xffff] {
        bytes.extend(word.to_be_bytes());
    }
    // 32-bit length, three zeros, next header.
    bytes.extend([0, 1, 0x23, 0x45, 0, 0, 0, 58]);
    assert_eq!(pseudo_header(addrs, 58, 0x1_2345).checksum(), oracle(&bytes));
}
