//! What every fault is drawn with: the truth about it, when it happens, how strong it is.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::time::Duration;

use pathjitter::diagnose::{Incident, VerdictCode};
use rand::RngExt;

use super::network::Network;

/// A run: a network, what is true of it, and how long it is watched.
#[derive(Debug)]
pub(crate) struct Scenario {
    pub(crate) network: Network,
    pub(crate) truth: Truth,
    /// Before anything happens that is not there from the start.
    pub(crate) warm_up: Duration,
    /// From the end of the warm-up on.
    pub(crate) lasts: Duration,
    /// The first hop, where it is watched as a control.
    pub(crate) gateway: Option<IpAddr>,
}

/// What a diagnosis must find.
#[derive(Clone, Debug)]
pub(crate) struct Truth {
    /// `None` where nothing is wrong.
    pub(crate) code: Option<VerdictCode>,
    pub(crate) place: Place,
    pub(crate) members: BTreeSet<String>,
}

/// Where it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// There is no place.
    Nowhere,
    /// The link that ends at this TTL.
    Link(u8),
    /// Who has this address.
    Address(IpAddr),
}

impl Truth {
    /// Whether the suspect is right; `None` where there is none to be found.
    pub(crate) fn is_suspect(&self, incident: &Incident) -> Option<bool> {
        let suspect = incident.suspect.as_ref();
        match self.place {
            Place::Nowhere => None,
            Place::Link(ttl) => Some(suspect.is_some_and(|suspect| {
                let from = suspect.from_ttl.unwrap_or(0);
                from < ttl && suspect.ttl.is_some_and(|to| ttl <= to)
            })),
            Place::Address(address) => Some(suspect.and_then(|suspect| suspect.address) == Some(address)),
        }
    }
}

impl Scenario {
    /// Nothing is wrong, for so long.
    pub(crate) fn clean(network: Network, lasts: f64) -> Self {
        Self {
            network,
            truth: Truth {
                code: None,
                place: Place::Nowhere,
                members: BTreeSet::new(),
            },
            warm_up: WARM_UP,
            lasts: Duration::from_secs_f64(lasts),
            gateway: None,
        }
    }

    /// Something is.
    pub(crate) fn of(code: VerdictCode, network: Network, place: Place, members: &[usize], lasts: f64) -> Self {
        let name = |backend: &usize| network.backends[*backend].name.clone();
        let members = members.iter().map(name).collect();
        let code = Some(code);
        Self {
            truth: Truth { code, place, members },
            ..Self::clean(network, lasts)
        }
    }
}

/// Thresholds of pings are final after 300 replies, which is a minute.
pub(crate) const WARM_UP: Duration = Duration::from_secs(70);

/// Those of SYNs after five.
pub(crate) const WARM_UP_OF_SYNS: Duration = Duration::from_secs(310);

/// A fault that comes and goes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bursts {
    every: f64,
    lasts: f64,
    at: f64,
}

impl Bursts {
    /// Bursts of at least 0.5 s: two intervals of pings are what a coincidence must last to be found.
    pub(crate) fn draw(network: &mut Network) -> Self {
        let random = &mut network.random;
        loop {
            let lasts = random.random_range(0.5..1.5);
            let every = lasts * random.random_range(2.0..6.0);
            let at = random.random_range(1.0..6.0);
            if RHYTHMS.into_iter().all(|rhythm| is_out_of_step(every, rhythm)) {
                return Self { every, lasts, at };
            }
        }
    }

    /// The share of time.
    pub(crate) fn duty(self) -> f64 {
        self.lasts / self.every
    }

    /// So much shorter bursts, as often.
    pub(crate) fn shorter(self, factor: f64) -> Self {
        Self {
            lasts: self.lasts * factor,
            ..self
        }
    }

    /// So long that a hop that traces reach every 1.2 s has met it with 10 probes of those that suffer, with as many to spare: what else
    /// is not identifiable by the definition of localization.
    pub(crate) fn long_enough(self, share: f64) -> f64 {
        let least: f64 = 1.2 * 20.0 / (self.duty() * share);
        20.0 + least.clamp(60.0, 300.0)
    }

    pub(crate) fn times(self) -> String {
        format!(
            "at = \"{:.3}s\"\nevery = \"{:.3}s\"\nfor = \"{:.3}s\"",
            self.at, self.every, self.lasts
        )
    }
}

/// Whether probes of a rhythm meet every phase of bursts that come in another. A burst that they always miss, or always meet, is not seen for what it is
/// by whoever probes evenly: its share is not identifiable.
fn is_out_of_step(every: f64, rhythm: f64) -> bool {
    let steps = every / rhythm;
    (steps - steps.round()).abs() > 0.04
}

/// Seconds between SYNs of a series, and between the rounds of a trace in a hurry.
const RHYTHMS: [f64; 2] = [1.0, 1.2];

/// From a moment on, for good.
pub(crate) fn from_then_on(network: &mut Network) -> String {
    format!("at = \"{:.3}s\"", network.random.random_range(2.0..12.0))
}

/// For some seconds.
pub(crate) fn once(at: f64, lasts: f64) -> String {
    format!("at = \"{at:.3}s\"\nfor = \"{lasts:.3}s\"")
}

/// How much longer a round trip takes that is to be noticed, in us: the recall of the detector is defined for 1.5 times what the threshold allows over
/// the median, which is at least 2 ms or a fifth of it.
pub(crate) fn excess_us(network: &mut Network, backends: &[usize]) -> f64 {
    let largest = backends.iter().map(|at| network.rtt_us(*at)).fold(0.0, f64::max);
    let allowed = f64::max(2_000.0, largest / 5.0);
    f64::max(10_000.0, allowed * network.random.random_range(3.0..8.0))
}

/// One of several.
pub(crate) fn one_of(network: &mut Network, all: &[usize]) -> usize {
    all[network.random.random_range(0..all.len())]
}

/// Any backend.
pub(crate) fn any_backend(network: &mut Network) -> usize {
    network.random.random_range(0..network.backends.len())
}
