//! Whatever comes, a router neither panics nor sends what is no packet.

use proptest::prelude::*;

use super::*;

proptest! {
    #[test]
    fn nothing_that_can_be_read_makes_it_panic_and_all_answers_are_sound(
        bytes in prop::collection::vec(any::<u8>(), 0..200),
        shape in (4..=6_u8, prop::sample::select(vec![0_u8, 1, 6, 17, 43, 44, 58, 60]), any::<bool>()),
        mtu in any::<u16>(),
    ) {
        let (version, protocol, to_router) = shape;
        let mut router = Rig::new(&filters::one_of_each());
        if let Ok(mut packet) = Packet::read(plausible(bytes, version, protocol, to_router), cause()) {
            let own = to_router && version != 5;
            let transit = router.router.handle_packet(START, &mut packet, &mut router.out);
            prop_assert!(!own || !matches!(transit, Transit::Forward | Transit::Dropped(DropReason::TtlExpired)));
            router.router.handle_no_route(START, &packet, &mut router.out);
            router.router.handle_too_big(START, &packet, mtu, &mut router.out);
            router.router.handle_dead_neighbour(START, &packet, &mut router.out);
        }
        for sent in router.sent() {
            assert_checksums(&read(sent.bytes));
        }
    }
}

/// Random bytes with those of an IP header that decide how far they are read.
fn plausible(mut bytes: Vec<u8>, version: u8, protocol: u8, to_router: bool) -> Vec<u8> {
    let len = u16::try_from(bytes.len()).unwrap();
    match (version, bytes.as_mut_slice()) {
        (
            4,
            [
                first,
                _,
                len_high,
                len_low,
                _,
                _,
                flags,
                offset,
                _,
                transport,
                _,
                _,
                _,
                _,
                _,
                _,
                rest @ ..,
            ],
        ) => {
            *first = 0x45 + (*first & 1);
            [*len_high, *len_low] = len.to_be_bytes();
            (*flags, *offset, *transport) = (*flags & 0x60, 0, protocol);
            if let Some(dst) = rest.first_chunk_mut::<4>().filter(|_| to_router) {
                dst.copy_from_slice(&handmade::octets(ROUTER4));
            }
        }
        (6, [first, _, _, _, len_high, len_low, next, rest @ ..]) => {
            *first = 0x60 | *first & 0x0f;
            [*len_high, *len_low] = len.saturating_sub(40).to_be_bytes();
            *next = protocol;
            if let Some(dst) = rest.get_mut(17..33).filter(|_| to_router) {
                dst.copy_from_slice(&handmade::octets(ROUTER6));
            }
        }
        (_, _) => {}
    }
    bytes
}
