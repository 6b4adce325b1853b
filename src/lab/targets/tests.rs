use super::*;
use crate::simnet::topology::{Backend, BackendSettings, Code, Host, Router, RouterSettings, Span, Verdict};

fn topology(host: &[&str]) -> Topology {
    let parse = |texts: &[&str]| texts.iter().map(|text| text.parse().unwrap()).collect();
    let backend = |name: &str, addresses: &[&str], count| Backend {
        name: name.to_owned(),
        addresses: parse(addresses),
        count,
        set: BackendSettings::default(),
    };
    Topology {
        title: String::new(),
        story: String::new(),
        duration: Span::default(),
        host: Host { addresses: parse(host) },
        routers: vec![Router {
            name: "agg1".to_owned(),
            addresses: parse(&["10.10.1.1"]),
            set: RouterSettings::default(),
        }],
        backends: vec![
            backend("app01", &["10.10.1.11", "fd00::11"], None),
            backend("web", &["10.10.2.254", "fd00::ffff"], Some(3)),
        ],
        links: Vec::new(),
        routes: Vec::new(),
        events: Vec::new(),
        verdict: Verdict {
            code: Code::Clean,
            suspect: None,
            members: Vec::new(),
        },
        expectations: Vec::new(),
        traces: Vec::new(),
    }
}

/// Target, address and port of each series.
fn found(host: &[&str], probe: &str) -> Vec<(String, String, Option<u16>)> {
    let series = series_of(&topology(host), probe).unwrap();
    series
        .iter()
        .map(|one| (one.target.to_string(), one.address.to_string(), one.endpoint.port()))
        .collect()
}

fn row(target: &str, address: &str, port: Option<u16>) -> (String, String, Option<u16>) {
    (target.to_owned(), address.to_owned(), port)
}

const BOTH: [&str; 2] = ["10.10.0.5", "fd00:10::5"];

#[test]
fn a_backend_is_probed_over_each_family_that_both_ends_have() {
    let v4 = row("app01", "10.10.1.11", None);
    let v6 = row("app01", "fd00::11", None);
    assert_eq!(found(&BOTH, "app01"), [v4.clone(), v6]);
    assert_eq!(found(&BOTH[..1], "app01"), [v4]);
    assert_eq!(found(&BOTH[1..], "app01:8080"), [row("app01", "fd00::11", Some(8080))]);
}

#[test]
fn a_group_is_its_members_and_each_has_the_next_address() {
    assert_eq!(
        found(&BOTH[..1], "web"),
        [
            row("web1", "10.10.2.254", None),
            row("web2", "10.10.2.255", None),
            row("web3", "10.10.3.0", None)
        ]
    );
    assert_eq!(found(&BOTH[1..], "web2:443"), [row("web2", "fd00::1:0", Some(443))]);
}

#[test]
fn a_router_is_a_target_too() {
    assert_eq!(found(&BOTH, "agg1"), [row("agg1", "10.10.1.1", None)]);
}

#[test]
fn what_is_not_there_is_named() {
    let refused = |probe| series_of(&topology(&BOTH), probe).unwrap_err();
    for name in ["web4", "web0", "web01", "web+1", "web-1", "app011", "app0", ""] {
        assert_eq!(refused(name), UnknownProbe::Name(name.to_owned()));
    }
    assert_eq!(refused("app01:0"), UnknownProbe::Port("0".to_owned()));
    assert_eq!(refused("app01:x"), UnknownProbe::Port("x".to_owned()));
    let v6_only = series_of(&topology(&BOTH[1..]), "agg1").unwrap_err();
    assert_eq!(v6_only, UnknownProbe::Family("agg1".to_owned()));
}
