//! Who says that several backends spiked together: our judge, and two rules that people use.

use std::time::Duration;

use pathjitter::correlate::{Change, CoincidenceOptions, Coincidences, Stream};
use pathjitter::detect::{Finding, Found, Level, Symptom};
use pathjitter::outcome::{Event, Proto, What};
use pathjitter::units::{Mono, ProbeSeq, SeriesId, TargetId};

/// Time between two probes of a backend.
pub(crate) const INTERVAL: Duration = Duration::from_millis(200);

/// How long an answer may take.
pub(crate) const TIMEOUT: Duration = Duration::from_secs(1);

/// What a judge said.
#[derive(Clone, Debug)]
pub(crate) struct Said {
    /// When it was known.
    pub(crate) at: Mono,
    /// When it began.
    pub(crate) began: Mono,
}

/// Ours, and what it said so far.
pub(crate) struct Ours {
    judge: Coincidences,
    pub(crate) opened: Vec<Said>,
    /// Everything as it was said, for feedback to a detector.
    pub(crate) suspected: Vec<(Vec<SeriesId>, Mono, Mono)>,
}

impl Ours {
    pub(crate) fn new(backends: u32) -> Self {
        let mut judge = Coincidences::new(CoincidenceOptions {
            // Half of the default budget, as `run` has it.
            false_alarms_per_30_days: 0.5,
        });
        for n in 0..backends {
            let stream = Stream {
                target: TargetId::new(n),
                proto: Proto::Icmp,
                interval: INTERVAL,
                timeout: TIMEOUT,
                floor: 0.0,
            };
            judge.admit(SeriesId::new(n), stream);
        }
        Self {
            judge,
            opened: Vec::new(),
            suspected: Vec::new(),
        }
    }

    pub(crate) fn event(&mut self, event: &Event) {
        self.judge.handle_event(event);
    }

    pub(crate) fn finding(&mut self, finding: &Finding, level: Option<Level>) {
        self.judge.handle_finding(finding, level);
    }

    /// A probe was sent, and this came of it.
    pub(crate) fn probe(&mut self, series: u32, seq: u64, at: Mono, symptom: Option<Symptom>) {
        let (series, seq) = (SeriesId::new(series), ProbeSeq::new(seq));
        let sent = What::Sent {
            late_by: Duration::ZERO,
        };
        self.judge.handle_event(&Event {
            series,
            seq,
            sent_at: at,
            what: sent,
        });
        if let Some(symptom) = symptom {
            let found = Found::Spiked(seq, symptom);
            self.judge.handle_finding(&Finding { series, at, found }, None);
        }
    }

    /// Lets it speak.
    pub(crate) fn turn(&mut self, now: Mono) {
        if self.judge.next_deadline().is_none_or(|deadline| deadline > now) {
            return;
        }
        self.judge.handle_deadline(now);
        while let Some(change) = self.judge.poll() {
            match change {
                Change::Opened(anomaly) => {
                    self.opened.push(Said {
                        at: now,
                        began: anomaly.began,
                    });
                }
                Change::Suspected(suspicion) => {
                    self.suspected.push((suspicion.series, suspicion.from, suspicion.to));
                }
                Change::Updated(_) | Change::Closed(_) => {}
            }
        }
    }
}

/// At least so many backends spiked within the same second of the clock. What follows within ten seconds is the same incident.
pub(crate) struct Buckets {
    least: usize,
    second: u64,
    spiked: Vec<usize>,
    quiet_until: Mono,
    pub(crate) opened: Vec<Said>,
}

impl Buckets {
    pub(crate) fn new(least: usize) -> Self {
        Self {
            least,
            second: 0,
            spiked: Vec::new(),
            quiet_until: Mono::default(),
            opened: Vec::new(),
        }
    }

    /// A backend spiked.
    pub(crate) fn spike(&mut self, backend: usize, at: Mono) {
        let second = at.as_nanos() / 1_000_000_000;
        if second != self.second {
            self.second = second;
            self.spiked.clear();
        }
        if !self.spiked.contains(&backend) {
            self.spiked.push(backend);
        }
        if self.spiked.len() >= self.least {
            if at >= self.quiet_until {
                self.opened.push(Said { at, began: at });
            }
            self.quiet_until = at.after(Duration::from_secs(10));
        }
    }
}
