//! What routers append to ICMP errors: the objects of an extension structure (RFC 4884, section 7), of which MPLS label stacks are
//! read (RFC 4950).
//!
//! ```text
//!  0               2               3       4
//!  +-------+-------+---------------+
//!  | 2 | reserved  | checksum      |          the structure: version 2
//!  +---------------+-------+-------+
//!  | length        | class | c-type|          an object, its header included in its length
//!  +---------------+-------+-------+
//!  | payload of length - 4 bytes ...
//! ```
//!
//! An object whose length is less than its header, or more than what is left, ends the reading: what was read before it stands.
//! [`super::icmp::parse`] has verified the structure's checksum where it has one.

use super::be16;
use crate::outcome::MplsStack;

/// The MPLS label stack in an extension structure, from its header on; empty where there is none.
#[must_use]
pub fn label_stack(extensions: &[u8]) -> MplsStack {
    let mut stack = MplsStack::default();
    let mut rest = extensions.get(STRUCTURE_HEADER_LEN..).unwrap_or_default();
    while let Some((object, after)) = split_object(rest) {
        if object.get(2..OBJECT_HEADER_LEN) == Some(&INCOMING_LABEL_STACK) {
            let (entries, _) = object.get(OBJECT_HEADER_LEN..).unwrap_or_default().as_chunks::<4>();
            for &entry in entries {
                stack.push(u32::from_be_bytes(entry));
            }
        }
        rest = after;
    }
    stack
}

/// The first object, with its header, and what follows it.
fn split_object(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let len = usize::from(be16(bytes, 0)?);
    if len < OBJECT_HEADER_LEN {
        return None;
    }
    bytes.split_at_checked(len)
}

const STRUCTURE_HEADER_LEN: usize = 4;
const OBJECT_HEADER_LEN: usize = 4;

/// Class 1, c-type 1 (RFC 4950, section 3).
const INCOMING_LABEL_STACK: [u8; 2] = [1, 1];

#[cfg(test)]
mod tests {
    use super::*;

    /// Label, traffic class, bottom of stack, TTL.
    fn read(extensions: &[u8]) -> Vec<(u32, u8, bool, u8)> {
        let stack = label_stack(extensions);
        let entries = stack
            .iter()
            .map(|entry| (entry.label(), entry.traffic_class(), entry.is_bottom(), entry.ttl()));
        entries.collect()
    }

    /// RFC 3032, section 2.1: 20 bits of label, 3 of traffic class, 1 for the bottom, 8 of TTL. Label 16 (0x00010) of class 5 that
    /// is not the bottom with TTL 1, and the label 1048575 (all ones) of class 0 at the bottom with TTL 254.
    const TWO_ENTRIES: [u8; 8] = [0x00, 0x01, 0x0a, 0x01, 0xff, 0xff, 0xf1, 0xfe];

    #[test]
    fn entries_of_a_stack_are_read_outermost_first() {
        let bytes = [&[0x20, 0, 0, 0, 0, 12, 1, 1][..], &TWO_ENTRIES].concat();
        assert_eq!(read(&bytes), [(16, 5, false, 1), (1_048_575, 0, true, 254)]);
    }

    #[test]
    fn other_objects_are_stepped_over() {
        // Class 2 is the interface information of RFC 5837; class 1 has no c-type 2.
        let bytes = [
            &[0x20, 0, 0, 0][..],
            &[0, 8, 2, 0x0a, 1, 2, 3, 4],
            &[0, 8, 1, 2, 1, 2, 3, 4],
            &[0, 12, 1, 1],
            &TWO_ENTRIES,
            &[0, 4, 9, 9],
        ]
        .concat();
        assert_eq!(read(&bytes).len(), 2);
    }

    #[test]
    fn a_damaged_object_ends_the_reading_and_nothing_before_it() {
        let intact = [&[0x20, 0, 0, 0, 0, 12, 1, 1][..], &TWO_ENTRIES].concat();
        for damaged in [
            &[0, 3, 1, 1, 9, 9, 9, 9][..],
            &[0, 0, 1, 1],
            &[0xff, 0xff, 1, 1, 9, 9, 9, 9],
            &[0, 8],
            &[0],
        ] {
            assert_eq!(read(&[&intact, damaged].concat()).len(), 2, "{damaged:02x?}");
        }
        for len in 0..intact.len() {
            assert_eq!(read(&intact[..len]), [], "cut to {len} bytes");
        }
    }

    #[test]
    fn an_entry_cut_short_is_none_and_a_deep_stack_is_cut() {
        assert_eq!(read(&[0x20, 0, 0, 0, 0, 10, 1, 1, 0, 1, 0x0a, 1, 0xff, 0xff]).len(), 1);
        let deep = [&[0x20, 0, 0, 0, 0, 84, 1, 1][..], &TWO_ENTRIES.repeat(10)].concat();
        assert_eq!(read(&deep).len(), 8);
    }
}
