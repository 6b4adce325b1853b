//! Answers as Linux 6.18 gave them to segments made by hand; its application read to the end and closed then.

use super::super::half_open::HalfOpen;
use super::*;
use crate::simnet::packet::Cause;
use crate::wire::Family;
use crate::wire::tcp;

const FIN: u8 = 1;
const SYN: u8 = 2;
const RST: u8 = 4;
const ACK: u8 = 16;
/// The first sequence number of the peer's data; 1 is that of ours.
const PEER: u32 = 1001;

fn bytes(flags: u8, seq: u32, ack: u32, payload: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0x9c, 0x41, 0, 80];
    bytes.extend(seq.to_be_bytes());
    bytes.extend(ack.to_be_bytes());
    bytes.extend([5 << 4, flags, 0xfa, 0xf0, 0, 0, 0, 0]);
    bytes.extend(payload);
    bytes
}

fn connection() -> Connection {
    let syn = bytes(SYN, PEER - 1, 0, &[]);
    Connection::new(&HalfOpen {
        peer_isn: PEER - 1,
        own_isn: 0,
        peer: Peer::of_syn(Family::V4, &tcp::parse(&syn).unwrap()),
        cause: Cause {
            serial: 0,
            sent_at: Mono::default(),
        },
        stamped: (0, 0),
        timeouts: 0,
        ack_limit: AckLimit::default(),
    })
}

fn take(connection: &mut Connection, millis: u64, segment: &[u8]) -> Reaction {
    connection.take(Mono::from_nanos(millis * 1_000_000), &tcp::parse(segment).unwrap())
}

#[test]
fn data_is_acknowledged_once_taken_and_as_missing_where_there_is_a_hole() {
    let mut connection = connection();
    assert_eq!(take(&mut connection, 1, &bytes(ACK, PEER, 1, b"hello")), Reaction::Ack);
    assert_eq!(connection.peer_next, PEER + 5);
    for (seq, payload) in [(PEER + 100, &b"hole"[..]), (PEER, b"hello")] {
        assert_eq!(take(&mut connection, 2, &bytes(ACK, seq, 1, payload)), Reaction::Ack);
        assert_eq!(connection.peer_next, PEER + 5);
    }
}

#[test]
fn data_that_is_partly_known_is_taken_to_its_end() {
    // RFC 9293 section 3.10.7.4: trim to the window. Not measured.
    let mut connection = connection();
    take(&mut connection, 1, &bytes(ACK, PEER, 1, b"hello"));
    assert_eq!(
        take(&mut connection, 2, &bytes(ACK, PEER + 2, 1, b"llo, you")),
        Reaction::Ack
    );
    assert_eq!(connection.peer_next, PEER + 10);
}

#[test]
fn a_fin_is_answered_by_fin_and_the_last_ack_ends_it() {
    let mut connection = connection();
    assert_eq!(
        take(&mut connection, 1, &bytes(FIN | ACK, PEER, 1, &[])),
        Reaction::FinAck
    );
    assert_eq!((connection.own_next, connection.peer_next), (2, PEER + 1));
    assert_eq!(take(&mut connection, 2, &bytes(FIN | ACK, PEER, 1, &[])), Reaction::Ack);
    assert_eq!(take(&mut connection, 3, &bytes(ACK, PEER + 1, 2, &[])), Reaction::End);
}

#[test]
fn a_pure_ack_is_not_answered() {
    assert_eq!(take(&mut connection(), 1, &bytes(ACK, PEER, 1, &[])), Reaction::Nothing);
}

#[test]
fn a_reset_ends_it_with_the_next_number_whatever_it_acknowledges_and_is_challenged_within_the_window() {
    assert_eq!(
        take(&mut connection(), 1, &bytes(RST | ACK, PEER, 100, &[])),
        Reaction::End
    );
    assert_eq!(take(&mut connection(), 1, &bytes(RST, PEER + 1, 0, &[])), Reaction::Ack);
    assert_eq!(
        take(&mut connection(), 1, &bytes(RST, PEER - 1, 0, &[])),
        Reaction::Nothing
    );
    assert_eq!(
        take(&mut connection(), 1, &bytes(RST, PEER + 90_000, 0, &[])),
        Reaction::Nothing
    );
}

#[test]
fn a_syn_is_challenged_but_once_in_half_a_second() {
    let mut connection = connection();
    assert_eq!(
        take(&mut connection, 205, &bytes(SYN, PEER + 3999, 0, &[])),
        Reaction::Ack
    );
    assert_eq!(
        take(&mut connection, 307, &bytes(SYN, 3_000_000_000, 0, &[])),
        Reaction::Nothing
    );
    assert_eq!(
        take(&mut connection, 415, &bytes(RST, PEER + 1, 0, &[])),
        Reaction::Nothing
    );
    assert_eq!(
        take(&mut connection, 705, &bytes(SYN, 3_000_000_000, 0, &[])),
        Reaction::Ack
    );
}

#[test]
fn data_that_acknowledges_what_was_never_sent_or_nothing_is_not_taken() {
    let mut connection = connection();
    assert_eq!(take(&mut connection, 1, &bytes(ACK, PEER, 9, b"x")), Reaction::Ack);
    assert_eq!(take(&mut connection, 2, &bytes(0, PEER, 0, b"x")), Reaction::Nothing);
    assert_eq!(connection.peer_next, PEER);
}
