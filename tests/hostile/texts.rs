//! Every parser of what users type: no panic, and what is written again as it was read is read as the same.

use clap::Parser as _;
use pathjitter::config::args::Cli;
use pathjitter::config::{SourceSpec, TargetSpec, Threshold, duration};

/// Texts of every grammar, to begin with.
pub(crate) const EXAMPLES: &[&str] = &[
    "app01=10.0.0.1:443",
    "db=[2001:db8::1]:5432",
    "fe80::1%eth0",
    "[fe80::1%eth0]:80",
    "a.example.net:8443",
    "::ffff:192.0.2.1",
    "200ms",
    "1.5s",
    "24h",
    "250µs",
    "0.0000000001",
    "loss>=5%",
    "p99.9 > 20ms",
    "jitter>5ms",
    "late>0.001%",
    "eth0.100",
    "192.0.2.1",
    "0xb8",
    "af11",
    "208k",
    "16MiB",
];

/// Reads `text` by every parser.
pub(crate) fn read_every_way(text: &str) {
    if let Ok(target) = text.parse::<TargetSpec>() {
        assert_eq!(target.to_string().parse().as_ref(), Ok(&target), "{text:?}");
        assert!(!target.label().is_empty());
    }
    let lengths = [duration::parse(text), duration::parse_with_unit(text)];
    for length in lengths.into_iter().flatten() {
        assert!(length <= duration::MAX);
        assert_eq!(duration::parse(&duration::display(length)), Ok(length), "{text:?}");
    }
    if let Ok(threshold) = text.parse::<Threshold>() {
        assert_eq!(threshold.to_string().parse().as_ref(), Ok(&threshold), "{text:?}");
    }
    let _ = text.parse::<SourceSpec>();
}

/// Reads `text` as the value of an option whose parser only the command line reaches.
#[allow(dead_code, reason = "too slow for millions of cases: the fuzz target reads a few")]
pub(crate) fn read_as_option(option: &str, text: &str) {
    let _ = Cli::try_parse_from(["pathjitter", "ping", &format!("{option}={text}"), "192.0.2.1"]);
}
