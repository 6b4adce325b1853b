//! What the expectations of a topology call a probe, as series: `app01` by echo, `app01:8080` by SYN, over each family that both ends
//! have. A group stands for each of its members, and a router may be probed as well.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::num::NonZeroU16;
use std::sync::Arc;

use crate::series::{Endpoint, Series};
use crate::simnet::Topology;
use crate::simnet::topology::Backend;

/// A probe that a topology has no target for.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UnknownProbe {
    /// No backend, group, member or router has this name.
    #[error("no backend or router is called '{0}'")]
    Name(String),
    /// None of its addresses is of a family that the host has.
    #[error("'{0}' has no address of a family that the host has")]
    Family(String),
    /// What follows the colon.
    #[error("'{0}' is not a port; ports are 1 to 65535")]
    Port(String),
}

/// The series of a probe, in the order of members, then of addresses; all of flow 0.
///
/// # Errors
/// [`UnknownProbe`] where the topology has no such target.
pub fn series_of(topology: &Topology, probe: &str) -> Result<Vec<Series>, UnknownProbe> {
    let (name, endpoint) = match probe.split_once(':') {
        None => (probe, Endpoint::Icmp),
        Some((name, port)) => {
            let number: NonZeroU16 = port.parse().map_err(|_| UnknownProbe::Port(port.to_owned()))?;
            (name, Endpoint::Tcp(number.get()))
        }
    };
    let reachable = |address: &IpAddr| {
        let ours = &topology.host.addresses;
        ours.iter().any(|own| own.is_ipv4() == address.is_ipv4())
    };
    let targets = targets_called(topology, name);
    if targets.is_empty() {
        return Err(UnknownProbe::Name(name.to_owned()));
    }
    let series = targets.into_iter().flat_map(|(target, addresses)| {
        let target: Arc<str> = target.into();
        addresses.into_iter().filter(reachable).map(move |address| Series {
            target: Arc::clone(&target),
            address,
            scope_id: 0,
            endpoint,
            flow: 0,
        })
    });
    let series: Vec<Series> = series.collect();
    if series.is_empty() {
        return Err(UnknownProbe::Family(name.to_owned()));
    }
    Ok(series)
}

/// Names and addresses of what goes by this name: one, or the members of a group.
fn targets_called(topology: &Topology, name: &str) -> Vec<(String, Vec<IpAddr>)> {
    let routers = topology.routers.iter().filter(|router| router.name == name);
    let routers = routers.map(|router| (router.name.clone(), router.addresses.clone()));
    let backends = topology.backends.iter().flat_map(|backend| {
        let count = backend.count.unwrap_or(1);
        let numbers = if backend.name == name {
            0..count
        } else {
            member_index(backend, name).map_or(0..0, |index| index..index + 1)
        };
        numbers.map(move |index| {
            let addresses = backend.addresses.iter().map(|&first| nth_after(first, index));
            (backend.member(index.into()), addresses.collect())
        })
    });
    backends.chain(routers).collect()
}

/// Which member of a group has this name, from 0.
fn member_index(group: &Backend, name: &str) -> Option<u16> {
    let number: u16 = name.strip_prefix(group.name.as_str())?.parse().ok()?;
    let index = number.checked_sub(1).filter(|&index| Some(index) < group.count)?;
    // Neither `app01` nor `app+1`, which are numbers as well.
    (group.member(index.into()) == name).then_some(index)
}

/// The address that follows `first` after so many.
fn nth_after(first: IpAddr, places: u16) -> IpAddr {
    match first {
        IpAddr::V4(first) => Ipv4Addr::from_bits(first.to_bits().wrapping_add(places.into())).into(),
        IpAddr::V6(first) => Ipv6Addr::from_bits(first.to_bits().wrapping_add(places.into())).into(),
    }
}

#[cfg(test)]
mod tests;
