use clap::Parser as _;
use proptest::prelude::*;

use super::*;
use crate::config::TargetSpec;
use crate::config::args::{Cli, Command};

/// Neither root nor on a terminal; lo and eth0 exist.
const CRON: Surroundings = Surroundings {
    stdout: Stdout::Elsewhere,
    user: User::Other,
    interface_index: |name| match name {
        "lo" => Some(1),
        "eth0" => Some(2),
        _ => None,
    },
};

fn plan_in(surroundings: &Surroundings, words: &str) -> Result<PingPlan, PlanError> {
    let words = ["pathjitter", "ping"].into_iter().chain(words.split_whitespace());
    match Cli::try_parse_from(words).unwrap().command {
        Command::Ping(args) => PingPlan::new(*args, surroundings),
        other => panic!("{other:?}"),
    }
}

fn plan(words: &str) -> Result<PingPlan, PlanError> {
    plan_in(&CRON, words)
}

fn endpoints_of(words: &str) -> Vec<(String, Vec<Endpoint>)> {
    plan(words)
        .unwrap()
        .targets
        .into_iter()
        .map(|target| (target.name.to_string(), target.endpoints))
        .collect()
}

use Endpoint::{Icmp, Tcp};

#[test]
fn defaults_are_those_of_the_manual() {
    let plan = plan("app01").unwrap();
    assert_eq!(
        plan.pace,
        Pace {
            interval: Duration::from_secs(1),
            timeout: Duration::from_secs(1),
            count: Some(10)
        }
    );
    assert_eq!((plan.deadline, plan.flows, plan.family), (None, 1, Family::Any));
    assert_eq!(
        (plan.max_syn_rate, plan.receive_buffer, plan.engine),
        (Some(10_000), None, EngineChoice::Auto)
    );
    assert_eq!(
        (plan.packet.payload_bytes, plan.packet.ttl, plan.packet.traffic_class),
        (56, None, 0)
    );
    let on_terminal = Surroundings {
        stdout: Stdout::Terminal,
        ..CRON
    };
    assert_eq!(plan_in(&on_terminal, "app01").unwrap().pace.count, None);
    assert_eq!(plan_in(&on_terminal, "-c 3 app01").unwrap().pace.count, Some(3));
}

#[test]
fn ports_and_protocol_options_decide_what_is_probed() {
    for (words, expected) in [
        ("h", vec![Icmp]),
        ("h:80", vec![Icmp, Tcp(80)]),
        ("--tcp 443 h", vec![Tcp(443)]),
        ("--tcp 443 h:80", vec![Icmp, Tcp(80)]),
        ("--tcp 443 --icmp h", vec![Icmp, Tcp(443)]),
        ("--icmp h", vec![Icmp]),
        ("--no-icmp h:80", vec![Tcp(80)]),
        ("--no-icmp --tcp 443 h", vec![Tcp(443)]),
    ] {
        assert_eq!(endpoints_of(words), [("h".to_owned(), expected)], "{words}");
    }
    assert_eq!(
        plan("--no-icmp a:80 app=b"),
        Err(PlanError::NothingToProbe("app=b".to_owned()))
    );
    assert_eq!(plan("--no-icmp --icmp a:80"), Err(PlanError::BothIcmp));
}

#[test]
fn the_same_target_given_twice_is_probed_once() {
    assert_eq!(
        endpoints_of("a a a:80 a:80 a:443"),
        [("a".to_owned(), vec![Icmp, Tcp(80), Tcp(443)])]
    );
    assert_eq!(
        endpoints_of("x=a:80 y=a:80 x=b:80"),
        ["x", "y", "x"].map(|name| (name.to_owned(), vec![Icmp, Tcp(80)])),
        "another name or another host is another target"
    );
    assert_eq!(
        endpoints_of("--tcp 80 a a:443"),
        [("a".to_owned(), vec![Icmp, Tcp(80), Tcp(443)])],
        "ICMP comes first"
    );
}

#[test]
fn names_default_to_the_host_without_its_port() {
    let plan = plan("app01.example:80 [2001:db8::1]:80 db=10.0.0.1").unwrap();
    let names: Vec<&str> = plan.targets.iter().map(|target| &*target.name).collect();
    assert_eq!(names, ["app01.example", "2001:db8::1", "db"]);
}

#[test]
fn families_that_contradict_each_other_are_refused() {
    assert_eq!(plan("-4 -6 a"), Err(PlanError::BothFamilies));
    for words in [
        "-4 ::1",
        "-6 127.0.0.1",
        "-6 a x=10.0.0.1:80",
        "-I 127.0.0.1 ::1",
        "-I ::1 10.0.0.1",
    ] {
        let error = plan(words).unwrap_err();
        assert!(matches!(error, PlanError::WrongFamily { .. }), "{words}: {error}");
    }
    for words in ["-I 127.0.0.1 -6 a", "-I ::1 -4 a"] {
        let error = plan(words).unwrap_err();
        assert!(matches!(error, PlanError::SourceFamily { .. }), "{words}: {error}");
    }
    assert_eq!(
        plan("-I 127.0.0.1 a").unwrap().family,
        Family::V4,
        "names follow the source address"
    );
    assert_eq!(
        plan("-4 db=[::1]:80").unwrap_err().to_string(),
        "db=[::1]:80: ::1 is not an IPv4 address, which -4 asks for; drop -4 or this target"
    );
}

#[test]
fn link_local_targets_get_the_index_of_their_interface() {
    let host = |words: &str| plan(words).map(|plan| plan.targets[0].host.clone());
    let address: IpAddr = "fe80::1".parse().unwrap();
    for (words, index) in [
        ("fe80::1%eth0", 2),
        ("[fe80::1%lo]:80", 1),
        ("-I eth0 fe80::1", 2),
        ("-I eth0 fe80::1%2", 2),
        ("fe80::1%7", 7),
    ] {
        assert_eq!(host(words), Ok(Host::Address(address, index)), "{words}");
    }
    assert!(matches!(host("fe80::1"), Err(PlanError::LinkLocalWithoutZone { .. })));
    assert!(matches!(host("fe80::1%eth9"), Err(PlanError::NoZone { zone, .. }) if zone == "eth9"));
    assert!(matches!(host("fe80::1%0"), Err(PlanError::NoZone { .. })));
    assert!(matches!(
        host("-I eth0 fe80::1%lo"),
        Err(PlanError::ZoneAgainstInterface { .. })
    ));
    assert_eq!(plan("-I eth9 a"), Err(PlanError::NoInterface("eth9".to_owned())));
    assert!(matches!(plan("-I fe80::1 a"), Err(PlanError::SourceWithoutZone(_))));
    let packet = plan("-I fe80::2%eth0 a").unwrap().packet;
    assert_eq!(
        (packet.interface.as_deref(), packet.source),
        (Some("eth0"), "fe80::2".parse().ok())
    );
}

#[test]
fn as_fast_as_it_goes_takes_root_or_flood() {
    assert_eq!(plan("-i 0 a"), Err(PlanError::FloodNeedsRoot));
    let root = Surroundings {
        user: User::Root,
        ..CRON
    };
    assert_eq!(plan_in(&root, "-i 0 a").unwrap().pace.interval, Duration::ZERO);
    assert_eq!(plan("-i 0 --flood a").unwrap().pace.interval, Duration::ZERO);
    assert_eq!(plan("--flood a").unwrap().pace.interval, Duration::ZERO);
    assert_eq!(
        plan("--flood -i 1ms a").unwrap().pace.interval,
        Duration::from_millis(1)
    );
    assert_eq!(plan_in(&root, "a").unwrap().pace.interval, Duration::from_secs(1));
}

#[test]
fn a_deadline_must_leave_time_to_judge_a_probe() {
    assert_eq!(
        plan("-w 1001ms a").unwrap().deadline,
        Some(Duration::from_millis(1_001))
    );
    for words in ["-w 1 -W 1 a", "-w 0 a", "-w 3s -W 5s a"] {
        assert!(
            matches!(plan(words), Err(PlanError::DeadlineTooSmall { .. })),
            "{words}"
        );
    }
    assert_eq!(plan("-W 0 a"), Err(PlanError::ZeroTimeout));
    let timeout = |words| plan(words).unwrap().pace.timeout;
    assert_eq!(
        timeout("-w 1 a"),
        Duration::from_millis(500),
        "half of a short deadline"
    );
    assert_eq!(timeout("-w 30 a"), Duration::from_secs(1));
}

#[test]
fn cron_runs_end_within_their_minute() {
    assert_eq!(plan("-q --json a").unwrap().deadline, Some(Duration::from_secs(49)));
    assert_eq!(plan("-q a").unwrap().deadline, None);
    assert_eq!(plan("--json a").unwrap().deadline, None);
    assert_eq!(
        plan("-q --json -w 2m a").unwrap().deadline,
        Some(Duration::from_mins(2))
    );
    assert!(matches!(
        plan("-q --json -W 49s a"),
        Err(PlanError::ImpliedDeadlineTooSmall { .. })
    ));
}

#[test]
fn probes_under_way_are_bounded_per_target() {
    // 2^20 us at one probe per us is the bound exactly; a ns more of timeout is one probe more.
    assert!(plan("-c 9999999 -i 1us -W 1048576us a").is_ok());
    assert!(matches!(
        plan("-c 9999999 -i 1us -W 1048576001ns a"),
        Err(PlanError::TooManyOutstanding { probes: 1_048_577, .. })
    ));
    assert!(
        matches!(
            plan("-c 9999999 -i 1us -W 1048576us a:80"),
            Err(PlanError::TooManyOutstanding { .. })
        ),
        "two series"
    );
    assert!(matches!(
        plan("-c 9999999 -i 1us -W 524288us --flows 3 a"),
        Err(PlanError::TooManyOutstanding { probes: 1_572_864, .. })
    ));
    assert!(plan("-c 10 -i 1ns -W 24h a").is_ok(), "a count is a bound too");
    assert!(
        plan("--flood -W 24h a").is_ok(),
        "without interval, replies set the pace"
    );
}

#[test]
fn a_threshold_that_no_run_of_this_length_can_meet_is_refused() {
    assert!(matches!(
        plan("-c 1 --fail-if jitter>5ms a"),
        Err(PlanError::ThresholdNeedsProbes { needed: 2, .. })
    ));
    assert!(plan("-c 2 --fail-if jitter>5ms a").is_ok());
    assert_eq!(
        plan("--fail-if loss>5% --fail-if p99>20ms,max>1s a")
            .unwrap()
            .thresholds
            .len(),
        3
    );
}

#[test]
fn options_arrive_where_they_belong() {
    let plan =
        plan("-s 1000 -t 3 -Q ef -I eth0 --max-syn-rate 0 --receive-buffer 8m --engine portable -n -D -j --each a")
            .unwrap();
    assert_eq!(
        (plan.packet.payload_bytes, plan.packet.ttl, plan.packet.traffic_class),
        (1_000, Some(3), 184)
    );
    assert_eq!(
        (plan.packet.interface.as_deref(), plan.packet.source),
        (Some("eth0"), None)
    );
    assert_eq!(
        (plan.max_syn_rate, plan.receive_buffer, plan.engine),
        (None, Some(8 << 20), EngineChoice::Portable)
    );
    let OutputOptions {
        quiet,
        json,
        each,
        numeric,
        print_times,
        verbose,
    } = plan.output;
    assert_eq!(
        (quiet, json, each, numeric, print_times, verbose),
        (false, true, true, true, true, false)
    );
    assert!(
        plan_in(&CRON, "-q --each a").unwrap().output.each,
        "lines that were asked for are not left out"
    );
}

#[test]
fn the_last_of_a_repeated_option_counts() {
    assert_eq!(plan("-c 5 -c 7 a").unwrap().pace.count, Some(7));
}

proptest! {
    #[test]
    fn every_plan_keeps_its_promises(
        tcp in proptest::option::of(1_u16..),
        icmp in any::<bool>(),
        no_icmp in any::<bool>(),
        targets in proptest::collection::vec("[ab](:[1-3])?", 1..6),
        timing in "(-W [0-3] )?(-w [0-5] )?(-i 0?[.][0-9]{1,6} )?(-q )?(--json )?",
    ) {
        let tcp = tcp.map(|port| format!("--tcp {port} ")).unwrap_or_default();
        let icmp = if icmp { "--icmp " } else { "" };
        let no_icmp = if no_icmp { "--no-icmp " } else { "" };
        if let Ok(plan) = plan(&format!("{timing}{tcp}{icmp}{no_icmp}{}", targets.join(" "))) {
            prop_assert!(plan.deadline.is_none_or(|deadline| deadline > plan.pace.timeout));
            prop_assert!(!plan.pace.timeout.is_zero() && !plan.pace.interval.is_zero());
            let mut seen = std::collections::HashSet::new();
            for target in &plan.targets {
                prop_assert!(!target.endpoints.is_empty());
                prop_assert!(no_icmp.is_empty() || !target.endpoints.contains(&Icmp));
                for endpoint in &target.endpoints {
                    prop_assert!(seen.insert((target.name.clone(), target.host.clone(), *endpoint)), "probed twice");
                }
            }
            for spec in targets.iter().filter_map(|text| text.parse::<TargetSpec>().ok()) {
                let port = spec.port.map(|port| Tcp(port.get()));
                prop_assert!(plan.targets.iter().any(|target| *target.name == *spec.label()
                    && port.is_none_or(|port| target.endpoints.contains(&port))), "{spec} is not probed");
            }
        }
    }
}
