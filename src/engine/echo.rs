//! What an echo request of ours carries, so that its reply proves itself.
//!
//! Payload, in network byte order, after the word that holds the ICMP checksum (and so the flow) constant:
//!
//! ```text
//!  0         2                 10        14                22
//!  +---------+-----------------+---------+-----------------+---------
//!  | balance | cookie          | series  | sequence        | filler
//!  +---------+-----------------+---------+-----------------+---------
//! ```

use super::cookie::CookieKey;
use crate::units::{ProbeSeq, SeriesId};
use crate::wire::icmp::HELD_ECHO_MIN_LEN;

/// The probe that an echo message belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct EchoMark {
    pub(super) series: SeriesId,
    pub(super) seq: ProbeSeq,
}

impl EchoMark {
    /// Writes the mark into the payload of an echo request; `message` begins at its ICMP header.
    pub(super) fn write(self, key: CookieKey, message: &mut [u8]) {
        let Some(mark) = message.get_mut(HELD_ECHO_MIN_LEN..HELD_ECHO_MIN_LEN + MARK_LEN) else {
            return;
        };
        mark[..8].copy_from_slice(&key.echo(self.series, self.seq).to_be_bytes());
        mark[8..12].copy_from_slice(&self.series.get().to_be_bytes());
        mark[12..].copy_from_slice(&self.seq.get().to_be_bytes());
    }

    /// Reads the mark of a payload; `None` where it is cut short or its cookie is not ours.
    pub(super) fn read(key: CookieKey, payload: &[u8]) -> Option<Self> {
        let mark = payload.get(BALANCE_LEN..BALANCE_LEN + MARK_LEN)?;
        let cookie = u64::from_be_bytes(*mark.first_chunk()?);
        let series = SeriesId::new(u32::from_be_bytes(*mark.get(8..)?.first_chunk()?));
        let seq = ProbeSeq::new(u64::from_be_bytes(*mark.get(12..)?.first_chunk()?));
        (key.echo(series, seq) == cookie).then_some(Self { series, seq })
    }

    /// Whether a payload is long enough to hold a mark.
    pub(super) const fn fits(payload: &[u8]) -> bool {
        payload.len() >= BALANCE_LEN + MARK_LEN
    }
}

/// The sequence number in the ICMP header of a probe: from 1, as `ping` counts.
pub(super) fn wire_sequence(seq: ProbeSeq) -> u16 {
    u16::try_from(seq.get().wrapping_add(1) & 0xffff).unwrap_or_default()
}

const BALANCE_LEN: usize = 2;
const MARK_LEN: usize = 20;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_survives_the_wire_and_no_bit_of_it_can_be_changed() {
        let key = CookieKey::new([1, 2]);
        let mark = EchoMark {
            series: SeriesId::new(70_000),
            seq: ProbeSeq::new(5_000_000_000),
        };
        let mut message = [0_u8; 40];
        mark.write(key, &mut message);
        assert_eq!(EchoMark::read(key, &message[8..]), Some(mark));
        for bit in 0..MARK_LEN * 8 {
            let mut forged = message;
            forged[10 + bit / 8] ^= 1 << (bit % 8);
            assert_eq!(EchoMark::read(key, &forged[8..]), None, "bit {bit}");
        }
        assert_eq!(
            EchoMark::read(CookieKey::new([1, 3]), &message[8..]),
            None,
            "another process"
        );
        assert_eq!(EchoMark::read(key, &message[8..29]), None, "cut short");
    }

    #[test]
    fn sequence_numbers_count_from_one_and_wrap() {
        assert_eq!(wire_sequence(ProbeSeq::new(0)), 1);
        assert_eq!(wire_sequence(ProbeSeq::new(65_534)), 65_535);
        assert_eq!(wire_sequence(ProbeSeq::new(65_535)), 0);
    }
}
