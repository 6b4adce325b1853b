//! Random paths, and what probes of their hops meet.

use std::net::{IpAddr, Ipv4Addr};

use pathjitter::localize::{HopEvidence, PathEvidence, PathVerdict, Segment};
use pathjitter::stats::Histogram;
use pathjitter::units::Rtt;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// What the fault does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Loss,
    Jitter,
}

impl Kind {
    /// The segment of this kind, and that of the other.
    pub(crate) fn of(self, verdict: &PathVerdict) -> (Option<&Segment>, Option<&Segment>) {
        let (loss, jitter) = (verdict.loss_starts_at.as_ref(), verdict.jitter_starts_at.as_ref());
        match self {
            Self::Loss => (loss, jitter),
            Self::Jitter => (jitter, loss),
        }
    }

    /// Impaired probes of a hop, and all that could be.
    pub(crate) fn counts(self, hop: &HopEvidence<'_>, margin_ns: u64) -> (u64, u64) {
        match self {
            Self::Loss => (hop.sent - hop.received, hop.sent),
            Self::Jitter => {
                let median = hop.rtts.quantile(0.5).map_or(0, Rtt::as_nanos);
                let late = hop.rtts.cells().filter(|(edge, _)| *edge > median + margin_ns);
                (late.map(|(_, n)| n).sum(), hop.rtts.count())
            }
        }
    }

    pub(crate) const fn tolerated(self) -> f64 {
        match self {
            Self::Loss => 0.002,
            Self::Jitter => 0.01,
        }
    }
}

/// What paths are wanted.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Plan {
    pub(crate) kind: Option<Kind>,
    pub(crate) probes: u64,
}

/// The fault of a path.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Fault {
    kind: Kind,
    /// The link into the hop with this TTL.
    pub(crate) link: u8,
    /// The share of probes that it impairs.
    share: f64,
    /// Mean of the delays, ms.
    delay_ms: f64,
    /// Mean length of a burst in rounds; none if it is independent from probe to probe.
    burst: Option<f64>,
}

/// How a router answers.
#[derive(Clone, Copy, Debug)]
enum Manner {
    Plain,
    Silent,
    /// Drops this share at random.
    Random(f64),
    /// Drops about this share, by a token bucket that others use, too.
    Bucket(f64),
    /// Delays this share of its answers.
    Slow(f64),
}

/// A path, and what was measured on it.
#[derive(Debug)]
pub(crate) struct Path {
    pub(crate) fault: Option<Fault>,
    probes: u64,
    manners: Vec<Manner>,
    measured: Vec<Measured>,
}

#[derive(Debug, Default)]
struct Measured {
    ttl: u8,
    addresses: Vec<IpAddr>,
    rtts: Histogram,
    rounds: Vec<(u64, Option<u64>)>,
}

impl Path {
    pub(crate) fn random(plan: Plan, seed: u64) -> Self {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let hops = rng.random_range(3..=8_u8);
        let mut manners: Vec<Manner> = (1..hops).map(|_| Manner::random(&mut rng)).collect();
        manners.push(Manner::Plain);
        let fault = plan.kind.map(|kind| Fault::random(kind, hops, &mut rng));
        Self::measured(plan.probes, manners, fault, &mut rng)
    }

    /// Five routers of which the third drops as much as the link behind it.
    pub(crate) fn with_coincidence(in_bursts: bool, is_bucket: bool, seed: u64) -> Self {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let share = log_uniform(&mut rng, 0.04, 0.2);
        let burst = in_bursts.then_some(3.0);
        let fault = Fault {
            kind: Kind::Loss,
            link: 4,
            share,
            delay_ms: 1.0,
            burst,
        };
        let mut manners = vec![Manner::Plain; 6];
        manners[2] = if is_bucket {
            Manner::Bucket(share)
        } else {
            Manner::Random(share)
        };
        Self::measured(300, manners, Some(fault), &mut rng)
    }

    fn measured(probes: u64, manners: Vec<Manner>, fault: Option<Fault>, rng: &mut ChaCha8Rng) -> Self {
        let base_ms: Vec<f64> = manners.iter().map(|_| Self::delay_of_link(rng)).collect();
        let noise_ms = log_uniform(rng, 0.01, 0.15);
        let bursts = Bursts::random(fault, probes, rng);
        let measured = (1..).zip(&manners).map(|(ttl, manner)| {
            let base_ms = base_ms[..usize::from(ttl)].iter().sum();
            let hop = OneHop {
                ttl,
                manner: *manner,
                base_ms,
                noise_ms,
            };
            hop.measure(&bursts, probes, rng)
        });
        let measured = measured.collect();
        Self {
            fault,
            probes,
            manners,
            measured,
        }
    }

    /// One link in three is a long one.
    fn delay_of_link(rng: &mut ChaCha8Rng) -> f64 {
        if rng.random_bool(0.33) {
            log_uniform(rng, 1.0, 8.0)
        } else {
            log_uniform(rng, 0.05, 0.3)
        }
    }

    pub(crate) fn hops(&self, with_rounds: bool) -> Vec<HopEvidence<'_>> {
        let hop = |measured| hop_evidence(measured, self.probes, with_rounds);
        self.measured.iter().map(hop).collect()
    }

    #[expect(clippy::unused_self, reason = "evidence is of this path")]
    pub(crate) fn evidence<'a>(&self, hops: &'a [HopEvidence<'a>]) -> PathEvidence<'a> {
        PathEvidence {
            target: TARGET,
            hops,
            reached: true,
            dead_end: None,
        }
    }

    /// Whether both ends of the faulty link answer without limits, and enough probes were impaired. Of delays, those above 3 ms count.
    pub(crate) fn is_identifiable(&self) -> bool {
        let Some(fault) = self.fault else { return false };
        let is_plain = |ttl: u8| {
            let manner = usize::from(ttl).checked_sub(1).map(|at| self.manners[at]);
            match manner {
                None | Some(Manner::Plain) => true,
                Some(Manner::Silent) => false,
                Some(Manner::Slow(_)) => fault.kind == Kind::Loss,
                Some(Manner::Random(_) | Manner::Bucket(_)) => fault.kind == Kind::Jitter,
            }
        };
        let seen = match fault.kind {
            Kind::Loss => fault.share,
            Kind::Jitter => fault.share * (-3.0 / fault.delay_ms).exp(),
        };
        let answers = |ttl: u8| match usize::from(ttl).checked_sub(1).map(|at| self.manners[at]) {
            Some(Manner::Random(share) | Manner::Bucket(share)) if fault.kind == Kind::Jitter => 1.0 - share,
            _ => 1.0,
        };
        let probes = float(self.probes) * answers(fault.link).min(answers(fault.link - 1));
        is_plain(fault.link) && is_plain(fault.link - 1) && probes * seen >= 10.0
    }
}

fn hop_evidence(measured: &Measured, probes: u64, with_rounds: bool) -> HopEvidence<'_> {
    let remembered = measured.rounds.len().saturating_sub(ROUNDS);
    HopEvidence {
        ttl: measured.ttl,
        addresses: &measured.addresses,
        sent: probes,
        received: measured.rtts.count(),
        rtts: &measured.rtts,
        rounds: if with_rounds {
            &measured.rounds[remembered..]
        } else {
            &[]
        },
    }
}

impl Manner {
    fn random(rng: &mut ChaCha8Rng) -> Self {
        if rng.random_bool(0.1) {
            return Self::Silent;
        }
        let share = rng.random_range(0.05..0.6);
        if rng.random_bool(0.25) {
            return if rng.random_bool(0.5) {
                Self::Bucket(share)
            } else {
                Self::Random(share)
            };
        }
        if rng.random_bool(0.2) {
            Self::Slow(share)
        } else {
            Self::Plain
        }
    }
}

impl Fault {
    fn random(kind: Kind, hops: u8, rng: &mut ChaCha8Rng) -> Self {
        let share = match kind {
            Kind::Loss => log_uniform(rng, 0.003, 0.2),
            Kind::Jitter => log_uniform(rng, 0.02, 0.5),
        };
        Self {
            kind,
            link: rng.random_range(1..=hops),
            share,
            delay_ms: log_uniform(rng, 3.0, 50.0),
            burst: rng.random_bool(0.3).then(|| rng.random_range(2.0..5.0)),
        }
    }
}

/// How probable it is in each round that the fault impairs a probe.
#[derive(Debug)]
struct Bursts {
    fault: Option<Fault>,
    chances: Vec<f64>,
}

impl Bursts {
    fn random(fault: Option<Fault>, rounds: u64, rng: &mut ChaCha8Rng) -> Self {
        let mut is_bad = false;
        let chances = (0..rounds).map(|_| match fault {
            None => 0.0,
            Some(Fault { burst: None, share, .. }) => share,
            Some(Fault {
                burst: Some(length),
                share,
                ..
            }) => {
                // A chain of two states; in the bad one, nine of ten probes are impaired.
                let bad = share / 0.9;
                let changes = if is_bad {
                    1.0 / length
                } else {
                    bad / (1.0 - bad) / length
                };
                is_bad ^= rng.random_bool(changes.min(1.0));
                if is_bad { 0.9 } else { 0.0 }
            }
        });
        Self {
            fault,
            chances: chances.collect(),
        }
    }
}

/// A hop that is to be probed.
#[derive(Debug)]
struct OneHop {
    ttl: u8,
    manner: Manner,
    base_ms: f64,
    noise_ms: f64,
}

impl OneHop {
    fn measure(&self, bursts: &Bursts, probes: u64, rng: &mut ChaCha8Rng) -> Measured {
        let address = Ipv4Addr::new(10, 0, self.ttl, 1).into();
        let mut measured = Measured {
            ttl: self.ttl,
            ..Measured::default()
        };
        let mut tokens = 1.0;
        for (round, chance) in (0..probes).zip(&bursts.chances) {
            let rtt = self.probe(bursts.fault, *chance, &mut tokens, rng).map(nanos_of_ms);
            if let Some(rtt) = rtt {
                measured.rtts.record(Rtt::from_nanos(rtt));
            }
            measured.rounds.push((round, rtt));
        }
        if !measured.rtts.is_empty() {
            measured.addresses.push(address);
        }
        measured
    }

    /// The RTT of one probe in ms.
    fn probe(&self, fault: Option<Fault>, chance: f64, tokens: &mut f64, rng: &mut ChaCha8Rng) -> Option<f64> {
        let mut rtt = self.base_ms + exponential(rng, self.noise_ms * f64::from(self.ttl).sqrt());
        if let Some(fault) = fault.filter(|fault| fault.link <= self.ttl)
            && rng.random_bool(chance)
        {
            match fault.kind {
                Kind::Loss => return None,
                Kind::Jitter => rtt += exponential(rng, fault.delay_ms),
            }
        }
        match self.manner {
            Manner::Slow(share) if rng.random_bool(share) => Some(rtt + exponential(rng, 10.0)),
            Manner::Plain | Manner::Slow(_) => Some(rtt),
            Manner::Silent => None,
            Manner::Random(share) => (!rng.random_bool(share)).then_some(rtt),
            Manner::Bucket(share) => {
                *tokens = (*tokens + (1.0 - share) * rng.random_range(0.8..1.2)).min(6.0);
                (*tokens >= 1.0).then(|| {
                    *tokens -= 1.0;
                    rtt
                })
            }
        }
    }
}

fn log_uniform(rng: &mut ChaCha8Rng, low: f64, high: f64) -> f64 {
    rng.random_range(low.ln()..high.ln()).exp()
}

fn exponential(rng: &mut ChaCha8Rng, mean: f64) -> f64 {
    -mean * (1.0 - rng.random::<f64>()).ln()
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "milliseconds of a simulated path: small, and not negative"
)]
fn nanos_of_ms(ms: f64) -> u64 {
    (ms * 1e6) as u64
}

#[expect(clippy::cast_precision_loss, reason = "small counts")]
fn float(count: u64) -> f64 {
    count as f64
}

/// As many rounds as a sweep remembers.
const ROUNDS: usize = 512;

/// Only words name it.
const TARGET: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));
