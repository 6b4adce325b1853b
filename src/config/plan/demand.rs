//! Where packets are to leave from, and of which family they are: what the options of all probing commands ask for.

use std::net::IpAddr;

use super::{Family, PlanError};
use crate::config::source::SourceSpec;
use crate::config::surroundings::Surroundings;

/// `-I`, looked up.
pub(in crate::config) struct Source {
    /// Its name and index.
    pub(in crate::config) interface: Option<(String, u32)>,
    pub(in crate::config) address: Option<IpAddr>,
}

impl Source {
    pub(in crate::config) fn new(spec: Option<&SourceSpec>, surroundings: &Surroundings) -> Result<Self, PlanError> {
        let found = |name: &str| match (surroundings.interface_index)(name) {
            Some(index) => Ok(Some((name.to_owned(), index))),
            None => Err(PlanError::NoInterface(name.to_owned())),
        };
        match spec {
            None => Ok(Self {
                interface: None,
                address: None,
            }),
            Some(SourceSpec::Interface(name)) => Ok(Self {
                interface: found(name)?,
                address: None,
            }),
            Some(SourceSpec::Address(IpAddr::V6(v6))) if v6.is_unicast_link_local() => {
                Err(PlanError::SourceWithoutZone((*v6).into()))
            }
            Some(SourceSpec::Address(address)) => Ok(Self {
                interface: None,
                address: Some(*address),
            }),
            Some(SourceSpec::ScopedAddress(v6, name)) => Ok(Self {
                interface: found(name)?,
                address: Some((*v6).into()),
            }),
        }
    }
}

/// The family that the options ask for, and which option it was, for messages.
pub(in crate::config) struct FamilyDemand {
    pub(in crate::config) family: Family,
    pub(in crate::config) option: String,
}

impl FamilyDemand {
    /// `asked` is whether `-4` and `-6` are given; `source` is the address of `-I`.
    pub(in crate::config) fn new(asked: (bool, bool), source: Option<IpAddr>) -> Result<Self, PlanError> {
        let (family, option) = match asked {
            (true, true) => return Err(PlanError::BothFamilies),
            (true, false) => (Family::V4, "-4"),
            (false, true) => (Family::V6, "-6"),
            (false, false) => (Family::Any, ""),
        };
        match (family, source) {
            // A source address settles the family of every target.
            (Family::Any, Some(address)) => {
                let family = if address.is_ipv4() { Family::V4 } else { Family::V6 };
                Ok(Self {
                    family,
                    option: format!("-I {address}"),
                })
            }
            (_, Some(address)) if !family.admits(address) => Err(PlanError::SourceFamily {
                source_address: address,
                wanted: family.name(),
                option,
            }),
            _ => Ok(Self {
                family,
                option: option.to_owned(),
            }),
        }
    }
}
