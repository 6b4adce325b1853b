//! Addresses: of whom, good ones, each once.

use std::collections::HashMap;
use std::net::IpAddr;

use super::super::Topology;
use super::super::expand::address_after;
use super::super::problems::{Place, Problems};

/// All addresses of a network.
#[derive(Debug, Default)]
pub(super) struct Addresses<'t> {
    owners: HashMap<IpAddr, &'t str>,
    has_ipv6: bool,
}

/// Who has some addresses.
struct Owner<'a, 't> {
    name: &'t str,
    addresses: &'t [IpAddr],
    /// How many members of a group follow the first.
    others: u16,
    place: &'a Place<'a>,
}

impl<'t> Addresses<'t> {
    /// Collects those of a network; adds those that are no good or there twice.
    pub(super) fn collect(topology: &'t Topology, problems: &mut Problems<'_>) -> Self {
        let mut all = Self::default();
        let host = Place::root("host");
        let owner = Owner {
            name: "host",
            addresses: &topology.host.addresses,
            others: 0,
            place: &host.key("addresses"),
        };
        all.add(&owner, problems);
        let routers = Place::root("router");
        for (index, router) in topology.routers.iter().enumerate() {
            let place = routers.item(index);
            let owner = Owner {
                name: &router.name,
                addresses: &router.addresses,
                others: 0,
                place: &place.key("addresses"),
            };
            all.add(&owner, problems);
        }
        let backends = Place::root("backend");
        for (index, backend) in topology.backends.iter().enumerate() {
            let place = backends.item(index);
            let owner = Owner {
                name: &backend.name,
                addresses: &backend.addresses,
                others: backend.count.map_or(0, |count| count.saturating_sub(1)),
                place: &place.key("addresses"),
            };
            all.add(&owner, problems);
            check_host_has_families(topology, &owner, problems);
        }
        all
    }

    /// Whether anything has this address.
    pub(super) fn contains(&self, address: IpAddr) -> bool {
        self.owners.contains_key(&address)
    }

    /// Whether there is any IPv6 address.
    pub(super) const fn has_ipv6(&self) -> bool {
        self.has_ipv6
    }

    fn add(&mut self, owner: &Owner<'_, 't>, problems: &mut Problems<'_>) {
        problems.expect(!owner.addresses.is_empty(), owner.place, || {
            "no address; give one, or one of each family".to_owned()
        });
        one_of_each_family(owner.addresses, owner.place, problems);
        for (index, first) in owner.addresses.iter().enumerate() {
            let place = owner.place.item(index);
            self.has_ipv6 |= first.is_ipv6();
            let ends = [Some(*first), address_after(*first, owner.others)];
            if !ends.iter().all(|end| end.is_some_and(is_unicast)) {
                problems.add(&place, &not_unicast(*first, owner.others));
                continue;
            }
            let mut taken = None;
            for address in (0..=owner.others).filter_map(|nth| address_after(*first, nth)) {
                let before = self.owners.insert(address, owner.name);
                taken = taken.or(before.map(|before| (address, before)));
            }
            if let Some((address, before)) = taken {
                let what = format!("{address} is an address of {before} already; give each its own");
                problems.add(&place, &what);
            }
        }
    }
}

/// A backend that the host has no address to probe from is a slip.
fn check_host_has_families(topology: &Topology, backend: &Owner<'_, '_>, problems: &mut Problems<'_>) {
    for address in backend.addresses {
        let mut ours = topology.host.addresses.iter();
        problems.expect(
            ours.any(|own| own.is_ipv4() == address.is_ipv4()),
            backend.place,
            || format!("the host has no address of the family of {address}; add one to [host], or leave this out"),
        );
    }
}

/// Adds where there are two of a family.
pub(super) fn one_of_each_family(addresses: &[IpAddr], place: &Place<'_>, problems: &mut Problems<'_>) {
    for (family, is_ipv4) in [("IPv4", true), ("IPv6", false)] {
        let count = addresses.iter().filter(|address| address.is_ipv4() == is_ipv4).count();
        problems.expect(count <= 1, place, || {
            format!("{count} addresses of {family}; give at most one of each family")
        });
    }
}

/// Whether a node can have it: not for many, nobody or oneself.
pub(super) fn is_unicast(address: IpAddr) -> bool {
    let is_broadcast = matches!(address, IpAddr::V4(v4) if v4.is_broadcast());
    let is_mapped = matches!(address, IpAddr::V6(v6) if v6.to_ipv4_mapped().is_some());
    !address.is_multicast() && !address.is_unspecified() && !address.is_loopback() && !is_broadcast && !is_mapped
}

/// Why the addresses of a node cannot be.
pub(super) fn not_unicast(first: IpAddr, others: u16) -> String {
    let what = if others == 0 {
        format!("{first} is no address")
    } else {
        format!("{first} and the {others} after it are not all addresses")
    };
    format!("{what} of a single node; use private ones, such as 10.10.1.11 or fd00:10:1::11")
}
