//! All packets are accounted for, and the same happens again with the same seed.

use std::fmt::Write as _;

use proptest::prelude::*;

use super::*;
use crate::simnet::ledger::Totals;
use crate::simnet::{DropReason, Element};

fn assert_balanced(totals: Totals) {
    let into = totals.sent + totals.made + totals.duplicated;
    let out = totals.delivered + totals.dropped + totals.consumed + totals.in_flight;
    assert_eq!(into, out, "{totals:?}");
}

/// [`LINE`] with all sorts of randomness.
fn noisy() -> String {
    LINE.replace(
        "set.delay = \"200us\"",
        "set = { delay = \"200us\", jitter = { exponential = \"80us\" }, loss = 0.1, duplicate = 0.1, reorder = { share = 0.1, by = \"1ms\" } }",
    )
}

/// 500 echoes, one per ms, and all that comes back.
fn run(parts: &str, seed: u64) -> Vec<(Delivery, Vec<u8>)> {
    let mut network = network(parts, seed);
    let mut all = Vec::new();
    for n in 0..500 {
        network.handle_packet(ms(n), &echo("10.0.9.1", 0));
        all.extend(deliveries(&mut network, ms(n + 1)));
        assert_balanced(network.ledger().totals());
    }
    all.extend(deliveries(&mut network, ms(10_000)));
    all
}

#[test]
fn the_same_seed_gives_the_same_bytes_at_the_same_moments_and_another_does_not() {
    let once = run(&noisy(), 1);
    // Each echo survives both ways with 0.81.
    assert!((300..=500).contains(&once.len()), "{}", once.len());
    assert_eq!(once, run(&noisy(), 1));
    assert_ne!(once, run(&noisy(), 2));
}

#[test]
fn one_more_router_changes_nothing_in_what_the_others_do() {
    let more = noisy().replacen(
        "[[router]]",
        "[[router]]\nname = \"r0\"\naddresses = [\"10.0.77.1\"]\n[[router]]",
        1,
    ) + "[[link]]\nbetween = [\"r2\", \"r0\"]\nset = { loss = 0.5 }\n";
    assert_eq!(run(&noisy(), 1), run(&more, 1));
}

#[test]
fn the_ledger_says_which_element_did_what_to_which_target() {
    let text = LINE.replace(
        "set.delay = \"200us\"",
        "set.delay = \"200us\"\nforward.loss = 0.3\nreverse.jitter = { uniform = \"4ms\" }",
    );
    let text =
        text + "[[backend]]\nname = \"other\"\naddresses = [\"10.0.9.2\"]\n[[link]]\nbetween = [\"r1\", \"other\"]\n";
    let mut network = network(&text, 1);
    let mut answers = 0;
    for n in 0..1000 {
        network.handle_packet(ms(n * 10), &echo("10.0.9.1", 0));
        network.handle_packet(ms(n * 10), &echo("10.0.9.2", 0));
        answers += deliveries(&mut network, ms(n * 10 + 9)).len() as u64;
    }
    let ledger = network.ledger();
    let lost = 2000 - answers;
    // Binomial, 1000 times 0.3: 300 with a standard deviation of 14.5; four of those.
    assert!((242..=358).contains(&lost), "{lost}");
    let bad = ledger.element("r1>r2").expect("a link");
    assert_eq!(
        (bad.packets(), bad.dropped_for(DropReason::Loss), bad.dropped()),
        (1000, lost, lost)
    );
    for (element, share) in ledger.of_target("app") {
        assert_eq!(
            share.dropped,
            if element.name() == "r1>r2" { lost } else { 0 },
            "{}",
            element.name()
        );
        // Uniform up to 4 ms: three quarters of 700 are above 1 ms; standard deviation 11.5.
        let late = if element.name() == "r2>r1" {
            (1000 - lost) * 3 / 4
        } else {
            0
        };
        let tolerance = if late > 0 { 46 } else { 0 };
        assert!(
            share.delayed.abs_diff(late) <= tolerance,
            "{} {share:?}",
            element.name()
        );
    }
    let names: Vec<&str> = ledger
        .of_target("other")
        .iter()
        .map(|(element, _)| element.name())
        .collect();
    assert_eq!(
        names,
        ["host", "r1", "other", "host>r1", "r1>host", "r1>other", "other>r1"]
    );
    assert!(
        ledger
            .of_target("other")
            .iter()
            .all(|(_, share)| (share.dropped, share.delayed) == (0, 0))
    );
}

#[test]
fn the_origin_of_time_makes_no_difference() {
    let text = noisy().replace(
        "set.delay = \"300us\"",
        "set = { delay = \"300us\", bandwidth = \"1Mbit/s\", cross_traffic = \"2Mbit/s\", queue = \"4kB\" }",
    ) + "[[event]]\nrandom = { pause = \"30ms\", lasts = \"20ms\" }\non = [\"app\", \"r1-r2\"]\n\
         backend.stall = \"both\"\nlink.loss = 0.5\n";
    let run_from = |start: Mono| -> Vec<(Duration, Vec<u8>)> {
        let mut network = Network::new(&topology(&text), 1, start);
        let mut all = Vec::new();
        for n in 0..300 {
            let now = start.after(Duration::from_millis(n));
            network.handle_packet(now, &with_ttl(echo("10.0.9.1", 0), [3, 64][usize::from(n % 2 == 0)]));
            all.extend(deliveries(&mut network, now));
        }
        all.extend(deliveries(&mut network, start.after(Duration::from_secs(10))));
        all.into_iter()
            .map(|(delivery, bytes)| (delivery.due.since(start), bytes))
            .collect()
    };
    let from_zero = run_from(Mono::default());
    // Of 150 echoes, half get through the full queue each way, and nine in ten each way past r1: 30, less what the event loses.
    assert!(from_zero.len() > 10, "{}", from_zero.len());
    assert_eq!(from_zero, run_from(ms(5_000_000_000)));
}

#[test]
fn what_a_backend_kept_when_it_went_off_is_lost_on_its_account() {
    let text = format!(
        "{LINE}[[event]]\nat = \"10ms\"\non = [\"app\"]\nbackend.stall = \"both\"\n\
         [[event]]\nat = \"50ms\"\non = [\"app\"]\nbackend.off = true\n"
    );
    let mut network = network(&text, 1);
    for n in 0..3 {
        network.handle_packet(ms(20), &echo("10.0.9.1", n));
    }
    assert!(deliveries(&mut network, ms(49)).is_empty());
    assert_eq!(network.ledger().totals().in_flight, 3);
    assert!(deliveries(&mut network, ms(100)).is_empty());
    let ledger = network.ledger();
    assert_balanced(ledger.totals());
    assert_eq!((ledger.totals().in_flight, ledger.totals().dropped), (0, 3));
    let app = ledger.element("app").expect("a backend");
    assert_eq!(app.dropped_for(DropReason::BackendDown), 3);
}

#[test]
fn answers_after_a_stall_are_late_and_repeated_syn_acks_are_not() {
    let text = format!("{LINE}[[event]]\nat = \"10ms\"\nfor = \"100ms\"\non = [\"app\"]\nbackend.stall = \"icmp\"\n");
    let mut network = network(&text, 1);
    let delayed = |network: &Network| {
        let shares = network.ledger().of_target("app");
        shares
            .iter()
            .find(|(element, _)| element.name() == "app")
            .map_or(0, |(_, share)| share.delayed)
    };
    network.handle_packet(ms(20), &echo("10.0.9.1", 0));
    assert_eq!(deliveries(&mut network, ms(500)).len(), 1);
    assert_eq!(delayed(&network), 1);
    let syn = handmade::Tcp {
        src_port: 40_000,
        dst_port: 80,
        seq: 7,
        ack: 0,
        flags: 2,
    };
    network.handle_packet(ms(1000), &testing::tcp(address("10.0.0.1"), address("10.0.9.1"), syn));
    // The SYN-ACK, and twice more in 4 s, since nobody acknowledges it.
    assert_eq!(deliveries(&mut network, ms(5000)).len(), 3);
    assert_eq!(delayed(&network), 1);
}

#[test]
fn fragments_of_the_host_are_dropped_as_what_they_are() {
    for to in ["10.0.9.1", "10.0.2.1"] {
        let mut network = network(LINE, 1);
        // More fragments follow this one; and one that is not the first, 1,480 bytes in.
        for offset in [0x2000_u16, 1480 / 8] {
            let mut fragment = echo(to, 0);
            fragment[6..8].copy_from_slice(&offset.to_be_bytes());
            network.handle_packet(ms(0), &with_ttl(fragment, 64));
        }
        assert!(deliveries(&mut network, ms(1000)).is_empty());
        assert_balanced(network.ledger().totals());
        let fragments = network
            .ledger()
            .elements()
            .iter()
            .map(|element| element.dropped_for(DropReason::Fragment));
        assert_eq!(
            (fragments.sum::<u64>(), network.ledger().totals().dropped),
            (2, 2),
            "{to}"
        );
    }
}

#[test]
fn parallel_links_have_accounts_of_their_own() {
    let text = format!("{LINE}[[link]]\nname = \"spare\"\nbetween = [\"r1\", \"r2\"]\nset.cost = 5\n");
    let mut network = network(&text, 1);
    network.handle_packet(ms(0), &echo("10.0.9.1", 0));
    deliveries(&mut network, ms(100));
    let ledger = network.ledger();
    let packets = |name: &str| ledger.element(name).map(Element::packets);
    assert_eq!((packets("r1>r2"), packets("r2>r1")), (Some(1), Some(1)));
    assert_eq!((packets("r1>r2 (spare)"), packets("r2>r1 (spare)")), (Some(0), Some(0)));
    let names: std::collections::BTreeSet<&str> = ledger.elements().iter().map(Element::name).collect();
    assert_eq!(names.len(), ledger.elements().len());
}

#[test]
fn the_ledger_reads_as_json() {
    let mut network = network(LINE, 1);
    network.handle_packet(ms(0), &echo("10.0.9.1", 0));
    network.handle_packet(ms(0), b"nonsense");
    deliveries(&mut network, ms(100));
    let json = serde_json::to_value(network.ledger()).expect("JSON");
    assert_eq!(json["totals"]["sent"], 2);
    assert_eq!(json["totals"]["malformed"], 1);
    assert_eq!(json["elements"][0]["dropped"]["malformed"], 1);
    assert_eq!(json["targets"]["app"]["r3>app"]["packets"], 1);
    assert_eq!(json["targets"]["app"]["host"]["packets"], 2);
}

/// A small random topology: a ring of routers with chords, backends at some, faults on some links.
fn topologies() -> impl Strategy<Value = String> {
    let links = proptest::collection::vec((0..4_usize, 0..4_usize, 0..3_u32, 0..4_usize), 0..4);
    (links, 0..3_usize, any::<bool>()).prop_map(|(chords, kind, hidden)| {
        let settings = ["", "set.loss = 0.3", "set.duplicate = 0.5", "set = { jitter = { exponential = \"3ms\" }, mtu = 1280 }"];
        let mut text = String::new();
        for n in 0..4 {
            let _ = write!(text, "[[router]]\nname = \"r{n}\"\naddresses = [\"10.0.1.{n}\", \"fd00:1::{n}\"]\nset.hidden = {}\n", hidden && n == 1);
            let _ = write!(text, "[[link]]\nbetween = [\"r{n}\", \"r{}\"]\n", (n + 1) % 4);
        }
        text += "[[backend]]\nname = \"app\"\naddresses = [\"10.0.9.1\", \"fd00:9::1\"]\ncount = 3\nset.ports = { 80 = \"open\" }\n";
        text += "[[link]]\nbetween = [\"host\", \"r0\"]\nset.delay = \"1ms\"\n[[link]]\nbetween = [\"r2\", \"app\"]\n";
        for (n, (a, b, cost, setting)) in chords.into_iter().enumerate().filter(|(_, chord)| chord.0 != chord.1) {
            let setting = settings[setting];
            let _ = write!(text, "[[link]]\nname = \"chord{n}\"\nbetween = [\"r{a}\", \"r{b}\"]\nforward.cost = {}\n{setting}\n", cost + 1);
        }
        text + [
            "[[route]]\nat = \"r1\"\nto = [\"app2\"]\nvia = \"r0\"\n[[route]]\nat = \"r3\"\nto = [\"app2\"]\nvia = \"r0\"\n",
            "[[event]]\nat = \"5ms\"\nevery = \"10ms\"\nfor = \"5ms\"\non = [\"app1\", \"host\"]\nbackend.stall = \"both\"\nhost.frozen = true\n",
            "[[event]]\nrandom = { pause = \"3ms\", lasts = \"3ms\" }\non = [\"host>r0\", \"app3\"]\nlink.cost = 7\nlink.loss = 0.5\nbackend.off = true\n",
        ][kind]
    })
}

fn packets() -> impl Strategy<Value = Vec<u8>> {
    let to = prop_oneof![
        Just("10.0.9.1"),
        Just("10.0.9.2"),
        Just("fd00:9::3"),
        Just("10.0.1.2"),
        Just("10.0.0.1"),
        Just("192.0.2.1")
    ];
    let echoes = (to, any::<u16>(), any::<u8>()).prop_map(|(to, flow, ttl)| with_ttl(echo(to, flow), ttl));
    let damaged = (echoes.clone(), any::<prop::sample::Index>(), any::<u8>()).prop_map(|(mut packet, at, byte)| {
        let at = at.index(packet.len());
        packet[at] = byte;
        packet
    });
    // Too big for some links.
    let big = any::<bool>().prop_map(|v6| {
        let to = address(if v6 { "fd00:9::1" } else { "10.0.9.1" });
        testing::echo(host_for(to), to, &[0; 1400])
    });
    prop_oneof![echoes, damaged, big, proptest::collection::vec(any::<u8>(), 0..80)]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn every_packet_is_accounted_for_at_every_moment(
        text in topologies(),
        sent in proptest::collection::vec((packets(), 0..3_000_u64), 1..30),
        seed in any::<u64>(),
    ) {
        let mut network = network(&text, seed);
        let mut now = Mono::default();
        let mut buffer = Vec::new();
        for (packet, pause_us) in sent {
            now = now.after(us(pause_us));
            network.handle_packet(now, &packet);
            assert_balanced(network.ledger().totals());
            while network.poll_delivery(now, &mut buffer).is_some() {
                assert_balanced(network.ledger().totals());
            }
        }
        let end = now.after(Duration::from_secs(20));
        let mut last = Mono::default();
        while let Some(delivery) = network.poll_delivery(end, &mut buffer) {
            prop_assert!(delivery.due >= last && delivery.due <= end);
            last = delivery.due;
        }
        assert_balanced(network.ledger().totals());
        prop_assert!(network.next_deadline().is_none_or(|at| at > end));
    }
}
