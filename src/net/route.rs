//! The source address that this host would use towards a target.

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::time::Duration;

use socket2::{Domain, Socket, Type};

use crate::series::PacketOptions;
use crate::sys;
use crate::units::{Mono, SeriesId};

/// Source addresses by series. A stale one would turn a change of address into loss, so every second each address in use is asked
/// whether it is still this host's, and every [`ROUTE_FRESH`] each route which address goes with it.
#[derive(Debug, Default)]
pub(super) struct Sources {
    known: HashMap<SeriesId, (IpAddr, Mono)>,
    /// When an address was last seen to be this host's.
    owned: HashMap<IpAddr, Mono>,
}

impl Sources {
    /// The source address for packets to `to`.
    ///
    /// # Errors
    /// The errno of `connect`: ENETUNREACH and the like.
    pub(super) fn of(
        &mut self,
        series: SeriesId,
        to: SocketAddr,
        packet: &PacketOptions,
        now: Mono,
    ) -> io::Result<IpAddr> {
        if let Some(source) = packet.source {
            return Ok(source);
        }
        if let Some(&(source, at)) = self.known.get(&series)
            && now.since(at) < ROUTE_FRESH
            && self.is_owned(source, now)
        {
            return Ok(source);
        }
        let source = lookup(to, packet)?;
        self.known.insert(series, (source, now));
        self.owned.insert(source, now);
        Ok(source)
    }

    /// A series sends no more.
    pub(super) fn forget(&mut self, series: SeriesId) {
        self.known.remove(&series);
    }

    /// Whether an address is this host's, as of the last second.
    fn is_owned(&mut self, source: IpAddr, now: Mono) -> bool {
        if self.owned.get(&source).is_some_and(|&at| now.since(at) < OWNED_FRESH) {
            return true;
        }
        // A link-local address can't be bound without its interface: it is looked up anew instead.
        let is_owned = UdpSocket::bind((source, 0)).is_ok();
        if is_owned {
            self.owned.insert(source, now);
        } else {
            self.owned.remove(&source);
        }
        is_owned
    }
}

/// Connecting a datagram socket sends nothing: it only chooses a route and the address that goes with it.
fn lookup(to: SocketAddr, packet: &PacketOptions) -> io::Result<IpAddr> {
    let socket = Socket::new(Domain::for_address(to), Type::DGRAM.cloexec(), None)?;
    if let Some(interface) = &packet.interface {
        sys::options::bind_to_device(std::os::fd::AsFd::as_fd(&socket), interface)?;
    }
    let mut to = to;
    to.set_port(DISCARD);
    socket.connect(&to.into())?;
    let local = socket.local_addr()?.as_socket().map(|local| local.ip());
    local.ok_or_else(|| io::Error::from(io::ErrorKind::AddrNotAvailable))
}

/// How long an address is believed to be this host's.
const OWNED_FRESH: Duration = Duration::from_secs(1);

/// How long a route is believed to go with the same address.
const ROUTE_FRESH: Duration = Duration::from_secs(10);

/// Any port but 0.
const DISCARD: u16 = 9;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::testing::{in_fresh_network, shell};

    const ANY_SOURCE: PacketOptions = PacketOptions {
        payload_bytes: 56,
        ttl: None,
        traffic_class: 0,
        interface: None,
        source: None,
    };

    fn source(to: &str, packet: &PacketOptions) -> io::Result<IpAddr> {
        let to = SocketAddr::new(to.parse().unwrap(), 0);
        Sources::default().of(SeriesId::new(0), to, packet, Mono::from_nanos(0))
    }

    #[test]
    fn towards_itself_a_host_uses_the_address_it_calls() {
        for address in ["127.0.0.1", "127.3.2.1", "::1"] {
            let found = source(address, &ANY_SOURCE).unwrap();
            // All of 127.0.0.0/8 is this host, which speaks from the first address of it.
            let expected = if address == "::1" { "::1" } else { "127.0.0.1" };
            assert_eq!(found, expected.parse::<IpAddr>().unwrap(), "towards {address}");
        }
    }

    #[test]
    fn a_source_that_was_asked_for_is_not_looked_up() {
        let asked = "192.0.2.99".parse().unwrap();
        let packet = PacketOptions {
            source: Some(asked),
            ..ANY_SOURCE
        };
        assert_eq!(source("127.0.0.1", &packet).unwrap(), asked);
    }

    #[test]
    fn without_a_route_there_is_no_source() {
        in_fresh_network(|| {
            for address in ["192.0.2.1", "2001:db8::1"] {
                let error = source(address, &ANY_SOURCE).unwrap_err();
                assert_eq!(error.raw_os_error(), Some(libc::ENETUNREACH), "{address}: {error}");
            }
        });
    }

    #[test]
    fn an_interface_that_is_not_there_is_an_error() {
        in_fresh_network(|| {
            let packet = PacketOptions {
                interface: Some("nowhere0".to_owned()),
                ..ANY_SOURCE
            };
            let error = source("127.0.0.1", &packet).unwrap_err();
            assert_eq!(error.raw_os_error(), Some(libc::ENODEV), "{error}");
        });
    }

    #[test]
    fn an_address_that_is_taken_away_is_noticed_after_a_second_and_another_route_after_ten() {
        in_fresh_network(|| {
            shell(
                "ip addr add 192.0.2.1/32 dev lo && ip addr add 192.0.2.2/32 dev lo && ip addr add 192.0.2.3/32 dev lo",
            );
            shell("ip route add 198.51.100.0/24 dev lo src 192.0.2.1");
            let to = SocketAddr::from(([198, 51, 100, 7], 0));
            let mut sources = Sources::default();
            let mut at = |series: u32, millis: u64| {
                let now = Mono::from_nanos(millis * 1_000_000);
                let found = sources.of(SeriesId::new(series), to, &ANY_SOURCE, now);
                found.unwrap().to_string()
            };
            assert_eq!(at(0, 5_000), "192.0.2.1");
            shell("ip route change 198.51.100.0/24 dev lo src 192.0.2.2");
            assert_eq!(at(0, 14_999), "192.0.2.1", "it is still this host's");
            assert_eq!(at(1, 14_999), "192.0.2.2", "series do not share theirs");
            assert_eq!(at(0, 15_000), "192.0.2.2");
            shell("ip route change 198.51.100.0/24 dev lo src 192.0.2.3 && ip addr del 192.0.2.2/32 dev lo");
            assert_eq!(at(0, 15_999), "192.0.2.2", "believed for a second");
            assert_eq!(at(0, 16_000), "192.0.2.3");
        });
    }
}
