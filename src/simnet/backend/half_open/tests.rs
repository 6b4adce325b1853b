//! Every case with its answer as Linux 6.18 gave it on loopback to segments made by hand (a listening socket, kernel RSTs dropped,
//! SYN cookies off), but for those that say where else the answer comes from.

use super::*;
use crate::wire::Family;
use crate::wire::tcp;

const ISN: u32 = 1000;
const OWN: u32 = 0xffff_ff00;
const SYN: u8 = 2;
const RST: u8 = 4;
const ACK: u8 = 16;

/// A segment as bytes; options are whole words.
fn bytes(flags: u8, seq: u32, ack: u32, options: &[u8], payload: &[u8]) -> Vec<u8> {
    let words = u8::try_from(5 + options.len() / 4).unwrap();
    let mut bytes = vec![0x9c, 0x41, 0, 80];
    bytes.extend(seq.to_be_bytes());
    bytes.extend(ack.to_be_bytes());
    bytes.extend([words << 4, flags, 0xfa, 0xf0, 0, 0, 0, 0]);
    bytes.extend(options);
    bytes.extend(payload);
    bytes
}

fn timestamps(val: u32, echo: u32) -> Vec<u8> {
    let mut option = vec![1, 1, 8, 10];
    option.extend(val.to_be_bytes());
    option.extend(echo.to_be_bytes());
    option
}

fn at(millis: u64) -> Mono {
    Mono::from_nanos(millis * 1_000_000)
}

/// What a SYN with these options leaves behind.
fn half_open(options: &[u8]) -> HalfOpen {
    let syn = bytes(SYN, ISN, 0, options, &[]);
    HalfOpen {
        peer_isn: ISN,
        own_isn: OWN,
        peer: Peer::of_syn(Family::V4, &tcp::parse(&syn).unwrap()),
        cause: Cause {
            serial: 0,
            sent_at: at(0),
        },
        stamped: (500, 500),
        timeouts: 0,
        ack_limit: AckLimit::default(),
    }
}

fn judge(half_open: &mut HalfOpen, millis: u64, segment: &[u8]) -> Meaning {
    half_open.judge(at(millis), &tcp::parse(segment).unwrap())
}

#[test]
fn the_same_syn_gets_its_syn_ack_again_but_once_in_half_a_second() {
    let mut entry = half_open(&[]);
    let syn = bytes(SYN, ISN, 0, &[], &[]);
    let answers = [103, 309, 596, 657, 801, 1206].map(|millis| judge(&mut entry, millis, &syn));
    // The first repetition at 103 counts: the next may come from 603 on, and after the one at 657 from 1157 on.
    let expected = [
        Meaning::Again,
        Meaning::Nothing,
        Meaning::Nothing,
        Meaning::Again,
        Meaning::Nothing,
        Meaning::Again,
    ];
    assert_eq!(answers, expected);
}

#[test]
fn a_syn_with_another_number_is_challenged_and_shares_the_limit_with_the_old_one() {
    let mut entry = half_open(&[]);
    let stranger = bytes(SYN, 3_000_000_000, 0, &[], &[]);
    let answers = [103, 208, 503, 708].map(|millis| judge(&mut entry, millis, &stranger));
    assert_eq!(
        answers,
        [
            Meaning::Challenge,
            Meaning::Nothing,
            Meaning::Nothing,
            Meaning::Challenge
        ]
    );
    assert_eq!(judge(&mut entry, 801, &bytes(SYN, ISN, 0, &[], &[])), Meaning::Nothing);
}

#[test]
fn a_syn_with_a_lower_number_is_challenged() {
    assert_eq!(
        judge(&mut half_open(&[]), 100, &bytes(SYN, ISN - 500, 0, &[], &[])),
        Meaning::Challenge
    );
}

#[test]
fn a_syn_with_another_number_inside_the_window_resets() {
    assert_eq!(
        judge(&mut half_open(&[]), 100, &bytes(SYN, ISN + 1000, 0, &[], &[])),
        Meaning::Reset
    );
}

#[test]
fn a_reset_ends_it_only_with_the_very_next_number() {
    let reset = |offset: u32| judge(&mut half_open(&[]), 100, &bytes(RST, ISN + offset, 0, &[], &[]));
    assert_eq!(reset(1), Meaning::End);
    assert_eq!(reset(60_001), Meaning::Challenge);
    assert_eq!(reset(70_001), Meaning::Nothing);
    assert_eq!(reset(0), Meaning::Nothing);
}

#[test]
fn it_does_not_matter_what_a_reset_acknowledges() {
    let wrong = OWN.wrapping_add(5);
    assert_eq!(
        judge(&mut half_open(&[]), 100, &bytes(RST | ACK, ISN + 1, wrong, &[], &[])),
        Meaning::End
    );
    assert_eq!(
        judge(&mut half_open(&[]), 100, &bytes(RST | ACK, ISN + 101, wrong, &[], &[])),
        Meaning::Challenge
    );
}

#[test]
fn a_timestamp_that_goes_back_is_out_of_place_on_any_segment() {
    let mut entry = half_open(&timestamps(0x1000, 0));
    let old = timestamps(0x0f00, 0);
    assert_eq!(
        judge(&mut entry, 107, &bytes(SYN, ISN, 0, &old, &[])),
        Meaning::Challenge
    );
    assert_eq!(
        judge(&mut entry, 700, &bytes(RST, ISN + 1, 0, &old, &[])),
        Meaning::Nothing
    );
}

#[test]
fn an_ack_that_echoes_a_timestamp_never_sent_is_challenged() {
    let ack = |echo| bytes(ACK, ISN + 1, OWN.wrapping_add(1), &timestamps(0x1001, echo), &[]);
    let mut entry = half_open(&timestamps(0x1000, 0));
    entry.stamped = (500, 520);
    assert_eq!(judge(&mut entry, 100, &ack(12_345)), Meaning::Challenge);
    // `between` in tcp_check_req includes both ends.
    for echo in [500, 510, 520] {
        assert_eq!(judge(&mut entry, 110, &ack(echo)), Meaning::Complete);
    }
}

#[test]
fn the_right_ack_completes_it_with_data_or_without() {
    let own_next = OWN.wrapping_add(1);
    for payload in [&b""[..], b"abc"] {
        assert_eq!(
            judge(&mut half_open(&[]), 100, &bytes(ACK, ISN + 1, own_next, &[], payload)),
            Meaning::Complete
        );
    }
}

#[test]
fn a_wrong_ack_is_left_to_the_listening_socket() {
    let ack = bytes(ACK, ISN + 1, OWN.wrapping_add(2), &[], &[]);
    assert_eq!(judge(&mut half_open(&[]), 100, &ack), Meaning::NotHere);
}

#[test]
fn a_syn_ack_in_answer_to_the_syn_ack_is_challenged() {
    let crossed = bytes(SYN | ACK, ISN, OWN.wrapping_add(1), &[], &[]);
    assert_eq!(judge(&mut half_open(&[]), 100, &crossed), Meaning::Challenge);
}

#[test]
fn data_outside_the_window_is_answered_without_limit() {
    let mut entry = half_open(&[]);
    let data = bytes(ACK, ISN + 100_001, OWN.wrapping_add(1), &[], b"x");
    assert_eq!(
        [105, 208, 310].map(|millis| judge(&mut entry, millis, &data)),
        [Meaning::Challenge; 3]
    );
}

#[test]
fn a_segment_without_flags_means_nothing() {
    assert_eq!(
        judge(&mut half_open(&[]), 100, &bytes(0, ISN + 1, 0, &[], &[])),
        Meaning::Nothing
    );
}

#[test]
fn its_window_is_that_of_linux_with_and_without_timestamps() {
    assert_eq!(half_open(&timestamps(1, 0)).peer.window(), 65_160);
    assert_eq!(half_open(&[]).peer.window(), 64_240);
    assert_eq!(half_open(&[]).peer.scaled_window(), 64_240);
    // 65160 / 128: what the kernel says with a scale of 7.
    let scaled = [timestamps(1, 0), vec![1, 3, 3, 9]].concat();
    assert_eq!(half_open(&scaled).peer.scaled_window(), 509);
}
