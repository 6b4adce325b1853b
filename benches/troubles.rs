//! How often a single backend is called in trouble by chance in 30 days, and how many losses it takes to know a dead one.
//!
//! At the level of outcomes: 20 backends, 5 probes/s each, which are lost with the habits below and never slow. What the detector says of them is said by
//! its rules (2 lost in a row, 3 of the last 20, none of 20), which are also the judge that ours is compared with. The budget is one false alarm in
//! 30 days. Bursts are a habit that must be learned: the first day is counted apart.
//!
//! A bar is met if no more is opened after the first day than a budget of 1 explains: 5 or fewer, as a Poisson number with mean 1 is in 99.9 % of months.
#![expect(clippy::disallowed_macros, reason = "a bench prints")]

#[path = "support/lab.rs"]
#[allow(dead_code, reason = "nothing here needs a network")]
mod lab;

use std::process::ExitCode;
use std::time::Duration;

use lab::Form;
use pathjitter::correlate::{AnomalyKind, Change, Stream, TroubleOptions, Troubles};
use pathjitter::detect::{Cause, Finding, Found, Symptom};
use pathjitter::outcome::{Event, Proto, StampSource, Timing, What};
use pathjitter::units::{Mono, ProbeSeq, Rtt, SeriesId, TargetId};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// Share of probes lost, and the mean length of a run; 1 where losses are independent.
const HABITS: [(f64, f64); 7] = [
    (0.0, 1.0),
    (0.001, 1.0),
    (0.005, 1.0),
    (0.01, 1.0),
    (0.001, 2.0),
    (0.001, 5.0),
    (0.005, 5.0),
];

fn main() -> ExitCode {
    let form = Form::from_environment();
    let (backends, days) = form.pick((20, 30), (2, 1));
    println!("form: {form:?}; seed 1; {backends} backends, {days} days, a budget of 1 in 30 days");
    println!(
        "loss %  mean run | alarms on day 1 | later: alone, lasting | 2 in a row, 3 of 20 | losses until a dead one is known"
    );
    let mut met = true;
    for (share, run) in HABITS {
        let mut month = Month::new(backends, share, run);
        month.live(1);
        let first = month.alarms();
        month.live(days - 1);
        let all = month.alarms();
        let (alone, lasting) = (all.0 - first.0, all.1 - first.1);
        let naive = month.naive;
        let needed = month.kill();
        println!(
            "{:>6}  {run:>8} | {:>15} | {alone:>12}, {lasting:>7} | {naive:>19} | {needed}",
            share * 1e2,
            first.0 + first.1
        );
        met &= alone + lasting <= 5;
    }
    println!(
        "bar of at most 5 after the first day: {}",
        if met { "met" } else { "MISSED" }
    );
    if met { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

struct Month {
    troubles: Troubles,
    backends: Vec<Backend>,
    random: ChaCha8Rng,
    seq: u64,
    start: f64,
    goes_on: f64,
    alone: u64,
    lasting: u64,
    naive: u64,
}

#[derive(Default)]
struct Backend {
    /// A bit per probe, the newest lowest.
    lost: u32,
    degraded: bool,
    first: Mono,
}

impl Month {
    fn new(backends: u32, share: f64, run: f64) -> Self {
        let mut troubles = Troubles::new(TroubleOptions {
            false_alarms_per_30_days: 1.0,
        });
        for n in 0..backends {
            let stream = Stream {
                target: TargetId::new(n),
                proto: Proto::Icmp,
                interval: INTERVAL,
                timeout: Duration::from_secs(1),
                floor: 0.01,
            };
            troubles.admit(SeriesId::new(n), stream, Mono::default());
        }
        let goes_on = if run > 1.0 { 1.0 - 1.0 / run } else { share };
        let mut month = Self {
            troubles,
            backends: (0..backends).map(|_| Backend::default()).collect(),
            random: ChaCha8Rng::seed_from_u64(1),
            seq: 0,
            start: share * (1.0 - goes_on) / (1.0 - share),
            goes_on,
            alone: 0,
            lasting: 0,
            naive: 0,
        };
        month.greet();
        month
    }

    /// Every backend has answered before.
    fn greet(&mut self) {
        for n in 0..self.backends.len() {
            self.event(n, What::Answered(ANSWER));
        }
    }

    fn live(&mut self, days: u64) {
        for _ in 0..days * PROBES_PER_DAY {
            for n in 0..self.backends.len() {
                let p = if self.backends[n].lost & 1 == 1 {
                    self.goes_on
                } else {
                    self.start
                };
                let lost = self.random.random_bool(p);
                self.probe(n, lost);
            }
            self.listen();
            self.seq += 1;
        }
    }

    /// How many losses in a row it takes until the first backend is in trouble.
    fn kill(&mut self) -> u64 {
        // What happens to be wrong with it is over before.
        for _ in 0..2 * PROBES_PER_DAY / 24 {
            self.probe(0, false);
            self.seq += 1;
        }
        self.listen();
        let before = self.alone;
        let mut losses = 0;
        while self.alone == before && losses < 1_000 {
            self.probe(0, true);
            self.listen();
            self.seq += 1;
            losses += 1;
        }
        losses
    }

    fn alarms(&self) -> (u64, u64) {
        (self.alone, self.lasting)
    }

    fn probe(&mut self, n: usize, lost: bool) {
        let at = self.at();
        let backend = &mut self.backends[n];
        if backend.lost & LAST_20 == 0 {
            backend.first = at;
        }
        backend.lost = (backend.lost << 1 | u32::from(lost)) & LAST_20;
        let bad = backend.lost.count_ones();
        let cause = match backend.lost & 3 {
            3 => Some(Cause::Silent),
            _ => (bad >= 3).then_some(Cause::Frequent),
        };
        let first = backend.first;
        let turned_bad = cause.filter(|_| !backend.degraded);
        let is_well = backend.degraded && bad == 0;
        backend.degraded = (backend.degraded || cause.is_some()) && !is_well;
        if lost {
            self.found(n, at, Found::Spiked(ProbeSeq::new(self.seq), Symptom::Lost));
        }
        if let Some(cause) = turned_bad {
            self.naive += 1;
            self.found(n, first, Found::Degraded(cause));
        }
        if is_well {
            self.found(n, at, Found::Recovered);
        }
        self.event(n, if lost { What::TimedOut } else { What::Answered(ANSWER) });
    }

    fn listen(&mut self) {
        while let Some(change) = self.troubles.poll() {
            if let Change::Opened(anomaly) = change {
                let is_alone = matches!(anomaly.kind, AnomalyKind::Alone(_));
                self.alone += u64::from(is_alone);
                self.lasting += u64::from(!is_alone);
            }
        }
    }

    fn found(&mut self, n: usize, at: Mono, found: Found) {
        let series = series(n);
        self.troubles.handle_finding(&Finding { series, at, found });
    }

    fn event(&mut self, n: usize, what: What) {
        self.troubles.handle_event(&Event {
            series: series(n),
            seq: ProbeSeq::new(self.seq),
            sent_at: self.at(),
            what,
        });
    }

    fn at(&self) -> Mono {
        Mono::from_nanos(self.seq * 200_000_000)
    }
}

fn series(n: usize) -> SeriesId {
    SeriesId::new(u32::try_from(n).unwrap_or(u32::MAX))
}

const INTERVAL: Duration = Duration::from_millis(200);
const PROBES_PER_DAY: u64 = 5 * 86_400;
const LAST_20: u32 = (1 << 20) - 1;

const TIMING: Timing = Timing {
    rtt: Rtt::from_nanos(1_000_000),
    source: StampSource::Kernel,
};

const ANSWER: pathjitter::outcome::Answered = pathjitter::outcome::Answered {
    answer: pathjitter::outcome::Answer::Reply,
    timing: TIMING,
    user_rtt: Rtt::from_nanos(1_000_000),
    in_time: pathjitter::outcome::InTime::Yes,
    timed_out: false,
    reordered: false,
    ttl: None,
    bytes: 0,
    stamp_loss: None,
    from: None,
    told: None,
};
