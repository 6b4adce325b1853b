//! Addresses: of whom, good ones, each once.

use std::collections::HashMap;
use std::net::IpAddr;

use super::super::problems::{Place, Problems};
use super::super::{Backend, Topology, address_of_member};

/// All addresses of a network.
#[derive(Debug, Default)]
pub(super) struct Addresses<'t> {
    owners: HashMap<IpAddr, &'t str>,
    has_ipv6: bool,
}

impl<'t> Addresses<'t> {
    /// Collects those of a network; adds those that are no good or there twice.
    pub(super) fn collect(topology: &'t Topology, problems: &mut Problems<'_>) -> Self {
        let mut all = Self::default();
        let host = Place::root("host");
        let host_addresses = &topology.host.addresses;
        all.own("host", host_addresses, 1, (&host.key("addresses"), problems));
        let routers = Place::root("router");
        for (index, router) in topology.routers.iter().enumerate() {
            let place = routers.item(index);
            all.own(&router.name, &router.addresses, 1, (&place.key("addresses"), problems));
        }
        let backends = Place::root("backend");
        for (index, backend) in topology.backends.iter().enumerate() {
            let place = backends.item(index);
            let place = place.key("addresses");
            let Backend { name, addresses, .. } = backend;
            all.own(name, addresses, backend.size(), (&place, problems));
            for address in addresses {
                let can_be_probed = host_addresses.iter().any(|host| host.is_ipv4() == address.is_ipv4());
                problems.expect(can_be_probed, &place, || {
                    format!("the host has no address of the family of {address}; add one to [host], or leave this out")
                });
            }
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

    fn own(&mut self, name: &'t str, addresses: &[IpAddr], size: usize, report: (&Place<'_>, &mut Problems<'_>)) {
        let (place, problems) = report;
        problems.expect(!addresses.is_empty(), place, || {
            "no address; give one, or one of each family".to_owned()
        });
        one_of_each_family(addresses, place, problems);
        for (index, first) in addresses.iter().enumerate() {
            let place = place.item(index);
            self.has_ipv6 |= first.is_ipv6();
            let last = address_of_member(*first, size - 1);
            let ends = [Some(*first), last];
            if !ends.iter().all(|end| end.is_some_and(is_unicast)) {
                problems.add(&place, &not_unicast(*first, size));
                continue;
            }
            let twice = (0..size)
                .filter_map(|member| address_of_member(*first, member))
                .filter_map(|address| Some((address, self.owners.insert(address, name)?)))
                .next();
            if let Some((address, owner)) = twice {
                problems.add(
                    &place,
                    &format!("{address} is an address of {owner} already; give each its own"),
                );
            }
        }
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
pub(super) fn not_unicast(first: IpAddr, size: usize) -> String {
    let what = if size == 1 {
        format!("{first} is no address")
    } else {
        format!("{size} addresses from {first} on are not all addresses")
    };
    format!("{what} of a single node; use private ones, such as 10.10.1.11 or fd00:10:1::11")
}
