//! Against the DNS server of the tests of names.

use std::collections::BTreeMap;
use std::time::Duration;

use hickory_resolver::config::ResolverConfig;

use super::*;
use crate::net::resolve::tests::{PATIENT, Zone, resolver, server, with_config};

const LIMITS: Limits = Limits {
    per_name: PATIENT,
    in_flight: 4,
};

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

/// Asks for all of these, and waits for all of them.
async fn names_of(names: &mut ReverseNames, addresses: &[&str]) -> BTreeMap<String, Option<String>> {
    for address in addresses {
        names.ask(ip(address));
    }
    let mut found = BTreeMap::new();
    while let Some((address, name)) = names.next().await {
        assert_eq!(names.name(address), name.as_ref());
        let before = found.insert(address.to_string(), name.map(|name| name.to_string()));
        assert_eq!(before, None, "{address} is given once");
    }
    found
}

fn named(pairs: &[(&str, Option<&str>)]) -> BTreeMap<String, Option<String>> {
    let owned = pairs
        .iter()
        .map(|(address, name)| ((*address).to_owned(), name.map(str::to_owned)));
    owned.collect()
}

/// `2001:db8::7` by nibbles (RFC 3596, section 2.5).
const V6_NAME: &str = "7.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa";

#[tokio::test]
async fn addresses_of_both_families_have_the_names_that_their_owners_gave() {
    let zones = [
        ("1.2.0.192.in-addr.arpa", Zone::Ptr(&["core1.example.net"])),
        ("2.2.0.192.in-addr.arpa", Zone::Ptr(&["b.example.net", "a.example.net"])),
        ("3.2.0.192.in-addr.arpa", Zone::ServFail),
        (V6_NAME, Zone::Ptr(&["six.example.net"])),
    ];
    let mut names = ReverseNames::new(&resolver(server(&zones).await, "", PATIENT), LIMITS);
    let asked = ["192.0.2.1", "192.0.2.2", "192.0.2.3", "192.0.2.4", "2001:db8::7"];
    let expected = named(&[
        ("192.0.2.1", Some("core1.example.net")),
        ("192.0.2.2", Some("a.example.net")),
        ("192.0.2.3", None),
        ("192.0.2.4", None),
        ("2001:db8::7", Some("six.example.net")),
    ]);
    assert_eq!(names_of(&mut names, &asked).await, expected);
    assert_eq!(
        names_of(&mut names, &asked).await,
        named(&[]),
        "none is asked for again"
    );
}

#[tokio::test]
async fn the_hosts_file_comes_first_and_needs_no_server() {
    let zones = [("1.2.0.192.in-addr.arpa", Zone::Ptr(&["else.example.net"]))];
    let hosts = "192.0.2.1 gateway\n127.0.0.1 localhost\nfe80::1 printer\n";
    let with_server = resolver(server(&zones).await, hosts, PATIENT);
    let without = with_config(ResolverConfig::default(), hosts, PATIENT);
    for resolver in [with_server, without] {
        let mut names = ReverseNames::new(&resolver, LIMITS);
        let found = names_of(&mut names, &["192.0.2.1", "127.0.0.1", "fe80::1"]).await;
        let expected = [
            ("192.0.2.1", Some("gateway")),
            ("127.0.0.1", Some("localhost")),
            ("fe80::1", Some("printer")),
        ];
        assert_eq!(found, named(&expected));
    }
}

#[tokio::test]
async fn addresses_of_one_link_or_host_are_asked_of_no_server() {
    let zones = [
        ("1.0.254.169.in-addr.arpa", Zone::Ptr(&["wrong.example.net"])),
        ("1.0.0.127.in-addr.arpa", Zone::Ptr(&["wrong.example.net"])),
        ("1.0.0.224.in-addr.arpa", Zone::Ptr(&["wrong.example.net"])),
    ];
    let mut names = ReverseNames::new(&resolver(server(&zones).await, "", PATIENT), LIMITS);
    let asked = ["169.254.0.1", "127.0.0.1", "224.0.0.1", "fe80::1", "::1", "0.0.0.0"];
    let found = names_of(&mut names, &asked).await;
    assert_eq!(found.len(), asked.len());
    assert!(found.values().all(Option::is_none), "{found:?}");
}

#[tokio::test]
async fn silence_ends_at_the_limit_and_holds_up_nobody_else() {
    let zones = [
        ("1.2.0.192.in-addr.arpa", Zone::Silent),
        ("2.2.0.192.in-addr.arpa", Zone::Ptr(&["quick.example.net"])),
    ];
    let limits = Limits {
        per_name: Duration::from_secs(2),
        in_flight: 2,
    };
    let mut names = ReverseNames::new(&resolver(server(&zones).await, "", PATIENT), limits);
    names.ask(ip("192.0.2.1"));
    names.ask(ip("192.0.2.2"));
    // By order, not by the clock: only the silent one needs a timer.
    let (first, name) = names.next().await.unwrap();
    assert_eq!((first, name.as_deref()), (ip("192.0.2.2"), Some("quick.example.net")));
    assert_eq!(names.next().await.unwrap(), (ip("192.0.2.1"), None));
    assert_eq!(names.next().await, None);
}

#[tokio::test]
async fn no_more_are_under_way_than_the_limit_and_no_more_remembered_than_the_bound() {
    let mut names = ReverseNames::new(&resolver(server(&[]).await, "", PATIENT), LIMITS);
    for n in 0..200_000_u32 {
        names.ask(IpAddr::from(n.to_be_bytes()));
        assert!(names.lookups.len() <= LIMITS.in_flight);
    }
    assert_eq!(names.names.len(), MOST_ADDRESSES);
    assert_eq!(names.waiting.len(), MOST_ADDRESSES - LIMITS.in_flight);
}

#[tokio::test]
async fn a_name_shows_nothing_but_printable_ascii() {
    let zones = [(
        "1.2.0.192.in-addr.arpa",
        Zone::Ptr(&["\u{1b}[2Jx\n\u{202e}y.example.net"]),
    )];
    let mut names = ReverseNames::new(&resolver(server(&zones).await, "", PATIENT), LIMITS);
    let found = names_of(&mut names, &["192.0.2.1"]).await;
    let name = found["192.0.2.1"].as_deref().unwrap();
    assert!(name.bytes().all(|byte| byte.is_ascii_graphic()), "{name:?}");
}
