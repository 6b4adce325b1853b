//! Real queueing delay: a token bucket behind which a steady stream waits.

use crate::support::{Lab, Listener, Pair, behind_a_queue, ping, slow_road_for_every_tenth_reply};
use crate::{OPEN, at};

#[test]
fn the_median_behind_a_queue_is_the_queue() {
    let Some(lab) = Lab::new() else { return };
    let pair = Pair::new(&lab);
    let _port = Listener::open(&pair.backend, OPEN);
    let (_flood, delay_us) = behind_a_queue(&pair);
    let report = ping(&pair.prober, &format!("-c 50 -i 20ms -W 1s {}", at(pair.v4(), OPEN)));
    for proto in ["icmp", "tcp"] {
        let window = report.window(proto);
        window.assert_outcomes(&[("sent", 50), ("received", 50)]);
        let p50 = window.figure("rtt_p50_us");
        assert!(
            (p50 - delay_us).abs() < 0.2 * delay_us,
            "{proto}: {p50} us, the queue holds {delay_us} us"
        );
    }
    let echo = report.window("icmp").figure("rtt_p50_us");
    let ping_ms = pair.prober.sh(&format!("ping -n -q -c 50 -i 0.02 {}", pair.v4()));
    let (_, figures) = ping_ms.split_once("mdev = ").expect("ping reports its figures");
    let average: f64 = figures.split('/').nth(1).expect("min, avg, max, mdev").parse().unwrap();
    assert!(
        (echo - average * 1000.0).abs() < 0.2 * echo,
        "we say {echo} us, ping says {average} ms"
    );
}

#[test]
fn answers_after_the_timeout_are_late_and_neither_received_nor_lost() {
    let Some(lab) = Lab::new() else { return };
    let pair = Pair::new(&lab);
    let (_flood, delay_us) = behind_a_queue(&pair);
    let report = ping(&pair.prober, &format!("-c 100 -i 10ms -W 5ms {}", pair.v4()));
    let window = report.only_window();
    assert_eq!(
        (window.count("sent"), window.count("received"), window.timed()),
        (100, 0, 0)
    );
    // The window closes 5 ms after its last probe: what was sent in the last `delay_us` before is answered too late for it.
    // Twice that is allowed for.
    let expected_lost = delay_us / 10_000.0;
    let lost = f64::from(u32::try_from(window.count("lost")).unwrap());
    assert!(
        lost <= 2.0 * expected_lost + 2.0,
        "{lost} lost, expected about {expected_lost}"
    );
}

#[test]
fn overtaken_replies_are_reordered_and_still_received() {
    let Some(lab) = Lab::new() else { return };
    let pair = Pair::new(&lab);
    let (_flood, slow) = slow_road_for_every_tenth_reply(&pair);
    let report = ping(&pair.prober, &format!("-c 100 -i 10ms -W 2s {}", pair.v4()));
    let window = report.only_window();
    assert_eq!((window.count("sent"), window.count("received")), (100, 100));
    assert_eq!((window.count("reordered"), pair.backend.nft_packets(slow)), (10, 10));
}
