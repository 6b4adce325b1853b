//! `-I`: the interface or the address to send from.

use std::net::{IpAddr, Ipv6Addr};
use std::str::FromStr;

use super::target::is_interface_name;

/// The value of `-I` as typed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SourceSpec {
    /// `eth0`.
    Interface(String),
    /// `192.0.2.1`.
    Address(IpAddr),
    /// `fe80::1%eth0`.
    ScopedAddress(Ipv6Addr, String),
}

/// Why a text is neither.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SourceError {
    /// Not the name of any interface, nor an address.
    #[error("neither an address nor an interface name (1 to 15 characters, as 'ip link' shows them)")]
    Malformed,
    /// 0.0.0.0, `::`, multicast.
    #[error("not an address that a host can send from")]
    NotASource,
}

impl FromStr for SourceSpec {
    type Err = SourceError;

    fn from_str(text: &str) -> Result<Self, SourceError> {
        let address = text.parse::<IpAddr>().ok();
        let scoped = text
            .split_once('%')
            .and_then(|(address, zone)| Some((address.parse::<Ipv6Addr>().ok()?, zone)));
        match (address, scoped) {
            (Some(address), _) if address.is_unspecified() || address.is_multicast() => Err(SourceError::NotASource),
            (Some(address), _) => Ok(Self::Address(address)),
            (None, Some((address, _))) if !address.is_unicast_link_local() => Err(SourceError::NotASource),
            (None, Some((address, zone))) if is_interface_name(zone) => {
                Ok(Self::ScopedAddress(address, zone.to_owned()))
            }
            (None, None) if is_interface_name(text) => Ok(Self::Interface(text.to_owned())),
            (None, Some(_) | None) => Err(SourceError::Malformed),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_addresses_and_the_rest_are_interfaces() {
        let parse = |text: &str| text.parse::<SourceSpec>();
        assert_eq!(
            parse("192.0.2.1"),
            Ok(SourceSpec::Address(IpAddr::from([192, 0, 2, 1])))
        );
        assert_eq!(parse("eth0.100"), Ok(SourceSpec::Interface("eth0.100".to_owned())));
        let link_local: Ipv6Addr = "fe80::1".parse().unwrap();
        assert_eq!(
            parse("fe80::1%eth0"),
            Ok(SourceSpec::ScopedAddress(link_local, "eth0".to_owned()))
        );
        for text in ["", "sixteencharacter", "a b", "a/b", "fe80::1%", "..", "é"] {
            assert_eq!(parse(text), Err(SourceError::Malformed), "{text}");
        }
        for text in ["0.0.0.0", "::", "224.0.0.1", "ff02::1", "2001:db8::1%eth0"] {
            assert_eq!(parse(text), Err(SourceError::NotASource), "{text}");
        }
    }
}
