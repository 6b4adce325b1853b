//! Runs our binary inside a host.

use super::{Finished, Guest, Host, Report};

/// The program under test.
pub(crate) const PATHJITTER: &str = env!("CARGO_BIN_EXE_pathjitter");

/// `pathjitter ping --json -q` with these arguments, to its end.
pub(crate) fn ping(host: &Host, args: &str) -> Report {
    Report::read(&pinging(host, &format!("--json -q {args}")).finish())
}

/// `pathjitter ping` with just these arguments, running.
pub(crate) fn pinging(host: &Host, args: &str) -> Guest {
    let mut command = host.command(PATHJITTER);
    command.arg("ping").args(args.split_whitespace());
    Guest::start(command)
}

/// `pathjitter ping` by a user without any capability, to its end.
pub(crate) fn ping_as_nobody(host: &Host, args: &str) -> Finished {
    as_nobody(host, &format!("ping {args}"))
}

/// The program by a user without any capability, to its end.
///
/// The binary is run by descriptor, since the path to it may cross directories that are closed to that user. Where the user
/// namespace maps root alone, root without capabilities has to do: the kernel's answers are the same.
pub(crate) fn as_nobody(host: &Host, args: &str) -> Finished {
    let nobody = if maps_more_than_root() {
        "--reuid 65534 --regid 65534 --clear-groups"
    } else {
        ""
    };
    let script = format!(
        "exec 9<'{PATHJITTER}' && exec setpriv {nobody} --inh-caps=-all --bounding-set=-all /proc/self/fd/9 {args}"
    );
    host.try_sh(&script)
}

/// The group of [`as_nobody`], for `ping_group_range`.
pub(crate) fn nobody_gid() -> u32 {
    if maps_more_than_root() { 65534 } else { 0 }
}

/// Whether a test may be another user than root, which it says where it may not.
pub(crate) fn has_other_users() -> bool {
    let has = maps_more_than_root();
    if !has {
        eprintln!("NOT TESTED: the user namespace maps root alone");
    }
    has
}

fn maps_more_than_root() -> bool {
    let map = std::fs::read_to_string("/proc/self/uid_map").unwrap_or_default();
    map.lines()
        .filter_map(|line| line.split_whitespace().last()?.parse::<u64>().ok())
        .sum::<u64>()
        > 1
}
