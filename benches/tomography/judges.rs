//! Who is at fault, by ours and by rules that others use.

use std::collections::BTreeMap;

use pathjitter::localize::{Part, Unit, blame};

use crate::network::{Place, places_of, users};

/// What a judge blames, the best first.
pub(crate) fn judge(name: &str, units: &[Unit]) -> Vec<Part> {
    match name {
        "ours" => blame(units).into_iter().map(|blame| blame.part).collect(),
        "007 vote" => vote(units).map(|place| part(units, place)).into_iter().collect(),
        _ => intersect(units).map(|place| part(units, place)).into_iter().collect(),
    }
}

/// How the answer is spelled that a place is at fault: with all that the same units use. A router and a single link into it are spelled alike.
pub(crate) fn part(units: &[Unit], place: Place) -> Part {
    let used_by = users(units, place);
    let example = &units[used_by.first().copied().unwrap_or(0)];
    let same: Vec<Place> = places_of(example)
        .into_iter()
        .filter(|other| users(units, *other) == used_by)
        .collect();
    let target = Place::Backend(example.target);
    if same.contains(&target) {
        return Part::Target(example.target);
    }
    let ttl = |place: &Place| {
        let hop = match place {
            Place::Router(hop) | Place::Link(_, hop) => *hop,
            Place::Backend(_) => example.address,
        };
        let at = example.hops.iter().position(|other| *other == Some(hop));
        at.map_or(0, |at| at + 1)
    };
    let (from, to) = same.iter().fold((usize::MAX, 0), |(from, to), place| {
        (from.min(ttl(place) - 1), to.max(ttl(place)))
    });
    let octet = |ttl: usize| u8::try_from(ttl).unwrap_or(u8::MAX);
    Part::Segment {
        from_ttl: octet(from),
        to_ttl: octet(to),
        address: example.hops.get(to - 1).copied().flatten(),
    }
}

/// Every bad unit gives 1/h to each of its h links and routers (B. Arzani and others, NSDI 2018): the place with most votes.
fn vote(units: &[Unit]) -> Option<Place> {
    let mut votes: BTreeMap<Place, f64> = BTreeMap::new();
    for unit in units.iter().filter(|unit| unit.hit > 0) {
        let places = places_of(unit);
        let share = 1.0 / u32::try_from(places.len()).map_or(f64::MAX, f64::from);
        for place in places {
            *votes.entry(place).or_default() += share;
        }
    }
    votes
        .into_iter()
        .max_by(|(_, a), (_, b)| a.total_cmp(b))
        .map(|(place, _)| place)
}

/// The place that all bad units share, and fewest others.
fn intersect(units: &[Unit]) -> Option<Place> {
    let mut bad = units.iter().filter(|unit| unit.hit > 0).map(places_of);
    let mut shared = bad.next()?;
    for places in bad {
        shared.retain(|place| places.contains(place));
    }
    shared.into_iter().min_by_key(|place| users(units, *place).len())
}
