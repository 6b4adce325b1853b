//! A network of one gateway, 4 spines, 4 aggregation and 5 top-of-rack routers, with 20 backends and 4 flows to each.
//!
//! Spine and aggregation are drawn per flow, as ECMP hashes them; a backend's top-of-rack router is given. 1 probe of 1,000 is lost anyway.

use std::net::{IpAddr, Ipv4Addr};

use pathjitter::localize::Unit;
use pathjitter::units::TargetId;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// What can be at fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Place {
    /// The router with this address.
    Router(IpAddr),
    /// The link from one router to the next.
    Link(IpAddr, IpAddr),
    /// A backend.
    Backend(TargetId),
}

/// What a fault does, and how often it is looked at.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Setting {
    /// How many faults there are.
    pub(crate) faults: usize,
    /// The share of probes that each hits.
    pub(crate) share: f64,
    /// Probes per unit.
    pub(crate) probes: u64,
}

/// What was counted, and the truth.
pub(crate) struct Scene {
    pub(crate) units: Vec<Unit>,
    /// Faults that hit any unit's path.
    pub(crate) faults: Vec<Place>,
}

impl Scene {
    /// Draws paths, faults and counts.
    pub(crate) fn draw(setting: Setting, seed: u64) -> Self {
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        let mut units: Vec<Unit> = (0..BACKENDS * FLOWS).map(|n| unit(n / FLOWS, &mut random)).collect();
        let mut places: Vec<Place> = units.iter().flat_map(places_of).collect();
        places.sort_unstable();
        places.dedup();
        let mut faults: Vec<Place> = Vec::new();
        while faults.len() < setting.faults {
            let place = places[random.random_range(0..places.len())];
            // One that hits the same as another is the same fault.
            if faults.iter().all(|fault| users(&units, *fault) != users(&units, place)) {
                faults.push(place);
            }
        }
        for unit in &mut units {
            let places = places_of(unit);
            let met = faults.iter().filter(|fault| places.contains(fault)).count();
            let passes = (0..met).fold(1.0 - USUAL, |passes, _| passes * (1.0 - setting.share));
            unit.sent = setting.probes;
            let hits = (0..setting.probes).filter(|_| random.random_bool(1.0 - passes)).count();
            unit.hit = u64::try_from(hits).unwrap_or(u64::MAX);
        }
        Self { units, faults }
    }
}

/// Everything on the way of a unit.
pub(crate) fn places_of(unit: &Unit) -> Vec<Place> {
    let hops: Vec<IpAddr> = unit.hops.iter().flatten().copied().collect();
    let links = hops.windows(2).map(|pair| Place::Link(pair[0], pair[1]));
    let routers = hops.iter().copied().map(Place::Router);
    routers.chain(links).chain([Place::Backend(unit.target)]).collect()
}

/// Which units use a place.
pub(crate) fn users(units: &[Unit], place: Place) -> Vec<usize> {
    let uses = |(_, unit): &(usize, &Unit)| places_of(unit).contains(&place);
    units.iter().enumerate().filter(uses).map(|(index, _)| index).collect()
}

fn unit(backend: u8, random: &mut ChaCha8Rng) -> Unit {
    let [spine, aggregation] = [0, 1].map(|_| random.random_range(0..4));
    Unit {
        target: TargetId::new(u32::from(backend)),
        address: router(5, backend),
        hops: [
            router(1, 0),
            router(2, spine),
            router(3, aggregation),
            router(4, backend / 4),
        ]
        .map(Some)
        .to_vec(),
        sent: 0,
        hit: 0,
        usual: USUAL,
    }
}

fn router(layer: u8, number: u8) -> IpAddr {
    IpAddr::V4(Ipv4Addr::new(10, 10, layer, number + 1))
}

const BACKENDS: u8 = 20;
const FLOWS: u8 = 4;
const USUAL: f64 = 1e-3;
