//! Probes of backends that share disturbances, through the detector, at the moments at which they would be sent, answered or timed out.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::Duration;

use pathjitter::detect::{Detector, Watch};
use pathjitter::outcome::{Answer, Answered, Event, InTime, StampSource, Timing, What};
use pathjitter::units::{Mono, ProbeSeq, Rtt, SeriesId};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, LogNormal};

use crate::judges::{Buckets, INTERVAL, Ours, TIMEOUT};

/// What happens to backends at the same moment.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Disturbance {
    pub(crate) from: Duration,
    pub(crate) length: Duration,
    /// The first so many backends have it.
    pub(crate) backends: u32,
    pub(crate) delay: Duration,
    /// Share of their probes that are lost.
    pub(crate) loss: f64,
}

/// Backends with RTTs of a local network.
pub(crate) struct Run {
    pub(crate) backends: u32,
    /// Share of all probes that are lost, independently.
    pub(crate) loss: f64,
    pub(crate) disturbances: Vec<Disturbance>,
    pub(crate) length: Duration,
    pub(crate) seed: u64,
}

/// What the judges made of a run.
pub(crate) struct Judged {
    pub(crate) ours: Ours,
    pub(crate) buckets: Buckets,
}

type Coming = Reverse<(Mono, u32, u64, u8)>;

struct Play<'a> {
    run: &'a Run,
    random: ChaCha8Rng,
    rtts: LogNormal<f64>,
    coming: BinaryHeap<Coming>,
    /// Per backend, by number modulo its length: the send time and RTT of a probe.
    probes: Vec<[(Mono, Duration); 16]>,
    detector: Detector,
    judged: Judged,
}

const SEND: u8 = 0;
const ANSWER: u8 = 1;
const TIME_OUT: u8 = 2;

/// Lets it happen.
pub(crate) fn play(run: &Run) -> Judged {
    let mut detector = Detector::new();
    let watch = Watch {
        interval: INTERVAL,
        timeout: TIMEOUT,
        stamp: StampSource::Kernel,
    };
    let mut coming = BinaryHeap::new();
    for n in 0..run.backends {
        detector.admit(SeriesId::new(n), watch);
        // Splayed over the interval.
        coming.push(Reverse((
            Mono::default().after(INTERVAL * n / run.backends),
            n,
            0,
            SEND,
        )));
    }
    let mut play = Play {
        run,
        random: ChaCha8Rng::seed_from_u64(run.seed),
        rtts: LogNormal::new(0.4_f64.ln(), 0.2).expect("0.2 is a deviation"),
        coming,
        probes: (0..run.backends)
            .map(|_| [(Mono::default(), Duration::ZERO); 16])
            .collect(),
        detector,
        judged: Judged {
            ours: Ours::new(run.backends),
            buckets: Buckets::new(2),
        },
    };
    let end = Mono::default().after(run.length);
    while let Some(Reverse((now, backend, seq, what))) = play.coming.pop()
        && now < end
    {
        while let Some(deadline) = play.detector.next_deadline()
            && deadline < now
        {
            play.detector.handle_deadline(deadline);
            play.tell(deadline);
        }
        play.step(now, backend, seq, what);
        play.tell(now);
    }
    play.judged
}

impl Play<'_> {
    fn step(&mut self, now: Mono, backend: u32, seq: u64, what: u8) {
        let slot = usize::try_from(seq % 16).unwrap_or(0);
        if what == SEND {
            let fate = self.fate(backend, now);
            self.probes[SeriesId::new(backend).index()][slot] = (now, fate.unwrap_or_default());
            let end = fate.map_or((TIMEOUT, TIME_OUT), |rtt| (rtt, ANSWER));
            self.coming.push(Reverse((now.after(end.0), backend, seq, end.1)));
            // A tenth of jitter, as the schedule of the program has it.
            let next = INTERVAL.mul_f64(self.random.random_range(0.9..1.1));
            self.coming.push(Reverse((now.after(next), backend, seq + 1, SEND)));
        }
        let (sent_at, rtt) = self.probes[SeriesId::new(backend).index()][slot];
        let event = Event {
            series: SeriesId::new(backend),
            seq: ProbeSeq::new(seq),
            sent_at,
            what: match what {
                SEND => What::Sent {
                    late_by: Duration::ZERO,
                },
                ANSWER => answer(rtt),
                _ => What::TimedOut,
            },
        };
        self.detector.handle_event(&event);
        self.judged.ours.event(&event);
    }

    /// The RTT of a probe, or `None` if it is lost.
    fn fate(&mut self, backend: u32, at: Mono) -> Option<Duration> {
        let mut rtt = Duration::from_secs_f64(self.rtts.sample(&mut self.random) / 1e3);
        let mut loss = self.run.loss;
        let since_start = at.since(Mono::default());
        for disturbance in &self.run.disturbances {
            let end = disturbance.from + disturbance.length;
            if backend < disturbance.backends && (disturbance.from..end).contains(&since_start) {
                rtt += disturbance.delay;
                loss = 1.0 - (1.0 - loss) * (1.0 - disturbance.loss);
            }
        }
        (!self.random.random_bool(loss)).then_some(rtt)
    }

    fn tell(&mut self, now: Mono) {
        while let Some(finding) = self.detector.poll() {
            if let pathjitter::detect::Found::Overdue(_) | pathjitter::detect::Found::Spiked(..) = finding.found {
                self.judged.buckets.spike(finding.series.index(), finding.at);
            }
            let level = self.detector.level(finding.series);
            self.judged.ours.finding(&finding, level);
        }
        self.judged.ours.turn(now);
        for (series, from, to) in self.judged.ours.suspected.drain(..) {
            for series in series {
                self.detector.exclude(series, from, to);
            }
        }
    }
}

fn answer(rtt: Duration) -> What {
    let rtt = Rtt::from(rtt);
    What::Answered(Answered {
        answer: Answer::Reply,
        timing: Timing {
            rtt,
            source: StampSource::Kernel,
        },
        user_rtt: rtt,
        in_time: InTime::Yes,
        timed_out: false,
        reordered: false,
        ttl: None,
        bytes: 64,
        stamp_loss: None,
        from: None,
        told: None,
    })
}
