use proptest::prelude::*;

use super::*;
use crate::simnet::random::stream;

/// 8 Mbit/s: a byte takes 1 us, 1000 bytes 1 ms.
const BANDWIDTH: u64 = 8_000_000;

fn line(cross_traffic: u64, room: u64) -> Line {
    Line {
        bandwidth: BANDWIDTH,
        cross_traffic,
        room,
    }
}

fn queue(line: Line) -> (Queue, Stream) {
    (Queue::new(Some(line), us(0)), stream(5, "link"))
}

fn us(micros: u64) -> Mono {
    Mono::from_nanos(micros * 1_000)
}

#[test]
fn packets_faster_than_the_line_come_out_spaced_by_their_length() {
    let (mut queue, mut random) = queue(line(0, 1_000_000));
    for n in 0..100 {
        assert_eq!(queue.push(us(500 * n), 1_000, &mut random), Some(us(1_000 * (n + 1))));
    }
}

#[test]
fn packets_slower_than_the_line_take_only_their_own_time() {
    let (mut queue, mut random) = queue(line(0, 1_000_000));
    for n in 0..100 {
        let now = us(1_500 * n);
        assert_eq!(
            queue.push(now, 1_000, &mut random),
            Some(now.after(Duration::from_millis(1)))
        );
    }
}

#[test]
fn a_burst_that_exceeds_the_queue_loses_exactly_the_excess() {
    let (mut queue, mut random) = queue(line(0, 10_000));
    let passed = |queue: &mut Queue, now, random: &mut Stream| {
        (0..15).filter(|_| queue.push(now, 1_000, random).is_some()).count()
    };
    assert_eq!(passed(&mut queue, us(0), &mut random), 10);
    // 3 ms later three have been sent, and at 3.999 ms the fourth is still on its way into the wire.
    assert_eq!(passed(&mut queue, us(3_000), &mut random), 3);
    assert_eq!(passed(&mut queue, us(3_999), &mut random), 0);
    assert_eq!(passed(&mut queue, us(4_000), &mut random), 1);
}

#[test]
fn an_idle_line_takes_a_packet_that_is_larger_than_the_queue() {
    let (mut queue, mut random) = queue(line(0, 100));
    assert_eq!(queue.push(us(0), 1_000, &mut random), Some(us(1_000)));
    assert_eq!(queue.push(us(950), 60, &mut random), None);
    assert_eq!(queue.push(us(950), 50, &mut random), Some(us(1_050)));
}

#[test]
fn cross_traffic_below_the_bandwidth_slows_the_draining_and_nothing_else() {
    let (mut queue, mut random) = queue(line(BANDWIDTH / 2, 1_000_000));
    assert_eq!(queue.push(us(0), 1_000, &mut random), Some(us(1_000)));
    for n in 1..10 {
        assert_eq!(queue.push(us(0), 1_000, &mut random), Some(us(1_000 * (n + 1))));
    }
    // Of 10,000 bytes 4,000 have been sent in 4 ms, and 2,000 of others have come: 8,000 are ahead.
    assert_eq!(queue.push(us(4_000), 1_000, &mut random), Some(us(13_000)));
    // 9,000 bytes drain by 500 bytes a ms: after 18 ms the line is idle again.
    assert_eq!(queue.push(us(22_000), 1_000, &mut random), Some(us(23_000)));
}

#[test]
fn more_cross_traffic_than_bandwidth_fills_the_queue_at_their_difference() {
    let (mut queue, mut random) = queue(line(2 * BANDWIDTH, 100_000));
    // 1,000 bytes too many each ms: 50,000 are ahead after 50 ms.
    assert_eq!(queue.push(us(50_000), 100, &mut random), Some(us(100_100)));
}

#[test]
fn an_overloaded_line_drops_the_share_that_it_cannot_carry_and_delays_the_rest_by_a_full_queue() {
    for (cross_traffic, carried) in [(2 * BANDWIDTH, 0.5), (5 * BANDWIDTH / 4, 0.8), (10 * BANDWIDTH, 0.1)] {
        let (mut queue, mut random) = queue(line(cross_traffic, 100_000));
        let start = us(10_000_000);
        let probes = 20_000_u32;
        let out: Vec<(Mono, Mono)> = (0..probes)
            .map(|n| start.after(Duration::from_millis(10) * n))
            .filter_map(|now| queue.push(now, 64, &mut random).map(|out| (now, out)))
            .collect();
        let full = Duration::from_micros(100_064);
        assert!(out.iter().all(|(now, out)| out.since(*now) == full));
        let found = f64::from(u32::try_from(out.len()).expect("no more than were sent"));
        // 4 standard deviations of the binomial distribution.
        let bound = 4.0 * (f64::from(probes) * carried * (1.0 - carried)).sqrt();
        assert!(
            (found - f64::from(probes) * carried).abs() < bound,
            "{found} at {cross_traffic}"
        );
    }
}

/// What a real line does: cross traffic in packets at random moments (Poisson) into the same queue, probes among them, one after the
/// other, each dropped where it does not fit. Returns the share of probes that get in, and their mean delay in us.
fn packet_by_packet(cross_traffic: f64, room: f64, probe: f64) -> (f64, f64) {
    let mut random = stream(5, "oracle");
    let mut exponential =
        |mean: f64| -> f64 { mean * rand_distr::Distribution::<f64>::sample(&rand_distr::Exp1, &mut random) };
    // A byte takes 1 us, so time and backlog have the same scale.
    let packet = 100.0;
    let gap = packet / cross_traffic;
    let (mut now, mut backlog, mut next_probe) = (0.0_f64, 0.0_f64, 2e6);
    let (mut probes, mut passed, mut delays) = (0.0, 0.0, 0.0);
    while probes < 5_000.0 {
        let next = now + exponential(gap);
        // Memoryless: up to a probe, the cross traffic may as well be drawn anew.
        let is_probe = next > next_probe;
        let at = next.min(next_probe);
        backlog = (backlog - (at - now)).max(0.0);
        now = at;
        let len = if is_probe { probe } else { packet };
        let fits = backlog + len <= room;
        backlog += if fits { len } else { 0.0 };
        if is_probe {
            probes += 1.0;
            next_probe += exponential(2_000.0);
            passed += if fits { 1.0 } else { 0.0 };
            delays += if fits { backlog } else { 0.0 };
        }
    }
    (passed / probes, delays / passed)
}

#[test]
fn the_fluid_does_to_probes_what_a_line_full_of_packets_does() {
    for load in [2, 4] {
        #[expect(clippy::cast_precision_loss, reason = "a small number")]
        let (carried, delay) = packet_by_packet(load as f64, 20_000.0, 100.0);
        let (mut queue, mut random) = queue(line(load * BANDWIDTH, 20_000));
        let out: Vec<f64> = (0..5_000)
            .map(|n| us(1_000_000 + 10_000 * n))
            .filter_map(|now| {
                queue
                    .push(now, 100, &mut random)
                    .map(|out| out.since(now).as_secs_f64() * 1e6)
            })
            .collect();
        let passed = f64::from(u32::try_from(out.len()).expect("no more than were sent"));
        // Both are shares of 5,000: 4 standard deviations of their difference.
        let bound = 4.0 * (2.0 * carried * (1.0 - carried) / 5_000.0).sqrt();
        assert!(
            (passed / 5_000.0 - carried).abs() < bound,
            "{passed} of 5000, not {carried}"
        );
        // A queue of whole packets is a packet or two short of full, and the fluid puts the probe on top of a full one. Of 200 packets
        // that is up to 1.5 %.
        let mean = out.iter().sum::<f64>() / passed;
        assert!((mean / delay - 1.0).abs() < 0.02, "{mean} us, not {delay} us");
    }
}

#[test]
fn a_line_that_is_just_full_delays_all_and_loses_none() {
    let (mut queue, mut random) = queue(line(BANDWIDTH, 1_000));
    let out: Vec<_> = (0..100_u64)
        .map(|n| {
            queue
                .push(us(1_000 * n), 100, &mut random)
                .map(|out| out.since(us(1_000 * n)))
        })
        .collect();
    // Each packet stays, as nothing drains, until the eleventh finds the queue full.
    assert_eq!(out[0], Some(Duration::from_micros(100)));
    assert_eq!(out[9], Some(Duration::from_millis(1)));
    assert!(out[10..].iter().all(|out| *out == Some(Duration::from_micros(1_100))));
}

#[test]
fn a_line_of_another_speed_goes_on_with_the_same_backlog() {
    let (mut queue, mut random) = queue(line(0, 10_000));
    for _ in 0..10 {
        assert!(queue.push(us(0), 1_000, &mut random).is_some());
    }
    let slow = Line {
        bandwidth: BANDWIDTH / 10,
        ..line(0, 10_000)
    };
    queue.reconfigure(us(2_000), Some(slow));
    // 8,000 bytes are ahead, and a byte takes 10 us now.
    assert_eq!(queue.push(us(2_000), 1_000, &mut random), Some(us(92_000)));
    // 100 bytes have been sent, so that there is room for 1,100.
    assert_eq!(queue.push(us(3_000), 1_101, &mut random), None);
    assert_eq!(queue.push(us(3_000), 1_100, &mut random), Some(us(103_000)));
    queue.reconfigure(us(4_000), None);
    assert_eq!(queue.push(us(4_000), 1_000, &mut random), Some(us(4_000)));
}

#[test]
fn a_queue_that_became_smaller_drains_at_the_speed_of_the_line() {
    let (mut queue, mut random) = queue(line(0, 10_000));
    for _ in 0..10 {
        assert!(queue.push(us(0), 1_000, &mut random).is_some());
    }
    queue.reconfigure(us(0), Some(line(BANDWIDTH / 2, 5_000)));
    // Beyond the room no cross traffic gets in: 5,000 bytes are left after 5 ms.
    assert_eq!(queue.push(us(4_000), 1, &mut random), None);
    assert_eq!(queue.push(us(5_000), 1, &mut random), None);
    assert_eq!(
        queue.push(us(5_000 + 2_000), 1_000, &mut random),
        Some(us(7_000 + 5_000))
    );
}

#[test]
fn a_line_without_any_bandwidth_carries_nothing() {
    let (mut queue, mut random) = queue(Line {
        bandwidth: 0,
        ..line(0, 10_000)
    });
    assert_eq!(queue.push(us(0), 100, &mut random), None);
    assert_eq!(queue.push(us(1_000_000), 100, &mut random), None);
}

proptest! {
    /// The oracle is the recursion for one server (Lindley): a packet begins when it is there and the one before is out. It counts in
    /// ns times bits a second, so it is exact, and keeps the packets that wait instead of a sum.
    #[test]
    fn without_cross_traffic_each_packet_begins_when_the_one_before_is_out(
        bandwidth in 1_000_u64..10_000_000_000,
        room in 0_u64..20_000,
        packets in prop::collection::vec((0_u64..2_000_000, 1_usize..1_500), 1..100),
    ) {
        let (mut queue, mut random) = queue(Line { bandwidth, cross_traffic: 0, room });
        let speed = u128::from(bandwidth);
        let (mut now, mut line_free) = (0_u64, 0_u128);
        for (gap, len) in packets {
            now += gap;
            let here = u128::from(now) * speed;
            let work = amount(len);
            let begin = here.max(line_free);
            let fits = begin == here || begin + work - here <= u128::from(room) * 8_000_000_000;
            let expected = fits.then(|| {
                line_free = begin + work;
                u64::try_from(line_free.div_ceil(speed)).expect("soon")
            });
            prop_assert_eq!(queue.push(Mono::from_nanos(now), len, &mut random).map(Mono::as_nanos), expected);
        }
    }

    #[test]
    fn the_line_never_sends_two_packets_at_once_and_never_holds_more_than_fits(
        bandwidth in 1_000_u64..10_000_000_000,
        cross_traffic in prop_oneof![Just(0), 0_u64..20_000_000_000],
        room in 0_u64..20_000,
        packets in prop::collection::vec((0_u64..2_000_000, 1_usize..1_500), 1..100),
    ) {
        let (mut queue, mut random) = queue(Line { bandwidth, cross_traffic, room });
        let (mut now, mut last) = (0, 0_u64);
        let ns_of = |bytes: u64| u64::try_from(u128::from(bytes) * 8_000_000_000 / u128::from(bandwidth)).expect("short");
        for (gap, len) in packets {
            now += gap;
            let Some(out) = queue.push(Mono::from_nanos(now), len, &mut random) else { continue };
            let len = u64::try_from(len).expect("short");
            // Less the rounding to whole ns of both moments.
            prop_assert!(out.as_nanos() + 1 >= last.max(now) + ns_of(len));
            prop_assert!(out.as_nanos() <= now + ns_of(room + len) + 1);
            last = out.as_nanos();
        }
    }
}
