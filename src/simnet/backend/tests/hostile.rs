//! Arbitrary segments at arbitrary moments: no panic, bounded tables, no deadline in the past.

use proptest::collection::vec;
use proptest::prelude::*;

use super::*;
use crate::simnet::topology::{HalfOpen, Stall};

/// What happens to the backend next.
#[derive(Clone, Debug)]
enum Step {
    Segment {
        from: u16,
        flags: u8,
        offset: i32,
        acks: bool,
        options: Vec<u8>,
        payload: usize,
    },
    Bytes(u8, Vec<u8>),
    Wait(u64),
    Change(usize),
}

fn step() -> impl Strategy<Value = Step> {
    let offset = prop_oneof![-2..3_i32, -70_000..70_000_i32, any::<i32>()];
    let options = prop_oneof![Just(vec![]), vec(any::<u8>(), 0..8).prop_map(|words| words.repeat(4))];
    let segment = (
        40_000_u16..40_004,
        any::<u8>(),
        offset,
        any::<bool>(),
        options,
        0..3_usize,
    );
    prop_oneof![
        8 => segment.prop_map(|(from, flags, offset, acks, options, payload)| Step::Segment {
            from, flags, offset, acks, options, payload
        }),
        1 => (any::<u8>(), vec(any::<u8>(), 0..60)).prop_map(|(protocol, bytes)| Step::Bytes(protocol, bytes)),
        3 => prop_oneof![0..2000_u64, 0..200_000_u64].prop_map(Step::Wait),
        1 => (0..5_usize).prop_map(Step::Change),
    ]
}

fn change(which: usize) -> BackendSettings {
    let mut settings = settings();
    settings.half_open = Some(HalfOpen {
        entries: 2,
        syn_ack_retries: 200,
    });
    match which {
        0 => settings.stall = Some(Stall::Tcp),
        1 => settings.stall = Some(Stall::Both),
        2 => settings.off = Some(true),
        3 => settings.ports = None,
        _ => {}
    }
    settings
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn nothing_that_arrives_upsets_a_backend(v6 in any::<bool>(), steps in vec(step(), 1..80)) {
        let family = if v6 { Family::V6 } else { Family::V4 };
        let mut bench = Bench::new(family, &change(4));
        let (mut now, mut own) = (0, 0_u32);
        for step in steps {
            let answers = match step {
                Step::Segment { from, flags, offset, acks, options, payload } => {
                    let seq = 1000_u32.wrapping_add_signed(offset);
                    let ack = if acks { own.wrapping_add(1) } else { seq };
                    let payload = &b"xyz"[..payload];
                    bench.segment(now, Peer { from, to: 80, flags, seq, ack, options: &options, payload }).1
                }
                Step::Bytes(protocol, bytes) => {
                    let [src, dst] = addresses(family);
                    let cause = Cause { serial: 0, sent_at: at(now) };
                    if let Ok(packet) = Packet::read(ip(src, dst, protocol, &[], &bytes), cause) {
                        bench.backend.handle_packet(at(now), &packet, &mut bench.out);
                    }
                    bench.answers()
                }
                Step::Wait(millis) => {
                    now += millis;
                    bench.run_to(now);
                    vec![]
                }
                Step::Change(which) => bench.reconfigure(now, &change(which)),
            };
            for answer in answers {
                if let Said::Segment { flags, seq, .. } = answer.said && flags & SYN != 0 {
                    own = seq;
                }
            }
            prop_assert!(bench.backend.next_deadline().is_none_or(|due| due > at(now)));
            prop_assert!(bench.backend.tcp.is_consistent());
        }
    }
}

#[test]
fn a_flood_of_syns_fills_the_table_and_no_more_memory() {
    let mut bench = Bench::new(Family::V4, &settings());
    let mut opened = 0;
    for from in 40_000..50_000 {
        opened += bench.segment(0, Peer { from, ..PEER }).1.len();
    }
    assert_eq!(opened, 4096);
    assert!(bench.backend.tcp.is_consistent());
    // More than half full and nothing young once the first timers have run out: gone after 7 s, down to the half.
    bench.run_to(7000);
    assert!(bench.backend.tcp.is_consistent());
    bench.run_to(63_000);
    assert_eq!(bench.backend.next_deadline(), None);
}

#[test]
fn the_end_of_time_is_no_trap() {
    let mut bench = Bench::new(Family::V4, &settings());
    let end = Mono::from_nanos(u64::MAX);
    bench.open(0, PEER);
    bench.backend.handle_deadline(end, &mut bench.out);
    assert_eq!(bench.backend.next_deadline(), None);
}
