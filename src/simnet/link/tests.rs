use proptest::prelude::*;

use super::*;
use crate::simnet::random::stream;
use crate::simnet::topology::{BitRate, Bursts, Bytes};

const PACKETS: u32 = 50_000;

fn pipe(settings: &LinkSettings) -> Pipe {
    Pipe::new(settings, stream(3, "a>b"), us(0))
}

fn us(micros: u64) -> Mono {
    Mono::from_nanos(micros * 1_000)
}

fn span(micros: u64) -> Span {
    Span(Duration::from_micros(micros))
}

fn through(at: Mono) -> Carried {
    Carried::Through { at, again: None }
}

/// What becomes of many packets, one each ms from 1 s on.
fn carried(pipe: &mut Pipe) -> Vec<(Mono, Carried)> {
    (0..PACKETS)
        .map(|n| us(1_000_000).after(Duration::from_millis(1) * n))
        .map(|now| (now, pipe.carry(now, 100)))
        .collect()
}

/// That this many of [`PACKETS`] are a share of them, within 4 standard deviations of the binomial distribution.
fn assert_share(found: usize, share: f64) {
    let found = f64::from(u32::try_from(found).expect("no more than were sent"));
    let bound = 4.0 * (f64::from(PACKETS) * share * (1.0 - share)).sqrt();
    let expected = f64::from(PACKETS) * share;
    assert!((found - expected).abs() < bound, "{found}, not {expected} ± {bound}");
}

#[test]
fn a_link_without_settings_carries_at_once_what_ethernet_carries() {
    let mut pipe = pipe(&LinkSettings::default());
    assert_eq!(pipe.carry(us(7), 1_500), through(us(7)));
    assert_eq!(pipe.carry(us(7), 1_501), Carried::TooBig { mtu: 1_500 });
    assert_eq!(
        (pipe.base_delay(), pipe.cost(), pipe.nature.mtu),
        (Duration::ZERO, 1, 1_500)
    );
}

#[test]
fn the_delay_is_exact() {
    let mut pipe = pipe(&LinkSettings {
        delay: Some(span(5_000)),
        ..LinkSettings::default()
    });
    assert!(
        carried(&mut pipe)
            .iter()
            .all(|(now, carried)| *carried == through(now.after(Duration::from_millis(5))))
    );
}

#[test]
fn the_time_on_the_line_comes_before_the_delay() {
    let mut pipe = pipe(&LinkSettings {
        delay: Some(span(5_000)),
        bandwidth: Some(BitRate(8_000_000)),
        queue: Some(Bytes(2_000)),
        ..LinkSettings::default()
    });
    assert_eq!(pipe.carry(us(0), 1_000), through(us(6_000)));
    assert_eq!(pipe.carry(us(0), 1_000), through(us(7_000)));
    assert_eq!(pipe.carry(us(0), 1_000), Carried::Dropped(DropReason::QueueFull));
}

#[test]
fn the_queue_holds_256_kib_where_the_file_does_not_say() {
    let mut pipe = pipe(&LinkSettings {
        bandwidth: Some(BitRate(8_000_000)),
        ..LinkSettings::default()
    });
    let fates: Vec<_> = (0..300).map(|_| pipe.carry(us(0), 1_024)).collect();
    assert!(fates[..256].iter().all(|fate| matches!(fate, Carried::Through { .. })));
    assert!(
        fates[256..]
            .iter()
            .all(|fate| *fate == Carried::Dropped(DropReason::QueueFull))
    );
}

#[test]
fn a_link_that_is_down_swallows_everything_whatever_its_size() {
    let mut pipe = pipe(&LinkSettings {
        down: Some(true),
        ..LinkSettings::default()
    });
    assert_eq!(pipe.carry(us(0), 100), Carried::Dropped(DropReason::LinkDown));
    assert_eq!(pipe.carry(us(0), 9_000), Carried::Dropped(DropReason::LinkDown));
}

#[test]
fn random_loss_takes_its_share() {
    for share in [0.001, 0.02, 0.5] {
        let mut pipe = pipe(&LinkSettings {
            loss: Some(share),
            ..LinkSettings::default()
        });
        let lost = carried(&mut pipe);
        let lost = lost
            .iter()
            .filter(|(_, fate)| *fate == Carried::Dropped(DropReason::Loss));
        assert_share(lost.count(), share);
    }
}

#[test]
fn loss_in_bursts_comes_on_top_of_random_loss() {
    // Every other packet meets the bad state, and of these the random loss has taken a fifth before.
    let mut pipe = pipe(&LinkSettings {
        loss: Some(0.2),
        bursts: Some(Bursts {
            start: 1.0,
            end: 1.0,
            loss: 1.0,
        }),
        ..LinkSettings::default()
    });
    let carried = carried(&mut pipe);
    let lost = |reason| {
        carried
            .iter()
            .filter(|(_, fate)| *fate == Carried::Dropped(reason))
            .count()
    };
    assert_share(lost(DropReason::Loss), 0.2);
    assert_share(lost(DropReason::Burst), 0.4);
    let kept = |n: usize| matches!(carried[n].1, Carried::Through { .. });
    assert!(
        (0..carried.len()).step_by(2).all(|n| !kept(n)),
        "the first and every other"
    );
}

#[test]
fn duplicates_are_their_share_and_come_behind_their_originals() {
    let mut pipe = pipe(&LinkSettings {
        duplicate: Some(0.1),
        jitter: Some(Jitter::Uniform(span(5_000))),
        ..LinkSettings::default()
    });
    let carried = carried(&mut pipe);
    let mut twice = 0;
    let mut last = us(0);
    for (_, fate) in &carried {
        let Carried::Through { at, again } = *fate else {
            panic!("{fate:?} on a link without loss");
        };
        assert!(at >= last);
        assert!(again.is_none_or(|again| again >= at));
        last = again.unwrap_or(at);
        twice += usize::from(again.is_some());
    }
    assert_share(twice, 0.1);
}

#[test]
fn packets_stay_in_order_however_they_jitter() {
    let mut pipe = pipe(&LinkSettings {
        jitter: Some(Jitter::Exponential(span(20_000))),
        ..LinkSettings::default()
    });
    let out: Vec<Carried> = carried(&mut pipe).into_iter().map(|(_, fate)| fate).collect();
    let at = |fate: &Carried| match fate {
        Carried::Through { at, .. } => *at,
        other => panic!("{other:?} on a link without loss"),
    };
    assert!(out.is_sorted_by_key(at));
}

#[test]
fn held_up_packets_come_out_later_by_as_much_and_nobody_waits_for_them() {
    let mut pipe = pipe(&LinkSettings {
        delay: Some(span(5_000)),
        duplicate: Some(0.1),
        reorder: Some(Reorder {
            share: 0.05,
            by: span(10_000),
        }),
        ..LinkSettings::default()
    });
    let mut held = 0;
    for (now, fate) in carried(&mut pipe) {
        let Carried::Through { at, again } = fate else {
            panic!("{fate:?} on a link without loss");
        };
        let late = at == now.after(Duration::from_millis(15));
        assert!(late || at == now.after(Duration::from_millis(5)), "{:?}", at.since(now));
        assert!(again.is_none_or(|again| again == at));
        held += usize::from(late);
    }
    assert_share(held, 0.05);
}

#[test]
fn the_duplicate_of_a_held_up_packet_is_not_out_before_it() {
    let mut pipe = pipe(&LinkSettings {
        jitter: Some(Jitter::Uniform(span(5_000))),
        duplicate: Some(1.0),
        reorder: Some(Reorder {
            share: 1.0,
            by: span(10_000),
        }),
        ..LinkSettings::default()
    });
    for (_, fate) in carried(&mut pipe) {
        assert!(
            matches!(fate, Carried::Through { at, again: Some(again) } if again >= at),
            "{fate:?}"
        );
    }
}

#[test]
fn a_delay_that_shrinks_bunches_later_packets_behind_earlier_ones() {
    let with = |delay| LinkSettings {
        delay: Some(delay),
        ..LinkSettings::default()
    };
    let mut pipe = pipe(&with(span(100)));
    pipe.reconfigure(us(1_000), &with(span(80_000)));
    assert_eq!(pipe.carry(us(1_000), 100), through(us(81_000)));
    pipe.reconfigure(us(11_000), &with(span(100)));
    assert_eq!(pipe.carry(us(11_000), 100), through(us(81_000)));
    assert_eq!(pipe.carry(us(80_000), 100), through(us(81_000)));
    assert_eq!(pipe.carry(us(80_950), 100), through(us(81_050)));
    assert_eq!(pipe.base_delay(), Duration::from_micros(100));
}

#[test]
fn a_fault_changes_what_it_names_and_its_end_brings_the_rest_back() {
    let usual = LinkSettings::default();
    let fault = LinkSettings {
        mtu: Some(1_000),
        cost: Some(50),
        bursts: Some(Bursts {
            start: 1.0,
            end: 0.0,
            loss: 1.0,
        }),
        ..LinkSettings::default()
    };
    let mut pipe = pipe(&usual);
    pipe.reconfigure(us(10), &fault);
    assert_eq!((pipe.cost(), pipe.nature.mtu), (50, 1_000));
    assert_eq!(pipe.carry(us(10), 1_001), Carried::TooBig { mtu: 1_000 });
    assert_eq!(pipe.carry(us(10), 1_000), Carried::Dropped(DropReason::Burst));
    pipe.reconfigure(us(20), &usual);
    assert_eq!((pipe.cost(), pipe.nature.mtu), (1, 1_500));
    assert_eq!(pipe.carry(us(20), 1_001), through(us(20)));
}

#[test]
fn the_same_stream_makes_the_same_fates() {
    let settings = LinkSettings {
        loss: Some(0.1),
        jitter: Some(Jitter::Normal(span(300))),
        ..LinkSettings::default()
    };
    let first = carried(&mut pipe(&settings));
    assert_eq!(first, carried(&mut pipe(&settings)));
    assert_ne!(first, carried(&mut Pipe::new(&settings, stream(3, "b>a"), us(0))));
}

fn any_number() -> impl Strategy<Value = f64> {
    prop_oneof![0.0..1.0, any::<f64>(), Just(f64::NAN)]
}

fn any_span() -> impl Strategy<Value = Span> {
    prop_oneof![0..10_000_000_u64, any::<u64>()].prop_map(|nanos| Span(Duration::from_nanos(nanos)))
}

fn any_rate() -> impl Strategy<Value = BitRate> {
    prop_oneof![0..10_000_000_000_u64, any::<u64>()].prop_map(BitRate)
}

fn any_jitter() -> impl Strategy<Value = Jitter> {
    (0..5, any_span(), any_number()).prop_map(|(kind, span, number)| match kind {
        0 => Jitter::Uniform(span),
        1 => Jitter::Exponential(span),
        2 => Jitter::Lognormal {
            median: span,
            sigma: number,
        },
        3 => Jitter::Gamma {
            mean: span,
            shape: number,
        },
        _ => Jitter::Bimodal {
            by: span,
            share: number,
        },
    })
}

prop_compose! {
    fn any_settings()(
        (delay, jitter) in (prop::option::of(any_span()), prop::option::of(any_jitter())),
        (loss, duplicate) in (prop::option::of(any_number()), prop::option::of(any_number())),
        bursts in prop::option::of((any_number(), any_number(), any_number())),
        reorder in prop::option::of((any_number(), any_span())),
        (bandwidth, cross_traffic) in (prop::option::of(any_rate()), prop::option::of(any_rate())),
        queue in prop::option::of(prop_oneof![0..100_000_u64, any::<u64>()]),
        (mtu, down) in (prop::option::of(any::<u16>()), prop::option::weighted(0.1, any::<bool>())),
    ) -> LinkSettings {
        LinkSettings {
            delay,
            jitter,
            loss,
            bursts: bursts.map(|(start, end, loss)| Bursts { start, end, loss }),
            duplicate,
            reorder: reorder.map(|(share, by)| Reorder { share, by }),
            bandwidth,
            queue: queue.map(Bytes),
            cross_traffic,
            mtu,
            down,
            cost: None,
        }
    }
}

/// Settings and how many packets follow, each with its gap and length.
fn any_phase() -> impl Strategy<Value = (LinkSettings, Vec<(u64, usize)>)> {
    let gap = prop_oneof![9 => 0..5_000_000_u64, 1 => any::<u64>()];
    let len = prop_oneof![9 => 0..1_600_usize, 1 => any::<usize>()];
    (any_settings(), prop::collection::vec((gap, len), 0..20))
}

proptest! {
    #[test]
    fn nothing_makes_it_panic_or_deliver_before_now(phases in prop::collection::vec(any_phase(), 1..5), seed in any::<u64>()) {
        let mut pipe = Pipe::new(&phases[0].0, stream(seed, "any"), us(0));
        let mut now = Mono::default();
        for (settings, packets) in phases {
            pipe.reconfigure(now, &settings);
            for (gap, len) in packets {
                now = now.after(Duration::from_nanos(gap));
                if let Carried::Through { at, again } = pipe.carry(now, len) {
                    prop_assert!(at >= now);
                    prop_assert!(again.is_none_or(|again| again >= at));
                }
            }
        }
    }

    #[test]
    fn without_reordering_order_holds_through_all_changes(phases in prop::collection::vec(any_phase(), 1..5), seed in any::<u64>()) {
        let mut pipe = Pipe::new(&phases[0].0, stream(seed, "any"), us(0));
        let (mut now, mut last) = (Mono::default(), Mono::default());
        for (settings, packets) in phases {
            pipe.reconfigure(now, &LinkSettings { reorder: None, ..settings });
            for (gap, len) in packets {
                now = now.after(Duration::from_nanos(gap));
                if let Carried::Through { at, again } = pipe.carry(now, len) {
                    prop_assert!(at >= last);
                    last = again.unwrap_or(at);
                }
            }
        }
    }
}
