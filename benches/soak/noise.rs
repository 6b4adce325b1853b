//! How a backend behaves that nobody would call broken, and what befalls it alone now and then.
//!
//! | what | model | why |
//! |---|---|---|
//! | RTT | a floor, plus a lognormal queue whose median follows the hour | body of measured RTTs |
//! | tail | 1 in 500 to 1 in 50 probes waits a Pareto time (shape 1.5 to 2.5) more, 50 ms at most | bufferbloat elsewhere, busy hosts |
//! | two ways | a third of the backends: half of the probes take a way that is 1 to 20 % longer | ECMP per packet |
//! | wander | the queue's length moves within 20 %, with a memory of a minute | other people's traffic |
//! | hour | queues are up to three times as long at two in the afternoon as at two at night, everywhere | offices |
//! | loss | independent, 0 to 0.5 % | |
//! | bursts | about once a day: 0.3 to 10 s in which half of the probes or all are lost, or all wait 20 to 200 ms | |
//! | restarts | about once a week SYNs are refused for 3 to 20 s | deployments |
//! | shifts | about once in two weeks the floor moves by 20 to 200 % | routes |
//!
//! Nothing but the hour is common to any two of them.

use pathjitter::outcome::Proto;
use rand::{Rng, RngExt};
use rand_distr::{Distribution, Exp1, LogNormal, Pareto, StandardNormal};

/// One backend, by ping and by SYN.
#[derive(Debug)]
pub(crate) struct Backend {
    floor_us: f64,
    queue: LogNormal<f64>,
    tail: Option<(f64, Pareto<f64>)>,
    longer_way: f64,
    loss: f64,
    wander: f64,
    /// Up to when the wander was computed, s.
    wandered_at: f64,
    /// What goes on now, and what comes next.
    trouble: Trouble,
    next: [(f64, Kind); 3],
}

/// What befalls one backend for a while.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Trouble {
    pub(crate) kind: Kind,
    /// s since the beginning.
    pub(crate) from: f64,
    pub(crate) to: f64,
    /// Share of probes lost, and what the others wait more.
    loss: f64,
    wait_us: f64,
}

/// What kinds of that there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    Burst,
    Restart,
    Shift,
}

/// What comes of a probe.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Came {
    ReplyAfterUs(f64),
    RefusalAfterUs(f64),
    Nothing,
}

impl Backend {
    pub(crate) fn draw(random: &mut impl Rng) -> Self {
        // From a rack to another continent, evenly in the logarithm.
        let floor_us = 200.0 * 500_f64.powf(random.random_range(0.0..1.0));
        let spread = random.random_range(0.3..0.9);
        let median_us: f64 = floor_us * random.random_range(0.01..0.1);
        let shape = random.random_range(1.5..2.5);
        let often = random.random_range(0.002..0.02);
        let mut backend = Self {
            floor_us,
            queue: LogNormal::new(median_us.ln(), spread).expect("a spread is no negative number"),
            tail: Some((often, Pareto::new(1_000.0, shape).expect("both are positive"))),
            longer_way: if random.random_bool(1.0 / 3.0) {
                random.random_range(0.01..0.2)
            } else {
                0.0
            },
            loss: random.random_range(0.0..0.005_f64).max(0.0),
            wander: 0.0,
            wandered_at: 0.0,
            trouble: NONE,
            next: [(0.0, Kind::Burst), (0.0, Kind::Restart), (0.0, Kind::Shift)],
        };
        for (at, kind) in &mut backend.next {
            *at = wait(*kind, random);
        }
        backend
    }

    /// The same, of whose probes so many are lost.
    pub(crate) fn losing(self, loss: f64) -> Self {
        Self { loss, ..self }
    }

    /// What comes of a probe sent at `at` s. The trouble that begins with it, if any does.
    pub(crate) fn probe(&mut self, at: f64, proto: Proto, random: &mut impl Rng) -> (Came, Option<Trouble>) {
        let begins = self.begin_what_is_due(at, random);
        self.wander_to(at, random);
        let trouble = Some(self.trouble).filter(|trouble| at < trouble.to);
        let lost = trouble.map_or(self.loss, |trouble| trouble.loss.max(self.loss));
        if random.random_bool(lost) {
            return (Came::Nothing, begins);
        }
        let mut rtt_us = self.rtt_us(at, random);
        let Some(trouble) = trouble else {
            return (Came::ReplyAfterUs(rtt_us), begins);
        };
        rtt_us += trouble.wait_us;
        if trouble.kind == Kind::Restart && proto == Proto::Tcp {
            return (Came::RefusalAfterUs(rtt_us), begins);
        }
        (Came::ReplyAfterUs(rtt_us), begins)
    }

    fn rtt_us(&self, at: f64, random: &mut impl Rng) -> f64 {
        let queue_us = self.queue.sample(random) * load(at) * (1.0 + self.wander);
        let tail_us = match &self.tail {
            Some((often, tail)) if random.random_bool(*often) => tail.sample(random).min(MOST_US),
            _ => 0.0,
        };
        let is_long = self.longer_way > 0.0 && random.random_bool(0.5);
        let way = if is_long { 1.0 + self.longer_way } else { 1.0 };
        self.floor_us * way + queue_us + tail_us
    }

    /// An autoregressive level, moved once a second.
    fn wander_to(&mut self, at: f64, random: &mut impl Rng) {
        if at - self.wandered_at < 1.0 {
            return;
        }
        self.wandered_at = at;
        let step: f64 = StandardNormal.sample(random);
        self.wander = (self.wander * MEMORY + step * STEP).clamp(-0.5, 0.5);
    }

    fn begin_what_is_due(&mut self, at: f64, random: &mut impl Rng) -> Option<Trouble> {
        let (due, kind) = self.next.iter_mut().find(|(due, _)| *due <= at)?;
        let kind = *kind;
        *due = at + wait(kind, random);
        if at < self.trouble.to {
            // One at a time.
            return None;
        }
        self.trouble = match kind {
            Kind::Burst => burst(at, random),
            Kind::Restart => Trouble {
                kind,
                from: at,
                to: at + random.random_range(3.0..20.0),
                ..NONE
            },
            Kind::Shift => {
                let factor: f64 = random.random_range(1.2..3.0);
                // Up, and some day down again.
                self.floor_us *= if self.floor_us > FAR_US || random.random_bool(0.5) {
                    1.0 / factor
                } else {
                    factor
                };
                Trouble {
                    kind,
                    from: at,
                    to: at,
                    ..NONE
                }
            }
        };
        Some(self.trouble)
    }
}

fn burst(at: f64, random: &mut impl Rng) -> Trouble {
    // Short ones are more common.
    let lasts = 0.3 * 33_f64.powf(random.random_range(0.0..1.0));
    let (loss, wait_us) = match random.random_range(0..3) {
        0 => (0.5, 0.0),
        1 => (1.0, 0.0),
        _ => (0.0, random.random_range(20_000.0..200_000.0)),
    };
    Trouble {
        kind: Kind::Burst,
        from: at,
        to: at + lasts,
        loss,
        wait_us,
    }
}

/// Time to the next of a kind, s.
fn wait(kind: Kind, random: &mut impl Rng) -> f64 {
    let one: f64 = Exp1.sample(random);
    one * DAY
        * match kind {
            Kind::Burst => 1.0,
            Kind::Restart => 7.0,
            Kind::Shift => 14.0,
        }
}

/// How much longer queues are at this time of the day than on average: 0.5 at two at night, 1.5 at two in the afternoon.
fn load(at: f64) -> f64 {
    1.0 - 0.5 * ((at / DAY * 24.0 - 2.0) / 24.0 * std::f64::consts::TAU).cos()
}

const NONE: Trouble = Trouble {
    kind: Kind::Burst,
    from: 0.0,
    to: 0.0,
    loss: 0.0,
    wait_us: 0.0,
};

pub(crate) const DAY: f64 = 86_400.0;

/// No queue is longer.
const MOST_US: f64 = 50_000.0;

/// Nobody is farther away for long.
const FAR_US: f64 = 150_000.0;

/// A minute's memory, and 10 % of standard deviation.
const MEMORY: f64 = 0.983;
const STEP: f64 = 0.018;
