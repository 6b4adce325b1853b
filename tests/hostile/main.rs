//! Parsers, codec and engine in a network that lies: packets are lost, late, repeated, replayed, reordered, damaged and forged in
//! floods, the clock is set, the process stalls. Whatever happens, nothing panics, every packet answers a probe or is counted under
//! one reason, every probe begins once and is settled once, the counts add up, nothing counts as an answer that proves nothing, and
//! memory stays where it was.
//!
//! Every test runs `PATHJITTER_CASES` packets, few by default. All that it takes for ten million of each, with the figures:
//! `PATHJITTER_CASES=10000000 cargo test --release --test hostile -- --nocapture`. A case that fails prints its seed or number.
//! The fuzz targets under `tests/fuzz` run the same code on inputs that grow by coverage.

mod answers;
#[path = "../../src/wire/captures.rs"]
#[allow(dead_code, reason = "shared with the unit tests, which use more of it")]
mod captures;
mod chance;
#[path = "../../src/wire/handmade.rs"]
#[allow(dead_code, reason = "shared with the unit tests, which use more of it")]
mod handmade;
mod host;
mod ledger;
mod network;
mod parsers;
mod run;
mod texts;

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use chance::Chance;
use host::Tally;
use ledger::Ledger;
use run::Run;

/// Runs `case` by numbers from 0 to `cases`, and says which of them failed. Says how many were run.
fn every_case(what: &str, cases: u64, mut case: impl FnMut(u64)) {
    for number in 0..cases {
        if let Err(panic) = catch_unwind(AssertUnwindSafe(|| case(number))) {
            eprintln!("{what}: case {number} failed");
            resume_unwind(panic);
        }
    }
    eprintln!("{what}: {cases} cases");
}

fn cases() -> u64 {
    let asked = std::env::var("PATHJITTER_CASES").ok();
    asked.map_or(USUAL_CASES, |text| text.parse().expect("PATHJITTER_CASES is a number"))
}

/// About a second for each test of a debug build.
const USUAL_CASES: u64 = 20_000;

/// Turns of an engine's loop in a run.
const TURNS: u32 = 300;

/// A run of the engine hands in at least so many packets; asserted.
const PACKETS_OF_A_RUN: u64 = 2_000;

#[test]
fn damaged_packets_are_read_without_panic_and_within_bounds() {
    let packets: Vec<Vec<u8>> = captures::ALL.iter().flat_map(|text| captures::packets(text)).collect();
    every_case("wire, damaged packets", cases(), |number| {
        let mut chance = Chance::seeded(number);
        let mut packet = chance.one_of(&packets).clone();
        chance.damage(&mut packet);
        parsers::read_every_way(&packet);
    });
}

#[test]
fn arbitrary_bytes_are_read_without_panic_and_within_bounds() {
    every_case("wire, arbitrary bytes", cases(), |number| {
        let mut chance = Chance::seeded(number);
        let mut bytes = chance.bytes(300);
        if let Some(first) = bytes.first_mut() {
            *first = *chance.one_of(&[0x45, 0x46, 0x4f, 0x60, 0x61, *first]);
        }
        parsers::read_every_way(&bytes);
    });
}

#[test]
fn untouched_answers_all_match() {
    let (mut host, packets) = answers::busy_host();
    assert!(packets.len() > 50);
    for packet in &packets {
        assert!(host.read(packet).is_some(), "{packet:02x?}");
    }
}

#[test]
fn damaged_answers_match_only_with_the_proof_in_them_and_are_counted_otherwise() {
    let (mut host, packets) = answers::busy_host();
    every_case("codec, damaged answers", cases(), |number| {
        let packet = answers::hostile_packet(&mut Chance::seeded(number), &packets);
        host.read(&packet);
    });
    host.tally.check();
    assert_eq!(host.tally.handed, cases());
    // A test in which one reason never came up has not tested it.
    eprintln!("{} answers, {:?}", host.tally.matched, host.tally.ignored);
    assert!(host.tally.matched > cases() / 100);
    assert!(host.tally.ignored.len() >= 10);
}

#[test]
fn whatever_text_is_given_it_is_refused_or_means_what_it_says() {
    every_case("config, damaged texts", cases(), |number| {
        let mut chance = Chance::seeded(number);
        let mut bytes = chance.one_of(texts::EXAMPLES).as_bytes().to_vec();
        chance.damage(&mut bytes);
        texts::read_every_way(&String::from_utf8_lossy(&bytes));
    });
}

#[test]
fn whatever_the_network_does_every_probe_is_accounted_for() {
    let (mut seen, mut tally) = (Ledger::default(), Tally::default());
    let runs = (cases() / PACKETS_OF_A_RUN).max(1);
    every_case("engine, runs", runs, |seed| {
        let mut run = Run::new(Chance::seeded(seed));
        for turn in 0..TURNS {
            run.turn();
            if turn % 16 == 0 {
                run.check_counts();
            }
        }
        let (ledger, counts) = run.finish();
        seen.add(&ledger);
        tally.add(&counts);
    });
    tally.check();
    eprintln!("engine: {} packets, {} of them answers", tally.handed, tally.matched);
    assert!(tally.handed >= runs * PACKETS_OF_A_RUN);
    seen.assert_varied();
}

#[test]
fn memory_does_not_grow_with_time() {
    let high_after = |turns: u32| {
        let mut run = Run::new(Chance::seeded(7));
        (0..turns).for_each(|_| run.turn());
        run.finish().0.heap_high
    };
    // A stall in the longer run may find queues a little fuller; five times as many probes must not.
    assert!(high_after(5 * TURNS) <= 2 * high_after(TURNS));
}
