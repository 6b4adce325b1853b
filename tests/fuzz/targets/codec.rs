//! A codec with probes under way, and one packet after the other: three bytes say who sends it and how long it is. Then the same
//! bytes as decisions about damage to real answers.
#![no_main]

#[path = "../../hostile/answers.rs"]
mod answers;
#[path = "../../hostile/chance.rs"]
#[allow(dead_code, reason = "shared with the tests, which use more of it")]
mod chance;
#[path = "../../../src/wire/handmade.rs"]
#[allow(dead_code, reason = "shared with the tests, which use more of it")]
mod handmade;
#[path = "../../hostile/host.rs"]
mod host;

use std::sync::LazyLock;

use chance::Chance;
use host::{Carrier, Packet, ROUTERS, TARGETS};

static ANSWERS: LazyLock<Vec<Packet>> = LazyLock::new(|| answers::busy_host().1);

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let (mut host, _) = answers::busy_host();
    let mut rest = bytes;
    while let Some((&[carrier, from, len], more)) = rest.split_first_chunk() {
        let (packet, more) = more.split_at(usize::from(len).min(more.len()));
        let senders = [TARGETS, ROUTERS].concat();
        host.read(&Packet {
            from: senders[usize::from(from) % senders.len()].parse().unwrap(),
            carrier: Carrier::ALL[usize::from(carrier) % Carrier::ALL.len()],
            bytes: packet.to_vec(),
        });
        rest = more;
    }
    let mut chance = Chance::taped(bytes);
    while !chance.is_spent() {
        host.read(&answers::hostile_packet(&mut chance, &ANSWERS));
    }
    host.tally.check();
});
