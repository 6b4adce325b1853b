//! What the system knows of this process, from `/proc`. Where that is not mounted, nothing is known.

use std::fs;
use std::time::Duration;

use rustix::param::{clock_ticks_per_second, page_size};
use rustix::process::{Resource, getrlimit};

use crate::metrics::ProcessFigures;

/// What is known now.
pub(super) fn figures() -> ProcessFigures {
    let stat = fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let boot = fs::read_to_string("/proc/stat").ok().and_then(|text| boot_time(&text));
    let field = |number| field(&stat, number);
    let seconds = |ticks: u64| Duration::from_secs(ticks).as_secs_f64() / ticks_per_second();
    let cpu = field(UTIME).zip(field(STIME)).map(|(user, system)| user + system);
    // The folder itself is open while it is read.
    let open = fs::read_dir("/proc/self/fd").map(|files| files.count().saturating_sub(1));
    ProcessFigures {
        cpu_seconds: cpu.map(seconds),
        resident_bytes: field(RSS).map(|pages| pages.saturating_mul(u64::try_from(page_size()).unwrap_or(4_096))),
        start_time_seconds: field(STARTTIME).zip(boot).map(|(ticks, boot)| boot + seconds(ticks)),
        open_fds: open.ok().and_then(|count| u64::try_from(count).ok()),
        max_fds: getrlimit(Resource::Nofile).current,
        ..ProcessFigures::default()
    }
}

fn ticks_per_second() -> f64 {
    Duration::from_secs(clock_ticks_per_second().max(1)).as_secs_f64()
}

/// A field of `/proc/self/stat` by the number of `proc(5)`. The second, the name of the program, may hold anything but ends at the last bracket.
fn field(stat: &str, number: usize) -> Option<u64> {
    let (_, rest) = stat.rsplit_once(')')?;
    rest.split_ascii_whitespace().nth(number - AFTER_NAME)?.parse().ok()
}

/// When this host was booted, in seconds since 1970.
fn boot_time(stat: &str) -> Option<f64> {
    let line = stat.lines().find_map(|line| line.strip_prefix("btime "))?;
    line.trim().parse().ok()
}

/// The field that follows the name.
const AFTER_NAME: usize = 3;
const UTIME: usize = 14;
const STIME: usize = 15;
const STARTTIME: usize = 22;
const RSS: usize = 24;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_of_any_name_is_understood() {
        let mut fields: Vec<String> = (1..=52).map(|number| number.to_string()).collect();
        fields[1] = "(a) R 7 (b c)".to_owned();
        let stat = fields.join(" ");
        assert_eq!(
            [UTIME, STIME, STARTTIME, RSS].map(|number| field(&stat, number)),
            [14, 15, 22, 24].map(Some)
        );
        assert_eq!([field("", 14), field("1 (x) S", 14), field("nonsense)", 3)], [None; 3]);
        assert_eq!(
            boot_time("cpu 1 2\nbtime 1700000000\nprocesses 5\n"),
            Some(1_700_000_000.0)
        );
    }

    #[test]
    fn this_process_has_used_memory_files_and_some_time() {
        let figures = figures();
        // A test binary has more than a megabyte, and the standard streams.
        assert!(figures.resident_bytes > Some(1 << 20), "{figures:?}");
        assert!(
            figures.open_fds >= Some(3) && figures.open_fds <= figures.max_fds,
            "{figures:?}"
        );
        assert!(
            figures.cpu_seconds.is_some_and(|seconds| seconds < 3_600.0),
            "{figures:?}"
        );
        assert!(
            figures.start_time_seconds.is_some_and(|at| at > 1_600_000_000.0),
            "{figures:?}"
        );
    }
}
