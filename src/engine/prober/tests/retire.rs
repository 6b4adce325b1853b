//! Series that are probed no more.

use super::*;
use crate::engine::launch::Launch;

#[test]
fn a_retired_series_sends_no_more_and_its_probes_under_way_are_judged() {
    let mut world = World::new(Proto::Icmp, pace(100, 1_000, 10));
    let (first, second) = (world.send(ms(0)), world.send(ms(100)));
    world.prober.retire(world.id);
    assert!(!world.prober.is_finished(), "two are awaited");
    assert_eq!(world.prober.poll_due(ms(500), ClockEpoch::default(), |_, _| 0), None);
    world.answer(first, Answer::Reply, ms(600), ms(600));
    world.prober.handle_deadline(ms(1_100));
    assert!(world.prober.is_finished());
    let fates: Vec<_> = world
        .drain()
        .into_iter()
        .filter_map(|(seq, what)| match what {
            What::Settled(fate) => Some((seq, matches!(fate, Fate::Received(_)), fate == Fate::Lost)),
            _ => None,
        })
        .collect();
    assert_eq!(
        fates,
        [(0, true, false), (1, false, true)],
        "at once, not with the ring"
    );
    world.answer(second, Answer::Reply, ms(1_200), ms(1_200));
    assert_eq!(world.drain(), [(1, What::LateAfterClose)]);
    assert!(!world.prober.is_complete(world.id));
}

#[test]
fn a_retired_series_gives_up_its_memory_and_its_neighbour_goes_on() {
    let mut world = World::new(Proto::Icmp, pace(100, 1_000, 10));
    let big = Admission {
        memory: 1 << 12,
        ..admission(Proto::Icmp, pace(100, 1_000, 10))
    };
    let other = world.prober.admit(ms(0), big);
    let before = world.prober.heap_bytes();
    world.prober.retire(other);
    assert!(world.prober.heap_bytes() + (1 << 12) * 32 < before);
    assert_eq!(world.send(ms(0)), ProbeSeq::new(0));
    assert_eq!(world.send(ms(100)), ProbeSeq::new(1));
}

#[test]
fn a_retired_series_that_waits_for_the_pacer_or_for_answers_does_not_send_either() {
    let mut prober = Prober::new(Some(1));
    let ids: Vec<_> = (0..4)
        .map(|_| prober.admit(ms(0), admission(Proto::Tcp, pace(0, 1_000, 100))))
        .collect();
    while prober.poll_due(ms(0), ClockEpoch::default(), |_, _| 0).is_some() {}
    for id in ids {
        prober.retire(id);
    }
    assert_eq!(prober.poll_due(ms(5_000), ClockEpoch::default(), |_, _| 0), None);
    prober.handle_deadline(ms(5_000));
    assert!(prober.is_finished());
    assert_eq!(prober.next_deadline(), None);
}

#[test]
fn nothing_is_launched_of_a_retired_series() {
    let mut world = World::new(Proto::Icmp, pace(1_000, 1_000, 0));
    let launch = Launch {
        series: world.id,
        ttl: 1,
    };
    world.prober.retire(world.id);
    let due = world.prober.launch(ms(0), ClockEpoch::default(), launch, |_, _| 0);
    assert_eq!(due, None);
}
