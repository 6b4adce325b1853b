//! SYN-ACKs, their repetition, the table of half-open connections, the accept queue, and connections from end to end.

use super::*;
use crate::simnet::topology::Span;
use crate::simnet::topology::{AcceptQueue, HalfOpen};
use crate::wire::tcp::{TcpOption, Timestamps};

/// What `connect()` offers on Linux: MSS 1400, SACK, `TSval` 0x1000, scale 9.
const OFFER: [u8; 20] = [2, 4, 5, 120, 4, 2, 8, 10, 0, 0, 0x10, 0, 0, 0, 0, 0, 1, 3, 3, 9];

/// The bytes of what answers a SYN with these options.
fn raw_syn_ack(family: Family, options: &[u8]) -> Vec<u8> {
    let mut bench = Bench::new(family, &settings());
    let [src, dst] = addresses(family);
    let cause = Cause {
        serial: 0,
        sent_at: at(0),
    };
    let transport = segment(family, Peer { options, ..PEER });
    let packet = Packet::read(ip(src, dst, 6, &[], &transport), cause).unwrap();
    bench.backend.handle_packet(at(0), &packet, &mut bench.out);
    bench.out.drain().next().unwrap().bytes
}

#[test]
fn a_syn_ack_offers_back_what_the_syn_offered() {
    both(|family| {
        let bytes = raw_syn_ack(family, &OFFER);
        let segment = tcp::parse(wire::ip::parse(&bytes).unwrap().payload).unwrap();
        let options: Vec<TcpOption> = tcp::options(segment.options).collect();
        let [
            mss,
            sack,
            TcpOption::Timestamps(Timestamps { echo, .. }),
            TcpOption::Nop,
            scale,
        ] = options[..]
        else {
            panic!("{options:?}");
        };
        assert_eq!(
            (mss, sack),
            (TcpOption::Mss(by_family(family, 1460, 1440)), TcpOption::SackPermitted)
        );
        assert_eq!((echo, scale), (0x1000, TcpOption::WindowScale(7)));
        // 45 segments of 1448 bytes, or of 1428.
        assert_eq!(segment.window, by_family(family, 65_160, 64_260));
    });
}

#[test]
fn a_syn_ack_offers_nothing_to_a_syn_without_options_and_is_not_to_be_fragmented() {
    let bytes = raw_syn_ack(Family::V4, &[]);
    let segment = tcp::parse(wire::ip::parse(&bytes).unwrap().payload).unwrap();
    assert_eq!(
        tcp::options(segment.options).collect::<Vec<_>>(),
        [TcpOption::Mss(1460)]
    );
    assert_eq!(segment.window, 64_240);
    assert_eq!(bytes[6], 0x40);
}

#[test]
fn initial_sequence_numbers_and_clocks_come_from_the_seed() {
    let isn = |seed, port| {
        let backend = Backend::new(&settings(), stream(seed, "app01"), at(0));
        let mut bench = Bench::new(Family::V4, &settings());
        bench.backend = backend;
        bench.open(0, Peer { from: port, ..PEER })
    };
    assert_eq!(isn(1, 40_001), isn(1, 40_001));
    assert_ne!(isn(1, 40_001), isn(2, 40_001));
}

#[test]
fn a_syn_ack_is_repeated_five_times_and_the_entry_forgotten_after_63_seconds() {
    both(|family| {
        let mut bench = Bench::new(family, &settings());
        let isn = bench.open(0, PEER);
        let sent = bench.run_to(62_999);
        let moments: Vec<Mono> = sent.iter().map(|(moment, _)| *moment).collect();
        // Measured 1.031, 3.047, 7.207, 15.399 and 31.528 s: the kernel's timer wheel is coarser the longer it waits.
        assert_eq!(moments, [1, 3, 7, 15, 31].map(|seconds| at(seconds * 1000)));
        let syn_ack = Said::Segment {
            flags: SYN | ACK,
            seq: isn,
            ack: 1001,
        };
        assert!(
            sent.iter()
                .all(|(_, answer)| answer.said == syn_ack && answer.serial == 0)
        );
        // Still there: another SYN is challenged. Gone: the next one opens.
        let (_, challenge) = bench.segment(
            62_999,
            Peer {
                seq: 3_000_000_000,
                ..PEER
            },
        );
        let old = Said::Segment {
            flags: ACK,
            seq: isn.wrapping_add(1),
            ack: 1001,
        };
        assert_eq!(challenge, one(1, old));
        assert_eq!(bench.run_to(63_000), vec![]);
        assert_eq!(bench.backend.next_deadline(), None);
        bench.open(63_001, Peer { seq: 77, ..PEER });
    });
}

#[test]
fn the_first_wait_begins_when_a_slow_backend_has_answered() {
    let mut slow = settings();
    slow.tcp_delay = Some(Jitter::Bimodal {
        by: Span(Duration::from_secs(5)),
        share: 1.0,
    });
    let mut bench = Bench::new(Family::V4, &slow);
    let (_, first) = bench.segment(0, PEER);
    assert_eq!(first[0].after, Duration::from_secs(5));
    let moments: Vec<Mono> = bench.run_to(10_000).into_iter().map(|(moment, _)| moment).collect();
    // One second and three after the first one left.
    assert_eq!(moments, [at(6_000), at(8_000)]);
    // The same SYN again: 5 s to its answer, and then as long as the timer has come to, 4 s.
    bench.segment(10_000, PEER);
    assert_eq!(bench.backend.next_deadline(), Some(at(19_000)));
}

#[test]
fn a_repeated_syn_begins_the_wait_anew_and_answers_carry_its_own_cause() {
    let mut bench = Bench::new(Family::V4, &settings());
    let isn = bench.open(0, PEER);
    let syn_ack = Said::Segment {
        flags: SYN | ACK,
        seq: isn,
        ack: 1001,
    };
    assert_eq!(bench.segment(600, PEER).1, one(1, syn_ack));
    // Measured: after repetitions at 103, 657 and 1206 ms the kernel's own came at 2212 ms.
    let moments: Vec<Mono> = bench.run_to(4000).into_iter().map(|(moment, _)| moment).collect();
    assert_eq!(moments, [at(1600), at(3600)]);
}

#[test]
fn a_port_used_again_after_a_lost_reset_costs_the_prober_its_next_probes() {
    // The story of a raw SYN prober of which one RST is lost, SYN by SYN, as it was measured.
    both(|family| {
        let mut bench = Bench::new(family, &settings());
        let isn = bench.open(0, PEER);
        let old = Said::Segment {
            flags: ACK,
            seq: isn.wrapping_add(1),
            ack: 1001,
        };
        let other = Peer {
            seq: 3_000_000_000,
            ..PEER
        };
        assert_eq!(bench.segment(300, other).1, one(1, old));
        assert_eq!(bench.segment(600, other).1, vec![]);
        // Its kernel answers the bare ACK with a RST of the number that it acknowledges.
        let reset = Peer {
            flags: RST,
            seq: 1001,
            ..PEER
        };
        assert_eq!(bench.segment(601, reset).1, vec![]);
        bench.open(900, other);
    });
}

#[test]
fn a_syn_inside_the_window_resets_and_the_next_opens() {
    let mut bench = Bench::new(Family::V4, &settings());
    bench.open(0, PEER);
    let inside = Peer { seq: 2000, ..PEER };
    let reset = Said::Segment {
        flags: RST | ACK,
        seq: 0,
        ack: 2001,
    };
    assert_eq!(bench.segment(109, inside).1, one(1, reset));
    bench.open(202, inside);
}

#[test]
fn a_full_table_drops_new_syns_only_and_a_reset_makes_room() {
    let mut settings = settings();
    settings.half_open = Some(HalfOpen {
        entries: 2,
        syn_ack_retries: 5,
    });
    let mut bench = Bench::new(Family::V4, &settings);
    let peer = |from| Peer { from, ..PEER };
    bench.open(0, peer(40_001));
    bench.open(0, peer(40_002));
    let overflow = (Taken::Dropped(DropReason::ListenOverflow), vec![]);
    assert_eq!(bench.segment(0, peer(40_003)), overflow);
    assert_eq!(bench.segment(1, peer(40_001)).1.len(), 1);
    let reset = Peer {
        flags: RST,
        seq: 1001,
        ..peer(40_002)
    };
    bench.segment(2, reset);
    bench.open(3, peer(40_003));
}

#[test]
fn a_crowded_table_gives_up_old_entries_early() {
    // reqsk_timer_handler: of 10 entries allowed 6 are there, none of them young after their first timeout (2 x 6 > 10), so that
    // retries fall from 5 to 2: SYN-ACKs at 1 and 3 s, and forgotten at 7 s instead of 63.
    let mut settings = settings();
    settings.half_open = Some(HalfOpen {
        entries: 10,
        syn_ack_retries: 5,
    });
    let mut bench = Bench::new(Family::V4, &settings);
    for from in 40_001..=40_006 {
        bench.open(0, Peer { from, ..PEER });
    }
    assert_eq!(bench.run_to(1000).len(), 6);
    assert_eq!(bench.run_to(3000).len(), 6);
    // As they go, the table empties: the last five are no crowd any more and live on.
    assert_eq!(bench.run_to(7000).len(), 5);
}

#[test]
fn a_full_accept_queue_drops_syns_and_ignores_the_final_ack() {
    both(|family| {
        let mut bench = Bench::new(family, &settings());
        let isn = bench.open(0, PEER);
        let mut full = settings();
        full.accept_queue = Some(AcceptQueue {
            backlog: 2,
            occupied: 3,
        });
        bench.reconfigure(50, &full);
        let ack = Peer {
            flags: ACK,
            seq: 1001,
            ack: isn.wrapping_add(1),
            ..PEER
        };
        let overflow = (Taken::Dropped(DropReason::ListenOverflow), vec![]);
        assert_eq!(bench.segment(110, ack), overflow);
        assert_eq!(bench.segment(120, Peer { from: 40_002, ..PEER }), overflow);
        assert_eq!(bench.run_to(1500).len(), 1);
        // As many as the backlog are not yet too many: Linux compares with `>`.
        full.accept_queue = Some(AcceptQueue {
            backlog: 2,
            occupied: 2,
        });
        bench.reconfigure(1600, &full);
        assert_eq!(bench.segment(1816, ack), (Taken::Consumed, vec![]));
        assert_eq!(bench.run_to(60_000), vec![]);
    });
}

#[test]
fn a_connection_can_be_made_used_and_closed() {
    both(|family| {
        let mut bench = Bench::new(family, &settings());
        let own = bench.open(0, PEER).wrapping_add(1);
        let peer = |flags, seq, ack, payload| Peer {
            flags,
            seq,
            ack,
            payload,
            ..PEER
        };
        let says = |flags, seq: u32, ack| Said::Segment { flags, seq, ack };
        assert_eq!(bench.segment(1, peer(ACK, 1001, own, b"")).1, vec![]);
        assert_eq!(
            bench.segment(2, peer(ACK, 1001, own, b"hello")).1,
            one(2, says(ACK, own, 1006))
        );
        let fin = bench.segment(3, peer(FIN | ACK, 1006, own, b"")).1;
        assert_eq!(fin, one(3, says(FIN | ACK, own, 1007)));
        let last = own.wrapping_add(1);
        assert_eq!(bench.segment(4, peer(ACK, 1007, last, b"")).1, vec![]);
        assert_eq!(bench.backend.next_deadline(), None);
        assert_eq!(
            bench.segment(5, peer(ACK, 1007, last, b"")).1,
            one(5, says(RST, last, 0))
        );
    });
}

#[test]
fn data_on_the_final_ack_is_acknowledged() {
    let mut bench = Bench::new(Family::V4, &settings());
    let own = bench.open(0, PEER).wrapping_add(1);
    let ack = Peer {
        flags: ACK,
        seq: 1001,
        ack: own,
        payload: b"abc",
        ..PEER
    };
    let said = Said::Segment {
        flags: ACK,
        seq: own,
        ack: 1004,
    };
    assert_eq!(bench.segment(1, ack).1, one(1, said));
}

#[test]
fn a_silent_connection_is_forgotten_in_the_end() {
    let mut bench = Bench::new(Family::V4, &settings());
    let own = bench.open(0, PEER).wrapping_add(1);
    let ack = Peer {
        flags: ACK,
        seq: 1001,
        ack: own,
        ..PEER
    };
    bench.segment(1000, ack);
    bench.segment(2000, ack);
    assert_eq!(bench.backend.next_deadline(), Some(at(602_000)));
    assert_eq!(bench.run_to(602_000), vec![]);
    assert_eq!(bench.backend.next_deadline(), None);
}
