//! What errors look like where the settings say so: their source, their quote, their labels.

use super::*;

#[test]
fn errors_come_from_another_address_where_the_settings_say_so() {
    let [other4, other6]: [IpAddr; 2] = ["10.0.0.1".parse().unwrap(), "fd00::1".parse().unwrap()];
    let settings = RouterSettings {
        answers_from: Some(vec![other6, other4]),
        ..RouterSettings::default()
    };
    for ([host, target, _], other) in FAMILIES.into_iter().zip([other4, other6]) {
        let mut router = Rig::new(&settings);
        router.forward(with_ttl(echo(host, target, b""), 1));
        assert_eq!(read(router.answer().bytes).addrs.src(), other);
    }
}

#[test]
fn a_router_without_an_address_of_the_family_can_say_nothing() {
    let mut router = Rig::with_addresses(&[ROUTER4], &RouterSettings::default());
    assert_eq!(
        router.forward(with_ttl(echo(HOST6, TARGET6, b""), 1)).0,
        Transit::Dropped(DropReason::TtlExpired)
    );
    assert!(router.sent().is_empty());
}

#[test]
fn labels_are_shown_where_a_ttl_ran_out_and_nowhere_else() {
    let settings = RouterSettings {
        mpls: Some(vec![MplsLabel {
            label: 16_001,
            tc: 0,
            ttl: 1,
        }]),
        ..RouterSettings::default()
    };
    for [host, target, _] in FAMILIES {
        let mut router = Rig::new(&settings);
        router.forward(with_ttl(echo(host, target, b""), 1));
        assert_eq!(extensions(&router.answer()), 12);
        router
            .router
            .handle_no_route(START, &read(echo(host, target, b"")), &mut router.out);
        assert_eq!(extensions(&router.answer()), 0);
    }
}

#[test]
fn a_short_quote_and_a_ttl_of_its_own_are_kept_to() {
    let settings = RouterSettings {
        quote: Some(Quote::Short),
        ttl: Some(255),
        ..RouterSettings::default()
    };
    for [host, target, _] in FAMILIES {
        let mut router = Rig::new(&settings);
        let bytes = with_ttl(echo(host, target, &[1; 56]), 1);
        router.forward(bytes.clone());
        let answer = router.answer();
        let short = if host.is_ipv4() { 28 } else { 48 };
        assert_eq!((quote(&answer), read(answer.bytes).ttl), (bytes[..short].to_vec(), 255));
    }
}
