//! The Internet checksum (RFC 1071), and the word that holds it constant.
//!
//! Sums are kept in the byte order of the host and swapped once at the end, which RFC 1071 section 2(B) permits; four bytes are
//! added at a time into 64 bits, so that no carry is lost and the compiler can vectorise.
//!
//! One's complement has two zeros, and only one of them can occur: a sum is 0x0000 only where every byte is zero, anything else
//! that is congruent to zero folds to 0xffff. So a checksum (the complement) of 0xffff belongs to all-zero data alone, and any
//! other value can be had for any data by choosing one word freely: see [`FixedChecksum`].

use super::AddrPair;

/// A running sum over parts that need not be even in length: the parts are summed as if they were one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sum {
    /// Sum of 16-bit words in host order. Parts are folded to 16 bits first, so 2^48 of them would fit.
    words: u64,
    parity: Parity,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Parity {
    #[default]
    Even,
    Odd,
}

impl Sum {
    /// The sum of nothing.
    pub const ZERO: Self = Self {
        words: 0,
        parity: Parity::Even,
    };

    /// The sum of one part.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        Self::ZERO.and(bytes)
    }

    /// The sum with `bytes` appended. After an odd number of bytes, `bytes` begins in the lower half of a word; summing it as if it
    /// began in the upper half gives the same with both halves swapped (RFC 1071 section 2(B)).
    #[must_use]
    pub fn and(self, bytes: &[u8]) -> Self {
        let part = fold(sum_even(bytes));
        let (part, flipped) = match self.parity {
            Parity::Even => (part, Parity::Odd),
            Parity::Odd => (part.swap_bytes(), Parity::Even),
        };
        Self {
            words: self.words + u64::from(part),
            parity: if bytes.len() % 2 == 1 { flipped } else { self.parity },
        }
    }

    /// The sum with a 16-bit number appended in network order.
    #[must_use]
    pub fn and_u16(self, word: u16) -> Self {
        self.and(&word.to_be_bytes())
    }

    /// The sum with a 32-bit number appended in network order.
    #[must_use]
    pub fn and_u32(self, word: u32) -> Self {
        self.and(&word.to_be_bytes())
    }

    /// The value for the checksum field, if the field was zero while summing. Over data that includes a correct checksum it is 0.
    #[must_use]
    pub fn checksum(self) -> u16 {
        !self.folded()
    }

    /// The sum itself, 16 bits, in network meaning. Zero only if every byte summed was zero.
    fn folded(self) -> u16 {
        u16::from_be(fold(self.words))
    }
}

/// The sum over the pseudo-header of TCP, UDP and ICMPv6: RFC 9293 section 3.1 over IPv4, RFC 8200 section 8.1 over IPv6. Both are
/// the addresses, the protocol and the length, each in whole words, so the order and the zeros between them don't matter.
#[must_use]
pub fn pseudo_header(addrs: AddrPair, protocol: u8, length: usize) -> Sum {
    // A length beyond 32 bits can't be in any packet; saturating gives a checksum that no receiver accepts.
    let length = u32::try_from(length).unwrap_or(u32::MAX);
    let sum = match addrs {
        AddrPair::V4 { src, dst } => Sum::of(&src.octets()).and(&dst.octets()),
        AddrPair::V6 { src, dst } => Sum::of(&src.octets()).and(&dst.octets()),
    };
    sum.and_u16(u16::from(protocol)).and_u32(length)
}

/// A checksum that can be had for any data by choosing one of its words: everything but 0xffff, which only all-zero data has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct FixedChecksum(u16);

impl FixedChecksum {
    /// `None` for 0xffff.
    #[must_use]
    pub const fn new(checksum: u16) -> Option<Self> {
        match checksum {
            0xffff => None,
            possible => Some(Self(possible)),
        }
    }

    /// The nearest value that is possible: 0xffff becomes 0, its equal in one's complement.
    #[must_use]
    pub const fn nearest(checksum: u16) -> Self {
        match checksum {
            0xffff => Self(0),
            possible => Self(possible),
        }
    }

    /// The value of the checksum field.
    #[must_use]
    pub const fn get(self) -> u16 {
        self.0
    }

    /// The word which, placed at an even offset where `rest` was summed with zeros, makes the checksum of the whole exactly this.
    ///
    /// It is `~checksum - rest` in one's complement. `~checksum` is not zero here, so neither is the word: the whole is never all
    /// zeros, its sum never 0x0000, and of the two zeros only the wanted one is left.
    #[must_use]
    pub fn word_for(self, rest: Sum) -> u16 {
        // a - b is a + ~b with end-around carry.
        let (sum, carried) = (!self.0).overflowing_add(rest.checksum());
        sum.wrapping_add(u16::from(carried))
    }
}

/// Sum of the 16-bit words of `bytes` in host order, taken as 32-bit words; an odd end is padded with zeros.
fn sum_even(bytes: &[u8]) -> u64 {
    let (words, rest) = bytes.as_chunks::<4>();
    let sum: u64 = words.iter().map(|word| u64::from(u32::from_ne_bytes(*word))).sum();
    let tail = match *rest {
        [a] => u32::from_ne_bytes([a, 0, 0, 0]),
        [a, b] => u32::from_ne_bytes([a, b, 0, 0]),
        [a, b, c] => u32::from_ne_bytes([a, b, c, 0]),
        _ => 0,
    };
    sum + u64::from(tail)
}

/// End-around carry down to 16 bits. Zero only for zero.
fn fold(sum: u64) -> u16 {
    let sum = (sum >> 32) + (sum & 0xffff_ffff); // below 2^33
    let sum = (sum >> 16) + (sum & 0xffff); // at most 0x2fffe
    let sum = (sum >> 16) + (sum & 0xffff); // at most 0x10000
    let sum = (sum >> 16) + (sum & 0xffff); // at most 0xffff
    let [.., high, low] = sum.to_be_bytes();
    u16::from_be_bytes([high, low])
}

#[cfg(test)]
mod tests;
