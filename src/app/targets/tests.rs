use hickory_resolver::Hosts;
use hickory_resolver::config::{ResolverConfig, ResolverOpts};

use super::*;
use crate::app::ping::{tests::plan, wanted};
use crate::net::resolve::Limits;
use crate::series::Endpoint;

/// Knows the names of this hosts file, and no server to ask for others.
fn resolver() -> NameResolver {
    let mut hosts = Hosts::default();
    let file = "192.0.2.2 app02\n192.0.2.1 app01\n192.0.2.11 app01\n2001:db8::1 app01\n";
    hosts.read_hosts_conf(file.as_bytes()).unwrap();
    let nobody = ResolverConfig::from_parts(None, vec![], vec![]);
    NameResolver::new(hosts, nobody, ResolverOpts::default(), Limits::default())
}

/// Target, address, port and flow of each series.
fn shown(series: &[(Series, Pace)]) -> Vec<String> {
    let one = |(series, _): &(Series, Pace)| {
        let port = series
            .endpoint
            .port()
            .map_or_else(|| "icmp".to_owned(), |port| port.to_string());
        format!("{} {} {port} {}", series.target, series.address, series.flow)
    };
    series.iter().map(one).collect()
}

/// The series that are there at once, and those of all names, in alphabetical order.
async fn series_of(words: &str) -> (Vec<String>, Vec<String>) {
    let plan = plan(words);
    let (ready, mut pending) = start(wanted(&plan), &resolver());
    let mut named = Vec::new();
    while let Some(next) = pending.next().await {
        named.extend(shown(&next.unwrap()));
    }
    named.sort();
    (shown(&ready), named)
}

#[tokio::test]
async fn addresses_need_no_resolver_and_keep_their_order_and_pace() {
    let plan = plan("-i 200ms -c 7 web=192.0.2.9 [2001:db8::9]:443");
    let (ready, mut pending) = start(wanted(&plan), &resolver());
    assert_eq!(
        shown(&ready),
        [
            "web 192.0.2.9 icmp 0",
            "2001:db8::9 2001:db8::9 icmp 0",
            "2001:db8::9 2001:db8::9 443 0"
        ]
    );
    assert!(ready.iter().all(|(_, pace)| *pace == plan.pace));
    assert!(pending.next().await.is_none());
    assert_eq!(pending.give_up(|complaint| panic!("{complaint}")), 0);
}

#[tokio::test]
async fn a_name_is_probed_at_every_address_that_it_has() {
    let (ready, named) = series_of("app01 web=app02:80").await;
    assert_eq!(ready, Vec::<String>::new());
    assert_eq!(
        named,
        [
            "app01 192.0.2.1 icmp 0",
            "app01 192.0.2.11 icmp 0",
            "web 192.0.2.2 80 0",
            "web 192.0.2.2 icmp 0"
        ]
    );
    let (_, named) = series_of("-6 app01").await;
    assert_eq!(named, ["app01 2001:db8::1 icmp 0"]);
}

#[tokio::test]
async fn targets_of_one_name_are_all_served_by_one_lookup() {
    let (_, named) = series_of("a=app02 b=app02:80").await;
    assert_eq!(named, ["a 192.0.2.2 icmp 0", "b 192.0.2.2 80 0", "b 192.0.2.2 icmp 0"]);
}

#[tokio::test]
async fn every_endpoint_of_a_target_has_every_flow() {
    let (ready, named) = series_of("--flows 2 192.0.2.9:443 app02").await;
    assert_eq!(
        ready,
        [
            "192.0.2.9 192.0.2.9 icmp 0",
            "192.0.2.9 192.0.2.9 icmp 1",
            "192.0.2.9 192.0.2.9 443 0",
            "192.0.2.9 192.0.2.9 443 1"
        ]
    );
    assert_eq!(named, ["app02 192.0.2.2 icmp 0", "app02 192.0.2.2 icmp 1"]);
}

#[tokio::test]
async fn a_link_local_address_keeps_its_interface() {
    let plan = plan("fe80::1%eth0");
    let (ready, _) = start(wanted(&plan), &resolver());
    assert_eq!(ready.iter().map(|(series, _)| series.scope_id).collect::<Vec<_>>(), [2]);
    assert_eq!(ready[0].0.endpoint, Endpoint::Icmp);
}

#[tokio::test]
async fn a_name_that_fails_does_not_hold_up_the_others() {
    let plan = plan("nowhere app02");
    let (_, mut pending) = start(wanted(&plan), &resolver());
    let (mut series, mut failures) = (Vec::new(), 0);
    while let Some(next) = pending.next().await {
        match next {
            Ok(found) => series.extend(shown(&found)),
            Err(error) => {
                failures += 1;
                assert!(error.to_string().starts_with("nowhere: "), "{error}");
            }
        }
    }
    assert_eq!((series, failures), (vec!["app02 192.0.2.2 icmp 0".to_owned()], 1));
}

#[tokio::test]
async fn names_that_nobody_waited_for_are_complained_of_by_name() {
    let plan = plan("app01 app02 192.0.2.9");
    let (_, pending) = start(wanted(&plan), &resolver());
    let complaints = std::cell::RefCell::new(Vec::new());
    let unresolved = pending.give_up(|complaint| complaints.borrow_mut().push(complaint.to_owned()));
    let mut complaints = complaints.into_inner();
    complaints.sort();
    assert_eq!((unresolved, complaints.len()), (2, 2));
    assert!(
        complaints[0].starts_with("app01: ") && complaints[1].starts_with("app02: "),
        "{complaints:?}"
    );
}
