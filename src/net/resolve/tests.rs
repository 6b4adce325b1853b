use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};

use hickory_resolver::config::{ConnectionConfig, NameServerConfig};
use tokio::net::UdpSocket;

use super::*;

/// What the test server does with a name.
#[derive(Clone)]
pub(super) enum Zone {
    /// Answers with these addresses: A queries with the IPv4 ones, AAAA queries with the IPv6 ones.
    Has(Vec<IpAddr>),
    /// Answers A queries and drops AAAA queries, as broken middleboxes do.
    DropsAaaa(Ipv4Addr),
    /// Answers PTR queries with these names.
    Ptr(&'static [&'static str]),
    /// Response code 3.
    NxDomain,
    /// Response code 2.
    ServFail,
    /// Response code 2 to A queries only.
    ServFailForA(Ipv6Addr),
    /// No answer at all.
    Silent,
}

/// A DNS server in RFC 1035's own terms, written against the RFC and not with the library under test.
pub(super) async fn server(zones: &[(&'static str, Zone)]) -> SocketAddr {
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let address = socket.local_addr().unwrap();
    let zones = zones.to_vec();
    tokio::spawn(async move {
        let mut query = [0_u8; 1_500];
        loop {
            let (len, client) = socket.recv_from(&mut query).await.unwrap();
            if let Some(answer) = answer(&query[..len], &zones) {
                socket.send_to(&answer, client).await.unwrap();
            }
        }
    });
    address
}

fn answer(query: &[u8], zones: &[(&'static str, Zone)]) -> Option<Vec<u8>> {
    // Section 4.1.2: labels with their lengths, a zero, the type and the class.
    let (mut at, mut labels) = (12, Vec::new());
    while query[at] != 0 {
        let len = usize::from(query[at]);
        labels.push(String::from_utf8_lossy(&query[at + 1..=at + len]).to_lowercase());
        at += len + 1;
    }
    let question = &query[12..at + 5];
    let query_type = query[at + 2];
    let is_aaaa = query_type == 28;
    let name = labels.join(".");
    let zone = zones
        .iter()
        .find(|(known, _)| *known == name)
        .map_or(&Zone::NxDomain, |(_, zone)| zone);
    let addresses = |addresses: &[IpAddr]| addresses.iter().map(octets).collect();
    let (code, answers): (u8, Vec<Vec<u8>>) = match zone {
        Zone::Has(all) => {
            let asked: Vec<_> = all.iter().copied().filter(|a| a.is_ipv6() == is_aaaa).collect();
            (0, addresses(&asked))
        }
        Zone::DropsAaaa(_) if is_aaaa => return None,
        Zone::DropsAaaa(v4) => (0, addresses(&[IpAddr::V4(*v4)])),
        Zone::ServFailForA(v6) if is_aaaa => (0, addresses(&[IpAddr::V6(*v6)])),
        Zone::Ptr(names) => (0, names.iter().map(|name| labels_of(name)).collect()),
        Zone::NxDomain => (3, Vec::new()),
        Zone::ServFail | Zone::ServFailForA(_) => (2, Vec::new()),
        Zone::Silent => return None,
    };
    // Section 4.1.1: ID, QR and RD, RA and RCODE, one question, the answers.
    let mut out = vec![
        query[0],
        query[1],
        0x81,
        0x80 | code,
        0,
        1,
        0,
        u8::try_from(answers.len()).unwrap(),
        0,
        0,
        0,
        0,
    ];
    out.extend_from_slice(question);
    for (index, data) in answers.iter().enumerate() {
        // Section 4.1.3, the name compressed to the question at offset 12; TTLs of 300 s, 299 s and so on.
        out.extend_from_slice(&[0xc0, 12, 0, query_type, 0, 1]);
        out.extend_from_slice(&(300 - u32::try_from(index).unwrap()).to_be_bytes());
        out.extend_from_slice(&u16::try_from(data.len()).unwrap().to_be_bytes());
        out.extend_from_slice(data);
    }
    Some(out)
}

fn octets(address: &IpAddr) -> Vec<u8> {
    match address {
        IpAddr::V4(v4) => v4.octets().to_vec(),
        IpAddr::V6(v6) => v6.octets().to_vec(),
    }
}

/// Section 3.1: labels with their lengths, and a zero.
fn labels_of(name: &str) -> Vec<u8> {
    let label = |label: &str| [&[u8::try_from(label.len()).unwrap()], label.as_bytes()].concat();
    let mut labels: Vec<u8> = name.split('.').flat_map(label).collect();
    labels.push(0);
    labels
}

pub(super) fn resolver(server: SocketAddr, hosts_file: &str, per_name: Duration) -> NameResolver {
    let mut udp = ConnectionConfig::udp();
    udp.port = server.port();
    let server = NameServerConfig::new(server.ip(), true, vec![udp]);
    with_config(
        ResolverConfig::from_parts(None, vec![], vec![server]),
        hosts_file,
        per_name,
    )
}

pub(super) fn with_config(config: ResolverConfig, hosts_file: &str, per_name: Duration) -> NameResolver {
    let mut hosts = Hosts::default();
    hosts.read_hosts_conf(hosts_file.as_bytes()).unwrap();
    NameResolver::new(
        hosts,
        config,
        ResolverOpts::default(),
        Limits {
            per_name,
            ..Limits::default()
        },
    )
}

fn v4(last: u8) -> IpAddr {
    IpAddr::from([192, 0, 2, last])
}

fn v6(last: u16) -> IpAddr {
    IpAddr::from([0x2001, 0xdb8, 0, 0, 0, 0, 0, last])
}

fn found(result: Result<Vec<Resolved>, ResolveError>) -> Vec<IpAddr> {
    result.unwrap().into_iter().map(|resolved| resolved.address).collect()
}

async fn ask_one(resolver: &NameResolver, name: &str, family: Family) -> Result<Vec<Resolved>, ResolveError> {
    resolver.resolve(&Arc::from(name), family).await
}

/// Long enough that no loaded machine runs into it by mistake.
pub(super) const PATIENT: Duration = Duration::from_secs(30);

#[tokio::test]
async fn the_family_decides_which_addresses_count_and_they_come_sorted() {
    let zones = [
        ("both.test", Zone::Has(vec![v4(9), v6(2), v4(1), v6(1), v4(1)])),
        ("six.test", Zone::Has(vec![v6(7)])),
        ("four.test", Zone::Has(vec![v4(7)])),
    ];
    let resolver = resolver(server(&zones).await, "", PATIENT);
    assert_eq!(
        found(ask_one(&resolver, "both.test", Family::Any).await),
        [v4(1), v4(9)]
    );
    assert_eq!(found(ask_one(&resolver, "both.test", Family::V4).await), [v4(1), v4(9)]);
    assert_eq!(found(ask_one(&resolver, "both.test", Family::V6).await), [v6(1), v6(2)]);
    assert_eq!(found(ask_one(&resolver, "six.test", Family::Any).await), [v6(7)]);
    let missing = |name: &str, family| {
        Err(ResolveError::NoAddress {
            name: name.into(),
            family,
        })
    };
    assert_eq!(
        ask_one(&resolver, "six.test", Family::V4).await,
        missing("six.test", Family::V4)
    );
    assert_eq!(
        ask_one(&resolver, "four.test", Family::V6).await,
        missing("four.test", Family::V6)
    );
}

#[tokio::test]
async fn the_shortest_ttl_of_the_answer_is_kept() {
    let resolver = resolver(
        server(&[("a.test", Zone::Has(vec![v4(1), v4(2), v4(3)]))]).await,
        "",
        PATIENT,
    );
    for resolved in ask_one(&resolver, "a.test", Family::Any).await.unwrap() {
        assert_eq!(resolved.ttl, Some(Duration::from_secs(298)));
    }
}

#[tokio::test]
async fn a_name_that_does_not_exist_is_told_apart_from_a_server_that_fails() {
    let address = server(&[("sick.test", Zone::ServFail)]).await;
    let resolver = resolver(address, "", PATIENT);
    let missing = ask_one(&resolver, "nope.test", Family::Any).await.unwrap_err();
    assert!(
        matches!(&missing, ResolveError::NoSuchName { name, .. } if &**name == "nope.test"),
        "{missing}"
    );
    assert!(
        missing.to_string().contains(&address.to_string()),
        "the message names the server: {missing}"
    );
    let sick = ask_one(&resolver, "sick.test", Family::Any).await.unwrap_err();
    assert!(matches!(sick, ResolveError::ServerFailed { .. }), "{sick}");
}

#[tokio::test]
async fn an_ipv4_answer_waits_for_no_aaaa_query() {
    let zones = [("a.test", Zone::DropsAaaa(Ipv4Addr::new(192, 0, 2, 1)))];
    let resolver = resolver(server(&zones).await, "", Duration::from_secs(5));
    // If it waited, the limit would end it.
    assert_eq!(found(ask_one(&resolver, "a.test", Family::Any).await), [v4(1)]);
}

#[tokio::test]
async fn a_failing_ipv4_query_does_not_switch_the_family() {
    let zones = [("a.test", Zone::ServFailForA(Ipv6Addr::LOCALHOST))];
    let resolver = resolver(server(&zones).await, "", PATIENT);
    let error = ask_one(&resolver, "a.test", Family::Any).await.unwrap_err();
    assert!(matches!(error, ResolveError::ServerFailed { .. }), "{error}");
}

#[tokio::test]
async fn a_silent_server_is_named_after_the_time_limit() {
    let address = server(&[("mute.test", Zone::Silent)]).await;
    let limit = Duration::from_millis(300);
    let error = ask_one(&resolver(address, "", limit), "mute.test", Family::Any)
        .await
        .unwrap_err();
    assert!(
        matches!(error, ResolveError::TimedOut { limit: l, .. } if l == limit),
        "{error}"
    );
    let message = error.to_string();
    assert!(
        message.contains("mute.test") && message.contains(&address.to_string()) && message.contains("0.3 s"),
        "{message}"
    );
}

#[tokio::test]
async fn a_silent_zone_delays_no_other_name() {
    let zones = [("mute.test", Zone::Silent), ("quick.test", Zone::Has(vec![v4(5)]))];
    let resolver = resolver(server(&zones).await, "127.0.0.9 local.test", Duration::from_secs(2));
    let names = ["mute.test", "quick.test", "local.test", "quick.test"].map(Arc::from);
    let mut results = resolver.resolve_all(names, Family::Any);
    let mut order = Vec::new();
    while let Some(finished) = results.recv().await {
        order.push((finished.name.to_string(), finished.result.is_ok()));
    }
    // By order, not by the clock: the silent one can only be last, since the others need no timer at all.
    assert_eq!(order.pop(), Some(("mute.test".to_owned(), false)));
    order.sort();
    assert_eq!(
        order,
        [("local.test".to_owned(), true), ("quick.test".to_owned(), true)],
        "each name once"
    );
}

#[tokio::test]
async fn hundreds_of_names_at_once_all_arrive() {
    let names: Vec<&'static str> = (0..600)
        .map(|n| &*Box::leak(format!("n{n}.test").into_boxed_str()))
        .collect();
    let zones: Vec<_> = names.iter().map(|name| (*name, Zone::Has(vec![v4(1)]))).collect();
    let resolver = resolver(server(&zones).await, "", PATIENT);
    let mut results = resolver.resolve_all(names.iter().map(|name| Arc::from(*name)), Family::V4);
    let mut arrived = 0;
    while let Some(finished) = results.recv().await {
        assert_eq!(found(finished.result), [v4(1)], "{}", finished.name);
        arrived += 1;
    }
    assert_eq!(arrived, names.len());
}

#[tokio::test]
async fn the_hosts_file_comes_first_and_has_no_ttl() {
    let zones = [
        ("app01", Zone::Has(vec![v4(66)])),
        ("six.test", Zone::Has(vec![v4(66)])),
    ];
    let hosts = "192.0.2.8 app01 # comment\n192.0.2.3 App01\n2001:db8::7 six.test\n";
    let resolver = resolver(server(&zones).await, hosts, PATIENT);
    let app01 = ask_one(&resolver, "APP01", Family::Any).await.unwrap();
    assert_eq!(
        app01,
        [
            Resolved {
                address: v4(3),
                ttl: None
            },
            Resolved {
                address: v4(8),
                ttl: None
            }
        ]
    );
    assert_eq!(found(ask_one(&resolver, "six.test", Family::Any).await), [v6(7)]);
    // The C library asks DNS too where the hosts file has the name in the other family only.
    assert_eq!(found(ask_one(&resolver, "six.test", Family::V4).await), [v4(66)]);
}

#[tokio::test]
async fn without_servers_the_hosts_file_still_works_and_other_names_say_why() {
    let resolver = with_config(ResolverConfig::default(), "127.0.0.9 local.test", PATIENT);
    assert_eq!(
        found(ask_one(&resolver, "local.test", Family::Any).await),
        [IpAddr::from([127, 0, 0, 9])]
    );
    let error = ask_one(&resolver, "else.test", Family::Any).await.unwrap_err();
    assert!(matches!(error, ResolveError::NoServers { .. }), "{error}");
    assert!(error.to_string().contains("/etc/resolv.conf"), "{error}");
}

#[tokio::test]
async fn dropping_the_receiver_ends_the_lookups() {
    let resolver = resolver(server(&[("mute.test", Zone::Silent)]).await, "", PATIENT);
    let handle = Arc::downgrade(&resolver.hosts);
    drop(resolver.resolve_all([Arc::from("mute.test")], Family::Any));
    drop(resolver);
    // The lookup holds a clone of the resolver; when it is gone, so is the lookup, long before its own limit.
    let ended = async {
        while handle.strong_count() > 0 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENT / 6, ended)
        .await
        .expect("the lookup goes on without a receiver");
}
