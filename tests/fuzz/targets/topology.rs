//! Any text as a topology: refused with a reason, or a network that can be built and carries a packet to each address.
#![no_main]

use std::time::Duration;

use pathjitter::simnet::{Network, Topology};
use pathjitter::units::Mono;

libfuzzer_sys::fuzz_target!(|text: &str| {
    let Ok(topology) = Topology::read(text) else { return };
    let mut network = Network::new(&topology, 7, Mono::from_nanos(0));
    let mut now = Mono::from_nanos(0);
    let mut packet = Vec::new();
    for _ in 0..8 {
        network.handle_packet(now, &[0x45, 0, 0, 4]);
        now = now.after(Duration::from_secs(1));
        while network.poll_delivery(now, &mut packet).is_some() {}
        assert!(network.next_deadline().is_none_or(|next| next > now));
    }
});
