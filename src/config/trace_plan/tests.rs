use std::num::NonZeroU16;

use clap::Parser as _;
use proptest::prelude::*;

use super::*;
use crate::config::User;
use crate::config::args::{Cli, Command};

/// Neither root nor on a terminal; eth0 exists.
const CRON: Surroundings = Surroundings {
    stdout: Stdout::Elsewhere,
    user: User::Other,
    interface_index: |name| (name == "eth0").then_some(2),
};

const TERMINAL: Surroundings = Surroundings {
    stdout: Stdout::Terminal,
    ..CRON
};

fn plan_in(surroundings: &Surroundings, words: &str) -> Result<TracePlan, PlanError> {
    let words = ["pathjitter", "trace"].into_iter().chain(words.split_whitespace());
    match Cli::try_parse_from(words).unwrap().command {
        Command::Trace(args) => TracePlan::new(&args, surroundings),
        other => panic!("{other:?}"),
    }
}

fn plan(words: &str) -> Result<TracePlan, PlanError> {
    plan_in(&CRON, words)
}

#[test]
fn defaults_are_those_of_the_manual() {
    let plan = plan("app01").unwrap();
    assert_eq!(
        (plan.cycles, plan.interval, plan.timeout),
        (Some(10), Duration::from_secs(1), Duration::from_secs(3))
    );
    assert_eq!((plan.first_ttl, plan.max_ttl, plan.flows), (1, 30, 1));
    assert_eq!((plan.fast, plan.numeric, plan.verbose), (false, false, false));
    assert_eq!((plan.family, plan.engine), (Family::Any, TraceEngine::Auto));
    assert_eq!(
        (plan.packet.payload_bytes, plan.packet.ttl, plan.packet.traffic_class),
        (56, None, 0)
    );
}

#[test]
fn the_live_view_is_for_terminals_and_has_no_end() {
    use TraceView::{Json, Live, Report, WideReport};
    for (words, on_terminal, elsewhere) in [
        ("a", (Live, None), (Report, Some(10))),
        ("-c 3 a", (Live, Some(3)), (Report, Some(3))),
        ("--report-cycles 3 a", (Live, Some(3)), (Report, Some(3))),
        ("-r a", (Report, Some(10)), (Report, Some(10))),
        ("-w a", (WideReport, Some(10)), (WideReport, Some(10))),
        ("-rw -c 7 a", (WideReport, Some(7)), (WideReport, Some(7))),
        ("-j a", (Json, Some(10)), (Json, Some(10))),
        ("--report --json a", (Json, Some(10)), (Json, Some(10))),
    ] {
        for (surroundings, expected) in [(&TERMINAL, on_terminal), (&CRON, elsewhere)] {
            let plan = plan_in(surroundings, words).unwrap();
            assert_eq!((plan.view, plan.cycles), expected, "{words}");
        }
    }
}

#[test]
fn ports_and_protocol_options_decide_what_is_traced() {
    use Endpoint::{Icmp, Tcp, Udp};
    for (words, expected) in [
        ("h", vec![Icmp]),
        ("h:443", vec![Icmp, Tcp(443)]),
        ("-T h", vec![Tcp(80)]),
        ("-T -P 443 h", vec![Tcp(443)]),
        ("-T -P 443 h:22", vec![Tcp(22)]),
        ("-T [2001:db8::1]:22", vec![Tcp(22)]),
        ("-u h", vec![Udp(33_434)]),
        ("-u -P 53 h", vec![Udp(53)]),
        ("-u h:123", vec![Udp(123)]),
    ] {
        let plan = plan(words).unwrap();
        assert_eq!(plan.targets.len(), 1, "{words}");
        assert_eq!(plan.targets[0].endpoints, expected, "{words}");
    }
}

#[test]
fn contradictions_are_refused_by_name() {
    use PlanError as E;
    let ms = Duration::from_millis;
    for (words, expected) in [
        ("-T -u h", E::BothTransports),
        ("-P 443 h", E::PortWithoutTransport(443)),
        ("-f 9 -m 8 h", E::FirstBeyondMax { first: 9, max: 8 }),
        (
            "-i 0 h",
            E::CycleTooShort {
                interval: ms(0),
                least: ms(10),
            },
        ),
        (
            "-W 61 h",
            E::TimeoutTooLong {
                timeout: ms(61_000),
                most: ms(60_000),
            },
        ),
        ("-W 0 h", E::ZeroTimeout),
        ("-4 -6 h", E::BothFamilies),
        ("-I eth9 h", E::NoInterface("eth9".to_owned())),
    ] {
        assert_eq!(plan(words), Err(expected), "{words}");
    }
}

#[test]
fn a_trace_that_begins_beyond_the_default_limit_still_has_a_hop() {
    let plan = plan("-f 40 h").unwrap();
    assert_eq!((plan.first_ttl, plan.max_ttl), (40, 40));
}

#[test]
fn targets_of_one_name_and_host_are_one() {
    let plan = plan("-T a=h:80 a=h:443 a=h:80").unwrap();
    assert_eq!(plan.targets.len(), 1);
    assert_eq!(plan.targets[0].endpoints, [Endpoint::Tcp(80), Endpoint::Tcp(443)]);
}

proptest! {
    #[test]
    fn whatever_is_accepted_makes_sense(
        first in proptest::option::of(1_u8..),
        max in proptest::option::of(1_u8..),
        interval in proptest::option::of(0_u64..100),
        timeout in proptest::option::of(0_u64..100_000),
        transport in 0_u8..3,
        port in proptest::option::of(1_u16..),
    ) {
        let mut words = String::new();
        let mut add = |option: &str, value: Option<String>| {
            if let Some(value) = value {
                words.push_str(&[option, &value, ""].join(" "));
            }
        };
        add("-f", first.map(|n| n.to_string()));
        add("-m", max.map(|n| n.to_string()));
        add("-i", interval.map(|n| format!("{n}ms")));
        add("-W", timeout.map(|n| format!("{n}ms")));
        add(["", "-T", "-u"][usize::from(transport)], Some(String::new()));
        add("-P", port.and_then(NonZeroU16::new).map(|n| n.to_string()));
        if let Ok(plan) = plan(&format!("{words} h")) {
            prop_assert!((1..=plan.max_ttl).contains(&plan.first_ttl));
            prop_assert!(plan.interval >= MIN_INTERVAL && !plan.timeout.is_zero() && plan.timeout <= MAX_TIMEOUT);
            prop_assert_eq!(plan.targets[0].endpoints.len(), 1);
            prop_assert!(transport != 0 || port.is_none());
        }
    }
}
