//! From the words of the command line to targets: which endpoints, at which address, on which interface.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::Arc;

use super::demand::{FamilyDemand, Source};
use super::{Host, PlanError, Target};
use crate::config::surroundings::Surroundings;
use crate::config::target::{HostSpec, TargetSpec};
use crate::series::Endpoint;

/// What else the command line and this host say about targets.
pub(in crate::config) struct Setting<'a> {
    pub(in crate::config) source: &'a Source,
    pub(in crate::config) demand: &'a FamilyDemand,
    pub(in crate::config) surroundings: &'a Surroundings,
}

/// One target per name and host, in the order of the command line, each with all its endpoints.
pub(in crate::config) fn build(
    specs: &[TargetSpec],
    setting: &Setting<'_>,
    endpoints: impl Fn(&TargetSpec) -> Result<Vec<Endpoint>, PlanError>,
) -> Result<Vec<Target>, PlanError> {
    let mut targets: Vec<Target> = Vec::with_capacity(specs.len());
    let mut known: HashMap<(Arc<str>, Host), usize> = HashMap::new();
    for spec in specs {
        let name: Arc<str> = spec.label().into();
        let host = host(spec, setting)?;
        let endpoints = endpoints(spec)?;
        match known.entry((Arc::clone(&name), host.clone())) {
            Entry::Occupied(at) => targets[*at.get()].add(endpoints),
            Entry::Vacant(at) => {
                at.insert(targets.len());
                targets.push(Target { name, host, endpoints });
            }
        }
    }
    Ok(targets)
}

impl Target {
    /// Adds what is new of `endpoints`, keeping ICMP first.
    fn add(&mut self, endpoints: Vec<Endpoint>) {
        for endpoint in endpoints {
            if !self.endpoints.contains(&endpoint) {
                let at = if endpoint == Endpoint::Icmp {
                    0
                } else {
                    self.endpoints.len()
                };
                self.endpoints.insert(at, endpoint);
            }
        }
    }
}

fn host(spec: &TargetSpec, setting: &Setting<'_>) -> Result<Host, PlanError> {
    let demand = setting.demand;
    let (address, scope_id) = match &spec.host {
        HostSpec::Name(name) => return Ok(Host::Name(name.clone())),
        HostSpec::V4(v4) => (IpAddr::V4(*v4), 0),
        HostSpec::V6(v6, zone) if v6.is_unicast_link_local() => {
            ((*v6).into(), scope_id(spec, *v6, zone.as_deref(), setting)?)
        }
        HostSpec::V6(v6, _) => (IpAddr::V6(*v6), 0),
    };
    if demand.family.admits(address) {
        return Ok(Host::Address(address, scope_id));
    }
    let (target, wanted, option) = (spec.to_string(), demand.family.name(), demand.option.clone());
    Err(PlanError::WrongFamily {
        target,
        address,
        wanted,
        option,
    })
}

/// The interface index of a link-local target: that of its zone, else that of `-I`.
fn scope_id(spec: &TargetSpec, address: Ipv6Addr, zone: Option<&str>, setting: &Setting<'_>) -> Result<u32, PlanError> {
    let target = spec.to_string();
    // RFC 4007, section 11.2: a zone may also be given by its number.
    let index =
        |zone: &str| (setting.surroundings.interface_index)(zone).or_else(|| zone.parse().ok().filter(|n| *n != 0));
    match (zone, &setting.source.interface) {
        (None, None) => Err(PlanError::LinkLocalWithoutZone { target, address }),
        (None, Some((_, index))) => Ok(*index),
        (Some(zone), bound) => match (index(zone), bound) {
            (None, _) => Err(PlanError::NoZone {
                target,
                zone: zone.to_owned(),
            }),
            (Some(index), Some((interface, bound))) if index != *bound => Err(PlanError::ZoneAgainstInterface {
                target,
                zone: zone.to_owned(),
                interface: interface.clone(),
            }),
            (Some(index), _) => Ok(index),
        },
    }
}
