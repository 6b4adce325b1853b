//! Parts of the network that can be told apart: hops, links between them, and targets, by the units that use them.

use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;

use super::Unit;
use crate::units::TargetId;

/// All parts that any unit uses.
#[derive(Debug)]
pub(super) struct Map<'a> {
    pub(super) units: Vec<&'a Unit>,
    /// This host, the hops, and the target of each unit. The index is the TTL.
    ways: Vec<Vec<Place>>,
    users: HashMap<Place, Vec<usize>>,
    pub(super) classes: Vec<Class>,
}

/// Parts that the same units use.
#[derive(Debug)]
pub(super) struct Class {
    /// Who uses it, with the probability that it does.
    pub(super) units: Vec<(usize, f64)>,
    /// A unit that uses it for certain. Positions are those of its way.
    pub(super) example: usize,
    /// It is behind this position,
    pub(super) behind: usize,
    /// and ends at this one.
    pub(super) until: usize,
    /// The target, if it is part of it.
    pub(super) target: Option<TargetId>,
}

/// Who packets meet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
enum Place {
    Host,
    Hop(IpAddr),
    /// Nobody answers: the so-many-th behind somebody and before somebody else.
    Silent(Neighbour, Neighbour, usize),
    Target(TargetId),
}

/// Who answers next to a silent hop.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
enum Neighbour {
    Host,
    Hop(IpAddr),
    Target(TargetId),
}

/// A hop or target (`None` before it), or the link to it from another.
type Component = (Option<Place>, Place);

impl<'a> Map<'a> {
    pub(super) fn new(units: impl Iterator<Item = &'a Unit>) -> Self {
        let units: Vec<&Unit> = units.collect();
        let ways: Vec<Vec<Place>> = units.iter().map(|unit| way(unit)).collect();
        let mut users: HashMap<Place, Vec<usize>> = HashMap::new();
        for (unit, way) in ways.iter().enumerate() {
            for place in way {
                let users = users.entry(*place).or_default();
                // A path that meets somebody twice uses him once.
                if users.last() != Some(&unit) {
                    users.push(unit);
                }
            }
        }
        let mut map = Self {
            units,
            ways,
            users,
            classes: Vec::new(),
        };
        map.classes = map.classes();
        map
    }

    /// Units that use what this unit meets at this position.
    pub(super) fn users(&self, unit: usize, position: usize) -> impl Iterator<Item = usize> {
        let place = self
            .ways
            .get(unit)
            .and_then(|way| way.get(position))
            .filter(|_| position > 0);
        place
            .and_then(|place| self.users.get(place))
            .into_iter()
            .flatten()
            .copied()
    }

    /// Who answers at a position of a unit.
    pub(super) fn address(&self, unit: usize, position: usize) -> Option<IpAddr> {
        match *self.ways.get(unit)?.get(position)? {
            Place::Hop(address) => Some(address),
            Place::Target(_) => Some(self.units[unit].address),
            Place::Host | Place::Silent(..) => None,
        }
    }

    /// Components with the same users become one class.
    fn classes(&self) -> Vec<Class> {
        let mut components: BTreeMap<Component, Vec<usize>> = BTreeMap::new();
        for (unit, way) in self.ways.iter().enumerate() {
            for component in components_of(way) {
                let users = components.entry(component).or_default();
                if users.last() != Some(&unit) {
                    users.push(unit);
                }
            }
        }
        let mut classes: BTreeMap<&[usize], Vec<Component>> = BTreeMap::new();
        for (component, users) in &components {
            classes.entry(users).or_default().push(*component);
        }
        let traced = self.traced();
        classes
            .into_iter()
            .filter_map(|(users, components)| self.class(users, &components, &traced))
            .collect()
    }

    fn class(&self, users: &[usize], components: &[Component], traced: &Traced) -> Option<Class> {
        let example = *users.first()?;
        let way = self.ways.get(example)?;
        let mut behind = usize::MAX;
        let mut until = 0;
        for (at, component) in components_with_ends(way) {
            if components.contains(&component) {
                behind = behind.min(at.0);
                until = until.max(at.1);
            }
        }
        let target = components.iter().find_map(|(_, place)| match place {
            Place::Target(target) => Some(*target),
            _ => None,
        });
        // A link to a target that is reached in other ways as well is not the target.
        let target = target.filter(|target| {
            self.units
                .iter()
                .enumerate()
                .all(|(unit, other)| other.target != *target || users.contains(&unit))
        });
        let mut units: Vec<(usize, f64)> = users.iter().map(|unit| (*unit, 1.0)).collect();
        units.extend(self.perhaps(users, traced));
        Some(Class {
            units,
            example,
            behind,
            until,
            target,
        })
    }

    /// Units whose path is unknown, with the share of known paths that use the class: those to the same target, or if there are none, all.
    fn perhaps<'b>(&'b self, users: &'b [usize], traced: &'b Traced) -> impl Iterator<Item = (usize, f64)> + 'b {
        let unknown = traced.unknown.iter().filter(|unit| !users.contains(unit));
        unknown.filter_map(move |unit| {
            let target = self.units[*unit].target;
            let of_it = |unit: &&usize| self.units[**unit].target == target && !self.units[**unit].hops.is_empty();
            let crossing = users.iter().filter(of_it).count();
            let known = traced.known.get(&target).copied().unwrap_or(0);
            let weight = match known {
                // Every path there is: this one as well.
                0 if users.len() == traced.total && traced.total > 1 => 1.0,
                0 => 0.0,
                known => share(crossing, known),
            };
            (weight > 0.0).then_some((*unit, weight))
        })
    }

    fn traced(&self) -> Traced {
        let mut traced = Traced::default();
        for (index, unit) in self.units.iter().enumerate() {
            if unit.hops.is_empty() {
                traced.unknown.push(index);
            } else {
                traced.total += 1;
                *traced.known.entry(unit.target).or_default() += 1;
            }
        }
        traced
    }
}

/// How many paths are known.
#[derive(Debug, Default)]
struct Traced {
    /// Of each target.
    known: HashMap<TargetId, usize>,
    total: usize,
    /// Units of which none is.
    unknown: Vec<usize>,
}

fn way(unit: &Unit) -> Vec<Place> {
    let mut way = vec![Place::Host];
    let mut before = Neighbour::Host;
    let mut silent = 0;
    for (position, hop) in unit.hops.iter().enumerate() {
        let Some(address) = hop else {
            let behind = unit.hops[position..].iter().flatten().next();
            let after = behind.map_or(Neighbour::Target(unit.target), |address| Neighbour::Hop(*address));
            way.push(Place::Silent(before, after, silent));
            silent += 1;
            continue;
        };
        way.push(Place::Hop(*address));
        before = Neighbour::Hop(*address);
        silent = 0;
    }
    way.push(Place::Target(unit.target));
    way
}

fn components_of(way: &[Place]) -> impl Iterator<Item = Component> {
    components_with_ends(way).map(|(_, component)| component)
}

/// The components of a way, each with the position that it is behind and that where it ends. Of an unknown one only the target is known.
fn components_with_ends(way: &[Place]) -> impl Iterator<Item = ((usize, usize), Component)> {
    let is_known = way.len() > 2;
    way.windows(2).enumerate().flat_map(move |(at, pair)| {
        let ends = (at, at + 1);
        let link = is_known.then_some((ends, (Some(pair[0]), pair[1])));
        [Some((ends, (None, pair[1]))), link].into_iter().flatten()
    })
}

fn share(part: usize, whole: usize) -> f64 {
    let number = |n: usize| u32::try_from(n).map_or(f64::MAX, f64::from);
    number(part) / number(whole)
}
