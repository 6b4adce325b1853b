//! What this process is and where it prints: the same for every command that measures.

use std::io::IsTerminal as _;

use uuid::Uuid;

use crate::clock::{Clock, SystemClock};
use crate::report::RunIdentity;
use crate::report::live::Screen;
use crate::sys;
use crate::units::{Mono, Wall, nanos};

/// Who measures, and in which run, which begins now.
pub(super) fn identity(clock: &SystemClock) -> RunIdentity {
    identity_at(clock, None)
}

/// The same, at a place that the user has named; else it is that of the environment, or the host.
pub(super) fn identity_at(clock: &SystemClock, vantage: Option<&str>) -> RunIdentity {
    let host = sys::process::host_name().unwrap_or_default();
    let of_environment = std::env::var("PATHJITTER_VANTAGE").ok();
    let vantage = vantage.or(of_environment.as_deref());
    RunIdentity::on_host(vantage, host.as_ref(), run_id(clock.read().wall))
}

/// The wall time of a recent moment, by the clock as it is set now.
pub(super) fn wall_of(clock: &(impl Clock + ?Sized), at: Mono) -> Wall {
    let now = clock.read();
    Wall::from_nanos(now.wall.as_nanos().saturating_sub(nanos(now.mono.since(at))))
}

/// The size of the terminal. Without one, it would be asked of another program, whose answer would be a guess.
pub(super) fn screen() -> Screen {
    let size = std::io::stdout().is_terminal().then(crossterm::terminal::size);
    // A terminal that nobody told its size (over a serial line, under some recorders) says zero.
    let (columns, lines) = size
        .and_then(Result::ok)
        .filter(|(columns, lines)| *columns > 0 && *lines > 0)
        .unwrap_or((DEFAULT_COLUMNS, DEFAULT_LINES));
    Screen { columns, lines }
}

/// A version 7 UUID: runs sort by their start.
fn run_id(now: Wall) -> Uuid {
    let mut random = [0; 10];
    // Without random numbers, which probing would not have come this far without, runs of one millisecond share an id.
    let _ = getrandom::fill(&mut random);
    uuid::Builder::from_unix_timestamp_millis(now.as_nanos() / 1_000_000, &random).into_uuid()
}

/// Off a terminal: wide enough for every column.
const DEFAULT_COLUMNS: u16 = 120;
const DEFAULT_LINES: u16 = 24;
