//! A month of a service, at the level of outcomes: what the packet thread tells windows and monitor, in its order.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use pathjitter::correlate::{CoincidenceOptions, TroubleOptions};
use pathjitter::diagnose::{Monitor, MonitorOptions, News, Role, Stage, Watched};
use pathjitter::outcome::{Answer, Answered, Event, Fate, InTime, Proto, StampSource, Timing, What};
use pathjitter::series::{Endpoint, Series};
use pathjitter::stats::{WindowOptions, Windows};
use pathjitter::units::{Mono, ProbeSeq, Rtt, SeriesId, nanos};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::noise::{Backend, Came, DAY};
use crate::tally::Tally;

/// A service that watches backends, each by ping and by SYN.
pub(crate) struct Month {
    monitor: Monitor,
    windows: Windows,
    backends: Vec<Backend>,
    random: ChaCha8Rng,
    /// What is probed in a fifth of a second, in order: nanoseconds into it, and the series.
    turns: Vec<(u64, u32)>,
    cycle: u64,
    /// Answers on their way: when they come, the probe, RTT in ns, whether they refuse.
    coming: BinaryHeap<Reverse<(Mono, Probe, u64, bool)>>,
    /// Probes to be given up one timeout after they were sent, in order.
    overdue: VecDeque<Probe>,
    /// Probes of which nothing is expected any more two timeouts after they were sent, in order.
    unsettled: VecDeque<(Probe, Fate)>,
    pub(crate) probes: u64,
    pub(crate) closed_windows: u64,
    pub(crate) tally: Tally,
}

/// When it was sent, and of which series it is.
type Probe = (Mono, u32);

impl Month {
    pub(crate) fn new(backends: u32, seed: u64, draw: impl Fn(&mut ChaCha8Rng) -> Backend) -> Self {
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        let start = Mono::default();
        let mut month = Self {
            monitor: Monitor::new(OPTIONS, seed),
            windows: Windows::new(start, Duration::from_secs(10)),
            backends: (0..backends).map(|_| draw(&mut random)).collect(),
            turns: (0..2 * backends)
                .map(|series| (random.random_range(0..nanos(CYCLE)), series))
                .collect(),
            random,
            cycle: 0,
            coming: BinaryHeap::new(),
            overdue: VecDeque::new(),
            unsettled: VecDeque::new(),
            probes: 0,
            closed_windows: 0,
            tally: Tally::default(),
        };
        month.turns.sort_unstable();
        for number in 0..2 * backends {
            month.admit(number);
        }
        month
    }

    fn admit(&mut self, number: u32) {
        let id = SeriesId::new(number);
        let (proto, interval) = habits(number);
        let series = Series {
            target: format!("app{:03}", number / 2).into(),
            address: IpAddr::V4(Ipv4Addr::from(0x0a00_0000 + number / 2)),
            scope_id: 0,
            endpoint: if proto == Proto::Icmp {
                Endpoint::Icmp
            } else {
                Endpoint::Tcp(80.try_into().expect("a port"))
            },
            flow: 0,
        };
        let watched = Watched {
            interval,
            timeout: TIMEOUT,
            stamp: StampSource::Kernel,
            floor: 0.005,
        };
        self.monitor
            .admit(Mono::default(), id, &series, Role::Backend { group: None }, watched);
        let options = WindowOptions {
            stamp: StampSource::Kernel,
            user_rtt: false,
        };
        self.windows.admit(Mono::default(), id, options, TIMEOUT);
    }

    /// Lets so many seconds pass.
    pub(crate) fn live(&mut self, seconds: u64) {
        let cycles = seconds * 1_000_000_000 / nanos(CYCLE);
        for _ in 0..cycles {
            for turn in 0..self.turns.len() {
                let (offset, series) = self.turns[turn];
                // SYNs take their turn in one cycle of five.
                let is_due = series.is_multiple_of(2) || self.cycle % 5 == u64::from(series / 2) % 5;
                if is_due {
                    self.send(Mono::from_nanos(self.cycle * nanos(CYCLE) + offset), series);
                }
            }
            self.cycle += 1;
            self.listen();
        }
    }

    /// How many days passed.
    pub(crate) fn days(&self) -> f64 {
        seconds(Mono::from_nanos(self.cycle * nanos(CYCLE))) / DAY
    }

    /// Ends the run, and with it all that lasts.
    pub(crate) fn end(&mut self) {
        let now = Mono::from_nanos(self.cycle * nanos(CYCLE)).after(3 * TIMEOUT);
        self.pass(now);
        self.monitor.close(now);
        self.listen();
    }

    fn send(&mut self, at: Mono, series: u32) {
        self.pass(at);
        let probe = (at, series);
        self.tell(
            probe,
            What::Sent {
                late_by: Duration::ZERO,
            },
        );
        self.probes += 1;
        let number = usize::try_from(series / 2).unwrap_or(0);
        let (came, trouble) = self.backends[number].probe(seconds(at), habits(series).0, &mut self.random);
        if let Some(trouble) = trouble {
            self.tally.befalls(number, trouble);
        }
        let answer = match came {
            Came::ReplyAfterUs(us) => Some((us, false)),
            Came::RefusalAfterUs(us) => Some((us, true)),
            Came::Nothing => None,
        };
        // A queue has no end, but a probe is given up: what would come later never comes.
        let Some((rtt_us, refuses)) = answer.filter(|(us, _)| *us < TIMEOUT.as_secs_f64() * 1e6) else {
            self.overdue.push_back(probe);
            return self.unsettled.push_back((probe, Fate::Lost));
        };
        let rtt = Duration::from_nanos(rtt_nanos(rtt_us));
        self.coming.push(Reverse((at.after(rtt), probe, nanos(rtt), refuses)));
        let fate = if refuses {
            Fate::Rejected
        } else {
            Fate::Received(timing(nanos(rtt)))
        };
        self.unsettled.push_back((probe, fate));
    }

    /// Has happen what happens up to `now`, and then has it judged, as a prober that wakes up to send.
    fn pass(&mut self, now: Mono) {
        while let Some(&Reverse((at, probe, rtt, refuses))) = self.coming.peek()
            && at <= now
        {
            self.coming.pop();
            self.give_up_to(at);
            self.tell(probe, What::Answered(answered(rtt, refuses)));
        }
        self.give_up_to(now);
        if self.monitor.next_deadline().is_some_and(|due| due <= now) {
            self.monitor.handle_deadline(now);
            self.listen();
        }
        while self.windows.poll_closed(now).is_some() {
            self.closed_windows += 1;
        }
    }

    fn give_up_to(&mut self, now: Mono) {
        while let Some(probe) = self.overdue.pop_front_if(|(sent, _)| sent.after(TIMEOUT) <= now) {
            self.tell(probe, What::TimedOut);
        }
        while let Some((probe, fate)) = self
            .unsettled
            .pop_front_if(|((sent, _), _)| sent.after(2 * TIMEOUT) <= now)
        {
            self.tell(probe, What::Settled(fate));
        }
    }

    fn tell(&mut self, (sent_at, series): Probe, what: What) {
        let seq = ProbeSeq::new(sent_at.as_nanos() / nanos(habits(series).1));
        let event = Event {
            series: SeriesId::new(series),
            seq,
            sent_at,
            what,
        };
        self.windows.record(&event);
        self.monitor.handle_event(&event);
    }

    fn listen(&mut self) {
        while let Some(news) = self.monitor.poll() {
            if let News::Incident(Stage::Close, incident) = news {
                self.tally.closed(&incident);
            }
        }
    }
}

/// Series of even numbers are by ping, the others by SYN.
fn habits(series: u32) -> (Proto, Duration) {
    if series.is_multiple_of(2) {
        (Proto::Icmp, CYCLE)
    } else {
        (Proto::Tcp, 5 * CYCLE)
    }
}

fn answered(rtt: u64, refuses: bool) -> Answered {
    Answered {
        answer: if refuses { Answer::Refused } else { Answer::Reply },
        timing: timing(rtt),
        user_rtt: Rtt::from_nanos(rtt + WOKEN),
        in_time: InTime::Yes,
        timed_out: false,
        reordered: false,
        ttl: Some(60),
        bytes: 64,
        stamp_loss: None,
        from: None,
        told: None,
    }
}

const fn timing(rtt: u64) -> Timing {
    Timing {
        rtt: Rtt::from_nanos(rtt),
        source: StampSource::Kernel,
    }
}

#[expect(clippy::cast_precision_loss, reason = "a month is known to the microsecond")]
pub(crate) fn seconds(at: Mono) -> f64 {
    at.as_nanos() as f64 / 1e9
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "RTTs are positive and less than a second"
)]
fn rtt_nanos(us: f64) -> u64 {
    (us * 1e3) as u64
}

/// As `run` has it: half of the budget for what several do at once, half for what one does.
const OPTIONS: MonitorOptions = MonitorOptions {
    coincidences: CoincidenceOptions {
        false_alarms_per_30_days: 0.5,
    },
    troubles: TroubleOptions {
        false_alarms_per_30_days: 0.5,
    },
    sweep: None,
    slot: Duration::from_millis(10),
};

/// The interval of pings; SYNs are a fifth of them.
const CYCLE: Duration = Duration::from_millis(200);
const TIMEOUT: Duration = Duration::from_secs(1);

/// How long a thread takes to wake up and read, ns.
const WOKEN: u64 = 15_000;
