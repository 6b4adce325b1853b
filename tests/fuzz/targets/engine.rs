//! The engine as a state machine: the bytes decide what the network and the host do to it, turn by turn.
#![no_main]

#[path = "../../hostile/chance.rs"]
#[allow(dead_code, reason = "shared with the tests, which use more of it")]
mod chance;
#[path = "../../../src/wire/handmade.rs"]
#[allow(dead_code, reason = "shared with the tests, which use more of it")]
mod handmade;
#[path = "../../hostile/host.rs"]
mod host;
#[path = "../../hostile/ledger.rs"]
#[allow(dead_code, reason = "shared with the tests, which use more of it")]
mod ledger;
#[path = "../../hostile/network.rs"]
mod network;
#[path = "../../hostile/run.rs"]
mod run;

use chance::Chance;
use run::Run;

/// More than the longest input has decisions for.
const TURNS: u32 = 2_000;

libfuzzer_sys::fuzz_target!(|tape: &[u8]| {
    let mut run = Run::new(Chance::taped(tape));
    run.play(TURNS);
    run.finish();
});
