//! How punctual the simulator was: what a test must know before it blames a prober.
//!
//! Three things can go wrong between the kernel and the model, and each shows in another figure:
//!
//! * **Written late.** A packet that was due is written when the thread gets to it. `due` is known, so this is measured for each packet:
//!   [`Account::written`]. The RTT of that probe is too long by it.
//! * **Read late, because the thread was busy.** A packet may have waited since the device was last seen empty; that time is an upper bound
//!   for each packet: [`Account::read`]. Its answer is reckoned from the moment it was read, so the RTT is too long by this.
//! * **Read late, because the thread was not woken or not run.** The kernel counts the time that a thread was ready and had no CPU
//!   (`run_delay` in `/proc/*/schedstat`); this is read after each wait. Wake-ups by the timer show what that leaves out (a sleeping CPU
//!   takes time to wake, a virtual one may be taken away), as their deadline is known: [`Account::woken`]. They stand for the wake-ups
//!   by packets, whose lateness nobody can see from here.
//!
//! What remains unseen is the time from the kernel's stamp of a packet to the wake-up of this thread, some microseconds, and a pause of the
//! whole machine that begins and ends between two looks of ours.
//!
//! Where any of these exceeds [`LATE`], the time from when it should have happened to when it did is a late moment. An RTT that
//! overlaps none is right within the figures.

use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::time::Duration;

use serde::Serialize;

use super::interface::DeviceLoss;
use crate::clock::Clock;
use crate::stats::Histogram;
use crate::units::{Mono, Wall, nanos};

/// More than this is a late moment. Far above what a healthy machine does, and far below the milliseconds that tests judge by.
pub(super) const LATE: Duration = Duration::from_micros(200);

/// The books of one simulator.
#[derive(Debug, Default)]
pub(super) struct Account {
    /// Packets of the kernel that went into the network.
    pub(super) packets_in: u64,
    /// Packets of the network that the kernel took.
    pub(super) packets_out: u64,
    /// Packets of the kernel to groups, which are its own small talk with neighbours: not simulated.
    pub(super) multicast: u64,
    /// Packets of the network that the kernel refused.
    pub(super) write_errors: u64,
    /// Packets that the device lost.
    pub(super) device: DeviceLoss,
    /// From when a packet was due to when it was written.
    pub(super) written: Histogram,
    /// How long a packet has waited to be read at most, wake-ups aside.
    pub(super) read: Histogram,
    /// From when the thread was to be woken to when it was.
    pub(super) woken: Histogram,
    /// Where lateness exceeded [`LATE`], in order of time.
    pub(super) late: LateMoments,
}

impl Account {
    /// A packet that was due at `due` is being written at `now`.
    pub(super) fn written(&mut self, due: Mono, now: Mono, clock: &impl Clock) {
        self.written.record(now.since(due).into());
        self.late.add(due, now, clock);
    }

    /// A packet was read at `now`; the device was seen empty, or the thread was woken, at `attended`.
    pub(super) fn read(&mut self, attended: Mono, now: Mono, clock: &impl Clock) {
        self.read.record(now.since(attended).into());
        self.late.add(attended, now, clock);
    }

    /// The thread was to be woken at `deadline` and was at `now`.
    pub(super) fn woken(&mut self, deadline: Mono, now: Mono, clock: &impl Clock) {
        self.woken.record(now.since(deadline).into());
        self.late.add(deadline, now, clock);
    }

    /// The thread had no CPU for this long, until `now`.
    pub(super) fn starved(&mut self, starved: Duration, now: Mono, clock: &impl Clock) {
        self.late.add(now.before(starved), now, clock);
    }
}

/// Stretches of time in which the simulator was late.
#[derive(Clone, Debug, Default)]
pub(super) struct LateMoments {
    moments: Vec<LateMoment>,
}

/// One of them, on the wall clock like the kernel's stamps: ns since the Unix epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct LateMoment {
    /// When something should have happened.
    pub from_ns: u64,
    /// When it did.
    pub to_ns: u64,
}

impl LateMoments {
    /// All of them, in order of time. Where there were too many to keep apart, the last one stands for all later ones.
    pub(super) fn into_vec(self) -> Vec<LateMoment> {
        self.moments
    }

    /// Notes that something was due at `from` and done at `to`, if that is late.
    fn add(&mut self, from: Mono, to: Mono, clock: &impl Clock) {
        if to.since(from) <= LATE {
            return;
        }
        let reading = clock.read();
        let wall = |moment: Mono| {
            Wall::from_nanos(
                reading
                    .wall
                    .as_nanos()
                    .saturating_sub(nanos(reading.mono.since(moment))),
            )
        };
        self.note(wall(from).as_nanos(), wall(to).as_nanos());
    }

    fn note(&mut self, from_ns: u64, to_ns: u64) {
        let is_full = self.moments.len() >= MOST_MOMENTS;
        match self.moments.last_mut() {
            Some(last) if is_full || from_ns <= last.to_ns => {
                last.from_ns = last.from_ns.min(from_ns);
                last.to_ns = last.to_ns.max(to_ns);
            }
            _ => self.moments.push(LateMoment { from_ns, to_ns }),
        }
    }
}

/// How long the calling thread has been ready to run without a CPU, as the kernel's scheduler counts it.
#[derive(Debug)]
pub(super) struct RunDelay {
    schedstat: File,
    seen: Duration,
}

impl RunDelay {
    /// Of the calling thread, from now on; `None` where the kernel does not count (`CONFIG_SCHED_INFO`).
    pub(super) fn of_this_thread() -> Option<Self> {
        let schedstat = File::open("/proc/thread-self/schedstat").ok()?;
        let seen = read_run_delay(&schedstat)?;
        Some(Self { schedstat, seen })
    }

    /// How much has come together since the last call.
    pub(super) fn since_last(&mut self) -> Duration {
        let total = read_run_delay(&self.schedstat).unwrap_or(self.seen);
        let more = total.saturating_sub(self.seen);
        self.seen = total;
        more
    }
}

/// The second of three numbers: time on a CPU, time ready without one, turns (Documentation/scheduler/sched-stats.rst).
fn read_run_delay(schedstat: &File) -> Option<Duration> {
    // Three numbers of at most 20 digits.
    let mut text = [0; 64];
    let len = schedstat.read_at(&mut text, 0).ok()?;
    let text = std::str::from_utf8(text.get(..len)?).ok()?;
    let nanos = text.split_whitespace().nth(1)?.parse().ok()?;
    Some(Duration::from_nanos(nanos))
}

/// Bounds the memory of a run on a hopeless machine: 160 kB.
const MOST_MOMENTS: usize = 10_000;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Reading;
    use crate::units::Rtt;

    /// A clock that stands still at 1 s of its own and 10 s of the wall.
    struct Standing;

    impl Clock for Standing {
        fn read(&self) -> Reading {
            Reading {
                mono: Mono::from_nanos(1_000_000_000),
                wall: Wall::from_nanos(10_000_000_000),
                spread: Duration::ZERO,
            }
        }
    }

    fn at(micros: u64) -> Mono {
        Mono::from_nanos(micros * 1_000)
    }

    fn moments(account: &Account) -> Vec<(u64, u64)> {
        let of = |moment: &LateMoment| (moment.from_ns / 1_000, moment.to_ns / 1_000);
        account.late.moments.iter().map(of).collect()
    }

    #[test]
    fn up_to_the_threshold_nothing_is_late_and_beyond_it_the_moment_is_on_the_wall_clock() {
        let mut account = Account::default();
        account.written(at(500_000), at(500_200), &Standing);
        assert_eq!(moments(&account), []);
        account.written(at(600_000), at(600_201), &Standing);
        // 600 ms of a clock that reads 1 s where the wall reads 10 s.
        assert_eq!(moments(&account), [(9_600_000, 9_600_201)]);
        assert_eq!(account.written.count(), 2);
        assert_eq!(account.written.max(), Some(Rtt::from_nanos(201_000)));
    }

    #[test]
    fn moments_that_overlap_are_one_whatever_was_late() {
        let mut account = Account::default();
        account.woken(at(100_000), at(100_300), &Standing);
        account.starved(Duration::from_micros(400), at(100_310), &Standing);
        account.read(at(100_290), at(100_900), &Standing);
        account.written(at(99_800), at(100_950), &Standing);
        assert_eq!(moments(&account), [(9_099_800, 9_100_950)]);
        account.woken(at(200_000), at(201_000), &Standing);
        assert_eq!(moments(&account).len(), 2);
    }

    #[test]
    fn more_moments_than_are_kept_make_the_last_one_longer() {
        let mut late = LateMoments::default();
        let n = u64::try_from(MOST_MOMENTS).unwrap();
        for second in 0..n + 5 {
            late.note(second * 1_000, second * 1_000 + 300);
        }
        assert_eq!(late.moments.len(), MOST_MOMENTS);
        let last = late.moments.last().unwrap();
        assert_eq!((last.from_ns, last.to_ns), ((n - 1) * 1_000, (n + 4) * 1_000 + 300));
    }

    #[test]
    fn a_thread_that_shares_its_cpu_has_waited_for_it() {
        let mut delay = RunDelay::of_this_thread().expect("this kernel counts");
        // Threads that spin, twice as many as CPUs: whoever runs, someone waits, and in a second everyone does.
        let threads = 2 * std::thread::available_parallelism().unwrap().get();
        let stop = std::sync::atomic::AtomicBool::new(false);
        let waited = std::thread::scope(|scope| {
            for _ in 0..threads {
                scope.spawn(|| {
                    while !stop.load(std::sync::atomic::Ordering::Relaxed) {
                        std::hint::spin_loop();
                    }
                });
            }
            let clock = crate::clock::SystemClock::new();
            let start = clock.mono();
            let mut waited = Duration::ZERO;
            while waited.is_zero() && clock.mono().since(start) < Duration::from_secs(10) {
                waited += delay.since_last();
            }
            stop.store(true, std::sync::atomic::Ordering::Relaxed);
            waited
        });
        assert!(!waited.is_zero());
    }
}
