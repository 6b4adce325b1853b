//! What judges RTTs: the detector, and three rules that people use.

use std::collections::VecDeque;
use std::time::Duration;

use pathjitter::detect::{Detector, Found, Kind, Watch};
use pathjitter::outcome::{Answer, Answered, Event, InTime, StampSource, Timing, What};
use pathjitter::units::{Mono, ProbeSeq, Rtt, SeriesId};

/// Judges one RTT after the other.
pub(crate) trait Contender {
    /// Takes the RTT of the next probe, in ms, and says whether it is a spike.
    fn judge(&mut self, ms: f64) -> bool;
}

/// The detector, fed with the events of a series at 5 probes/s.
pub(crate) struct Ours {
    detector: Detector,
    seq: u64,
    /// Level shifts so far: the probe at which each was said.
    pub(crate) shifts: Vec<u64>,
}

impl Ours {
    pub(crate) fn new() -> Self {
        let mut detector = Detector::new();
        let watch = Watch {
            interval: INTERVAL,
            timeout: Duration::from_secs(1),
            stamp: StampSource::Kernel,
        };
        detector.admit(ID, watch);
        Self {
            detector,
            seq: 0,
            shifts: Vec::new(),
        }
    }

    fn event(&mut self, what: What) {
        let seq = ProbeSeq::new(self.seq);
        let sent_at = Mono::from_nanos(self.seq * 200_000_000);
        self.detector.handle_event(&Event {
            series: ID,
            seq,
            sent_at,
            what,
        });
    }
}

impl Contender for Ours {
    fn judge(&mut self, ms: f64) -> bool {
        self.event(What::Sent {
            late_by: Duration::ZERO,
        });
        let rtt = Rtt::from(Duration::from_secs_f64(ms / 1e3));
        let source = StampSource::Kernel;
        self.event(What::Answered(Answered {
            answer: Answer::Reply,
            timing: Timing { rtt, source },
            user_rtt: rtt,
            in_time: InTime::Yes,
            timed_out: false,
            reordered: false,
            ttl: None,
            bytes: 64,
            stamp_loss: None,
            from: None,
            told: None,
        }));
        let mut spiked = false;
        while let Some(finding) = self.detector.poll() {
            match finding.found {
                Found::Spiked(_, symptom) => spiked |= symptom.kind() == Kind::Rtt,
                Found::LevelShift { .. } => self.shifts.push(self.seq),
                _ => {}
            }
        }
        self.seq += 1;
        spiked
    }
}

/// Above the mean and three standard deviations of the last 10 minutes.
#[derive(Default)]
pub(crate) struct ThreeSigma {
    window: VecDeque<f64>,
    sum: f64,
    squares: f64,
}

impl Contender for ThreeSigma {
    fn judge(&mut self, ms: f64) -> bool {
        let n = float(self.window.len());
        let mean = self.sum / n;
        let deviation = (self.squares / n - mean * mean).max(0.0).sqrt();
        let spiked = self.window.len() >= WARM && ms > mean + (3.0 * deviation).max(FLOOR);
        if self.window.len() == WINDOW
            && let Some(old) = self.window.pop_front()
        {
            self.sum -= old;
            self.squares -= old * old;
        }
        self.window.push_back(ms);
        self.sum += ms;
        self.squares += ms * ms;
        spiked
    }
}

/// Above the smoothed RTT and four of its smoothed deviations: TCP's timer (RFC 6298).
#[derive(Default)]
pub(crate) struct Ewma {
    n: usize,
    smoothed: f64,
    deviation: f64,
}

impl Contender for Ewma {
    fn judge(&mut self, ms: f64) -> bool {
        let spiked = self.n >= WARM && ms > self.smoothed + (4.0 * self.deviation).max(FLOOR);
        if self.n == 0 {
            (self.smoothed, self.deviation) = (ms, ms / 2.0);
        }
        self.deviation += ((self.smoothed - ms).abs() - self.deviation) / 4.0;
        self.smoothed += (ms - self.smoothed) / 8.0;
        self.n += 1;
        spiked
    }
}

/// Above the median and eight median deviations, scaled as for a normal distribution, of the last 10 minutes; recomputed every 10 s.
#[derive(Default)]
pub(crate) struct MedianDeviation {
    window: VecDeque<f64>,
    n: usize,
    threshold: f64,
}

impl Contender for MedianDeviation {
    fn judge(&mut self, ms: f64) -> bool {
        if self.n >= WARM && self.n.is_multiple_of(50) {
            let mut values: Vec<f64> = self.window.iter().copied().collect();
            let median = middle(&mut values);
            for value in &mut values {
                *value = (*value - median).abs();
            }
            self.threshold = median + (8.0 * 1.4826 * middle(&mut values)).max(FLOOR);
        }
        let spiked = self.n >= WARM && ms > self.threshold;
        if self.window.len() == WINDOW {
            self.window.pop_front();
        }
        self.window.push_back(ms);
        self.n += 1;
        spiked
    }
}

fn middle(values: &mut [f64]) -> f64 {
    let place = values.len() / 2;
    *values.select_nth_unstable_by(place, f64::total_cmp).1
}

fn float(count: usize) -> f64 {
    f64::from(u32::try_from(count).unwrap_or(u32::MAX))
}

const ID: SeriesId = SeriesId::new(0);

/// The default of continuous probing.
const INTERVAL: Duration = Duration::from_millis(200);

/// As for the detector: 10 minutes at 5 probes/s, a warm-up of 300, and nothing below 1 ms.
const WINDOW: usize = 3_000;
const WARM: usize = 300;
const FLOOR: f64 = 1.0;
