//! Keyed cookies: an answer counts only if it carries what nobody but this process could have written.

use std::hash::Hasher;

use siphasher::sip::SipHasher13;

use crate::units::{ProbeSeq, SeriesId};

/// The secret of a run. Two processes, and two runs of one process, never share it.
#[derive(Clone, Copy)]
pub struct CookieKey([u64; 2]);

impl CookieKey {
    /// A key from 16 random bytes, which the caller draws (tests: a seed).
    #[must_use]
    pub const fn new(secret: [u64; 2]) -> Self {
        Self(secret)
    }

    /// The cookie of an echo request.
    #[must_use]
    pub fn echo(self, series: SeriesId, seq: ProbeSeq) -> u64 {
        self.hash(Domain::Echo, series, seq)
    }

    /// The initial sequence number of a SYN. With its source port this is what fits of the cookie into a TCP header.
    #[must_use]
    pub fn isn(self, series: SeriesId, seq: ProbeSeq) -> u32 {
        // The upper half: any 32 bits of a SipHash are as good as any other.
        u32::try_from(self.hash(Domain::Syn, series, seq) >> 32).unwrap_or_default()
    }

    /// The checksum of a UDP datagram, never 0 or 0xffff: no two of 65,521 datagrams in a row of a series share one.
    #[must_use]
    pub fn datagram(self, series: SeriesId, seq: ProbeSeq) -> u16 {
        let secret = self.hash(Domain::Datagram, series, ProbeSeq::default());
        // A line modulo a prime meets each value once, whatever its slope (but 0) and start.
        let (start, slope) = ((secret >> 32) % DATAGRAMS, 1 + (secret & 0xffff_ffff) % (DATAGRAMS - 1));
        let point = (start + slope * (seq.get() % DATAGRAMS)) % DATAGRAMS;
        u16::try_from(point + 1).unwrap_or_default()
    }

    /// A 16-bit value of its own for every flow of every series.
    #[must_use]
    pub fn flow(self, series: SeriesId, flow: u16) -> u16 {
        u16::try_from(self.hash(Domain::Flow, series, ProbeSeq::new(flow.into())) >> 48).unwrap_or_default()
    }

    fn hash(self, domain: Domain, series: SeriesId, seq: ProbeSeq) -> u64 {
        let mut hasher = SipHasher13::new_with_keys(self.0[0], self.0[1]);
        hasher.write_u64(seq.get());
        hasher.write_u64(u64::from(series.get()) << 8 | domain as u64);
        hasher.finish()
    }
}

/// Keeps the uses of one key apart.
#[derive(Clone, Copy)]
enum Domain {
    Echo,
    Syn,
    Flow,
    Datagram,
}

impl std::fmt::Debug for CookieKey {
    /// The secret stays out of logs.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("CookieKey(..)")
    }
}

/// The largest prime below 2^16.
const DATAGRAMS: u64 = 65_521;

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn datagrams_in_a_row_differ_in_their_checksums_and_no_checksum_is_a_zero() {
        for (key, series) in [([1, 2], 0), ([3, 4], 1), ([u64::MAX, 5], 70_000)] {
            let key = CookieKey::new(key);
            let from = 1_u64 << 40;
            let values: HashSet<u16> = (from..from + DATAGRAMS)
                .map(|seq| key.datagram(SeriesId::new(series), ProbeSeq::new(seq)))
                .collect();
            assert_eq!(values.len(), 65_521);
            assert!(!values.contains(&0) && !values.contains(&0xffff));
        }
    }
}
