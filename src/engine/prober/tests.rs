//! The prober in virtual time: a world in which every answer's delay is chosen by the test.

mod launch;
mod retire;

use proptest::prelude::*;

use super::super::answer::Measured;
use super::*;
use crate::clock::ClockEpoch;
use crate::outcome::{SendError, StampLoss};

const MS: u64 = 1_000_000;
/// Wall time at the origin of the monotonic clock.
const EPOCH_NS: u64 = 1_700_000_000_000_000_000;

fn ms(ms: u64) -> Mono {
    Mono::from_nanos(ms * MS)
}

fn wall(at: Mono) -> Wall {
    Wall::from_nanos(EPOCH_NS + at.as_nanos())
}

fn pace(interval_ms: u64, timeout_ms: u64, count: u64) -> Pace {
    Pace {
        interval: Duration::from_millis(interval_ms),
        timeout: Duration::from_millis(timeout_ms),
        count: Some(count),
    }
}

fn admission(proto: Proto, pace: Pace) -> Admission {
    Admission {
        proto,
        pace,
        stamp: StampSource::Kernel,
        memory: 64,
        window: 16,
    }
}

/// A prober of one series and what came out of it.
struct World {
    prober: Prober,
    id: SeriesId,
    events: Vec<Event>,
}

impl World {
    fn new(proto: Proto, pace: Pace) -> Self {
        let mut prober = Prober::new(None);
        let id = prober.admit(ms(0), admission(proto, pace));
        Self {
            prober,
            id,
            events: Vec::new(),
        }
    }

    /// Sends the probe that is due at `now`; the kernel stamps it 1 us later.
    fn send(&mut self, now: Mono) -> ProbeSeq {
        let due = self
            .prober
            .poll_due(now, ClockEpoch::default(), |_, seq| {
                7 + u32::try_from(seq.get()).unwrap()
            })
            .unwrap();
        self.prober.handle_sent(due);
        self.prober
            .handle_tx_stamp(due.series, due.seq, wall(now.after(Duration::from_micros(1))));
        due.seq
    }

    /// An answer whose packet reached the kernel at `rx`, and user space at `at`.
    fn answer(&mut self, seq: ProbeSeq, answer: Answer, rx: Mono, at: Mono) {
        let arrival = Arrival {
            at,
            epoch: ClockEpoch::default(),
            measured: Measured::Stamps { rx: Some(wall(rx)) },
            ttl: Some(64),
            bytes: 64,
            from: None,
            told: None,
        };
        self.prober.handle_answer(self.id, seq, answer, arrival);
    }

    fn drain(&mut self) -> Vec<(u64, What)> {
        let new: Vec<Event> = std::iter::from_fn(|| self.prober.poll_event()).collect();
        self.events.extend(&new);
        new.iter().map(|event| (event.seq.get(), event.what)).collect()
    }
}

fn kernel(nanos: u64) -> Timing {
    Timing {
        rtt: Rtt::from_nanos(nanos),
        source: StampSource::Kernel,
    }
}

fn answered(events: &[(u64, What)]) -> Answered {
    let mut found = events.iter().filter_map(|(_, what)| {
        if let What::Answered(answered) = what {
            Some(*answered)
        } else {
            None
        }
    });
    let first = found.next().expect("an answer");
    assert_eq!(found.next(), None);
    first
}

#[test]
fn a_reply_in_time_is_received_with_the_kernel_rtt_and_not_the_user_one() {
    let mut world = World::new(Proto::Icmp, pace(100, 1_000, 1));
    let seq = world.send(ms(0));
    world.answer(seq, Answer::Reply, Mono::from_nanos(401_000), ms(3));
    let events = world.drain();
    let answer = answered(&events);
    assert_eq!(answer.timing, kernel(400_000), "from 1 us to 401 us");
    assert_eq!(answer.user_rtt, Rtt::from_nanos(3 * MS));
    assert_eq!(answer.stamp_loss, None);
    assert_eq!(
        events.last(),
        Some(&(0, What::Settled(Fate::Received(kernel(400_000)))))
    );
    assert!(world.prober.is_finished());
}

#[test]
fn an_answer_after_the_timeout_is_late_and_not_lost() {
    let mut world = World::new(Proto::Icmp, pace(100, 1_000, 1));
    let seq = world.send(ms(0));
    assert_eq!(world.prober.next_timeout(), Some(ms(1_000)));
    world.prober.handle_deadline(ms(999));
    assert!(!world.prober.is_finished());
    world.prober.handle_deadline(ms(1_000));
    assert!(world.prober.is_finished());
    world.answer(seq, Answer::Reply, ms(1_500), ms(1_500));
    let events = world.drain();
    assert!(events.contains(&(0, What::TimedOut)));
    assert_eq!(answered(&events).in_time, InTime::Late);
    assert_eq!(events.last(), Some(&(0, What::Settled(Fate::Late))));
}

#[test]
fn an_answer_that_the_kernel_had_in_time_is_received_however_late_this_process_reads_it() {
    let mut world = World::new(Proto::Icmp, pace(100, 1_000, 1));
    let seq = world.send(ms(0));
    // The process was stopped for 2 s: it handles the arrival before it lets the probe time out.
    world.answer(seq, Answer::Reply, ms(1), ms(2_000));
    world.prober.handle_deadline(ms(2_000));
    assert_eq!(answered(&world.drain()).in_time, InTime::Yes);
}

#[test]
fn a_second_answer_is_a_duplicate_and_an_answer_after_the_close_stays_apart() {
    let mut world = World::new(Proto::Icmp, pace(100, 1_000, 2));
    let (first, second) = (world.send(ms(0)), world.send(ms(100)));
    world.answer(first, Answer::Reply, ms(1), ms(1));
    world.answer(first, Answer::Reply, ms(2), ms(2));
    world.prober.handle_deadline(ms(1_100));
    world.prober.close();
    world.answer(second, Answer::Reply, ms(1_200), ms(1_200));
    let events = world.drain();
    assert_eq!(events.iter().filter(|event| event.1 == What::Duplicate).count(), 1);
    assert!(events.contains(&(1, What::Settled(Fate::Lost))));
    assert_eq!(events.last(), Some(&(1, What::LateAfterClose)));
}

#[test]
fn a_reply_that_a_later_probe_overtook_is_reordered() {
    let mut world = World::new(Proto::Icmp, pace(1, 1_000, 2));
    let (first, second) = (world.send(ms(0)), world.send(ms(1)));
    world.answer(second, Answer::Reply, ms(5), ms(5));
    assert!(!answered(&world.drain()).reordered);
    world.answer(first, Answer::Reply, ms(6), ms(6));
    assert!(answered(&world.drain()).reordered);
}

#[test]
fn fates_are_settled_in_sending_order() {
    let mut world = World::new(Proto::Icmp, pace(1, 1_000, 3));
    let probes = [world.send(ms(0)), world.send(ms(1)), world.send(ms(2))];
    world.answer(probes[2], Answer::Reply, ms(3), ms(3));
    world.answer(probes[0], Answer::Refused, ms(4), ms(4));
    world.prober.handle_deadline(ms(2_000));
    world.prober.close();
    let settled: Vec<(u64, Fate)> = world
        .drain()
        .into_iter()
        .filter_map(|(seq, what)| {
            if let What::Settled(fate) = what {
                Some((seq, fate))
            } else {
                None
            }
        })
        .collect();
    assert_eq!(
        settled,
        [
            (0, Fate::Rejected),
            (1, Fate::Lost),
            (2, Fate::Received(kernel(999_000)))
        ]
    );
}

#[test]
fn a_probe_that_never_left_is_neither_sent_nor_lost() {
    let mut world = World::new(Proto::Icmp, pace(100, 1_000, 1));
    let due = world.prober.poll_due(ms(0), ClockEpoch::default(), |_, _| 0).unwrap();
    world.prober.handle_send_error(due, SendError::Denied);
    world.prober.handle_deadline(ms(5_000));
    assert_eq!(
        world.drain(),
        [
            (0, What::SendFailed(SendError::Denied)),
            (0, What::Settled(Fate::NotSent))
        ],
        "no Sent, no TimedOut"
    );
}

#[test]
fn an_answer_to_a_probe_that_never_left_is_counted_and_nothing_else() {
    let mut world = World::new(Proto::Icmp, pace(100, 1_000, 2));
    let failed = world.prober.poll_due(ms(0), ClockEpoch::default(), |_, _| 0).unwrap();
    world.prober.handle_send_error(failed, SendError::Denied);
    let leaving = world.prober.poll_due(ms(100), ClockEpoch::default(), |_, _| 0).unwrap();
    world.drain();
    let stranger = SeriesId::new(1);
    for (series, seq) in [
        (world.id, failed.seq),
        (world.id, leaving.seq),
        (world.id, ProbeSeq::new(2)),
        (world.id, ProbeSeq::new(u64::MAX)),
        (stranger, ProbeSeq::new(0)),
    ] {
        let before = world.prober.counters().answers_to_unsent;
        world.id = series;
        world.answer(seq, Answer::Reply, ms(101), ms(101));
        assert_eq!(world.prober.counters().answers_to_unsent, before + 1, "{seq:?}");
    }
    assert_eq!(world.drain(), []);
}

#[test]
fn stamps_on_either_side_of_a_clock_step_are_not_subtracted() {
    let mut world = World::new(Proto::Icmp, pace(100, 1_000, 3));
    let mut guard = crate::clock::StepGuard::default();
    let sharp = |mono: Mono, wall: Wall| crate::clock::Reading {
        mono,
        wall,
        spread: Duration::ZERO,
    };
    guard.observe(sharp(ms(0), wall(ms(0))));
    let seq = world.send(ms(0));
    // The clock is set forward by 20 ms: less than the round trip as user space saw it, so only the guard can know.
    let epoch = guard.observe(sharp(ms(40), wall(ms(60))));
    let measured = Measured::Stamps { rx: Some(wall(ms(30))) };
    let arrival = Arrival {
        at: ms(40),
        epoch,
        measured,
        ttl: None,
        bytes: 0,
        from: None,
        told: None,
    };
    world.prober.handle_answer(world.id, seq, Answer::Reply, arrival);
    let answer = answered(&world.drain());
    assert_eq!(answer.stamp_loss, Some(StampLoss::ClockStep));
    assert_eq!(
        answer.timing,
        Timing {
            rtt: Rtt::from_nanos(40 * MS),
            source: StampSource::User
        }
    );
    // An hour back or forth, within one epoch as far as anyone knows: stamps that cannot be true are not believed either.
    for (sent, rx) in [(100, 3_600_100), (200, 0)] {
        let seq = world.send(ms(sent));
        world.answer(seq, Answer::Reply, ms(rx), ms(sent + 1));
        assert_eq!(answered(&world.drain()).stamp_loss, Some(StampLoss::ClockStep));
    }
}

#[test]
fn missing_stamps_are_named_and_replaced_by_user_times() {
    let mut world = World::new(Proto::Icmp, pace(100, 1_000, 2));
    let due = world.prober.poll_due(ms(0), ClockEpoch::default(), |_, _| 0).unwrap();
    world.prober.handle_sent(due);
    world.answer(due.seq, Answer::Reply, ms(1), ms(2));
    assert_eq!(answered(&world.drain()).stamp_loss, Some(StampLoss::Tx));
    let seq = world.send(ms(100));
    let measured = Measured::Stamps { rx: None };
    let arrival = Arrival {
        at: ms(102),
        epoch: ClockEpoch::default(),
        measured,
        ttl: None,
        bytes: 0,
        from: None,
        told: None,
    };
    world.prober.handle_answer(world.id, seq, Answer::Reply, arrival);
    assert_eq!(answered(&world.drain()).stamp_loss, Some(StampLoss::Rx));
}

#[test]
fn as_many_probes_are_excused_as_this_host_dropped_packets() {
    let mut world = World::new(Proto::Icmp, pace(1, 1_000, 5));
    for at in 0..3 {
        world.send(ms(at));
    }
    world.prober.handle_receive_drops(Proto::Icmp, 2, ms(10));
    world.prober.handle_receive_drops(Proto::Tcp, 9, ms(10));
    world.send(ms(11));
    world.prober.handle_deadline(ms(5_000));
    world.prober.close();
    let fates: Vec<What> = world
        .drain()
        .into_iter()
        .map(|event| event.1)
        .filter(|what| matches!(what, What::Settled(_)))
        .collect();
    let excused = What::Settled(Fate::Unjudged(Unjudged::ReceiveOverflow));
    assert_eq!(
        fates,
        [excused, excused, What::Settled(Fate::Lost), What::Settled(Fate::Lost)]
    );
}

#[test]
fn a_syn_ack_a_second_after_its_syn_is_the_peers_retransmission_and_the_probe_is_lost() {
    for (delay_ms, is_answer) in [
        (400, true),
        (1_002, false),
        (1_200, false),
        (2_000, true),
        (3_003, false),
        (5_000, true),
    ] {
        let mut world = World::new(Proto::Tcp, pace(10, 9_000, 2));
        let first = world.send(ms(0));
        world.answer(first, Answer::Reply, ms(2), ms(2));
        let second = world.send(ms(10));
        world.answer(second, Answer::Reply, ms(10 + delay_ms), ms(10 + delay_ms));
        world.prober.handle_deadline(ms(20_000));
        world.prober.close();
        let lost = world.drain().contains(&(1, What::Settled(Fate::Lost)));
        assert_eq!(!lost, is_answer, "SYN-ACK after {delay_ms} ms");
    }
}

#[test]
fn a_syn_ack_that_was_read_a_second_late_without_stamps_is_no_retransmission() {
    let mut world = World::new(Proto::Tcp, pace(10, 1_000, 1));
    let due = world.prober.poll_due(ms(0), ClockEpoch::default(), |_, _| 7).unwrap();
    world.prober.handle_sent(due);
    // The process was stopped from right after the send on, and the send stamp was lost meanwhile.
    world.answer(due.seq, Answer::Reply, ms(1), ms(1_100));
    world.prober.handle_deadline(ms(1_100));
    world.prober.close();
    let events = world.drain();
    assert_eq!(answered(&events).stamp_loss, Some(StampLoss::Tx));
    assert_eq!(
        events.last(),
        Some(&(0, What::Settled(Fate::Late))),
        "as far as anyone knows; not lost"
    );
}

#[test]
fn an_echo_reply_after_a_second_is_no_retransmission() {
    let mut world = World::new(Proto::Icmp, pace(10, 9_000, 1));
    let seq = world.send(ms(0));
    world.answer(seq, Answer::Reply, ms(1_002), ms(1_002));
    assert_eq!(answered(&world.drain()).in_time, InTime::Yes);
}

#[test]
fn a_series_without_interval_keeps_its_window_full_and_no_more() {
    let mut world = World::new(Proto::Icmp, pace(0, 1_000, 40));
    let mut sent = Vec::new();
    while let Some(due) = world.prober.poll_due(ms(0), ClockEpoch::default(), |_, _| 0) {
        world.prober.handle_sent(due);
        sent.push(due.seq);
    }
    assert_eq!(sent.len(), 16, "the window of its admission");
    world.answer(sent[3], Answer::Reply, ms(1), ms(1));
    assert_eq!(world.send(ms(1)).get(), 16);
    assert!(world.prober.poll_due(ms(1), ClockEpoch::default(), |_, _| 0).is_none());
}

#[test]
fn a_series_without_interval_that_waited_for_a_timeout_is_not_late() {
    let mut world = World::new(Proto::Icmp, pace(0, 1_000, 40));
    for _ in 0..16 {
        world.send(ms(0));
    }
    world.prober.handle_deadline(ms(1_000));
    let due = world
        .prober
        .poll_due(ms(1_000), ClockEpoch::default(), |_, _| 0)
        .unwrap();
    assert_eq!(due.late_by, Duration::ZERO, "its window was full until now");
}

#[test]
fn series_without_interval_take_turns() {
    let mut prober = Prober::new(None);
    for _ in 0..3 {
        prober.admit(ms(0), admission(Proto::Icmp, pace(0, 1_000, 9)));
    }
    let order: Vec<u32> = (1..7)
        .map(|us| {
            prober
                .poll_due(Mono::from_nanos(us * 1_000), ClockEpoch::default(), |_, _| 0)
                .unwrap()
                .series
                .get()
        })
        .collect();
    assert_eq!(order, [0, 1, 2, 0, 1, 2]);
}

#[test]
fn a_place_in_the_ring_is_settled_before_it_is_used_again() {
    let mut world = World::new(Proto::Icmp, pace(10, 20, 100));
    for k in 0..100 {
        world.prober.handle_deadline(ms(k * 10));
        world.send(ms(k * 10));
    }
    world.prober.handle_deadline(ms(5_000));
    world.prober.close();
    let events = world.drain();
    let lost: Vec<u64> = events
        .iter()
        .filter(|event| event.1 == What::Settled(Fate::Lost))
        .map(|event| event.0)
        .collect();
    assert_eq!(
        lost,
        (0..100).collect::<Vec<_>>(),
        "once each, in order, although the ring holds 64"
    );
}

#[test]
fn a_forced_end_leaves_probes_under_way_unjudged() {
    let mut world = World::new(Proto::Icmp, pace(10, 1_000, 5));
    world.send(ms(0));
    world.prober.close();
    assert!(
        world
            .drain()
            .contains(&(0, What::Settled(Fate::Unjudged(Unjudged::Cut))))
    );
    assert!(world.prober.is_finished());
    assert!(!world.prober.is_complete(world.id), "one of five");
}

#[test]
fn a_series_whose_last_probe_was_never_judged_is_not_complete() {
    let mut world = World::new(Proto::Icmp, pace(10, 1_000, 2));
    world.send(ms(0));
    world.send(ms(10));
    assert!(
        world.prober.is_complete(world.id),
        "while its probes may still be answered"
    );
    world.prober.close();
    assert!(!world.prober.is_complete(world.id));
}

#[test]
fn syns_are_found_by_port_turn_newest_first() {
    let mut world = World::new(Proto::Tcp, pace(1, 10_000, 20));
    for at in 0..10 {
        world.send(ms(at));
    }
    let find = |offset, isn| world.prober.find_syn(world.id, Stride { offset, every: 4 }, isn);
    // Initial sequence numbers are 7 + seq in this world; probes 1, 5 and 9 share a port.
    assert_eq!(find(1, 7 + 5), Some(ProbeSeq::new(5)));
    assert_eq!(find(1, 7 + 6), None);
    assert_eq!(find(3, 7 + 3), Some(ProbeSeq::new(3)));
    let newest = |offset, every, isn| world.prober.find_newest_syn(world.id, Stride { offset, every }, isn);
    assert_eq!(newest(1, 4, 7 + 1), Some(ProbeSeq::new(9)));
    assert_eq!(newest(1, 4, 7 + 2), None, "of another port");
    assert_eq!(newest(11, 16, 7 + 1), None);
}

/// What a lying network may do to one probe.
#[derive(Clone, Debug)]
enum Act {
    Send,
    Fail,
    Answer { back: u64, answer: Answer },
    Drop(u32),
    Wait(u64),
}

fn acts() -> impl Strategy<Value = Vec<Act>> {
    let answer = prop_oneof![Just(Answer::Reply), Just(Answer::Refused), Just(Answer::Reset)];
    let act = prop_oneof![
        4 => Just(Act::Send),
        1 => Just(Act::Fail),
        4 => (0..40_u64, answer).prop_map(|(back, answer)| Act::Answer { back, answer }),
        1 => (0..4_u32).prop_map(Act::Drop),
        3 => (0..40_u64).prop_map(Act::Wait),
    ];
    proptest::collection::vec(act, 0..300)
}

proptest! {
    #[test]
    fn every_probe_begins_once_and_is_settled_once_whatever_the_network_does(acts in acts(), proto in prop_oneof![Just(Proto::Icmp), Just(Proto::Tcp)]) {
        let mut prober = Prober::new(None);
        let id = prober.admit(ms(0), Admission { memory: 16, ..admission(proto, pace(10, 50, u64::MAX)) });
        let (mut now, mut next) = (ms(0), 0_u64);
        for act in acts {
            match act {
                Act::Send | Act::Fail => {
                    if let Some(due) = prober.poll_due(now, ClockEpoch::default(), |_, _| 0) {
                        next = due.seq.get() + 1;
                        if matches!(act, Act::Fail) {
                            prober.handle_send_error(due, SendError::NoBuffer);
                        } else {
                            prober.handle_sent(due);
                            prober.handle_tx_stamp(id, due.seq, wall(now));
                        }
                    }
                }
                Act::Answer { back, answer } => {
                    let arrival = Arrival { at: now, epoch: ClockEpoch::default(), measured: Measured::Stamps { rx: Some(wall(now)) }, ttl: None, bytes: 0, from: None, told: None };
                    prober.handle_answer(id, ProbeSeq::new(next.wrapping_sub(back)), answer, arrival);
                }
                Act::Drop(packets) => prober.handle_receive_drops(proto, packets, now),
                Act::Wait(wait_ms) => {
                    now = now.after(Duration::from_millis(wait_ms));
                    prober.handle_deadline(now);
                }
            }
        }
        prober.close();
        prop_assert!(prober.is_finished());
        let events: Vec<Event> = std::iter::from_fn(|| prober.poll_event()).collect();
        let of = |seq: u64| events.iter().filter(move |event| event.seq.get() == seq).map(|event| event.what);
        for seq in 0..next {
            prop_assert_eq!(of(seq).filter(|what| matches!(what, What::Sent { .. } | What::SendFailed(_))).count(), 1);
            prop_assert_eq!(of(seq).filter(|what| matches!(what, What::Settled(_))).count(), 1);
            prop_assert!(of(seq).filter(|what| matches!(what, What::Answered(_))).count() <= 1);
        }
        let settled: Vec<u64> = events.iter().filter(|event| matches!(event.what, What::Settled(_))).map(|event| event.seq.get()).collect();
        prop_assert_eq!(settled, (0..next).collect::<Vec<_>>());
    }
}
