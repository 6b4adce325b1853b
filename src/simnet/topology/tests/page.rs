//! The page for users says what the format is.

use std::collections::BTreeSet;

use super::*;

/// The page for users.
const PAGE: &str = include_str!("../../../../docs/topologies.md");

/// The words in backticks.
fn quoted(text: &str) -> BTreeSet<&str> {
    text.lines()
        .flat_map(|line| line.split('`').skip(1).step_by(2))
        .collect()
}

/// What may stand at a place of the format: the reader names it all where it finds what may not.
fn allowed_instead_of(old: &str, new: &str) -> BTreeSet<String> {
    let said = said_with(old, new);
    let (_, allowed) = said
        .split_once("expected")
        .unwrap_or_else(|| panic!("{new:?} instead of {old:?} says:\n{said}"));
    quoted(allowed).into_iter().map(str::to_owned).collect()
}

#[test]
fn the_examples_of_the_page_can_be_read() {
    let examples: Vec<&str> = PAGE.split("```toml\n").skip(1).collect();
    assert!(!examples.is_empty());
    for example in examples {
        let (text, _) = example.split_once("```").unwrap();
        if let Err(why) = Topology::read(text) {
            panic!("{why}\n{text}");
        }
    }
}

#[test]
fn the_page_explains_every_key_and_every_word_of_the_format() {
    let explained = PAGE.replace(['"', '{', '}', '=', '[', ']', ',', ' '], "`");
    let explained = explained.split('`').collect::<BTreeSet<_>>();
    let wrong = [
        // Tables.
        ("title = ", "zzz = "),
        ("silent = false", "zzz = 1"),
        ("cost = 3", "zzz = 3"),
        ("other_ports = \"dropped\"", "zzz = 1"),
        ("count = 3", "zzz = 3"),
        ("name = \"spare\"", "zzz = \"spare\""),
        ("via = \"core\"", "zzz = \"core\""),
        ("at = \"10s\"", "zzz = \"10s\""),
        ("host.stalled = true", "host.zzz = true"),
        ("members = [\"app\"]", "zzz = [\"app\"]"),
        ("spikes = [0.1, 0.2]", "zzz = [0.1, 0.2]"),
        ("refused = [0.0, 0.1]", "zzz = [0.0, 0.1]"),
        ("slow = [2]", "zzz = [2]"),
        ("{ from_ttl = 2, to_ttl = 3 }", "{ from_ttl = 2, zzz = 3 }"),
        ("port = 9090", "zzz = 9090"),
        ("tc = 5", "zzz = 5"),
        ("within = \"dropped\"", "zzz = \"dropped\""),
        ("occupied = 2", "zzz = 2"),
        ("syn_ack_retries = 5", "zzz = 5"),
        ("end = 0.2", "zzz = 0.2"),
        // Words.
        ("set.jitter = \"none\"", "set.jitter = \"zzz\""),
        ("icmp_limit = \"linux\"", "icmp_limit = \"zzz\""),
        ("balance = \"packet\"", "balance = \"zzz\""),
        ("quote = { transport = 20 }", "quote = \"zzz\""),
        ("action = \"reset\"", "action = \"zzz\""),
        ("proto = \"udp\", action", "proto = \"zzz\", action"),
        ("other_ports = \"dropped\"", "other_ports = \"zzz\""),
        ("echo = \"prohibited\"", "echo = \"zzz\""),
        ("stall = \"both\"", "stall = \"zzz\""),
        ("within = \"dropped\"", "within = \"zzz\""),
        ("code = \"shared_path\"", "code = \"zzz\""),
        ("answer = \"reply\"\nrtt", "answer = \"zzz\"\nrtt"),
        ("end = \"silent\"", "end = \"zzz\""),
        ("verdict = \"unreachable\"", "verdict = \"zzz\""),
    ];
    for (old, new) in wrong {
        let allowed = allowed_instead_of(old, new);
        assert!(allowed.len() >= 2, "{new}: {allowed:?}");
        let missing: Vec<_> = allowed
            .iter()
            .filter(|word| !explained.contains(word.as_str()))
            .collect();
        assert!(missing.is_empty(), "{new}: {missing:?}");
    }
}
