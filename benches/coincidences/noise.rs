//! Backends that stand out by themselves and independently of each other, at the level of outcomes: which probe stands out, and how.

use pathjitter::detect::{Severity, Symptom};
use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, Exp};

/// How a backend stands out when it does.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Family {
    /// One slow probe: seven in ten just above the threshold, one in ten extreme.
    Slow,
    /// One lost probe.
    Lost,
    /// Consecutive lost probes, three in the mean.
    Bursts,
    /// For ten seconds in the mean, every second probe is lost: as rare as makes as many of them as of the others' episodes divided by ten.
    Storms,
    /// A restart: refused for three seconds in the mean.
    Restarts,
}

/// They are dealt in turn.
pub(crate) const FAMILIES: [Family; 5] = [
    Family::Slow,
    Family::Bursts,
    Family::Lost,
    Family::Storms,
    Family::Restarts,
];

/// One backend.
pub(crate) struct Noise {
    family: Family,
    /// Probes between the beginnings of two episodes, in the mean.
    every: f64,
    random: ChaCha8Rng,
    /// Probes until the next episode.
    wait: f64,
    /// Probes left in the present one.
    left: u64,
}

impl Noise {
    pub(crate) fn new(family: Family, every: f64, random: ChaCha8Rng) -> Self {
        let every = match family {
            Family::Storms => every * 10.0,
            _ => every,
        };
        let mut noise = Self {
            family,
            every,
            random,
            wait: 0.0,
            left: 0,
        };
        noise.wait = noise.exponential(every);
        noise
    }

    /// What comes of the next probe.
    pub(crate) fn next(&mut self) -> Option<Symptom> {
        if self.left == 0 {
            self.wait -= 1.0;
            if self.wait > 0.0 {
                return None;
            }
            self.wait = self.exponential(self.every);
            self.left = self.length();
        }
        self.left -= 1;
        match self.family {
            Family::Slow => Some(Symptom::Slow(self.severity())),
            Family::Lost | Family::Bursts => Some(Symptom::Lost),
            Family::Storms => self.random.random_bool(0.5).then_some(Symptom::Lost),
            Family::Restarts => Some(Symptom::Refused),
        }
    }

    fn length(&mut self) -> u64 {
        let mean = match self.family {
            Family::Slow | Family::Lost => return 1,
            Family::Bursts => 3.0,
            Family::Storms => 50.0,
            Family::Restarts => 15.0,
        };
        let mut length = 1;
        while self.random.random_bool(1.0 - 1.0 / mean) {
            length += 1;
        }
        length
    }

    fn severity(&mut self) -> Severity {
        match self.random.random_range(0..10) {
            0 => Severity::Extreme,
            1 | 2 => Severity::Strong,
            _ => Severity::Over,
        }
    }

    fn exponential(&mut self, mean: f64) -> f64 {
        Exp::new(1.0 / mean).map_or(mean, |exp| exp.sample(&mut self.random))
    }
}
