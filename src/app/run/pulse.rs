//! Whether a service still does its work: probes leave, their fates are decided, and lines are written.
//!
//! A process that runs proves nothing: one thread may wait for ever while the others go on. So each of them has to have advanced since the
//! last look, by as much as its own pace demands. Time is an argument.

use std::fmt;
use std::time::Duration;

use crate::units::Mono;

/// How far the packet thread has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Vitals {
    /// Probes that left this host, or could not.
    pub(super) left: u64,
    /// Probes whose fate is decided.
    pub(super) settled: u64,
    /// Of all series; `None` where there is none.
    pub(super) shortest_interval: Option<Duration>,
}

/// How far the writer has come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::app) struct Written {
    /// Windows that were written.
    pub(super) windows: u64,
    /// How it goes, in a line.
    pub(super) summary: String,
}

/// What stands still, and for how long it has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Standstill {
    pub(super) what: Part,
    pub(super) since: Duration,
}

/// A part of a service that has to advance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    Packets,
    Sending,
    Receiving,
    Writing,
}

/// The last that was seen of each part.
#[derive(Debug)]
pub(super) struct Pulse {
    /// When the packet thread last answered, and the writer.
    packets_at: Mono,
    writer_at: Mono,
    left: Mark,
    settled: Mark,
}

/// A count, and since when it is the same.
#[derive(Clone, Copy, Debug)]
struct Mark {
    count: u64,
    since: Mono,
}

impl Pulse {
    /// Everything has just begun.
    pub(super) const fn new(now: Mono) -> Self {
        let mark = Mark { count: 0, since: now };
        Self {
            packets_at: now,
            writer_at: now,
            left: mark,
            settled: mark,
        }
    }

    /// Looks at what each thread has answered, if it has. Answers may take up to `longest_timeout`.
    ///
    /// # Errors
    /// What stands still.
    pub(super) fn check(
        &mut self,
        now: Mono,
        vitals: Option<Vitals>,
        has_written: bool,
        longest_timeout: Duration,
    ) -> Result<(), Standstill> {
        let stands = |what, since| {
            Err(Standstill {
                what,
                since: now.since(since),
            })
        };
        let Some(vitals) = vitals else {
            return stands(Part::Packets, self.packets_at);
        };
        self.packets_at = now;
        if has_written {
            self.writer_at = now;
        }
        self.left.see(vitals.left, now);
        self.settled.see(vitals.settled, now);
        if let Some(interval) = vitals.shortest_interval {
            let sending = interval * 2 + GRACE;
            if now.since(self.left.since) > sending {
                return stands(Part::Sending, self.left.since);
            }
            // A probe is settled once no answer can come any more, which is after two timeouts.
            if now.since(self.settled.since) > sending + longest_timeout * 2 {
                return stands(Part::Receiving, self.settled.since);
            }
        } else {
            // What is not probed can't stand still.
            self.left.since = now;
            self.settled.since = now;
        }
        if has_written {
            Ok(())
        } else {
            stands(Part::Writing, self.writer_at)
        }
    }
}

impl Mark {
    fn see(&mut self, count: u64, now: Mono) {
        if count != self.count {
            *self = Self { count, since: now };
        }
    }
}

impl fmt::Display for Standstill {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = match self.what {
            Part::Packets => "the packet thread does not answer",
            Part::Sending => "no probe has left",
            Part::Receiving => "no probe was settled",
            Part::Writing => "the writer does not answer (does anybody read the output?)",
        };
        write!(f, "{what} since {} s", self.since.as_secs())
    }
}

/// What a busy host may cost beside the pace of the probes.
const GRACE: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests {
    use super::*;

    const INTERVAL: Duration = Duration::from_millis(200);
    const TIMEOUT: Duration = Duration::from_secs(1);

    fn at(seconds: u64) -> Mono {
        Mono::default().after(Duration::from_secs(seconds))
    }

    fn vitals(left: u64, settled: u64) -> Vitals {
        Vitals {
            left,
            settled,
            shortest_interval: Some(INTERVAL),
        }
    }

    fn stuck(checked: Result<(), Standstill>) -> (Part, u64) {
        let standstill = checked.unwrap_err();
        (standstill.what, standstill.since.as_secs())
    }

    #[test]
    fn what_advances_is_alive() {
        let mut pulse = Pulse::new(at(0));
        for second in 1..100_u64 {
            let settled = second.saturating_sub(2) * 5;
            assert_eq!(
                pulse.check(at(second), Some(vitals(second * 5, settled)), true, TIMEOUT),
                Ok(())
            );
        }
    }

    #[test]
    fn each_part_that_stands_still_is_named_with_its_time() {
        let mut pulse = Pulse::new(at(0));
        pulse.check(at(1), Some(vitals(5, 5)), true, TIMEOUT).unwrap();
        assert_eq!(stuck(pulse.check(at(3), None, true, TIMEOUT)), (Part::Packets, 2));
        // 1.4 s without a probe are too many, 3.4 s without a fate.
        assert_eq!(
            stuck(pulse.check(at(3), Some(vitals(5, 9)), true, TIMEOUT)),
            (Part::Sending, 2)
        );
        assert_eq!(pulse.check(at(6), Some(vitals(9, 9)), true, TIMEOUT), Ok(()));
        assert_eq!(
            stuck(pulse.check(at(7), Some(vitals(12, 9)), true, TIMEOUT)),
            (Part::Receiving, 4)
        );
        assert_eq!(
            stuck(pulse.check(at(8), Some(vitals(15, 15)), false, TIMEOUT)),
            (Part::Writing, 1)
        );
        assert_eq!(pulse.check(at(9), Some(vitals(20, 20)), true, TIMEOUT), Ok(()));
    }

    #[test]
    fn a_slow_pace_is_no_standstill_and_neither_is_nothing_to_probe() {
        let mut pulse = Pulse::new(at(0));
        let slow = Vitals {
            left: 1,
            settled: 1,
            shortest_interval: Some(Duration::from_mins(1)),
        };
        pulse.check(at(1), Some(slow), true, TIMEOUT).unwrap();
        assert_eq!(pulse.check(at(120), Some(slow), true, TIMEOUT), Ok(()));
        assert_eq!(
            stuck(pulse.check(at(123), Some(slow), true, TIMEOUT)),
            (Part::Sending, 122)
        );
        let idle = Vitals {
            shortest_interval: None,
            ..slow
        };
        assert_eq!(pulse.check(at(500), Some(idle), true, TIMEOUT), Ok(()));
        // What begins then has its time.
        assert_eq!(pulse.check(at(501), Some(vitals(1, 1)), true, TIMEOUT), Ok(()));
    }
}
