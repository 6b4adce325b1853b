use super::*;
use crate::config::{DiagnosisPlan, RunEngine, RunOutput, RunView, Target};
use crate::series::{DEFAULT_PAYLOAD_BYTES, PacketOptions};

/// A target at a name or an address, by ICMP and to port 443.
fn target(name: &str, host: &str) -> WatchedTarget {
    WatchedTarget {
        target: Target {
            name: name.into(),
            host: host
                .parse()
                .map_or_else(|_| Host::Name(host.to_owned()), |address| Host::Address(address, 0)),
            endpoints: vec![Endpoint::Icmp, Endpoint::Tcp(443)],
        },
        group: None,
        labels: Vec::new(),
        icmp_interval: Duration::from_millis(200),
        tcp_interval: Duration::from_secs(1),
        timeout: Duration::from_secs(1),
        floor: 0.005,
    }
}

fn plan(targets: Vec<WatchedTarget>) -> RunPlan {
    RunPlan {
        targets,
        family: Family::Any,
        packet: PacketOptions {
            payload_bytes: DEFAULT_PAYLOAD_BYTES,
            ttl: None,
            traffic_class: 0,
            interface: None,
            source: None,
        },
        engine: RunEngine::Auto,
        slot: Duration::ZERO,
        max_syn_rate: None,
        receive_buffer: None,
        window: Duration::from_secs(10),
        duration: None,
        diagnosis: DiagnosisPlan {
            false_alarms_per_30_days: 1.0,
            trace: Some(Duration::from_secs(10)),
            gateway: None,
        },
        output: RunOutput {
            view: RunView::Json,
            each: false,
            log: None,
            hlog: None,
            listen: None,
            smokeping_metrics: false,
            journal: false,
            syslog: None,
            publish: None,
            vantage: None,
            verbose: false,
        },
        state: None,
        file: None,
    }
}

/// Whom, at which address, by what, how often a second, and what for.
fn shown(entries: &[Entry]) -> Vec<String> {
    let one = |entry: &Entry| {
        let Series {
            target,
            address,
            endpoint,
            ..
        } = &entry.series;
        let pace = match entry.pace.count {
            None => format!("{:?}", entry.pace.interval),
            Some(count) => format!("{count} probes"),
        };
        format!("{target} {address} {endpoint:?} {pace} {:?}", entry.purpose())
    };
    entries.iter().map(one).collect()
}

fn addresses(texts: &[&str]) -> Vec<IpAddr> {
    texts.iter().map(|text| text.parse().unwrap()).collect()
}

#[test]
fn each_backend_is_probed_at_its_own_intervals_and_traced_once() {
    let mut roster = Roster::new(&plan(vec![target("web", "192.0.2.1")]));
    let changes = roster.settle();
    assert_eq!(
        shown(&changes.admit),
        [
            "loopback 127.0.0.1 Icmp 200ms Control",
            "web 192.0.2.1 Icmp 200ms Backend",
            "web 192.0.2.1 Tcp(443) 1s Backend",
            "web 192.0.2.1 Icmp 0 probes Path",
        ]
    );
    assert!(changes.retire.is_empty());
    assert_eq!(roster.settle(), Changes::default(), "what was told counts as done");
}

#[test]
fn a_target_without_icmp_is_traced_by_its_port_and_nothing_is_where_traces_are_off() {
    let mut by_tcp = target("web", "192.0.2.1");
    by_tcp.target.endpoints = vec![Endpoint::Tcp(443)];
    let mut with_traces = plan(vec![by_tcp]);
    let last = |plan: &RunPlan| shown(&Roster::new(plan).settle().admit).pop().unwrap();
    assert_eq!(last(&with_traces), "web 192.0.2.1 Tcp(443) 0 probes Path");
    with_traces.diagnosis.trace = None;
    assert_eq!(last(&with_traces), "web 192.0.2.1 Tcp(443) 1s Backend");
}

#[test]
fn controls_are_the_loopback_and_an_allowed_gateway_unless_packets_are_bound() {
    let mut plan = plan(vec![target("web", "2001:db8::1")]);
    let controls = |plan: &RunPlan| {
        let all = Roster::new(plan).settle().admit;
        let controls: Vec<_> = all
            .into_iter()
            .filter(|entry| entry.purpose() == Purpose::Control)
            .collect();
        controls
            .iter()
            .map(|control| control.series.address.to_string())
            .collect::<Vec<_>>()
    };
    plan.diagnosis.gateway = Some("192.0.2.254".parse().unwrap());
    assert_eq!(controls(&plan), ["127.0.0.1", "192.0.2.254"]);
    plan.family = Family::V6;
    assert_eq!(controls(&plan), ["::1", "192.0.2.254"]);
    plan.packet.interface = Some("eth0".to_owned());
    assert_eq!(controls(&plan), ["192.0.2.254"], "the loopback is not behind eth0");
}

#[test]
fn a_name_is_probed_once_it_resolves_and_follows_its_addresses() {
    let mut roster = Roster::new(&plan(vec![target("web", "web.example")]));
    assert_eq!(shown(&roster.settle().admit).len(), 1, "the control alone");
    assert!(!roster.is_resolved());
    let name: Arc<str> = "web.example".into();
    roster.set_addresses(&name, addresses(&["192.0.2.1", "192.0.2.2"]));
    assert_eq!(roster.settle().admit.len(), 6, "two series and a path for each address");
    assert!(roster.is_resolved());
    roster.set_addresses(&name, addresses(&["192.0.2.2", "192.0.2.3"]));
    let changes = roster.settle();
    let begun: Vec<_> = changes.admit.iter().map(|entry| entry.series.address).collect();
    assert_eq!(begun, addresses(&["192.0.2.3"; 3]));
    let ended: Vec<_> = changes.retire.iter().map(|key| key.series.address).collect();
    assert_eq!(ended, addresses(&["192.0.2.1"; 3]));
}

#[test]
fn a_new_plan_leaves_alone_what_is_the_same_in_it() {
    let (kept, gone) = (target("kept", "192.0.2.1"), target("gone", "192.0.2.2"));
    let mut roster = Roster::new(&plan(vec![kept.clone(), gone]));
    roster.settle();
    roster.replan(&plan(vec![target("new", "192.0.2.3"), kept]));
    let changes = roster.settle();
    assert!(changes.admit.iter().all(|entry| &*entry.series.target == "new"));
    assert!(changes.retire.iter().all(|key| &*key.series.target == "gone"));
    assert_eq!((changes.admit.len(), changes.retire.len()), (3, 3));
}

#[test]
fn a_series_with_another_interval_or_group_begins_anew() {
    let mut watched = target("web", "192.0.2.1");
    let mut roster = Roster::new(&plan(vec![watched.clone()]));
    roster.settle();
    watched.tcp_interval = Duration::from_secs(2);
    roster.replan(&plan(vec![watched.clone()]));
    let changes = roster.settle();
    assert_eq!(shown(&changes.admit), ["web 192.0.2.1 Tcp(443) 2s Backend"]);
    assert_eq!(changes.retire, [changes.admit[0].key()]);
    watched.group = Some("edge".into());
    roster.replan(&plan(vec![watched]));
    assert_eq!(roster.settle().admit.len(), 2, "its path has no group");
}

#[test]
fn a_target_with_other_labels_or_another_floor_is_watched_anew_and_its_path_goes_on() {
    let mut watched = target("web", "192.0.2.1");
    let mut roster = Roster::new(&plan(vec![watched.clone()]));
    roster.settle();
    let both = ["web 192.0.2.1 Icmp 200ms Backend", "web 192.0.2.1 Tcp(443) 1s Backend"];
    watched.labels = vec![("team".to_owned(), "shop".to_owned())];
    roster.replan(&plan(vec![watched.clone()]));
    assert_eq!(shown(&roster.settle().admit), both);
    watched.floor = 0.02;
    roster.replan(&plan(vec![watched]));
    assert_eq!(shown(&roster.settle().admit), both);
}

#[test]
fn names_that_nobody_asks_for_any_more_are_forgotten() {
    let mut roster = Roster::new(&plan(vec![target("web", "web.example")]));
    let name: Arc<str> = "web.example".into();
    roster.set_addresses(&name, addresses(&["192.0.2.1"]));
    roster.replan(&plan(vec![target("web", "192.0.2.9")]));
    roster.replan(&plan(vec![target("web", "web.example")]));
    assert!(!roster.is_resolved());
}

#[test]
fn two_names_of_one_target_that_point_to_one_address_are_probed_once() {
    let twice = vec![target("web", "a.example"), target("web", "b.example")];
    let mut roster = Roster::new(&plan(twice));
    for name in ["a.example", "b.example"] {
        roster.set_addresses(&name.into(), addresses(&["192.0.2.1"]));
    }
    assert_eq!(roster.settle().admit.len(), 1 + 3);
    assert_eq!(roster.targets_at("b.example"), ["web".into()]);
}
