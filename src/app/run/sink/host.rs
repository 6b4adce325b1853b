//! What this host did lately, for the windows that it happened in.
//!
//! Who was stopped does not know it when it goes on: the first late probe tells. A window that is due in such a moment is put off until that
//! probe has left, so that a window in which this host stood still never looks like one in which all was well.

use std::collections::VecDeque;
use std::time::Duration;

use crate::clock::{ClockEpoch, Reading, StepGuard};
use crate::diagnose::Stall;
use crate::report::HostTrouble;
use crate::units::Mono;

/// What this host did to its own measurement between two moments, beside stalls.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::app) struct Upset {
    /// From when on.
    pub(in crate::app) from: Mono,
    /// Until when.
    pub(in crate::app) to: Mono,
    /// Packets that its sockets dropped for want of room.
    pub(in crate::app) receive_drops: u64,
    /// Probes that never left.
    pub(in crate::app) send_errors: u64,
    /// Whether its wall clock was stepped, or it was suspended.
    pub(in crate::app) clock_stepped: bool,
}

/// Remembers what this host did.
#[derive(Debug, Default)]
pub(super) struct HostWatch {
    guard: StepGuard,
    epoch: ClockEpoch,
    /// When the clocks were last looked at.
    looked_at: Mono,
    stalls: VecDeque<Stall>,
    upsets: VecDeque<Upset>,
    /// What was not told yet.
    untold: Option<Upset>,
    /// When it may be told.
    tell_at: Mono,
    /// For how long nothing is told after something was.
    quiet: Duration,
    /// Until when it is not known what this host has just done.
    unknown_until: Option<Mono>,
}

impl HostWatch {
    /// Looks at the clocks, at a moment that should have come when it was `due`.
    pub(super) fn observe(&mut self, now: Reading, due: Option<Mono>) {
        let before = std::mem::replace(&mut self.looked_at, now.mono);
        let epoch = self.guard.observe(now);
        if epoch != self.epoch {
            self.epoch = epoch;
            // A step is told at once: it moves the times of all lines that follow.
            self.tell_at = now.mono;
            self.upset(Upset {
                from: before,
                to: now.mono,
                clock_stepped: true,
                ..Upset::default()
            });
        }
        let is_late = due.is_some_and(|due| now.mono.since(due) > LATE);
        // A host that is always late is not to wait for ever.
        if is_late && self.unknown_until.is_none() {
            self.unknown_until = Some(now.mono.after(LATE));
        }
    }

    /// Whether this host has shown by `now` what it did before; asked once for each look.
    pub(super) fn is_known(&mut self, now: Mono) -> bool {
        if self.unknown_until.is_some_and(|until| now < until) {
            return false;
        }
        self.unknown_until = None;
        true
    }

    /// When something that is due then can be judged.
    pub(super) fn not_before(&self, due: Mono) -> Mono {
        self.unknown_until.map_or(due, |until| due.max(until))
    }

    /// Takes a stall.
    pub(super) fn note(&mut self, stall: Stall) {
        if self.stalls.len() >= REMEMBERED {
            self.stalls.pop_front();
        }
        self.stalls.push_back(stall);
    }

    /// So many packets were dropped by full receive queues between two moments.
    pub(super) fn dropped(&mut self, packets: u32, from: Mono, to: Mono) {
        self.upset(Upset {
            from,
            to,
            receive_drops: packets.into(),
            ..Upset::default()
        });
    }

    /// A probe could not be sent. Its window says that by itself.
    pub(super) fn not_sent(&mut self, at: Mono) {
        self.add_untold(Upset {
            from: at,
            to: at,
            send_errors: 1,
            ..Upset::default()
        });
    }

    /// What is to be told at `now`: the first upset at once, and a sum of those that follow, ever more rarely while they go on.
    pub(super) fn take(&mut self, now: Mono) -> Option<Upset> {
        if self.untold.is_none() || now < self.tell_at {
            return None;
        }
        let goes_on = now.since(self.tell_at) <= QUIET;
        self.quiet = if goes_on {
            (self.quiet * 2).clamp(QUIET, LONGEST_QUIET)
        } else {
            QUIET
        };
        self.tell_at = now.after(self.quiet);
        self.untold.take()
    }

    /// What was not told yet.
    pub(super) fn take_rest(&mut self) -> Option<Upset> {
        self.untold.take()
    }

    /// What it did between two moments.
    pub(super) fn during(&self, from: Mono, to: Mono) -> HostTrouble {
        let upsets = || self.upsets.iter().filter(|upset| upset.from <= to && upset.to >= from);
        HostTrouble {
            receive_drops: upsets().map(|upset| upset.receive_drops).sum(),
            clock_stepped: upsets().any(|upset| upset.clock_stepped),
            control_disturbed: self.stalls.iter().any(|stall| stall.from <= to && stall.to >= from),
        }
    }

    fn upset(&mut self, upset: Upset) {
        if self.upsets.len() >= REMEMBERED {
            self.upsets.pop_front();
        }
        self.upsets.push_back(upset);
        self.add_untold(upset);
    }

    fn add_untold(&mut self, upset: Upset) {
        match &mut self.untold {
            Some(untold) => {
                untold.from = untold.from.min(upset.from);
                untold.to = untold.to.max(upset.to);
                untold.receive_drops += upset.receive_drops;
                untold.send_errors += upset.send_errors;
                untold.clock_stepped |= upset.clock_stepped;
            }
            untold => *untold = Some(upset),
        }
    }
}

/// Remembered for the windows that they happened in: a host with more of them in one window is disturbed anyway.
const REMEMBERED: usize = 64;

/// As late as stalls begin, and longer than it takes to notice one.
const LATE: Duration = Duration::from_millis(20);

/// After the first upset the next line is due in this time, as long as a window of figures by default.
const QUIET: Duration = Duration::from_secs(10);

/// A target without a route is a line in this time at least, and no more than two dozen of them in a day.
const LONGEST_QUIET: Duration = Duration::from_hours(1);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::units::Wall;

    const HOUR_NS: i64 = 3_600_000_000_000;

    fn at(ms: u64) -> Mono {
        Mono::from_nanos(ms * 1_000_000)
    }

    /// Both clocks, the wall clock being off by this.
    fn reading(ms: u64, off_ns: i64) -> Reading {
        Reading {
            mono: at(ms),
            wall: Wall::from_nanos((1_700_000_000_000_000_000 + ms * 1_000_000).saturating_add_signed(off_ns)),
            spread: Duration::from_nanos(40),
        }
    }

    fn is_stepped(host: &HostWatch, from_ms: u64) -> bool {
        host.during(at(from_ms), at(from_ms + 1_000)).clock_stepped
    }

    #[test]
    fn a_clock_that_is_set_forth_and_back_marks_each_window_that_it_was_set_in_and_no_other() {
        let mut host = HostWatch::default();
        for (ms, off_ns) in [(500, 0), (1_500, HOUR_NS), (2_500, HOUR_NS), (3_500, 0), (4_500, 0)] {
            host.observe(reading(ms, off_ns), Some(at(ms)));
        }
        let marked = [0, 1_001, 2_000, 2_501, 3_501].map(|from| is_stepped(&host, from));
        // From 500 to 1500 ms, and from 2500 to 3500 ms, it was set at some moment.
        assert_eq!(marked, [true, true, true, true, false]);
        assert!(!host.during(at(1_600), at(2_400)).clock_stepped);
    }

    #[test]
    fn steps_are_told_at_once_and_an_hour_back_is_told_as_well_as_an_hour_forth() {
        let mut host = HostWatch::default();
        let mut told = Vec::new();
        for (ms, off_ns) in [(500, 0), (600, HOUR_NS), (700, HOUR_NS), (800, 0), (900, 0)] {
            host.observe(reading(ms, off_ns), Some(at(ms)));
            told.extend(
                host.take(at(ms))
                    .map(|upset| (upset.from, upset.to, upset.clock_stepped)),
            );
        }
        assert_eq!(told, [(at(500), at(600), true), (at(700), at(800), true)]);
    }

    #[test]
    fn time_that_passes_on_the_wall_alone_is_a_step_of_the_clock_and_no_stall() {
        let mut host = HostWatch::default();
        host.observe(reading(1_000, 0), Some(at(1_000)));
        // While a machine is suspended its monotonic clock stands still, so that nothing is late afterwards.
        host.observe(reading(1_010, 8 * HOUR_NS), Some(at(1_010)));
        let trouble = host.during(at(500), at(1_500));
        assert!(trouble.clock_stepped && !trouble.control_disturbed);
        assert!(host.is_known(at(1_010)), "nothing has to be waited for");
    }

    #[test]
    fn who_wakes_late_waits_once_for_what_he_has_missed() {
        let mut host = HostWatch::default();
        host.observe(reading(1_000, 0), Some(at(990)));
        assert!(host.is_known(at(1_000)), "10 ms late is usual");
        host.observe(reading(3_000, 0), Some(at(1_500)));
        assert!(!host.is_known(at(3_000)));
        assert_eq!(
            (host.not_before(at(1_500)), host.not_before(at(5_000))),
            (at(3_020), at(5_000))
        );
        // Late again: it does not wait for ever.
        host.observe(reading(3_500, 0), Some(at(3_020)));
        assert!(host.is_known(at(3_500)));
        assert_eq!(host.not_before(at(3_500)), at(3_500));
    }

    #[test]
    fn an_upset_that_goes_on_is_told_at_once_and_ever_more_rarely_and_nothing_is_left_out() {
        let mut host = HostWatch::default();
        let mut told = Vec::new();
        for ms in (20_000..55_000).step_by(100) {
            host.dropped(3, at(ms), at(ms + 100));
            told.extend(host.take(at(ms + 100)).map(|upset| upset.receive_drops));
        }
        told.extend(host.take_rest().map(|upset| upset.receive_drops));
        // After 0.1 s, 10 s later, 20 s later, and the rest of 35 s.
        assert_eq!(told, [3, 300, 600, 1_050 - 903]);
        // Ten looks in a second, and those that touch it on both sides.
        assert_eq!(host.during(at(53_000), at(54_000)).receive_drops, 3 * 12);
    }
}
