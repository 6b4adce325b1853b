//! Probes that are launched one by one.

use super::*;
use crate::engine::launch::Launch;

/// A series that is only launched, with 16 places.
fn launched(proto: Proto) -> World {
    let mut prober = Prober::new(None);
    let admission = Admission {
        memory: 16,
        ..admission(proto, pace(1_000, 1_000, 0))
    };
    let id = prober.admit(ms(0), admission);
    World {
        prober,
        id,
        events: Vec::new(),
    }
}

impl World {
    fn try_launch(&mut self, now: Mono, ttl: u8) -> Option<Due> {
        let launch = Launch { series: self.id, ttl };
        let due = self.prober.launch(now, ClockEpoch::default(), launch, |_, seq| {
            7 + u32::try_from(seq.get()).unwrap()
        })?;
        self.prober.handle_sent(due);
        self.prober
            .handle_tx_stamp(due.series, due.seq, wall(now.after(Duration::from_micros(1))));
        Some(due)
    }

    fn launch(&mut self, now: Mono, ttl: u8) -> ProbeSeq {
        self.try_launch(now, ttl).expect("there is room").seq
    }
}

fn fates(events: &[(u64, What)]) -> Vec<(u64, Fate)> {
    let settled = events.iter().filter_map(|&(seq, what)| match what {
        What::Settled(fate) => Some((seq, fate)),
        _ => None,
    });
    settled.collect()
}

#[test]
fn a_launched_probe_leaves_at_once_with_its_ttl_and_is_awaited() {
    for proto in Proto::ALL {
        let mut world = launched(proto);
        assert_eq!(world.prober.next_deadline(), None, "nothing is scheduled");
        assert!(world.prober.is_finished());
        assert_eq!(world.prober.poll_due(ms(9_000), ClockEpoch::default(), |_, _| 0), None);
        for (seq, ttl) in [(0, 1), (1, 9), (2, 255)] {
            let due = Due {
                series: world.id,
                seq: ProbeSeq::new(seq),
                late_by: Duration::ZERO,
                ttl: Some(ttl),
            };
            assert_eq!(world.try_launch(ms(5), ttl), Some(due));
        }
        assert!(!world.prober.is_finished());
        assert_eq!(world.prober.in_flight(proto), 3);
        assert_eq!(world.prober.next_deadline(), Some(ms(1_005)));
        let sent = What::Sent {
            late_by: Duration::ZERO,
        };
        assert_eq!(world.drain(), [(0, sent), (1, sent), (2, sent)]);
    }
}

#[test]
fn launched_probes_are_answered_out_of_order_and_settled_in_order() {
    let mut world = launched(Proto::Icmp);
    let [first, second] = [ms(0), ms(1)].map(|at| world.launch(at, 1));
    world.drain();
    world.answer(second, Answer::Reply, ms(3), ms(3));
    let events = world.drain();
    assert_eq!(answered(&events).timing, kernel(2 * MS - 1_000));
    assert_eq!(fates(&events), [], "the first is still awaited");
    world.answer(first, Answer::Refused, ms(4), ms(4));
    let events = world.drain();
    assert!(answered(&events).reordered);
    let second = Fate::Received(kernel(2 * MS - 1_000));
    assert_eq!(fates(&events), [(0, Fate::Rejected), (1, second)]);
    assert!(world.prober.is_finished());
}

#[test]
fn a_launched_probe_times_out_may_be_late_and_is_lost_when_its_place_is_needed() {
    let mut world = launched(Proto::Udp);
    let [lost, late] = [ms(0), ms(1)].map(|at| world.launch(at, 3));
    world.drain();
    world.prober.handle_deadline(ms(1_000));
    assert_eq!(world.drain(), [(0, What::TimedOut)]);
    world.prober.handle_deadline(ms(1_001));
    assert_eq!(world.drain(), [(1, What::TimedOut)]);
    assert!(world.prober.is_finished());
    world.answer(late, Answer::Reply, ms(1_100), ms(1_100));
    assert_eq!(answered(&world.drain()).in_time, InTime::Late);
    world.answer(late, Answer::Reply, ms(1_200), ms(1_200));
    assert_eq!(world.drain(), [(1, What::Duplicate)]);
    for at in 0..14 {
        world.launch(ms(2_000 + at), 3);
    }
    assert_eq!(fates(&world.drain()), [], "there is room for all sixteen");
    world.launch(ms(2_014), 3);
    assert_eq!(fates(&world.drain()), [(0, Fate::Lost), (1, Fate::Late)]);
    world.answer(lost, Answer::Reply, ms(2_015), ms(2_015));
    assert_eq!(world.drain(), [(0, What::LateAfterClose)]);
}

#[test]
fn no_probe_is_launched_over_one_that_is_awaited() {
    let mut world = launched(Proto::Icmp);
    let seqs: Vec<ProbeSeq> = (0..16).map(|at| world.launch(ms(at), 1)).collect();
    world.drain();
    assert_eq!(world.try_launch(ms(16), 1), None);
    // Another than the oldest makes no room: numbers are in the order of sending.
    world.answer(seqs[5], Answer::Reply, ms(17), ms(17));
    assert_eq!(world.try_launch(ms(18), 1), None);
    assert_eq!(world.prober.in_flight(Proto::Icmp), 15, "a refusal is no probe");
    world.answer(seqs[0], Answer::Reply, ms(19), ms(19));
    assert_eq!(world.launch(ms(20), 1), ProbeSeq::new(16));
    assert_eq!(world.try_launch(ms(21), 1), None);
}

#[test]
fn launched_syns_keep_to_the_pace_of_all_syns_and_others_do_not() {
    for (proto, most) in [(Proto::Tcp, 32), (Proto::Icmp, 64), (Proto::Udp, 64)] {
        let mut prober = Prober::new(Some(10));
        let id = prober.admit(ms(0), admission(proto, pace(1_000, 1_000, 0)));
        let launch = Launch { series: id, ttl: 1 };
        let mut try_launch = |now| prober.launch(now, ClockEpoch::default(), launch, |_, _| 0).is_some();
        // A burst is 32; there are 64 places.
        let at_once = (0..100).filter(|_| try_launch(ms(50_000))).count();
        assert_eq!(at_once, most, "{proto:?}");
        if proto == Proto::Tcp {
            assert!(!try_launch(ms(50_099)));
            assert!(try_launch(ms(50_100)), "10 a second");
        }
    }
}

#[test]
fn series_with_a_schedule_and_unknown_ones_are_not_launched() {
    let mut world = World::new(Proto::Icmp, pace(1_000, 1_000, 3));
    assert_eq!(world.try_launch(ms(1), 1), None);
    world.id = SeriesId::new(77);
    assert_eq!(world.try_launch(ms(1), 1), None);
    assert_eq!(world.drain(), []);
}

#[test]
fn what_the_icmp_queue_dropped_excuses_all_that_icmp_answers() {
    let overflow = Fate::Unjudged(Unjudged::ReceiveOverflow);
    for proto in Proto::ALL {
        let mut world = launched(proto);
        for at in 0..3 {
            world.launch(ms(at), 1);
        }
        world.prober.handle_receive_drops(Proto::Icmp, 2, ms(10));
        world.prober.handle_deadline(ms(5_000));
        let events = world.drain();
        assert_eq!(fates(&events), [(0, overflow), (1, overflow)], "{proto:?}");
        assert!(events.contains(&(2, What::TimedOut)), "{proto:?}: two drops excuse two");
    }
    let mut scheduled = World::new(Proto::Tcp, pace(1_000, 1_000, 1));
    scheduled.send(ms(1_000));
    scheduled.prober.handle_receive_drops(Proto::Icmp, 2, ms(1_010));
    scheduled.prober.handle_deadline(ms(5_000));
    assert_eq!(
        fates(&scheduled.drain()),
        [],
        "a SYN that goes all the way is answered by TCP"
    );
}

#[test]
fn a_launch_that_the_kernel_refuses_was_not_sent() {
    let mut world = launched(Proto::Udp);
    let launch = Launch {
        series: world.id,
        ttl: 4,
    };
    let due = world
        .prober
        .launch(ms(1), ClockEpoch::default(), launch, |_, _| 1)
        .unwrap();
    world.prober.handle_send_error(due, SendError::Denied);
    let expected = [
        (0, What::SendFailed(SendError::Denied)),
        (0, What::Settled(Fate::NotSent)),
    ];
    assert_eq!(world.drain(), expected);
    assert!(world.prober.is_finished());
    world.launch(ms(2), 4);
    world.prober.close();
    assert_eq!(fates(&world.drain()), [(1, Fate::Unjudged(Unjudged::Cut))]);
}
