use clap::Parser as _;

use super::*;
use crate::config::args::{Cli, Command as Subcommand};
use crate::config::{Stdout, Surroundings, User};

/// The plan that a command line makes, as root in a pipe.
fn plan(words: &str) -> TracePlan {
    let surroundings = Surroundings {
        stdout: Stdout::Elsewhere,
        user: User::Root,
        interface_index: |_| None,
    };
    let words = ["pathjitter", "trace"].into_iter().chain(words.split_whitespace());
    match Cli::try_parse_from(words).unwrap().command {
        Subcommand::Trace(args) => TracePlan::new(&args, &surroundings).unwrap(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn no_probe_comes_from_the_schedule() {
    assert_eq!(wanted(&plan("-c 7 192.0.2.1")).pace.count, Some(0));
}

#[test]
fn probes_of_all_hops_are_remembered_for_two_timeouts() {
    // 30 hops, once a second, 3 s; and the two rounds that are only begun.
    assert!(capacity(&plan("a"), 1).memory >= 30 * 6);
    assert!(capacity(&plan("-i 10ms -W 1m -m 255 a"), 1).memory >= 255 * 12_000);
    for series in [0, 1, 1_000, 100_000] {
        let each = capacity(&plan("-i 10ms -W 1m -m 255 a"), series).memory;
        assert!(
            each <= (MEMORY_PROBES / series.max(1)).max(LEAST_MEMORY),
            "{series}: {each}"
        );
    }
}

#[test]
fn routers_are_spared_unless_somebody_asks_otherwise() {
    assert_eq!(sweep_options(&plan("-i 100ms a")).budget, Budget::Gentle);
    assert_eq!(sweep_options(&plan("-i 100ms --fast a")).budget, Budget::Fast);
}

#[test]
fn a_run_opens_what_its_endpoints_need_and_no_more() {
    let needs = |words| {
        let needs = native_options(&plan(words), SystemClock::new()).needs;
        (needs.icmp, needs.tcp, needs.udp)
    };
    assert_eq!(needs("192.0.2.1"), (true, false, false));
    assert_eq!(needs("192.0.2.1:443"), (true, true, false));
    assert_eq!(needs("-T 192.0.2.1"), (false, true, false));
    assert_eq!(needs("-u 192.0.2.1 192.0.2.2"), (false, false, true));
}
