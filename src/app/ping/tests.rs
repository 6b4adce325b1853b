use clap::Parser as _;

use super::*;
use crate::config::args::{Cli, Command as Subcommand};
use crate::config::{Stdout, Surroundings, User};
use crate::sys;

/// The plan that a command line makes, as root in a pipe.
pub(in crate::app) fn plan(words: &str) -> PingPlan {
    let surroundings = Surroundings {
        stdout: Stdout::Elsewhere,
        user: User::Root,
        interface_index: |name| (name == "eth0").then_some(2),
    };
    let words = ["pathjitter", "ping"].into_iter().chain(words.split_whitespace());
    match Cli::try_parse_from(words).unwrap().command {
        Subcommand::Ping(args) => PingPlan::new(*args, &surroundings).unwrap(),
        other => panic!("{other:?}"),
    }
}

fn memory(words: &str, series: usize) -> usize {
    capacity(&plan(words), series).memory
}

#[test]
fn a_minute_of_probes_is_remembered_where_it_is_cheap() {
    assert_eq!(memory("a", 1), 60);
    assert_eq!(memory("-i 200ms a", 1), 300);
    assert_eq!(memory("-i 200ms a", 1_000), 300);
    assert_eq!(memory("-i 1ms a", 1), 60_000);
}

#[test]
fn a_rare_probe_is_still_recognised_when_it_comes_late() {
    assert_eq!(memory("-i 60s a", 1), 16);
    assert_eq!(memory("-i 60s a", 1_000_000), 16);
}

#[test]
fn all_series_together_remember_no_more_than_their_share_of_memory() {
    for (words, series) in [
        ("-i 1ms a", 1_000),
        ("-i 10ms a", 100_000),
        ("-i 0 -W 60s a", 3),
        ("-i 0 -W 60s a", 0),
    ] {
        let each = memory(words, series);
        assert!(
            each <= (MEMORY_PROBES / series.max(1)).max(16),
            "{words}, {series} series: {each} each"
        );
    }
}

#[test]
fn a_flood_remembers_the_probes_of_one_timeout() {
    let per_second = usize::try_from(FLOOD_PER_MILLI * 1_000).unwrap();
    assert_eq!(memory("-i 0 -W 1s a", 1), per_second);
    assert_eq!(memory("-i 0 -W 1s a", 100), per_second / 100);
    assert_eq!(memory("-i 0 -W 2s a", 100), per_second / 50);
}

#[test]
fn series_of_a_flood_share_its_window_and_each_has_two_probes_at_least() {
    let window = |series| capacity(&plan("-i 0 a"), series).window as usize;
    assert_eq!((window(0), window(1)), (FLOOD_WINDOW, FLOOD_WINDOW));
    assert_eq!(window(16), FLOOD_WINDOW / 16);
    assert_eq!(window(10_000), 2);
}

#[test]
fn families_are_known_of_addresses_and_of_names_with_a_family_asked_for() {
    use sys::Family::{V4, V6};
    let families = |words| {
        let mut families = {
            let plan = plan(words);
            known_families(&plan.targets, plan.family)
        };
        families.sort_by_key(|family| *family == V6);
        families.dedup();
        families
    };
    assert_eq!(families("192.0.2.1 192.0.2.2"), [V4]);
    assert_eq!(families("2001:db8::1 [2001:db8::2]:443"), [V6]);
    assert_eq!(families("192.0.2.1 2001:db8::1 192.0.2.2"), [V4, V6]);
    assert_eq!(families("app01 app02:443"), [], "whatever the names resolve to");
    assert_eq!(families("app01 192.0.2.1"), [V4]);
    assert_eq!(families("-4 app01"), [V4]);
    assert_eq!(families("-6 app01"), [V6]);
}

#[test]
fn a_run_opens_what_its_endpoints_need_and_no_more() {
    let needs = |words| {
        let options = native_options(&plan(words), SystemClock::new(), Privilege::Auto);
        (options.needs.icmp, options.needs.tcp)
    };
    assert_eq!(needs("192.0.2.1"), (true, false));
    assert_eq!(needs("192.0.2.1:443"), (true, true));
    assert_eq!(needs("--tcp 443 192.0.2.1"), (false, true));
    assert_eq!(needs("192.0.2.1 192.0.2.2:80"), (true, true));
}
